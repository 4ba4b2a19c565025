/* The calls of xengnttab.h, both sides. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

struct mapping {
    struct mapping *next;
    void *addr;
    uint32_t count;
    uint32_t *refs;     /* that these pages are granted with; NULL if they are another's */
};

const char *grant_path(char path[PATH_MAX], uint32_t domid, uint32_t ref)
{
    return host_path(path, "grant/%u.%u", domid, ref);
}

int create_grant(uint32_t domid, uint32_t ref, const struct grant *grant)
{
    char path[PATH_MAX];
    int fd = openat(AT_FDCWD, grant_path(path, domid, ref), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0)
        return -1;
    rc = pwrite(fd, grant, sizeof(*grant), XC_PAGE_SIZE) == sizeof(*grant) ? 0 : -1;
    close(fd);
    if (rc)
        unlink(path);
    return rc;
}

void end_grant(uint32_t domid, uint32_t ref)
{
    char path[PATH_MAX];

    unlink(grant_path(path, domid, ref));
}

/* Puts a granted page in the place of the reserved one at `addr`, for the domain `to` or the owner itself. */
static int map_page(void *addr, uint32_t domid, uint32_t ref, int prot, domid_t to)
{
    struct grant grant;
    char path[PATH_MAX];
    int fd = openat(AT_FDCWD, grant_path(path, domid, ref), O_RDWR | O_CLOEXEC);
    void *map = MAP_FAILED;

    if (fd < 0)
        return errno == ENOENT ? fail(EINVAL) : -1;
    if (pread(fd, &grant, sizeof(grant), XC_PAGE_SIZE) == sizeof(grant) &&
        (to == domid || (to == grant.to && !(grant.readonly && prot & PROT_WRITE))))
        map = mmap(addr, XC_PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, fd, 0);
    else
        errno = EINVAL;
    close(fd);
    return map == MAP_FAILED ? -1 : 0;
}

void *map_pages(xengnttab_handle *xgt, uint32_t count, const uint32_t *domids, bool one_domain,
                       const uint32_t *refs, int prot, uint32_t *own_refs)
{
    struct mapping *mapping;
    void *addr;

    if (!count || xgt->pid != getpid()) {
        errno = EINVAL;
        return NULL;
    }
    addr = mmap(NULL, (size_t)count * XC_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (addr == MAP_FAILED)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        if (map_page((char *)addr + i * XC_PAGE_SIZE, domids[one_domain ? 0 : i], refs[i], prot, xgt->domid))
            goto unmap;
    mapping = malloc(sizeof(*mapping));
    if (!mapping)
        goto unmap;
    *mapping = (struct mapping){ .addr = addr, .count = count, .refs = own_refs };
    pthread_mutex_lock(&xgt->lock);
    mapping->next = xgt->mappings;
    xgt->mappings = mapping;
    pthread_mutex_unlock(&xgt->lock);
    return addr;

unmap:
    munmap(addr, (size_t)count * XC_PAGE_SIZE);
    return NULL;
}

static void free_mapping(xengnttab_handle *xgt, struct mapping *mapping)
{
    for (uint32_t i = 0; mapping->refs && i < mapping->count; i++)
        end_grant(xgt->domid, mapping->refs[i]);
    munmap(mapping->addr, (size_t)mapping->count * XC_PAGE_SIZE);
    free(mapping->refs);
    free(mapping);
}

xengnttab_handle *open_grants(domid_t domid)
{
    xengnttab_handle *xgt;

    if (attach())
        return NULL;
    if (!domain_exists(domid)) {
        errno = ESRCH;
        return NULL;
    }
    xgt = calloc(1, sizeof(*xgt));
    if (xgt) {
        xgt->domid = domid;
        xgt->pid = getpid();
        xgt->next_ref = GNTTAB_NR_RESERVED_ENTRIES;
        pthread_mutex_init(&xgt->lock, NULL);
    }
    return xgt;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
    (void)logger;
    (void)flags;
    return open_grants(own_domid());
}

int xengnttab_close(xengnttab_handle *xgt)
{
    struct mapping *mapping;

    if (!xgt)
        return 0;
    while ((mapping = xgt->mappings)) {
        xgt->mappings = mapping->next;
        free_mapping(xgt, mapping);
    }
    free(xgt);
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t count)
{
    (void)xgt;
    (void)count;
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    return map_pages(xgt, 1, &domid, true, &ref, prot, NULL);
}

void *xengnttab_map_grant_refs(xengnttab_handle *xgt, uint32_t count, uint32_t *domids, uint32_t *refs, int prot)
{
    return map_pages(xgt, count, domids, false, refs, prot, NULL);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *xgt, uint32_t count, uint32_t domid, uint32_t *refs, int prot)
{
    return map_pages(xgt, count, &domid, true, refs, prot, NULL);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *addr, uint32_t count)
{
    struct mapping **link, *mapping;

    pthread_mutex_lock(&xgt->lock);
    for (link = &xgt->mappings; (mapping = *link); link = &mapping->next)
        if (mapping->addr == addr && mapping->count == count)
            break;
    if (mapping)
        *link = mapping->next;
    pthread_mutex_unlock(&xgt->lock);
    if (!mapping)
        return fail(EINVAL);
    free_mapping(xgt, mapping);
    return 0;
}

xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned int flags)
{
    return xengnttab_open(logger, flags);
}

int xengntshr_close(xengntshr_handle *xgs)
{
    return xengnttab_close(xgs);
}

/* Several processes grant for one domain, so the next reference is the next that no file has. */
static int grant_any(xengntshr_handle *xgs, const struct grant *grant, uint32_t *ref)
{
    int rc;

    do {
        *ref = xgs->next_ref++;
        rc = create_grant(xgs->domid, *ref, grant);
    } while (rc && errno == EEXIST);
    return rc;
}

void *xengntshr_share_pages(xengntshr_handle *xgs, uint32_t domid, int count, uint32_t *refs, int writable)
{
    struct grant grant = { .to = domid, .readonly = !writable };
    uint32_t own = xgs->domid, *own_refs;
    void *addr = NULL;
    int granted = 0;

    if (count <= 0 || !domain_exists(domid)) {
        errno = EINVAL;
        return NULL;
    }
    own_refs = calloc(count, sizeof(*own_refs));
    while (own_refs && granted < count && !grant_any(xgs, &grant, &own_refs[granted]))
        granted++;
    if (granted == count)
        addr = map_pages(xgs, count, &own, true, own_refs, PROT_READ | PROT_WRITE, own_refs);
    if (addr) {
        memcpy(refs, own_refs, count * sizeof(*refs));
        return addr;
    }
    while (granted)
        end_grant(own, own_refs[--granted]);
    free(own_refs);
    return NULL;
}

int xengntshr_unshare(xengntshr_handle *xgs, void *addr, uint32_t count)
{
    return xengnttab_unmap(xgs, addr, count);
}

/*
 * What no program of ours calls: answered all the same, since the real functions would take our handles for theirs. The
 * notify variants work as long as no notification is wanted.
 */
void *xengnttab_map_grant_ref_notify(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot,
                                     uint32_t notify_offset, evtchn_port_t notify_port)
{
    if (notify_offset == UINT32_MAX && notify_port == UINT32_MAX)
        return xengnttab_map_grant_ref(xgt, domid, ref, prot);
    errno = ENOSYS;
    return NULL;
}

void *xengntshr_share_page_notify(xengntshr_handle *xgs, uint32_t domid, uint32_t *ref, int writable,
                                  uint32_t notify_offset, evtchn_port_t notify_port)
{
    if (notify_offset == UINT32_MAX && notify_port == UINT32_MAX)
        return xengntshr_share_pages(xgs, domid, 1, ref, writable);
    errno = ENOSYS;
    return NULL;
}

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count, xengnttab_grant_copy_segment_t *segs)
{
    (void)xgt;
    (void)count;
    (void)segs;
    return fail(ENOSYS);
}

int xengnttab_fd(xengnttab_handle *xgt)
{
    (void)xgt;
    return fail(ENOSYS);
}

int xengntshr_fd(xengntshr_handle *xgs)
{
    (void)xgs;
    return fail(ENOSYS);
}
