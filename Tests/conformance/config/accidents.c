/* accidents.c - documents after an accident, and chosen ones. */
#include "config.h"

static void compare(const char *text, bool ask)
{
    libxl_device_channel *list = (libxl_device_channel *)0x10;
    libxl_device_channel_v2 *posted_list = (libxl_device_channel_v2 *)0x10;
    int num = -7, posted_num = -7, ra, rb, rp;

    rb = ours.domain_config_channels_from_json(any_ctx(), &list, &num, text);
    CHECK(rb == 0 || rb == ERROR_FAIL, "from_json %d: %s", rb, shown(text));
    CHECK(rb ? num == 0 && !list : num >= 0 && !list == !num, "from_json %d gives %d", rb, num);
    rp = posted.domain_config_channels_from_json(any_ctx(), &posted_list, &posted_num, text);
    CHECK(rp == 0 || rp == ERROR_FAIL, "posted from_json %d: %s", rp, shown(text));
    CHECK(rp ? posted_num == 0 && !posted_list : posted_num >= 0 && !posted_list == !posted_num, "posted from_json %d gives %d", rp, posted_num);
    CHECK(rb || rp || num == posted_num, "%d channels, posted %d", num, posted_num);

    if (!ask || depends_on_stale_errno(text) || (ra = ask_oracle(text)) == TOO_LONG) {
        tally.not_asked++;
    } else if (ra == DIED) {
        tally.libxl_dies++;
    } else if (ra) {
        if (rb) tally.both_refuse++; else tally.only_ours_takes++;
    } else if (CHECK(!rb, "libxenlight takes what ours refuses: %d: %s", rb, shown(text))) {
        libxl_device_channel *known = calloc((size_t)num + 1, sizeof *known);
        char *json;
        int n;
        for (n = 0; n < num; n++) {                    /* libxenlight does not know NONE and PATH */
            known[n] = list[n];
            if ((int)known[n].connection >= LIBXL_CHANNEL_CONNECTION_NONE)
                known[n].connection = LIBXL_CHANNEL_CONNECTION_UNKNOWN;
        }
        json = ours.domain_config_channels_to_json(any_ctx(), known, num);
        CHECK(same_text(json, oracle_channels()), "channels %.600s, ours %.600s", oracle_channels(), json);
        free(known);
        tally.both_take++;
        free(json);
    }
    if (!rb)
        ours.device_channel_list_free(list, num);
    if (!rp)
        posted.device_channel_list_free(posted_list, posted_num);
}

/* A document's lines: beautified, a member or a bracket each. */
struct document { char **line; size_t count; };

static struct document lines_of(const char *text)
{
    struct document d = { 0 };
    while (*text) {
        size_t length = strcspn(text, "\n") + 1;
        d.line = realloc(d.line, (d.count + 1) * sizeof *d.line);
        d.line[d.count++] = strndup(text, length);
        text += text[length - 1] ? length : length - 1;
    }
    return d;
}

static const char *const chosen_values[] = {
    "null", "true", "0", "-1", "7", "2147483648", "4294967296", "99999999999999999999", "1.5", "1e3", "\"\"", "\"channels\"", "\"pty\"", "{}", "[]", "[1]",
    "[{}]", "[null]", "[[[]]]", "{\"channels\":[{\"devid\":5}]}", "[{\"devid\":9,\"name\":\"other\",\"connection.pty\":{}}]",
    "[{\"name\":\"n\",\"connection.socket\":{\"path\":\"/s\"}},7,[]]", "[{\"connection.pty\":{},\"connection.socket\":{}}]", "nul", "",
};

/* The value of a line's member, from its first byte to before the comma; 0 if it is no member, or opens one. */
static size_t value_in(const char *line, size_t *begin)
{
    const char *colon = strstr(line, "\": "), *end = line + strcspn(line, "\n");
    if (!colon || strchr("{[", end[-1]))
        return 0;
    *begin = (size_t)(colon + 3 - line);
    if (end[-1] == ',')
        end--;
    return end > colon + 3 ? (size_t)(end - line) - *begin : 0;
}

static void set_line(char **line, char *to) { free(*line), *line = to; }

static char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *format, ...)
{
    va_list arguments;
    char *text;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

static void random_nesting(struct text *t)
{
    static const char *const openings[] = { "[", "{\"channels\":", "[[{\"a\":", "{\"channels\":[" }, *const closings[] = { "]", "}", "}]]", "]}" };
    unsigned kind = random_below(4), depth = random_below(12) ? random_below(40) : random_below(3000), n;

    for (n = 0; n < depth; n++) add(t, openings[kind]);
    add(t, kind == 0 || kind == 3 ? "" : "1");
    for (n = 0; n < depth; n++) add(t, closings[kind]);
    if (!depth && (kind == 0 || kind == 3)) add(t, "2");
}

/* One accident to a line, or to its neighbourhood. */
static void mutate_line(struct document *d)
{
    size_t at = random_below((unsigned)d->count), begin, length;
    char *line = d->line[at], *key, *end;

    /* Where the channels are, more often. */
    if (random_below(2)) {
        size_t n;
        for (n = 0; n < d->count && strcmp(d->line[n], "    \"channels\": [\n"); n++)
            ;
        if (n < d->count)
            at = n + random_below((unsigned)(d->count - n)), line = d->line[at];
    }
    switch (random_below(9)) {
    case 0:                                            /* gone */
        set_line(&d->line[at], strdup(""));
        break;
    case 1:                                            /* said twice */
        set_line(&d->line[at], format("%s%s", line, line));
        break;
    case 2: case 3:                                    /* another key */
        if ((key = strchr(line, '"')) && (end = strstr(key, "\": "))) {
            static const char *const keys[] = {
                "channels", "Channels", "channels\\u0000x", "ch\\u0061nnels", "name", "devid", "backend_domid", "connection.pty", "connection.socket",
                "connection.unknown", "connection.none", "path", "", "x",
            };
            *key = 0;
            set_line(&d->line[at], format("%s\"%s%s", line, ANY_OF(keys), end));
        }
        break;
    case 4: case 5:                                    /* another value */
        if ((length = value_in(line, &begin)))
            set_line(&d->line[at], format("%.*s%s%s", (int)begin, line, ANY_OF(chosen_values), line + begin + length));
        break;
    case 6:                                            /* channels, where there are none */
        end = line + strcspn(line, "\n");
        if (end > line && end[-1] == '{')
            set_line(&d->line[at], format("%s\"channels\": %s,\n", line, ANY_OF(chosen_values)));
        break;
    case 7: {                                          /* something deep */
        struct text t = { 0 };
        end = line + strcspn(line, "\n");
        if (end > line && end[-1] == '{') {
            add(&t, line), add(&t, random_below(3) ? "\"x\":" : "\"channels\":"), random_nesting(&t), add(&t, ",\n");
            set_line(&d->line[at], strdup(t.bytes));
        } else if ((length = value_in(line, &begin))) {
            add_bytes(&t, line, begin), random_nesting(&t), add(&t, line + begin + length);
            set_line(&d->line[at], strdup(t.bytes));
        }
        free(t.bytes);
        break;
    }
    default: {                                         /* changed places */
        size_t other = random_below((unsigned)d->count);
        d->line[at] = d->line[other], d->line[other] = line;
    }
    }
}

void test_mutation(const char *document)
{
    struct text t = { 0 };
    unsigned rounds;
    size_t n, at;

    if (random_below(4)) {
        struct document d = lines_of(document);
        for (rounds = 1 + random_below(3); rounds; rounds--)
            mutate_line(&d);
        for (n = 0; n < d.count; n++) {
            add(&t, d.line[n]);
            free(d.line[n]);
        }
        free(d.line);
    } else {
        add(&t, document);
        for (rounds = 1 + random_below(3); rounds && t.length; rounds--) {
            at = random_below((unsigned)t.length);
            switch (random_below(3)) {
            case 0: t.bytes[t.length = at] = 0; break;
            case 1: t.bytes[at] = (char)(1 + random_below(255)); break;
            default: t.bytes[at] = (char)(t.bytes[at] ^ 1 << random_below(7)); if (!t.bytes[at]) t.bytes[at] = ' ';
            }
        }
    }
    compare(t.bytes, true);
    free(t.bytes);
}

void test_chosen_documents(void)
{
    static const char *const texts[] = {
        "", "{}", "[]", "null", "1", "\"channels\"", "{\"channels\":[]}", "{\"channels\":null}", "{\"channels\":{}}", "{\"channels\":5}", "{\"channels\":[{}]}",
        "{\"channels\":[{}],\"channels\":[{},{}]}", "{\"channels\":1,\"channels\":[{}]}", "[{\"channels\":[{}]}]", "{\"x\":{\"channels\":[{}]}}",
        "{\"channels\":[{\"channels\":[{\"devid\":3}]}]}", "{\"channels\":[{}]} garbage", "{\"channels\":[{}]", "{\"channels\":[{\"devid\":1},{\"devid\":99999999999}]}",
        "{\"channels\\u0000\":[{}]}", "{\"channels\":[{\"connection.pty\":{}},{\"connection.socket\":{\"path\":\"/s\"}},{\"connection.unknown\":{}}]}",
        "{\"c_info\":1}", "{\"b_info\":{\"type.pv\":{},\"type.hvm\":{}},\"channels\":[{}]}", "{\"disks\":[{\"removable\":\"x\"}],\"channels\":[{\"devid\":2}]}",
    };
    struct text t = { 0 };
    size_t n;
    int depth;

    for (n = 0; n < COUNT_OF(texts); n++)
        compare(texts[n], true);
    for (depth = 1; depth <= 100000; depth *= 10) {    /* deep, and unfinished */
        for (n = 0; n < 2; n++) {
            /* libxenlight takes a time that is the depth's square. */
            bool ask = depth <= (getenv("QUICK") ? 100 : 10000);
            int k;
            t.length = 0;
            add(&t, "{\"channels\":");
            for (k = 0; k < depth; k++) add(&t, n ? "[" : "{\"channels\":");
            compare(t.bytes, ask);
            if (n) for (k = 0; k < depth; k++) add(&t, "]");
            else for (k = 0; k < depth; k++) add(&t, k ? "}" : "[]}");
            add(&t, "}");
            compare(t.bytes, ask);
        }
    }
    free(t.bytes);
}
