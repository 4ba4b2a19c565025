#include "guest.h"

struct guest open_guest(uint32_t domid)
{
    struct guest g = { .kernel = xenhost_guest_open(domid) };
    if (g.kernel)
        g.ring = xenhost_grant(g.kernel, 0, 0, &g.reference);
    if (!g.ring)
        give_up("no guest %u: not in Tests/host/run?", domid);
    g.port = (uint32_t)xenhost_alloc_unbound(g.kernel, 0);
    return g;
}

void wait_for_state(const char *directory, const char *wanted)
{
    for (int tries = 0; tries < 5000; tries++) {
        char *state = got("%s/state", directory);
        bool there = state && !strcmp(state, wanted);
        free(state);
        if (there)
            return;
        usleep(1000);
    }
    give_up("%s does not come to state %s", directory, wanted);
}

void connect_guest(const struct guest *g, int domid, int console)
{
    char front[64], back[64], reference[16], port[16];

    snprintf(front, sizeof front, "/local/domain/%d/device/console/%d", domid, console);
    snprintf(back, sizeof back, "/local/domain/0/backend/console/%d/%d", domid, console);
    snprintf(reference, sizeof reference, "%u", g->reference);
    snprintf(port, sizeof port, "%u", g->port);
    wait_for_state(back, "2");
    put(XBT_NULL, NULL, reference, "%s/ring-ref", front);
    put(XBT_NULL, NULL, port, "%s/port", front);
    put(XBT_NULL, NULL, "3", "%s/state", front);
    wait_for_state(back, "4");
    put(XBT_NULL, NULL, "4", "%s/state", front);
}

pid_t number_in_host(const char *name)
{
    char path[256];
    int number = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", getenv("XENHOST_DIR"), name);
    f = fopen(path, "r");
    if (!f || fscanf(f, "%d", &number) != 1)
        give_up("cannot read %s: not in Tests/host/serve?", path);
    fclose(f);
    return number;
}

void pour(struct guest *g, size_t total, size_t piece)
{
    struct xencons_interface *ring = g->ring;
    XENCONS_RING_IDX produced = ring->out_prod;

    for (;;) {
        XENCONS_RING_IDX used = produced - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
        size_t space = sizeof ring->out - used, n, count;
        if (!total && !used)
            return;
        count = space < piece ? space : piece;
        count = count < total ? count : total;
        if (!count || space < piece / 2) {                 /* as a driver, wait for room that is worth it */
            xenhost_wait(g->kernel, 1000);
            continue;
        }
        for (n = 0; n < count; n++)
            ring->out[MASK_XENCONS_IDX(produced + n, ring->out)] = (char)('a' + (produced + n) % 26);
        produced += (XENCONS_RING_IDX)count;
        __atomic_store_n(&ring->out_prod, produced, __ATOMIC_RELEASE);
        xenhost_notify(g->kernel, g->port);
        total -= count;
    }
}
