/* texts.c - texts to be parsed: chosen ones, random ones, and parts of documents. */
#include "json.h"

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

void add_random_map(struct text *t, int depth)
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

void add_valid_document(struct text *t)
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

void test_random_text(void)
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

void test_chosen_texts(void)
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
void test_prefixes(void)
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
