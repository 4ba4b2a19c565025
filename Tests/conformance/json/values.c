/* values.c - random structs. */
#include "json.h"

/* A connection of libxl's, or one that neither library knows. */
int random_connection(void)
{
    static const int unknown[] = { 3, 4, -1, 255, 0x102, 0xff, INT_MAX, INT_MIN };
    return random_below(12) ? (int)random_below(3) : ANY_OF(unknown);
}

/* The union of a connection without members must never be looked at. */
static char *const untouchable = (char *)0x10;

void random_channel(libxl_device_channel *c, int connection)
{
    memset(c, 0, sizeof *c);
    c->backend_domid = (uint32_t)random_int();
    c->backend_domname = random_string();
    c->devid = random_int();
    c->name = random_string();
    c->connection = connection;
    c->u.socket.path = has_path(connection) ? random_string() : untouchable;
}

void random_info(libxl_channelinfo *i, int connection)
{
    memset(i, 0, sizeof *i);
    i->backend = random_string();
    i->backend_id = (uint32_t)random_int();
    i->frontend = random_string();
    i->frontend_id = (uint32_t)random_int();
    i->devid = random_int();
    i->state = random_int();
    i->evtch = random_int();
    i->rref = random_int();
    i->connection = connection;
    i->u.pty.path = connection == LIBXL_CHANNEL_CONNECTION_PTY ? random_string() : untouchable;
}
