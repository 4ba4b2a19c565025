/* What the backend daemon needs of Xen and of Linux, beside the C library. */
#include <xengnttab.h>
#include <xenevtchn.h>
#include <xen/io/console.h>

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <sys/ioctl.h>

/* ioctl is variadic, which Swift cannot call. These are unlockpt, and what
 * ptsname asks for: the number of a pseudo terminal's slave, /dev/pts/NUMBER. */
static inline int unlock_terminal(int master)
{
    int locked = 0;

    return ioctl(master, TIOCSPTLCK, &locked);
}

static inline int terminal_number(int master)
{
    unsigned int number;

    return ioctl(master, TIOCGPTN, &number) == 0 ? (int)number : -1;
}
