/* null.c - NULL wherever a pointer is expected. */
#include "posted.h"

void test_null(void)
{
    libxl_device_channel_v2 p, *list;
    libxl_device_channel r;
    libxl_channel_type type = LIBXL_CHANNEL_TYPE_PTY;
    libxl_channelinfo info;
    yajl_gen g = yajl_gen_alloc(NULL);
    yajl_val tree = yajl_tree_parse("{}", NULL, 0);
    int num;

    posted.device_channel_init(&p), ours.device_channel_init(&r);
    posted.device_channel_init(NULL), posted.device_channel_dispose(NULL);
    posted.device_channel_copy(NULL, NULL, &p), posted.device_channel_copy(NULL, &p, NULL), posted.device_channel_copy(NULL, NULL, NULL);
    posted.device_channel_list_free(NULL, 0), posted.device_channel_list_free(NULL, 3);
    CHECK(posted.device_channel_gen_json(NULL, &p) != yajl_gen_status_ok, "gen_json(NULL, channel)");
    CHECK(posted.device_channel_gen_json(g, NULL) != yajl_gen_status_ok, "gen_json(g, NULL)");
    CHECK(posted.channel_type_gen_json(NULL, &type) != yajl_gen_status_ok, "type gen_json(NULL, type)");
    CHECK(posted.channel_type_gen_json(g, NULL) != yajl_gen_status_ok, "type gen_json(g, NULL)");
    CHECK(!posted.device_channel_to_json(NULL, NULL), "to_json(NULL)");
    CHECK(posted.device_channel_from_json(NULL, &p, NULL) == ERROR_INVAL, "from_json(NULL text)");
    CHECK(posted.device_channel_from_json(NULL, NULL, "{}") == ERROR_INVAL, "from_json(NULL channel)");
    CHECK(posted.device_channel_parse_json(NULL, NULL, &p) == ERROR_INVAL, "parse_json(NULL value)");
    CHECK(posted.device_channel_parse_json(NULL, tree, NULL) == ERROR_INVAL, "parse_json(NULL channel)");
    CHECK(posted.channel_type_from_string(NULL, &type) == ERROR_INVAL, "from_string(NULL text)");
    CHECK(posted.channel_type_from_string("pty", NULL) == ERROR_INVAL, "from_string(NULL type)");
    CHECK(posted.channel_type_from_json(NULL, &type, NULL) == ERROR_INVAL, "type from_json(NULL text)");
    CHECK(posted.channel_type_from_json(NULL, NULL, "\"pty\"") == ERROR_INVAL, "type from_json(NULL type)");
    CHECK(posted.device_channel_from_released(NULL, NULL, &r) == ERROR_INVAL, "from_released(NULL dst)");
    CHECK(posted.device_channel_from_released(NULL, &p, NULL) == ERROR_INVAL, "from_released(NULL src)");
    CHECK(posted.device_channel_to_released(NULL, NULL, &p) == ERROR_INVAL, "to_released(NULL dst)");
    CHECK(posted.device_channel_to_released(NULL, &r, NULL) == ERROR_INVAL, "to_released(NULL src)");
    CHECK(posted.device_channel_add(NULL, 1, NULL, NULL) == ERROR_INVAL, "add(NULL)");
    CHECK(posted.device_channel_remove(NULL, 1, NULL, NULL) == ERROR_INVAL, "remove(NULL)");
    CHECK(posted.device_channel_destroy(NULL, 1, NULL, NULL) == ERROR_INVAL, "destroy(NULL)");
    CHECK(posted.device_channels_add(NULL, 1, NULL, 1, NULL) == ERROR_INVAL, "channels_add(NULL, 1)");
    CHECK(posted.device_channels_add(NULL, 1, &p, -1, NULL) == ERROR_INVAL, "channels_add(-1)");
    CHECK(posted.device_channel_getinfo(NULL, 1, NULL, &info) == ERROR_INVAL, "getinfo(NULL channel)");
    CHECK(posted.device_channel_getinfo(NULL, 1, &p, NULL) == ERROR_INVAL, "getinfo(NULL info)");
    CHECK(!posted.device_channel_list(NULL, 1, NULL), "list(NULL num)");
    CHECK(posted.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL, "config from_json(NULL channels)");
    CHECK(posted.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL, "config from_json(NULL num)");
    CHECK(posted.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL, "config from_json(NULL text)");
    CHECK(!posted.domain_config_channels_to_json(NULL, NULL, 1), "config to_json(NULL)");
    CHECK(!posted.domain_config_channels_to_json(NULL, &p, -1), "config to_json of -1");
    CHECK(is_initial_posted(&p) && is_initial_released(&r) && type == LIBXL_CHANNEL_TYPE_PTY, "NULL changed something");
    yajl_tree_free(tree);
    yajl_gen_free(g);
}

/* A NULL source leaves what it would fill initialised. */
void test_null_source(void)
{
    libxl_device_channel_v2 p, *list;
    libxl_device_channel r;
    libxl_channelinfo info;
    int num;

    FILL(p);
    CHECK(posted.device_channel_from_json(NULL, &p, NULL) == ERROR_INVAL && is_initial_posted(&p), "from_json(NULL text) leaves something");
    dispose_of(&p);
    FILL(p);
    CHECK(posted.device_channel_parse_json(NULL, NULL, &p) == ERROR_INVAL && is_initial_posted(&p), "parse_json(NULL value) leaves something");
    dispose_of(&p);
    FILL(p);
    CHECK(posted.device_channel_from_released(NULL, &p, NULL) == ERROR_INVAL && is_initial_posted(&p), "from_released(NULL src) leaves something");
    dispose_of(&p);
    FILL(r);
    CHECK(posted.device_channel_to_released(NULL, &r, NULL) == ERROR_INVAL && is_initial_released(&r), "to_released(NULL src) leaves something");
    ours.device_channel_dispose(&r);
    FILL(info);
    CHECK(posted.device_channel_getinfo(NULL, 1, NULL, &info) == ERROR_INVAL && is_initial_info(&info), "getinfo(NULL channel) leaves something");
    ours.channelinfo_dispose(&info);
    FILL(list), FILL(num);
    CHECK(posted.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL && !list && !num, "config from_json(NULL text) leaves something");
    posted.device_channel_list_free(list, num);
    FILL(list);
    CHECK(posted.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL && !list, "config from_json(NULL num) leaves a list");
    FILL(num);
    CHECK(posted.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL && !num, "config from_json(NULL channels) leaves a number");
}
