#include "pieces.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { MOST_CONNECTIONS = 64 };

/* A connection of the recording, and the one that stands for it. */
struct line {
    unsigned connection;
    int fd;
    char *rest;                 /* the beginning of a message */
    size_t length;
    unsigned transaction;       /* what the transaction under way is called now */
};

static int connect_bare(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("XENSTORED_PATH"));
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        give_up("no xenstored: %s", strerror(errno));
    return fd;
}

static void receive(int fd, void *bytes, size_t length)
{
    while (length) {
        ssize_t count = recv(fd, bytes, length, 0);
        if (count <= 0)
            give_up("xenstored went away");
        bytes = (char *)bytes + count;
        length -= (size_t)count;
    }
}

/* Sends some whole messages, and waits for as many replies; the last reply is left in `reply`. */
static void ask(int fd, const char *bytes, size_t length, unsigned count, char reply[4096])
{
    struct xsd_sockmsg header;
    size_t done = 0;

    while (count) {
        if (done < length) {
            ssize_t n = send(fd, bytes + done, length - done, MSG_DONTWAIT);
            done += n > 0 ? (size_t)n : 0;
            if (done < length && recv(fd, &header, sizeof header, MSG_PEEK | MSG_DONTWAIT) < 0)
                continue;
        }
        receive(fd, &header, sizeof header);
        receive(fd, reply, header.len);
        if (header.type != XS_WATCH_EVENT)
            count--;
    }
}

static void replay_piece(struct line *line, const char *bytes, size_t length)
{
    char reply[4096], *message, *first;
    struct xsd_sockmsg header;
    unsigned count = 0;

    line->rest = realloc(line->rest, line->length + length);
    memcpy(line->rest + line->length, bytes, length);
    line->length += length;
    first = message = line->rest;
    while ((size_t)(line->rest + line->length - message) >= sizeof header) {
        memcpy(&header, message, sizeof header);
        if ((size_t)(line->rest + line->length - message) < sizeof header + header.len)
            break;
        if (header.tx_id) {
            header.tx_id = line->transaction;
            memcpy(message, &header, sizeof header);
        }
        message += sizeof header + header.len;
        count++;
        if (header.type == XS_TRANSACTION_START) {
            ask(line->fd, first, (size_t)(message - first), count, reply);
            line->transaction = (unsigned)strtoul(reply, NULL, 10);
            first = message;
            count = 0;
        }
    }
    ask(line->fd, first, (size_t)(message - first), count, reply);
    line->length -= (size_t)(message - line->rest);
    memmove(line->rest, message, line->length);
}

/* Whether a piece begins on a new connection: the library opens one to wait on. */
static bool is_new(const char *bytes, size_t length)
{
    struct xsd_sockmsg header;
    if (length < sizeof header)
        return false;
    memcpy(&header, bytes, sizeof header);
    return header.type == XS_WATCH && length > sizeof header + header.len;
}

void send_again(const struct shared *sent, size_t start, size_t end)
{
    struct line lines[MOST_CONNECTIONS] = { 0 };
    unsigned many = 0, n;

    while (start < end) {
        struct piece piece;
        const char *bytes = sent->bytes + start + sizeof piece;
        memcpy(&piece, sent->bytes + start, sizeof piece);
        start += sizeof piece + piece.length;
        for (n = 0; n < many && lines[n].connection != piece.connection; n++)
            ;
        if (n == many) {
            if (many++ == MOST_CONNECTIONS)
                give_up("too many connections");
            lines[n] = (struct line){ .connection = piece.connection, .fd = connect_bare() };
        } else if (!(piece.connection >> 16) && is_new(bytes, piece.length)) {
            close(lines[n].fd);
            lines[n].fd = connect_bare();
            lines[n].length = 0;
        }
        replay_piece(&lines[n], bytes, piece.length);
    }
    for (n = 0; n < many; n++) {
        close(lines[n].fd);
        free(lines[n].rest);
    }
}
