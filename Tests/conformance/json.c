/*
 * json.c - structs, enumeration and JSON of libxlchannel against libxenlight's,
 * both in this process.
 *
 * SEED, STRUCTS and TEXTS (environment) choose the random sequence, the number
 * of random structs of each type and the number of random texts; QUICK leaves
 * out the deepest documents, for valgrind.
 */
#include "documents.h"

#include <sys/wait.h>
#include <yajl/yajl_tree.h>

static bool quick;                                     /* for valgrind */
static unsigned long skipped_errno, skipped_crash, skipped_comment;
static unsigned long texts_accepted, texts_refused, trees_compared;

/* ---- random values --------------------------------------------------------- */

/* A connection of libxl's, or one that neither library knows. */
static int random_connection(void)
{
    static const int unknown[] = { 3, 4, -1, 255, 0x102, 0xff, INT_MAX, INT_MIN };
    return random_below(12) ? (int)random_below(3) : ANY_OF(unknown);
}

/* The union of a connection without members must never be looked at. */
static char *const untouchable = (char *)0x10;

static void random_channel(libxl_device_channel *c, int connection)
{
    memset(c, 0, sizeof *c);
    c->backend_domid = (uint32_t)random_int();
    c->backend_domname = random_string();
    c->devid = random_int();
    c->name = random_string();
    c->connection = connection;
    c->u.socket.path = has_path(connection) ? random_string() : untouchable;
}

static void random_info(libxl_channelinfo *i, int connection)
{
    memset(i, 0, sizeof *i);
    i->backend = random_string();
    i->backend_id = (uint32_t)random_int();
    i->frontend = random_string();
    i->frontend_id = (uint32_t)random_int();
    i->devid = random_int();
    i->state = random_int();
    i->evtch = random_int();
    i->rref = random_int();
    i->connection = connection;
    i->u.pty.path = connection == LIBXL_CHANNEL_CONNECTION_PTY ? random_string() : untouchable;
}

/* ---- generators: the same calls on both, into yajl_gens set up alike --------- */

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

static void test_channel(int connection)
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

static void test_info(int connection)
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

static void test_init_connection(void)
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

static void test_enumeration(void)
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

/* ---- what must not be asked of libxenlight ---------------------------------------- */

/* libxl asserts that a document names at most one connection other than unknown.
 * What it takes as the value of a key is the key's first occurrence. */
struct outline {
    int depth;
    bool top_is_map;
    int key;                     /* 0 pty, 1 socket: whose value comes next at depth 1; -1 none */
    bool seen[2], is_map[2];
};

static int outline_value(void *o) { ((struct outline *)o)->key = -1; return 1; }
static int outline_bool(void *o, int v) { (void)v; return outline_value(o); }
static int outline_text(void *o, const unsigned char *s, size_t n) { (void)s, (void)n; return outline_value(o); }
static int outline_number(void *o, const char *s, size_t n) { (void)s, (void)n; return outline_value(o); }

static int outline_open_map(void *opaque)
{
    struct outline *o = opaque;
    if (o->depth == 0)
        o->top_is_map = true;
    if (o->depth == 1 && o->top_is_map && o->key >= 0)
        o->is_map[o->key] = true;
    o->key = -1;
    o->depth++;
    return 1;
}

static int outline_open_array(void *opaque)
{
    struct outline *o = opaque;
    o->key = -1;
    o->depth++;
    return 1;
}

static int outline_close(void *opaque) { ((struct outline *)opaque)->depth--; return 1; }

static int outline_key(void *opaque, const unsigned char *s, size_t n)
{
    static const char *const names[] = { "connection.pty", "connection.socket" };
    struct outline *o = opaque;
    int k;

    o->key = -1;
    if (o->depth != 1)
        return 1;
    n = strnlen((const char *)s, n);         /* libxl cuts a key at its first NUL */
    for (k = 0; k < 2; k++)
        if (n == strlen(names[k]) && !memcmp(s, names[k], n) && !o->seen[k]) {
            o->seen[k] = true;
            o->key = k;
        }
    return 1;
}

static bool has_two_connections(const char *text)
{
    static const yajl_callbacks callbacks = {
        outline_value, outline_bool, NULL, NULL, outline_number, outline_text, outline_open_map, outline_key,
        outline_close, outline_open_array, outline_close,
    };
    struct outline o = { .key = -1 };
    yajl_handle h = yajl_alloc(&callbacks, NULL, &o);

    yajl_config(h, yajl_allow_trailing_garbage, 1);
    yajl_parse(h, (const unsigned char *)text, strlen(text));
    yajl_free(h);
    return o.is_map[0] && o.is_map[1];
}

/* ---- parsing ------------------------------------------------------------------------ */

static void compare_channel(const char *text, bool ask_peer, yajl_val tree)
{
    libxl_device_channel a, b, t;
    int ra = ERROR_FAIL, rb, rt;

    memset(&a, 0xaa, sizeof a), memset(&b, 0xaa, sizeof b);
    rb = ours.device_channel_from_json(any_ctx(), &b, text);
    if (ask_peer) {
        errno = 0;
        ra = peer.device_channel_from_json(peer_ctx, &a, text);
        if (ra) texts_refused++; else texts_accepted++;
        CHECK(same_class(ra, rb), "channel from_json %d, ours %d: %s", ra, rb, shown(text));
        CHECK(ra || rb || same_channel(&a, &b), "channel from_json differs: %s", shown(text));
        peer.device_channel_dispose(&a);
    } else {
        CHECK(rb == ERROR_FAIL, "channel of two connections: ours %d: %s", rb, shown(text));
    }
    if (tree) {
        ours.device_channel_init(&t);
        rt = ours.device_channel_parse_json(any_ctx(), tree, &t);
        CHECK(same_class(rt, rb), "channel parse_json %d, from_json %d: %s", rt, rb, shown(text));
        CHECK(rt || rb || same_channel(&t, &b), "channel parse_json differs from from_json: %s", shown(text));
        ours.device_channel_dispose(&t);
    }
    ours.device_channel_dispose(&b);
}

static void compare_info(const char *text, bool ask_peer, yajl_val tree)
{
    libxl_channelinfo a, b, t;
    int ra = ERROR_FAIL, rb, rt;

    memset(&a, 0xaa, sizeof a), memset(&b, 0xaa, sizeof b);
    rb = ours.channelinfo_from_json(any_ctx(), &b, text);
    if (ask_peer) {
        errno = 0;
        ra = peer.channelinfo_from_json(peer_ctx, &a, text);
        CHECK(same_class(ra, rb), "info from_json %d, ours %d: %s", ra, rb, shown(text));
        CHECK(ra || rb || same_info(&a, &b), "info from_json differs: %s", shown(text));
        peer.channelinfo_dispose(&a);
    } else {
        CHECK(rb == ERROR_FAIL, "info of two connections: ours %d: %s", rb, shown(text));
    }
    if (tree) {
        ours.channelinfo_init(&t);
        rt = ours.channelinfo_parse_json(any_ctx(), tree, &t);
        CHECK(same_class(rt, rb), "info parse_json %d, from_json %d: %s", rt, rb, shown(text));
        CHECK(rt || rb || same_info(&t, &b), "info parse_json differs from from_json: %s", shown(text));
        ours.channelinfo_dispose(&t);
    }
    ours.channelinfo_dispose(&b);
}

static void compare_connection(const char *text, yajl_val tree)
{
    libxl_channel_connection a = 55, b = 55, t = 55;
    int ra, rb, rt;

    errno = 0;
    ra = peer.channel_connection_from_json(peer_ctx, &a, text);
    rb = ours.channel_connection_from_json(any_ctx(), &b, text);
    if (!rb && ((int)b == LIBXL_CHANNEL_CONNECTION_NONE || (int)b == LIBXL_CHANNEL_CONNECTION_PATH)) {
        CHECK(ra == ERROR_FAIL, "libxl knows \"none\" or \"path\": %s", shown(text));
        return;
    }
    CHECK(same_class(ra, rb), "connection from_json %d, ours %d: %s", ra, rb, shown(text));
    CHECK(a == b, "connection from_json gives %d, ours %d: %s", a, b, shown(text));
    if (tree) {
        rt = ours.channel_connection_parse_json(any_ctx(), tree, &t);
        CHECK(same_class(rt, rb) && t == b, "connection parse_json %d %d, from_json %d %d: %s", rt, t, rb, b, shown(text));
    }
}

static void compare_text(const char *text)
{
    yajl_val tree = NULL;
    char error[64];
    bool two = has_two_connections(text);

    if (depends_on_stale_errno(text)) {
        skipped_errno++;
        return;
    }
    skipped_crash += two;
    /* yajl_tree_parse allows comments, from_json does not. */
    if (strstr(text, "/*") || strstr(text, "//"))
        skipped_comment++;
    else
        tree = yajl_tree_parse(text, error, sizeof error);
    trees_compared += tree != NULL;
    compare_channel(text, !two, tree);
    compare_info(text, !two, tree);
    compare_connection(text, tree);
    yajl_tree_free(tree);
}

/* ---- texts ------------------------------------------------------------------------------ */

static const char *const numbers[] = {
    "0", "1", "-1", "7", "42", "-0", "00", "01", "-01", "2147483647", "2147483648", "-2147483648", "-2147483649",
    "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "123456789012345678901234567890",
    "1e5", "1E5", "1e+5", "1e-5", "12e", "1e", "1.", "1.0", "-1.5", ".5", "1.5e3", "1.0e400", "-1.0e400", "1e400", "1.0e-400",
    "2147483647e1", "9223372036854775807e1", "9223372036854775808e1", "-", "+1", "0x10", "1_000", "NaN", "Infinity",
    "0.0", "-0.0", "00.1", "3e0", "3.0",
};

static const char *const strings[] = {
    "\"\"", "\"x\"", "\"org.example.channel\"", "\"/tmp/s\"", "\"pty\"", "\"socket\"", "\"unknown\"", "\"PTY\"", "\"Socket\"",
    "\"\\u0000\"", "\"a\\u0000b\"", "\"pty\\u0000\"", "\"\\u00e9\"", "\"\\ud83d\\udc2a\"", "\"\\ud83d\"", "\"\\udc2a\"",
    "\"\\ud83dx\"", "\"\\ud83d\\n\"", "\"\\ud83d\\u0041\"", "\"\\udc2a\\ud83d\"", "\"\\u12\"", "\"\\uzzzz\"", "\"\\x\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\xc3\xa9\"", "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "\"\xf4\x90\x80\x80\"",
    "\"\xf0\x9f\x90\xaa\"", "\"\x7f\"", "\"\x01\"", "\"\n\"", "\"\t\"", "\"open", "'single'", "\"0\"", "\"1\"", "\"null\"", "\"connection.pty\"",
    "\"\\uD83D\\uDC2A\"", "\"\\u0022\"", "\"\\u005c\"", "\"\\uFFFF\"", "\"\\ufffe\"", "\"\xef\xbb\xbf\"",
};

static const char *const keys[] = {
    "backend_domid", "backend_domname", "devid", "name", "connection.unknown", "connection.pty", "connection.socket",
    "backend", "backend_id", "frontend", "frontend_id", "state", "evtch", "rref", "path",
    /* and less fitting ones */
    "", "Name", "NAME", "name ", "nam", "names", "connection", "type", "connection.", "connection.PTY", "u", "xname",
    "name\\u0000", "devid\\u0000x", "\\u0000name", "n\\u0061me", "d\\u0065vid", "connection\\u002epty", "connection.pty\\u0000",
    "path\\u0000", "p\\u0061th", "\\ud83d", "\xc3\xa9", "\xff", "na\\me", "connection.socket.path",
};
enum { FITTING_KEYS = 15 };

static void add_space(struct text *t)
{
    static const char *const spaces[] = { " ", "\n", "\t", "\r\n", "    ", "\v", "\xc2\xa0", "/* c */", "// c\n", "/*", "#x\n" };
    if (random_below(4) == 0)
        add(t, spaces[random_below(50) ? random_below(5) : random_below(COUNT_OF(spaces))]);
}

static void add_random_string(struct text *t)
{
    if (random_below(6)) {
        /* Mostly valid ones. */
        add(t, strings[random_below(3) ? random_below(9) : random_below(COUNT_OF(strings))]);
    } else {
        char *s = random_string();
        yajl_gen g = yajl_gen_alloc(NULL);
        const unsigned char *text;
        size_t length;
        yajl_gen_string(g, (const unsigned char *)(s ? s : ""), s ? strlen(s) : 0);
        yajl_gen_get_buf(g, &text, &length);
        add_bytes(t, (const char *)text, length);
        yajl_gen_free(g);
        free(s);
    }
}

static void add_random_number(struct text *t)
{
    char digits[32];
    switch (random_below(4)) {
    case 0: add(t, ANY_OF(numbers)); break;
    case 1: snprintf(digits, sizeof digits, "%lld", (long long)(int)random_bits()); add(t, digits); break;
    case 2: snprintf(digits, sizeof digits, "%llu", (unsigned long long)random_bits() >> random_below(64)); add(t, digits); break;
    default: snprintf(digits, sizeof digits, "%u", random_below(20)); add(t, digits);
    }
}

static void add_random_value(struct text *t, int depth);

static void add_random_map(struct text *t, int depth)
{
    unsigned n = random_below(depth ? 4 : 9);
    add(t, "{");
    while (n--) {
        const char *key = keys[random_below(8) ? random_below(FITTING_KEYS) : random_below(COUNT_OF(keys))];
        add_space(t);
        add(t, "\""), add(t, key), add(t, "\"");
        add_space(t);
        add(t, random_below(200) ? ":" : random_below(2) ? "=" : "");
        add_space(t);
        /* The kind of value that the key has, most of the time. */
        if (random_below(5) == 0)
            add_random_value(t, depth + 1);
        else if (!strncmp(key, "connection.", 11))
            add_random_map(t, depth + 1);
        else if (strstr(key, "id") || !strcmp(key, "state") || !strcmp(key, "evtch") || !strcmp(key, "rref"))
            add_random_number(t);
        else
            add_random_string(t);
        add_space(t);
        if (n)
            add(t, random_below(200) ? "," : random_below(2) ? ",," : "");
    }
    if (!random_below(200))
        add(t, ",");
    add(t, "}");
}

static void add_random_value(struct text *t, int depth)
{
    static const char *const literals[] = { "null", "true", "false", "nul", "True", "undefined", "nulll" };
    unsigned n;

    if (depth > 5) {
        add(t, "1");
        return;
    }
    switch (random_below(6)) {
    case 0: add_random_number(t); break;
    case 1: add_random_string(t); break;
    case 2: add(t, literals[random_below(20) ? random_below(3) : random_below(COUNT_OF(literals))]); break;
    case 3:
        add(t, "[");
        for (n = random_below(4); n; n--) {
            add_random_value(t, depth + 1);
            if (n > 1)
                add(t, ",");
        }
        add(t, "]");
        break;
    default: add_random_map(t, depth);
    }
}

static void add_valid_document(struct text *t)
{
    char *json;
    if (random_below(2)) {
        libxl_device_channel c;
        random_channel(&c, (int)random_below(3));
        json = peer.device_channel_to_json(peer_ctx, &c);
        ours.device_channel_dispose(&c);
    } else {
        libxl_channelinfo i;
        random_info(&i, (int)random_below(3));
        json = peer.channelinfo_to_json(peer_ctx, &i);
        ours.channelinfo_dispose(&i);
    }
    add(t, json);
    free(json);
}

static void mutate(struct text *t)
{
    static const char *const pieces[] = {
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "null", "true", "{}", "[]", "0", "-", "e9", ".", "9999999999",
        "\xff", "\xc3", "\"name\":", "\"devid\":1,", "\"path\":", "\"connection.pty\":{}", "/", "\x01", " ", "\n",
    };
    unsigned rounds = 1 + random_below(4);

    while (rounds-- && t->length) {
        size_t at = random_below((unsigned)t->length), length;
        switch (random_below(7)) {
        case 0:                                          /* cut the rest off */
            t->bytes[t->length = at] = 0;
            break;
        case 1:                                          /* one byte changed */
            t->bytes[at] = (char)(1 + random_below(255));
            break;
        case 2: case 3: {                                /* something put in */
            const char *piece = ANY_OF(pieces);
            char *rest = strdup(t->bytes + at);
            t->bytes[t->length = at] = 0;
            add(t, piece), add(t, rest);
            free(rest);
            break;
        }
        case 4: case 5:                                  /* some bytes taken out */
            length = 1 + random_below(8);
            if (length > t->length - at)
                length = t->length - at;
            memmove(t->bytes + at, t->bytes + at + length, t->length - at - length + 1);
            t->length -= length;
            break;
        default: {                                       /* a part said twice */
            char *rest = strdup(t->bytes + at);
            length = strlen(rest);
            if (length > 40)
                rest[40] = 0;
            add(t, rest);
            free(rest);
        }
        }
    }
}

static void test_random_text(void)
{
    struct text t = { 0 };

    add(&t, "");
    if (!random_below(30))
        add_space(&t);
    switch (random_below(4)) {
    case 0: add_valid_document(&t); break;
    case 1: if (random_below(4) == 0) { add_random_value(&t, 0); break; } /* fall through */
    default: add_random_map(&t, 0);
    }
    if (!random_below(20))
        add(&t, random_below(2) ? " garbage" : "{}");
    if (random_below(2))
        mutate(&t);
    compare_text(t.bytes);
    free(t.bytes);
}

/* depth times opening, then filling, then depth times closing */
static void test_nested(int depth, const char *before, const char *opening, const char *filling, const char *closing, const char *after)
{
    struct text t = { 0 };
    int n;

    add(&t, before);
    for (n = 0; n < depth; n++) add(&t, opening);
    add(&t, filling);
    for (n = 0; n < depth; n++) add(&t, closing);
    add(&t, after);
    compare_text(t.bytes);
    free(t.bytes);
}

static void test_chosen_texts(void)
{
    static const char *const texts[] = {
        "", " ", "\n", "{", "}", "{}", "[]", "null", "true", "0", "1", "-1", "1.5", "\"\"", "\"pty\"", "\"socket\"", "\"unknown\"",
        "\"PTY\"", "\"Socket\"", "\"pty\\u0000x\"", "\"p\\u0074y\"", "pty", "\"pty\" x", "\"pty\"}", "1 2", "{}{}", "{} x", "{}]", "[{}]",
        "[{\"devid\":1}]", "{\"devid\":1}", "{\"devid\":1,\"devid\":2}", "{\"devid\":null,\"devid\":2}", "{\"devid\":\"1\",\"devid\":2}",
        "{\"devid\":2147483647}", "{\"devid\":2147483648}", "{\"devid\":1e5}", "{\"devid\":1e99}", "{\"devid\":-0}", "{\"devid\":01}",
        "{\"devid\":1.0}", "{\"devid\":99999999999999999999}", "{\"devid\":-99999999999999999999}", "{\"backend_domid\":-1}",
        "{\"backend_domid\":4294967295}", "{\"backend_domid\":4294967296}", "{\"backend_domid\":-0}", "{\"name\":null}", "{\"name\":\"\"}",
        "{\"name\":\"a\",\"name\":\"b\"}", "{\"name\":1,\"name\":\"b\"}", "{\"name\":null,\"name\":\"b\"}", "{\"name\":\"a\\u0000b\"}",
        "{\"name\\u0000\":\"a\"}", "{\"name\\u0000x\":\"a\",\"name\":\"b\"}", "{\"name\":[\"a\"]}", "{\"name\":{\"name\":\"x\"}}",
        "{\"connection.pty\":{}}", "{\"connection.pty\":[]}", "{\"connection.pty\":null}", "{\"connection.pty\":{\"path\":\"/dev/pts/1\"}}",
        "{\"connection.socket\":{\"path\":\"/s\"}}", "{\"connection.socket\":{\"path\":1}}", "{\"connection.socket\":{\"path\":null}}",
        "{\"connection.socket\":{\"path\":\"/s\",\"path\":\"/t\"}}", "{\"connection.socket\":{\"path\":1,\"path\":\"/t\"}}",
        "{\"connection.socket\":{}}", "{\"connection.socket\":{},\"connection.socket\":{\"path\":\"/s\"}}",
        "{\"connection.socket\":1,\"connection.socket\":{\"path\":\"/s\"}}", "{\"connection.unknown\":{},\"connection.pty\":{}}",
        "{\"connection.pty\":{},\"connection.unknown\":{}}", "{\"connection.pty\":{},\"connection.pty\":{}}",
        "{\"connection.pty\":1,\"connection.socket\":{}}", "{\"connection.pty\":{},\"connection.socket\":1}",
        "{\"connection.pty\":{},\"connection.socket\":{}}", "{\"connection.socket\":{\"path\":\"/s\"},\"connection.pty\":{\"path\":\"/p\"}}",
        "{\"connection.pty\":1,\"connection.pty\":{},\"connection.socket\":{}}", "{\"x\":{\"connection.pty\":{}},\"connection.socket\":{}}",
        "{\"connection.pty\\u0000\":{},\"connection.socket\":{}}", "{\"connection.unknown\":{\"path\":\"x\"}}", "{\"path\":\"/s\"}",
        "{\"devid\":}", "{\"devid\":1", "{\"devid\":1,", "{\"devid\":1,}", "{\"devid\" 1}", "{\"devid\":1]", "{devid:1}", "{\"devid\"}",
        "{1:2}", "{\"devid\":+1}", "{\"devid\":0x1}", "/**/{}", "{/* */}", "{}//", "{}/*", "// x\n{}", "\xef\xbb\xbf{}", "{\"name\":\"\xff\"}",
        "{\"\xff\":1}", "{\"name\":\"\n\"}", "{\"name\":\"\\ud83d\\udc2a\"}", "{\"name\":\"\\ud83d\"}", "{\"name\":\"\\udc2a\"}",
        "{\"name\":\"\\ud83d\\ud83d\"}", "{\"name\":\"\\u0000\"}", "{\"u\":{\"connection.pty\":{}}}", "{\"devid\":1}\x01", "{\"devid\":1}\xff",
        "{\"devid\":5", "{\"state\":-1,\"evtch\":-1,\"rref\":-1}", "{\"backend_id\":null}", "{\"frontend\":{}}", "{\"a\":{\"devid\":3}}",
        "{\"a\":[{\"devid\":3}],\"devid\":4}", "{\"a\":{\"b\":{}},\"devid\":4}", "{\"name\":\"unterminated", "\"unterminated", "-", "1e", "tru",
        "{\"devid\":9223372036854775807}", "{\"devid\":-9223372036854775808}", "{\"backend_domid\":9223372036854775807}",
        "{\"x\":9223372036854775807,\"devid\":1}", "{\"devid\":9223372036854775808}", "{\"devid\":9223372036854775807e1}",
    };
    static const int depths[] = { 1, 2, 127, 128, 129, 500, 1000, 10000 };
    size_t n;

    for (n = 0; n < COUNT_OF(texts); n++)
        compare_text(texts[n]);
    for (n = 0; n < COUNT_OF(depths) - (quick ? 2 : 0); n++) {
        test_nested(depths[n], "", "[", "", "]", "");
        test_nested(depths[n], "", "[", "1", "]", "");
        test_nested(depths[n], "", "{\"a\":", "1", "}", "");
        test_nested(depths[n], "{\"x\":", "[", "", "]", ",\"devid\":3}");
        test_nested(depths[n], "{\"name\":", "[", "", "]", "}");
        test_nested(depths[n], "{\"connection.socket\":", "{\"path\":", "\"/s\"", "}", "}");
        test_nested(depths[n], "", "[", "", "", "");
        test_nested(depths[n], "", "{\"a\":", "", "", "");
        test_nested(depths[n], "{\"devid\":4,\"x\":", "[{\"name\":", "{}", "}]", "} trailing");
        test_nested(depths[n], "{\"name\":\"", "a", "", "z", "\"}");
    }
}

/* Every prefix of a document with everything in it. */
static void test_prefixes(void)
{
    static const char text[] =
        "{ \"backend_domid\": 4, \"backend_domname\": \"d\\u00e9\\\"\\\\\", \"devid\": -12, \"name\": \"\\ud83d\\udc2a\xf0\x9f\x90\xaa\", "
        "\"x\": [true, false, null, 1.5e-3, {}], \"connection.unknown\": {}, \"connection.socket\": {\"path\": \"/tmp/\\u0041\"}, \"state\": 1 } tail";
    char prefix[sizeof text];
    size_t n;

    for (n = 0; n < sizeof text; n++) {
        memcpy(prefix, text, n);
        prefix[n] = 0;
        compare_text(prefix);
    }
}

/* ---- the channels of a domain's configuration ---------------------------------------------- */

static unsigned long configs_compared;

/* libxl reads the whole configuration, of which the text has nothing but channels and unknown keys. */
static void compare_config(const char *text)
{
    static __typeof__(libxl_domain_config_from_json) *config_from_json;
    static __typeof__(libxl_domain_config_dispose) *config_dispose;
    libxl_domain_config config;
    libxl_device_channel *list = (libxl_device_channel *)0x10;
    int ra, rb, num = -7, n;

    if (!config_from_json) {
        config_from_json = symbol_of(peer.handle, peer.path, "libxl_domain_config_from_json");
        config_dispose = symbol_of(peer.handle, peer.path, "libxl_domain_config_dispose");
    }
    errno = 0;
    ra = config_from_json(peer_ctx, &config, text);
    rb = ours.domain_config_channels_from_json(any_ctx(), &list, &num, text);
    CHECK(same_class(ra, rb), "config from_json %d, ours %d: %s", ra, rb, shown(text));
    CHECK(rb || (num >= 0 && !list == !num), "config from_json: num %d", num);
    CHECK(!rb || (num == 0 && !list), "config from_json %d gives %d", rb, num);
    CHECK(ra || rb || num == config.num_channels, "config of %d channels, ours %d: %s", config.num_channels, num, shown(text));
    for (n = 0; !ra && !rb && n < num && n < config.num_channels; n++)
        CHECK(same_channel(&config.channels[n], &list[n]), "channel %d of a config differs: %s", n, shown(text));
    if (!ra && !rb) {
        /* And back: libxl reads ours as the same. */
        libxl_domain_config again;
        char *json = ours.domain_config_channels_to_json(any_ctx(), list, num);
        CHECK(json && !config_from_json(peer_ctx, &again, json) && again.num_channels == num, "libxl reads %s", json);
        for (n = 0; json && n < num && n < again.num_channels; n++)
            CHECK(same_channel(&again.channels[n], &list[n]), "channel %d is not the same to libxl: %s", n, json);
        if (json)
            config_dispose(&again);
        free(json);
        ours.device_channel_list_free(list, num);
    }
    config_dispose(&config);
    configs_compared++;
}

static void test_random_config(void)
{
    struct text t = { 0 };
    unsigned n, count = random_below(5);

    add(&t, random_below(8) ? "{" : "{\"name\":\"channels\",\"x\":{\"channels\":[{}]},");
    if (!random_below(20))
        add(&t, random_below(2) ? "\"channels\":null," : "\"channels\":[],");
    add(&t, "\"channels\":");
    if (!random_below(20)) {
        add_random_map(&t, 2);
        count = 0;
    } else {
        add(&t, "[");
    }
    for (n = 0; n < count; n++) {
        struct text one = { 0 };
        if (n)
            add(&t, ",");
        if (!random_below(12))
            add(&one, random_below(2) ? "null" : "[[{}],7]");
        else if (random_below(2))
            add_random_map(&one, 0);
        else
            add_valid_document(&one);
        add(&t, has_two_connections(one.bytes) ? "{\"devid\":5}" : one.bytes);
        free(one.bytes);
    }
    if (t.bytes[t.length - 1] != '}' || count)
        add(&t, "]");
    add(&t, random_below(8) ? "}" : ",\"channels\":[{\"devid\":1}]}");
    /* A mutation could make two connections out of one: only the tail is cut. */
    if (!random_below(10))
        t.bytes[random_below((unsigned)t.length)] = 0;
    if (!depends_on_stale_errno(t.bytes))
        compare_config(t.bytes);
    free(t.bytes);
}

/* ---- ours only --------------------------------------------------------------------------- */

static void round_trip(int connection, const char *shape)
{
    libxl_device_channel c, d;
    libxl_channelinfo i, j;
    char *json;

    random_channel(&c, connection);
    /* NULL is left out, an empty string is not; text that is not UTF-8 is refused when read. */
    free(c.name), free(c.backend_domname);
    c.name = strdup("org.example.\"\\\n\xc3\xa9"), c.backend_domname = random_below(2) ? strdup("") : NULL;
    if (connection == LIBXL_CHANNEL_CONNECTION_PATH) {
        free(c.u.socket.path);
        c.u.socket.path = random_below(4) ? strdup("/var/log/\xc3\xa9\".log") : NULL;
    }
    json = ours.device_channel_to_json(any_ctx(), &c);
    CHECK(json && strstr(json, shape), "no %s in %s", shape, json);
    CHECK(json && !strstr(json, "\"backend_domname\": \"\"") == !c.backend_domname, "an empty string in %s", json);
    CHECK(json && (!has_path(connection) || !c.u.socket.path || strstr(json, "\"path\": \"/var/log/\xc3\xa9\\\".log\"")),
          "no path in %s", json);
    CHECK(!ours.device_channel_from_json(any_ctx(), &d, json) && same_channel(&c, &d), "round trip of %s", json);
    ours.device_channel_dispose(&d);
    ours.device_channel_init(&d);
    ours.device_channel_copy(any_ctx(), &d, &c);
    CHECK(same_channel(&c, &d) && (!has_path(connection) || !c.u.socket.path || c.u.socket.path != d.u.socket.path),
          "copy of connection 0x%x", connection);
    ours.device_channel_dispose(&d), ours.device_channel_dispose(&d);
    ours.device_channel_dispose(&c);
    free(json);

    random_info(&i, connection);
    free(i.backend), free(i.frontend);
    i.backend = strdup("/local/domain/0/backend/console/1/2"), i.frontend = NULL;
    json = ours.channelinfo_to_json(any_ctx(), &i);
    CHECK(json && strstr(json, shape), "no %s in info %s", shape, json);
    CHECK(!ours.channelinfo_from_json(any_ctx(), &j, json) && same_info(&i, &j), "round trip of info %s", json);
    ours.channelinfo_dispose(&j);
    ours.channelinfo_dispose(&i);
    free(json);
}

static void test_new_connections(void)
{
    static const struct { int value; const char *text, *json, *shape, *plain; } kinds[] = {
        { LIBXL_CHANNEL_CONNECTION_NONE, "none", "\"none\"\n", "\"connection.none\": {", "{\"connection.none\":{}}" },
        { LIBXL_CHANNEL_CONNECTION_PATH, "path", "\"path\"\n", "\"connection.path\": {", "{\"connection.path\":{\"path\":\"/a\"}}" },
    };
    static const char *const two[] = {
        "{\"connection.none\":{},\"connection.pty\":{}}", "{\"connection.none\":{},\"connection.socket\":{\"path\":\"/s\"}}",
        "{\"connection.path\":{\"path\":\"/p\"},\"connection.pty\":{}}", "{\"connection.path\":{},\"connection.none\":{}}",
        "{\"connection.socket\":{\"path\":\"/s\"},\"connection.path\":{\"path\":\"/p\"}}",
    };
    libxl_device_channel c;
    libxl_channel_connection e;
    size_t n, round;

    for (n = 0; n < COUNT_OF(kinds); n++) {
        const unsigned char *buffer;
        size_t length;
        yajl_gen g = yajl_gen_alloc(NULL);
        char *json;

        CHECK(same_text(ours.channel_connection_to_string(kinds[n].value), kinds[n].text), "to_string %s", kinds[n].text);
        e = 55;
        CHECK(!ours.channel_connection_from_string(kinds[n].text, &e) && (int)e == kinds[n].value, "from_string %s", kinds[n].text);
        e = 55;
        CHECK(!ours.channel_connection_from_string(n ? "PaTh" : "NonE", &e) && (int)e == kinds[n].value, "odd case of %s", kinds[n].text);
        json = ours.channel_connection_to_json(any_ctx(), kinds[n].value);
        CHECK(same_text(json, kinds[n].json), "to_json of %s: %s", kinds[n].text, json);
        e = 55;
        CHECK(json && !ours.channel_connection_from_json(any_ctx(), &e, json) && (int)e == kinds[n].value, "from_json of %s", kinds[n].text);
        free(json);

        for (round = 0; round < (quick ? 50 : 1000); round++)
            round_trip(kinds[n].value, kinds[n].shape);

        CHECK(!ours.device_channel_from_json(any_ctx(), &c, kinds[n].plain) && (int)c.connection == kinds[n].value, "from_json %s", kinds[n].plain);
        CHECK(n == 0 || same_text(c.u.socket.path, "/a"), "path of %s", kinds[n].plain);
        CHECK(ours.device_channel_gen_json(g, &c) == yajl_gen_status_ok, "gen_json of %s", kinds[n].text);
        yajl_gen_get_buf(g, &buffer, &length);
        CHECK(length == strlen(kinds[n].plain) && !memcmp(buffer, kinds[n].plain, length), "gen_json of %s: %.*s", kinds[n].text, (int)length, buffer);
        yajl_gen_free(g);
        ours.device_channel_dispose(&c);

        ours.device_channel_init(&c);
        ours.device_channel_init_connection(&c, kinds[n].value);
        CHECK((int)c.connection == kinds[n].value, "init_connection of %s", kinds[n].text);
        ours.device_channel_dispose(&c);
    }
    for (n = 0; n < COUNT_OF(two); n++) {
        libxl_channelinfo i;
        CHECK(ours.device_channel_from_json(any_ctx(), &c, two[n]) == ERROR_FAIL, "two connections: %s", two[n]);
        ours.device_channel_dispose(&c);
        CHECK(ours.channelinfo_from_json(any_ctx(), &i, two[n]) == ERROR_FAIL, "two connections in an info: %s", two[n]);
        ours.channelinfo_dispose(&i);
    }
    CHECK(ours.string_table[3].s == NULL, "the string table has libxl's entries alone");
}

/* A NULL source leaves what it would fill initialised. */
static void test_null_source(void)
{
    libxl_device_channel c;
    libxl_channelinfo i;

    FILL(c);
    CHECK(ours.device_channel_from_json(NULL, &c, NULL) == ERROR_INVAL && is_initial_released(&c), "from_json(NULL text) leaves something");
    ours.device_channel_dispose(&c);
    FILL(c);
    CHECK(ours.device_channel_parse_json(NULL, NULL, &c) == ERROR_INVAL && is_initial_released(&c), "parse_json(NULL value) leaves something");
    ours.device_channel_dispose(&c);
    FILL(i);
    CHECK(ours.channelinfo_from_json(NULL, &i, NULL) == ERROR_INVAL && is_initial_info(&i), "info from_json(NULL text) leaves something");
    ours.channelinfo_dispose(&i);
    FILL(i);
    CHECK(ours.channelinfo_parse_json(NULL, NULL, &i) == ERROR_INVAL && is_initial_info(&i), "info parse_json(NULL value) leaves something");
    ours.channelinfo_dispose(&i);
}

/* NULL wherever a pointer is expected. */
static void test_null(void)
{
    libxl_device_channel c;
    libxl_channelinfo i;
    libxl_channel_connection e = LIBXL_CHANNEL_CONNECTION_PTY;
    yajl_gen g = yajl_gen_alloc(NULL);
    char error[64];
    yajl_val tree = yajl_tree_parse("{}", error, sizeof error);

    ours.device_channel_init(&c);
    ours.channelinfo_init(&i);
    ours.device_channel_init(NULL), ours.channelinfo_init(NULL);
    ours.device_channel_init_connection(NULL, 1), ours.channelinfo_init_connection(NULL, 1);
    ours.device_channel_dispose(NULL), ours.channelinfo_dispose(NULL);
    ours.device_channel_copy(NULL, NULL, &c), ours.device_channel_copy(NULL, &c, NULL), ours.device_channel_copy(NULL, NULL, NULL);
    ours.channelinfo_copy(NULL, NULL, &i), ours.channelinfo_copy(NULL, &i, NULL), ours.channelinfo_copy(NULL, NULL, NULL);
    CHECK(ours.device_channel_gen_json(NULL, &c) != yajl_gen_status_ok, "gen_json(NULL, channel)");
    CHECK(ours.device_channel_gen_json(g, NULL) != yajl_gen_status_ok, "gen_json(g, NULL)");
    CHECK(ours.channelinfo_gen_json(NULL, &i) != yajl_gen_status_ok, "info gen_json(NULL, info)");
    CHECK(ours.channelinfo_gen_json(g, NULL) != yajl_gen_status_ok, "info gen_json(g, NULL)");
    CHECK(ours.channel_connection_gen_json(NULL, &e) != yajl_gen_status_ok, "connection gen_json(NULL, e)");
    CHECK(ours.channel_connection_gen_json(g, NULL) != yajl_gen_status_ok, "connection gen_json(g, NULL)");
    CHECK(!ours.device_channel_to_json(NULL, NULL), "to_json(NULL)");
    CHECK(!ours.channelinfo_to_json(NULL, NULL), "info to_json(NULL)");
    CHECK(ours.device_channel_from_json(NULL, &c, NULL) == ERROR_INVAL, "from_json(NULL text)");
    CHECK(ours.device_channel_from_json(NULL, NULL, "{}") == ERROR_INVAL, "from_json(NULL channel)");
    CHECK(ours.channelinfo_from_json(NULL, &i, NULL) == ERROR_INVAL, "info from_json(NULL text)");
    CHECK(ours.channelinfo_from_json(NULL, NULL, "{}") == ERROR_INVAL, "info from_json(NULL info)");
    CHECK(ours.channel_connection_from_json(NULL, &e, NULL) == ERROR_INVAL, "connection from_json(NULL text)");
    CHECK(ours.channel_connection_from_json(NULL, NULL, "\"pty\"") == ERROR_INVAL, "connection from_json(NULL e)");
    CHECK(ours.channel_connection_from_string(NULL, &e) == ERROR_INVAL, "from_string(NULL text)");
    CHECK(ours.channel_connection_from_string("pty", NULL) == ERROR_INVAL, "from_string(NULL e)");
    CHECK(ours.device_channel_parse_json(NULL, NULL, &c) == ERROR_INVAL, "parse_json(NULL value)");
    CHECK(ours.device_channel_parse_json(NULL, tree, NULL) == ERROR_INVAL, "parse_json(NULL channel)");
    CHECK(ours.channelinfo_parse_json(NULL, NULL, &i) == ERROR_INVAL, "info parse_json(NULL value)");
    CHECK(ours.channelinfo_parse_json(NULL, tree, NULL) == ERROR_INVAL, "info parse_json(NULL info)");
    CHECK(ours.channel_connection_parse_json(NULL, NULL, &e) == ERROR_INVAL, "connection parse_json(NULL value)");
    CHECK(ours.channel_connection_parse_json(NULL, tree, NULL) == ERROR_INVAL, "connection parse_json(NULL e)");
    ours.device_channel_list_free(NULL, 0), ours.device_channel_list_free(NULL, 3);
    {
        libxl_device_channel *list;
        int num;
        CHECK(ours.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL, "config from_json(NULL channels)");
        CHECK(ours.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL, "config from_json(NULL num)");
        CHECK(ours.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL, "config from_json(NULL text)");
        CHECK(!ours.domain_config_channels_to_json(NULL, NULL, 1), "config to_json(NULL)");
        CHECK(!ours.domain_config_channels_to_json(NULL, &c, -1), "config to_json of -1");
    }

    /* libxl asserts that a connection is not set twice. */
    ours.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_PTY);
    ours.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_SOCKET);
    ours.channelinfo_init_connection(&i, LIBXL_CHANNEL_CONNECTION_PTY);
    ours.channelinfo_init_connection(&i, LIBXL_CHANNEL_CONNECTION_SOCKET);
    CHECK(true, "still here");
    ours.device_channel_dispose(&c);
    ours.channelinfo_dispose(&i);
    yajl_tree_free(tree);
    yajl_gen_free(g);
}

/* ---- what libxenlight dies of, where ours returns an error ------------------------------------ */

enum { TWO_CONNECTIONS, SET_TWICE, NULL_TEXT, NULL_STRUCT_TO_JSON, NULL_STRUCT_FROM_JSON, NULL_STRING, NULL_CTX_COPY, DEATHS };
static const char *const deaths[DEATHS] = {
    "from_json of a document with two connections", "init_connection of a struct that has one", "from_json of a NULL text",
    "to_json of a NULL struct", "from_json into a NULL struct", "from_string of NULL", "copy with a NULL ctx",
};

static void die(int how)
{
    libxl_device_channel c, d;
    libxl_channel_connection e;

    peer.device_channel_init(&c), peer.device_channel_init(&d);
    switch (how) {
    case TWO_CONNECTIONS: peer.device_channel_from_json(peer_ctx, &c, "{\"connection.pty\":{},\"connection.socket\":{}}"); break;
    case SET_TWICE:
        peer.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_PTY);
        peer.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_PTY);
        break;
    case NULL_TEXT: peer.device_channel_from_json(peer_ctx, &c, NULL); break;
    case NULL_STRUCT_TO_JSON: peer.device_channel_to_json(peer_ctx, NULL); break;
    case NULL_STRUCT_FROM_JSON: peer.device_channel_from_json(peer_ctx, NULL, "{}"); break;
    case NULL_STRING: peer.channel_connection_from_string(NULL, &e); break;
    case NULL_CTX_COPY:
        c.name = strdup("name");
        peer.device_channel_copy(NULL, &d, &c);
        break;
    }
}

/* Facts for the documentation, not checks: a later libxl may do better. */
static void show_deaths_of_libxl(void)
{
    int how, status;

    for (how = 0; how < DEATHS; how++) {
        pid_t child;
        fflush(stdout);
        child = fork();
        if (child == 0) {
            if (!freopen("/dev/null", "w", stderr))
                _exit(1);
            die(how);
            _exit(0);
        }
        waitpid(child, &status, 0);
        printf("json: libxl: %s: %s\n", deaths[how], WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "lives");
    }
}

int main(void)
{
    unsigned long structs = number_from_env("STRUCTS", 100000), texts = number_from_env("TEXTS", 100000), n;

    seed_random("json");
    quick = getenv("QUICK") != NULL;
    load_ours();
    load_peer();
    for (n = 0; n < structs; n++) {
        test_channel(random_connection());
        test_info(random_connection());
    }
    test_init_connection();
    test_enumeration();
    test_chosen_texts();
    test_prefixes();
    for (n = 0; n < texts; n++)
        test_random_text();
    for (n = 0; n < texts / 5; n++)
        test_random_config();
    test_new_connections();
    test_null();
    test_null_source();
    if (!quick)
        show_deaths_of_libxl();
    free_peer_ctx();
    printf("json: %lu channels, %lu infos, %lu texts (libxenlight takes %lu as a channel, refuses %lu), %lu trees, %lu configs;"
           " not compared: %lu for errno; only ours asked: %lu with two connections; no tree: %lu with comments\n",
           structs, structs, texts, texts_accepted, texts_refused, trees_compared, configs_compared,
           skipped_errno, skipped_crash, skipped_comment);
    return finish("json");
}
