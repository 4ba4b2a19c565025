/* layouts.c - layouts of libxl's, which both list alike. */
#include "list.h"

unsigned long channels_compared;

/* getinfo of one channel, both ways.  wanted: the struct passed to both. */
static void compare_getinfo(const libxl_device_channel *wanted)
{
    libxl_channelinfo a, b;
    int ra, rb;

    peer.channelinfo_init(&a);                         /* libxl's getinfo does not */
    memset(&b, 0xaa, sizeof b);
    ra = peer.device_channel_getinfo(peer_ctx, GUEST, wanted, &a);
    rb = ours.device_channel_getinfo(NULL, GUEST, wanted, &b);
    CHECK(!ra == !rb, "getinfo of devid %d: %d, ours %d", wanted->devid, ra, rb);
    if (!ra && !rb) {
        CHECK(same_text(a.backend, b.backend), "backend %s, ours %s", a.backend, b.backend);
        CHECK(a.backend_id == b.backend_id, "backend_id %u, ours %u", a.backend_id, b.backend_id);
        CHECK(same_text(a.frontend, b.frontend), "frontend %s, ours %s", a.frontend, b.frontend);
        CHECK(a.frontend_id == b.frontend_id, "frontend_id %u, ours %u", a.frontend_id, b.frontend_id);
        CHECK(a.devid == b.devid, "devid %d, ours %d", a.devid, b.devid);
        CHECK(a.state == b.state, "state %d, ours %d", a.state, b.state);
        CHECK(a.evtch == b.evtch, "evtch %d, ours %d", a.evtch, b.evtch);
        CHECK(a.rref == b.rref, "rref %d, ours %d", a.rref, b.rref);
        CHECK(a.connection == b.connection, "connection %d, ours %d", a.connection, b.connection);
        CHECK(a.connection == LIBXL_CHANNEL_CONNECTION_PTY ? same_text(a.u.pty.path, b.u.pty.path) : !b.u.pty.path,
              "path %s, ours %s", a.u.pty.path, b.u.pty.path);
    }
    peer.channelinfo_dispose(&a);
    ours.channelinfo_dispose(&b);
}

static void compare_guest(const struct console *consoles, int count)
{
    int na = -7, nb, n, channels = 0;
    libxl_device_channel *a = peer.device_channel_list(peer_ctx, GUEST, &na), *b = list_ours(&nb), none;

    for (n = 0; n < count; n++)
        channels += consoles[n].name != NULL;
    CHECK(na == channels && nb == channels, "%d channels: libxl lists %d, ours %d", channels, na, nb);
    CHECK(!a == !b, "list %p, ours %p", (void *)a, (void *)b);
    for (n = 0; n < na && n < nb; n++) {
        const struct console *c = &consoles[count - channels + n];
        CHECK(same_text(a[n].name, b[n].name), "name %s, ours %s", a[n].name, b[n].name);
        CHECK(a[n].devid == b[n].devid, "devid %d, ours %d", a[n].devid, b[n].devid);
        CHECK(same_text(a[n].backend_domname, b[n].backend_domname), "backend_domname");
        CHECK(a[n].connection == b[n].connection, "connection %d, ours %d", a[n].connection, b[n].connection);
        CHECK(a[n].connection != LIBXL_CHANNEL_CONNECTION_SOCKET || same_text(a[n].u.socket.path, b[n].u.socket.path),
              "path %s, ours %s", a[n].u.socket.path, b[n].u.socket.path);
        CHECK(b[n].backend_domid == (uint32_t)c->backend, "backend_domid %u, not %d", b[n].backend_domid, c->backend);
        compare_getinfo(&a[n]);
        compare_getinfo(&b[n]);
        channels_compared++;
    }
    /* A devid that is not there, and a struct that says nothing but a devid. */
    ours.device_channel_init(&none);
    none.devid = nb + 3;
    compare_getinfo(&none);
    none.devid = 0;
    compare_getinfo(&none);
    none.connection = LIBXL_CHANNEL_CONNECTION_PTY;
    compare_getinfo(&none);

    for (n = 0; n < na; n++)
        peer.device_channel_dispose(&a[n]);
    free(a);
    ours.device_channel_list_free(b, nb);
}

void test_random_layout(void)
{
    static const char *const names[] = {
        "org.example.channel", "a", "with space", "\"quoted\"", "\xc3\xa9\xe2\x82\xac", "\xff\xfe", "tab\t", "", "pty", "0",
    };
    static const char *const paths[] = { "/var/run/channel", "/", "relative", "", "/\xff", "/a path/\"b\"" };
    static const char *const states[] = { "1", "2", "3", "4", "5", "6", NULL, "", "x", "04", " 4", "-1", "4294967297" };
    static const char *const numbers[] = {
        "8", "0", "2147483647", "4294967295", "18446744073709551616", "-5", "0x10", "", "7x", " 12", "+3", NULL, NULL,
    };
    static const char *const ttys[] = { "/dev/pts/3", "", "/dev/\xff", NULL };
    struct console consoles[10] = { { 0 } };
    char long_name[300];
    int count = 0, n, channels = (int)random_below(10);
    xs_transaction_t t;

    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    if (random_below(4)) {
        static const struct console primary = { .state = NULL, .ring_ref = "1044476", .port = "2", .tty = "/dev/pts/1" };
        consoles[count++] = primary;
    }
    for (n = 1; n <= channels; n++) {
        bool pty = random_below(2), odd = random_below(4) == 0;
        struct console c = {
            .number = n,
            .backend = random_below(3) ? 0 : 2,
            .name = random_below(12) ? ANY_OF(names) : long_name,
            .connection = pty ? "pty" : "socket",
            .path = pty ? NULL : ANY_OF(paths),
            .state = odd ? ANY_OF(states) : states[random_below(6)],
            .ring_ref = odd ? ANY_OF(numbers) : random_below(3) ? "8" : NULL,
            .port = odd ? ANY_OF(numbers) : random_below(3) ? "17" : NULL,
            .tty = ANY_OF(ttys),
        };
        consoles[count++] = c;
    }
    do {
        t = begin();
        for (n = 0; n < count; n++)
            put_console(t, GUEST, &consoles[n]);
    } while (!commit(t));
    compare_guest(consoles, count);
    clear_guest();
}

void test_no_channels(void)
{
    struct console primary = { .tty = "/dev/pts/1" };
    static const uint32_t strangers[] = { 3, 4242, 0x7fffffff, 0xffffffff };
    size_t n;
    int na, nb;

    clear_guest();
    compare_guest(NULL, 0);                            /* no console directory */
    put(XBT_NULL, NULL, "", "/libxl/%d/device/console", GUEST);
    compare_guest(NULL, 0);                            /* an empty one */
    put_console(XBT_NULL, GUEST, &primary);
    compare_guest(&primary, 1);
    clear_guest();
    for (n = 0; n < COUNT_OF(strangers); n++) {        /* domains without consoles, or no domains */
        na = nb = 5;
        CHECK(!peer.device_channel_list(peer_ctx, strangers[n], &na) && !na, "libxl: domain %u has %d", strangers[n], na);
        CHECK(!ours.device_channel_list(NULL, strangers[n], &nb) && !nb, "domain %u has %d", strangers[n], nb);
    }
}
