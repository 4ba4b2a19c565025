/*
 * yajl, and libxl_json.h for its two inline functions that allocate a
 * generator and a parser with libxl's options: yajl's own functions for
 * setting options are variadic, which Swift cannot call.
 */
#define HAVE_YAJL_YAJL_VERSION_H 1
#include <libxl.h>
#include <libxl_json.h>
#include <yajl/yajl_tree.h>

/* Lets a new generator write by `print` rather than into a buffer of its own, which is freed. */
static inline void yajl_gen_print_to(yajl_gen generator, yajl_print_t print, void *context)
{
    yajl_gen_config(generator, yajl_gen_print_callback, print, context);
}
