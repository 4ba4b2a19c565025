/*
 * libxl_channel_v2.h - channels of Xen guests: the posted family of names.
 *
 * The first patches for channels ("libxl: add a list of abstract 'channels' to
 * the domain config", v2, 2014) had a different struct from the one that libxl
 * released: an enumeration `type` and a plain `path`.  Source written for them
 * compiles against this header unchanged, alone or after <libxl.h>.  Macros map
 * the posted names to separate symbols, libxl_device_channel_v2_*, beside
 * libxl's.  Programs that look symbols up (ctypes, dlsym) use the _v2 names.
 *
 * The functions are those of libxl_channel.h, over the same implementation.  Only
 * the released family has the look-ups by devid and by name, the list of all
 * domains' channels, libxl_channel_domain_qualifier_to_domid, and parse_json of a
 * libxl_channelinfo and of the enumeration.  The same rules apply: ctx may be
 * NULL, error codes, errno after a list, threads, memory, devids.
 * docs/families.md says which family to use.
 *
 * The array `channels` of libxl_domain_config (<libxl.h>) has the released
 * struct.  libxl_device_channels_add takes an array of the posted struct as a
 * pointer and a length.
 *
 * License: LGPL-2.1, as libxl.
 */
#ifndef LIBXL_CHANNEL_V2_H
#define LIBXL_CHANNEL_V2_H

#ifdef LIBXL_CHANNEL_H
#error "libxl_channel.h and libxl_channel_v2.h define the same names differently: include one of them in a file"
#endif

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* libxl_json.h detects yajl 2 by yajl_version.h, which it includes only if this is defined. */
#ifndef HAVE_YAJL_YAJL_VERSION_H
#define HAVE_YAJL_YAJL_VERSION_H 1
#endif

#ifdef __cplusplus
extern "C" {
#endif

#include <libxl.h>
#include <libxl_json.h>
#include <yajl/yajl_tree.h>

/* libxl's own struct; below, libxl_device_channel means the posted one. */
typedef libxl_device_channel libxl_device_channel_released;

/*
 * LIBXL_HAVE_CHANNEL_TYPE
 *
 * What a channel is connected to in its backend domain.
 */
#define LIBXL_HAVE_CHANNEL_TYPE 1
typedef enum libxl_channel_type {
    LIBXL_CHANNEL_TYPE_NONE = 0,   /* nothing: reads block, writes vanish */
    LIBXL_CHANNEL_TYPE_PTY = 1,    /* a pty */
    LIBXL_CHANNEL_TYPE_PATH = 2,   /* writes are appended to the file `path` */
    LIBXL_CHANNEL_TYPE_SOCKET = 3  /* a Unix socket listens at `path` */
} libxl_channel_type;

/* The lower-case name, a constant; NULL for an unknown number. */
const char *libxl_channel_type_to_string(libxl_channel_type type);
/* 0, or ERROR_FAIL for an unknown name, as libxl.  Ignores case. */
int libxl_channel_type_from_string(const char *s, libxl_channel_type *type);
/* Writes the name, or null for an unknown number. */
yajl_gen_status libxl_channel_type_gen_json(yajl_gen hand,
                                            libxl_channel_type *type);
/* A malloc'd JSON text, which the caller frees; NULL if out of memory. */
char *libxl_channel_type_to_json(libxl_ctx *ctx, libxl_channel_type type);
/* 0, or ERROR_FAIL if s is not a JSON string or names no type. */
int libxl_channel_type_from_json(libxl_ctx *ctx, libxl_channel_type *type,
                                 const char *s);
/* Names and numbers, ended by { NULL, -1 }. */
extern libxl_enum_string_table libxl_channel_type_string_table[];

/*
 * LIBXL_HAVE_DEVICE_CHANNEL_V2
 *
 * The posted struct.  Its strings are malloc'd and belong to it.  The same limits
 * apply as in libxl_device_channel_add of libxl_channel.h:
 *  - devid: 0 to INT_MAX - 1, or -1 for the lowest free one;
 *  - name: required, 1 to 256 bytes without control characters;
 *  - path: for PATH (at most 3700 bytes) and SOCKET (107) required, absolute,
 *    without control characters; NULL for NONE and PTY.
 */
#define LIBXL_HAVE_DEVICE_CHANNEL_V2 1
typedef struct libxl_device_channel_v2 {
    libxl_domid backend_domid;
    char *backend_domname;
    libxl_devid devid;
    char *name;
    libxl_channel_type type;
    char *path;
} libxl_device_channel_v2;

/* Sets everything to 0 and NULL, devid to -1. */
void libxl_device_channel_v2_init(libxl_device_channel_v2 *p);
/* Frees the strings and initialises the struct, so it may be called twice. */
void libxl_device_channel_v2_dispose(libxl_device_channel_v2 *p);
/* A deep copy.  Overwrites dst without disposing of it. */
void libxl_device_channel_v2_copy(libxl_ctx *ctx, libxl_device_channel_v2 *dst,
                                  const libxl_device_channel_v2 *src);

/*
 * JSON: {"devid": 0, "name": "org.test", "type": "socket", "path": "/a"} in
 * libxl's format.  Members with their default value are left out, so `type` if
 * it is NONE.  The parsers ignore unknown keys.  They return ERROR_FAIL for a
 * member of the wrong type, a number out of range and an unknown type.
 * from_json initialises *p.  The caller disposes of *p, whatever they return.
 */
yajl_gen_status libxl_device_channel_v2_gen_json(yajl_gen hand,
                                                 libxl_device_channel_v2 *p);
char *libxl_device_channel_v2_to_json(libxl_ctx *ctx,
                                      libxl_device_channel_v2 *p);
int libxl_device_channel_v2_from_json(libxl_ctx *ctx,
                                      libxl_device_channel_v2 *p,
                                      const char *s);
int libxl_device_channel_v2_parse_json(libxl_ctx *ctx, yajl_val value,
                                       libxl_device_channel_v2 *p);

/*
 * The same channel in the other family's struct.  dst is overwritten; on error it
 * is initialised.  ERROR_INVAL: the other family has no value for the connection
 * of src, which is UNKNOWN or an unknown number.
 */
int libxl_device_channel_v2_from_released(
    libxl_ctx *ctx, libxl_device_channel_v2 *dst,
    const libxl_device_channel_released *src);
int libxl_device_channel_v2_to_released(libxl_ctx *ctx,
                                        libxl_device_channel_released *dst,
                                        const libxl_device_channel_v2 *src);

/*
 * As their namesakes in libxl.h and libxl_channel.h.  The list leaves out, and
 * logs, a channel with an unknown connection, for which there is no type.
 */
libxl_device_channel_v2 *libxl_device_channel_v2_list(libxl_ctx *ctx,
                                                      uint32_t domid,
                                                      int *num);
void libxl_device_channel_v2_list_free(libxl_device_channel_v2 *list, int num);
int libxl_device_channel_v2_getinfo(libxl_ctx *ctx, uint32_t domid,
                                    const libxl_device_channel_v2 *channel,
                                    libxl_channelinfo *channelinfo);
int libxl_device_channel_v2_add(libxl_ctx *ctx, uint32_t domid,
                                libxl_device_channel_v2 *channel,
                                const libxl_asyncop_how *ao_how);
int libxl_device_channel_v2_remove(libxl_ctx *ctx, uint32_t domid,
                                   libxl_device_channel_v2 *channel,
                                   const libxl_asyncop_how *ao_how);
int libxl_device_channel_v2_destroy(libxl_ctx *ctx, uint32_t domid,
                                    libxl_device_channel_v2 *channel,
                                    const libxl_asyncop_how *ao_how);

/*
 * LIBXL_HAVE_DEVICE_CHANNELS_V2
 *
 * The array of a domain's configuration.
 *
 * add adds every channel of the array, all or none, and writes devid and
 * backend_domid back.  from_json returns the array "channels" of a domain
 * config's JSON document, malloc'd; list_free frees it.  to_json returns a
 * document {"channels": [...]}, malloc'd, which the caller frees.
 */
#define LIBXL_HAVE_DEVICE_CHANNELS_V2 1
int libxl_device_channels_v2_add(libxl_ctx *ctx, uint32_t domid,
                                 libxl_device_channel_v2 *channels,
                                 int num_channels,
                                 const libxl_asyncop_how *ao_how);
int libxl_domain_config_channels_v2_from_json(
    libxl_ctx *ctx, libxl_device_channel_v2 **channels, int *num,
    const char *json);
char *libxl_domain_config_channels_v2_to_json(
    libxl_ctx *ctx, const libxl_device_channel_v2 *channels, int num);

/* Sets the logger of both families; see libxl_channel.h. */
void libxl_channel_set_logger(xentoollog_logger *lg);
/* The calling thread's last failure, in either family; see libxl_channel.h. */
const char *libxl_channel_last_error(void);

#ifdef __cplusplus
}
#endif

/* The posted names. */
#define libxl_device_channel            libxl_device_channel_v2
#define libxl_device_channel_init       libxl_device_channel_v2_init
#define libxl_device_channel_dispose    libxl_device_channel_v2_dispose
#define libxl_device_channel_copy       libxl_device_channel_v2_copy
#define libxl_device_channel_gen_json   libxl_device_channel_v2_gen_json
#define libxl_device_channel_to_json    libxl_device_channel_v2_to_json
#define libxl_device_channel_from_json  libxl_device_channel_v2_from_json
#define libxl_device_channel_parse_json libxl_device_channel_v2_parse_json
#define libxl_device_channel_list       libxl_device_channel_v2_list
#define libxl_device_channel_list_free  libxl_device_channel_v2_list_free
#define libxl_device_channel_getinfo    libxl_device_channel_v2_getinfo
#define libxl_device_channel_add        libxl_device_channel_v2_add
#define libxl_device_channel_remove     libxl_device_channel_v2_remove
#define libxl_device_channel_destroy    libxl_device_channel_v2_destroy
#define libxl_device_channels_add       libxl_device_channels_v2_add
#define libxl_domain_config_channels_from_json \
        libxl_domain_config_channels_v2_from_json
#define libxl_domain_config_channels_to_json \
        libxl_domain_config_channels_v2_to_json

#endif /* LIBXL_CHANNEL_V2_H */
