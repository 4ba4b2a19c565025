/*
 * json.h - structs, enumeration and JSON of libxlchannel against libxenlight's,
 * both in this process.
 *
 * SEED, STRUCTS and TEXTS (environment) choose the random sequence, the number
 * of random structs of each type and the number of random texts; QUICK leaves
 * out the deepest documents, for valgrind.
 */
#ifndef JSON_H
#define JSON_H

#include "documents.h"

#include <yajl/yajl_tree.h>

extern bool quick;                                     /* for valgrind */

/* What the last line of the output says. */
extern struct tally {
    unsigned long texts_accepted, texts_refused, trees_compared, configs_compared;
    unsigned long skipped_errno, skipped_crash, skipped_comment;
} tally;

/* ---- values.c --------------------------------------------------------------- */

/* A connection of libxl's, or one that neither library knows. */
int random_connection(void);
void random_channel(libxl_device_channel *c, int connection);
void random_info(libxl_channelinfo *i, int connection);

/* ---- structs.c -------------------------------------------------------------- */

void test_channel(int connection);
void test_info(int connection);
void test_init_connection(void);
void test_enumeration(void);

/* ---- parsing.c -------------------------------------------------------------- */

/* Whether libxl's assertion that a document names one connection at most would fail. */
bool has_two_connections(const char *text);
void compare_text(const char *text);

/* ---- texts.c ---------------------------------------------------------------- */

void add_random_map(struct text *t, int depth);
void add_valid_document(struct text *t);
void test_random_text(void);
void test_chosen_texts(void);
/* Every prefix of a document with everything in it. */
void test_prefixes(void);

/* ---- config.c --------------------------------------------------------------- */

void test_random_config(void);

/* ---- ours.c ----------------------------------------------------------------- */

void test_new_connections(void);
void test_null_source(void);
void test_null(void);

/* ---- deaths.c --------------------------------------------------------------- */

/* Facts for the documentation, not checks: a later libxl may do better. */
void show_deaths_of_libxl(void);

#endif
