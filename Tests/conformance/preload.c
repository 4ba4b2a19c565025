/*
 * preload.c - a program written for libxl.h that knows nothing of libxlchannel:
 * prints a domain's channels, as text and as JSON.  preload.sh runs it as it is
 * and with libxlchannel preloaded.
 *
 * On stderr it says which library its functions come from.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>
#include <libxl_utils.h>

static void say_where(const char *name, void *function)
{
    Dl_info info;
    fprintf(stderr, "%s is in %s\n", name, dladdr(function, &info) ? basename((char *)info.dli_fname) : "?");
}

int main(int argc, char **argv)
{
    uint32_t domid = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    xentoollog_logger *logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
    libxl_device_channel *channels;
    libxl_ctx *ctx;
    int num, n;

    if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger))
        return 2;
    say_where("list", (void *)libxl_device_channel_list);
    say_where("getinfo", (void *)libxl_device_channel_getinfo);
    say_where("to_json", (void *)libxl_device_channel_to_json);
    say_where("dispose", (void *)libxl_channelinfo_dispose);
    /* Data, which the linker may have copied into this program. */
    for (n = 0; libxl_channel_connection_string_table[n].s; n++)
        printf("%s = %d\n", libxl_channel_connection_string_table[n].s, libxl_channel_connection_string_table[n].v);

    channels = libxl_device_channel_list(ctx, domid, &num);
    printf("%d channels\n", num);
    for (n = 0; n < num; n++) {
        libxl_channelinfo info;
        libxl_device_channel copy;
        char *text;

        libxl_channelinfo_init(&info);
        if (libxl_device_channel_getinfo(ctx, domid, &channels[n], &info))
            return 3;
        printf("%d %s %s state %d evtch %d rref %d backend %s\n", channels[n].devid, channels[n].name,
               libxl_channel_connection_to_string(channels[n].connection), info.state, info.evtch, info.rref, info.backend);
        text = libxl_channelinfo_to_json(ctx, &info);
        printf("%s", text);
        free(text);
        text = libxl_device_channel_to_json(ctx, &channels[n]);
        printf("%s", text);
        libxl_device_channel_dispose(&channels[n]);
        if (libxl_device_channel_from_json(ctx, &copy, text))
            return 4;
        printf("read back: %s\n", copy.name);
        libxl_device_channel_dispose(&copy);
        free(text);
        libxl_channelinfo_dispose(&info);
    }
    free(channels);
    libxl_ctx_free(ctx);
    xtl_logger_destroy(logger);
    return 0;
}
