/* refusals.c - what cannot be added, and what is not there. */
#include "life.h"

void refuse(int rc_wanted, uint32_t domid, libxl_device_channel c, const char *what)
{
    char *before = whole_store();
    libxl_device_channel keep = c;
    int rc = ours.device_channel_add(NULL, domid, &c, NULL);
    CHECK(rc == rc_wanted, "%s: %d, not %d", what, rc, rc_wanted);
    CHECK(same_store(before, whole_store()), "%s changed the store", what);
    CHECK(c.name == keep.name && c.connection == keep.connection && c.u.socket.path == keep.u.socket.path && c.devid == keep.devid, "%s changed the struct", what);
    if (!rc)
        take_away(domid, c.devid, true);
    free_channel(&c);
}

static libxl_device_channel with_devid(int devid, const char *name)
{
    libxl_device_channel c = new_channel(LIBXL_CHANNEL_CONNECTION_PTY, name, NULL);
    c.devid = devid;
    return c;
}

static libxl_device_channel with_backend(uint32_t domid, const char *domname)
{
    libxl_device_channel c = new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "n", NULL);
    c.backend_domid = domid;
    c.backend_domname = domname ? strdup(domname) : NULL;
    return c;
}

void test_refusals(void)
{
    static const int strange[] = { 3, -1, 77, 0xff, 0x102, INT_MAX, INT_MIN };
    static const int none = LIBXL_CHANNEL_CONNECTION_NONE, pty = LIBXL_CHANNEL_CONNECTION_PTY,
        path = LIBXL_CHANNEL_CONNECTION_PATH, socket = LIBXL_CHANNEL_CONNECTION_SOCKET;
    char text[600], what[64];
    int c;
    size_t n;
    char *before = whole_store();

    /* names */
    refuse(ERROR_INVAL, GUEST, new_channel(pty, NULL, NULL), "no name");
    refuse(ERROR_INVAL, GUEST, new_channel(pty, "", NULL), "an empty name");
    memset(text, 'n', 257), text[257] = 0;
    refuse(ERROR_INVAL, GUEST, new_channel(pty, text, NULL), "a name of 257 bytes");
    text[256] = 0;
    c = add_one(GUEST, -1, PTY, text);
    CHECK(!take_away(GUEST, c, true), "destroy of a name of 256 bytes");
    for (c = 1; c <= 0x7f; c = c == 0x1f ? 0x7f : c + 1) {
        snprintf(text, sizeof text, "na%cme", c), snprintf(what, sizeof what, "a name with 0x%02x", (unsigned)c);
        refuse(ERROR_INVAL, GUEST, new_channel(pty, text, NULL), what);
    }
    c = add_one(GUEST, -1, SOCKET, "\xff\xfe / \"\\ \xc3\xa9 %s");           /* bytes are bytes */
    {
        libxl_device_channel found;
        CHECK(!ours.name_to_device_channel(NULL, GUEST, "\xff\xfe / \"\\ \xc3\xa9 %s", &found), "look-up of odd bytes");
        ours.device_channel_dispose(&found);
        CHECK(!take_away(GUEST, c, true), "destroy of odd bytes");
    }

    /* paths */
    refuse(ERROR_INVAL, GUEST, new_channel(socket, "n", NULL), "a socket without a path");
    refuse(ERROR_INVAL, GUEST, new_channel(path, "n", NULL), "a path without a path");
    refuse(ERROR_INVAL, GUEST, new_channel(socket, "n", ""), "a socket with an empty path");
    refuse(ERROR_INVAL, GUEST, new_channel(path, "n", ""), "a path with an empty path");
    refuse(ERROR_INVAL, GUEST, new_channel(socket, "n", "tmp/s"), "a relative socket");
    refuse(ERROR_INVAL, GUEST, new_channel(path, "n", "tmp/s"), "a relative path");
    memset(text, 'p', 300), text[0] = '/', text[108] = 0;
    refuse(ERROR_INVAL, GUEST, new_channel(socket, "n", text), "a socket of 108 bytes");
    {
        /* More than one xenstore message takes. */
        char *huge = malloc(5001);
        libxl_device_channel longest;
        memset(huge, 'p', 5000), huge[0] = '/', huge[5000] = 0;
        refuse(ERROR_INVAL, GUEST, new_channel(path, "n", huge), "a path of 5000 bytes");
        huge[3701] = 0;
        refuse(ERROR_INVAL, GUEST, new_channel(path, "n", huge), "a path of 3701 bytes");
        huge[3700] = 0;
        memset(text, 'n', 256), text[256] = 0;
        longest = new_channel(path, text, huge), longest.devid = INT_MAX - 1;
        CHECK(!ours.device_channel_add(NULL, GUEST, &longest, NULL), "the longest path and name, and the highest devid");
        CHECK(!ours.device_channel_destroy(NULL, GUEST, &longest, NULL), "destroy of them");
        free_channel(&longest);
        free(huge);
    }
    for (c = 107; c <= 300; c += 193) {
        libxl_device_channel good;
        memset(text, 'p', 300), text[0] = '/', text[c] = 0;
        good = new_channel(c == 107 ? socket : path, "n", text);
        CHECK(!ours.device_channel_add(NULL, GUEST, &good, NULL), "a path of %d bytes", c);
        CHECK(!ours.device_channel_destroy(NULL, GUEST, &good, NULL), "destroy of it");
        free_channel(&good);
    }

    /* connections */
    refuse(ERROR_INVAL, GUEST, new_channel(LIBXL_CHANNEL_CONNECTION_UNKNOWN, "n", NULL), "an unknown connection");
    for (n = 0; n < COUNT_OF(strange); n++) {
        snprintf(what, sizeof what, "connection %d", strange[n]);
        refuse(ERROR_INVAL, GUEST, new_channel(strange[n], "n", NULL), what);
    }

    /* devids */
    refuse(ERROR_INVAL, GUEST, with_devid(-2, "n"), "devid -2");
    refuse(ERROR_INVAL, GUEST, with_devid(INT_MIN, "n"), "devid INT_MIN");
    refuse(ERROR_INVAL, GUEST, with_devid(INT_MAX, "n"), "devid INT_MAX");

    /* domains */
    refuse(ERROR_DOMAIN_NOTFOUND, NO_DOMAIN, new_channel(pty, "n", NULL), "an unknown guest");
    refuse(ERROR_DOMAIN_NOTFOUND, 0xffffffff, new_channel(pty, "n", NULL), "guest ~0");
    refuse(ERROR_DOMAIN_NOTFOUND, GUEST, with_backend(NO_DOMAIN, NULL), "an unknown backend domain");
    refuse(ERROR_DOMAIN_NOTFOUND, GUEST, with_backend(0, "nobody"), "a backend of unknown name");
    refuse(ERROR_DOMAIN_NOTFOUND, GUEST, with_backend(0, "77"), "a backend of unknown number");
    refuse(ERROR_DOMAIN_NOTFOUND, GUEST, with_backend(3, "99999999999"), "a backend of a huge number");

    /* taken */
    c = add_one(GUEST, 4, PTY, "taken");
    refuse(ERROR_DEVICE_EXISTS, GUEST, new_channel(pty, "taken", NULL), "a taken name");
    refuse(ERROR_DEVICE_EXISTS, GUEST, with_devid(4, "other"), "a taken devid");
    refuse(ERROR_DEVICE_EXISTS, GUEST, with_devid(4, "taken"), "the same again");
    CHECK(!take_away(GUEST, c, true), "destroy");
    c = add_one(GUEST, -1, NONE, "taken");
    refuse(ERROR_DEVICE_EXISTS, GUEST, new_channel(path, "taken", "/p"), "a name taken by a NONE");
    refuse(ERROR_DEVICE_EXISTS, GUEST, with_devid(c, "other"), "a devid taken by a NONE");
    CHECK(!take_away(GUEST, c, true), "destroy of a NONE");

    /* a further console that is no channel */
    {
        struct console plain = { .number = 1, .state = "4", .tty = "" };
        put_console(XBT_NULL, GUEST, &plain);
        refuse(ERROR_DEVICE_EXISTS, GUEST, with_devid(0, "n"), "a devid taken by a console");
        c = add_one(GUEST, -1, PTY, "second");
        CHECK(c == 1, "devid %d beside a plain console", c);
        CHECK(!take_away(GUEST, c, true), "destroy beside a plain console");
        CHECK(take_away(GUEST, 0, true) == ERROR_NOTFOUND, "a plain console is not a channel to destroy");
        cut_console(XBT_NULL, GUEST, 0, 1);
        cut(XBT_NULL, "/local/domain/%d/device/console", GUEST);
    }

    /* The union of a PTY or a NONE has no members: whatever it holds is not looked at. */
    for (n = 0; n < 2; n++) {
        libxl_device_channel good = new_channel(n ? pty : none, "n", NULL);
        good.u.socket.path = (char *)0x10;
        CHECK(!ours.device_channel_add(NULL, GUEST, &good, NULL), "a union without members");
        CHECK(!ours.device_channel_destroy(NULL, GUEST, &good, NULL), "destroy of it");
        good.u.socket.path = NULL;
        free_channel(&good);
    }
    CHECK(same_store(before, whole_store()), "the store after all refusals");
}

void test_not_found(void)
{
    static const uint32_t domains[] = { GUEST, NO_DOMAIN };
    char *before = whole_store();
    size_t n;

    add_one(GUEST, 2, PTY, "here");
    for (n = 0; n < 2; n++) {
        int wanted = n ? ERROR_DOMAIN_NOTFOUND : ERROR_NOTFOUND, rc, destroy;
        libxl_device_channel found;
        for (destroy = 0; destroy < 2; destroy++) {
            libxl_device_channel c = new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "not here", NULL);
            rc = take_away(domains[n], 3, destroy);
            CHECK(rc == wanted, "remove of devid 3 from %u: %d", domains[n], rc);
            rc = (destroy ? ours.device_channel_destroy : ours.device_channel_remove)(NULL, domains[n], &c, NULL);
            CHECK(rc == wanted, "remove by name from %u: %d", domains[n], rc);
            free_channel(&c);
            rc = take_away(GUEST, -1, destroy);
            CHECK(rc == ERROR_INVAL || rc == ERROR_NOTFOUND, "remove of nothing in particular: %d", rc);
        }
        memset(&found, 0xaa, sizeof found);
        rc = ours.devid_to_device_channel(NULL, domains[n], 3, &found);
        CHECK(rc == wanted || rc == ERROR_NOTFOUND, "devid 3 of %u: %d", domains[n], rc);
        CHECK(found.devid == -1 && !found.name && !found.connection, "not found, yet filled");
        ours.device_channel_dispose(&found);
        memset(&found, 0xaa, sizeof found);
        rc = ours.name_to_device_channel(NULL, domains[n], "not here", &found);
        CHECK(rc == wanted || rc == ERROR_NOTFOUND, "name of %u: %d", domains[n], rc);
        CHECK(found.devid == -1 && !found.name && !found.connection, "not found, yet filled");
        ours.device_channel_dispose(&found);
    }
    CHECK(!take_away(GUEST, 2, true), "destroy");
    CHECK(take_away(GUEST, 2, true) == ERROR_NOTFOUND, "destroy twice");
    CHECK(take_away(GUEST, 2, false) == ERROR_NOTFOUND, "remove after destroy");
    CHECK(same_store(before, whole_store()), "the store after looking for what is not there");
}
