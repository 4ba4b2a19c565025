/* The guest's side, see xenhost.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "machine.h"
#include "xenhost.h"

struct xenhost_guest {
    xenevtchn_handle *xce;
    xengntshr_handle *xgs;
};

xenhost_guest *xenhost_guest_open(uint32_t domid)
{
    xenhost_guest *guest = calloc(1, sizeof(*guest));

    if (!guest)
        return NULL;
    guest->xgs = open_grants(domid);
    guest->xce = guest->xgs ? open_as(domid, 0) : NULL;
    if (!guest->xce) {
        xengntshr_close(guest->xgs);
        free(guest);
        return NULL;
    }
    fcntl(guest->xce->fd, F_SETFL, O_NONBLOCK);
    return guest;
}

void xenhost_guest_close(xenhost_guest *guest)
{
    if (!guest)
        return;
    /* Even if a child of this process has inherited the handle. */
    lock(guest->xce->fd);
    close_handle(guest->xce->index);
    unlock();
    xenevtchn_close(guest->xce);
    xengntshr_close(guest->xgs);
    free(guest);
}

void *xenhost_grant(xenhost_guest *guest, uint32_t to, int readonly, uint32_t *ref)
{
    return xengntshr_share_pages(guest->xgs, to, 1, ref, !readonly);
}

int xenhost_end_grant(xenhost_guest *guest, void *page)
{
    return xengntshr_unshare(guest->xgs, page, 1);
}

int xenhost_alloc_unbound(xenhost_guest *guest, uint32_t remote)
{
    return xenevtchn_bind_unbound_port(guest->xce, remote);
}

int xenhost_close_port(xenhost_guest *guest, uint32_t port)
{
    return xenevtchn_unbind(guest->xce, port);
}

int xenhost_notify(xenhost_guest *guest, uint32_t port)
{
    return xenevtchn_notify(guest->xce, port);
}

int xenhost_fd(xenhost_guest *guest)
{
    return guest->xce->fd;
}

int xenhost_wait(xenhost_guest *guest, int timeout_ms)
{
    int rc = poll(&(struct pollfd){ .fd = guest->xce->fd, .events = POLLIN }, 1, timeout_ms);
    int port;

    if (rc <= 0)
        return rc;
    port = xenevtchn_pending(guest->xce);
    if (port < 0)
        return errno == EAGAIN ? 0 : -1;
    xenevtchn_unmask(guest->xce, port);
    return port;
}

int xenhost_peer(xenhost_guest *guest, uint32_t port)
{
    struct channel *channel;
    int peer = -1;

    lock(guest->xce->fd);
    channel = owned(guest->xce, port);
    if (channel && channel->state == INTERDOMAIN)
        reap(xen->channels[channel->remote].owner);
    if (channel)
        peer = channel->state == INTERDOMAIN ? (int)channel->remote : 0;
    unlock();
    return peer;
}

void *xenhost_guest_store(xenhost_guest *guest, uint32_t *port)
{
    uint32_t domid = guest->xce->domid, ref = GNTTAB_RESERVED_XENSTORE;
    struct channel *channel;
    void *page;

    lock(guest->xce->fd);
    *port = xen->store_port[domid];
    channel = &xen->channels[*port];
    reap(channel->owner);
    if (channel->owner) {
        unlock();
        errno = EBUSY;
        return NULL;
    }
    channel->owner = guest->xce->index;
    unmask(guest->xce->fd, *port);
    unlock();
    page = map_pages(guest->xgs, 1, &domid, true, &ref, PROT_READ | PROT_WRITE, NULL);
    if (!page)
        xenevtchn_unbind(guest->xce, *port);
    return page;
}
