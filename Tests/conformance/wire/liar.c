/* liar.c - the process in between. */
#include "store.h"
#include "liar.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <xen/io/xs_wire.h>

enum { CONNECTIONS = 64, IDS = 4096, LARGEST = 1 << 16 };

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

struct control *new_liar(const char *path, const char *real)
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
