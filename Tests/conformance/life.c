/*
 * life.c - add, look-up, remove and destroy on a real xenstored: every node
 * and permission, every refusal, and nothing left behind.  Run it in
 * Tests/host/run, with guests 1 to 3.
 *
 * QUICK (environment) leaves out the big directory, for valgrind.
 */
#include "store.h"

enum { GUEST = 1, OTHER_GUEST = 2, DRIVER_DOMAIN = 3, NO_DOMAIN = 77 };

enum { NONE, PTY, PATH, SOCKET, KINDS };
static const struct kind { int connection; const char *name, *text, *path; } kinds[KINDS] = {
    { LIBXL_CHANNEL_CONNECTION_NONE, "org.test.none", "none", NULL },
    { LIBXL_CHANNEL_CONNECTION_PTY, "org.test.pty", "pty", NULL },
    { LIBXL_CHANNEL_CONNECTION_PATH, "org.test.path", "path", "/var/log/guest.log" },
    { LIBXL_CHANNEL_CONNECTION_SOCKET, "org.test.socket", "socket", "/tmp/chan.sock" },
};

static libxl_device_channel new_channel(int connection, const char *name, const char *path)
{
    libxl_device_channel c;
    ours.device_channel_init(&c);
    c.connection = (libxl_channel_connection)connection;
    c.name = name ? strdup(name) : NULL;
    c.u.socket.path = path ? strdup(path) : NULL;
    return c;
}

static void free_channel(libxl_device_channel *c)
{
    free(c->u.socket.path);                            /* also where it does not belong */
    c->u.socket.path = NULL;
    c->connection = LIBXL_CHANNEL_CONNECTION_UNKNOWN;
    ours.device_channel_dispose(c);
}

/* Adds, expecting success; returns the devid. */
static int add_one(uint32_t domid, int devid, int kind, const char *name)
{
    char path[600];
    libxl_device_channel c;
    int rc;
    /* Only one channel may have a file. */
    snprintf(path, sizeof path, "%s.%s", kinds[kind].path ? kinds[kind].path : "", name);
    c = new_channel(kinds[kind].connection, name, !kinds[kind].path ? NULL : kind == PATH ? path : kinds[kind].path);
    c.devid = devid;
    rc = ours.device_channel_add(NULL, domid, &c, NULL);
    CHECK(!rc, "add of %s with devid %d: %d", name, devid, rc);
    devid = c.devid;
    free_channel(&c);
    return devid;
}

static int take_away(uint32_t domid, int devid, bool destroy)
{
    libxl_device_channel c;
    int rc;
    ours.device_channel_init(&c);
    c.devid = devid;
    rc = (destroy ? ours.device_channel_destroy : ours.device_channel_remove)(NULL, domid, &c, NULL);
    ours.device_channel_dispose(&c);
    return rc;
}

/* ---- the nodes --------------------------------------------------------------------- */

/* F the front directory, B the back directory, L libxl's.  Values: $F $B the paths of
 * front and back directory, $g the guest, $b the backend domain, $n name, $c connection,
 * $p path, $s the summary for lists.  Access: G the guest's, read by the backend; B the backend's, read by the
 * guest; T the toolstack's alone. */
static const struct row { char where; const char *key, *value; char access; unsigned kinds; } expected[] = {
#define EACH (1 << NONE | 1 << PTY | 1 << PATH | 1 << SOCKET)
#define OF_LIBXL (1 << PTY | 1 << SOCKET)
#define WITH_PATH (1 << PATH | 1 << SOCKET)
    { 'F', "", "", 'G', EACH },
    { 'F', "/backend", "$B", 'G', EACH },
    { 'F', "/backend-id", "$b", 'G', EACH },
    { 'F', "/state", "1", 'G', EACH },
    { 'F', "/protocol", "vt100", 'G', EACH },
    { 'F', "/name", "$n", 'B', EACH },
    { 'F', "/limit", "1048576", 'B', EACH },
    { 'F', "/type", "xenchanneld", 'B', EACH },
    { 'F', "/output", "$o", 'B', EACH },
    { 'F', "/tty", "", 'B', EACH },
    { 'B', "", "", 'B', EACH },
    { 'B', "/frontend", "$F", 'B', EACH },
    { 'B', "/frontend-id", "$g", 'B', EACH },
    { 'B', "/online", "1", 'B', EACH },
    { 'B', "/state", "2", 'B', EACH },                 /* the backend's answer to 1 */
    { 'B', "/protocol", "vt100", 'B', EACH },
    { 'B', "/name", "$n", 'B', EACH },
    { 'B', "/connection", "$c", 'B', EACH },
    { 'B', "/path", "$p", 'B', WITH_PATH },
    { 'L', "", "", 'T', EACH },
    { 'L', "/frontend", "$F", 'T', EACH },
    { 'L', "/backend", "$B", 'T', EACH },
    { 'L', "/frontend-id", "$g", 'T', EACH },
    { 'L', "/online", "1", 'T', EACH },
    { 'L', "/state", "1", 'T', EACH },
    { 'L', "/protocol", "vt100", 'T', EACH },
    { 'L', "/name", "$n", 'T', OF_LIBXL },
    { 'L', "/connection", "$c", 'T', OF_LIBXL },
    { 'L', "/path", "$p", 'T', 1 << SOCKET },
    { 'L', "/xlchannel", "$s", 'T', EACH },
};

static void test_nodes(int kind, int backend, int number)
{
    char front[128], back[128], libxl[128], guests[16], backends[16], summary[600];
    char *output;
    struct lines want = { 0 }, have = { 0 };
    size_t n;

    front_path(front, GUEST, number);
    snprintf(back, sizeof back, "/local/domain/%d/backend/console/%d/%d", backend, GUEST, number);
    snprintf(libxl, sizeof libxl, "/libxl/%d/device/console/%d", GUEST, number);
    snprintf(guests, sizeof guests, "%d", GUEST);
    snprintf(backends, sizeof backends, "%d", backend);
    snprintf(summary, sizeof summary, "%s\\x0a%d\\x0a%s%s%s", kinds[kind].text, backend, kinds[kind].name,
             kinds[kind].path ? "\\x0a" : "", kinds[kind].path ? kinds[kind].path : "");
    output = got("%s/output", front);
    CHECK(output && (kind != PTY || !strcmp(output, "pty")), "output of a %s is \"%s\"", kinds[kind].text, output ? output : "-");
    printf("life: output of a %s, devid %d, is \"%s\"\n", kinds[kind].text, number - 1, output ? output : "-");

    for (n = 0; n < COUNT_OF(expected); n++) {
        const struct row *r = &expected[n];
        const char *value = r->value;
        char access[32], *line;
        if (!(r->kinds & 1u << kind))
            continue;
        if (value[0] == '$')
            switch (value[1]) {
            case 'F': value = front; break;
            case 'B': value = back; break;
            case 'g': value = guests; break;
            case 'b': value = backends; break;
            case 'n': value = kinds[kind].name; break;
            case 'c': value = kinds[kind].text; break;
            case 'p': value = kinds[kind].path; break;
            case 's': value = summary; break;
            case 'o': value = output ? output : ""; break;
            }
        if (r->access == 'T')
            snprintf(access, sizeof access, "n0");
        else if (r->access == 'G')
            snprintf(access, sizeof access, "n%d,r%d", GUEST, backend);
        else
            snprintf(access, sizeof access, "n%d,r%d", backend, GUEST);
        if (asprintf(&line, "%s%s = %s (%s)", r->where == 'F' ? front : r->where == 'B' ? back : libxl, r->key, value, access) < 0)
            abort();
        add_line(&want, line);
    }
    collect(&have, front);
    collect(&have, back);
    collect(&have, libxl);
    CHECK(same_store(text_of(&want), text_of(&have)), "nodes of a %s, - expected + there", kinds[kind].text);
    free(output);
}

static void test_life(void)
{
    static const int backends[] = { 0, DRIVER_DOMAIN };
    char *before = whole_store();
    size_t b;
    int kind, num, n;

    for (b = 0; b < COUNT_OF(backends); b++) {
        libxl_device_channel *list;
        for (kind = 0; kind < KINDS; kind++) {
            libxl_device_channel c = new_channel(kinds[kind].connection, kinds[kind].name, kinds[kind].path);
            int rc;
            /* The driver domain once by number, once by name, once by number as a name. */
            if (backends[b] && kind % 2 == 0)
                c.backend_domid = DRIVER_DOMAIN;
            else if (backends[b])
                c.backend_domname = strdup(kind == PTY ? "guest3" : "3");
            rc = ours.device_channel_add(NULL, GUEST, &c, NULL);
            CHECK(!rc, "add of a %s: %d", kinds[kind].text, rc);
            CHECK(c.devid == kind, "devid %d written back, not %d", c.devid, kind);
            CHECK(c.backend_domid == (uint32_t)backends[b], "backend_domid %u written back", c.backend_domid);
            CHECK(same_text(c.name, kinds[kind].name), "name changed to %s", c.name);
            test_nodes(kind, backends[b], kind + 1);
            free_channel(&c);
        }
        list = ours.device_channel_list(NULL, GUEST, &num);
        CHECK(num == KINDS, "%d listed", num);
        for (n = 0; n < num; n++) {
            const struct kind *k = &kinds[list[n].devid % KINDS];
            libxl_channelinfo info;
            libxl_device_channel found;
            CHECK((int)list[n].connection == k->connection && same_text(list[n].name, k->name)
                  && (!k->path || same_text(list[n].u.socket.path, k->path)) && list[n].backend_domid == (uint32_t)backends[b],
                  "listed devid %d: %s", list[n].devid, list[n].name);
            CHECK(!ours.device_channel_getinfo(NULL, GUEST, &list[n], &info) && info.state == 1 && info.evtch == -1 && info.rref == -1
                  && info.backend_id == (uint32_t)backends[b] && info.frontend_id == GUEST, "getinfo of %s", list[n].name);
            ours.channelinfo_dispose(&info);
            memset(&found, 0xaa, sizeof found);
            CHECK(!ours.devid_to_device_channel(NULL, GUEST, list[n].devid, &found) && same_channel(&found, &list[n]), "look-up of devid %d", list[n].devid);
            ours.device_channel_dispose(&found);
            memset(&found, 0xaa, sizeof found);
            CHECK(!ours.name_to_device_channel(NULL, GUEST, list[n].name, &found) && same_channel(&found, &list[n]), "look-up of %s", list[n].name);
            ours.device_channel_dispose(&found);
        }
        /* By devid, by name, and as listed; the other guest has its own devids. */
        CHECK(add_one(OTHER_GUEST, -1, PTY, kinds[PTY].name) == 0, "devid of the other guest");
        CHECK(!take_away(GUEST, 0, b), "remove of devid 0");
        {
            libxl_device_channel c = new_channel(LIBXL_CHANNEL_CONNECTION_UNKNOWN, kinds[PTY].name, NULL);
            int rc = (b ? ours.device_channel_destroy : ours.device_channel_remove)(NULL, GUEST, &c, NULL);
            CHECK(!rc, "remove by name: %d", rc);
            free_channel(&c);
        }
        for (n = 0; n < num; n++)
            if (list[n].devid >= 2)
                CHECK(!(b ? ours.device_channel_destroy : ours.device_channel_remove)(NULL, GUEST, &list[n], NULL), "remove of %s", list[n].name);
        ours.device_channel_list_free(list, num);
        CHECK(!ours.device_channel_list(NULL, GUEST, &num) && num == 0, "%d left", num);
        CHECK(!take_away(OTHER_GUEST, 0, !b), "remove from the other guest");
        CHECK(same_store(strdup(before), whole_store()), "the store after a life with backend %d", backends[b]);
    }
    free(before);
}

/* ---- refusals ------------------------------------------------------------------------- */

/* An add that fails with rc, and changes neither the store nor the struct's strings. */
static void refuse(int rc_wanted, uint32_t domid, libxl_device_channel c, const char *what)
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

static void test_refusals(void)
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

static void test_not_found(void)
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

/* ---- devids ---------------------------------------------------------------------------- */

static void test_devids(void)
{
    char *before = whole_store(), name[32];
    int n, devid, wanted = 0;

    for (n = 0; n < 30; n++, wanted++) {
        if (wanted % 10 == 9)                          /* its console number ends in 0 */
            wanted++;
        snprintf(name, sizeof name, "channel %d", n);
        devid = add_one(GUEST, -1, n % KINDS, name);
        CHECK(devid == wanted, "channel %d got devid %d, not %d", n, devid, wanted);
    }
    CHECK(!take_away(GUEST, 12, false) && !take_away(GUEST, 3, true), "making holes");
    devid = add_one(GUEST, -1, PTY, "in the first hole");
    CHECK(devid == 3, "devid %d, not 3", devid);
    devid = add_one(GUEST, -1, PTY, "in the second hole");
    CHECK(devid == 12, "devid %d, not 12", devid);
    CHECK(add_one(GUEST, 9, PTY, "asked for 9") == 9, "devid 9");
    CHECK(add_one(GUEST, 200, PTY, "asked for 200") == 200, "devid 200");
    {
        int num;
        libxl_device_channel *list = ours.device_channel_list(NULL, GUEST, &num);
        CHECK(num == 32, "%d listed", num);
        for (n = 0; n < num; n++)
            CHECK(!ours.device_channel_destroy(NULL, GUEST, &list[n], NULL), "destroy of devid %d", list[n].devid);
        ours.device_channel_list_free(list, num);
    }
    CHECK(same_store(before, whole_store()), "the store after many devids");
}

/* A listing of more than one reply's 4096 bytes. */
static void test_big_directory(void)
{
    enum { CONSOLES = 1700, OFFSET = 100000 };
    char *before = whole_store(), name[40];
    int n, num, devid, round;
    libxl_device_channel *list, found;
    bool *seen = calloc(CONSOLES, sizeof *seen);

    for (round = 0; round * 100 < CONSOLES; round++) {
        xs_transaction_t t;
        do {
            t = begin();
            for (n = round * 100; n < round * 100 + 100; n++) {
                snprintf(name, sizeof name, "big %d", n);
                put(t, NULL, name, "/libxl/%d/device/console/%d/name", GUEST, OFFSET + n);
                put(t, NULL, "pty", "/libxl/%d/device/console/%d/connection", GUEST, OFFSET + n);
                put(t, NULL, "/local/domain/0/backend/console/1/x", "/libxl/%d/device/console/%d/backend", GUEST, OFFSET + n);
            }
        } while (!commit(t));
    }
    list = ours.device_channel_list(NULL, GUEST, &num);
    CHECK(num == CONSOLES, "%d of %d listed", num, CONSOLES);
    for (n = 0; n < num; n++) {
        int at = list[n].devid + 1 - OFFSET;
        bool good = at >= 0 && at < CONSOLES && !seen[at];
        snprintf(name, sizeof name, "big %d", at);
        CHECK(good && same_text(list[n].name, name), "devid %d: %s", list[n].devid, list[n].name);
        if (good)
            seen[at] = true;
    }
    ours.device_channel_list_free(list, num);
    CHECK(!ours.name_to_device_channel(NULL, GUEST, "big 1234", &found) && found.devid == OFFSET + 1233, "look-up of a name among many");
    ours.device_channel_dispose(&found);
    devid = add_one(GUEST, -1, PTY, "beside many");
    CHECK(devid == 0, "devid %d beside many", devid);
    refuse(ERROR_DEVICE_EXISTS, GUEST, new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "big 1699", NULL), "a name taken among many");
    CHECK(!take_away(GUEST, devid, false), "remove beside many");
    for (n = 0; n < CONSOLES; n++)
        cut(XBT_NULL, "/libxl/%d/device/console/%d", GUEST, OFFSET + n);
    CHECK(same_store(before, whole_store()), "the store after a big directory");
    free(seen);
}

/* ---- the channels of a configuration, all or none ------------------------------------------ */

static void test_config(void)
{
    char *before = whole_store(), *middle;
    libxl_domain_config config;
    libxl_device_channel channels[KINDS];
    int n, rc, num;

    memset(&config, 0, sizeof config);
    CHECK(!ours.device_channels_add(NULL, GUEST, &config, NULL), "add of no channels");
    CHECK(ours.device_channels_add(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "add of a NULL config");
    config.num_channels = KINDS, config.channels = channels;
    for (n = 0; n < KINDS; n++)
        channels[n] = new_channel(kinds[n].connection, kinds[n].name, kinds[n].path);
    channels[1].devid = 0;                             /* taken from the first, that can have any */

    /* The last has a name of another. */
    free(channels[3].name), channels[3].name = strdup(kinds[0].name);
    rc = ours.device_channels_add(NULL, GUEST, &config, NULL);
    CHECK(rc == ERROR_DEVICE_EXISTS, "add of two of one name: %d", rc);
    CHECK(same_store(strdup(before), whole_store()), "an add that failed changed the store");
    /* The last has none. */
    free(channels[3].name), channels[3].name = NULL;
    rc = ours.device_channels_add(NULL, GUEST, &config, NULL);
    CHECK(rc == ERROR_INVAL, "add of a nameless one: %d", rc);
    CHECK(same_store(strdup(before), whole_store()), "an add that failed changed the store");

    channels[3].name = strdup(kinds[3].name);
    rc = ours.device_channels_add(NULL, GUEST, &config, NULL);
    CHECK(!rc, "add of a configuration: %d", rc);
    CHECK(channels[1].devid == 0, "devid 0 was asked for, %d given", channels[1].devid);
    for (n = 0; n < KINDS; n++) {
        libxl_device_channel found;
        CHECK(!ours.name_to_device_channel(NULL, GUEST, kinds[n].name, &found) && found.devid == channels[n].devid && found.devid >= 0 && found.devid < KINDS,
              "channel %d of a configuration", n);
        ours.device_channel_dispose(&found);
    }
    middle = whole_store();
    CHECK(ours.device_channels_add(NULL, GUEST, &config, NULL) == ERROR_DEVICE_EXISTS, "add of a configuration twice");
    CHECK(same_store(middle, whole_store()), "an add that failed changed the store");
    for (n = 0; n < KINDS; n++) {
        CHECK(!ours.device_channel_remove(NULL, GUEST, &channels[n], NULL), "remove of %s", kinds[n].name);
        free_channel(&channels[n]);
    }
    CHECK(!ours.device_channel_list(NULL, GUEST, &num), "%d left", num);
    CHECK(same_store(before, whole_store()), "the store after a configuration");
}

/* ---- ao_how ------------------------------------------------------------------------------ */

static int callbacks, callback_rc;
static void *callback_cookie;
static libxl_ctx *callback_ctx;

static void called_back(libxl_ctx *ctx, int rc, void *cookie)
{
    callbacks++;
    callback_ctx = ctx, callback_rc = rc, callback_cookie = cookie;
}

static void test_ao_how(void)
{
    libxl_asyncop_how how = { .callback = called_back, .u.for_callback = &how }, event = { .callback = NULL };
    typedef int operation(libxl_ctx *, uint32_t, libxl_device_channel *, const libxl_asyncop_how *);
    operation *takers[] = { ours.device_channel_remove, ours.device_channel_destroy };
    libxl_ctx *ctx = (libxl_ctx *)0x10;                /* passed on, never read */
    char *before = whole_store();
    int n, rc;

    for (n = 0; n < 2; n++) {
        libxl_device_channel c = new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "async", NULL), again = new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "async", NULL);
        char *middle;
        CHECK(ours.device_channel_add(NULL, GUEST, &c, &event) == ERROR_INVAL, "add by event");
        CHECK(c.devid == -1, "devid %d", c.devid);
        callbacks = 0, callback_rc = 55;
        rc = ours.device_channel_add(ctx, GUEST, &c, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == 0 && callback_cookie == &how && callback_ctx == ctx,
              "add with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        CHECK(c.devid == 0, "devid %d", c.devid);
        callbacks = 0, callback_rc = 55;
        rc = ours.device_channel_add(ctx, GUEST, &again, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == ERROR_DEVICE_EXISTS,
              "a failing add with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        middle = whole_store();
        CHECK(takers[n](NULL, GUEST, &c, &event) == ERROR_INVAL, "remove by event");
        CHECK(same_store(middle, whole_store()), "remove by event did something");
        callbacks = 0, callback_rc = 55;
        rc = takers[n](ctx, GUEST, &c, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == 0 && callback_cookie == &how && callback_ctx == ctx,
              "remove with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        callbacks = 0, callback_rc = 55;
        rc = takers[n](ctx, GUEST, &c, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == ERROR_NOTFOUND,
              "a failing remove with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        free_channel(&c), free_channel(&again);
    }
    CHECK(same_store(before, whole_store()), "the store after ao_how");
}

static void test_null(void)
{
    libxl_device_channel c;
    libxl_channelinfo info;
    libxl_domain_channel *all;
    int num;
    char *before = whole_store();

    CHECK(ours.device_channel_add(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "add of NULL");
    CHECK(ours.device_channel_remove(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "remove of NULL");
    CHECK(ours.device_channel_destroy(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "destroy of NULL");
    CHECK(ours.devid_to_device_channel(NULL, GUEST, 0, NULL) == ERROR_INVAL, "devid look-up into NULL");
    CHECK(ours.name_to_device_channel(NULL, GUEST, "n", NULL) == ERROR_INVAL, "name look-up into NULL");
    ours.device_channel_list_free(NULL, 0);
    errno = 0;
    CHECK(!ours.device_channel_list(NULL, GUEST, NULL) && errno == EINVAL, "a list without num: %s", strerror(errno));

    /* What would be filled is initialised. */
    FILL(c);
    CHECK(ours.name_to_device_channel(NULL, GUEST, NULL, &c) == ERROR_INVAL && is_initial_released(&c), "look-up of a NULL name");
    ours.device_channel_dispose(&c);
    FILL(info);
    CHECK(ours.device_channel_getinfo(NULL, GUEST, NULL, &info) == ERROR_INVAL && is_initial_info(&info), "getinfo of NULL");
    ours.channelinfo_dispose(&info);
    FILL(all);
    CHECK(ours.domain_channel_list(NULL, &all, NULL) == ERROR_INVAL && !all, "a list of all domains without num");
    FILL(num);
    CHECK(ours.domain_channel_list(NULL, NULL, &num) == ERROR_INVAL && !num, "a list of all domains into NULL");
    ours.domain_channel_list_free(all, num);
    CHECK(same_store(before, whole_store()), "NULL changed the store");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_ours();
    open_store();
    test_life();
    test_refusals();
    test_not_found();
    test_devids();
    if (!getenv("QUICK"))
        test_big_directory();
    test_config();
    test_ao_how();
    test_null();
    xs_close(store);
    return finish("life");
}
