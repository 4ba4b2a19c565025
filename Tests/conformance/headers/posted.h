/*
 * posted.h - what libxl_channel_v2.h promises to a compiler.  Included by
 * posted.c and posted.cc, so that both languages check the same.
 */
#include <libxl_channel_v2.h>

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
ASSERT(offsetof(libxl_device_channel, type) == 32);
ASSERT(offsetof(libxl_device_channel, path) == 40);

ASSERT(LIBXL_CHANNEL_TYPE_NONE == 0);
ASSERT(LIBXL_CHANNEL_TYPE_PTY == 1);
ASSERT(LIBXL_CHANNEL_TYPE_PATH == 2);
ASSERT(LIBXL_CHANNEL_TYPE_SOCKET == 3);

#if !LIBXL_HAVE_CHANNEL_TYPE || !LIBXL_HAVE_DEVICE_CHANNEL_V2 || !LIBXL_HAVE_DEVICE_CHANNELS_V2
#error "a LIBXL_HAVE_... macro is missing"
#endif

/* Each call is compiled and, by linking with the library, found; check-headers
 * finds what is missing here. */
static inline int call_everything(libxl_ctx *ctx, yajl_val value, yajl_gen gen)
{
    libxl_device_channel channel;
    libxl_device_channel_released released;
    libxl_device_channel *list;
    libxl_channelinfo info;
    libxl_channel_type type = LIBXL_CHANNEL_TYPE_PATH;
    int num = 0, rc = 0;

    libxl_channel_set_logger(NULL);
    rc |= libxl_channel_last_error() != NULL;
    libxl_device_channel_init(&channel);
    channel.type = type;
    libxl_device_channel_copy(ctx, &channel, &channel);
    rc |= libxl_device_channel_v2_to_released(ctx, &released, &channel);
    rc |= libxl_device_channel_v2_from_released(ctx, &channel, &released);
    rc |= libxl_device_channel_add(ctx, 0, &channel, NULL);
    rc |= libxl_device_channel_remove(ctx, 0, &channel, NULL);
    rc |= libxl_device_channel_destroy(ctx, 0, &channel, NULL);
    rc |= libxl_device_channels_add(ctx, 0, &channel, 1, NULL);
    rc |= libxl_domain_config_channels_from_json(ctx, &list, &num, "{}");
    free(libxl_domain_config_channels_to_json(ctx, &channel, 1));
    list = libxl_device_channel_list(ctx, 0, &num);
    libxl_device_channel_list_free(list, num);
    rc |= libxl_device_channel_getinfo(ctx, 0, &channel, &info);
    rc |= libxl_device_channel_parse_json(ctx, value, &channel);
    rc |= libxl_device_channel_from_json(ctx, &channel, "{}");
    rc |= (int)libxl_device_channel_gen_json(gen, &channel);
    free(libxl_device_channel_to_json(ctx, &channel));
    rc |= !libxl_channel_type_to_string(type);
    rc |= libxl_channel_type_from_string("pty", &type);
    rc |= libxl_channel_type_from_json(ctx, &type, "\"pty\"");
    rc |= (int)libxl_channel_type_gen_json(gen, &type);
    free(libxl_channel_type_to_json(ctx, type));
    rc |= !libxl_channel_type_string_table[0].s;
    libxl_device_channel_dispose(&channel);
    return rc;
}
