/* enumeration.c - the words of libxl_channel_type. */
#include "posted.h"

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

void test_enumeration(void)
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
