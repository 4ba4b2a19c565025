/*
 * life.h - add, look-up, remove and destroy on a real xenstored: every node
 * and permission, every refusal, and nothing left behind.  Run it in
 * Tests/host/run, with guests 1 to 3.
 *
 * QUICK (environment) leaves out the big directory, for valgrind.
 */
#ifndef LIFE_H
#define LIFE_H

#include "store.h"

enum { GUEST = 1, OTHER_GUEST = 2, DRIVER_DOMAIN = 3, NO_DOMAIN = 77 };

enum { NONE, PTY, PATH, SOCKET, KINDS };
extern const struct kind { int connection; const char *name, *text, *path; } kinds[KINDS];

/* ---- main.c ------------------------------------------------------------------ */

libxl_device_channel new_channel(int connection, const char *name, const char *path);
void free_channel(libxl_device_channel *c);

/* Adds, expecting success; returns the devid. */
int add_one(uint32_t domid, int devid, int kind, const char *name);
int take_away(uint32_t domid, int devid, bool destroy);

/* ---- whole.c, refusals.c, devids.c, calls.c ----------------------------------- */

void test_life(void);
/* An add that fails with rc, and changes neither the store nor the struct's strings. Frees the struct. */
void refuse(int rc_wanted, uint32_t domid, libxl_device_channel c, const char *what);
void test_refusals(void);
void test_not_found(void);
void test_devids(void);
void test_big_directory(void);
void test_config(void);
void test_ao_how(void);
void test_null(void);

#endif
