/*
 * faults.c - a preloaded library that makes the n-th call of one kind fail, of
 * those that certain objects make: a program's or a library's own, not those of
 * the test around it.
 *
 * In a process that tests itself:
 *     faults_arm("read", 3, EIO, "libxlchannel"); …; calls = faults_disarm();
 * In one that is started:
 *     FAULTS="read 3 5 xenchanneld,libxen" FAULTS_REPORT=FILE
 * FILE is made when the call fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char armed[16], objects[128], report[256];
static int failing_call, failing_errno;
static atomic_int calls;
static atomic_bool is_armed;

void faults_arm(const char *call, int n, int number, const char *of)
{
    snprintf(armed, sizeof armed, "%s", call);
    snprintf(objects, sizeof objects, "%s", of);
    failing_call = n;
    failing_errno = number;
    calls = 0;
    is_armed = true;
}

/* How many calls there were. */
int faults_disarm(void)
{
    is_armed = false;
    return calls;
}

__attribute__((constructor))
static void arm_by_environment(void)
{
    const char *text = getenv("FAULTS"), *file = getenv("FAULTS_REPORT");
    char call[16], of[128];
    int n, number;

    if (file)
        snprintf(report, sizeof report, "%s", file);
    if (text && sscanf(text, "%15s %d %d %127s", call, &n, &number, of) == 4)
        faults_arm(call, n, number, of);
}

/* Whether the code at an address is in one of the objects. */
static bool is_watched(const void *caller)
{
    Dl_info info;
    const char *name, *base, *end;
    size_t length;

    if (!dladdr(caller, &info) || !info.dli_fname)
        return false;
    base = strrchr(info.dli_fname, '/');
    base = base ? base + 1 : info.dli_fname;
    for (name = objects; *name; name = *end ? end + 1 : end) {
        end = strchrnul(name, ',');
        length = (size_t)(end - name);
        if (!strncmp(base, name, length))
            return true;
    }
    return false;
}

static bool fails(const char *call, const void *caller)
{
    if (!is_armed || strcmp(call, armed) || !is_watched(caller) || ++calls != failing_call)
        return false;
    if (report[0])
        syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, report, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    errno = failing_errno;
    return true;
}

/* A function of another object with the same name, as it is called: with its type. */
#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define REPLACE(call, failure, type, name, parameters, ...) \
    type name parameters \
    { \
        NEXT(name); \
        return fails(call, __builtin_return_address(0)) ? failure : next(__VA_ARGS__); \
    }

REPLACE("read", -1, ssize_t, read, (int fd, void *buffer, size_t count), fd, buffer, count)
REPLACE("read", -1, ssize_t, recv, (int fd, void *buffer, size_t count, int flags), fd, buffer, count, flags)
REPLACE("read", -1, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), fd, message, flags)
REPLACE("write", -1, ssize_t, write, (int fd, const void *buffer, size_t count), fd, buffer, count)
REPLACE("write", -1, ssize_t, writev, (int fd, const struct iovec *vector, int count), fd, vector, count)
REPLACE("write", -1, ssize_t, pwrite, (int fd, const void *buffer, size_t count, off_t at), fd, buffer, count, at)
REPLACE("send", -1, ssize_t, send, (int fd, const void *buffer, size_t count, int flags), fd, buffer, count, flags)
REPLACE("send", -1, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), fd, message, flags)
REPLACE("connect", -1, int, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t length), fd, address, length)
REPLACE("epoll_ctl", -1, int, epoll_ctl, (int poll, int operation, int fd, struct epoll_event *event), poll, operation, fd, event)
REPLACE("flock", -1, int, flock, (int fd, int operation), fd, operation)
REPLACE("rename", -1, int, rename, (const char *old, const char *new), old, new)
REPLACE("fsync", -1, int, fsync, (int fd), fd)

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define REPLACE_OPEN(name, parameters, ...) \
    int name parameters \
    { \
        NEXT(name); \
        va_list arguments; \
        mode_t mode; \
        va_start(arguments, flags); \
        mode = mode_of(flags, arguments); \
        va_end(arguments); \
        return fails("open", __builtin_return_address(0)) ? -1 : next(__VA_ARGS__, mode); \
    }

REPLACE_OPEN(open, (const char *path, int flags, ...), path, flags)
REPLACE_OPEN(openat, (int directory, const char *path, int flags, ...), directory, path, flags)

/* dlsym allocates: these are glibc's own names for the functions. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size)
{
    return fails("malloc", __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails("malloc", __builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails("malloc", __builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (fails("malloc", __builtin_return_address(0)))
        return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

REPLACE("malloc", NULL, char *, strdup, (const char *text), text)
REPLACE("malloc", NULL, char *, strndup, (const char *text, size_t count), text, count)
