/* main.c - runs the parts in the order that the random sequence depends on, and tests the limits. */
#include "config.h"

struct tally tally;

static void test_limits(void)
{
    libxl_device_channel c, *list = (libxl_device_channel *)0x10;
    libxl_device_channel_v2 p;
    int num = -7;
    char *json;

    ours.device_channel_init(&c), posted.device_channel_init(&p);
    json = ours.domain_config_channels_to_json(NULL, NULL, 0);
    CHECK(same_text(json, "{\n\n}\n"), "to_json of NULL, 0: %s", json);
    CHECK(!ours.domain_config_channels_from_json(NULL, &list, &num, json) && !list && !num, "from_json of no channels");
    free(json);
    json = posted.domain_config_channels_to_json(NULL, NULL, 0);
    CHECK(same_text(json, "{\n\n}\n"), "posted to_json of NULL, 0: %s", json);
    free(json);
    CHECK(!ours.domain_config_channels_to_json(NULL, &c, -1) && !ours.domain_config_channels_to_json(NULL, &c, INT_MIN), "to_json of -1");
    CHECK(!ours.domain_config_channels_to_json(NULL, NULL, 1), "to_json of NULL, 1");
    CHECK(!posted.domain_config_channels_to_json(NULL, &p, -1) && !posted.domain_config_channels_to_json(NULL, NULL, 1), "posted to_json of -1, of NULL");
    FILL(num);
    CHECK(ours.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL && !num, "from_json(NULL channels)");
    FILL(list);
    CHECK(ours.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL && !list, "from_json(NULL num)");
    FILL(list), FILL(num);
    CHECK(ours.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL && !list && !num, "from_json(NULL text)");
    ours.device_channel_list_free(list, num);

    /* One, in both families, byte for byte. */
    c.name = "n", c.devid = 3;
    c.connection = LIBXL_CHANNEL_CONNECTION_PTY;
    json = ours.domain_config_channels_to_json(NULL, &c, 1);
    CHECK(same_text(json, "{\n    \"channels\": [\n        {\n            \"devid\": 3,\n            \"name\": \"n\",\n"
                    "            \"connection.pty\": {\n\n            }\n        }\n    ]\n}\n"), "to_json of one: %s", json);
    free(json);
    p.name = "n", p.path = "/p", p.type = LIBXL_CHANNEL_TYPE_PATH;
    json = posted.domain_config_channels_to_json(NULL, &p, 1);
    CHECK(same_text(json, "{\n    \"channels\": [\n        {\n            \"name\": \"n\",\n            \"type\": \"path\",\n"
                    "            \"path\": \"/p\"\n        }\n    ]\n}\n"), "posted to_json of one: %s", json);
    free(json);
}

int main(void)
{
    enum { DOCUMENTS = 40 };
    unsigned long configs = number_from_env("CONFIGS", 400), mutations = number_from_env("MUTATIONS", 10000), n;
    unsigned long documents = mutations < DOCUMENTS ? mutations : DOCUMENTS;
    char *document[DOCUMENTS];

    seed_random("config");
    signal(SIGPIPE, SIG_IGN);
    load_ours();
    load_posted();
    load_peer();
    test_limits();
    for (n = 0; n < configs; n++)
        test_config((int)(n % 21));
    test_chosen_documents();
    for (n = 0; n < documents; n++) {
        libxl_domain_config config;
        random_config(&config, (int)(n % 12));
        document[n] = PEER(libxl_domain_config_to_json)(peer_ctx, &config);
        PEER(libxl_domain_config_dispose)(&config);
    }
    for (n = 0; n < mutations; n++)
        test_mutation(document[n % documents]);
    for (n = 0; n < documents; n++)
        free(document[n]);
    end_oracle();
    free_peer_ctx();
    printf("config: %lu configurations of libxenlight's, %lu bytes each; %lu changed documents: both take %lu, both refuse %lu, only ours takes %lu,"
           " libxenlight dies of %lu, not asked %lu\n",
           configs, configs ? tally.bytes_of_documents / configs : 0, mutations, tally.both_take, tally.both_refuse, tally.only_ours_takes, tally.libxl_dies, tally.not_asked);
    return finish("config");
}
