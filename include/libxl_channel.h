/*
 * libxl_channel.h - channels of Xen guests: the released family of names.
 *
 * A channel is a named, low-bandwidth byte stream between a guest and its
 * backend domain.  libxl (since Xen 4.5) defines the struct
 * libxl_device_channel and lists channels, but attaches them at domain creation
 * only, as PTY or SOCKET.  libxlchannel provides libxl's functions with libxl's
 * prototypes, and the functions declared here, which libxl lacks.  The types,
 * and the prototypes of libxl's functions, come from <libxl.h> and
 * <libxl_json.h>.
 *
 * Link with `pkg-config --libs xlchannel`, which puts -lxlchannel before
 * -lxenlight.
 *
 * Rules for every function:
 *  - ctx may be NULL; the library does not read it.
 *  - Any function may be called from any thread.  After fork() the child opens
 *    its own xenstore connection.
 *  - Return value: 0, or one of libxl's negative error codes:
 *      ERROR_INVAL             a bad or NULL argument, an invalid channel
 *      ERROR_DOMAIN_NOTFOUND   no such guest, or no such backend domain
 *      ERROR_NOTFOUND          no such channel
 *      ERROR_DEVICE_EXISTS     the devid or the name is taken
 *      ERROR_NOT_READY         xenchanneld is not running in the backend domain
 *                              and the guest has no QEMU
 *      ERROR_TIMEDOUT          xenstored, the backend, QEMU or the guest does not
 *                              answer; another program holds one of libxl's locks
 *      ERROR_QMP_GENERIC_ERROR, ERROR_QMP_COMMAND_NOT_FOUND,
 *      ERROR_QMP_DEVICE_NOT_ACTIVE, ERROR_QMP_DEVICE_NOT_FOUND,
 *      ERROR_UNKNOWN_QMP_ERROR QEMU refuses; the code is QEMU's error class
 *      ERROR_PROTOCOL_ERROR_QMP  QEMU's monitor does not speak QMP
 *      ERROR_NOMEM             out of memory; see below
 *      ERROR_FAIL              anything else; see the message
 *    A call that fails leaves nothing behind.  libxl_channel_last_error returns
 *    its message, which names the domain, the channel and the cause.  The
 *    message is also logged (see libxl_channel_set_logger), unless the arguments
 *    alone are wrong: a NULL pointer, a negative number of structs, an empty
 *    domain name, an unknown connection.
 *  - libxl_device_channel_list has no code: it returns NULL and sets *num to 0
 *    for an empty list and for a failure.  errno tells them apart: set it to 0
 *    before the call.  An empty list leaves errno alone, a failure sets it:
 *      EINVAL                  num is NULL
 *      ETIMEDOUT               xenstored does not answer
 *      ENOMEM                  out of memory
 *      EIO                     anything else; see the message
 *    A domain that does not exist has an empty list, as with libxl.
 *  - Every pointer inside a struct is malloc'd and belongs to the struct.
 *  - Without memory for what a function returns (structs, strings, lists, JSON
 *    texts), for a JSON parser or for a buffer, it returns ERROR_NOMEM, NULL or
 *    ENOMEM.  Without memory for its own small objects the process ends by a
 *    signal, as libxl ends it; then the next add, or the daemon, cleans up.
 *  - The environment can move xenstored's socket (XENSTORED_PATH,
 *    XENSTORED_RUNDIR), QEMU's monitors (XEN_RUN_DIR, default /var/run/xen) and
 *    libxl's saved domain data (XEN_LIB_DIR, default /var/lib/xen).
 *  - devid: channel devid d is PV console d + 1, as in libxl's list and
 *    getinfo and in xl's configuration files.
 *
 * License: LGPL-2.1, as libxl.
 */
#ifndef LIBXL_CHANNEL_H
#define LIBXL_CHANNEL_H

#ifdef LIBXL_CHANNEL_V2_H
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

/*
 * LIBXL_HAVE_CHANNEL_CONNECTION_NONE, LIBXL_HAVE_CHANNEL_CONNECTION_PATH
 *
 * Two more values for libxl_device_channel.connection, far from the numbers that
 * libxl may assign to future connections.
 *
 *  NONE  connected to nothing: the guest's reads block, its writes vanish.
 *  PATH  what the guest writes is appended to a file in the backend domain;
 *        u.socket.path is the file's absolute path.
 *
 * libxl_channel_connection_to_string calls them "none" and "path".
 * libxl_channel_connection_string_table has only libxl's entries, since its size
 * is part of libxl's ABI.
 *
 * They are not enumerators of libxl_channel_connection.  In C they are plain
 * numbers: assign, pass and compare them as they are; switch on
 * (int)c.connection.  In C++ assign and pass them with a cast,
 * (libxl_channel_connection)LIBXL_CHANNEL_CONNECTION_PATH; compare and switch on
 * (int)c.connection.  Do not use -fstrict-enums, which assumes that such values
 * cannot occur.
 */
#define LIBXL_HAVE_CHANNEL_CONNECTION_NONE 1
#define LIBXL_HAVE_CHANNEL_CONNECTION_PATH 1
enum {
    LIBXL_CHANNEL_CONNECTION_NONE = 0x100,
    LIBXL_CHANNEL_CONNECTION_PATH = 0x101
};
/* Swift imports the enumerators; the macros would make the names ambiguous. */
#if !defined(__cplusplus) && !defined(__swift__)
#define LIBXL_CHANNEL_CONNECTION_NONE 0x100
#define LIBXL_CHANNEL_CONNECTION_PATH 0x101
#endif

/*
 * LIBXL_HAVE_DEVICE_CHANNEL_ADD
 *
 * Adds a channel to a domain, running or not.
 *
 *  channel  devid: 0 to INT_MAX - 1, or -1 for the lowest free one; add writes
 *           back the devid that it chose.
 *           backend_domname: a name, or a domid in digits; overrides
 *           backend_domid, which add writes back.
 *           name: 1 to 256 bytes without control characters.
 *           path: absolute, without control characters, at most 3700 bytes for
 *           PATH and 107 for SOCKET; PTY and NONE have none.
 *           Name and devid are unique in the domain.
 *  ao_how   NULL: synchronous.  With a callback: the function calls it before it
 *           returns 0.  Without a callback (the event form): ERROR_INVAL, since
 *           events belong to libxenlight.
 *
 * The xenchanneld that is announced in the backend domain serves the channel.  If
 * there is none in domain 0, the guest's QEMU does, through its monitor.  add
 * returns when the channel is served, or fails.
 *
 * If domain 0 serves a PTY or SOCKET channel to a domain with a device model, add
 * also puts it, under libxl's lock, into the domain's saved configuration
 * (libxl-json), from which libxl creates the domain again at a reboot.
 *
 * The xenstore nodes are libxl's own (libxl_console.c), written in one
 * transaction.  Linux compares only the last digit of a console's number
 * (devid + 1), so -1 chooses from 0 to 8 while one of these is free, then from 10
 * on, skipping devids whose console number ends in 0.
 */
#define LIBXL_HAVE_DEVICE_CHANNEL_ADD 1
int libxl_device_channel_add(libxl_ctx *ctx, uint32_t domid,
                             libxl_device_channel *channel,
                             const libxl_asyncop_how *ao_how);

/*
 * LIBXL_HAVE_DEVICE_CHANNEL_REMOVE
 *
 * Removes a channel from a domain: the one with channel->devid or, if that is
 * -1, the one with channel->name.  ao_how as for libxl_device_channel_add.
 *
 * libxl_device_channel_remove asks the guest and the backend to release the
 * channel and waits up to 10 seconds.  If they do not, it withdraws the request,
 * the channel stays, and the result is ERROR_TIMEDOUT.
 *
 * libxl_device_channel_destroy removes the channel without asking.
 *
 * Both also remove the channel from libxl-json and, if QEMU served it, its
 * character device from QEMU.  If that fails, destroy still removes the channel,
 * returns the error, and its message says what is left.
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
 * Lists the channels of all domains of the host, in the order of domids and
 * devids.  It takes about as long as the list of one domain.
 *
 * list   a malloc'd array of *num, which libxl_domain_channel_list_free frees;
 *        NULL, and *num 0, if there are none and on error.  The list leaves out
 *        a domain or channel that goes away meanwhile.
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
 * Finds a domain by name, as libxl_domain_qualifier_to_domid, but without a
 * context.  A name in digits is the domid itself, whether there is such a domain
 * or not.  If several domains have the name, the lowest domid counts.
 *
 * Returns 0 and sets *domid, or ERROR_INVAL for an empty name and for NULL,
 * ERROR_DOMAIN_NOTFOUND, ERROR_FAIL if xenstore cannot be read.
 */
#define LIBXL_HAVE_CHANNEL_DOMAIN_QUALIFIER_TO_DOMID 1
int libxl_channel_domain_qualifier_to_domid(libxl_ctx *ctx, const char *name,
                                            uint32_t *domid);

/*
 * LIBXL_HAVE_DEVID_TO_DEVICE_CHANNEL
 *
 * Finds a domain's channel by devid or by name and fills *channel, which the
 * caller disposes of.  On error *channel is as after libxl_device_channel_init.
 * ERROR_NOTFOUND: the domain has no such channel.
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
 * be initialised, from a value inside a larger document that yajl_tree_parse
 * parsed.  Accepts the same as libxl_device_channel_from_json, and returns
 * ERROR_FAIL for the rest.  The tree remains the caller's.
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
 * none, in one transaction, and writes devid and backend_domid back into each.
 * If a channel cannot be added, the message names its position in the array.
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
 * from_json  reads the document's array "channels" and ignores everything else.
 *            *channels is a malloc'd array, which libxl_device_channel_list_free
 *            frees; NULL, and *num 0, if there are none and on error.  Accepts
 *            the same channels as libxl_device_channel_from_json, and returns
 *            ERROR_FAIL for others.
 * to_json    returns a document {"channels": [...]}, malloc'd, which the caller
 *            frees; {} for no channels.  NULL: out of memory, or an invalid
 *            argument.
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
 * Sets the logger for subsequent messages of this library in this process.  It
 * stays the caller's and must outlive its use.  NULL restores the default, errors
 * on stderr.  A logger whose vmessage is NULL drops all messages.  The library
 * calls the logger in the thread that uses the library.
 */
#define LIBXL_HAVE_CHANNEL_SET_LOGGER 1
void libxl_channel_set_logger(xentoollog_logger *lg);

/*
 * LIBXL_HAVE_CHANNEL_LAST_ERROR
 *
 * Why a function of this library last failed in the calling thread, as one
 * line: the text that the log gets, with the domid, the channel and the cause
 * as far as they are known.
 *
 * Every call that fails sets it: one that returns an error code, NULL for a
 * string, a yajl_gen_status other than yajl_gen_status_ok, or a list with errno
 * set.  A call that succeeds leaves it as it was, so look at the code first.
 * With an ao_how, it is set before the callback is called.
 *
 * Returns NULL before the thread's first failure.  The string belongs to the
 * library; it is valid until the next call fails in the same thread, the thread
 * ends or the library is unloaded.  After fork() the child has a copy of the
 * forking thread's.
 */
#define LIBXL_HAVE_CHANNEL_LAST_ERROR 1
const char *libxl_channel_last_error(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBXL_CHANNEL_H */
