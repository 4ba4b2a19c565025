/* ours.c - what only our library has: its connections, and an answer to NULL. */
#include "json.h"

static void round_trip(int connection, const char *shape)
{
    libxl_device_channel c, d;
    libxl_channelinfo i, j;
    char *json;

    random_channel(&c, connection);
    /* NULL is left out, an empty string is not; text that is not UTF-8 is refused when read. */
    free(c.name), free(c.backend_domname);
    c.name = strdup("org.example.\"\\\n\xc3\xa9"), c.backend_domname = random_below(2) ? strdup("") : NULL;
    if (connection == LIBXL_CHANNEL_CONNECTION_PATH) {
        free(c.u.socket.path);
        c.u.socket.path = random_below(4) ? strdup("/var/log/\xc3\xa9\".log") : NULL;
    }
    json = ours.device_channel_to_json(any_ctx(), &c);
    CHECK(json && strstr(json, shape), "no %s in %s", shape, json);
    CHECK(json && !strstr(json, "\"backend_domname\": \"\"") == !c.backend_domname, "an empty string in %s", json);
    CHECK(json && (!has_path(connection) || !c.u.socket.path || strstr(json, "\"path\": \"/var/log/\xc3\xa9\\\".log\"")),
          "no path in %s", json);
    CHECK(!ours.device_channel_from_json(any_ctx(), &d, json) && same_channel(&c, &d), "round trip of %s", json);
    ours.device_channel_dispose(&d);
    ours.device_channel_init(&d);
    ours.device_channel_copy(any_ctx(), &d, &c);
    CHECK(same_channel(&c, &d) && (!has_path(connection) || !c.u.socket.path || c.u.socket.path != d.u.socket.path),
          "copy of connection 0x%x", connection);
    ours.device_channel_dispose(&d), ours.device_channel_dispose(&d);
    ours.device_channel_dispose(&c);
    free(json);

    random_info(&i, connection);
    free(i.backend), free(i.frontend);
    i.backend = strdup("/local/domain/0/backend/console/1/2"), i.frontend = NULL;
    json = ours.channelinfo_to_json(any_ctx(), &i);
    CHECK(json && strstr(json, shape), "no %s in info %s", shape, json);
    CHECK(!ours.channelinfo_from_json(any_ctx(), &j, json) && same_info(&i, &j), "round trip of info %s", json);
    ours.channelinfo_dispose(&j);
    ours.channelinfo_dispose(&i);
    free(json);
}

void test_new_connections(void)
{
    static const struct { int value; const char *text, *json, *shape, *plain; } kinds[] = {
        { LIBXL_CHANNEL_CONNECTION_NONE, "none", "\"none\"\n", "\"connection.none\": {", "{\"connection.none\":{}}" },
        { LIBXL_CHANNEL_CONNECTION_PATH, "path", "\"path\"\n", "\"connection.path\": {", "{\"connection.path\":{\"path\":\"/a\"}}" },
    };
    static const char *const two[] = {
        "{\"connection.none\":{},\"connection.pty\":{}}", "{\"connection.none\":{},\"connection.socket\":{\"path\":\"/s\"}}",
        "{\"connection.path\":{\"path\":\"/p\"},\"connection.pty\":{}}", "{\"connection.path\":{},\"connection.none\":{}}",
        "{\"connection.socket\":{\"path\":\"/s\"},\"connection.path\":{\"path\":\"/p\"}}",
    };
    libxl_device_channel c;
    libxl_channel_connection e;
    size_t n, round;

    for (n = 0; n < COUNT_OF(kinds); n++) {
        const unsigned char *buffer;
        size_t length;
        yajl_gen g = yajl_gen_alloc(NULL);
        char *json;

        CHECK(same_text(ours.channel_connection_to_string(kinds[n].value), kinds[n].text), "to_string %s", kinds[n].text);
        e = 55;
        CHECK(!ours.channel_connection_from_string(kinds[n].text, &e) && (int)e == kinds[n].value, "from_string %s", kinds[n].text);
        e = 55;
        CHECK(!ours.channel_connection_from_string(n ? "PaTh" : "NonE", &e) && (int)e == kinds[n].value, "odd case of %s", kinds[n].text);
        json = ours.channel_connection_to_json(any_ctx(), kinds[n].value);
        CHECK(same_text(json, kinds[n].json), "to_json of %s: %s", kinds[n].text, json);
        e = 55;
        CHECK(json && !ours.channel_connection_from_json(any_ctx(), &e, json) && (int)e == kinds[n].value, "from_json of %s", kinds[n].text);
        free(json);

        for (round = 0; round < (quick ? 50 : 1000); round++)
            round_trip(kinds[n].value, kinds[n].shape);

        CHECK(!ours.device_channel_from_json(any_ctx(), &c, kinds[n].plain) && (int)c.connection == kinds[n].value, "from_json %s", kinds[n].plain);
        CHECK(n == 0 || same_text(c.u.socket.path, "/a"), "path of %s", kinds[n].plain);
        CHECK(ours.device_channel_gen_json(g, &c) == yajl_gen_status_ok, "gen_json of %s", kinds[n].text);
        yajl_gen_get_buf(g, &buffer, &length);
        CHECK(length == strlen(kinds[n].plain) && !memcmp(buffer, kinds[n].plain, length), "gen_json of %s: %.*s", kinds[n].text, (int)length, buffer);
        yajl_gen_free(g);
        ours.device_channel_dispose(&c);

        ours.device_channel_init(&c);
        ours.device_channel_init_connection(&c, kinds[n].value);
        CHECK((int)c.connection == kinds[n].value, "init_connection of %s", kinds[n].text);
        ours.device_channel_dispose(&c);
    }
    for (n = 0; n < COUNT_OF(two); n++) {
        libxl_channelinfo i;
        CHECK(ours.device_channel_from_json(any_ctx(), &c, two[n]) == ERROR_FAIL, "two connections: %s", two[n]);
        ours.device_channel_dispose(&c);
        CHECK(ours.channelinfo_from_json(any_ctx(), &i, two[n]) == ERROR_FAIL, "two connections in an info: %s", two[n]);
        ours.channelinfo_dispose(&i);
    }
    CHECK(ours.string_table[3].s == NULL, "the string table has libxl's entries alone");
}

/* A NULL source leaves what it would fill initialised. */
void test_null_source(void)
{
    libxl_device_channel c;
    libxl_channelinfo i;

    FILL(c);
    CHECK(ours.device_channel_from_json(NULL, &c, NULL) == ERROR_INVAL && is_initial_released(&c), "from_json(NULL text) leaves something");
    ours.device_channel_dispose(&c);
    FILL(c);
    CHECK(ours.device_channel_parse_json(NULL, NULL, &c) == ERROR_INVAL && is_initial_released(&c), "parse_json(NULL value) leaves something");
    ours.device_channel_dispose(&c);
    FILL(i);
    CHECK(ours.channelinfo_from_json(NULL, &i, NULL) == ERROR_INVAL && is_initial_info(&i), "info from_json(NULL text) leaves something");
    ours.channelinfo_dispose(&i);
    FILL(i);
    CHECK(ours.channelinfo_parse_json(NULL, NULL, &i) == ERROR_INVAL && is_initial_info(&i), "info parse_json(NULL value) leaves something");
    ours.channelinfo_dispose(&i);
}

/* NULL wherever a pointer is expected. */
void test_null(void)
{
    libxl_device_channel c;
    libxl_channelinfo i;
    libxl_channel_connection e = LIBXL_CHANNEL_CONNECTION_PTY;
    yajl_gen g = yajl_gen_alloc(NULL);
    char error[64];
    yajl_val tree = yajl_tree_parse("{}", error, sizeof error);

    ours.device_channel_init(&c);
    ours.channelinfo_init(&i);
    ours.device_channel_init(NULL), ours.channelinfo_init(NULL);
    ours.device_channel_init_connection(NULL, 1), ours.channelinfo_init_connection(NULL, 1);
    ours.device_channel_dispose(NULL), ours.channelinfo_dispose(NULL);
    ours.device_channel_copy(NULL, NULL, &c), ours.device_channel_copy(NULL, &c, NULL), ours.device_channel_copy(NULL, NULL, NULL);
    ours.channelinfo_copy(NULL, NULL, &i), ours.channelinfo_copy(NULL, &i, NULL), ours.channelinfo_copy(NULL, NULL, NULL);
    CHECK(ours.device_channel_gen_json(NULL, &c) != yajl_gen_status_ok, "gen_json(NULL, channel)");
    CHECK(ours.device_channel_gen_json(g, NULL) != yajl_gen_status_ok, "gen_json(g, NULL)");
    CHECK(ours.channelinfo_gen_json(NULL, &i) != yajl_gen_status_ok, "info gen_json(NULL, info)");
    CHECK(ours.channelinfo_gen_json(g, NULL) != yajl_gen_status_ok, "info gen_json(g, NULL)");
    CHECK(ours.channel_connection_gen_json(NULL, &e) != yajl_gen_status_ok, "connection gen_json(NULL, e)");
    CHECK(ours.channel_connection_gen_json(g, NULL) != yajl_gen_status_ok, "connection gen_json(g, NULL)");
    CHECK(!ours.device_channel_to_json(NULL, NULL), "to_json(NULL)");
    CHECK(!ours.channelinfo_to_json(NULL, NULL), "info to_json(NULL)");
    CHECK(ours.device_channel_from_json(NULL, &c, NULL) == ERROR_INVAL, "from_json(NULL text)");
    CHECK(ours.device_channel_from_json(NULL, NULL, "{}") == ERROR_INVAL, "from_json(NULL channel)");
    CHECK(ours.channelinfo_from_json(NULL, &i, NULL) == ERROR_INVAL, "info from_json(NULL text)");
    CHECK(ours.channelinfo_from_json(NULL, NULL, "{}") == ERROR_INVAL, "info from_json(NULL info)");
    CHECK(ours.channel_connection_from_json(NULL, &e, NULL) == ERROR_INVAL, "connection from_json(NULL text)");
    CHECK(ours.channel_connection_from_json(NULL, NULL, "\"pty\"") == ERROR_INVAL, "connection from_json(NULL e)");
    CHECK(ours.channel_connection_from_string(NULL, &e) == ERROR_INVAL, "from_string(NULL text)");
    CHECK(ours.channel_connection_from_string("pty", NULL) == ERROR_INVAL, "from_string(NULL e)");
    CHECK(ours.device_channel_parse_json(NULL, NULL, &c) == ERROR_INVAL, "parse_json(NULL value)");
    CHECK(ours.device_channel_parse_json(NULL, tree, NULL) == ERROR_INVAL, "parse_json(NULL channel)");
    CHECK(ours.channelinfo_parse_json(NULL, NULL, &i) == ERROR_INVAL, "info parse_json(NULL value)");
    CHECK(ours.channelinfo_parse_json(NULL, tree, NULL) == ERROR_INVAL, "info parse_json(NULL info)");
    CHECK(ours.channel_connection_parse_json(NULL, NULL, &e) == ERROR_INVAL, "connection parse_json(NULL value)");
    CHECK(ours.channel_connection_parse_json(NULL, tree, NULL) == ERROR_INVAL, "connection parse_json(NULL e)");
    ours.device_channel_list_free(NULL, 0), ours.device_channel_list_free(NULL, 3);
    {
        libxl_device_channel *list;
        int num;
        CHECK(ours.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL, "config from_json(NULL channels)");
        CHECK(ours.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL, "config from_json(NULL num)");
        CHECK(ours.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL, "config from_json(NULL text)");
        CHECK(!ours.domain_config_channels_to_json(NULL, NULL, 1), "config to_json(NULL)");
        CHECK(!ours.domain_config_channels_to_json(NULL, &c, -1), "config to_json of -1");
    }

    /* libxl asserts that a connection is not set twice. */
    ours.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_PTY);
    ours.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_SOCKET);
    ours.channelinfo_init_connection(&i, LIBXL_CHANNEL_CONNECTION_PTY);
    ours.channelinfo_init_connection(&i, LIBXL_CHANNEL_CONNECTION_SOCKET);
    CHECK(true, "still here");
    ours.device_channel_dispose(&c);
    ours.channelinfo_dispose(&i);
    yajl_tree_free(tree);
    yajl_gen_free(g);
}
