/*
 * recorder.c - preloaded into the daemon by bench/growth: what it sends to
 * xenstored is kept in memory that both share, in the order in which it and
 * the library sent.  It costs the daemon a copy of some bytes.
 */
#include "shared.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct shared *shared;

__attribute__((constructor)) static void open_recording(void)
{
    const char *path = getenv("GROWTH_RECORDING");
    if (path)
        shared = map_shared(path);
}

static int is_xenstored(int fd)
{
    struct sockaddr_un address = { 0 };
    socklen_t length = sizeof address - 1;
    const char *path = getenv("XENSTORED_PATH");
    return path && !getpeername(fd, (struct sockaddr *)&address, &length) && !strcmp(address.sun_path, path);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    ssize_t sent = syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
    if (shared && sent > 0 && is_xenstored(fd))
        keep(shared, 1u << 16 | (unsigned)fd, bytes, (size_t)sent);
    return sent;
}
