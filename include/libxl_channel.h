/*
 * libxl_channel.h - channels of Xen guests: the released family of names.
 *
 * A channel is a named, low-bandwidth byte stream between a guest and its
 * backend domain.  libxl (since Xen 4.5) defines the struct
 * libxl_device_channel and can list channels; it attaches them at domain
 * creation only, and only as PTY or SOCKET.  libxlchannel provides libxl's
 * functions with libxl's prototypes, and the functions declared here, which
 * libxl lacks.  The types, and the prototypes of the functions that libxl has
 * too, come from <libxl.h> and <libxl_json.h>.
 *
 * Link with `pkg-config --libs xlchannel`, which puts -lxlchannel before
 * -lxenlight.
 *
 * Rules for every function:
 *  - ctx may be NULL; nothing in a non-NULL ctx is read or changed.
 *  - Any function may be called from any thread.  After fork() the child opens
 *    its own xenstore connection.
 *  - Return value: 0, or one of libxl's negative error codes:
 *      ERROR_INVAL             a bad or NULL argument, an invalid channel
 *      ERROR_DOMAIN_NOTFOUND   no such guest, or no such backend domain
 *      ERROR_NOTFOUND          no such channel
 *      ERROR_DEVICE_EXISTS     the devid or the name is taken, or another
 *                              channel has the file of a PATH
 *      ERROR_NOT_READY         nothing in the backend domain would serve it
 *      ERROR_TIMEDOUT          xenstored, the backend, QEMU or the guest is
 *                              silent; another program keeps one of libxl's locks
 *      ERROR_QMP_GENERIC_ERROR, ERROR_QMP_COMMAND_NOT_FOUND,
 *      ERROR_QMP_DEVICE_NOT_ACTIVE, ERROR_QMP_DEVICE_NOT_FOUND,
 *      ERROR_UNKNOWN_QMP_ERROR QEMU refuses, by its class of errors
 *      ERROR_PROTOCOL_ERROR_QMP  QEMU's monitor sends what is no QMP
 *      ERROR_NOMEM             out of memory
 *      ERROR_FAIL              anything else; the log tells
 *    A call that fails leaves nothing behind, and logs domid, devid, name and
 *    cause as far as there are such (see libxl_channel_set_logger).  What the
 *    arguments alone show may be returned without a line in the log: NULL for
 *    a pointer, a negative number of structs, an empty name of a domain, a word
 *    that names no connection.
 *  - libxl_device_channel_list, which returns no code, gives NULL and *num 0
 *    both for an empty list and for a failure.  errno tells them apart: set it
 *    to 0 before.  An empty list leaves it as it was, a failure sets it:
 *      EINVAL                  num is NULL
 *      ETIMEDOUT               xenstored is silent
 *      ENOMEM                  out of memory
 *      EIO                     anything else; the log tells
 *    A domain that does not exist has an empty list, as with libxl.
 *  - Every pointer inside a struct is malloc'd and belongs to the struct.
 *  - The environment may name other places for xenstored's socket
 *    (XENSTORED_PATH, XENSTORED_RUNDIR), for QEMU's monitors (XEN_RUN_DIR,
 *    /var/run/xen) and for what libxl keeps of domains (XEN_LIB_DIR,
 *    /var/lib/xen).
 *  - devid: channel devid d is PV console d + 1, as in libxl's list and
 *    getinfo and in xl's configuration files.
 *
 * License: LGPL-2.1, as libxl.
 */
#ifndef LIBXL_CHANNEL_H
#define LIBXL_CHANNEL_H

#ifdef LIBXL_CHANNEL_V2_H
#error "libxl_channel.h and libxl_channel_v2.h give two meanings to the same names: include one of them in a file"
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

/* libxl_json.h tells yajl 2 by yajl_version.h, which it only then includes. */
#ifndef HAVE_YAJL_YAJL_VERSION_H
#define HAVE_YAJL_YAJL_VERSION_H 1
#endif

#ifdef __cplusplus
extern "C" {
#endif

#include <libxl.h>
#include <libxl_json.h>
#include <yajl/yajl_tree.h>

/*
 * LIBXL_HAVE_CHANNEL_CONNECTION_NONE, LIBXL_HAVE_CHANNEL_CONNECTION_PATH
 *
 * Two more values for libxl_device_channel.connection.  They are far from the
 * numbers that libxl may give to connections of its own some day.
 *
 *  NONE  connected to nothing: the guest's reads block, its writes vanish.
 *  PATH  what the guest writes is appended to a file in the backend domain;
 *        u.socket.path is the file's absolute path.
 *
 * libxl_channel_connection_to_string calls them "none" and "path".
 * libxl_channel_connection_string_table has libxl's entries alone: its size is
 * part of libxl's ABI.
 *
 * They are no enumerators of libxl_channel_connection.  In C they are plain
 * numbers, which are assigned, passed and compared as they are; switch on
 * (int)c.connection.  In C++ assign and pass them with a cast,
 * (libxl_channel_connection)LIBXL_CHANNEL_CONNECTION_PATH, and both compare and
 * switch on (int)c.connection; -fstrict-enums takes them for impossible.
 */
#define LIBXL_HAVE_CHANNEL_CONNECTION_NONE 1
#define LIBXL_HAVE_CHANNEL_CONNECTION_PATH 1
enum {
    LIBXL_CHANNEL_CONNECTION_NONE = 0x100,
    LIBXL_CHANNEL_CONNECTION_PATH = 0x101
};
/* Swift sees either as a constant, both together as an ambiguity. */
#if !defined(__cplusplus) && !defined(__swift__)
#define LIBXL_CHANNEL_CONNECTION_NONE 0x100
#define LIBXL_CHANNEL_CONNECTION_PATH 0x101
#endif

/*
 * LIBXL_HAVE_DEVICE_CHANNEL_ADD
 *
 * Adds a channel to a domain, running or not.
 *
 *  channel  devid -1 takes the lowest free devid; the devid taken is written
 *           back.  backend_domname (a name, or a domid in digits), when given,
 *           is resolved and backend_domid is written back.  A devid is 0 to
 *           INT_MAX - 1.  A channel has a name of 1 to 256 bytes without
 *           control characters; PATH and SOCKET have an absolute path without
 *           control characters (PATH: at most 3700 bytes, SOCKET: 107), PTY and
 *           NONE have none.  Name and devid are unique in the domain.
 *  ao_how   NULL: synchronous.  With a callback: the callback is called before
 *           this function returns, and 0 is returned.  Without a callback (the
 *           event form): ERROR_INVAL, since events belong to libxenlight.
 *
 * It is served by the xenchanneld that is announced in the backend domain; with
 * none in domain 0, by the guest's QEMU, through its monitor.  add returns when
 * it is served, or fails.  A PTY or SOCKET channel that domain 0 serves to a
 * domain with a device model is put into the configuration from which libxl
 * makes the domain anew (libxl-json), under libxl's lock.
 *
 * The nodes in xenstore are libxl's own (libxl_console.c), written in one
 * transaction.  Linux guests tell consoles apart by the last digit of their
 * number (devid + 1), so an automatic devid stays within 0 to 8 while one is free,
 * then goes on from 10, leaving out devids whose console number ends in 0.
 */
#define LIBXL_HAVE_DEVICE_CHANNEL_ADD 1
int libxl_device_channel_add(libxl_ctx *ctx, uint32_t domid,
                             libxl_device_channel *channel,
                             const libxl_asyncop_how *ao_how);

/*
 * LIBXL_HAVE_DEVICE_CHANNEL_REMOVE
 *
 * Takes a channel away from a domain.  The channel is the one with
 * channel->devid; with devid -1, the one with channel->name.  ao_how as for
 * libxl_device_channel_add.
 *
 * libxl_device_channel_remove asks guest and backend to let go first, and waits
 * up to 10 seconds for them; then it takes the request back (ERROR_TIMEDOUT).
 * libxl_device_channel_destroy does not ask.  Both take the channel out of
 * libxl-json, and its character device out of QEMU where QEMU served it.  When
 * that fails for destroy, the channel is removed all the same, and the log says
 * what is left.
 */
#define LIBXL_HAVE_DEVICE_CHANNEL_REMOVE 1
int libxl_device_channel_remove(libxl_ctx *ctx, uint32_t domid,
                                libxl_device_channel *channel,
                                const libxl_asyncop_how *ao_how);
int libxl_device_channel_destroy(libxl_ctx *ctx, uint32_t domid,
                                 libxl_device_channel *channel,
                                 const libxl_asyncop_how *ao_how);

/*
 * LIBXL_HAVE_DEVICE_CHANNEL_LIST_FREE
 *
 * Disposes of the num channels at list and frees list itself, as returned by
 * libxl_device_channel_list.  list may be NULL.
 */
#define LIBXL_HAVE_DEVICE_CHANNEL_LIST_FREE 1
void libxl_device_channel_list_free(libxl_device_channel *list, int num);

/*
 * LIBXL_HAVE_DOMAIN_CHANNEL_LIST
 *
 * The channels of all domains of the host at once, in the order of domids and
 * devids.  It takes about as long as one reading of xenstore; asking domain by
 * domain takes several for each.
 *
 * list   an array of *num, malloc'd, to be freed by
 *        libxl_domain_channel_list_free; NULL, and *num 0, when there are none
 *        and on error.  A domain or a channel that goes away meanwhile is left
 *        out.
 */
#define LIBXL_HAVE_DOMAIN_CHANNEL_LIST 1
typedef struct libxl_domain_channel {
    uint32_t domid;
    libxl_device_channel channel;
} libxl_domain_channel;

int libxl_domain_channel_list(libxl_ctx *ctx, libxl_domain_channel **list,
                              int *num);
/* Disposes of the num channels at list and frees list itself, which may be NULL. */
void libxl_domain_channel_list_free(libxl_domain_channel *list, int num);

/*
 * LIBXL_HAVE_CHANNEL_DOMAIN_QUALIFIER_TO_DOMID
 *
 * The domid of the domain with this name, or that the name is in digits, for
 * programs without a context: what libxl_domain_qualifier_to_domid does.  A
 * number is taken whether there is such a domain or not; of domains with the
 * same name the lowest.
 *
 * Returns 0 and sets *domid, or ERROR_INVAL for an empty name and for NULL,
 * ERROR_DOMAIN_NOTFOUND, ERROR_FAIL when xenstore cannot be read.
 */
#define LIBXL_HAVE_CHANNEL_DOMAIN_QUALIFIER_TO_DOMID 1
int libxl_channel_domain_qualifier_to_domid(libxl_ctx *ctx, const char *name,
                                            uint32_t *domid);

/*
 * LIBXL_HAVE_DEVID_TO_DEVICE_CHANNEL
 *
 * Finds a domain's channel by devid or by name and fills *channel, which the
 * caller disposes of.  On error *channel is as libxl_device_channel_init
 * leaves it.  ERROR_NOTFOUND: the domain has no such channel.
 */
#define LIBXL_HAVE_DEVID_TO_DEVICE_CHANNEL 1
int libxl_devid_to_device_channel(libxl_ctx *ctx, uint32_t domid, int devid,
                                  libxl_device_channel *channel);
int libxl_name_to_device_channel(libxl_ctx *ctx, uint32_t domid,
                                 const char *name,
                                 libxl_device_channel *channel);

/*
 * LIBXL_HAVE_DEVICE_CHANNEL_PARSE_JSON
 *
 * The counterpart of libxl_device_channel_gen_json: fills *channel, which must
 * be initialised, from a value inside a larger document parsed by
 * yajl_tree_parse.  Accepts and refuses what libxl_device_channel_from_json
 * does (ERROR_FAIL).  The tree remains the caller's.
 *
 * libxl_channelinfo_parse_json is the same for a libxl_channelinfo, and
 * libxl_channel_connection_parse_json for a connection's name.
 */
#define LIBXL_HAVE_DEVICE_CHANNEL_PARSE_JSON 1
int libxl_device_channel_parse_json(libxl_ctx *ctx, yajl_val value,
                                    libxl_device_channel *channel);
int libxl_channelinfo_parse_json(libxl_ctx *ctx, yajl_val value,
                                 libxl_channelinfo *info);
int libxl_channel_connection_parse_json(libxl_ctx *ctx, yajl_val value,
                                        libxl_channel_connection *connection);

/*
 * LIBXL_HAVE_DEVICE_CHANNELS_ADD
 *
 * Adds every channel of a domain's configuration (d_config->channels), all or
 * none, in one transaction.  devid and backend_domid are written back into
 * each.  A channel that cannot be added is named in the log by its position.
 * ao_how as for libxl_device_channel_add.
 */
#define LIBXL_HAVE_DEVICE_CHANNELS_ADD 1
int libxl_device_channels_add(libxl_ctx *ctx, uint32_t domid,
                              libxl_domain_config *d_config,
                              const libxl_asyncop_how *ao_how);

/*
 * LIBXL_HAVE_DOMAIN_CONFIG_CHANNELS
 *
 * The channels of a domain's configuration as a JSON document, such as
 * libxl_domain_config_to_json prints.
 *
 * from_json  finds the document's array "channels" and passes over everything
 *            else.  *channels is malloc'd, to be freed by
 *            libxl_device_channel_list_free; NULL, and *num 0, when there is
 *            none.  Accepts and refuses (ERROR_FAIL) channels as
 *            libxl_device_channel_from_json does; on error nothing is given.
 * to_json    a document {"channels": [...]}, malloc'd, the caller's to free;
 *            {} for no channels.  NULL: no memory, or an invalid argument.
 */
#define LIBXL_HAVE_DOMAIN_CONFIG_CHANNELS 1
int libxl_domain_config_channels_from_json(libxl_ctx *ctx,
                                           libxl_device_channel **channels,
                                           int *num, const char *json);
char *libxl_domain_config_channels_to_json(libxl_ctx *ctx,
                                           const libxl_device_channel *channels,
                                           int num);

/*
 * LIBXL_HAVE_CHANNEL_SET_LOGGER
 *
 * Gives the logger of all later messages of this library in this process; it
 * stays the caller's and must outlive its use.  NULL sets the default again:
 * errors, on stderr.  The logger may be called from any thread that uses the
 * library.
 */
#define LIBXL_HAVE_CHANNEL_SET_LOGGER 1
void libxl_channel_set_logger(xentoollog_logger *lg);

#ifdef __cplusplus
}
#endif

#endif /* LIBXL_CHANNEL_H */
