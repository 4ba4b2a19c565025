/*
 * guest.h - the guest's end of a console's ring, as Linux's hvc_xen drives it,
 * on the host without a hypervisor.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include "recording.h"
#include "../Tests/host/xenhost.h"

#include <xen/io/console.h>
#include <xen/io/xenbus.h>

struct guest {
    xenhost_guest *kernel;
    struct xencons_interface *ring;
    uint32_t reference, port;
};

/* A new ring of a domain, that domain 0 may map. */
struct guest open_guest(uint32_t domid);

void wait_for_state(const char *directory, const char *wanted);

/* Connects a guest's ring to the backend of one of its consoles. */
void connect_guest(const struct guest *g, int domid, int console);

/* The number in a file of the host's directory, such as a daemon's pid. */
pid_t number_in_host(const char *name);

/* Writes `total` bytes, up to `piece` at a time with a notification for each, and waits until all are taken. */
void pour(struct guest *g, size_t total, size_t piece);

#endif
