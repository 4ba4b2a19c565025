/*
 * The host without a hypervisor: what a test uses to be a guest on it.
 *
 * libxenhost.so, preloaded by Tests/host/run, answers the calls of libxenevtchn, libxengnttab and libxenctrl that
 * xenstored, libxenlight and a backend make. Those keep their usual headers; only the functions below are new. A test
 * calls them from C, or from Python by ctypes.CDLL("libxenhost.so").
 *
 * Functions that return int or a pointer report failure as -1 or NULL and set errno.
 */
#ifndef XENHOST_H
#define XENHOST_H

#include <stdint.h>

/*
 * A guest's side of its grants and event channels, as its kernel would hold them. Several processes may open the same
 * domain. When a process ends, however it ends, its ports close as those of a dying domain do; its grants remain until
 * the domain is destroyed.
 */
typedef struct xenhost_guest xenhost_guest;

xenhost_guest *xenhost_guest_open(uint32_t domid);      /* ESRCH: there is no such domain */
void xenhost_guest_close(xenhost_guest *guest);         /* closes its ports, ends its grants */

/*
 * Grants one zeroed page to the domain `to`; stores the grant reference in *ref. Ending a grant unmaps the page here and
 * makes the reference invalid; a mapping that the peer still has keeps the old page, as Linux keeps it.
 */
void *xenhost_grant(xenhost_guest *guest, uint32_t to, int readonly, uint32_t *ref);
int xenhost_end_grant(xenhost_guest *guest, void *page);

/* Allocates an event channel that the domain `remote` may bind; returns the guest's port. */
int xenhost_alloc_unbound(xenhost_guest *guest, uint32_t remote);
int xenhost_close_port(xenhost_guest *guest, uint32_t port);
int xenhost_notify(xenhost_guest *guest, uint32_t port);

/*
 * xenhost_fd is readable while an event waits. xenhost_wait takes one: it returns the port, already acknowledged, or 0
 * when timeout_ms (-1: none) passed without an event.
 */
int xenhost_fd(xenhost_guest *guest);
int xenhost_wait(xenhost_guest *guest, int timeout_ms);

/*
 * The guest's own connection to xenstored: the page of struct xenstore_domain_interface (xen/io/xs_wire.h), and its port
 * in *port. Requests sent there have the guest's permissions and quotas; on the unix socket everybody is domain 0.
 * Page and port belong to the domain: they stay when the guest is closed. EBUSY: another process has them.
 */
void *xenhost_guest_store(xenhost_guest *guest, uint32_t *port);

/* Where the peer of this port is bound to: its port number, or 0 while nobody is. */
int xenhost_peer(xenhost_guest *guest, uint32_t port);

/*
 * The domains of the host. `run` creates those that it puts into the store; a test that destroys one sees xenstored drop
 * it and fire @releaseDomain. xenhost_domain_create returns the port of the domain's xenstore connection (for
 * XS_INTRODUCE) and stores that of its primary console in *console_port.
 */
int xenhost_domain_create(uint32_t domid, uint32_t *console_port);
int xenhost_domain_destroy(uint32_t domid);
int xenhost_domain_uuid(uint32_t domid, uint8_t uuid[16]);

/* Makes the directory $XENHOST_DIR, which must be empty, a host with domain 0 alone. */
int xenhost_create(void);

#endif
