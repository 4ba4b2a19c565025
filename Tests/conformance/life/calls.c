/* calls.c - the channels of a configuration, all or none; ao_how; NULL. */
#include "life.h"

void test_config(void)
{
    char *before = whole_store(), *middle;
    libxl_domain_config config;
    libxl_device_channel channels[KINDS];
    int n, rc, num;

    memset(&config, 0, sizeof config);
    CHECK(!ours.device_channels_add(NULL, GUEST, &config, NULL), "add of no channels");
    CHECK(ours.device_channels_add(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "add of a NULL config");
    config.num_channels = KINDS, config.channels = channels;
    for (n = 0; n < KINDS; n++)
        channels[n] = new_channel(kinds[n].connection, kinds[n].name, kinds[n].path);
    channels[1].devid = 0;                             /* taken from the first, that can have any */

    /* The last has a name of another. */
    free(channels[3].name), channels[3].name = strdup(kinds[0].name);
    rc = ours.device_channels_add(NULL, GUEST, &config, NULL);
    CHECK(rc == ERROR_DEVICE_EXISTS, "add of two of one name: %d", rc);
    CHECK(same_store(strdup(before), whole_store()), "an add that failed changed the store");
    /* The last has none. */
    free(channels[3].name), channels[3].name = NULL;
    rc = ours.device_channels_add(NULL, GUEST, &config, NULL);
    CHECK(rc == ERROR_INVAL, "add of a nameless one: %d", rc);
    CHECK(same_store(strdup(before), whole_store()), "an add that failed changed the store");

    channels[3].name = strdup(kinds[3].name);
    rc = ours.device_channels_add(NULL, GUEST, &config, NULL);
    CHECK(!rc, "add of a configuration: %d", rc);
    CHECK(channels[1].devid == 0, "devid 0 was asked for, %d given", channels[1].devid);
    for (n = 0; n < KINDS; n++) {
        libxl_device_channel found;
        CHECK(!ours.name_to_device_channel(NULL, GUEST, kinds[n].name, &found) && found.devid == channels[n].devid && found.devid >= 0 && found.devid < KINDS,
              "channel %d of a configuration", n);
        ours.device_channel_dispose(&found);
    }
    middle = whole_store();
    CHECK(ours.device_channels_add(NULL, GUEST, &config, NULL) == ERROR_DEVICE_EXISTS, "add of a configuration twice");
    CHECK(same_store(middle, whole_store()), "an add that failed changed the store");
    for (n = 0; n < KINDS; n++) {
        CHECK(!ours.device_channel_remove(NULL, GUEST, &channels[n], NULL), "remove of %s", kinds[n].name);
        free_channel(&channels[n]);
    }
    CHECK(!ours.device_channel_list(NULL, GUEST, &num), "%d left", num);
    CHECK(same_store(before, whole_store()), "the store after a configuration");
}

/* ---- ao_how ------------------------------------------------------------------------------ */

static int callbacks, callback_rc;
static void *callback_cookie;
static libxl_ctx *callback_ctx;

static void called_back(libxl_ctx *ctx, int rc, void *cookie)
{
    callbacks++;
    callback_ctx = ctx, callback_rc = rc, callback_cookie = cookie;
}

void test_ao_how(void)
{
    libxl_asyncop_how how = { .callback = called_back, .u.for_callback = &how }, event = { .callback = NULL };
    typedef int operation(libxl_ctx *, uint32_t, libxl_device_channel *, const libxl_asyncop_how *);
    operation *takers[] = { ours.device_channel_remove, ours.device_channel_destroy };
    libxl_ctx *ctx = (libxl_ctx *)0x10;                /* passed on, never read */
    char *before = whole_store();
    int n, rc;

    for (n = 0; n < 2; n++) {
        libxl_device_channel c = new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "async", NULL), again = new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "async", NULL);
        char *middle;
        CHECK(ours.device_channel_add(NULL, GUEST, &c, &event) == ERROR_INVAL, "add by event");
        CHECK(c.devid == -1, "devid %d", c.devid);
        callbacks = 0, callback_rc = 55;
        rc = ours.device_channel_add(ctx, GUEST, &c, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == 0 && callback_cookie == &how && callback_ctx == ctx,
              "add with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        CHECK(c.devid == 0, "devid %d", c.devid);
        callbacks = 0, callback_rc = 55;
        rc = ours.device_channel_add(ctx, GUEST, &again, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == ERROR_DEVICE_EXISTS,
              "a failing add with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        middle = whole_store();
        CHECK(takers[n](NULL, GUEST, &c, &event) == ERROR_INVAL, "remove by event");
        CHECK(same_store(middle, whole_store()), "remove by event did something");
        callbacks = 0, callback_rc = 55;
        rc = takers[n](ctx, GUEST, &c, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == 0 && callback_cookie == &how && callback_ctx == ctx,
              "remove with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        callbacks = 0, callback_rc = 55;
        rc = takers[n](ctx, GUEST, &c, &how);
        CHECK(rc == 0 && callbacks == 1 && callback_rc == ERROR_NOTFOUND,
              "a failing remove with a callback: %d, called %d times with %d", rc, callbacks, callback_rc);
        free_channel(&c), free_channel(&again);
    }
    CHECK(same_store(before, whole_store()), "the store after ao_how");
}

void test_null(void)
{
    libxl_device_channel c;
    libxl_channelinfo info;
    libxl_domain_channel *all;
    int num;
    char *before = whole_store();

    CHECK(ours.device_channel_add(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "add of NULL");
    CHECK(ours.device_channel_remove(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "remove of NULL");
    CHECK(ours.device_channel_destroy(NULL, GUEST, NULL, NULL) == ERROR_INVAL, "destroy of NULL");
    CHECK(ours.devid_to_device_channel(NULL, GUEST, 0, NULL) == ERROR_INVAL, "devid look-up into NULL");
    CHECK(ours.name_to_device_channel(NULL, GUEST, "n", NULL) == ERROR_INVAL, "name look-up into NULL");
    ours.device_channel_list_free(NULL, 0);
    errno = 0;
    CHECK(!ours.device_channel_list(NULL, GUEST, NULL) && errno == EINVAL, "a list without num: %s", strerror(errno));

    /* What would be filled is initialised. */
    FILL(c);
    CHECK(ours.name_to_device_channel(NULL, GUEST, NULL, &c) == ERROR_INVAL && is_initial_released(&c), "look-up of a NULL name");
    ours.device_channel_dispose(&c);
    FILL(info);
    CHECK(ours.device_channel_getinfo(NULL, GUEST, NULL, &info) == ERROR_INVAL && is_initial_info(&info), "getinfo of NULL");
    ours.channelinfo_dispose(&info);
    FILL(all);
    CHECK(ours.domain_channel_list(NULL, &all, NULL) == ERROR_INVAL && !all, "a list of all domains without num");
    FILL(num);
    CHECK(ours.domain_channel_list(NULL, NULL, &num) == ERROR_INVAL && !num, "a list of all domains into NULL");
    ours.domain_channel_list_free(all, num);
    CHECK(same_store(before, whole_store()), "NULL changed the store");
}
