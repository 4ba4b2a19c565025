/*
 * store.h - the tests' own hand on xenstore, by libxenstore: nodes written as
 * libxl writes them, and the whole store, or a part, as text to compare.
 */
#ifndef STORE_H
#define STORE_H

#include "libraries.h"

#include <xenstore.h>

extern struct xs_handle *store;

void open_store(void);

/* ---- writing --------------------------------------------------------------- */

/* Permissions: the owner, and one more reader (-1: none). */
struct access { int owner, reader; };

__attribute__((format(printf, 4, 5)))
void put(xs_transaction_t t, const struct access *access, const char *value, const char *format, ...);

__attribute__((format(printf, 2, 3)))
void cut(xs_transaction_t t, const char *format, ...);

__attribute__((format(printf, 1, 2)))
char *got(const char *format, ...);

/* One console as libxl and a backend leave it; NULL members are left out. */
struct console {
    int number, backend;
    const char *name, *connection, *path;         /* name NULL: not a channel */
    const char *state, *ring_ref, *port, *tty;
};

/* The directory of a console's frontend; the primary console has another. */
void front_path(char path[128], int guest, int number);

void put_console(xs_transaction_t t, int guest, const struct console *c);
void cut_console(xs_transaction_t t, int guest, int backend, int number);

xs_transaction_t begin(void);

/* False: somebody else was faster, do it again. */
bool commit(xs_transaction_t t);

/* ---- the store as text: "path = value (n0,r1)" a line, sorted ----------------- */

struct lines { char **line; size_t count, room; };

/* The line is freed by text_of. */
void add_line(struct lines *l, char *line);

/* Adds a node and those below it. */
void collect(struct lines *l, const char *path);

/* Sorts, joins and frees. */
char *text_of(struct lines *l);

char *whole_store(void);

/* Takes both texts; shows a difference, if it is among the first. */
bool same_store(char *before, char *after);

#endif
