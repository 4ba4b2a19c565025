/* both.c - must not compile: the headers give two meanings to the same names. */
#include <libxl_channel.h>
#include <libxl_channel_v2.h>
