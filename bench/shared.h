/*
 * shared.h - what several processes send to xenstored, in the order in which
 * they do: pieces one after another in a file that all of them map.
 */
#ifndef SHARED_H
#define SHARED_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SHARED_ROOM = 1 << 28 };         /* sparse */

struct piece { unsigned connection, length; };

struct shared {
    atomic_size_t length;
    char bytes[];
};

static inline struct shared *map_shared(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *memory = fd >= 0 && !ftruncate(fd, SHARED_ROOM)
        ? mmap(NULL, SHARED_ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

static inline void keep(struct shared *shared, unsigned connection, const void *bytes, size_t length)
{
    struct piece piece = { connection, (unsigned)length };
    size_t at = atomic_fetch_add(&shared->length, sizeof piece + length);
    if (at + sizeof piece + length > SHARED_ROOM - sizeof *shared)
        return;
    memcpy(shared->bytes + at, &piece, sizeof piece);
    memcpy(shared->bytes + at + sizeof piece, bytes, length);
}

#endif
