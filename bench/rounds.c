/*
 * rounds.c - a guest that fills its ring and waits until the backend has taken
 * all of it, again and again: the same work for the backend each time, so that
 * its instructions can be counted.  See bench/check.
 *
 *   rounds NUMBER FILE       with xenchanneld serving; FILE gets what the guest writes
 */
#include "guest.h"

enum { GUEST = 1 };

int main(int argc, char **argv)
{
    libxl_device_channel channel;
    struct guest guest;
    long left;

    if (argc != 3)
        give_up("usage: rounds NUMBER FILE");
    load_ours();
    open_store();
    guest = open_guest(GUEST);
    ours.device_channel_init(&channel);
    ours.device_channel_init_connection(&channel, (libxl_channel_connection)LIBXL_CHANNEL_CONNECTION_PATH);
    channel.name = strdup("org.example.log");
    channel.u.socket.path = strdup(argv[2]);
    if (ours.device_channel_add(NULL, GUEST, &channel, NULL))
        give_up("add fails");
    connect_guest(&guest, GUEST, channel.devid + 1);
    for (left = atol(argv[1]); left > 0; left--)
        pour(&guest, sizeof guest.ring->out, sizeof guest.ring->out);
    ours.device_channel_dispose(&channel);
}
