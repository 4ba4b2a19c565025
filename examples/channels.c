/*
 * One channel of each kind for a guest: added, listed with its state, printed as JSON, removed.
 *
 *   cc -o channels channels.c $(pkg-config --cflags --libs xlchannel)
 *   ./channels DOMID [DIRECTORY]     socket and log go to DIRECTORY, by default /run/xlchannel-example
 *
 * The library logs why a call fails, by default to stderr, so the program does not.
 */
#include <libxl_channel.h>
#include <sys/stat.h>

static const struct {
    int connection;
    const char *name, *file;
} kinds[] = {
    { LIBXL_CHANNEL_CONNECTION_PTY,    "org.example.console", NULL },     /* a terminal of this domain */
    { LIBXL_CHANNEL_CONNECTION_SOCKET, "org.example.agent",   "agent" },  /* a Unix socket to connect to */
    { LIBXL_CHANNEL_CONNECTION_PATH,   "org.example.log",     "log" },    /* a file that collects the output */
    { LIBXL_CHANNEL_CONNECTION_NONE,   "org.example.spare",   NULL },     /* nothing, for now */
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static int add(uint32_t domid, const char *directory, int i)
{
    libxl_device_channel channel;
    char path[4096];

    libxl_device_channel_init(&channel);    /* devid -1: the library takes a free one */
    libxl_device_channel_init_connection(&channel, kinds[i].connection);
    channel.name = strdup(kinds[i].name);   /* what a struct points to is malloc'd, and its own */
    if (kinds[i].file) {
        snprintf(path, sizeof path, "%s/%s", directory, kinds[i].file);
        channel.u.socket.path = strdup(path);
    }
    int rc = libxl_device_channel_add(NULL, domid, &channel, NULL);
    libxl_device_channel_dispose(&channel); /* frees what it points to */
    return rc;
}

static int show(uint32_t domid, libxl_device_channel *channel)
{
    libxl_channelinfo info;
    int rc = libxl_device_channel_getinfo(NULL, domid, channel, &info);
    if (rc)
        return rc;
    char *json = libxl_device_channel_to_json(NULL, channel);
    printf("%d %s: %s, state %d, backend %s\n%s", channel->devid, channel->name,
           libxl_channel_connection_to_string(channel->connection), info.state, info.backend, json ? json : "");
    free(json);
    libxl_channelinfo_dispose(&info);
    return json ? 0 : ERROR_NOMEM;
}

int main(int argc, char **argv)
{
    const char *directory = argc == 3 ? argv[2] : "/run/xlchannel-example";
    int domid = argc == 2 || argc == 3 ? atoi(argv[1]) : 0;
    int added = 0, number = 0, failures = 0;

    if (domid <= 0)
        return fprintf(stderr, "usage: %s DOMID [DIRECTORY]\n", argv[0]), 2;
    if (mkdir(directory, 0700) && errno != EEXIST)
        return perror(directory), 1;

    while (added < KINDS && add(domid, directory, added) == 0)
        added++;
    libxl_device_channel *list = libxl_device_channel_list(NULL, domid, &number);
    for (int i = 0; i < number; i++)
        failures += show(domid, &list[i]) != 0;
    libxl_device_channel_list_free(list, number);

    for (int i = 0; i < added; i++) {
        libxl_device_channel channel;       /* with devid -1 the name says which one is meant */
        libxl_device_channel_init(&channel);
        channel.name = strdup(kinds[i].name);
        failures += libxl_device_channel_remove(NULL, domid, &channel, NULL) != 0;
        libxl_device_channel_dispose(&channel);
    }
    return added < KINDS || number < added || failures ? 1 : 0;
}
