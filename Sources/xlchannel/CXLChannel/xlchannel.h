/* The library as its users have it: the public header, and the shared library. */
#include "../../../include/libxl_channel.h"
