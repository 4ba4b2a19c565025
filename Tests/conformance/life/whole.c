/* whole.c - a whole life of every kind of channel, with every node and permission. */
#include "life.h"

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
    { 'B', "/type", "xenchanneld", 'B', EACH },
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

void test_life(void)
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
