/*
 * posted.c - the posted family by its symbols: structs, enumeration, JSON, and
 * the way to and from the released family.  The expected texts are written by
 * hand, after libxl's generic rules for a struct with an enumeration: no
 * libxl ever printed one.
 *
 * SEED, STRUCTS and TEXTS (environment) choose the random sequence, the number
 * of random structs and of random texts.
 */
#include "families.h"

/* ---- random structs ---------------------------------------------------------- */

static libxl_channel_type random_type(void)
{
    return (libxl_channel_type)random_below(4);
}

static void random_posted(libxl_device_channel_v2 *c)
{
    memset(c, 0, sizeof *c);
    c->backend_domid = (uint32_t)random_int();
    c->backend_domname = random_string();
    c->devid = random_int();
    c->name = random_string();
    c->type = random_type();
    c->path = random_string();
}

static bool is_all_utf8(const libxl_device_channel_v2 *c)
{
    return is_utf8(c->backend_domname) && is_utf8(c->name) && is_utf8(c->path);
}

static void in_what_was_there(void *p, size_t size) { memset(p, random_below(2) ? 0xaa : 0, size); }

/* Dispose twice: the second finds the struct initialised. */
static void dispose_of(libxl_device_channel_v2 *c)
{
    posted.device_channel_dispose(c);
    CHECK(is_initial_posted(c), "dispose leaves something");
    posted.device_channel_dispose(c);
    CHECK(is_initial_posted(c), "dispose twice");
}

/* ---- JSON ---------------------------------------------------------------------- */

/* What from_json gives for a text, and parse_json for its tree. */
static void check_parsers(const char *text, const libxl_device_channel_v2 *wanted, int rc_wanted)
{
    libxl_device_channel_v2 d;
    char error[64];
    yajl_val tree;
    int rc;

    in_what_was_there(&d, sizeof d);
    rc = posted.device_channel_from_json(any_ctx(), &d, text);
    CHECK(rc == rc_wanted, "from_json %d, not %d: %s", rc, rc_wanted, shown(text));
    CHECK(rc || rc_wanted || same_posted(&d, wanted), "from_json gives another channel: %s", shown(text));
    dispose_of(&d);
    tree = yajl_tree_parse(text, error, sizeof error);
    if (!tree)
        return;                                        /* from_json passes over what follows the value */
    posted.device_channel_init(&d);
    rc = posted.device_channel_parse_json(any_ctx(), tree, &d);
    CHECK(rc == rc_wanted, "parse_json %d, not %d: %s", rc, rc_wanted, shown(text));
    CHECK(rc || rc_wanted || same_posted(&d, wanted), "parse_json gives another channel: %s", shown(text));
    dispose_of(&d);
    yajl_tree_free(tree);
}

/* Into generators of the caller's: libxl's format, and several in one array. */
static void check_generators(libxl_device_channel_v2 *c, const char *json)
{
    yajl_gen g = yajl_gen_alloc(NULL);
    const unsigned char *bytes;
    size_t length;

    yajl_gen_config(g, yajl_gen_beautify, 1);
    yajl_gen_config(g, yajl_gen_indent_string, "    ");
    CHECK(posted.device_channel_gen_json(g, c) == yajl_gen_status_ok, "gen_json");
    yajl_gen_get_buf(g, &bytes, &length);
    CHECK(length == strlen(json) && !memcmp(bytes, json, length), "gen_json %.*s, to_json %s", (int)length, bytes, json);
    CHECK(posted.device_channel_gen_json(g, c) == yajl_gen_generation_complete, "gen_json after the end");
    yajl_gen_free(g);

    g = yajl_gen_alloc(NULL);
    yajl_gen_array_open(g);
    CHECK(posted.device_channel_gen_json(g, c) == yajl_gen_status_ok, "gen_json in an array");
    CHECK(posted.device_channel_gen_json(g, c) == yajl_gen_status_ok, "gen_json in an array, again");
    yajl_gen_array_close(g);
    yajl_gen_get_buf(g, &bytes, &length);
    if (is_all_utf8(c)) {
        yajl_val tree = yajl_tree_parse((const char *)bytes, NULL, 0);
        size_t n;
        CHECK(YAJL_IS_ARRAY(tree) && tree->u.array.len == 2, "an array of two: %.*s", (int)length, bytes);
        for (n = 0; YAJL_IS_ARRAY(tree) && n < tree->u.array.len; n++) {
            libxl_device_channel_v2 d;
            posted.device_channel_init(&d);
            CHECK(!posted.device_channel_parse_json(any_ctx(), tree->u.array.values[n], &d) && same_posted(&d, c),
                  "element %zu of an array: %.*s", n, (int)length, bytes);
            posted.device_channel_dispose(&d);
        }
        yajl_tree_free(tree);
    }
    yajl_gen_free(g);

    g = yajl_gen_alloc(NULL);                          /* a map, where a key is due */
    yajl_gen_map_open(g);
    CHECK(posted.device_channel_gen_json(g, c) == yajl_gen_keys_must_be_strings, "gen_json as a key");
    yajl_gen_free(g);
}

static void test_struct(void)
{
    libxl_device_channel_v2 c, copy, keep;
    char *json;

    random_posted(&c);
    keep = c;
    in_what_was_there(&copy, sizeof copy);
    posted.device_channel_copy(any_ctx(), &copy, &c);
    CHECK(same_posted(&copy, &c), "copy differs");
    CHECK((!c.name || copy.name != c.name) && (!c.path || copy.path != c.path)
          && (!c.backend_domname || copy.backend_domname != c.backend_domname), "copy is shallow");
    json = posted.device_channel_to_json(any_ctx(), &c);
    CHECK(json != NULL, "to_json");
    if (json) {
        check_parsers(json, &c, is_all_utf8(&c) ? 0 : ERROR_FAIL);
        check_generators(&c, json);
        free(json);
    }
    CHECK(!memcmp(&c, &keep, sizeof c), "channel changed by reading it");
    dispose_of(&c);                                    /* the copy has strings of its own */
    json = posted.device_channel_to_json(any_ctx(), &copy);
    CHECK(json != NULL, "to_json of a copy");
    free(json);
    dispose_of(&copy);
}

/* { backend_domid, backend_domname, devid, name, type, path } and its text. */
static const struct { libxl_device_channel_v2 c; const char *json; } shapes[] = {
    { { 0, NULL, -1, NULL, LIBXL_CHANNEL_TYPE_NONE, NULL }, "{\n\n}\n" },
    { { 0, NULL, 0, NULL, LIBXL_CHANNEL_TYPE_NONE, NULL }, "{\n    \"devid\": 0\n}\n" },
    { { 0, NULL, -1, "", LIBXL_CHANNEL_TYPE_NONE, "" }, "{\n    \"name\": \"\",\n    \"path\": \"\"\n}\n" },
    { { 0, "", -1, NULL, LIBXL_CHANNEL_TYPE_PTY, NULL }, "{\n    \"backend_domname\": \"\",\n    \"type\": \"pty\"\n}\n" },
    { { 0, NULL, 4, "org.test.pty", LIBXL_CHANNEL_TYPE_PTY, NULL },
      "{\n    \"devid\": 4,\n    \"name\": \"org.test.pty\",\n    \"type\": \"pty\"\n}\n" },
    { { 0, NULL, 0, "org.test", LIBXL_CHANNEL_TYPE_SOCKET, "/a" },
      "{\n    \"devid\": 0,\n    \"name\": \"org.test\",\n    \"type\": \"socket\",\n    \"path\": \"/a\"\n}\n" },
    { { 7, "driver", -2, "n", LIBXL_CHANNEL_TYPE_PATH, "/var/log/\xc3\xa9\"\\.log" },
      "{\n    \"backend_domid\": 7,\n    \"backend_domname\": \"driver\",\n    \"devid\": -2,\n    \"name\": \"n\",\n"
      "    \"type\": \"path\",\n    \"path\": \"/var/log/\xc3\xa9\\\"\\\\.log\"\n}\n" },
    { { UINT32_MAX, NULL, INT_MAX, "\n\t\x01", LIBXL_CHANNEL_TYPE_SOCKET, NULL },
      "{\n    \"backend_domid\": 4294967295,\n    \"devid\": 2147483647,\n    \"name\": \"\\n\\t\\u0001\",\n    \"type\": \"socket\"\n}\n" },
    { { 1, NULL, INT_MIN, NULL, LIBXL_CHANNEL_TYPE_NONE, "/p" },
      "{\n    \"backend_domid\": 1,\n    \"devid\": -2147483648,\n    \"path\": \"/p\"\n}\n" },
};

static void test_shapes(void)
{
    size_t n;

    for (n = 0; n < COUNT_OF(shapes); n++) {
        libxl_device_channel_v2 c = shapes[n].c;
        char *json = posted.device_channel_to_json(any_ctx(), &c);
        CHECK(same_text(json, shapes[n].json), "to_json %s, not %s", json, shapes[n].json);
        free(json);
        check_parsers(shapes[n].json, &shapes[n].c, 0);
    }
}

/* A number that is no type is written as null, as libxl does; null is read as absent. */
static void test_shape_of_no_type(void)
{
    libxl_device_channel_v2 c = { .devid = -1, .name = "n", .type = (libxl_channel_type)77, .path = "/p" }, copy;
    char *json = posted.device_channel_to_json(any_ctx(), &c);

    CHECK(same_text(json, "{\n    \"name\": \"n\",\n    \"type\": null,\n    \"path\": \"/p\"\n}\n"), "a number that is no type: %s", json);
    free(json);
    posted.device_channel_copy(any_ctx(), &copy, &c);
    CHECK(same_posted(&copy, &c), "copy of a number that is no type");
    dispose_of(&copy);
}

static void test_strictness(void)
{
#define GIVES(...) 0, { __VA_ARGS__ }
#define FAILS ERROR_FAIL, { .devid = -1 }
    static const struct { const char *text; int rc; libxl_device_channel_v2 c; } texts[] = {
        { "{}", GIVES(.devid = -1) },
        { " {\"type\":\"socket\"} and more", GIVES(.devid = -1, .type = LIBXL_CHANNEL_TYPE_SOCKET) },
        { "{\"type\":\"SoCkEt\"}", GIVES(.devid = -1, .type = LIBXL_CHANNEL_TYPE_SOCKET) },
        { "{\"type\":\"PTY\"}", GIVES(.devid = -1, .type = LIBXL_CHANNEL_TYPE_PTY) },
        { "{\"type\":\"Path\"}", GIVES(.devid = -1, .type = LIBXL_CHANNEL_TYPE_PATH) },
        { "{\"type\":\"NONE\"}", GIVES(.devid = -1) },
        { "{\"type\":\"p\\u0074y\"}", GIVES(.devid = -1, .type = LIBXL_CHANNEL_TYPE_PTY) },
        { "{\"type\":null}", GIVES(.devid = -1) },
        { "{\"name\":null,\"path\":null,\"backend_domname\":null}", GIVES(.devid = -1) },
        { "{\"type\":\"pty\",\"type\":\"path\"}", GIVES(.devid = -1, .type = LIBXL_CHANNEL_TYPE_PTY) },
        { "{\"name\":\"a\\u0000b\"}", GIVES(.devid = -1, .name = "a") },
        { "{\"name\":\"\"}", GIVES(.devid = -1, .name = "") },
        { "{\"devid\":12,\"devid\":13}", GIVES(.devid = 12) },
        { "{\"backend_domid\":4294967295}", GIVES(.devid = -1, .backend_domid = UINT32_MAX) },
        /* unknown keys, the released family's among them */
        { "{\"connection.pty\":{},\"connection\":\"pty\",\"Type\":\"pty\",\"x\":{\"type\":\"pty\"},\"y\":[{\"devid\":3}]}", GIVES(.devid = -1) },
        { "{\"u\":{\"path\":\"/p\"},\"name \":1,\"\":2,\"devids\":\"\"}", GIVES(.devid = -1) },
        /* wrong types */
        { "{\"type\":1}", FAILS }, { "{\"type\":true}", FAILS }, { "{\"type\":{}}", FAILS }, { "{\"type\":[\"pty\"]}", FAILS },
        { "{\"name\":1}", FAILS }, { "{\"name\":false}", FAILS }, { "{\"name\":{}}", FAILS }, { "{\"name\":[]}", FAILS },
        { "{\"path\":1}", FAILS }, { "{\"path\":{}}", FAILS }, { "{\"backend_domname\":0}", FAILS },
        { "{\"devid\":\"1\"}", FAILS }, { "{\"devid\":null}", FAILS }, { "{\"devid\":1.0}", FAILS }, { "{\"devid\":true}", FAILS },
        { "{\"devid\":{}}", FAILS }, { "{\"devid\":[1]}", FAILS }, { "{\"backend_domid\":\"0\"}", FAILS }, { "{\"backend_domid\":0.5}", FAILS },
        { "{\"name\":\"good\",\"devid\":[]}", FAILS }, { "{\"name\":\"good\",\"path\":\"/p\",\"type\":0}", FAILS },
        { "{\"name\":1,\"name\":\"second\"}", FAILS },
        /* out of range */
        { "{\"devid\":2147483648}", FAILS }, { "{\"devid\":-2147483649}", FAILS }, { "{\"devid\":99999999999999999999}", FAILS },
        { "{\"backend_domid\":-1}", FAILS }, { "{\"backend_domid\":4294967296}", FAILS },
        /* no types */
        { "{\"type\":\"unknown\"}", FAILS }, { "{\"type\":\"\"}", FAILS }, { "{\"type\":\" pty\"}", FAILS }, { "{\"type\":\"pt\"}", FAILS },
        { "{\"type\":\"ptys\"}", FAILS }, { "{\"type\":\"3\"}", FAILS }, { "{\"type\":\"LIBXL_CHANNEL_TYPE_PTY\"}", FAILS },
        { "{\"name\":\"n\",\"path\":\"/p\",\"type\":\"carrier pigeon\"}", FAILS },
        /* no objects */
        { "null", FAILS }, { "[]", FAILS }, { "[{\"devid\":1}]", FAILS }, { "1", FAILS }, { "\"pty\"", FAILS }, { "true", FAILS },
        /* no JSON */
        { "", FAILS }, { " ", FAILS }, { "{", FAILS }, { "{\"devid\":1", FAILS }, { "{\"devid\":}", FAILS }, { "{devid:1}", FAILS }, { "{\"name\":\"\xff\"}", FAILS },
    };
    size_t n;

    for (n = 0; n < COUNT_OF(texts); n++)
        check_parsers(texts[n].text, &texts[n].c, texts[n].rc);
}

/* Whatever is read can be written and read again; a text and its tree are the same. */
static void test_text(const char *text)
{
    libxl_device_channel_v2 c;
    int rc;

    in_what_was_there(&c, sizeof c);
    rc = posted.device_channel_from_json(any_ctx(), &c, text);
    CHECK(same_class(rc, rc), "from_json %d: %s", rc, shown(text));
    /* yajl_tree_parse allows comments, from_json does not. */
    if (!strstr(text, "/*") && !strstr(text, "//"))
        check_parsers(text, &c, rc);
    if (!rc) {
        char *json = posted.device_channel_to_json(any_ctx(), &c);
        check_parsers(json, &c, 0);
        free(json);
    }
    dispose_of(&c);
}

static unsigned long texts_taken, texts_tried;

static void test_mutated_text(void)
{
    static const char *const pieces[] = {
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "null", "true", "{}", "[]", "0", "-1", "1.5", "99999999999", "\xff", " ",
        "\"type\":\"socket\",", "\"type\": \"unknown\",", "\"type\":null,", "\"path\":\"/x\",", "\"devid\":\"1\",", "\"type\":2,", "PTY", "pty", "x",
    };
    libxl_device_channel_v2 c;
    struct text t = { 0 };
    unsigned rounds = 1 + random_below(3);
    char *json;

    for (random_posted(&c); !is_all_utf8(&c); random_posted(&c))
        posted.device_channel_dispose(&c);
    json = posted.device_channel_to_json(any_ctx(), &c);
    posted.device_channel_dispose(&c);
    add(&t, json);
    while (rounds-- && t.length) {
        size_t at = random_below((unsigned)t.length), length;
        switch (random_below(5)) {
        case 0: t.bytes[t.length = at] = 0; break;
        case 1: t.bytes[at] = (char)(1 + random_below(255)); break;
        case 2:
            length = 1 + random_below(8);
            if (length > t.length - at)
                length = t.length - at;
            memmove(t.bytes + at, t.bytes + at + length, t.length - at - length + 1);
            t.length -= length;
            break;
        default: {
            /* Mostly where a member may begin. */
            const char *begin = random_below(4) ? strchr(t.bytes, '{') : NULL;
            char *rest;
            if (begin)
                at = (size_t)(begin + 1 - t.bytes);
            rest = strdup(t.bytes + at);
            t.bytes[t.length = at] = 0;
            add(&t, ANY_OF(pieces)), add(&t, rest);
            free(rest);
        }
        }
    }
    test_text(t.bytes);
    texts_tried++;
    posted.device_channel_init(&c);
    texts_taken += !posted.device_channel_from_json(NULL, &c, t.bytes);
    posted.device_channel_dispose(&c);
    free(t.bytes), free(json);
}

/* ---- the enumeration ------------------------------------------------------------ */

static const char *const words[] = { "none", "pty", "path", "socket" };
#define NO_TYPE ((libxl_channel_type)55)

static void check_word(const char *text, int rc_wanted, libxl_channel_type wanted)
{
    libxl_channel_type type = NO_TYPE;
    char json[64];
    int rc = posted.channel_type_from_string(text, &type);

    CHECK(rc == rc_wanted && type == wanted, "from_string(\"%s\"): %d %d", shown(text), rc, (int)type);
    if (strlen(text) > 40 || strpbrk(text, "\"\\") || !is_utf8(text))
        return;
    for (const char *s = text; *s; s++)
        if ((unsigned char)*s < ' ')
            return;
    snprintf(json, sizeof json, " \"%s\" ", text);
    type = NO_TYPE;
    rc = posted.channel_type_from_json(any_ctx(), &type, json);
    CHECK(rc == rc_wanted && type == wanted, "from_json(%s): %d %d", json, rc, (int)type);
}

static void test_enumeration(void)
{
    static const int extremes[] = { INT_MIN, INT_MIN + 1, INT_MAX, 0xff, 0x100, 0x101, 0x102, 0x10000, 0x10001, 0x1000001, -256, 1 << 30 };
    static const char *const garbage[] = {
        "", " ", "unknown", "UNKNOWN", "pty ", " pty", "ptyx", "pt", "sock", "socket\n", "0", "1", "3", "null", "no", "nonee", "paths", "\xff", "p\xc3\xbfy",
        "connection.pty", "LIBXL_CHANNEL_TYPE_PTY",
    };
    static const char *const no_words[] = { "", " ", "pty", "null", "1", "true", "{}", "[]", "[\"pty\"]", "{\"type\":\"pty\"}", "\"pty", "\"\xff\"", "'pty'" };
    size_t n;

    for (n = 0; n < 2000 + COUNT_OF(extremes); n++) {
        int value = n < 2000 ? (int)n - 1000 : extremes[n - 2000];
        libxl_channel_type type = (libxl_channel_type)value;
        const char *word = value >= 0 && value < 4 ? words[value] : NULL;
        char *json = posted.channel_type_to_json(any_ctx(), type), wanted[16];
        yajl_gen g = yajl_gen_alloc(NULL);
        const unsigned char *bytes = NULL;
        size_t length = 0;

        snprintf(wanted, sizeof wanted, word ? "\"%s\"\n" : "null\n", word);
        CHECK(same_text(posted.channel_type_to_string(type), word), "to_string(%d)", value);
        CHECK(same_text(json, wanted), "to_json(%d): %s", value, json);
        CHECK(posted.channel_type_gen_json(g, &type) == yajl_gen_status_ok, "gen_json(%d)", value);
        yajl_gen_get_buf(g, &bytes, &length);
        CHECK(length == strlen(wanted) - 1 && !memcmp(bytes, wanted, length), "gen_json(%d): %.*s", value, (int)length, bytes);
        CHECK(posted.channel_type_gen_json(g, &type) == yajl_gen_generation_complete, "gen_json(%d) after the end", value);
        yajl_gen_free(g);
        free(json);
    }
    for (n = 0; n < 4; n++) {                          /* in each mixture of cases */
        size_t length = strlen(words[n]);
        unsigned mixture;
        for (mixture = 0; mixture < 1u << length; mixture++) {
            char text[8];
            for (size_t at = 0; at <= length; at++)
                text[at] = (char)(words[n][at] - (mixture >> at & 1 && words[n][at] ? 'a' - 'A' : 0));
            check_word(text, 0, (libxl_channel_type)n);
        }
        CHECK(same_text(posted.string_table[n].s, words[n]) && posted.string_table[n].v == (int)n, "string table entry %zu", n);
    }
    CHECK(!posted.string_table[4].s && posted.string_table[4].v == -1, "the end of the string table");
    for (n = 0; n < COUNT_OF(garbage); n++)
        check_word(garbage[n], ERROR_FAIL, NO_TYPE);
    for (n = 0; n < 1000; n++) {
        char *text = random_string();
        if (text && strcasecmp(text, "pty"))
            check_word(text, ERROR_FAIL, NO_TYPE);
        free(text);
    }
    for (n = 0; n < COUNT_OF(no_words); n++) {
        libxl_channel_type type = NO_TYPE;
        int rc = posted.channel_type_from_json(any_ctx(), &type, no_words[n]);
        CHECK(rc == ERROR_FAIL && type == NO_TYPE, "from_json(%s): %d %d", no_words[n], rc, (int)type);
    }
}

/* ---- from one family to the other ------------------------------------------------- */

static const struct { int connection; libxl_channel_type type; } pairs[] = {
    { LIBXL_CHANNEL_CONNECTION_NONE, LIBXL_CHANNEL_TYPE_NONE }, { LIBXL_CHANNEL_CONNECTION_PTY, LIBXL_CHANNEL_TYPE_PTY },
    { LIBXL_CHANNEL_CONNECTION_PATH, LIBXL_CHANNEL_TYPE_PATH }, { LIBXL_CHANNEL_CONNECTION_SOCKET, LIBXL_CHANNEL_TYPE_SOCKET },
};

static bool says_the_same(const libxl_device_channel *r, const libxl_device_channel_v2 *p)
{
    return r->backend_domid == p->backend_domid && same_text(r->backend_domname, p->backend_domname)
        && r->devid == p->devid && same_text(r->name, p->name)
        && (!has_path(r->connection) || same_text(r->u.socket.path, p->path));
}

static void test_conversion(void)
{
    size_t n = random_below(COUNT_OF(pairs));
    libxl_device_channel_v2 p, back;
    libxl_device_channel r;
    bool with_path = has_path(pairs[n].connection);
    int rc;

    random_posted(&p);
    p.type = pairs[n].type;
    in_what_was_there(&r, sizeof r);
    rc = posted.device_channel_to_released(any_ctx(), &r, &p);
    CHECK(!rc && (int)r.connection == pairs[n].connection && says_the_same(&r, &p), "to_released of type %d: %d", (int)p.type, rc);
    CHECK((!p.name || r.name != p.name) && (!with_path || !p.path || r.u.socket.path != p.path), "to_released is shallow");
    CHECK(with_path || !r.u.socket.path, "to_released gives a path to connection %d", pairs[n].connection);
    if (!with_path)
        r.u.socket.path = (char *)0x10;                /* a union without members must not be looked at */
    in_what_was_there(&back, sizeof back);
    rc = posted.device_channel_from_released(any_ctx(), &back, &r);
    CHECK(!rc && back.type == p.type && says_the_same(&r, &back), "from_released of connection %d: %d", pairs[n].connection, rc);
    CHECK((!r.name || r.name != back.name) && (!with_path || !r.u.socket.path || r.u.socket.path != back.path), "from_released is shallow");
    CHECK(with_path ? same_posted(&p, &back) : !back.path, "there and back, type %d", (int)p.type);
    ours.device_channel_dispose(&r);
    CHECK(is_initial_released(&r), "dispose of what to_released gave");
    dispose_of(&p), dispose_of(&back);
}

static void test_no_conversion(void)
{
    static const int numbers[] = { LIBXL_CHANNEL_CONNECTION_UNKNOWN, 3, 4, -1, 255, 0xff, 0x102, 0x1ff, INT_MAX, INT_MIN };
    static const int types[] = { 4, 5, -1, 0x100, 0x101, 0x102, INT_MAX, INT_MIN };
    size_t n;

    for (n = 0; n < COUNT_OF(numbers); n++) {
        libxl_device_channel r;
        libxl_device_channel_v2 p;
        int rc;
        ours.device_channel_init(&r);
        r.connection = (libxl_channel_connection)numbers[n];
        r.name = strdup("name"), r.backend_domname = strdup("driver"), r.devid = 5, r.backend_domid = 6;
        r.u.socket.path = (char *)0x10;
        memset(&p, 0xaa, sizeof p);
        rc = posted.device_channel_from_released(any_ctx(), &p, &r);
        CHECK(rc == ERROR_INVAL && is_initial_posted(&p), "from_released of connection %d: %d", numbers[n], rc);
        CHECK(same_text(r.name, "name") && r.devid == 5, "from_released changed its source");
        dispose_of(&p);
        ours.device_channel_dispose(&r);
    }
    for (n = 0; n < COUNT_OF(types); n++) {
        libxl_device_channel r;
        libxl_device_channel_v2 p;
        int rc;
        random_posted(&p);
        p.type = (libxl_channel_type)types[n];
        memset(&r, 0xaa, sizeof r);
        rc = posted.device_channel_to_released(any_ctx(), &r, &p);
        CHECK(rc == ERROR_INVAL && is_initial_released(&r), "to_released of type %d: %d", types[n], rc);
        ours.device_channel_dispose(&r);
        dispose_of(&p);
    }
}

/* ---- NULL wherever a pointer is expected ------------------------------------------- */

static void test_null(void)
{
    libxl_device_channel_v2 p, *list;
    libxl_device_channel r;
    libxl_channel_type type = LIBXL_CHANNEL_TYPE_PTY;
    libxl_channelinfo info;
    yajl_gen g = yajl_gen_alloc(NULL);
    yajl_val tree = yajl_tree_parse("{}", NULL, 0);
    int num;

    posted.device_channel_init(&p), ours.device_channel_init(&r);
    posted.device_channel_init(NULL), posted.device_channel_dispose(NULL);
    posted.device_channel_copy(NULL, NULL, &p), posted.device_channel_copy(NULL, &p, NULL), posted.device_channel_copy(NULL, NULL, NULL);
    posted.device_channel_list_free(NULL, 0), posted.device_channel_list_free(NULL, 3);
    CHECK(posted.device_channel_gen_json(NULL, &p) != yajl_gen_status_ok, "gen_json(NULL, channel)");
    CHECK(posted.device_channel_gen_json(g, NULL) != yajl_gen_status_ok, "gen_json(g, NULL)");
    CHECK(posted.channel_type_gen_json(NULL, &type) != yajl_gen_status_ok, "type gen_json(NULL, type)");
    CHECK(posted.channel_type_gen_json(g, NULL) != yajl_gen_status_ok, "type gen_json(g, NULL)");
    CHECK(!posted.device_channel_to_json(NULL, NULL), "to_json(NULL)");
    CHECK(posted.device_channel_from_json(NULL, &p, NULL) == ERROR_INVAL, "from_json(NULL text)");
    CHECK(posted.device_channel_from_json(NULL, NULL, "{}") == ERROR_INVAL, "from_json(NULL channel)");
    CHECK(posted.device_channel_parse_json(NULL, NULL, &p) == ERROR_INVAL, "parse_json(NULL value)");
    CHECK(posted.device_channel_parse_json(NULL, tree, NULL) == ERROR_INVAL, "parse_json(NULL channel)");
    CHECK(posted.channel_type_from_string(NULL, &type) == ERROR_INVAL, "from_string(NULL text)");
    CHECK(posted.channel_type_from_string("pty", NULL) == ERROR_INVAL, "from_string(NULL type)");
    CHECK(posted.channel_type_from_json(NULL, &type, NULL) == ERROR_INVAL, "type from_json(NULL text)");
    CHECK(posted.channel_type_from_json(NULL, NULL, "\"pty\"") == ERROR_INVAL, "type from_json(NULL type)");
    CHECK(posted.device_channel_from_released(NULL, NULL, &r) == ERROR_INVAL, "from_released(NULL dst)");
    CHECK(posted.device_channel_from_released(NULL, &p, NULL) == ERROR_INVAL, "from_released(NULL src)");
    CHECK(posted.device_channel_to_released(NULL, NULL, &p) == ERROR_INVAL, "to_released(NULL dst)");
    CHECK(posted.device_channel_to_released(NULL, &r, NULL) == ERROR_INVAL, "to_released(NULL src)");
    CHECK(posted.device_channel_add(NULL, 1, NULL, NULL) == ERROR_INVAL, "add(NULL)");
    CHECK(posted.device_channel_remove(NULL, 1, NULL, NULL) == ERROR_INVAL, "remove(NULL)");
    CHECK(posted.device_channel_destroy(NULL, 1, NULL, NULL) == ERROR_INVAL, "destroy(NULL)");
    CHECK(posted.device_channels_add(NULL, 1, NULL, 1, NULL) == ERROR_INVAL, "channels_add(NULL, 1)");
    CHECK(posted.device_channels_add(NULL, 1, &p, -1, NULL) == ERROR_INVAL, "channels_add(-1)");
    CHECK(posted.device_channel_getinfo(NULL, 1, NULL, &info) == ERROR_INVAL, "getinfo(NULL channel)");
    CHECK(posted.device_channel_getinfo(NULL, 1, &p, NULL) == ERROR_INVAL, "getinfo(NULL info)");
    CHECK(!posted.device_channel_list(NULL, 1, NULL), "list(NULL num)");
    CHECK(posted.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL, "config from_json(NULL channels)");
    CHECK(posted.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL, "config from_json(NULL num)");
    CHECK(posted.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL, "config from_json(NULL text)");
    CHECK(!posted.domain_config_channels_to_json(NULL, NULL, 1), "config to_json(NULL)");
    CHECK(!posted.domain_config_channels_to_json(NULL, &p, -1), "config to_json of -1");
    CHECK(is_initial_posted(&p) && is_initial_released(&r) && type == LIBXL_CHANNEL_TYPE_PTY, "NULL changed something");
    yajl_tree_free(tree);
    yajl_gen_free(g);
}

/* A NULL source leaves what it would fill initialised. */
static void test_null_source(void)
{
    libxl_device_channel_v2 p, *list;
    libxl_device_channel r;
    libxl_channelinfo info;
    int num;

    FILL(p);
    CHECK(posted.device_channel_from_json(NULL, &p, NULL) == ERROR_INVAL && is_initial_posted(&p), "from_json(NULL text) leaves something");
    dispose_of(&p);
    FILL(p);
    CHECK(posted.device_channel_parse_json(NULL, NULL, &p) == ERROR_INVAL && is_initial_posted(&p), "parse_json(NULL value) leaves something");
    dispose_of(&p);
    FILL(p);
    CHECK(posted.device_channel_from_released(NULL, &p, NULL) == ERROR_INVAL && is_initial_posted(&p), "from_released(NULL src) leaves something");
    dispose_of(&p);
    FILL(r);
    CHECK(posted.device_channel_to_released(NULL, &r, NULL) == ERROR_INVAL && is_initial_released(&r), "to_released(NULL src) leaves something");
    ours.device_channel_dispose(&r);
    FILL(info);
    CHECK(posted.device_channel_getinfo(NULL, 1, NULL, &info) == ERROR_INVAL && is_initial_info(&info), "getinfo(NULL channel) leaves something");
    ours.channelinfo_dispose(&info);
    FILL(list), FILL(num);
    CHECK(posted.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL && !list && !num, "config from_json(NULL text) leaves something");
    posted.device_channel_list_free(list, num);
    FILL(list);
    CHECK(posted.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL && !list, "config from_json(NULL num) leaves a list");
    FILL(num);
    CHECK(posted.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL && !num, "config from_json(NULL channels) leaves a number");
}

static void test_init(void)
{
    libxl_device_channel_v2 c, zero = { .devid = -1 };

    memset(&c, 0xaa, sizeof c);
    posted.device_channel_init(&c);
    CHECK(is_initial_posted(&c), "init");
    CHECK(!memcmp(&c, &zero, sizeof c), "init leaves padding");
}

int main(void)
{
    unsigned long structs = number_from_env("STRUCTS", 100000), texts = number_from_env("TEXTS", 100000), n;

    seed_random("posted");
    load_ours();
    load_posted();
    test_init();
    test_shapes();
    test_shape_of_no_type();
    test_strictness();
    for (n = 0; n < structs; n++) {
        test_struct();
        test_conversion();
    }
    for (n = 0; n < texts; n++)
        test_mutated_text();
    test_enumeration();
    test_no_conversion();
    test_null();
    test_null_source();
    printf("posted: %lu structs, %lu texts of which %lu are taken\n", structs, texts_tried, texts_taken);
    return finish("posted");
}
