/* The posted family's contract; a module of its own, since one file cannot have both. */
#include "../../include/libxl_channel_v2.h"
