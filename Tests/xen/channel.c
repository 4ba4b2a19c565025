/*
 * channel: the library's operations for the scenarios, which run it in dom0. A program in C starts there in a twentieth
 * of the time that Python takes.
 *
 *   channel add DOMID NAME CONNECTION [PATH [BACKEND]]      BACKEND is a domain's number or name; prints the devid
 *   channel list DOMID                                      a line for each: DEVID NAME CONNECTION STATE PATH
 *   channel remove|destroy DOMID DEVID|NAME
 *   channel rounds COUNT DOMID NAME CONNECTION [PATH]       adds and removes it COUNT times
 *
 * The exit status is the error's number without its sign, so 9 for ERROR_TIMEDOUT and 11 for ERROR_NOT_READY.
 */
#include <libxl_channel.h>

static int number(const char *text, int *value)
{
    char *end;
    *value = (int)strtol(text, &end, 10);
    return *text && !*end;
}

static const char *connection_word(int connection)
{
    const char *word = libxl_channel_connection_to_string(connection);
    return word ? word : "unknown";
}

static int add(uint32_t domid, char **argv, int *devid)
{
    libxl_device_channel channel;
    libxl_channel_connection connection;
    int backend;

    libxl_device_channel_init(&channel);
    if (libxl_channel_connection_from_string(argv[1], &connection))
        return ERROR_INVAL;
    libxl_device_channel_init_connection(&channel, connection);
    channel.name = strdup(argv[0]);
    if (argv[2] && *argv[2])
        channel.u.socket.path = strdup(argv[2]);
    if (argv[2] && argv[3] && number(argv[3], &backend))
        channel.backend_domid = (uint32_t)backend;
    else if (argv[2] && argv[3])
        channel.backend_domname = strdup(argv[3]);
    int rc = libxl_device_channel_add(NULL, domid, &channel, NULL);
    *devid = channel.devid;
    libxl_device_channel_dispose(&channel);
    return rc;
}

static int list(uint32_t domid)
{
    int count, rc = 0;
    libxl_device_channel *channels = libxl_device_channel_list(NULL, domid, &count);

    for (int i = 0; i < count; i++) {
        libxl_channelinfo info;
        const char *path = "";
        int status = libxl_device_channel_getinfo(NULL, domid, &channels[i], &info);
        if (status && !rc)
            rc = status;
        if (channels[i].connection == LIBXL_CHANNEL_CONNECTION_PTY)
            path = info.u.pty.path;
        else if ((int)channels[i].connection != LIBXL_CHANNEL_CONNECTION_NONE && channels[i].u.socket.path)
            path = channels[i].u.socket.path;
        printf("%d %s %s %d %s\n", channels[i].devid, channels[i].name, connection_word(channels[i].connection),
               info.state, path ? path : "");
        libxl_channelinfo_dispose(&info);
    }
    libxl_device_channel_list_free(channels, count);
    return rc;
}

static int end(uint32_t domid, const char *which, int at_once)
{
    libxl_device_channel channel;
    int devid;

    libxl_device_channel_init(&channel);
    if (number(which, &devid))
        channel.devid = devid;
    else
        channel.name = strdup(which);
    int rc = at_once ? libxl_device_channel_destroy(NULL, domid, &channel, NULL)
                     : libxl_device_channel_remove(NULL, domid, &channel, NULL);
    libxl_device_channel_dispose(&channel);
    return rc;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[1] : "";
    int rounds = 0, domid, devid, rc = ERROR_INVAL;

    if (!strcmp(verb, "rounds") && number(argv[2], &rounds))
        argv++, argc--;
    if (argc < 3 || !number(argv[2], &domid))
        return fprintf(stderr, "usage: channel add|list|remove|destroy|rounds …, see channel.c\n"), 2;
    if (!strcmp(verb, "list")) {
        rc = list((uint32_t)domid);
    } else if (!strcmp(verb, "add") && argc >= 5) {
        rc = add((uint32_t)domid, argv + 3, &devid);
        if (!rc)
            printf("%d\n", devid);
    } else if (rounds && argc >= 5) {
        for (rc = 0; rounds && !rc; rounds--) {
            rc = add((uint32_t)domid, argv + 3, &devid);
            if (!rc)
                rc = end((uint32_t)domid, argv[3], 0);
        }
    } else if (argc >= 4) {
        rc = end((uint32_t)domid, argv[3], !strcmp(verb, "destroy"));
    }
    return -rc;
}
