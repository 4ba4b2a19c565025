/* differences.c - where libxl is wrong. */
#include "list.h"

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

void test_holes(void)
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

void test_unknown_connection(void)
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

void test_partial(void)
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

void test_odd_entries(void)
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
void test_new_connections(void)
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
