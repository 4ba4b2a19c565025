/* parsing.c - one text, parsed by both libraries in every way. */
#include "json.h"

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

bool has_two_connections(const char *text)
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
        if (ra) tally.texts_refused++; else tally.texts_accepted++;
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

void compare_text(const char *text)
{
    yajl_val tree = NULL;
    char error[64];
    bool two = has_two_connections(text);

    if (depends_on_stale_errno(text)) {
        tally.skipped_errno++;
        return;
    }
    tally.skipped_crash += two;
    /* yajl_tree_parse allows comments, from_json does not. */
    if (strstr(text, "/*") || strstr(text, "//"))
        tally.skipped_comment++;
    else
        tree = yajl_tree_parse(text, error, sizeof error);
    tally.trees_compared += tree != NULL;
    compare_channel(text, !two, tree);
    compare_info(text, !two, tree);
    compare_connection(text, tree);
    yajl_tree_free(tree);
}
