/*
 * config.c - the channels out of a domain's configuration of 50 KB, which
 * libxenlight can only read as a whole.
 */
#include "bench.h"

enum { CALLS = 50, CHANNELS = 4, SIZE = 50 * 1024 };
static char *text;

/* A document as libxenlight saves it: many disks and interfaces, then a few channels. */
static char *document(int disks)
{
    libxl_domain_config config;
    char name[64], *json;
    int n;

    PEER(libxl_domain_config_init)(&config);
    config.c_info.name = strdup("guest");
    config.c_info.type = LIBXL_DOMAIN_TYPE_PVH;
    PEER(libxl_domain_build_info_init_type)(&config.b_info, LIBXL_DOMAIN_TYPE_PVH);
    config.num_disks = disks, config.disks = calloc((size_t)disks, sizeof *config.disks);
    config.num_nics = disks / 2, config.nics = calloc((size_t)disks, sizeof *config.nics);
    for (n = 0; n < disks; n++) {
        PEER(libxl_device_disk_init)(&config.disks[n]);
        snprintf(name, sizeof name, "/dev/vg/guest-disk%d", n);
        config.disks[n].pdev_path = strdup(name);
        snprintf(name, sizeof name, "xvd%c%d", 'a' + n % 26, n / 26);
        config.disks[n].vdev = strdup(name);
        config.disks[n].format = LIBXL_DISK_FORMAT_RAW;
        config.disks[n].readwrite = 1;
    }
    for (n = 0; n < config.num_nics; n++) {
        PEER(libxl_device_nic_init)(&config.nics[n]);
        config.nics[n].devid = n;
        config.nics[n].bridge = strdup("xenbr0");
        config.nics[n].mac[5] = (uint8_t)n;
    }
    config.num_channels = CHANNELS, config.channels = calloc(CHANNELS, sizeof *config.channels);
    for (n = 0; n < CHANNELS; n++) {
        peer.device_channel_init(&config.channels[n]);
        peer.device_channel_init_connection(&config.channels[n], LIBXL_CHANNEL_CONNECTION_SOCKET);
        snprintf(name, sizeof name, "org.example.%d", n);
        config.channels[n].name = strdup(name);
        snprintf(name, sizeof name, "/var/run/guest/%d", n);
        config.channels[n].u.socket.path = strdup(name);
    }
    json = PEER(libxl_domain_config_to_json)(peer_ctx, &config);
    PEER(libxl_domain_config_dispose)(&config);
    return json;
}

static void read_ours(void)
{
    libxl_device_channel *channels;
    int num;
    if (ours.domain_config_channels_from_json(NULL, &channels, &num, text) || num != CHANNELS)
        give_up("ours finds %d channels", num);
    ours.device_channel_list_free(channels, num);
}

static void read_peer(void)
{
    libxl_domain_config config;
    PEER(libxl_domain_config_init)(&config);
    if (PEER(libxl_domain_config_from_json)(peer_ctx, &config, text) || config.num_channels != CHANNELS)
        give_up("libxenlight finds %d channels", config.num_channels);
    PEER(libxl_domain_config_dispose)(&config);
}

int main(void)
{
    int disks;

    load_ours();
    load_peer();
    for (disks = 2; !text || strlen(text) < SIZE; disks += 2) {
        free(text);
        text = document(disks);
    }
    compare("config", CALLS, (struct contender[]){ { "ours", read_ours }, { "peer", read_peer } }, 2);
    free(text);
    free_peer_ctx();
}
