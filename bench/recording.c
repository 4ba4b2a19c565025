#include "recording.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

void (*retouch)(char *bytes, size_t length);
void (*tap)(int fd, const char *bytes, size_t length);
static struct recording *recorded;              /* what is recorded now */

void put_record(int guest, int number, bool summary)
{
    char record[64], name[64], path[64];

    snprintf(record, sizeof record, "/libxl/%d/device/console/%d", guest, number);
    snprintf(name, sizeof name, "org.example.%d", number);
    snprintf(path, sizeof path, "/var/run/guests/%d/%d", guest, number);
    put(XBT_NULL, NULL, "/local/domain/0/backend/console", "%s/backend", record);
    put(XBT_NULL, NULL, "1", "%s/state", record);
    if (!number)
        return;
    put(XBT_NULL, NULL, name, "%s/name", record);
    put(XBT_NULL, NULL, "socket", "%s/connection", record);
    put(XBT_NULL, NULL, path, "%s/path", record);
    if (summary) {
        char text[160];
        snprintf(text, sizeof text, "socket\n0\n%s\n%s", name, path);
        put(XBT_NULL, NULL, text, "%s/xlchannel", record);
    }
}

/* Instead of libc's, for our library too: the program is linked with -rdynamic. */
ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    ssize_t sent;
    if (retouch)
        retouch((char *)(uintptr_t)bytes, length);
    sent = syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
    if (tap && sent > 0)
        tap(fd, bytes, (size_t)sent);
    if (recorded && sent > 0) {
        recorded->bytes = realloc(recorded->bytes, recorded->length + (size_t)sent);
        memcpy(recorded->bytes + recorded->length, bytes, (size_t)sent);
        recorded->length += (size_t)sent;
    }
    return sent;
}

/* How many whole messages there are from *next on, which moves behind them. */
static unsigned long messages(const char *bytes, size_t length, size_t *next)
{
    unsigned long count = 0;
    struct xsd_sockmsg header;
    while (*next + sizeof header <= length) {
        memcpy(&header, bytes + *next, sizeof header);
        if (*next + sizeof header + header.len > length)
            break;
        *next += sizeof header + header.len;
        count++;
    }
    return count;
}

void record(struct recording *recording, void (*work)(void))
{
    size_t next = 0;
    free(recording->bytes);
    memset(recording, 0, sizeof *recording);
    recorded = recording;
    work();
    recorded = NULL;
    recording->requests = messages(recording->bytes, recording->length, &next);
}

void replay(const struct recording *recording)
{
    static int fd = -1;
    static char buffer[1 << 20];
    unsigned long replies = 0;
    size_t sent = 0, length = 0;

    if (fd < 0) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("XENSTORED_PATH"));
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address))
            give_up("no xenstored: %s", strerror(errno));
    }
    while (replies < recording->requests) {
        size_t next = 0;
        ssize_t count;
        if (sent < recording->length) {
            count = send(fd, recording->bytes + sent, recording->length - sent, MSG_DONTWAIT);
            sent += count > 0 ? (size_t)count : 0;
        }
        count = recv(fd, buffer + length, sizeof buffer - length, sent < recording->length ? MSG_DONTWAIT : 0);
        if (count < 0 && errno == EAGAIN) {
            sched_yield();
            continue;
        }
        if (count <= 0)
            give_up("xenstored went away");
        length += (size_t)count;
        replies += messages(buffer, length, &next);
        memmove(buffer, buffer + next, length -= next);
    }
}
