/*
 * list.c - list and getinfo of libxlchannel against libxenlight's, on the same
 * xenstore: equal for every layout that libxl itself produces, and right where
 * libxl is wrong.  Run it in Tests/host/run.
 *
 * SEED and LAYOUTS (environment) choose the random sequence and its length.
 */
#include "store.h"

#include <pthread.h>

enum { GUEST = 1 };
static unsigned long channels_compared;

static void clear_guest(void)
{
    cut(XBT_NULL, "/libxl/%d/device/console", GUEST);
    cut(XBT_NULL, "/local/domain/%d/device/console", GUEST);
    cut(XBT_NULL, "/local/domain/0/backend/console/%d", GUEST);
    cut(XBT_NULL, "/local/domain/2/backend/console/%d", GUEST);
}

static libxl_device_channel *list_ours(int *num)
{
    libxl_device_channel *list;
    *num = -7;
    errno = EXDEV;                                     /* no error of a list */
    list = ours.device_channel_list(NULL, GUEST, num);
    CHECK(list || errno == EXDEV, "an empty list sets errno to %d", errno);
    CHECK(*num >= 0 && !list == !*num, "list %p with num %d", (void *)list, *num);
    return list;
}

static const libxl_device_channel *find(const libxl_device_channel *list, int num, int devid)
{
    int n;
    for (n = 0; n < num; n++)
        if (list[n].devid == devid)
            return &list[n];
    return NULL;
}

/* ---- layouts of libxl's --------------------------------------------------------- */

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

static void test_random_layout(void)
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

static void test_no_channels(void)
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

/* ---- where libxl is wrong ---------------------------------------------------------- */

/* How libxl's list ends, asked in a child since it may crash. */
static const char *libxl_list(void)
{
    static char text[64];
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        int num = 0;
        libxl_ctx *ctx;
        __typeof__(libxl_ctx_alloc) *ctx_alloc = symbol_of(peer.handle, peer.path, "libxl_ctx_alloc");
        if (ctx_alloc(&ctx, LIBXL_VERSION, 0, &silent_logger))
            _exit(99);
        peer.device_channel_list(ctx, GUEST, &num);
        _exit(num);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "dies by signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "lists %d", WEXITSTATUS(status));
    return text;
}

static void test_holes(void)
{
    static const int numbers[] = { 7, 2, 12, 5 };
    size_t n;
    int num;
    libxl_device_channel *list;

    for (n = 0; n < COUNT_OF(numbers); n++) {
        char name[16], port[16];
        struct console c = { .number = numbers[n], .name = name, .connection = "pty", .state = "4", .port = port, .tty = "" };
        snprintf(name, sizeof name, "hole%d", numbers[n]);
        snprintf(port, sizeof port, "%d", 100 + numbers[n]);
        put_console(XBT_NULL, GUEST, &c);
    }
    list = list_ours(&num);
    CHECK(num == (int)COUNT_OF(numbers), "%d channels", num);
    for (n = 0; n < COUNT_OF(numbers); n++) {
        const libxl_device_channel *c = find(list, num, numbers[n] - 1);
        libxl_channelinfo info;
        char name[16];
        snprintf(name, sizeof name, "hole%d", numbers[n]);
        CHECK(c && same_text(c->name, name), "console %d is not devid %d", numbers[n], numbers[n] - 1);
        if (!c)
            continue;
        CHECK(!ours.device_channel_getinfo(NULL, GUEST, c, &info) && info.evtch == 100 + numbers[n] && info.devid == c->devid,
              "getinfo of console %d", numbers[n]);
        ours.channelinfo_dispose(&info);
    }
    ours.device_channel_list_free(list, num);
    clear_guest();
}

static void test_unknown_connection(void)
{
    static const char *const connections[] = { "pty", "telepathy", "socket", "", "none", "PTY" };
    size_t n;
    int num;
    libxl_device_channel *list;

    for (n = 0; n < COUNT_OF(connections); n++) {
        struct console c = { .number = (int)n + 1, .name = "c", .connection = connections[n], .path = "/p", .state = "1", .tty = "" };
        put_console(XBT_NULL, GUEST, &c);
    }
    printf("list: a connection that libxl does not know: libxl %s, of %zu\n", libxl_list(), COUNT_OF(connections));
    list = list_ours(&num);
    CHECK(num == (int)COUNT_OF(connections), "%d channels", num);
    for (n = 0; n < COUNT_OF(connections); n++) {
        const libxl_device_channel *c = find(list, num, (int)n);
        CHECK(c && same_text(c->name, "c"), "devid %zu is missing", n);
        if (c && n < 4)
            CHECK(c->connection == (n == 0 ? LIBXL_CHANNEL_CONNECTION_PTY : n == 2 ? LIBXL_CHANNEL_CONNECTION_SOCKET : LIBXL_CHANNEL_CONNECTION_UNKNOWN),
                  "connection \"%s\" is %d", connections[n], c->connection);
    }
    ours.device_channel_list_free(list, num);
    clear_guest();
}

static void test_partial(void)
{
    struct console whole = { .number = 1, .name = "whole", .connection = "pty", .state = "1", .tty = "" };
    int num, n;
    libxl_device_channel *list;
    libxl_channelinfo info;

    put_console(XBT_NULL, GUEST, &whole);
    put(XBT_NULL, NULL, "no connection", "/libxl/%d/device/console/2/name", GUEST);
    printf("list: a name without a connection: libxl %s, of 2\n", libxl_list());
    put(XBT_NULL, NULL, "no path", "/libxl/%d/device/console/3/name", GUEST);
    put(XBT_NULL, NULL, "socket", "/libxl/%d/device/console/3/connection", GUEST);
    put(XBT_NULL, NULL, "", "/libxl/%d/device/console/4", GUEST);
    put(XBT_NULL, NULL, "pty", "/libxl/%d/device/console/5/connection", GUEST);
    put(XBT_NULL, NULL, "odd backend", "/libxl/%d/device/console/6/name", GUEST);
    put(XBT_NULL, NULL, "pty", "/libxl/%d/device/console/6/connection", GUEST);
    put(XBT_NULL, NULL, "/no/backend", "/libxl/%d/device/console/6/backend", GUEST);
    list = list_ours(&num);
    CHECK(find(list, num, 0) && same_text(find(list, num, 0)->name, "whole"), "the whole one is missing");
    CHECK(!find(list, num, 3) && !find(list, num, 4), "consoles without a name are listed");
    for (n = 0; n < num; n++) {
        int rc;
        memset(&info, 0xaa, sizeof info);
        rc = ours.device_channel_getinfo(NULL, GUEST, &list[n], &info);
        CHECK(rc <= 0 && (list[n].devid || !rc), "getinfo of devid %d: %d", list[n].devid, rc);
        ours.channelinfo_dispose(&info);
        CHECK(list[n].name, "devid %d has no name", list[n].devid);
    }
    ours.device_channel_list_free(list, num);
    clear_guest();
}

static void test_odd_entries(void)
{
    static const char *const entries[] = {
        "abc", "1x", "-1", "x1", "01", "99999999999999999999", "4294967297", "2147483648", "-", "0x2", "0",
    };
    struct console whole = { .number = 1, .name = "whole", .connection = "pty", .state = "1", .tty = "" };
    size_t n;
    int num, k;
    libxl_device_channel *list;

    put_console(XBT_NULL, GUEST, &whole);
    for (n = 0; n < COUNT_OF(entries); n++) {
        put(XBT_NULL, NULL, "odd", "/libxl/%d/device/console/%s/name", GUEST, entries[n]);
        put(XBT_NULL, NULL, "pty", "/libxl/%d/device/console/%s/connection", GUEST, entries[n]);
    }
    list = list_ours(&num);
    CHECK(num == 1 && list[0].devid == 0 && same_text(list[0].name, "whole"), "%d channels with odd directory entries", num);
    for (k = 0; k < num; k++)
        CHECK(list[k].devid >= 0, "devid %d", list[k].devid);
    ours.device_channel_list_free(list, num);
    clear_guest();
}

/* NONE and PATH are ours: libxl must not see them, and list the others. */
static void test_new_connections(void)
{
    static const struct console of_libxl[] = {
        { .number = 1, .name = "one", .connection = "pty", .state = "4", .tty = "/dev/pts/5" },
        { .number = 3, .name = "three", .connection = "socket", .path = "/s", .state = "4", .tty = "" },
    };
    static const char *const names[] = { "ours.none", "ours.path" }, *const summaries[] = {
        "none\n0\nours.none", "path\n0\nours.path\n/var/log/guest",
    };
    int na, nb, n;
    libxl_device_channel *a, *b;

    for (n = 0; n < 2; n++) {
        struct console c = { .number = 2 + 2 * n, .state = "4", .tty = "" };
        put_console(XBT_NULL, GUEST, &of_libxl[n]);
        put_console(XBT_NULL, GUEST, &c);
        put(XBT_NULL, NULL, summaries[n], "/libxl/%d/device/console/%d/xlchannel", GUEST, c.number);
    }
    a = peer.device_channel_list(peer_ctx, GUEST, &na);
    CHECK(na == 2 && same_text(a[0].name, "one") && same_text(a[1].name, "three"), "libxl lists %d", na);
    b = list_ours(&nb);
    CHECK(nb == 4, "ours lists %d", nb);
    for (n = 0; n < nb; n++) {
        static const int kinds[] = {
            LIBXL_CHANNEL_CONNECTION_PTY, LIBXL_CHANNEL_CONNECTION_NONE, LIBXL_CHANNEL_CONNECTION_SOCKET, LIBXL_CHANNEL_CONNECTION_PATH,
        };
        libxl_channelinfo info;
        const libxl_device_channel *c = find(b, nb, n);
        CHECK(c && (int)c->connection == kinds[n], "devid %d: connection 0x%x", n, c ? (unsigned)c->connection : 0);
        if (!c)
            continue;
        if (n % 2)
            CHECK(same_text(c->name, names[n / 2]), "devid %d is %s", n, c->name);
        if (n == 3)
            CHECK(same_text(c->u.socket.path, "/var/log/guest"), "path %s", c->u.socket.path);
        CHECK(!ours.device_channel_getinfo(NULL, GUEST, c, &info) && (int)info.connection == kinds[n] && info.state == 4,
              "getinfo of devid %d", n);
        ours.channelinfo_dispose(&info);
    }
    for (n = 0; n < na; n++)
        peer.device_channel_dispose(&a[n]);
    free(a);
    ours.device_channel_list_free(b, nb);
    clear_guest();
}

/* ---- all domains at once ---------------------------------------------------------------- */

enum { DOMAINS = 4, EACH = 12 };                       /* domain 4 is in /libxl alone */

/* The list of all domains is those of each, one after another. */
static void compare_host(const char *what)
{
    libxl_domain_channel *all = (void *)&all;
    int num = -7, next = 0, domid, n, rc = ours.domain_channel_list(NULL, &all, &num);

    CHECK(!rc && num >= 0 && !all == !num, "%s: list of all domains gives %d, %d at %p", what, rc, num, (void *)all);
    for (domid = 0; domid <= DOMAINS; domid++) {
        int count;
        libxl_device_channel *list = ours.device_channel_list(NULL, (uint32_t)domid, &count);
        for (n = 0; n < count; n++, next++)
            CHECK(next < num && all[next].domid == (uint32_t)domid && same_channel(&all[next].channel, &list[n]),
                  "%s: domain %d's devid %d is not number %d of all %d", what, domid, list[n].devid, next, num);
        ours.device_channel_list_free(list, count);
    }
    CHECK(next == num, "%s: %d channels of all domains, %d of each", what, num, next);
    ours.domain_channel_list_free(all, num);
}

static void test_all_domains(void)
{
    int domid, n, round;

    compare_host("no channels");
    for (round = 0; round < 20; round++) {
        for (domid = DOMAINS - 1; domid >= 1; domid--)
            for (n = EACH - 1; n >= 1; n--) {
                struct console c = { .number = n, .name = n % 5 ? "a" : NULL, .connection = n % 2 ? "pty" : "x", .tty = "" };
                if (random_below(3) == 0)
                    continue;
                c.backend = random_below(2) ? 0 : 2;
                put_console(XBT_NULL, domid, &c);
                if (n % 3 == 0)
                    put(XBT_NULL, NULL, n % 2 ? "none\n3\nname" : "nonsense", "/libxl/%d/device/console/%d/xlchannel", domid, n);
            }
        put(XBT_NULL, NULL, "", "/libxl/no-domain/device/console/1/name");
        put(XBT_NULL, NULL, "", "/libxl/4294967296/device/console/1/name");
        compare_host("random channels");
        for (domid = 1; domid < DOMAINS; domid++)
            for (n = 1; n < EACH; n++) {
                cut_console(XBT_NULL, domid, 0, n);
                cut_console(XBT_NULL, domid, 2, n);
            }
    }
    for (n = 1; n <= 2000; n++)                        /* more than one message holds */
        put(XBT_NULL, NULL, "none\n0\nmany", "/libxl/%d/device/console/%d/xlchannel", DOMAINS, n);
    compare_host("a long directory");
    cut(XBT_NULL, "/libxl/%d", DOMAINS);
    cut(XBT_NULL, "/libxl/no-domain");
    cut(XBT_NULL, "/libxl/4294967296");
    clear_guest();
    ours.domain_channel_list_free(NULL, 0);
    CHECK(ours.domain_channel_list(NULL, NULL, &n) == ERROR_INVAL, "a list of all domains into NULL");
    CHECK(ours.domain_channel_list(NULL, &(libxl_domain_channel *){ NULL }, NULL) == ERROR_INVAL, "a list of all domains without num");
}

/* ---- domains by name ------------------------------------------------------------------ */

static void test_domain_names(void)
{
    static const char *const none[] = { "nobody", "Domain-", "1x", "-1", " 1", "4294967296", "99999999999999999999" };
    static const struct { const char *name; uint32_t domid; } some[] = {
        { "Domain-0", 0 }, { "0", 0 }, { "17", 17 }, { "017", 17 }, { "4294967295", UINT32_MAX },
        { "two of a name", 2001 }, { "\xff\"", 2003 },
    };
    uint32_t domid;
    size_t n;

    put(XBT_NULL, NULL, "two of a name", "/local/domain/2002/name");
    put(XBT_NULL, NULL, "two of a name", "/local/domain/2001/name");
    put(XBT_NULL, NULL, "\xff\"", "/local/domain/2003/name");
    for (n = 0; n < COUNT_OF(some); n++) {
        domid = 4711;
        CHECK(!ours.channel_domain_qualifier_to_domid(NULL, some[n].name, &domid) && domid == some[n].domid,
              "the domid of \"%s\" is %u, not %u", some[n].name, some[n].domid, domid);
    }
    for (n = 0; n < COUNT_OF(none); n++) {
        domid = 4711;
        CHECK(ours.channel_domain_qualifier_to_domid(NULL, none[n], &domid) == ERROR_DOMAIN_NOTFOUND && domid == 4711,
              "\"%s\" is a domain", none[n]);
    }
    CHECK(ours.channel_domain_qualifier_to_domid(NULL, "", &domid) == ERROR_INVAL, "an empty name");
    CHECK(ours.channel_domain_qualifier_to_domid(NULL, NULL, &domid) == ERROR_INVAL, "no name");
    CHECK(ours.channel_domain_qualifier_to_domid(NULL, "0", NULL) == ERROR_INVAL, "a domid into NULL");
    for (n = 2001; n <= 2003; n++)
        cut(XBT_NULL, "/local/domain/%zu", n);
}

/* ---- a console that comes and goes while others list -------------------------------- */

static atomic_bool stop_coming_and_going;

static void *come_and_go(void *nothing)
{
    struct console c = { .number = 2, .name = "restless", .connection = "socket", .path = "/r", .state = "1", .tty = "" };
    (void)nothing;
    while (!stop_coming_and_going) {
        xs_transaction_t t;
        do { t = begin(); put_console(t, GUEST, &c); } while (!commit(t));
        do { t = begin(); cut_console(t, GUEST, 0, 2); } while (!commit(t));
    }
    return NULL;
}

static void test_coming_and_going(void)
{
    struct console one = { .number = 1, .name = "one", .connection = "pty", .state = "4", .tty = "" };
    struct console three = { .number = 3, .name = "three", .connection = "socket", .path = "/3", .state = "4", .tty = "" };
    pthread_t thread;
    int round, seen = 0;

    put_console(XBT_NULL, GUEST, &one);
    put_console(XBT_NULL, GUEST, &three);
    pthread_create(&thread, NULL, come_and_go, NULL);
    for (round = 0; round < 1500; round++) {
        int num;
        libxl_device_channel *list = list_ours(&num);
        const libxl_device_channel *a = find(list, num, 0), *b = find(list, num, 1), *c = find(list, num, 2);
        CHECK(a && same_text(a->name, "one") && c && same_text(c->name, "three") && num == 2 + !!b, "a lasting channel is missing, %d listed", num);
        if (b) {
            libxl_channelinfo info;
            int rc;
            seen++;
            CHECK(same_text(b->name, "restless") && b->connection == LIBXL_CHANNEL_CONNECTION_SOCKET && same_text(b->u.socket.path, "/r"),
                  "half of a channel: %s, connection %d, path %s", b->name, b->connection, b->connection == 2 ? b->u.socket.path : "");
            rc = ours.device_channel_getinfo(NULL, GUEST, b, &info);
            CHECK(rc <= 0, "getinfo %d", rc);
            ours.channelinfo_dispose(&info);
        }
        ours.device_channel_list_free(list, num);
    }
    stop_coming_and_going = true;
    pthread_join(thread, NULL);
    printf("list: a channel coming and going was seen in %d of %d lists\n", seen, round);
    clear_guest();
}

/* ---- NULL ---------------------------------------------------------------------------- */

static void test_null(void)
{
    libxl_device_channel c;
    libxl_channelinfo info;

    ours.device_channel_init(&c);
    c.devid = 0;
    CHECK(!ours.device_channel_list(NULL, GUEST, NULL), "list with num NULL");
    CHECK(ours.device_channel_getinfo(NULL, GUEST, NULL, &info) == ERROR_INVAL, "getinfo of NULL");
    CHECK(ours.device_channel_getinfo(NULL, GUEST, &c, NULL) == ERROR_INVAL, "getinfo into NULL");
}

int main(void)
{
    unsigned long layouts = number_from_env("LAYOUTS", 300), n;

    seed_random("list");
    load_ours();
    load_peer();
    open_store();
    test_no_channels();
    for (n = 0; n < layouts; n++)
        test_random_layout();
    test_holes();
    test_unknown_connection();
    test_partial();
    test_odd_entries();
    test_new_connections();
    test_all_domains();
    test_domain_names();
    test_coming_and_going();
    test_null();
    xs_close(store);
    free_peer_ctx();
    printf("list: %lu layouts, %lu channels compared\n", layouts, channels_compared);
    return finish("list");
}
