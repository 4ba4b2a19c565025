/*
 * channels.c - the array of a domain's configuration, added whole or not at
 * all, in both families.  Run it in Tests/host/run, with guests 1 to 3, below
 *
 *   backend --refuse org.test.refused 0 3 --
 */
#include "store.h"
#include "families.h"

#include <pthread.h>

enum { GUEST = 1, UNSERVED = 2, DRIVER_DOMAIN = 3, NO_DOMAIN = 77, NINE = 9, FIFTH = 4 };

/* ---- what is logged -------------------------------------------------------------------- */

static char messages[2000];
static unsigned message_count;

__attribute__((format(printf, 5, 0)))
static void keep_message(struct xentoollog_logger *logger, xentoollog_level level, int errnoval, const char *context,
                         const char *format, va_list arguments)
{
    size_t length = strlen(messages);
    (void)logger, (void)errnoval, (void)context;
    if (level < XTL_WARN)
        return;
    message_count++;
    vsnprintf(messages + length, sizeof messages - length, format, arguments);
    if (getenv("LOG"))
        fprintf(stderr, "%s\n", messages + length);
}

static xentoollog_logger keeping_logger = { keep_message, show_no_progress, destroy_nothing };

static void forget_messages(void) { messages[0] = 0, message_count = 0; }

/* ---- both families, by the posted struct -------------------------------------------------- */

enum { RELEASED, POSTED, FAMILIES };
static const char *const family_names[] = { "released", "posted" };

/* Adds the array as one of the families does, and takes back what is written back. */
static int add_all(int family, uint32_t domid, libxl_device_channel_v2 *channels, int count, const libxl_asyncop_how *how)
{
    libxl_domain_config config;
    int rc, n;

    if (family == POSTED)
        return posted.device_channels_add(NULL, domid, channels, count, how);
    memset(&config, 0, sizeof config);
    config.num_channels = count;
    config.channels = calloc((size_t)count + 1, sizeof *config.channels);
    for (n = 0; n < count; n++)
        if (posted.device_channel_to_released(NULL, &config.channels[n], &channels[n])) {
            libxl_device_channel_v2 c = channels[n];   /* a type that is none becomes UNKNOWN */
            c.type = LIBXL_CHANNEL_TYPE_NONE;
            posted.device_channel_to_released(NULL, &config.channels[n], &c);
            config.channels[n].connection = LIBXL_CHANNEL_CONNECTION_UNKNOWN;
        }
    forget_messages();
    rc = ours.device_channels_add(NULL, domid, &config, how);
    for (n = 0; n < count; n++) {
        CHECK(same_text(config.channels[n].name, channels[n].name), "name %d changed", n);
        channels[n].devid = config.channels[n].devid;
        channels[n].backend_domid = config.channels[n].backend_domid;
    }
    ours.device_channel_list_free(config.channels, count);
    return rc;
}

/* All four types, two of each at least, with three ways to say the driver domain. */
static void nine_channels(libxl_device_channel_v2 *channels)
{
    char text[64];
    int n;

    for (n = 0; n < NINE; n++) {
        libxl_device_channel_v2 *c = &channels[n];
        posted.device_channel_init(c);
        snprintf(text, sizeof text, "org.test.%d", n);
        c->name = strdup(text);
        c->type = (libxl_channel_type)(n % 4);
        snprintf(text, sizeof text, "/tmp/channel.%d", n);
        c->path = c->type == LIBXL_CHANNEL_TYPE_PATH || c->type == LIBXL_CHANNEL_TYPE_SOCKET ? strdup(text) : NULL;
    }
    channels[2].devid = 0;                             /* not the first's, then */
    channels[6].devid = 7;
    channels[1].backend_domid = DRIVER_DOMAIN;
    channels[3].backend_domname = strdup("guest3"), channels[3].backend_domid = 99;
    channels[7].backend_domname = strdup("3");
}

static void free_channels(libxl_device_channel_v2 *channels)
{
    for (int n = 0; n < NINE; n++)
        posted.device_channel_dispose(&channels[n]);
}

static void set_text(char **text, const char *to)
{
    free(*text);
    *text = to ? strdup(to) : NULL;
}

static void destroy_all(uint32_t domid)
{
    int num, n;
    libxl_device_channel *list = ours.device_channel_list(NULL, domid, &num);
    for (n = 0; n < num; n++)
        CHECK(!ours.device_channel_destroy(NULL, domid, &list[n], NULL), "destroy of %s", list[n].name);
    ours.device_channel_list_free(list, num);
}

/* ---- whole ---------------------------------------------------------------------------------- */

/* Another toolstack, that looks all the time: it sees none of the nine, or all. */
static _Atomic bool is_looking;
static unsigned looks, halves;

static void *look(void *unused)
{
    struct xs_handle *eye = xs_open(0);
    char path[64];

    snprintf(path, sizeof path, "/libxl/%d/device/console", GUEST);
    while (eye && is_looking) {
        unsigned count = 0;
        free(xs_directory(eye, XBT_NULL, path, &count));
        looks++;
        usleep(100);
        if (count != 1 && count != NINE + 1)           /* the primary console is there as well */
            halves++;
    }
    xs_close(eye);
    return unused;
}

static void test_whole(int family)
{
    static const int devids[NINE] = { 1, 2, 0, 3, 4, 5, 7, 6, 8 };
    libxl_device_channel_v2 channels[NINE], *list;
    char *before = whole_store(), *middle, path[128];
    pthread_t eye;
    int n, num, rc;

    nine_channels(channels);
    looks = halves = 0;
    is_looking = true;
    pthread_create(&eye, NULL, look, NULL);
    forget_messages();
    rc = add_all(family, GUEST, channels, NINE, NULL);
    is_looking = false;
    pthread_join(eye, NULL);
    CHECK(!rc && !message_count, "%s: add of nine: %d, %s", family_names[family], rc, messages);
    CHECK(looks && !halves, "%s: %u of %u looks saw a part of the nine", family_names[family], halves, looks);
    for (n = 0; n < NINE; n++) {
        uint32_t backend = n == 1 || n == 3 || n == 7 ? DRIVER_DOMAIN : 0;
        char *state;
        CHECK(channels[n].devid == devids[n], "%s: devid %d of channel %d, not %d", family_names[family], channels[n].devid, n, devids[n]);
        CHECK(channels[n].backend_domid == backend, "%s: backend_domid %u of channel %d", family_names[family], channels[n].backend_domid, n);
        snprintf(path, sizeof path, "/local/domain/%u/backend/console/%d/%d", backend, GUEST, devids[n] + 1);
        state = got("%s/state", path);
        CHECK(same_text(state, "2"), "%s: state of %s: %s", family_names[family], path, state);
        free(state);
    }
    list = posted.device_channel_list(NULL, GUEST, &num);
    CHECK(num == NINE, "%s: %d listed", family_names[family], num);
    for (n = 0; n < num; n++) {
        const libxl_device_channel_v2 *c = NULL;
        for (int k = 0; k < NINE; k++)
            if (channels[k].devid == list[n].devid)
                c = &channels[k];
        CHECK(c && same_text(c->name, list[n].name) && c->type == list[n].type && same_text(c->path, list[n].path)
              && c->backend_domid == list[n].backend_domid, "%s: listed devid %d", family_names[family], list[n].devid);
    }
    posted.device_channel_list_free(list, num);

    /* Once more: every name is taken, every devid too. */
    middle = whole_store();
    rc = add_all(family, GUEST, channels, NINE, NULL);
    CHECK(rc == ERROR_DEVICE_EXISTS, "%s: add of nine, again: %d", family_names[family], rc);
    CHECK(same_store(middle, whole_store()), "%s: a second add changed the store", family_names[family]);
    for (n = 0; n < NINE; n++)
        CHECK(!posted.device_channel_remove(NULL, GUEST, &channels[n], NULL), "%s: remove of channel %d", family_names[family], n);
    CHECK(same_store(before, whole_store()), "%s: the store after a life of nine", family_names[family]);
    free_channels(channels);
}

/* ---- or not at all ---------------------------------------------------------------------------- */

/* Expects that the array is refused with rc: no node is changed, no struct, and one
 * message names the domain, the fifth's position and name, and the cause. */
static void refuse(int family, int rc_wanted, uint32_t domid, libxl_device_channel_v2 *channels, const char *cause, const char *what)
{
    libxl_device_channel_v2 keep[NINE];
    char *before = whole_store(), text[400];
    const char *const wanted[] = { "domain ", "channels[4]", text, cause };
    size_t w;
    int rc, n;

    memcpy(keep, channels, sizeof keep);
    forget_messages();
    rc = add_all(family, domid, channels, NINE, NULL);
    CHECK(rc == rc_wanted, "%s: %s: %d, not %d", family_names[family], what, rc, rc_wanted);
    CHECK(same_store(before, whole_store()), "%s: %s changed the store", family_names[family], what);
    for (n = 0; n < NINE; n++)
        CHECK(same_posted(&keep[n], &channels[n]), "%s: %s changed channel %d", family_names[family], what, n);
    snprintf(text, sizeof text, "\"%.256s", keep[FIFTH].name ? keep[FIFTH].name : "");
    CHECK(message_count == 1, "%s: %s logs %u messages: %s", family_names[family], what, message_count, messages);
    for (w = 0; w < COUNT_OF(wanted); w++)
        CHECK(strstr(messages, wanted[w]), "%s: %s: no %s in \"%s\"", family_names[family], what, wanted[w], messages);
    if (!rc)
        destroy_all(domid);
}

static void test_refusals(int family)
{
    static const char long_name[] =
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
    static const struct { const char *what, *cause; int rc, type; const char *name, *path; int devid; const char *backend; } fifths[] = {
        { "no name", "no name", ERROR_INVAL, 1, NULL, NULL, -1, NULL },
        { "an empty name", "no name", ERROR_INVAL, 1, "", NULL, -1, NULL },
        { "a name of 257 bytes", "bytes; 256", ERROR_INVAL, 1, long_name, NULL, -1, NULL },
        { "a socket without a path", "no path", ERROR_INVAL, 3, "fifth", NULL, 5, NULL },
        { "a relative path", "not absolute", ERROR_INVAL, 2, "fifth", "tmp/s", -1, NULL },
        { "a path with a line", "control character", ERROR_INVAL, 2, "fifth", "/tmp/\n", -1, NULL },
        { "devid -2", "out of range", ERROR_INVAL, 1, "fifth", NULL, -2, NULL },
        { "a number that is no type", "connection", ERROR_INVAL, 77, "fifth", NULL, 3, NULL },
        { "a name of the array", "name is taken", ERROR_DEVICE_EXISTS, 1, "org.test.1", NULL, -1, NULL },
        { "a devid of the array", "devid is taken", ERROR_DEVICE_EXISTS, 1, "fifth", NULL, 0, NULL },
        { "a name taken in the domain", "name is taken", ERROR_DEVICE_EXISTS, 0, "taken", NULL, -1, NULL },
        { "a devid taken in the domain", "devid is taken", ERROR_DEVICE_EXISTS, 0, "fifth", NULL, 20, NULL },
        { "a backend of unknown name", "no backend domain", ERROR_DOMAIN_NOTFOUND, 1, "fifth", NULL, -1, "nobody" },
        { "a backend of unknown number", "no backend domain", ERROR_DOMAIN_NOTFOUND, 1, "fifth", NULL, -1, "77" },
        { "a backend that does not serve", "xenchanneld is not running in the backend domain 2", ERROR_NOT_READY, 1, "fifth", NULL, -1, "guest2" },
        { "what the backend refuses", "not with me", ERROR_FAIL, 1, "org.test.refused", NULL, 12, NULL },
    };
    libxl_device_channel_v2 taken;
    char *before = whole_store();
    size_t n;

    posted.device_channel_init(&taken);
    taken.name = strdup("taken"), taken.devid = 20;
    CHECK(!posted.device_channel_add(NULL, GUEST, &taken, NULL), "add");
    for (n = 0; n < COUNT_OF(fifths); n++) {
        libxl_device_channel_v2 channels[NINE], *fifth = &channels[FIFTH];
        nine_channels(channels);
        set_text(&fifth->name, fifths[n].name), set_text(&fifth->path, fifths[n].path), set_text(&fifth->backend_domname, fifths[n].backend);
        fifth->type = (libxl_channel_type)fifths[n].type;
        fifth->devid = fifths[n].devid;
        refuse(family, fifths[n].rc, GUEST, channels, fifths[n].cause, fifths[n].what);
        free_channels(channels);
    }
    CHECK(!posted.device_channel_destroy(NULL, GUEST, &taken, NULL), "destroy");
    posted.device_channel_dispose(&taken);
    CHECK(same_store(before, whole_store()), "%s: the store after all refusals", family_names[family]);
}

static void test_edges(int family)
{
    libxl_device_channel_v2 channels[NINE];
    char *before = whole_store();
    int rc;

    nine_channels(channels);
    forget_messages();
    CHECK(!add_all(family, GUEST, channels, 0, NULL) && !message_count, "%s: add of none: %s", family_names[family], messages);
    forget_messages();
    rc = add_all(family, NO_DOMAIN, channels, NINE, NULL);
    CHECK(rc == ERROR_DOMAIN_NOTFOUND && strstr(messages, "domain 77") && strstr(messages, "no such domain"),
          "%s: add to no domain: %d, %s", family_names[family], rc, messages);
    CHECK(channels[0].devid == -1, "%s: devid %d", family_names[family], channels[0].devid);
    CHECK(same_store(before, whole_store()), "%s: the store after nothing", family_names[family]);
    free_channels(channels);
}

static void test_arguments(void)
{
    libxl_device_channel_v2 c;
    libxl_domain_config config;
    char *before = whole_store();

    posted.device_channel_init(&c);
    memset(&config, 0, sizeof config);
    CHECK(!posted.device_channels_add(NULL, GUEST, NULL, 0, NULL), "add of NULL, 0");
    CHECK(posted.device_channels_add(NULL, GUEST, NULL, 1, NULL) == ERROR_INVAL, "add of NULL, 1");
    CHECK(posted.device_channels_add(NULL, GUEST, &c, -1, NULL) == ERROR_INVAL, "add of -1");
    CHECK(!ours.device_channels_add(NULL, GUEST, &config, NULL), "add of an empty configuration");
    CHECK(ours.device_channels_add(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "add of NULL");
    config.num_channels = 1;
    CHECK(ours.device_channels_add(NULL, GUEST, &config, NULL) == ERROR_INVAL, "add of one that is not there");
    config.num_channels = -1;
    CHECK(ours.device_channels_add(NULL, GUEST, &config, NULL) == ERROR_INVAL, "add of minus one");
    CHECK(same_store(before, whole_store()), "the store after bad arguments");
}

static int callbacks, callback_rc;

static void called_back(libxl_ctx *ctx, int rc, void *cookie)
{
    (void)ctx, (void)cookie;
    callbacks++, callback_rc = rc;
}

static void test_ao_how(int family)
{
    libxl_asyncop_how how = { .callback = called_back }, event = { .callback = NULL };
    libxl_device_channel_v2 channels[NINE];
    char *before = whole_store();
    int rc;

    nine_channels(channels);
    CHECK(add_all(family, GUEST, channels, NINE, &event) == ERROR_INVAL, "%s: add by event", family_names[family]);
    CHECK(same_store(strdup(before), whole_store()), "%s: add by event did something", family_names[family]);
    callbacks = 0, callback_rc = 55;
    rc = add_all(family, GUEST, channels, NINE, &how);
    CHECK(!rc && callbacks == 1 && !callback_rc && channels[0].devid == 1, "%s: add with a callback: %d, %d", family_names[family], rc, callback_rc);
    callbacks = 0, callback_rc = 55;
    rc = add_all(family, GUEST, channels, NINE, &how);
    CHECK(!rc && callbacks == 1 && callback_rc == ERROR_DEVICE_EXISTS, "%s: a failing add with a callback: %d, %d", family_names[family], rc, callback_rc);
    destroy_all(GUEST);
    CHECK(same_store(before, whole_store()), "%s: the store after ao_how", family_names[family]);
    free_channels(channels);
}

int main(void)
{
    int family;

    setvbuf(stdout, NULL, _IOLBF, 0);
    load_ours();
    load_posted();
    ours.channel_set_logger(&keeping_logger);
    open_store();
    for (family = 0; family < FAMILIES; family++) {
        test_whole(family);
        test_refusals(family);
        test_edges(family);
        test_ao_how(family);
    }
    test_arguments();
    ours.channel_set_logger(NULL);
    xs_close(store);
    return finish("channels");
}
