/* structs.c - the structs and the enumeration: init, copy, dispose, and the JSON of random values. */
#include "json.h"

enum { GEN_PLAIN, GEN_BEAUTIFY, GEN_VALIDATE, GEN_IN_ARRAY, GEN_AS_KEY, GEN_COMPLETE, GEN_TOO_DEEP, GEN_KINDS };

static yajl_gen new_gen(int kind)
{
    yajl_gen g = yajl_gen_alloc(NULL);
    int i;

    yajl_gen_config(g, yajl_gen_beautify, kind == GEN_BEAUTIFY || kind == GEN_IN_ARRAY);
    yajl_gen_config(g, yajl_gen_validate_utf8, kind == GEN_VALIDATE);
    if (kind == GEN_IN_ARRAY)
        yajl_gen_config(g, yajl_gen_indent_string, "\t");
    if (kind == GEN_IN_ARRAY)
        yajl_gen_array_open(g);
    else if (kind == GEN_AS_KEY)
        yajl_gen_map_open(g);
    else if (kind == GEN_COMPLETE)
        yajl_gen_null(g);
    else if (kind == GEN_TOO_DEEP)
        for (i = 0; i < 126; i++)
            yajl_gen_array_open(g);
    return g;
}

/* Asks both for the JSON of a value and compares status and bytes. */
#define COMPARE_GEN(a_kind, function, value, what) do { \
        int kind = (a_kind); \
        yajl_gen a = new_gen(kind), b = new_gen(kind); \
        yajl_gen_status sa = peer.function(a, value), sb = ours.function(b, value); \
        const unsigned char *ta = NULL, *tb = NULL; \
        size_t la = 0, lb = 0; \
        yajl_gen_get_buf(a, &ta, &la); \
        yajl_gen_get_buf(b, &tb, &lb); \
        CHECK(sa == sb, "%s: gen kind %d status %d, ours %d", what, kind, sa, sb); \
        CHECK(sa != sb || sa != yajl_gen_status_ok || (la == lb && !memcmp(ta, tb, la)), \
              "%s: gen kind %d: %.*s, ours %.*s", what, kind, (int)la, ta, (int)lb, tb); \
        yajl_gen_free(a); \
        yajl_gen_free(b); \
    } while (0)

/* ---- structs ------------------------------------------------------------------ */

/* libxl zeroes what it disposes of; "as after init" is as good. */
static bool is_disposed_channel(const libxl_device_channel *c)
{
    return !c->backend_domid && !c->backend_domname && (c->devid == 0 || c->devid == -1)
        && !c->name && !c->connection && !c->u.socket.path;
}

static bool is_disposed_info(const libxl_channelinfo *i)
{
    return !i->backend && !i->backend_id && !i->frontend && !i->frontend_id
        && (i->devid == 0 || i->devid == -1) && !i->state && !i->evtch && !i->rref
        && !i->connection && !i->u.pty.path;
}

void test_channel(int connection)
{
    libxl_device_channel c, a, b, keep;
    char *ja, *jb;

    random_channel(&c, connection);
    keep = c;
    ja = peer.device_channel_to_json(peer_ctx, &c);
    jb = ours.device_channel_to_json(any_ctx(), &c);
    CHECK(same_text(ja, jb), "channel to_json: %s, ours %s", ja, jb);
    free(ja), free(jb);
    COMPARE_GEN((int)random_below(GEN_KINDS), device_channel_gen_json, &c, "channel");

    memset(&a, 0xaa, sizeof a), memset(&b, 0xaa, sizeof b);
    peer.device_channel_init(&a), ours.device_channel_init(&b);
    CHECK(!memcmp(&a, &b, sizeof a), "channel init differs");
    peer.device_channel_copy(peer_ctx, &a, &c), ours.device_channel_copy(any_ctx(), &b, &c);
    CHECK(same_channel(&a, &b) && same_channel(&b, &c), "channel copy differs");
    CHECK(!b.name || b.name != c.name, "channel copy is shallow");
    CHECK(!memcmp(&c, &keep, sizeof c), "channel changed by reading it");

    /* Each library disposes of what the other allocated. */
    peer.device_channel_dispose(&b), ours.device_channel_dispose(&a);
    CHECK(is_disposed_channel(&a), "channel dispose leaves something");
    ours.device_channel_dispose(&a);
    CHECK(is_disposed_channel(&a), "channel dispose twice");
    ours.device_channel_dispose(&b);
    ours.device_channel_dispose(&c);
}

void test_info(int connection)
{
    libxl_channelinfo i, a, b, keep;
    char *ja, *jb;

    random_info(&i, connection);
    keep = i;
    ja = peer.channelinfo_to_json(peer_ctx, &i);
    jb = ours.channelinfo_to_json(any_ctx(), &i);
    CHECK(same_text(ja, jb), "info to_json: %s, ours %s", ja, jb);
    free(ja), free(jb);
    COMPARE_GEN((int)random_below(GEN_KINDS), channelinfo_gen_json, &i, "info");

    memset(&a, 0xaa, sizeof a), memset(&b, 0xaa, sizeof b);
    peer.channelinfo_init(&a), ours.channelinfo_init(&b);
    CHECK(!memcmp(&a, &b, sizeof a), "info init differs");
    peer.channelinfo_copy(peer_ctx, &a, &i), ours.channelinfo_copy(any_ctx(), &b, &i);
    CHECK(same_info(&a, &b) && same_info(&b, &i), "info copy differs");
    CHECK(!b.backend || b.backend != i.backend, "info copy is shallow");
    CHECK(!memcmp(&i, &keep, sizeof i), "info changed by reading it");

    peer.channelinfo_dispose(&b), ours.channelinfo_dispose(&a);
    CHECK(is_disposed_info(&a), "info dispose leaves something");
    ours.channelinfo_dispose(&a);
    CHECK(is_disposed_info(&a), "info dispose twice");
    ours.channelinfo_dispose(&b);
    ours.channelinfo_dispose(&i);
}

void test_init_connection(void)
{
    static const int connections[] = { 0, 1, 2, 3, -1, 77, INT_MAX, INT_MIN };
    size_t n;

    for (n = 0; n < COUNT_OF(connections); n++) {
        libxl_device_channel a, b;
        libxl_channelinfo i, j;
        peer.device_channel_init(&a), ours.device_channel_init(&b);
        peer.device_channel_init_connection(&a, connections[n]);
        ours.device_channel_init_connection(&b, connections[n]);
        CHECK(!memcmp(&a, &b, sizeof a), "channel init_connection(%d)", connections[n]);
        peer.channelinfo_init(&i), ours.channelinfo_init(&j);
        peer.channelinfo_init_connection(&i, connections[n]);
        ours.channelinfo_init_connection(&j, connections[n]);
        CHECK(!memcmp(&i, &j, sizeof i), "info init_connection(%d)", connections[n]);
    }
}

/* ---- the enumeration ------------------------------------------------------------ */

static void test_from_string(const char *text)
{
    libxl_channel_connection a = 55, b = 55;
    int ra = peer.channel_connection_from_string(text, &a);
    int rb = ours.channel_connection_from_string(text, &b);
    CHECK(ra == rb && a == b, "from_string(\"%s\"): %d %d, ours %d %d", text, ra, a, rb, b);
}

void test_enumeration(void)
{
    static const char *const texts[] = {
        "unknown", "pty", "socket", "PTY", "Pty", "sOCKET", "UNKNOWN", "", " ", "pty ", " pty", "ptyx", "pt", "sock",
        "socket\n", "1", "0", "NULL", "null", "\xff", "p\xc3\xbfy", "nonee", "paths",
    };
    static const int extra[] = { -1, INT_MAX, INT_MIN, 0xff, 0x102, 0x1ff, 0x10000, 0x1000001 };
    size_t n;
    int value;

    for (n = 0; n < 300 + COUNT_OF(extra); n++) {
        libxl_channel_connection e;
        char *ja, *jb;
        value = n < 300 ? (int)n - 20 : extra[n - 300];
        if (value == LIBXL_CHANNEL_CONNECTION_NONE || value == LIBXL_CHANNEL_CONNECTION_PATH)
            continue;
        e = (libxl_channel_connection)value;
        CHECK(same_text(peer.channel_connection_to_string(e), ours.channel_connection_to_string(e)),
              "to_string(%d)", value);
        ja = peer.channel_connection_to_json(peer_ctx, e);
        jb = ours.channel_connection_to_json(any_ctx(), e);
        CHECK(same_text(ja, jb), "to_json(%d): %s, ours %s", value, ja, jb);
        free(ja), free(jb);
        for (int k = 0; k < GEN_KINDS; k++)
            COMPARE_GEN(k, channel_connection_gen_json, &e, "connection");
    }
    for (n = 0; n < COUNT_OF(texts); n++)
        test_from_string(texts[n]);
    for (n = 0; n < (quick ? 100 : 2000); n++) {
        char *text = random_string();
        if (text && strcasecmp(text, "none") && strcasecmp(text, "path"))
            test_from_string(text);
        free(text);
    }
    for (n = 0; ; n++) {
        CHECK(same_text(peer.string_table[n].s, ours.string_table[n].s)
              && peer.string_table[n].v == ours.string_table[n].v, "string table entry %zu", n);
        if (!peer.string_table[n].s || !ours.string_table[n].s)
            break;
    }
}
