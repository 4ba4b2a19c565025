#include "libraries.h"

__attribute__((format(printf, 5, 0)))
static void log_nothing(struct xentoollog_logger *logger, xentoollog_level level, int errnoval, const char *context,
                        const char *format, va_list arguments)
{
    (void)logger, (void)level, (void)errnoval, (void)context, (void)format, (void)arguments;
}

void show_no_progress(struct xentoollog_logger *logger, const char *context, const char *doing_what, int percent,
                      unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)doing_what, (void)percent, (void)done, (void)total;
}

void destroy_nothing(struct xentoollog_logger *logger) { (void)logger; }

xentoollog_logger silent_logger = { log_nothing, show_no_progress, destroy_nothing };

struct api ours, peer;
libxl_ctx *peer_ctx;

void *symbol_of(void *handle, const char *path, const char *name)
{
    void *address = dlsym(handle, name);
    if (!address)
        give_up("%s has no %s", path, name);
    return address;
}

static void load_api(struct api *api, const char *variable, const char *otherwise, bool is_ours)
{
    const char *path = getenv(variable);
    api->path = path && *path ? path : otherwise;
    api->handle = dlopen(api->path, RTLD_NOW | RTLD_LOCAL);
    if (!api->handle)
        give_up("%s", dlerror());
#define LOAD(name) api->name = symbol_of(api->handle, api->path, "libxl_" #name);
    SHARED_FUNCTIONS(LOAD)
    if (is_ours) {
        OUR_FUNCTIONS(LOAD)
    }
#undef LOAD
    api->string_table = symbol_of(api->handle, api->path, "libxl_channel_connection_string_table");
}

void load_ours(void)
{
    load_api(&ours, "XLCHANNEL_LIBRARY", ".build/lib/libxlchannel.so.1", true);
    if (!getenv("LOG"))
        ours.channel_set_logger(&silent_logger);
}

void load_peer(void)
{
    __typeof__(libxl_ctx_alloc) *ctx_alloc;
    load_api(&peer, "XENLIGHT_LIBRARY", "libxenlight.so", false);
    ctx_alloc = symbol_of(peer.handle, peer.path, "libxl_ctx_alloc");
    if (ctx_alloc(&peer_ctx, LIBXL_VERSION, 0, &silent_logger))
        give_up("libxl_ctx_alloc fails: not in Tests/host/run?");
}

void free_peer_ctx(void)
{
    __typeof__(libxl_ctx_free) *ctx_free =
        symbol_of(peer.handle, peer.path, "libxl_ctx_free");
    ctx_free(peer_ctx);
    peer_ctx = NULL;
}

bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

bool has_path(int connection)
{
    return connection == LIBXL_CHANNEL_CONNECTION_SOCKET
        || connection == LIBXL_CHANNEL_CONNECTION_PATH;
}

bool same_channel(const libxl_device_channel *a, const libxl_device_channel *b)
{
    return a->backend_domid == b->backend_domid
        && same_text(a->backend_domname, b->backend_domname)
        && a->devid == b->devid
        && same_text(a->name, b->name)
        && a->connection == b->connection
        && (!has_path(a->connection) || same_text(a->u.socket.path, b->u.socket.path));
}

bool same_info(const libxl_channelinfo *a, const libxl_channelinfo *b)
{
    return same_text(a->backend, b->backend)
        && a->backend_id == b->backend_id
        && same_text(a->frontend, b->frontend)
        && a->frontend_id == b->frontend_id
        && a->devid == b->devid
        && a->state == b->state
        && a->evtch == b->evtch
        && a->rref == b->rref
        && a->connection == b->connection
        && (a->connection != LIBXL_CHANNEL_CONNECTION_PTY
            || same_text(a->u.pty.path, b->u.pty.path));
}

bool is_initial_released(const libxl_device_channel *c)
{
    return !c->backend_domid && !c->backend_domname && c->devid == -1 && !c->name && !c->connection && !c->u.socket.path;
}

bool is_initial_info(const libxl_channelinfo *i)
{
    return !i->backend && !i->backend_id && !i->frontend && !i->frontend_id && i->devid == -1 && !i->state && !i->evtch
        && !i->rref && !i->connection && !i->u.pty.path;
}
