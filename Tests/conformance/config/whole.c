/* whole.c - whole documents, as libxenlight wrote them. */
#include "config.h"

static void check_same_channels(const libxl_device_channel *a, int num_a, const libxl_device_channel *b, int num_b, const char *what)
{
    int n;
    CHECK(num_a == num_b, "%s: %d channels, ours %d", what, num_a, num_b);
    for (n = 0; n < num_a && n < num_b; n++)
        CHECK(same_channel(&a[n], &b[n]), "%s: channel %d differs", what, n);
}

/* What ours reads, written by ours and read by both, is the same. */
static void check_round_trip(const libxl_device_channel *list, int num)
{
    char *json = ours.domain_config_channels_to_json(any_ctx(), list, num);
    libxl_device_channel *again = (libxl_device_channel *)0x10;
    libxl_domain_config config;
    int rc, again_num = -7;

    if (!CHECK(json != NULL, "to_json of %d", num))
        return;
    CHECK(num || !strcmp(json, "{\n\n}\n"), "to_json of no channels: %s", json);
    rc = ours.domain_config_channels_from_json(any_ctx(), &again, &again_num, json);
    CHECK(!rc, "from_json of ours: %d", rc);
    check_same_channels(list, num, again, again_num, "there and back");
    rc = PEER(libxl_domain_config_from_json)(peer_ctx, &config, json);
    CHECK(!rc, "libxenlight's from_json of ours: %d", rc);
    check_same_channels(config.channels, config.num_channels, again, again_num, "libxenlight reading ours");
    PEER(libxl_domain_config_dispose)(&config);
    ours.device_channel_list_free(again, again_num);
    free(json);
}

/* The same channels, where they have a type, as the posted family's array. */
static void check_posted_round_trip(const libxl_device_channel *list, int num)
{
    libxl_device_channel_v2 *channels = calloc((size_t)num + 1, sizeof *channels), *again = (libxl_device_channel_v2 *)0x10;
    int n, count = 0, again_num = -7, rc;
    char *json;

    for (n = 0; n < num; n++)
        if (!posted.device_channel_from_released(any_ctx(), &channels[count], &list[n]))
            count++;
        else
            posted.device_channel_dispose(&channels[count]);
    if (count)                                         /* the two that libxenlight does not have, too */
        channels[0].type = (libxl_channel_type)random_below(4);
    json = posted.domain_config_channels_to_json(any_ctx(), channels, count);
    CHECK(json && (count || !strcmp(json, "{\n\n}\n")), "to_json of %d posted channels: %s", count, json);
    rc = posted.domain_config_channels_from_json(any_ctx(), &again, &again_num, json);
    CHECK(!rc && again_num == count && !again == !count, "from_json of %d posted channels: %d, %d", count, rc, again_num);
    for (n = 0; n < count && n < again_num; n++)
        CHECK(same_posted(&channels[n], &again[n]), "posted channel %d there and back: %s", n, json);
    posted.device_channel_list_free(again, again_num);
    posted.device_channel_list_free(channels, count);
    free(json);
}

void test_config(int channels)
{
    libxl_domain_config config, again;
    libxl_device_channel *list = (libxl_device_channel *)0x10;
    libxl_device_channel_v2 *posted_list = (libxl_device_channel_v2 *)0x10;
    int num = -7, rc, n;
    char *json;

    random_config(&config, channels);
    json = PEER(libxl_domain_config_to_json)(peer_ctx, &config);
    if (!json)
        give_up("libxenlight cannot write a configuration");
    tally.bytes_of_documents += strlen(json);
    rc = ours.domain_config_channels_from_json(any_ctx(), &list, &num, json);
    CHECK(!rc && !list == !num, "from_json of a configuration: %d, %d", rc, num);
    check_same_channels(config.channels, config.num_channels, list, num, "as they were");
    rc = PEER(libxl_domain_config_from_json)(peer_ctx, &again, json);
    if (CHECK(!rc, "libxenlight refuses what it wrote: %d", rc))
        check_same_channels(again.channels, again.num_channels, list, num, "as libxenlight reads them");
    PEER(libxl_domain_config_dispose)(&again);
    check_round_trip(list, num);
    check_posted_round_trip(list, num);

    /* The posted family's parser does not know connections: every type is NONE. */
    num = -7;
    rc = posted.domain_config_channels_from_json(any_ctx(), &posted_list, &num, json);
    CHECK(!rc && num == channels, "the posted family's from_json: %d, %d", rc, num);
    for (n = 0; n < num && n < channels; n++)
        CHECK(same_text(posted_list[n].name, config.channels[n].name) && posted_list[n].type == LIBXL_CHANNEL_TYPE_NONE, "posted channel %d", n);
    posted.device_channel_list_free(posted_list, num);
    ours.device_channel_list_free(list, channels);
    PEER(libxl_domain_config_dispose)(&config);
    free(json);
}
