/*
 * yajl, and libxl_json.h for its two inline functions that allocate a
 * generator and a parser with libxl's options: yajl's own functions for
 * setting options are variadic, which Swift cannot call.
 */
#define HAVE_YAJL_YAJL_VERSION_H 1
#include <libxl.h>
#include <libxl_json.h>
#include <yajl/yajl_tree.h>
