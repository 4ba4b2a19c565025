/* config.c - the channels of a domain's configuration. */
#include "json.h"

/* libxl reads the whole configuration, of which the text has nothing but channels and unknown keys. */
static void compare_config(const char *text)
{
    static __typeof__(libxl_domain_config_from_json) *config_from_json;
    static __typeof__(libxl_domain_config_dispose) *config_dispose;
    libxl_domain_config config;
    libxl_device_channel *list = (libxl_device_channel *)0x10;
    int ra, rb, num = -7, n;

    if (!config_from_json) {
        config_from_json = symbol_of(peer.handle, peer.path, "libxl_domain_config_from_json");
        config_dispose = symbol_of(peer.handle, peer.path, "libxl_domain_config_dispose");
    }
    errno = 0;
    ra = config_from_json(peer_ctx, &config, text);
    rb = ours.domain_config_channels_from_json(any_ctx(), &list, &num, text);
    CHECK(same_class(ra, rb), "config from_json %d, ours %d: %s", ra, rb, shown(text));
    CHECK(rb || (num >= 0 && !list == !num), "config from_json: num %d", num);
    CHECK(!rb || (num == 0 && !list), "config from_json %d gives %d", rb, num);
    CHECK(ra || rb || num == config.num_channels, "config of %d channels, ours %d: %s", config.num_channels, num, shown(text));
    for (n = 0; !ra && !rb && n < num && n < config.num_channels; n++)
        CHECK(same_channel(&config.channels[n], &list[n]), "channel %d of a config differs: %s", n, shown(text));
    if (!ra && !rb) {
        /* And back: libxl reads ours as the same. */
        libxl_domain_config again;
        char *json = ours.domain_config_channels_to_json(any_ctx(), list, num);
        CHECK(json && !config_from_json(peer_ctx, &again, json) && again.num_channels == num, "libxl reads %s", json);
        for (n = 0; json && n < num && n < again.num_channels; n++)
            CHECK(same_channel(&again.channels[n], &list[n]), "channel %d is not the same to libxl: %s", n, json);
        if (json)
            config_dispose(&again);
        free(json);
        ours.device_channel_list_free(list, num);
    }
    config_dispose(&config);
    tally.configs_compared++;
}

void test_random_config(void)
{
    struct text t = { 0 };
    unsigned n, count = random_below(5);

    add(&t, random_below(8) ? "{" : "{\"name\":\"channels\",\"x\":{\"channels\":[{}]},");
    if (!random_below(20))
        add(&t, random_below(2) ? "\"channels\":null," : "\"channels\":[],");
    add(&t, "\"channels\":");
    if (!random_below(20)) {
        add_random_map(&t, 2);
        count = 0;
    } else {
        add(&t, "[");
    }
    for (n = 0; n < count; n++) {
        struct text one = { 0 };
        if (n)
            add(&t, ",");
        if (!random_below(12))
            add(&one, random_below(2) ? "null" : "[[{}],7]");
        else if (random_below(2))
            add_random_map(&one, 0);
        else
            add_valid_document(&one);
        add(&t, has_two_connections(one.bytes) ? "{\"devid\":5}" : one.bytes);
        free(one.bytes);
    }
    if (t.bytes[t.length - 1] != '}' || count)
        add(&t, "]");
    add(&t, random_below(8) ? "}" : ",\"channels\":[{\"devid\":1}]}");
    /* A mutation could make two connections out of one: only the tail is cut. */
    if (!random_below(10))
        t.bytes[random_below((unsigned)t.length)] = 0;
    if (!depends_on_stale_errno(t.bytes))
        compare_config(t.bytes);
    free(t.bytes);
}
