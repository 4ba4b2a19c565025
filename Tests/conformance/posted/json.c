/* json.c - structs and their JSON. */
#include "posted.h"

static bool is_all_utf8(const libxl_device_channel_v2 *c)
{
    return is_utf8(c->backend_domname) && is_utf8(c->name) && is_utf8(c->path);
}

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

void test_struct(void)
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

void test_shapes(void)
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
void test_shape_of_no_type(void)
{
    libxl_device_channel_v2 c = { .devid = -1, .name = "n", .type = (libxl_channel_type)77, .path = "/p" }, copy;
    char *json = posted.device_channel_to_json(any_ctx(), &c);

    CHECK(same_text(json, "{\n    \"name\": \"n\",\n    \"type\": null,\n    \"path\": \"/p\"\n}\n"), "a number that is no type: %s", json);
    free(json);
    posted.device_channel_copy(any_ctx(), &copy, &c);
    CHECK(same_posted(&copy, &c), "copy of a number that is no type");
    dispose_of(&copy);
}

void test_strictness(void)
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

unsigned long texts_taken, texts_tried;

void test_mutated_text(void)
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
