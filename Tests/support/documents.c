#include "documents.h"

libxl_ctx *any_ctx(void)
{
    switch (random_below(3)) {
    case 0: return NULL;
    case 1: return peer_ctx;
    default: return (libxl_ctx *)0x10;
    }
}

char *random_string(void)
{
    static const char *const chosen[] = {
        "org.example.channel", "/var/run/channel.sock", "0", "null", "\"", "\\", "/", "\"quoted\\\"",
        "\b\f\n\r\t", "\x01\x02\x1f\x7f", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xaa", "\xff", "\xc3", "\xed\xa0\x80",
        "\xc0\x80", "tab\there", "\\u0000", "a\xffz\"\n", "</script>", " ", "pty", "connection.pty",
    };
    char *s;
    unsigned length, i;

    switch (random_below(10)) {
    case 0: return NULL;
    case 1: return strdup("");
    case 2: case 3: case 4: return strdup(ANY_OF(chosen));
    case 5: length = random_below(40) ? random_below(300) : random_below(20000); break;
    default: length = 1 + random_below(24);
    }
    s = malloc(length + 1);
    switch (random_below(3)) {
    case 0: for (i = 0; i < length; i++) s[i] = (char)(1 + random_below(255)); break;
    case 1: for (i = 0; i < length; i++) s[i] = (char)(1 + random_below(127)); break;
    default: for (i = 0; i < length; i++) s[i] = "abcdefghijklmnopqrstuvwxyz./-\"\\\n"[random_below(32)];
    }
    s[length] = 0;
    return s;
}

int random_int(void)
{
    static const int chosen[] = { 0, 0, -1, -1, 1, 2, 7, 10, INT_MAX, INT_MIN, INT_MIN + 1, -2, 65535, 1 << 30 };
    return random_below(4) ? ANY_OF(chosen) : (int)random_bits();
}

void add_bytes(struct text *t, const char *bytes, size_t length)
{
    if (t->length + length + 1 > t->room) {
        t->room = 2 * (t->length + length + 64);
        t->bytes = realloc(t->bytes, t->room);
    }
    memcpy(t->bytes + t->length, bytes, length);
    t->length += length;
    t->bytes[t->length] = 0;
}

void add(struct text *t, const char *s) { add_bytes(t, s, strlen(s)); }

const char *shown(const char *text)
{
    static char buffer[400];
    size_t n;
    for (n = 0; text[n] && n < sizeof buffer - 1; n++)
        buffer[n] = (unsigned char)text[n] < ' ' ? '~' : text[n];
    buffer[n] = 0;
    return buffer;
}

bool same_class(int a, int b) { return a == b && (a == 0 || a == ERROR_FAIL); }

bool depends_on_stale_errno(const char *text)
{
    bool out_of_range = false, at_the_end = false;
    const char *s;

    for (s = text; *s; s++) {
        long long i;
        double d;
        if (!(*s == '-' || (*s >= '0' && *s <= '9'))
            || (s > text && ((s[-1] >= '0' && s[-1] <= '9') || s[-1] == '-')))
            continue;
        errno = 0;
        i = strtoll(s, NULL, 10);
        out_of_range |= errno == ERANGE;
        at_the_end |= errno == 0 && (i == LLONG_MAX || i == LLONG_MIN);
        errno = 0;
        d = strtod(s, NULL);
        (void)d;
        out_of_range |= errno == ERANGE;
    }
    errno = 0;
    return out_of_range && at_the_end;
}
