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
    || !LIBXL_HAVE_DEVICE_CHANNELS_ADD || !LIBXL_HAVE_DOMAIN_CONFIG_CHANNELS
#error "a LIBXL_HAVE_... macro is missing"
#endif

/* Each call is compiled and, by linking with the library, found. */
static inline int call_everything(libxl_ctx *ctx, yajl_val value, yajl_gen gen)
{
    libxl_device_channel channel;
    libxl_channelinfo info;
    libxl_channel_connection connection = LIBXL_CHANNEL_CONNECTION_PTY;
    libxl_asyncop_how *how = NULL;
    libxl_device_channel *list;
    int num = 0, rc = 0;
    char *text;

    libxl_channel_set_logger(NULL);
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
    libxl_channelinfo_init(&info);
    rc |= libxl_device_channel_getinfo(ctx, 0, &channel, &info);
    rc |= libxl_devid_to_device_channel(ctx, 0, 0, &channel);
    rc |= libxl_name_to_device_channel(ctx, 0, "name", &channel);
    rc |= libxl_device_channel_parse_json(ctx, value, &channel);
    rc |= libxl_channelinfo_parse_json(ctx, value, &info);
    rc |= libxl_channel_connection_parse_json(ctx, value, &connection);
    rc |= libxl_device_channel_from_json(ctx, &channel, "{}");
    rc |= (int)libxl_device_channel_gen_json(gen, &channel);
    rc |= (int)libxl_channelinfo_gen_json(gen, &info);
    text = libxl_device_channel_to_json(ctx, &channel);
    free(text);
    rc |= !libxl_channel_connection_to_string(connection);
    rc |= !libxl_channel_connection_string_table[0].s;
    libxl_device_channel_dispose(&channel);
    libxl_channelinfo_dispose(&info);
    return rc;
}
