/* The C library's headers that the Swift sources use, as one module. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* open is variadic, which Swift cannot call. */
static inline int open_file(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}
