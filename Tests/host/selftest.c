/* That the host without a hypervisor is a host: run by Tests/host/run .build/host/selftest. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xen/io/xs_wire.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#include "xenhost.h"

#define GUEST 1

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: failed: %s (errno %d: %s)\n",               \
                    __FILE__, __LINE__, #condition, errno, strerror(errno));    \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

#define CHECK_FAILS(call, error)        \
    do {                                \
        errno = 0;                      \
        CHECK((intptr_t)(call) <= 0);   \
        CHECK(errno == (error));        \
    } while (0)

static int readable(int fd)
{
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0);
}

static void test_libxl(void)
{
    libxl_ctx *ctx;
    int count = -1;

    CHECK(libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, NULL) == 0);
    libxl_device_channel *channels = libxl_device_channel_list(ctx, GUEST, &count);
    CHECK(count == 0);
    free(channels);     /* empty: nothing to dispose */

    uint32_t domid;
    CHECK(libxl_name_to_domid(ctx, "guest2", &domid) == 0 && domid == 2);
    char *name = libxl_domid_to_name(ctx, 0);
    CHECK(name && !strcmp(name, "Domain-0"));
    free(name);
    libxl_ctx_free(ctx);
}

/* A backend that answers each event on the port with the next number in the page, until the page says stop. */
static void serve(uint32_t ref, uint32_t remote_port)
{
    xenevtchn_handle *xce = xenevtchn_open(NULL, 0);
    xengnttab_handle *xgt = xengnttab_open(NULL, 0);

    CHECK(xce && xgt);
    volatile uint32_t *page = xengnttab_map_grant_ref(xgt, GUEST, ref, PROT_READ | PROT_WRITE);
    CHECK(page);
    int port = xenevtchn_bind_interdomain(xce, GUEST, remote_port);
    CHECK(port > 0);
    for (;;) {
        CHECK(xenevtchn_pending(xce) == port);
        CHECK(xenevtchn_unmask(xce, port) == 0);
        if (page[0] == UINT32_MAX)
            break;
        page[1] = page[0];
        CHECK(xenevtchn_notify(xce, port) == 0);
    }
    CHECK(xengnttab_unmap(xgt, (void *)page, 1) == 0);
    CHECK(xengnttab_close(xgt) == 0);
    CHECK(xenevtchn_close(xce) == 0);
}

static pid_t fork_backend(uint32_t ref, uint32_t port)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (!pid) {
        serve(ref, port);
        _exit(0);
    }
    return pid;
}

static void end_backend(pid_t pid, int expected)
{
    int status;

    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(status == expected);
}

static void exchange(xenhost_guest *guest, volatile uint32_t *page, int port, uint32_t first, uint32_t last)
{
    for (uint32_t n = first; n <= last; n++) {
        page[0] = n;
        CHECK(xenhost_notify(guest, port) == 0);
        while (page[1] != n)
            CHECK(xenhost_wait(guest, 5000) == port);
    }
}

static void await_peer(xenhost_guest *guest, int port)
{
    while (xenhost_peer(guest, port) == 0)
        usleep(1000);
    CHECK(xenhost_peer(guest, port) > 0);
}

static void test_exchange_and_killed_backends(void)
{
    xenhost_guest *guest = xenhost_guest_open(GUEST);
    uint32_t ref, n = 0;

    CHECK(guest);
    volatile uint32_t *page = xenhost_grant(guest, 0, 0, &ref);
    CHECK(page);
    int port = xenhost_alloc_unbound(guest, 0);
    CHECK(port > 0);
    CHECK(xenhost_peer(guest, port) == 0);
    CHECK(xenhost_notify(guest, port) == 0);    /* to nobody: lost */

    pid_t pid = fork_backend(ref, port);
    await_peer(guest, port);
    exchange(guest, page, port, 1, 1000);

    /* Killed, often inside a call; its successor binds to the same port at once. */
    for (n = 1001; n <= 1200; n++) {
        kill(pid, SIGKILL);
        if (n % 2)
            xenhost_notify(guest, port);
        end_backend(pid, SIGKILL);
        pid = fork_backend(ref, port);
        await_peer(guest, port);
        exchange(guest, page, port, n, n);
        page[0] = n;
        xenhost_notify(guest, port);    /* and let the next kill meet it at work */
    }

    page[0] = UINT32_MAX;
    CHECK(xenhost_notify(guest, port) == 0);
    end_backend(pid, 0);
    CHECK(xenhost_peer(guest, port) == 0);
    CHECK(xenhost_end_grant(guest, (void *)page) == 0);
    CHECK_FAILS(xenhost_end_grant(guest, (void *)page), EINVAL);
    CHECK(xenhost_close_port(guest, port) == 0);
    CHECK_FAILS(xenhost_close_port(guest, port), ENOTCONN);
    xenhost_guest_close(guest);
}

static void test_event_semantics(void)
{
    xenhost_guest *guest = xenhost_guest_open(GUEST);
    xenevtchn_handle *xce = xenevtchn_open(NULL, 0);

    CHECK(guest && xce);
    int fd = xenevtchn_fd(xce);
    int remote = xenhost_alloc_unbound(guest, 0);
    int port = xenevtchn_bind_interdomain(xce, GUEST, remote);
    CHECK(remote > 0 && port > 0);

    /* Binding signals the binder once. */
    CHECK(readable(fd) && xenevtchn_pending(xce) == port && !readable(fd));
    /* Masked until unmasked; what comes meanwhile is one event. */
    CHECK(!xenhost_notify(guest, remote) && !xenhost_notify(guest, remote) && !readable(fd));
    CHECK(!xenevtchn_unmask(xce, port) && readable(fd) && xenevtchn_pending(xce) == port && !readable(fd));
    CHECK(!xenevtchn_unmask(xce, port) && !readable(fd));
    /* Unmasking what was not reported yet reports it once. */
    CHECK(!xenhost_notify(guest, remote) && !xenevtchn_unmask(xce, port));
    CHECK(xenevtchn_pending(xce) == port && !xenevtchn_unmask(xce, port) && !readable(fd));
    /* An unbound port with an event waiting leaves nothing readable. */
    CHECK(!xenhost_notify(guest, remote) && readable(fd));
    CHECK(!xenevtchn_unbind(xce, port) && !readable(fd));
    CHECK(!xenhost_notify(guest, remote));

    /* The other end is unbound again and can be bound again, once. */
    port = xenevtchn_bind_interdomain(xce, GUEST, remote);
    CHECK(port > 0);
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, GUEST, remote), EINVAL);

    CHECK_FAILS(xenevtchn_bind_interdomain(xce, GUEST, 12345), EINVAL);
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, GUEST, 0), EINVAL);
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, GUEST, UINT32_MAX), EINVAL);
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, 2, remote), EINVAL);
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, 99, remote), ESRCH);
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, UINT32_MAX, remote), ESRCH);
    CHECK_FAILS(xenevtchn_notify(xce, remote), ENOTCONN);
    CHECK_FAILS(xenevtchn_notify(xce, UINT32_MAX), ENOTCONN);
    CHECK_FAILS(xenevtchn_unbind(xce, remote), ENOTCONN);
    int elsewhere = xenhost_alloc_unbound(guest, 2);
    CHECK(elsewhere > 0);
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, GUEST, elsewhere), EINVAL);
    CHECK_FAILS(xenhost_alloc_unbound(guest, 99), ESRCH);
    CHECK_FAILS(xenhost_guest_open(99), ESRCH);

    /* A guest that goes takes its ports along. */
    xenhost_guest_close(guest);
    CHECK(!xenevtchn_notify(xce, port));
    CHECK_FAILS(xenevtchn_bind_interdomain(xce, GUEST, remote), EINVAL);
    CHECK(!xenevtchn_close(xce));
}

static void test_many_ports(void)
{
    enum { COUNT = 1000 };
    xenhost_guest *guest = xenhost_guest_open(GUEST);
    xenevtchn_handle *xce = xenevtchn_open(NULL, 0);
    int remote[COUNT], port[COUNT], seen[COUNT] = { 0 };

    CHECK(guest && xce);
    for (int i = 0; i < COUNT; i++) {
        remote[i] = xenhost_alloc_unbound(guest, 0);
        port[i] = xenevtchn_bind_interdomain(xce, GUEST, remote[i]);
        CHECK(remote[i] > 0 && port[i] > 0);
    }
    while (readable(xenevtchn_fd(xce)))
        CHECK(!xenevtchn_unmask(xce, xenevtchn_pending(xce)));
    for (int i = 0; i < COUNT; i++)
        CHECK(!xenhost_notify(guest, remote[i]));
    while (readable(xenevtchn_fd(xce))) {
        int got = xenevtchn_pending(xce);

        for (int i = 0; i < COUNT; i++)
            seen[i] += port[i] == got;
    }
    for (int i = 0; i < COUNT; i++)
        CHECK(seen[i] == 1);
    CHECK(!xenevtchn_close(xce));
    xenhost_guest_close(guest);
}

static void test_grants(void)
{
    xenhost_guest *guest = xenhost_guest_open(GUEST);
    xengnttab_handle *xgt = xengnttab_open(NULL, 0);
    uint32_t refs[3], other;
    char *pages[3];

    CHECK(guest && xgt);
    for (int i = 0; i < 3; i++) {
        pages[i] = xenhost_grant(guest, 0, i == 2, &refs[i]);
        CHECK(pages[i]);
    }
    char *both = xengnttab_map_domain_grant_refs(xgt, 2, GUEST, refs, PROT_READ | PROT_WRITE);
    CHECK(both && both[0] == 0 && both[XC_PAGE_SIZE] == 0);
    strcpy(pages[1], "from the guest");
    strcpy(both, "from the backend");
    CHECK(!strcmp(both + XC_PAGE_SIZE, "from the guest") && !strcmp(pages[0], "from the backend"));

    CHECK_FAILS(xengnttab_map_grant_ref(xgt, GUEST, refs[2], PROT_READ | PROT_WRITE), EINVAL);
    void *readonly = xengnttab_map_grant_ref(xgt, GUEST, refs[2], PROT_READ);
    CHECK(readonly && !xengnttab_unmap(xgt, readonly, 1));

    CHECK_FAILS(xengnttab_map_grant_ref(xgt, GUEST, 4711, PROT_READ), EINVAL);
    CHECK_FAILS(xengnttab_map_grant_ref(xgt, GUEST, UINT32_MAX, PROT_READ), EINVAL);
    CHECK_FAILS(xengnttab_map_grant_ref(xgt, 2, refs[0], PROT_READ), EINVAL);
    CHECK_FAILS(xengnttab_map_grant_ref(xgt, UINT32_MAX, refs[0], PROT_READ), EINVAL);
    CHECK(xenhost_grant(guest, 2, 0, &other));
    CHECK_FAILS(xengnttab_map_grant_ref(xgt, GUEST, other, PROT_READ), EINVAL);
    CHECK_FAILS(xengnttab_unmap(xgt, both, 1), EINVAL);
    CHECK_FAILS(xengnttab_unmap(xgt, NULL, 1), EINVAL);

    /* An ended grant cannot be mapped anew; who has it mapped keeps it. */
    CHECK(!xenhost_end_grant(guest, pages[0]));
    CHECK_FAILS(xengnttab_map_grant_ref(xgt, GUEST, refs[0], PROT_READ), EINVAL);
    CHECK(!strcmp(both, "from the backend"));
    CHECK(!xengnttab_unmap(xgt, both, 2));
    CHECK(!xengnttab_close(xgt));
    xenhost_guest_close(guest);
}

/* One request over the guest's ring; returns the type of the reply and puts its text, NUL-terminated, in `reply`. */
static uint32_t ask(xenhost_guest *guest, volatile struct xenstore_domain_interface *ring, uint32_t port,
                    uint32_t type, const char *payload, uint32_t length, char *reply)
{
    struct xsd_sockmsg header = { .type = type, .len = length };
    char message[512];
    uint32_t got = 0;

    memcpy(message, &header, sizeof(header));
    memcpy(message + sizeof(header), payload, length);
    for (uint32_t i = 0; i < sizeof(header) + length; i++)
        ring->req[MASK_XENSTORE_IDX(ring->req_prod + i)] = message[i];
    __sync_synchronize();
    ring->req_prod += sizeof(header) + length;
    CHECK(!xenhost_notify(guest, port));
    do {
        while (ring->rsp_cons == ring->rsp_prod)
            CHECK(xenhost_wait(guest, 5000) == (int)port);
        __sync_synchronize();
        message[got++] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
        ring->rsp_cons++;
        memcpy(&header, message, sizeof(header));
    } while (got < sizeof(header) || got < sizeof(header) + header.len);
    xenhost_notify(guest, port);
    memcpy(reply, message + sizeof(header), header.len);
    reply[header.len] = '\0';
    return header.type;
}

static void test_guest_store_and_death(void)
{
    static const char foreign[] = "/local/domain/0/name\0mine";
    xenhost_guest *guest = xenhost_guest_open(2);
    struct xs_handle *xs = xs_open(0);
    char reply[512], **event;
    unsigned int count;
    uint32_t port;

    CHECK(guest && xs);
    volatile struct xenstore_domain_interface *ring = xenhost_guest_store(guest, &port);
    CHECK(ring);
    CHECK(ask(guest, ring, port, XS_READ, "name", sizeof("name"), reply) == XS_READ && !strcmp(reply, "guest2"));
    CHECK(ask(guest, ring, port, XS_WRITE, "data/x\0y", 8, reply) == XS_WRITE);
    CHECK(ask(guest, ring, port, XS_WRITE, foreign, sizeof(foreign) - 1, reply) == XS_ERROR &&
          !strcmp(reply, "EACCES"));

    /* xenstored notices the death of a domain by the VIRQ, and tells. */
    CHECK(xs_is_domain_introduced(xs, 2) && xs_watch(xs, "@releaseDomain", "token"));
    event = xs_read_watch(xs, &count);
    free(event);
    CHECK(!xenhost_domain_destroy(2));
    event = xs_read_watch(xs, &count);
    CHECK(event && !strcmp(event[XS_WATCH_PATH], "@releaseDomain"));
    free(event);
    CHECK(!xs_is_domain_introduced(xs, 2));
    CHECK_FAILS(xenhost_domain_destroy(2), ESRCH);
    CHECK(!readable(xenhost_fd(guest)) || xenhost_wait(guest, 0) == 0);
    xenhost_guest_close(guest);
    xs_close(xs);
}

int main(void)
{
    test_libxl();
    test_event_semantics();
    test_many_ports();
    test_grants();
    test_exchange_and_killed_backends();
    test_guest_store_and_death();
    puts("host: all tests passed");
    return 0;
}
