/*
 * conformance.h - what the conformance programs share: counting of checks, a
 * seeded generator of random values, and libxenlight ("peer") and libxlchannel
 * ("ours") loaded side by side, so that both can be asked the same question.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <libxl_channel.h>
#include <yajl/yajl_gen.h>

/* ---- counting --------------------------------------------------------- */

/* Of one check in the source, so many failures are shown; all are counted. */
enum { SHOWN_FAILURES = 4, LINES = 4096 };
static _Atomic unsigned long checks_passed, checks_failed;
static _Atomic unsigned failures_of_line[LINES];

/* Counts one check; prints the message of a failed one. */
#define CHECK(ok, ...) check_at((ok), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5), unused))
static bool check_at(bool ok, const char *file, int line, const char *format, ...)
{
    if (ok) {
        checks_passed++;
        return true;
    }
    checks_failed++;
    if (failures_of_line[line % LINES]++ < SHOWN_FAILURES) {
        va_list arguments;
        flockfile(stdout);
        printf("FAILED %s:%d: ", file, line);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
        fflush(stdout);
        funlockfile(stdout);
    }
    return false;
}

/* The last line of each program, and its exit status. */
__attribute__((unused))
static int finish(const char *program)
{
    printf("%s: %lu passed, %lu failed\n", program, checks_passed, checks_failed);
    fflush(stdout);
    return checks_failed ? 1 : 0;
}

/* For what makes further tests pointless. */
__attribute__((format(printf, 1, 2), noreturn, unused))
static void give_up(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    va_start(arguments, format);
    fprintf(stderr, "cannot go on: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(2);
}

/* ---- numbers from the environment -------------------------------------- */

__attribute__((unused))
static unsigned long number_from_env(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

/* ---- randomness: splitmix64, the same sequence for the same seed -------- */

static uint64_t random_state;

__attribute__((unused))
static void seed_random(const char *program)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    random_state = number_from_env("SEED", 20240229);
    printf("%s: SEED=%llu\n", program, (unsigned long long)random_state);
}

__attribute__((unused))
static uint64_t random_bits(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 … below-1 */
__attribute__((unused))
static unsigned random_below(unsigned below)
{
    return (unsigned)(random_bits() % below);
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define ANY_OF(array) ((array)[random_below(COUNT_OF(array))])

/* ---- silence ------------------------------------------------------------ */

__attribute__((unused, format(printf, 5, 0)))
static void log_nothing(struct xentoollog_logger *logger, xentoollog_level level,
                        int errnoval, const char *context, const char *format,
                        va_list arguments)
{
    (void)logger, (void)level, (void)errnoval, (void)context, (void)format, (void)arguments;
}

__attribute__((unused))
static void show_no_progress(struct xentoollog_logger *logger, const char *context,
                             const char *doing_what, int percent,
                             unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)doing_what, (void)percent, (void)done, (void)total;
}

__attribute__((unused))
static void destroy_nothing(struct xentoollog_logger *logger) { (void)logger; }

__attribute__((unused))
static xentoollog_logger silent_logger = { log_nothing, show_no_progress, destroy_nothing };

/* ---- the two libraries --------------------------------------------------- */

/* What libxenlight has too … */
#define SHARED_FUNCTIONS(F) \
    F(device_channel_init) F(device_channel_init_connection) F(device_channel_dispose) \
    F(device_channel_copy) F(device_channel_gen_json) F(device_channel_to_json) \
    F(device_channel_from_json) F(device_channel_list) F(device_channel_getinfo) \
    F(channelinfo_init) F(channelinfo_init_connection) F(channelinfo_dispose) \
    F(channelinfo_copy) F(channelinfo_gen_json) F(channelinfo_to_json) \
    F(channelinfo_from_json) \
    F(channel_connection_to_string) F(channel_connection_from_string) \
    F(channel_connection_gen_json) F(channel_connection_to_json) \
    F(channel_connection_from_json)

/* … and what only we have. */
#define OUR_FUNCTIONS(F) \
    F(device_channel_add) F(device_channel_remove) F(device_channel_destroy) \
    F(device_channel_list_free) F(devid_to_device_channel) F(name_to_device_channel) \
    F(device_channel_parse_json) F(channelinfo_parse_json) \
    F(channel_connection_parse_json) F(channel_set_logger) F(channel_last_error) F(device_channels_add) \
    F(domain_config_channels_from_json) F(domain_config_channels_to_json) \
    F(domain_channel_list) F(domain_channel_list_free) F(channel_domain_qualifier_to_domid)

#define FIELD(name) __typeof__(libxl_##name) *name;
struct api {
    const char *path;
    void *handle;
    SHARED_FUNCTIONS(FIELD)
    OUR_FUNCTIONS(FIELD)
    const libxl_enum_string_table *string_table;
};
#undef FIELD

__attribute__((unused)) static struct api ours, peer;

/* libxenlight's context; ours takes NULL. */
__attribute__((unused)) static libxl_ctx *peer_ctx;

__attribute__((unused))
static void *symbol_of(void *handle, const char *path, const char *name)
{
    void *address = dlsym(handle, name);
    if (!address)
        give_up("%s has no %s", path, name);
    return address;
}

__attribute__((unused))
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

/* ours, with a silent logger unless LOG is set. */
__attribute__((unused))
static void load_ours(void)
{
    load_api(&ours, "XLCHANNEL_LIBRARY", ".build/lib/libxlchannel.so.1", true);
    if (!getenv("LOG"))
        ours.channel_set_logger(&silent_logger);
}

/* peer, and a real libxl_ctx; works on a Xen host or in Tests/host/run. */
__attribute__((unused))
static void load_peer(void)
{
    __typeof__(libxl_ctx_alloc) *ctx_alloc;
    load_api(&peer, "XENLIGHT_LIBRARY", "libxenlight.so", false);
    ctx_alloc = symbol_of(peer.handle, peer.path, "libxl_ctx_alloc");
    if (ctx_alloc(&peer_ctx, LIBXL_VERSION, 0, &silent_logger))
        give_up("libxl_ctx_alloc fails: not in Tests/host/run?");
}

__attribute__((unused))
static void free_peer_ctx(void)
{
    __typeof__(libxl_ctx_free) *ctx_free =
        symbol_of(peer.handle, peer.path, "libxl_ctx_free");
    ctx_free(peer_ctx);
    peer_ctx = NULL;
}

/* ---- comparing ------------------------------------------------------------ */

__attribute__((unused))
static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

__attribute__((unused))
static bool has_path(int connection)
{
    return connection == LIBXL_CHANNEL_CONNECTION_SOCKET
        || connection == LIBXL_CHANNEL_CONNECTION_PATH;
}

__attribute__((unused))
static bool same_channel(const libxl_device_channel *a, const libxl_device_channel *b)
{
    return a->backend_domid == b->backend_domid
        && same_text(a->backend_domname, b->backend_domname)
        && a->devid == b->devid
        && same_text(a->name, b->name)
        && a->connection == b->connection
        && (!has_path(a->connection) || same_text(a->u.socket.path, b->u.socket.path));
}

__attribute__((unused))
static bool same_info(const libxl_channelinfo *a, const libxl_channelinfo *b)
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

/* ---- outputs that a failure initialises ------------------------------------ */

/* Before a call that is to initialise it: whoever then disposes of what is still there dies. */
#define FILL(object) memset(&(object), 0x5a, sizeof (object))

/* As init leaves it. */
__attribute__((unused))
static bool is_initial_released(const libxl_device_channel *c)
{
    return !c->backend_domid && !c->backend_domname && c->devid == -1 && !c->name && !c->connection && !c->u.socket.path;
}

__attribute__((unused))
static bool is_initial_info(const libxl_channelinfo *i)
{
    return !i->backend && !i->backend_id && !i->frontend && !i->frontend_id && i->devid == -1 && !i->state && !i->evtch
        && !i->rref && !i->connection && !i->u.pty.path;
}

#endif
