/*
 * released.h - what libxl_channel.h promises to a compiler: sizes, offsets,
 * macros, prototypes.  Included by released.c and released.cc, so that both
 * languages check the same.
 */
#include <libxl_channel.h>

#include <stddef.h>

#ifdef __cplusplus
#define ASSERT(condition) static_assert(condition, #condition)
#else
#define ASSERT(condition) _Static_assert(condition, #condition)
#endif

ASSERT(sizeof(libxl_device_channel) == 48);
ASSERT(offsetof(libxl_device_channel, backend_domid) == 0);
ASSERT(offsetof(libxl_device_channel, backend_domname) == 8);
ASSERT(offsetof(libxl_device_channel, devid) == 16);
ASSERT(offsetof(libxl_device_channel, name) == 24);
ASSERT(offsetof(libxl_device_channel, connection) == 32);
ASSERT(offsetof(libxl_device_channel, u) == 40);
ASSERT(offsetof(libxl_device_channel, u.socket.path) == 40);

ASSERT(sizeof(libxl_channelinfo) == 56);
ASSERT(offsetof(libxl_channelinfo, backend) == 0);
ASSERT(offsetof(libxl_channelinfo, backend_id) == 8);
ASSERT(offsetof(libxl_channelinfo, frontend) == 16);
ASSERT(offsetof(libxl_channelinfo, frontend_id) == 24);
ASSERT(offsetof(libxl_channelinfo, devid) == 28);
ASSERT(offsetof(libxl_channelinfo, state) == 32);
ASSERT(offsetof(libxl_channelinfo, evtch) == 36);
ASSERT(offsetof(libxl_channelinfo, rref) == 40);
ASSERT(offsetof(libxl_channelinfo, connection) == 44);
ASSERT(offsetof(libxl_channelinfo, u) == 48);
ASSERT(offsetof(libxl_channelinfo, u.pty.path) == 48);

ASSERT(LIBXL_CHANNEL_CONNECTION_UNKNOWN == 0);
ASSERT(LIBXL_CHANNEL_CONNECTION_PTY == 1);
ASSERT(LIBXL_CHANNEL_CONNECTION_SOCKET == 2);
ASSERT(LIBXL_CHANNEL_CONNECTION_NONE == 0x100);
ASSERT(LIBXL_CHANNEL_CONNECTION_PATH == 0x101);

#if !LIBXL_HAVE_CHANNEL_CONNECTION_NONE || !LIBXL_HAVE_CHANNEL_CONNECTION_PATH \
    || !LIBXL_HAVE_DEVICE_CHANNEL_ADD || !LIBXL_HAVE_DEVICE_CHANNEL_REMOVE \
    || !LIBXL_HAVE_DEVICE_CHANNEL_LIST_FREE || !LIBXL_HAVE_DEVID_TO_DEVICE_CHANNEL \
    || !LIBXL_HAVE_DEVICE_CHANNEL_PARSE_JSON || !LIBXL_HAVE_CHANNEL_SET_LOGGER \
    || !LIBXL_HAVE_DEVICE_CHANNELS_ADD || !LIBXL_HAVE_DOMAIN_CONFIG_CHANNELS \
    || !LIBXL_HAVE_DOMAIN_CHANNEL_LIST || !LIBXL_HAVE_CHANNEL_DOMAIN_QUALIFIER_TO_DOMID \
    || !LIBXL_HAVE_CHANNEL_LAST_ERROR
#error "a LIBXL_HAVE_... macro is missing"
#endif

/* As the header says that the two connections of ours are used; 0 when all is well. */
static inline int use_connections(void)
{
    libxl_device_channel channel, *c = &channel;

    libxl_device_channel_init(c);
#ifdef __cplusplus
    libxl_device_channel_init_connection(c, (libxl_channel_connection)LIBXL_CHANNEL_CONNECTION_NONE);
    c->connection = (libxl_channel_connection)LIBXL_CHANNEL_CONNECTION_PATH;
    if ((int)c->connection == LIBXL_CHANNEL_CONNECTION_NONE || LIBXL_CHANNEL_CONNECTION_PATH != (int)c->connection)
        return 1;
#else
#if LIBXL_CHANNEL_CONNECTION_NONE != 0x100 || LIBXL_CHANNEL_CONNECTION_PATH != 0x101
#error "the connections are no numbers to the preprocessor"
#endif
    libxl_channel_connection connection = LIBXL_CHANNEL_CONNECTION_PATH;

    libxl_device_channel_init_connection(c, LIBXL_CHANNEL_CONNECTION_NONE);
    c->connection = connection;
    if (c->connection == LIBXL_CHANNEL_CONNECTION_NONE || LIBXL_CHANNEL_CONNECTION_PATH != c->connection)
        return 1;
    c->connection = c->name ? LIBXL_CHANNEL_CONNECTION_PTY : LIBXL_CHANNEL_CONNECTION_PATH;
#endif
    switch ((int)c->connection) {
    case LIBXL_CHANNEL_CONNECTION_PTY:
    case LIBXL_CHANNEL_CONNECTION_SOCKET:
        return 1;
    case LIBXL_CHANNEL_CONNECTION_NONE:
        return 2;
    case LIBXL_CHANNEL_CONNECTION_PATH:
        return 0;
    default:
        return 3;
    }
}

/* Each call is compiled and, by linking with the library, found; check-headers
 * finds what is missing here. */
static inline int call_everything(libxl_ctx *ctx, yajl_val value, yajl_gen gen)
{
    libxl_device_channel channel;
    libxl_channelinfo info;
    libxl_channel_connection connection = LIBXL_CHANNEL_CONNECTION_PTY;
    libxl_asyncop_how *how = NULL;
    libxl_device_channel *list;
    libxl_domain_channel *all;
    uint32_t domid;
    int num = 0, rc = 0;
    char *text;

    libxl_channel_set_logger(NULL);
    rc |= libxl_channel_last_error() != NULL;
    libxl_device_channel_init(&channel);
    libxl_device_channel_init_connection(&channel, connection);
    libxl_device_channel_copy(ctx, &channel, &channel);
    rc |= libxl_device_channel_add(ctx, 0, &channel, how);
    rc |= libxl_device_channel_remove(ctx, 0, &channel, how);
    rc |= libxl_device_channel_destroy(ctx, 0, &channel, how);
    list = libxl_device_channel_list(ctx, 0, &num);
    libxl_device_channel_list_free(list, num);
    rc |= libxl_device_channels_add(ctx, 0, NULL, how);
    rc |= libxl_domain_config_channels_from_json(ctx, &list, &num, "{}");
    free(libxl_domain_config_channels_to_json(ctx, list, num));
    rc |= libxl_domain_channel_list(ctx, &all, &num);
    libxl_domain_channel_list_free(all, num);
    rc |= libxl_channel_domain_qualifier_to_domid(ctx, "name", &domid);
    libxl_channelinfo_init(&info);
    libxl_channelinfo_init_connection(&info, connection);
    libxl_channelinfo_copy(ctx, &info, &info);
    rc |= libxl_device_channel_getinfo(ctx, 0, &channel, &info);
    rc |= libxl_devid_to_device_channel(ctx, 0, 0, &channel);
    rc |= libxl_name_to_device_channel(ctx, 0, "name", &channel);
    rc |= libxl_device_channel_parse_json(ctx, value, &channel);
    rc |= libxl_channelinfo_parse_json(ctx, value, &info);
    rc |= libxl_channel_connection_parse_json(ctx, value, &connection);
    rc |= libxl_device_channel_from_json(ctx, &channel, "{}");
    rc |= (int)libxl_device_channel_gen_json(gen, &channel);
    rc |= (int)libxl_channelinfo_gen_json(gen, &info);
    rc |= libxl_channelinfo_from_json(ctx, &info, "{}");
    text = libxl_device_channel_to_json(ctx, &channel);
    free(text);
    text = libxl_channelinfo_to_json(ctx, &info);
    free(text);
    text = libxl_channel_connection_to_json(ctx, connection);
    free(text);
    rc |= !libxl_channel_connection_to_string(connection);
    rc |= libxl_channel_connection_from_string("pty", &connection);
    rc |= libxl_channel_connection_from_json(ctx, &connection, "\"pty\"");
    rc |= (int)libxl_channel_connection_gen_json(gen, &connection);
    rc |= !libxl_channel_connection_string_table[0].s;
    libxl_device_channel_dispose(&channel);
    libxl_channelinfo_dispose(&info);
    return rc;
}
