/*
 * main.c - a xenstored that answers wrongly.  A process between the library and
 * the real xenstored damages the replies, from the n-th on, in one of many ways;
 * each call is made in a child, and has to end in time, without a crash, and
 * with an error where no right answer is possible.  Run it in Tests/host/run.
 */
#include "store.h"
#include "liar.h"

#include <sys/wait.h>

enum { GUEST = 1, MOST_REPLIES = 80 };

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
