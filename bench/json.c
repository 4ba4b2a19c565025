/*
 * json.c - to_json and from_json of a SOCKET channel.
 */
#include "bench.h"

enum { CALLS = 20000 };
static libxl_device_channel channel;
static char *text;

static void write_ours(void) { free(ours.device_channel_to_json(NULL, &channel)); }
static void write_peer(void) { free(peer.device_channel_to_json(peer_ctx, &channel)); }

static void read_by(const struct api *api)
{
    libxl_device_channel read;
    api->device_channel_init(&read);
    if (api->device_channel_from_json(peer_ctx, &read, text))
        give_up("%s cannot read what it wrote", api->path);
    api->device_channel_dispose(&read);
}
static void read_ours(void) { read_by(&ours); }
static void read_peer(void) { read_by(&peer); }

int main(void)
{
    load_ours();
    load_peer();
    init_socket_channel(&channel);
    channel.devid = 1;
    text = peer.device_channel_to_json(peer_ctx, &channel);

    compare("to_json", CALLS, (struct contender[]){ { "ours", write_ours }, { "peer", write_peer } }, 2);
    compare("from_json", CALLS, (struct contender[]){ { "ours", read_ours }, { "peer", read_peer } }, 2);
    free(text);
    ours.device_channel_dispose(&channel);
    free_peer_ctx();
}
