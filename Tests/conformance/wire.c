/*
 * wire.c - a xenstored that answers wrongly.  A process between the library and
 * the real xenstored damages the replies, from the n-th on, in one of many ways;
 * each call is made in a child, and has to end in time, without a crash, and
 * with an error where no right answer is possible.  Run it in Tests/host/run.
 */
#include "store.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <xen/io/xs_wire.h>

enum { GUEST = 1, CONNECTIONS = 64, IDS = 4096, LARGEST = 1 << 16, MOST_REPLIES = 80 };

/* ---- the ways ------------------------------------------------------------------------- */

enum fault {
    RIGHT, WATCH_EVENTS, BYTE_BY_BYTE,
    CLOSED, CLOSED_IN_HEADER, CLOSED_IN_BODY, OVERSIZED, HUGE_LENGTH, UNKNOWN_ID, WRONG_TYPE, INVALID_TYPE,
    UNKNOWN_ERROR, EMPTY_ERROR, UNTERMINATED_ERROR, UNTERMINATED, EMPTY, GARBAGE, LONG_GARBAGE, TWICE, BAD_WATCH_EVENTS,
    ENDLESS_DIRECTORY, RESTLESS_DIRECTORY, BAD_DIRECTORY_PART,
    FAULTS_AT_ONCE, SILENCE = FAULTS_AT_ONCE, TRICKLE,
};

enum outcome { FAILS, SUCCEEDS, ENDS };                /* ENDS: one or the other, the damage may be harmless */

static const struct { const char *what; enum outcome outcome; } ways[] = {
    [RIGHT] = { "right answers", SUCCEEDS },
    [WATCH_EVENTS] = { "watch events in between", SUCCEEDS },
    [BYTE_BY_BYTE] = { "replies byte by byte", SUCCEEDS },
    [CLOSED] = { "connection closed", FAILS },
    [CLOSED_IN_HEADER] = { "closed within a header", FAILS },
    [CLOSED_IN_BODY] = { "closed within a body", FAILS },
    [OVERSIZED] = { "5000 bytes", FAILS },
    [HUGE_LENGTH] = { "a length of 4 GiB", FAILS },
    [UNKNOWN_ID] = { "an unknown request id", FAILS },
    [WRONG_TYPE] = { "the type of another request", FAILS },
    [INVALID_TYPE] = { "an invalid type", FAILS },
    [UNKNOWN_ERROR] = { "an error of unknown name", ENDS },
    [EMPTY_ERROR] = { "an error without a name", ENDS },
    [UNTERMINATED_ERROR] = { "an unterminated error", ENDS },
    [UNTERMINATED] = { "unterminated strings", ENDS },
    [EMPTY] = { "empty bodies", ENDS },
    [GARBAGE] = { "garbage of the right length", ENDS },
    [LONG_GARBAGE] = { "4096 bytes of garbage", ENDS },
    [TWICE] = { "each reply twice", ENDS },
    [BAD_WATCH_EVENTS] = { "damaged watch events", ENDS },
    [ENDLESS_DIRECTORY] = { "a directory without an end", ENDS },
    [RESTLESS_DIRECTORY] = { "a directory that always changes", ENDS },
    [BAD_DIRECTORY_PART] = { "directory parts of garbage", ENDS },
    [SILENCE] = { "silence", FAILS },
    [TRICKLE] = { "a byte a second", FAILS },
};

/* What the test tells the process in between, and learns from it. */
struct control {
    _Atomic int fault, first, replies, damaged;
};

/* ---- the process in between --------------------------------------------------------------- */

struct link {
    int client, server;
    char in[LARGEST], out[LARGEST];                    /* from the server, from the client, not yet whole */
    size_t in_length, out_length;
    uint32_t type[IDS];                                /* what was asked with which id */
};

static struct link links[CONNECTIONS];

static int unix_socket(const char *path, bool listening)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (listening ? bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 16)
                  : connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void end_link(struct link *l)
{
    close(l->client), close(l->server);
    l->client = l->server = -1;
    l->in_length = l->out_length = 0;
}

static void transmit(struct link *l, const void *bytes, size_t length)
{
    if (l->client >= 0 && send(l->client, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        end_link(l);
}

static void transmit_message(struct link *l, struct xsd_sockmsg header, const char *body)
{
    transmit(l, &header, sizeof header);
    if (header.len)
        transmit(l, body, header.len);
}

static void transmit_error(struct link *l, struct xsd_sockmsg header, const char *name, size_t length)
{
    header.type = XS_ERROR, header.len = (uint32_t)length;
    transmit_message(l, header, name);
}

static void transmit_watch_event(struct link *l, const char *body, size_t length)
{
    struct xsd_sockmsg event = { .type = XS_WATCH_EVENT, .len = (uint32_t)length };
    transmit_message(l, event, body);
}

/* A part of a listing: generation, names, and no empty name, which would be the end. */
static void transmit_part(struct link *l, struct xsd_sockmsg header, int generation)
{
    char body[4000];
    size_t n = (size_t)snprintf(body, sizeof body, "%d", generation) + 1;

    while (n + 8 < sizeof body)
        n += (size_t)snprintf(body + n, sizeof body - n, "%zu", 1000 + n) + 1;
    header.type = XS_DIRECTORY_PART, header.len = (uint32_t)n;
    transmit_message(l, header, body);
}

static void damage(struct control *c, struct link *l, struct xsd_sockmsg header, char *body)
{
    static char garbage[5000];
    uint32_t asked = l->type[header.req_id % IDS];
    size_t n;

    for (n = 0; n < sizeof garbage; n++)
        garbage[n] = (char)(n * 7 + 0x83);
    c->damaged++;
    switch ((enum fault)c->fault) {
    case CLOSED:
        end_link(l);
        break;
    case CLOSED_IN_HEADER:
        transmit(l, &header, 7);
        end_link(l);
        break;
    case CLOSED_IN_BODY:
        header.len += 10;
        transmit(l, &header, sizeof header);
        transmit(l, body, header.len / 2 < header.len - 10 ? header.len / 2 : header.len - 10);
        end_link(l);
        break;
    case OVERSIZED:
        header.len = 5000;
        transmit_message(l, header, garbage);
        break;
    case HUGE_LENGTH:
        header.len = 0xffffffff;
        transmit(l, &header, sizeof header);
        transmit(l, garbage, sizeof garbage);
        break;
    case UNKNOWN_ID:
        header.req_id ^= 0x5a5a5a5a;
        transmit_message(l, header, body);
        break;
    case WRONG_TYPE:
        header.type = asked == XS_READ ? XS_GET_PERMS : XS_READ;
        transmit_message(l, header, body);
        break;
    case INVALID_TYPE:
        header.type = XS_INVALID;
        transmit_message(l, header, body);
        break;
    case UNKNOWN_ERROR: transmit_error(l, header, "EWHATEVER", 10); break;
    case EMPTY_ERROR: transmit_error(l, header, "", 0); break;
    case UNTERMINATED_ERROR: transmit_error(l, header, "EINVAL", 6); break;
    case UNTERMINATED:
        header.len -= header.len > 0;
        transmit_message(l, header, body);
        break;
    case EMPTY:
        header.len = 0;
        transmit_message(l, header, body);
        break;
    case GARBAGE:
        transmit_message(l, header, garbage);
        break;
    case LONG_GARBAGE:
        header.len = 4096;
        transmit_message(l, header, garbage);
        break;
    case TWICE:
        transmit_message(l, header, body);
        transmit_message(l, header, body);
        break;
    case WATCH_EVENTS:
        for (n = 0; n < 3; n++)
            transmit_watch_event(l, "@releaseDomain\0token", 21);
        transmit_message(l, header, body);
        break;
    case BAD_WATCH_EVENTS:
        transmit_watch_event(l, "", 0);
        transmit_watch_event(l, "no token", 8);
        transmit_watch_event(l, garbage, 4096);
        transmit_message(l, header, body);
        break;
    case BYTE_BY_BYTE:
        for (n = 0; n < sizeof header; n++)
            transmit(l, (char *)&header + n, 1);
        for (n = 0; n < header.len; n++)
            transmit(l, body + n, 1);
        break;
    case ENDLESS_DIRECTORY: case RESTLESS_DIRECTORY: case BAD_DIRECTORY_PART:
        if (asked == XS_DIRECTORY)
            transmit_error(l, header, "E2BIG", 6);
        else if (asked != XS_DIRECTORY_PART)
            transmit_message(l, header, body);
        else if (c->fault == BAD_DIRECTORY_PART)
            header.type = XS_DIRECTORY_PART, header.len = c->damaged % 2 ? 0 : 4096, transmit_message(l, header, garbage);
        else
            transmit_part(l, header, c->fault == ENDLESS_DIRECTORY ? 1 : c->damaged);
        break;
    case SILENCE:
        break;
    case TRICKLE:
        for (n = 0; n < sizeof header && l->client >= 0; n++) {
            transmit(l, (char *)&header + n, 1);
            sleep(1);
        }
        transmit(l, body, header.len);
        break;
    default:
        transmit_message(l, header, body);
    }
}

/* Whole messages out of a buffer; what is left stays. */
static void from_server(struct control *c, struct link *l)
{
    ssize_t got_now = read(l->server, l->in + l->in_length, sizeof l->in - l->in_length);
    size_t at = 0;

    if (got_now <= 0) {
        end_link(l);
        return;
    }
    l->in_length += (size_t)got_now;
    while (l->client >= 0 && l->in_length - at >= sizeof(struct xsd_sockmsg)) {
        struct xsd_sockmsg header;
        memcpy(&header, l->in + at, sizeof header);
        if (l->in_length - at - sizeof header < header.len)
            break;
        if (header.type != XS_WATCH_EVENT && c->replies++ >= c->first)
            damage(c, l, header, l->in + at + sizeof header);
        else
            transmit_message(l, header, l->in + at + sizeof header);
        at += sizeof header + header.len;
    }
    if (l->client >= 0) {
        memmove(l->in, l->in + at, l->in_length - at);
        l->in_length -= at;
    }
}

static void from_client(struct link *l)
{
    ssize_t got_now = read(l->client, l->out + l->out_length, sizeof l->out - l->out_length);
    size_t at = 0;

    if (got_now <= 0 || send(l->server, l->out + l->out_length, (size_t)got_now, MSG_NOSIGNAL) != got_now) {
        end_link(l);
        return;
    }
    l->out_length += (size_t)got_now;
    while (l->out_length - at >= sizeof(struct xsd_sockmsg)) {
        struct xsd_sockmsg header;
        memcpy(&header, l->out + at, sizeof header);
        if (l->out_length - at - sizeof header < header.len)
            break;
        l->type[header.req_id % IDS] = header.type;
        at += sizeof header + header.len;
    }
    memmove(l->out, l->out + at, l->out_length - at);
    l->out_length -= at;
}

static void stand_in_between(struct control *c, int listening, const char *real)
{
    int n;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (n = 0; n < CONNECTIONS; n++)
        links[n].client = links[n].server = -1;
    for (;;) {
        struct pollfd polled[2 * CONNECTIONS + 1];
        for (n = 0; n < CONNECTIONS; n++) {
            polled[2 * n] = (struct pollfd){ links[n].client, POLLIN, 0 };
            polled[2 * n + 1] = (struct pollfd){ links[n].server, POLLIN, 0 };
        }
        polled[2 * CONNECTIONS] = (struct pollfd){ listening, POLLIN, 0 };
        poll(polled, COUNT_OF(polled), -1);
        for (n = 0; n < CONNECTIONS; n++) {
            struct link *l = &links[n];
            if (l->client >= 0 && polled[2 * n].revents)
                from_client(l);
            if (l->client >= 0 && polled[2 * n + 1].revents)
                from_server(c, l);
        }
        if (polled[2 * CONNECTIONS].revents) {
            int client = accept(listening, NULL, NULL);
            for (n = 0; n < CONNECTIONS && links[n].client >= 0; n++)
                ;
            if (n == CONNECTIONS) {
                close(client);
                continue;
            }
            links[n].client = client;
            links[n].server = unix_socket(real, false);
            if (links[n].server < 0)
                end_link(&links[n]);
        }
    }
}

/* Starts one; path: where it listens. */
static struct control *new_liar(const char *path, const char *real)
{
    struct control *c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int listening = unix_socket(path, true);

    if (listening < 0)
        give_up("cannot listen on %s: %s", path, strerror(errno));
    fflush(stdout);
    if (fork() == 0) {
        stand_in_between(c, listening, real);
        _exit(0);
    }
    close(listening);
    return c;
}

/* ---- the calls ------------------------------------------------------------------------------ */

enum call { LIST, GETINFO, ADD, REMOVE, DESTROY, BY_NAME, CALLS };
static const char *const call_names[] = { "list", "getinfo", "add", "remove", "destroy", "look-up by name" };

enum { DID_FAIL, DID_SUCCEED, WENT_ODD };

static void seed_guest(void)
{
    struct console one = { .number = 1, .name = "one", .connection = "pty", .state = "1", .tty = "" };
    struct console two = { .number = 2, .name = "two", .connection = "socket", .path = "/two", .state = "1", .tty = "" };
    cut(XBT_NULL, "/libxl/%d/device/console", GUEST);
    cut(XBT_NULL, "/local/domain/%d/device/console", GUEST);
    cut(XBT_NULL, "/local/domain/0/backend/console/%d", GUEST);
    put_console(XBT_NULL, GUEST, &one);
    put_console(XBT_NULL, GUEST, &two);
}

/* In a child, which then ends. */
static int make_call(enum call call)
{
    libxl_device_channel c, *list;
    libxl_channelinfo info;
    int rc, num = -7, result;

    ours.device_channel_init(&c);
    switch (call) {
    case LIST:
        errno = 0;
        list = ours.device_channel_list(NULL, GUEST, &num);
        if (!list)
            return num == 0 ? DID_FAIL : WENT_ODD;
        result = num == 2 && same_text(list[0].name, "one") && same_text(list[1].name, "two") ? DID_SUCCEED : WENT_ODD;
        ours.device_channel_list_free(list, num);
        return result;
    case GETINFO:
        c.devid = 1;
        memset(&info, 0xaa, sizeof info);
        rc = ours.device_channel_getinfo(NULL, GUEST, &c, &info);
        ours.channelinfo_dispose(&info);
        break;
    case ADD:
        c.name = strdup("three");
        c.connection = LIBXL_CHANNEL_CONNECTION_PTY;
        rc = ours.device_channel_add(NULL, GUEST, &c, NULL);
        ours.device_channel_dispose(&c);
        break;
    case BY_NAME:
        rc = ours.name_to_device_channel(NULL, GUEST, "two", &c);
        ours.device_channel_dispose(&c);
        break;
    default:
        c.devid = 1;
        rc = (call == REMOVE ? ours.device_channel_remove : ours.device_channel_destroy)(NULL, GUEST, &c, NULL);
    }
    return rc > 0 ? WENT_ODD : rc ? DID_FAIL : DID_SUCCEED;
}

static pid_t start_call(enum call call, const char *path, unsigned limit)
{
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        setenv("XENSTORED_PATH", path, 1);
        alarm(limit);
        _exit(make_call(call));
    }
    return child;
}

/* Calls that wait for a backend: told garbage about its state, they wait their ten seconds. */
static bool waits(enum call call)
{
    return call == ADD || call == REMOVE;
}

static void judge(pid_t child, const struct control *c, enum call call)
{
    int status, first = c->first;
    enum fault fault;
    waitpid(child, &status, 0);
    fault = c->damaged ? (enum fault)c->fault : RIGHT;
    if (WIFSIGNALED(status)) {
        CHECK(false, "%s from reply %d on: %s %s", ways[fault].what, first, call_names[call],
              WTERMSIG(status) == SIGALRM ? "does not end" : strsignal(WTERMSIG(status)));
        return;
    }
    status = WEXITSTATUS(status);
    CHECK(ways[fault].outcome == ENDS || status == (ways[fault].outcome == FAILS ? DID_FAIL : DID_SUCCEED), "%s from reply %d on: %s %s",
          ways[fault].what, first, call_names[call], status == DID_FAIL ? "fails" : status == DID_SUCCEED ? "succeeds" : "returns nonsense");
}

static unsigned long test_waiting_calls(const char *dir, const char *real)
{
    static const int firsts[] = { 0, 1, 2, 3, 5, 8, 13, 21, 34, 55 };
    static struct { pid_t child; struct control *liar; enum call call; char path[80]; } running[FAULTS_AT_ONCE * 2 * COUNT_OF(firsts)];
    size_t count = 0, n;
    int fault, call;

    seed_guest();
    for (fault = 0; fault < FAULTS_AT_ONCE; fault++)
        for (call = 0; call < CALLS; call++)
            for (n = 0; waits((enum call)call) && ways[fault].outcome == ENDS && n < COUNT_OF(firsts); n++) {
                snprintf(running[count].path, sizeof running[count].path, "%s/w%zu", dir, count);
                running[count].liar = new_liar(running[count].path, real);
                running[count].liar->fault = fault;
                running[count].liar->first = firsts[n];
                running[count].call = (enum call)call;
                running[count].child = start_call((enum call)call, running[count].path, 60);
                count++;
            }
    for (n = 0; n < count; n++) {
        /* They get in each other's way, so any result is right; none must hang or crash. */
        int status;
        waitpid(running[n].child, &status, 0);
        CHECK(WIFEXITED(status), "%s from reply %d on: %s %s", ways[running[n].liar->fault].what, running[n].liar->first,
              call_names[running[n].call], WTERMSIG(status) == SIGALRM ? "does not end" : strsignal(WTERMSIG(status)));
        unlink(running[n].path);
    }
    seed_guest();
    return count;
}

int main(void)
{
    const char *real = getenv("XENSTORED_PATH");
    char dir[64], path[3][80];
    struct control *liar[3];
    pid_t slow[2][CALLS];
    unsigned long calls = 0, reached = 0;
    int n, call, fault;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(dir, sizeof dir, "%s/wire.XXXXXX", getenv("TMPDIR"));
    if (!real || !mkdtemp(dir))
        give_up("no XENSTORED_PATH: not in Tests/host/run?");
    load_ours();
    for (n = 0; n < 3; n++) {
        snprintf(path[n], sizeof path[n], "%s/%d", dir, n);
        liar[n] = new_liar(path[n], real);
    }
    open_store();
    seed_guest();

    /* What takes its ten seconds goes on beside the rest; these calls only read. */
    for (n = 0; n < 2; n++) {
        liar[1 + n]->fault = n ? TRICKLE : SILENCE;
        for (call = 0; call < CALLS; call++)
            slow[n][call] = call == ADD || call == REMOVE || call == DESTROY ? 0 : start_call((enum call)call, path[1 + n], 30);
    }

    for (fault = 0; fault < FAULTS_AT_ONCE; fault++)
        for (call = 0; call < CALLS; call++)
            for (n = 0; !(waits((enum call)call) && ways[fault].outcome == ENDS) && n < MOST_REPLIES; n += 1 + n / 8) {
                *liar[0] = (struct control){ .fault = fault, .first = n };
                judge(start_call((enum call)call, path[0], 15), liar[0], (enum call)call);
                calls++;
                if (call == ADD || call == REMOVE || call == DESTROY)
                    seed_guest();
                if (!liar[0]->damaged)
                    break;                             /* it takes no more replies than that */
                reached++;
            }

    /* Those that may wait, all at once, each with a liar of its own. */
    calls += test_waiting_calls(dir, real);

    for (n = 0; n < 2; n++)
        for (call = 0; call < CALLS; call++)
            if (slow[n][call])
                judge(slow[n][call], liar[1 + n], (enum call)call), calls++;
    for (n = 0; n < 3; n++)
        unlink(path[n]);
    rmdir(dir);
    printf("wire: %lu calls, %lu of them met damage\n", calls, reached);
    return finish("wire");
}
