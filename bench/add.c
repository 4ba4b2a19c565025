/*
 * add.c - adding a channel and removing it, as far as xenstore goes.  The peer
 * sends the same requests by libxenstore, each after the reply to the one
 * before, as libxl does.  Both watch the backend's state, and find it to be
 * what they wait for.
 *
 * No backend is measured: on its way to xenstored, the state that the library
 * writes for it to answer is replaced by the answer.
 */
#include "store.h"

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

static void live_peer(void)
{
    xs_transaction_t transaction = XBT_NULL;
    struct xsd_sockmsg header;
    size_t next;

    for (next = 0; next < life.length; next += sizeof header + header.len) {
        memcpy(&header, life.bytes + next, sizeof header);
        repeat(&header, life.bytes + next + sizeof header, &transaction);
    }
}

int main(void)
{
    load_ours();
    open_store();
    put(XBT_NULL, NULL, "1", "/local/domain/0/data/xenchanneld");
    retouch = answer;
    live_ours();
    record(&life, live_ours);
    compare("add-remove", CALLS, (struct contender[]){ { "ours", live_ours }, { "peer", live_peer } }, 2);
}
