/* The machine and its domains: how a host is made, and what the toolstack asks Xen about it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "machine.h"
#include "xenhost.h"

struct hypervisor *xen;

const char *host_path(char path[PATH_MAX], const char *format, ...)
{
    const char *dir = getenv("XENHOST_DIR");
    int used = snprintf(path, PATH_MAX, "%s/", dir ? dir : "/nonexistent");
    va_list args;

    if (used >= PATH_MAX)
        return "";
    va_start(args, format);
    vsnprintf(path + used, PATH_MAX - used, format, args);
    va_end(args);
    return path;
}

int attach(void)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    char path[PATH_MAX];
    void *map;
    int fd;

    pthread_mutex_lock(&once);
    if (!xen && (fd = openat(AT_FDCWD, host_path(path, "hypervisor"), O_RDWR | O_CLOEXEC)) >= 0) {
        map = mmap(NULL, sizeof(*xen), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED)
            xen = map;
        close(fd);
    }
    pthread_mutex_unlock(&once);
    return xen ? 0 : -1;
}

bool domain_exists(uint32_t domid)
{
    return domid < DOMID_FIRST_RESERVED && xen->store_port[domid];
}

/* The domain that this process lives in. */
domid_t own_domid(void)
{
    const char *domid = getenv("XENHOST_DOMID");

    return domid ? atoi(domid) : 0;
}


/*
 * /proc/xen and /dev/xen are directories of the host. An empty file in the place of privcmd lets libxenctrl open its
 * interface; hypercalls that are not answered below then fail with ENOTTY.
 */
static int open_redirected(const char *path, int flags, mode_t mode)
{
    char redirected[PATH_MAX];

    if (path && !strncmp(path, "/proc/xen/", 10))
        path = host_path(redirected, "proc/%s", path + 10);
    else if (path && !strncmp(path, "/dev/xen/", 9))
        path = host_path(redirected, "dev/%s", path + 9);
    return openat(AT_FDCWD, path, flags, mode);
}

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...)                          \
    {                                                                   \
        mode_t mode = 0;                                                \
                                                                        \
        if (__OPEN_NEEDS_MODE(flags)) {                                 \
            va_list args;                                               \
                                                                        \
            va_start(args, flags);                                      \
            mode = va_arg(args, mode_t);                                \
            va_end(args);                                               \
        }                                                               \
        return open_redirected(path, flags, mode);                      \
    }

OPEN(open)
OPEN(open64)

int xenhost_domain_uuid(uint32_t domid, uint8_t uuid[16])
{
    if (attach())
        return -1;
    if (!domain_exists(domid))
        return fail(ESRCH);
    memcpy(uuid, xen->uuid, sizeof(xen->uuid));
    uuid[14] = domid >> 8;
    uuid[15] = domid;
    return 0;
}

static bool next_domain(uint32_t *domid)
{
    while (*domid < DOMID_FIRST_RESERVED && !xen->store_port[*domid])
        ++*domid;
    return *domid < DOMID_FIRST_RESERVED;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned int max, xc_dominfo_t *info)
{
    unsigned int n = 0;

    (void)xch;
    if (attach())
        return -1;
    for (uint32_t domid = first; n < max && next_domain(&domid); domid++, n++) {
        memset(&info[n], 0, sizeof(info[n]));
        info[n].domid = domid;
        info[n].blocked = 1;
        info[n].nr_online_vcpus = 1;
        xenhost_domain_uuid(domid, info[n].handle);
    }
    return n ? (int)n : fail(ESRCH);
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max, xc_domaininfo_t *info)
{
    unsigned int n = 0;

    (void)xch;
    if (attach())
        return -1;
    for (uint32_t domid = first; n < max && next_domain(&domid); domid++, n++) {
        memset(&info[n], 0, sizeof(info[n]));
        info[n].domain = domid;
        info[n].flags = XEN_DOMINF_blocked;
        info[n].nr_online_vcpus = 1;
        xenhost_domain_uuid(domid, info[n].handle);
    }
    return n;
}

/* For xl list. */
int xc_get_max_cpus(xc_interface *xch)
{
    (void)xch;
    return 1;
}

static int write_file(const char *name, const char *text)
{
    char path[PATH_MAX];
    int fd = openat(AT_FDCWD, host_path(path, "%s", name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0)
        return -1;
    rc = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
    close(fd);
    return rc;
}

/* The page and the port for xenstored, and those for the primary console: the two that a domain is born with. */
static int new_domain(uint32_t domid, uint32_t *console_port)
{
    struct channel channel = { .state = UNBOUND, .kernel = true, .domid = domid, .remote_domid = 0 };
    struct grant grant = { .to = 0 };
    int port;

    if (domid >= DOMID_FIRST_RESERVED)
        return fail(EINVAL);
    if (domain_exists(domid))
        return fail(EEXIST);
    if (create_grant(domid, GNTTAB_RESERVED_XENSTORE, &grant) || create_grant(domid, GNTTAB_RESERVED_CONSOLE, &grant))
        return -1;
    port = allocate_port(&channel);
    if (port < 0)
        return -1;
    if (console_port)
        *console_port = allocate_port(&channel);
    xen->store_port[domid] = port;
    return port;
}

int xenhost_create(void)
{
    static const char *const directories[] = { "evtchn", "grant", "proc", "dev" };
    char path[PATH_MAX], page[PATH_MAX], port[16];
    pthread_mutexattr_t attr;
    int fd, dom0;

    /* The longest name of a socket must fit into an address. */
    if (strlen(host_path(path, "evtchn/%u", MAX_HANDLES)) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return fail(ENAMETOOLONG);
    for (unsigned int i = 0; i < sizeof(directories) / sizeof(*directories); i++)
        if (mkdir(host_path(path, "%s", directories[i]), 0700))
            return -1;
    fd = openat(AT_FDCWD, host_path(path, "hypervisor"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, sizeof(*xen)) || attach()) {
        close(fd);
        return -1;
    }
    close(fd);

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&xen->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    /* Random, so that the files that toolstacks keep by uuid do not meet those of another host on this machine. */
    if (getrandom(xen->uuid, sizeof(xen->uuid), 0) != sizeof(xen->uuid))
        return -1;
    xen->uuid[6] = (xen->uuid[6] & 0x0f) | 0x40;
    xen->uuid[8] = (xen->uuid[8] & 0x3f) | 0x80;

    dom0 = new_domain(0, NULL);
    if (dom0 < 0)
        return -1;
    snprintf(port, sizeof(port), "%d", dom0);
    grant_path(page, 0, GNTTAB_RESERVED_XENSTORE);
    return write_file("proc/xsd_port", port) || link(page, host_path(path, "proc/xsd_kva")) ||
           write_file("proc/capabilities", "control_d\n") || write_file("dev/privcmd", "") ? -1 : 0;
}

int xenhost_domain_create(uint32_t domid, uint32_t *console_port)
{
    xenevtchn_handle *xce = open_as(0, 0);
    int port;

    if (!xce)
        return -1;
    lock(xce->fd);
    port = new_domain(domid, console_port);
    unlock();
    xenevtchn_close(xce);
    return port;
}

int xenhost_domain_destroy(uint32_t domid)
{
    xenevtchn_handle *xce = open_as(0, 0);
    char path[PATH_MAX];
    struct dirent *entry;
    unsigned int owner, ref;
    DIR *dir;

    if (!xce)
        return -1;
    lock(xce->fd);
    if (!domid || !domain_exists(domid)) {
        unlock();
        xenevtchn_close(xce);
        return fail(ESRCH);
    }
    xen->store_port[domid] = 0;
    for (unsigned int port = 1; port < MAX_PORTS; port++) {
        struct channel *channel = &xen->channels[port];

        if (channel->state != CLOSED && channel->domid == domid)
            close_channel(port);
        else if (channel->state == VIRQ && channel->remote == VIRQ_DOM_EXC)
            raise_port(xce->fd, port);
    }
    unlock();
    dir = opendir(host_path(path, "grant"));
    while (dir && (entry = readdir(dir)))
        if (sscanf(entry->d_name, "%u.%u", &owner, &ref) == 2 && owner == domid)
            end_grant(owner, ref);
    if (dir)
        closedir(dir);
    xenevtchn_close(xce);
    return 0;
}
