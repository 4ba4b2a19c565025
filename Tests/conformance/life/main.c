/* main.c - runs the tests, with what they share. */
#include "life.h"

const struct kind kinds[KINDS] = {
    { LIBXL_CHANNEL_CONNECTION_NONE, "org.test.none", "none", NULL },
    { LIBXL_CHANNEL_CONNECTION_PTY, "org.test.pty", "pty", NULL },
    { LIBXL_CHANNEL_CONNECTION_PATH, "org.test.path", "path", "/var/log/guest.log" },
    { LIBXL_CHANNEL_CONNECTION_SOCKET, "org.test.socket", "socket", "/tmp/chan.sock" },
};

libxl_device_channel new_channel(int connection, const char *name, const char *path)
{
    libxl_device_channel c;
    ours.device_channel_init(&c);
    c.connection = (libxl_channel_connection)connection;
    c.name = name ? strdup(name) : NULL;
    c.u.socket.path = path ? strdup(path) : NULL;
    return c;
}

void free_channel(libxl_device_channel *c)
{
    free(c->u.socket.path);                            /* also where it does not belong */
    c->u.socket.path = NULL;
    c->connection = LIBXL_CHANNEL_CONNECTION_UNKNOWN;
    ours.device_channel_dispose(c);
}

int add_one(uint32_t domid, int devid, int kind, const char *name)
{
    char path[600];
    libxl_device_channel c;
    int rc;

    /* Only one channel may have a file. */
    snprintf(path, sizeof path, "%s.%s", kinds[kind].path ? kinds[kind].path : "", name);
    c = new_channel(kinds[kind].connection, name, !kinds[kind].path ? NULL : kind == PATH ? path : kinds[kind].path);
    c.devid = devid;
    rc = ours.device_channel_add(NULL, domid, &c, NULL);
    CHECK(!rc, "add of %s with devid %d: %d", name, devid, rc);
    devid = c.devid;
    free_channel(&c);
    return devid;
}

int take_away(uint32_t domid, int devid, bool destroy)
{
    libxl_device_channel c;
    int rc;
    ours.device_channel_init(&c);
    c.devid = devid;
    rc = (destroy ? ours.device_channel_destroy : ours.device_channel_remove)(NULL, domid, &c, NULL);
    ours.device_channel_dispose(&c);
    return rc;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_ours();
    open_store();
    test_life();
    test_refusals();
    test_not_found();
    test_devids();
    if (!getenv("QUICK"))
        test_big_directory();
    test_config();
    test_ao_how();
    test_null();
    xs_close(store);
    return finish("life");
}
