/*
 * add.c - adding a channel and removing it, as far as xenstore goes.
 *
 * The peer makes the same device by libxenstore as libxl makes a console, and
 * takes it away as libxl does with devices that it can remove: each request
 * after the reply to the one before (libxl_console.c: libxl__device_console_add;
 * libxl_device.c: libxl__device_add_async, libxl__device_generic_add,
 * libxl__initiate_device_generic_remove, libxl__device_destroy; libxl_xshelp.c:
 * libxl__xs_path_cleanup).  A third one sends our own requests in that manner.
 *
 * All of them watch the backend's state, and find it to be what they wait for.
 * No backend is measured: on its way to xenstored, the state that is written
 * for it to answer is replaced by the answer.
 */
#include "recording.h"

enum { GUEST = 1, CALLS = 4 };
static struct recording life;

static void live_ours(void)
{
    libxl_device_channel channel;
    int added, removed;

    init_socket_channel(&channel);
    added = ours.device_channel_add(NULL, GUEST, &channel, NULL);
    removed = ours.device_channel_remove(NULL, GUEST, &channel, NULL);
    if (added || removed)
        give_up("add gives %d, remove %d", added, removed);
    ours.device_channel_dispose(&channel);
}

/* The backend's answers: to 1 (new) 2, to 5 (closing) 6. */
static void answer(char *bytes, size_t length)
{
    struct xsd_sockmsg header;
    size_t next;

    for (next = 0; next + sizeof header <= length; next += sizeof header + header.len) {
        char *path = bytes + next + sizeof header, *value;
        memcpy(&header, bytes + next, sizeof header);
        if (header.type != XS_WRITE || strncmp(path, "/local/domain/0/backend/", 24) || strcmp(strrchr(path, '/'), "/state"))
            continue;
        value = path + strlen(path) + 1;
        if (*value == '1' || *value == '5')
            ++*value;
    }
}

/* One request of ours, sent by libxenstore. */
static void repeat(const struct xsd_sockmsg *header, const char *path, xs_transaction_t *transaction)
{
    xs_transaction_t t = header->tx_id ? *transaction : XBT_NULL;
    const char *value = path + strlen(path) + 1, *end = path + header->len;
    struct xs_permissions permissions[4];
    unsigned count;

    switch (header->type) {
    case XS_READ: free(xs_read(store, t, path, &count)); break;
    case XS_DIRECTORY: free(xs_directory(store, t, path, &count)); break;
    case XS_WRITE: xs_write(store, t, path, value, (unsigned)(end - value)); break;
    case XS_MKDIR: xs_mkdir(store, t, path); break;
    case XS_RM: xs_rm(store, t, path); break;
    case XS_SET_PERMS:
        for (count = 0; value < end && count < COUNT_OF(permissions); value += strlen(value) + 1, count++)
            xs_strings_to_perms(&permissions[count], 1, value);
        xs_set_permissions(store, t, path, permissions, count);
        break;
    case XS_TRANSACTION_START: *transaction = xs_transaction_start(store); break;
    case XS_TRANSACTION_END:
        if (!xs_transaction_end(store, t, false))
            give_up("the peer's transaction: %s", strerror(errno));
        break;
    case XS_WATCH:
        /* libxl waits on the connection that it has (libxl__ev_devstate_wait). */
        if (!xs_watch(store, path, value) || !xs_unwatch(store, path, value))
            give_up("the peer's watch: %s", strerror(errno));
        break;
    default: give_up("a request of type %u", header->type);
    }
}

static void live_one_by_one(void)
{
    xs_transaction_t transaction = XBT_NULL;
    struct xsd_sockmsg header;
    size_t next;

    for (next = 0; next < life.length; next += sizeof header + header.len) {
        memcpy(&header, life.bytes + next, sizeof header);
        repeat(&header, life.bytes + next + sizeof header, &transaction);
    }
}

/* ---- as libxl does --------------------------------------------------------- */

#define FRONTEND "/local/domain/1/device/console/1"
#define BACKEND "/local/domain/0/backend/console/1/1"
#define RECORD "/libxl/1/device/console/1"

struct node { const char *key, *value; };

#define BACKENDS(state_) { \
    { "frontend-id", "1" }, { "online", "1" }, { "state", state_ }, { "protocol", "vt100" }, \
    { "name", "org.example.agent" }, { "connection", "socket" }, { "path", "/var/run/guests/17/org.example.agent" } }

static const struct node recorded_nodes[] = BACKENDS("1");
static const struct node backends[] = BACKENDS("2");     /* with the backend's answer */
static const struct node guests[] = { { "backend-id", "0" }, { "state", "1" }, { "protocol", "vt100" } };
static const struct node readable[] = {
    { "name", "org.example.agent" }, { "limit", "1048576" }, { "type", "ioemu" }, { "output", "chardev:libxl-channel1" }, { "tty", "" },
};

static void make(xs_transaction_t t, const char *path, struct xs_permissions *permissions)
{
    xs_rm(store, t, path);
    if (!xs_mkdir(store, t, path) || !xs_set_permissions(store, t, path, permissions, 2))
        give_up("the peer cannot make %s: %s", path, strerror(errno));
}

static void write_nodes(xs_transaction_t t, const char *directory, const struct node *nodes, size_t count,
                        struct xs_permissions *permissions)
{
    char path[128];
    size_t n;

    for (n = 0; n < count; n++) {
        snprintf(path, sizeof path, "%s/%s", directory, nodes[n].key);
        if (!xs_write(store, t, path, nodes[n].value, (unsigned)strlen(nodes[n].value)) ||
            (permissions && !xs_set_permissions(store, t, path, permissions, 2)))
            give_up("the peer cannot write %s: %s", path, strerror(errno));
    }
}

/* A value that is not looked at; whether it is there. */
static bool is_there(xs_transaction_t t, const char *path)
{
    unsigned length;
    char *value = xs_read(store, t, path, &length);
    free(value);
    return value;
}

static void await_state(const char *state)
{
    unsigned length;
    char *value;

    if (!xs_watch(store, BACKEND "/state", "state"))
        give_up("the peer's watch: %s", strerror(errno));
    value = xs_read(store, XBT_NULL, BACKEND "/state", &length);
    if (!value || strcmp(value, state))
        give_up("the peer's backend has state %s", value ? value : "none");
    free(value);
    xs_unwatch(store, BACKEND "/state", "state");
}

/* Removes a node, and those above it while they are empty. */
static void clean_up(xs_transaction_t t, const char *node)
{
    char path[128], *slash;
    unsigned length, count;

    snprintf(path, sizeof path, "%s", node);
    xs_rm(store, t, path);
    while ((slash = strrchr(path, '/')) && slash != path) {
        char *value, **children;
        *slash = '\0';
        value = xs_read(store, t, path, &length);
        free(value);
        if (!value || length)
            break;
        children = xs_directory(store, t, path, &count);
        free(children);
        if (!children || count || !xs_rm(store, t, path))
            break;
    }
}

static void live_peer(void)
{
    struct xs_permissions front[] = { { 1, XS_PERM_NONE }, { 0, XS_PERM_READ } };
    struct xs_permissions back[] = { { 0, XS_PERM_NONE }, { 1, XS_PERM_READ } };
    xs_transaction_t t;
    unsigned count;

    free(xs_directory(store, XBT_NULL, "/libxl/1/device/console", &count));
    t = xs_transaction_start(store);
    if (is_there(t, RECORD))
        give_up("the peer's console is there");
    xs_rm(store, t, RECORD);
    write_nodes(t, RECORD, (struct node[]){ { "frontend", FRONTEND }, { "backend", BACKEND } }, 2, NULL);
    make(t, FRONTEND, front);
    write_nodes(t, FRONTEND, (struct node[]){ { "backend", BACKEND } }, 1, NULL);
    write_nodes(t, FRONTEND, guests, COUNT_OF(guests), front);
    write_nodes(t, FRONTEND, readable, COUNT_OF(readable), back);
    make(t, BACKEND, back);
    write_nodes(t, BACKEND, (struct node[]){ { "frontend", FRONTEND } }, 1, NULL);
    write_nodes(t, BACKEND, backends, COUNT_OF(backends), NULL);
    write_nodes(t, RECORD, recorded_nodes, COUNT_OF(recorded_nodes), NULL);
    if (!commit(t))
        give_up("the peer's transaction");
    await_state("2");

    is_there(XBT_NULL, "domid");
    t = xs_transaction_start(store);
    is_there(t, BACKEND "/state");
    write_nodes(t, BACKEND, (struct node[]){ { "online", "0" }, { "state", "6" } }, 2, NULL);
    if (!commit(t))
        give_up("the peer's transaction");
    await_state("6");
    is_there(XBT_NULL, "domid");
    t = xs_transaction_start(store);
    clean_up(t, FRONTEND);
    clean_up(t, RECORD);
    clean_up(t, BACKEND);
    if (!commit(t))
        give_up("the peer's transaction");
}

int main(void)
{
    static const struct contender contenders[] = { { "ours", live_ours }, { "peer", live_peer }, { "one", live_one_by_one } };

    load_ours();
    open_store();
    put(XBT_NULL, NULL, "1", "/local/domain/0/data/xenchanneld");
    retouch = answer;
    live_ours();
    record(&life, live_ours);
    compare("add-remove", CALLS, contenders, 3);
    compare_cpu("add-remove", CALLS, contenders, 3);
}
