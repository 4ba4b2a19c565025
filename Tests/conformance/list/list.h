/*
 * list.h - list and getinfo of libxlchannel against libxenlight's, on the same
 * xenstore: equal for every layout that libxl itself produces, and right where
 * libxl is wrong.  Run it in Tests/host/run.
 *
 * SEED and LAYOUTS (environment) choose the random sequence and its length.
 */
#ifndef LIST_H
#define LIST_H

#include "store.h"

enum { GUEST = 1 };

/* ---- main.c ------------------------------------------------------------------ */

void clear_guest(void);
libxl_device_channel *list_ours(int *num);
const libxl_device_channel *find(const libxl_device_channel *list, int num, int devid);

/* ---- layouts.c: those of libxl's ----------------------------------------------- */

extern unsigned long channels_compared;

void test_random_layout(void);
void test_no_channels(void);

/* ---- differences.c: where libxl is wrong --------------------------------------- */

void test_holes(void);
void test_unknown_connection(void);
void test_partial(void);
void test_odd_entries(void);
void test_new_connections(void);

/* ---- domains.c: all at once, and by name ---------------------------------------- */

void test_all_domains(void);
void test_domain_names(void);

/* ---- restless.c: a console that comes and goes while others list ----------------- */

void test_coming_and_going(void);

#endif
