/* The calls of xenevtchn.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "machine.h"

static socklen_t handle_address(unsigned int index, struct sockaddr_un *addr)
{
    char path[PATH_MAX];

    memset(addr, 0, sizeof(*addr));
    addr->sun_family = AF_UNIX;
    /* xenhost_create has seen to it that the path fits. */
    strncpy(addr->sun_path, host_path(path, "evtchn/%u", index), sizeof(addr->sun_path) - 1);
    return sizeof(*addr);
}

static bool is_raised(const struct handle *handle, unsigned int port)
{
    return handle->raised[port / WORD_BITS] >> port % WORD_BITS & 1;
}

static void drain(int fd)
{
    char byte;

    while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
        ;
}

static void clear_raised(struct handle *handle, unsigned int port)
{
    if (is_raised(handle, port)) {
        handle->raised[port / WORD_BITS] &= ~(1ULL << port % WORD_BITS);
        handle->count--;
    }
}

void close_channel(unsigned int port)
{
    struct channel *channel = &xen->channels[port];
    struct channel *peer = &xen->channels[channel->remote];

    if (channel->owner)
        clear_raised(&xen->handles[channel->owner], port);
    if (channel->state == INTERDOMAIN && peer->state == INTERDOMAIN && peer->remote == port) {
        peer->state = UNBOUND;
        peer->remote_domid = channel->domid;
        peer->remote = 0;
    }
    memset(channel, 0, sizeof(*channel));
}

/* The process is done with this port: a port of the domain stays, with nobody listening. */
static void release_channel(unsigned int port)
{
    struct channel *channel = &xen->channels[port];
    struct handle *handle = &xen->handles[channel->owner];

    if (!channel->kernel) {
        close_channel(port);
        return;
    }
    channel->pending |= is_raised(handle, port);
    channel->masked = false;
    clear_raised(handle, port);
    channel->owner = 0;
}

void close_handle(unsigned int index)
{
    for (unsigned int port = 1; port < MAX_PORTS; port++)
        if (xen->channels[port].owner == index)
            release_channel(port);
    memset(&xen->handles[index], 0, sizeof(struct handle));
}

/*
 * Closes a handle whose process has died. Without a descriptor to ask with, the handle counts as alive: a caller at its
 * limit of descriptors must not break others.
 */
void reap(unsigned int index)
{
    struct sockaddr_un addr;
    socklen_t len = handle_address(index, &addr);
    int fd, saved = errno;

    if (index && xen->handles[index].open && (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0) {
        if (connect(fd, (struct sockaddr *)&addr, len) && (errno == ECONNREFUSED || errno == ENOENT))
            close_handle(index);
        close(fd);
    }
    errno = saved;
}

/* Makes the descriptor of handle `index` readable; `from` is the caller's own, so that this needs no new one. */
static void ring(int from, unsigned int index)
{
    struct sockaddr_un addr;
    socklen_t len = handle_address(index, &addr);
    int saved = errno;

    if (sendto(from, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0 &&
        (errno == ECONNREFUSED || errno == ENOENT))
        close_handle(index);
    errno = saved;
}

/*
 * A process that is killed while it holds the lock leaves every bit right, since each is one store, but perhaps not the
 * count or the mask that goes with it, nor its peer awake.
 */
static void recover(int from)
{
    for (unsigned int port = 1; port < MAX_PORTS; port++) {
        struct channel *channel = &xen->channels[port];

        if (channel->owner && is_raised(&xen->handles[channel->owner], port))
            channel->masked = true;
    }
    for (unsigned int index = 1; index < MAX_HANDLES; index++) {
        struct handle *handle = &xen->handles[index];

        if (!handle->open)
            continue;
        handle->count = 0;
        for (unsigned int word = 0; word < MAX_PORTS / WORD_BITS; word++)
            handle->count += __builtin_popcountll(handle->raised[word]);
        if (handle->count)
            ring(from, index);
    }
}

void lock(int from)
{
    if (pthread_mutex_lock(&xen->lock) == EOWNERDEAD) {
        recover(from);
        pthread_mutex_consistent(&xen->lock);
    }
}

void unlock(void)
{
    pthread_mutex_unlock(&xen->lock);
}

void raise_port(int from, unsigned int port)
{
    struct channel *channel = &xen->channels[port];
    struct handle *handle = &xen->handles[channel->owner];

    if (!channel->owner || channel->masked) {
        channel->pending = true;
        return;
    }
    handle->raised[port / WORD_BITS] |= 1ULL << port % WORD_BITS;
    channel->masked = true;
    if (handle->count++ == 0)
        ring(from, channel->owner);
}

void unmask(int from, unsigned int port)
{
    struct channel *channel = &xen->channels[port];

    channel->masked = false;
    if (channel->pending) {
        channel->pending = false;
        raise_port(from, port);
    }
}

/* The lowest free port, as in Xen: a number is soon used again, which shows who clings to a closed one. */
int allocate_port(const struct channel *channel)
{
    for (unsigned int port = 1; port < MAX_PORTS; port++) {
        if (xen->channels[port].state == CLOSED) {
            xen->channels[port] = *channel;
            return port;
        }
    }
    return fail(ENOSPC);
}

/* The channel, if this handle has it open. Otherwise ENOTCONN, as from the Linux driver. */
struct channel *owned(xenevtchn_handle *xce, evtchn_port_t port)
{
    if (port < MAX_PORTS && xen->channels[port].state != CLOSED && xen->channels[port].owner == xce->index)
        return &xen->channels[port];
    errno = ENOTCONN;
    return NULL;
}

static unsigned int free_handle(void)
{
    for (unsigned int index = 1; index < MAX_HANDLES; index++)
        if (!xen->handles[index].open)
            return index;
    return 0;
}

xenevtchn_handle *open_as(domid_t domid, unsigned int flags)
{
    xenevtchn_handle *xce = calloc(1, sizeof(*xce));
    struct sockaddr_un addr;
    socklen_t len;

    if (!xce || attach())
        goto free;
    xce->domid = domid;
    xce->fd = socket(AF_UNIX, SOCK_DGRAM | (flags & XENEVTCHN_NO_CLOEXEC ? 0 : SOCK_CLOEXEC), 0);
    if (xce->fd < 0)
        goto free;

    lock(xce->fd);
    if (!domain_exists(domid)) {
        errno = ESRCH;
        goto close;
    }
    xce->index = free_handle();
    if (!xce->index) {
        for (unsigned int index = 1; index < MAX_HANDLES; index++)
            reap(index);
        xce->index = free_handle();
    }
    if (!xce->index) {
        errno = ENOSPC;
        goto close;
    }
    len = handle_address(xce->index, &addr);
    unlink(addr.sun_path);
    if (bind(xce->fd, (struct sockaddr *)&addr, len))
        goto close;
    xen->handles[xce->index].open = true;
    unlock();
    return xce;

close:
    unlock();
    close(xce->fd);
free:
    free(xce);
    return NULL;
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    (void)logger;
    return open_as(own_domid(), flags);
}

int xenevtchn_close(xenevtchn_handle *xce)
{
    struct sockaddr_un addr;

    if (!xce)
        return 0;
    /*
     * A child that closes what it inherited leaves the parent's channels alone: while another process has the socket,
     * it still answers after our close.
     */
    close(xce->fd);
    handle_address(xce->index, &addr);
    xce->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    lock(xce->fd);
    reap(xce->index);
    if (!xen->handles[xce->index].open)
        unlink(addr.sun_path);
    unlock();
    close(xce->fd);
    free(xce);
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    return xce->fd;
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *xce, uint32_t domid)
{
    int port;

    lock(xce->fd);
    port = domain_exists(domid)
        ? allocate_port(&(struct channel){
              .state = UNBOUND, .owner = xce->index, .domid = xce->domid, .remote_domid = domid })
        : fail(ESRCH);
    unlock();
    return port;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote)
{
    struct channel *peer;
    int port = -1;

    lock(xce->fd);
    if (!domain_exists(domid)) {
        errno = ESRCH;
        goto out;
    }
    if (!remote || remote >= MAX_PORTS) {
        errno = EINVAL;
        goto out;
    }
    peer = &xen->channels[remote];
    if (peer->state == INTERDOMAIN)
        reap(xen->channels[peer->remote].owner);
    reap(peer->owner);
    if (peer->state != UNBOUND || peer->domid != domid || peer->remote_domid != xce->domid) {
        errno = EINVAL;
        goto out;
    }
    port = allocate_port(&(struct channel){
        .state = INTERDOMAIN, .owner = xce->index, .domid = xce->domid, .remote_domid = domid, .remote = remote });
    if (port < 0)
        goto out;
    peer->remote = port;
    peer->state = INTERDOMAIN;
    /* The peer may have signalled before anyone was bound. */
    raise_port(xce->fd, port);
out:
    unlock();
    return port;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    int port;

    lock(xce->fd);
    port = allocate_port(&(struct channel){ .state = VIRQ, .owner = xce->index, .domid = xce->domid, .remote = virq });
    unlock();
    return port;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    int rc = -1;

    lock(xce->fd);
    if (owned(xce, port)) {
        release_channel(port);
        if (!xen->handles[xce->index].count)
            drain(xce->fd);
        rc = 0;
    }
    unlock();
    return rc;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    struct channel *channel;
    int rc = -1;

    lock(xce->fd);
    channel = owned(xce, port);
    if (channel) {
        /* On an unbound port it is lost, without an error. */
        if (channel->state == INTERDOMAIN)
            raise_port(xce->fd, channel->remote);
        rc = 0;
    }
    unlock();
    return rc;
}

static unsigned int take_raised(xenevtchn_handle *xce)
{
    struct handle *handle = &xen->handles[xce->index];
    const unsigned int words = MAX_PORTS / WORD_BITS;

    if (!handle->count)     /* its channels were closed by others */
        drain(xce->fd);
    for (unsigned int i = 0; handle->count && i < words; i++) {
        unsigned int word = (xce->next_word + i) % words;

        if (handle->raised[word]) {
            unsigned int port = word * WORD_BITS + __builtin_ctzll(handle->raised[word]);

            xce->next_word = word + 1;
            clear_raised(handle, port);
            if (!handle->count)
                drain(xce->fd);
            return port;
        }
    }
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    for (;;) {
        unsigned int port;

        lock(xce->fd);
        port = take_raised(xce);
        unlock();
        if (port)
            return port;
        if (fcntl(xce->fd, F_GETFL) & O_NONBLOCK)
            return fail(EAGAIN);
        if (poll(&(struct pollfd){ .fd = xce->fd, .events = POLLIN }, 1, -1) < 0)
            return -1;
    }
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    int saved = errno;

    lock(xce->fd);
    /* The Linux driver passes over ports that it does not know, and over one that it has not reported yet. */
    if (owned(xce, port) && !is_raised(&xen->handles[xce->index], port))
        unmask(xce->fd, port);
    unlock();
    errno = saved;
    return 0;
}

/* For a daemon that replaces its own program; not here. */
xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int flags)
{
    (void)logger;
    (void)fd;
    (void)flags;
    errno = ENOSYS;
    return NULL;
}

int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid)
{
    (void)xce;
    (void)domid;
    return fail(ENOSYS);
}
