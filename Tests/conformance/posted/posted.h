/*
 * posted.h - the posted family by its symbols: structs, enumeration, JSON, and
 * the way to and from the released family.  The expected texts are written by
 * hand, after libxl's generic rules for a struct with an enumeration: no
 * libxl ever printed one.
 *
 * SEED, STRUCTS and TEXTS (environment) choose the random sequence, the number
 * of random structs and of random texts.
 */
#ifndef POSTED_H
#define POSTED_H

#include "families.h"

/* ---- main.c ------------------------------------------------------------------ */

void random_posted(libxl_device_channel_v2 *c);
/* What a call that initialises an object finds in it. */
void in_what_was_there(void *p, size_t size);
/* Dispose twice: the second finds the struct initialised. */
void dispose_of(libxl_device_channel_v2 *c);

/* ---- json.c ------------------------------------------------------------------ */

extern unsigned long texts_taken, texts_tried;

void test_struct(void);
void test_shapes(void);
void test_shape_of_no_type(void);
void test_strictness(void);
void test_mutated_text(void);

/* ---- enumeration.c ------------------------------------------------------------ */

void test_enumeration(void);

/* ---- conversion.c ------------------------------------------------------------- */

void test_conversion(void);
void test_no_conversion(void);

/* ---- null.c ------------------------------------------------------------------- */

void test_null(void);
void test_null_source(void);

#endif
