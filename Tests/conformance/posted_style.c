/*
 * posted_style.c - a toolstack's source as it would have been written for the
 * patches of 2014: the posted names alone.  It is compiled after
 * libxl_channel_v2.h only, and with AFTER_LIBXL after <libxl.h> as well, and
 * prints what posted_style.expected has.
 *
 *   posted_style DOMID
 */
#define _POSIX_C_SOURCE 200809L
#ifdef AFTER_LIBXL
#include <libxl.h>
#endif
#include <libxl_channel_v2.h>

static void add_to_array(libxl_device_channel **channels, int *num_channels,
                         const char *name, libxl_channel_type type,
                         const char *path)
{
    libxl_device_channel *channel;

    *channels = realloc(*channels,
                        sizeof(libxl_device_channel) * (*num_channels + 1));
    channel = *channels + *num_channels;
    libxl_device_channel_init(channel);
    channel->name = strdup(name);
    channel->type = type;
    channel->path = path ? strdup(path) : NULL;
    (*num_channels)++;
}

static int channel_list(libxl_ctx *ctx, uint32_t domid)
{
    libxl_device_channel *channels;
    libxl_channelinfo info;
    int i, nb;

    channels = libxl_device_channel_list(ctx, domid, &nb);
    for (i = 0; i < nb; i++) {
        if (libxl_device_channel_getinfo(ctx, domid, &channels[i], &info))
            return 1;
        printf("%d %s: %s %s, backend %s, state %d\n", channels[i].devid,
               channels[i].name, libxl_channel_type_to_string(channels[i].type),
               channels[i].path ? channels[i].path : "-", info.backend,
               info.state);
        libxl_channelinfo_dispose(&info);
    }
    for (i = 0; i < nb; i++)
        libxl_device_channel_dispose(&channels[i]);
    free(channels);
    printf("%d channels\n", nb);
    return 0;
}

static int channel_by_itself(libxl_ctx *ctx, uint32_t domid)
{
    libxl_device_channel channel, copy, parsed;
    libxl_channel_type type;
    char *json;
    int rc;

    libxl_device_channel_init(&channel);
    channel.name = strdup("org.test.guest-agent");
    channel.type = LIBXL_CHANNEL_TYPE_SOCKET;
    channel.path = strdup("/var/run/guest-agent.sock");

    rc = libxl_device_channel_add(ctx, domid, &channel, 0);
    if (rc) {
        fprintf(stderr, "libxl_device_channel_add failed: %d\n", rc);
        return rc;
    }
    libxl_device_channel_copy(ctx, &copy, &channel);
    json = libxl_device_channel_to_json(ctx, &copy);
    printf("%s", json);

    rc = libxl_device_channel_from_json(ctx, &parsed, json);
    if (rc || parsed.type != LIBXL_CHANNEL_TYPE_SOCKET || parsed.devid != channel.devid
        || strcmp(parsed.path, "/var/run/guest-agent.sock"))
        return 1;
    if (libxl_channel_type_from_string("path", &type) || type != LIBXL_CHANNEL_TYPE_PATH)
        return 1;

    rc = channel_list(ctx, domid);
    if (!rc)
        rc = libxl_device_channel_remove(ctx, domid, &channel, 0);
    free(json);
    libxl_device_channel_dispose(&parsed);
    libxl_device_channel_dispose(&copy);
    libxl_device_channel_dispose(&channel);
    return rc;
}

static int channels_of_a_config(libxl_ctx *ctx, uint32_t domid)
{
    libxl_device_channel *channels = NULL, *again = NULL;
    int num_channels = 0, num_again = 0, i, rc;
    char *json;

    add_to_array(&channels, &num_channels, "org.test.none", LIBXL_CHANNEL_TYPE_NONE, NULL);
    add_to_array(&channels, &num_channels, "org.test.pty", LIBXL_CHANNEL_TYPE_PTY, NULL);
    add_to_array(&channels, &num_channels, "org.test.path", LIBXL_CHANNEL_TYPE_PATH, "/var/log/guest.log");
    add_to_array(&channels, &num_channels, "org.test.socket", LIBXL_CHANNEL_TYPE_SOCKET, "/tmp/guest.sock");

    rc = libxl_device_channels_add(ctx, domid, channels, num_channels, 0);
    if (rc) return rc;
    json = libxl_domain_config_channels_to_json(ctx, channels, num_channels);
    printf("%s", json);
    rc = libxl_domain_config_channels_from_json(ctx, &again, &num_again, json);
    if (rc || num_again != num_channels) return 1;
    for (i = 0; i < num_again; i++)
        if (again[i].type != channels[i].type || again[i].devid != i)
            return 1;

    rc = channel_list(ctx, domid);
    for (i = 0; i < num_channels && !rc; i++)
        rc = libxl_device_channel_destroy(ctx, domid, &again[i], 0);
    libxl_device_channel_list_free(again, num_again);
    libxl_device_channel_list_free(channels, num_channels);
    free(json);
    return rc;
}

int main(int argc, char **argv)
{
    libxl_ctx *ctx;
    uint32_t domid;
    int rc;

    if (argc != 2) {
        fprintf(stderr, "usage: posted_style DOMID\n");
        return 2;
    }
    domid = (uint32_t)strtoul(argv[1], NULL, 10);
    /* The log is nobody's: nothing is logged when all goes well. */
    if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, NULL)) {
        fprintf(stderr, "cannot init xl context\n");
        return 1;
    }
    rc = channel_by_itself(ctx, domid);
    if (!rc) rc = channels_of_a_config(ctx, domid);
    if (!rc) rc = channel_list(ctx, domid);
    libxl_ctx_free(ctx);
    return rc ? 1 : 0;
}
