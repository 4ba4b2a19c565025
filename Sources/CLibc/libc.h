/* The C library's headers that the Swift sources use, as one module. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Declared by glibc under _GNU_SOURCE alone, which gives strerror_r another meaning. */
char *secure_getenv(const char *name);
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline);

/* The same file by a descriptor above those of the standard streams: where a
 * program has closed one, what it prints would go into the file.  Takes over
 * `descriptor`; -1 with errno, and the descriptor closed, when there is none. */
static inline int beyond_standard_streams(int descriptor)
{
    int other, number;

    if (descriptor < 0 || descriptor > STDERR_FILENO)
        return descriptor;
    other = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    number = errno;
    close(descriptor);
    errno = number;
    return other;
}

/* open is variadic, which Swift cannot call. */
static inline int open_file(int directory, const char *path, int flags, mode_t mode)
{
    return beyond_standard_streams(openat(directory, path, flags, mode));
}

/* A place among files, to go on from; nothing is opened there.  O_PATH is
 * another name that is declared under _GNU_SOURCE alone. */
static inline int open_place(int directory, const char *path, int flags)
{
    return openat(directory, path, flags | __O_PATH | O_CLOEXEC);
}

/* What fstat says of a file that is written to again and again: Swift would
 * clear all of struct stat each time. */
struct file_extent {
    off_t size;
    ino_t inode;
};

static inline int file_extent(int descriptor, struct file_extent *extent)
{
    struct stat status;

    if (fstat(descriptor, &status))
        return -1;
    extent->size = status.st_size;
    extent->inode = status.st_ino;
    return 0;
}

/* So is fcntl. */
static inline int set_nonblocking(int descriptor)
{
    return fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

/* Sends bytes with a descriptor beside them, for which C has macros that Swift
 * cannot call. Like sendmsg. */
static inline ssize_t send_with_descriptor(int socket, const void *bytes, size_t count, int descriptor)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = { (void *)bytes, count };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1,
                              .msg_control = control.space, .msg_controllen = sizeof control.space };

    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}
