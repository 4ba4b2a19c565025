/* conversion.c - from one family to the other. */
#include "posted.h"

static const struct { int connection; libxl_channel_type type; } pairs[] = {
    { LIBXL_CHANNEL_CONNECTION_NONE, LIBXL_CHANNEL_TYPE_NONE }, { LIBXL_CHANNEL_CONNECTION_PTY, LIBXL_CHANNEL_TYPE_PTY },
    { LIBXL_CHANNEL_CONNECTION_PATH, LIBXL_CHANNEL_TYPE_PATH }, { LIBXL_CHANNEL_CONNECTION_SOCKET, LIBXL_CHANNEL_TYPE_SOCKET },
};

static bool says_the_same(const libxl_device_channel *r, const libxl_device_channel_v2 *p)
{
    return r->backend_domid == p->backend_domid && same_text(r->backend_domname, p->backend_domname)
        && r->devid == p->devid && same_text(r->name, p->name)
        && (!has_path(r->connection) || same_text(r->u.socket.path, p->path));
}

void test_conversion(void)
{
    size_t n = random_below(COUNT_OF(pairs));
    libxl_device_channel_v2 p, back;
    libxl_device_channel r;
    bool with_path = has_path(pairs[n].connection);
    int rc;

    random_posted(&p);
    p.type = pairs[n].type;
    in_what_was_there(&r, sizeof r);
    rc = posted.device_channel_to_released(any_ctx(), &r, &p);
    CHECK(!rc && (int)r.connection == pairs[n].connection && says_the_same(&r, &p), "to_released of type %d: %d", (int)p.type, rc);
    CHECK((!p.name || r.name != p.name) && (!with_path || !p.path || r.u.socket.path != p.path), "to_released is shallow");
    CHECK(with_path || !r.u.socket.path, "to_released gives a path to connection %d", pairs[n].connection);
    if (!with_path)
        r.u.socket.path = (char *)0x10;                /* a union without members must not be looked at */
    in_what_was_there(&back, sizeof back);
    rc = posted.device_channel_from_released(any_ctx(), &back, &r);
    CHECK(!rc && back.type == p.type && says_the_same(&r, &back), "from_released of connection %d: %d", pairs[n].connection, rc);
    CHECK((!r.name || r.name != back.name) && (!with_path || !r.u.socket.path || r.u.socket.path != back.path), "from_released is shallow");
    CHECK(with_path ? same_posted(&p, &back) : !back.path, "there and back, type %d", (int)p.type);
    ours.device_channel_dispose(&r);
    CHECK(is_initial_released(&r), "dispose of what to_released gave");
    dispose_of(&p), dispose_of(&back);
}

void test_no_conversion(void)
{
    static const int numbers[] = { LIBXL_CHANNEL_CONNECTION_UNKNOWN, 3, 4, -1, 255, 0xff, 0x102, 0x1ff, INT_MAX, INT_MIN };
    static const int types[] = { 4, 5, -1, 0x100, 0x101, 0x102, INT_MAX, INT_MIN };
    size_t n;

    for (n = 0; n < COUNT_OF(numbers); n++) {
        libxl_device_channel r;
        libxl_device_channel_v2 p;
        int rc;
        ours.device_channel_init(&r);
        r.connection = (libxl_channel_connection)numbers[n];
        r.name = strdup("name"), r.backend_domname = strdup("driver"), r.devid = 5, r.backend_domid = 6;
        r.u.socket.path = (char *)0x10;
        memset(&p, 0xaa, sizeof p);
        rc = posted.device_channel_from_released(any_ctx(), &p, &r);
        CHECK(rc == ERROR_INVAL && is_initial_posted(&p), "from_released of connection %d: %d", numbers[n], rc);
        CHECK(same_text(r.name, "name") && r.devid == 5, "from_released changed its source");
        dispose_of(&p);
        ours.device_channel_dispose(&r);
    }
    for (n = 0; n < COUNT_OF(types); n++) {
        libxl_device_channel r;
        libxl_device_channel_v2 p;
        int rc;
        random_posted(&p);
        p.type = (libxl_channel_type)types[n];
        memset(&r, 0xaa, sizeof r);
        rc = posted.device_channel_to_released(any_ctx(), &r, &p);
        CHECK(rc == ERROR_INVAL && is_initial_released(&r), "to_released of type %d: %d", types[n], rc);
        ours.device_channel_dispose(&r);
        dispose_of(&p);
    }
}
