/*
 * families.h - both families of names in one file, which the headers refuse to
 * programs: the released struct is libxl_device_channel here, the posted one
 * libxl_device_channel_v2, and each function has its symbol's name.
 */
#ifndef FAMILIES_H
#define FAMILIES_H

#include "documents.h"

#undef LIBXL_CHANNEL_H
#include <libxl_channel_v2.h>
#undef libxl_device_channel
#undef libxl_device_channel_init
#undef libxl_device_channel_dispose
#undef libxl_device_channel_copy
#undef libxl_device_channel_gen_json
#undef libxl_device_channel_to_json
#undef libxl_device_channel_from_json
#undef libxl_device_channel_parse_json
#undef libxl_device_channel_list
#undef libxl_device_channel_list_free
#undef libxl_device_channel_getinfo
#undef libxl_device_channel_add
#undef libxl_device_channel_remove
#undef libxl_device_channel_destroy
#undef libxl_device_channels_add
#undef libxl_domain_config_channels_from_json
#undef libxl_domain_config_channels_to_json

#define POSTED_FUNCTIONS(F) \
    F(device_channel, init) F(device_channel, dispose) F(device_channel, copy) \
    F(device_channel, gen_json) F(device_channel, to_json) F(device_channel, from_json) \
    F(device_channel, parse_json) F(device_channel, from_released) F(device_channel, to_released) \
    F(device_channel, list) F(device_channel, list_free) F(device_channel, getinfo) \
    F(device_channel, add) F(device_channel, remove) F(device_channel, destroy) \
    F(device_channels, add) F(domain_config_channels, from_json) F(domain_config_channels, to_json)

#define TYPE_FUNCTIONS(F) \
    F(channel_type_to_string) F(channel_type_from_string) F(channel_type_gen_json) \
    F(channel_type_to_json) F(channel_type_from_json)

/* posted.device_channel_init is libxl_device_channel_v2_init, and so on. */
#define FIELD(subject, verb) __typeof__(libxl_##subject##_v2_##verb) *subject##_##verb;
#define TYPE_FIELD(name) __typeof__(libxl_##name) *name;
extern struct posted {
    POSTED_FUNCTIONS(FIELD)
    TYPE_FUNCTIONS(TYPE_FIELD)
    const libxl_enum_string_table *string_table;
} posted;
#undef FIELD
#undef TYPE_FIELD

/* After load_ours. */
void load_posted(void);

bool same_posted(const libxl_device_channel_v2 *a, const libxl_device_channel_v2 *b);

/* As init leaves it. */
bool is_initial_posted(const libxl_device_channel_v2 *c);

/* What yajl's lexer takes as UTF-8: the form alone. */
bool is_utf8(const char *text);

#endif
