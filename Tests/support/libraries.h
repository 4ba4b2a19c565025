/*
 * libraries.h - libxenlight ("peer") and libxlchannel ("ours") loaded side by
 * side, so that both can be asked the same question.
 */
#ifndef LIBRARIES_H
#define LIBRARIES_H

#include "check.h"

#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <libxl_channel.h>
#include <yajl/yajl_gen.h>

/* ---- silence ------------------------------------------------------------ */

/* For loggers of a program's own. */
void show_no_progress(struct xentoollog_logger *logger, const char *context, const char *doing_what, int percent,
                      unsigned long done, unsigned long total);
void destroy_nothing(struct xentoollog_logger *logger);

extern xentoollog_logger silent_logger;

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

extern struct api ours, peer;

/* libxenlight's context; ours takes NULL. */
extern libxl_ctx *peer_ctx;

void *symbol_of(void *handle, const char *path, const char *name);

/* Any other function of libxenlight's, or of ours. */
#define PEER(name) ((__typeof__(&name))symbol_of(peer.handle, peer.path, #name))
#define OURS(name) ((__typeof__(&name))symbol_of(ours.handle, ours.path, #name))

/* ours, with a silent logger unless LOG is set. */
void load_ours(void);

/* peer, and a real libxl_ctx; works on a Xen host or in Tests/host/run. */
void load_peer(void);

void free_peer_ctx(void);

/* ---- comparing ------------------------------------------------------------ */

bool same_text(const char *a, const char *b);
bool has_path(int connection);
bool same_channel(const libxl_device_channel *a, const libxl_device_channel *b);
bool same_info(const libxl_channelinfo *a, const libxl_channelinfo *b);

/* ---- outputs that a failure initialises ------------------------------------ */

/* Before a call that initialises the object: disposing of what is still there would crash. */
#define FILL(object) memset(&(object), 0x5a, sizeof (object))

/* As init leaves it. */
bool is_initial_released(const libxl_device_channel *c);
bool is_initial_info(const libxl_channelinfo *i);

#endif
