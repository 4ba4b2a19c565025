/* libxl's types with this project's contract on top: what LibXLChannel implements. */
#include "../../include/libxl_channel.h"

/*
 * Passes one finished message to a logger.  The vmessage function takes a
 * va_list, which only C can make.
 */
static inline void xlchannel_vmessage(xentoollog_logger *lg, xentoollog_level level,
                                      int errnoval, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    lg->vmessage(lg, level, errnoval, "xlchannel", format, ap);
    va_end(ap);
}

static inline void xlchannel_message(xentoollog_logger *lg, xentoollog_level level,
                                     int errnoval, const char *text)
{
    xlchannel_vmessage(lg, level, errnoval, "%s", text);
}
