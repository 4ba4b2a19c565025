/* both_reversed.c - must not compile, like both.c. */
#include <libxl_channel_v2.h>
#include <libxl_channel.h>
