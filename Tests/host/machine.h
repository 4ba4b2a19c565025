/*
 * The inside of libxenhost.so, a library that is preloaded into xenstored, libxenlight's users and backends, and
 * answers what they ask of Xen. See xenhost.h for the guest's side and `run` for how a host comes to be.
 *
 * The directory $XENHOST_DIR is the machine:
 *   hypervisor     struct hypervisor, mapped by every process: the domains and their event channels
 *   evtchn/<n>     the datagram socket behind the n-th open event channel handle
 *   grant/<d>.<r>  the page that domain d granted with reference r, followed by a struct grant
 *   dev/, proc/    stand for /dev/xen and /proc/xen
 *
 * Event channels follow Xen where a caller can see it: a port is masked from being reported until it is unmasked,
 * signals in between coalesce into one, binding signals the binder once, and closing one end leaves the other unbound.
 * What the kernel does when a process dies is done here as soon as anyone meets the dead handle: its socket refuses.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

/* These names are common ones, and every program of the host has this library loaded. */
#pragma GCC visibility push(hidden)

#define MAX_PORTS   16384
#define MAX_HANDLES 2048
#define WORD_BITS   64

struct channel {
    enum { CLOSED, UNBOUND, INTERDOMAIN, VIRQ } state;
    bool kernel;            /* belongs to the domain, not to the process that has it open */
    bool masked;            /* reported and not yet unmasked */
    bool pending;           /* signalled while masked, or while no process had it open */
    domid_t domid, remote_domid;
    unsigned int owner;     /* the handle that has it open, 0 for none */
    unsigned int remote;    /* the peer's port, or the number of the VIRQ */
};

struct handle {
    bool open;
    unsigned int count;                         /* of bits set in raised */
    uint64_t raised[MAX_PORTS / WORD_BITS];     /* ports to report */
};

/*
 * Ports and handles count from 1. A port number is in use by one domain only; Xen numbers each domain's ports for
 * itself, but nobody may depend on that.
 */
struct hypervisor {
    pthread_mutex_t lock;
    uint8_t uuid[16];                           /* of the host; a domain's ends with its domid */
    unsigned int store_port[DOMID_FIRST_RESERVED];  /* 0: no such domain */
    struct channel channels[MAX_PORTS];
    struct handle handles[MAX_HANDLES];
};

struct xenevtchn_handle {
    int fd;
    domid_t domid;
    unsigned int index;     /* in hypervisor.handles */
    unsigned int next_word; /* where to look first for a raised port, so that none starves */
};

/* Follows the page in its file. */
struct grant {
    uint32_t to;
    uint32_t readonly;
};

/* One type serves both interfaces, as in xengnttab.h. */
struct xengntdev_handle {
    domid_t domid;
    /* Who has opened it: Linux before 5.5 maps for no other process. */
    pid_t pid;
    uint32_t next_ref;
    pthread_mutex_t lock;
    struct mapping *mappings;
};

static inline int fail(int error)
{
    errno = error;
    return -1;
}

/* machine.c */
extern struct hypervisor *xen;
int attach(void);       /* maps the hypervisor; before anything else, and fails outside of a host */
const char *host_path(char path[PATH_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));
bool domain_exists(uint32_t domid);
domid_t own_domid(void);

/* evtchn.c. `from` is the caller's own socket. Between lock and unlock: */
void lock(int from);
void unlock(void);
int allocate_port(const struct channel *channel);
void close_channel(unsigned int port);
void raise_port(int from, unsigned int port);
void unmask(int from, unsigned int port);
struct channel *owned(xenevtchn_handle *xce, evtchn_port_t port);
void close_handle(unsigned int index);
void reap(unsigned int index);
/* Outside: */
xenevtchn_handle *open_as(domid_t domid, unsigned int flags);

/* gnttab.c */
xengnttab_handle *open_grants(domid_t domid);
const char *grant_path(char path[PATH_MAX], uint32_t domid, uint32_t ref);
int create_grant(uint32_t domid, uint32_t ref, const struct grant *grant);
void end_grant(uint32_t domid, uint32_t ref);
void *map_pages(xengnttab_handle *xgt, uint32_t count, const uint32_t *domids, bool one_domain,
                const uint32_t *refs, int prot, uint32_t *own_refs);

#pragma GCC visibility pop

#endif
