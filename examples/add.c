/* Adds one channel of each kind to a guest, and prints where each can be reached: ./add DOMID DIRECTORY */
#include <libxl_channel.h>

static int add(uint32_t domid, int connection, const char *name, const char *path)
{
    libxl_device_channel channel;
    libxl_channelinfo info;

    libxl_device_channel_init(&channel);        /* devid -1: the lowest free one */
    libxl_device_channel_init_connection(&channel, connection);
    channel.name = strdup(name);                /* what is in a struct is malloc'd, and belongs to it */
    if (path)
        channel.u.socket.path = strdup(path);

    int rc = libxl_device_channel_add(NULL, domid, &channel, NULL);
    if (!rc)
        rc = libxl_device_channel_getinfo(NULL, domid, &channel, &info);
    if (!rc) {
        if (connection == LIBXL_CHANNEL_CONNECTION_PTY)
            path = info.u.pty.path;             /* the terminal exists as soon as add returns */
        printf("devid %d: %s, %s\n", channel.devid, name, path ? path : "nowhere");
        libxl_channelinfo_dispose(&info);
    }
    libxl_device_channel_dispose(&channel);     /* frees what is in it */
    return rc;                                  /* the library has logged the cause, by default to stderr */
}

int main(int argc, char **argv)
{
    char agent[4096], log[4096];

    if (argc != 3 || atoi(argv[1]) <= 0)
        return fprintf(stderr, "usage: %s DOMID DIRECTORY\n", argv[0]), 2;
    uint32_t domid = (uint32_t)atoi(argv[1]);
    snprintf(agent, sizeof agent, "%s/agent", argv[2]);
    snprintf(log, sizeof log, "%s/log", argv[2]);
    return add(domid, LIBXL_CHANNEL_CONNECTION_PTY, "org.example.console", NULL)
        || add(domid, LIBXL_CHANNEL_CONNECTION_SOCKET, "org.example.agent", agent)
        || add(domid, LIBXL_CHANNEL_CONNECTION_PATH, "org.example.log", log)
        || add(domid, LIBXL_CHANNEL_CONNECTION_NONE, "org.example.spare", NULL);
}
