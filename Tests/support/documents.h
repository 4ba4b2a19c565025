/*
 * documents.h - what the programs about JSON share: random strings and numbers,
 * texts that grow, and what libxenlight must not be asked.
 */
#ifndef DOCUMENTS_H
#define DOCUMENTS_H

#include "libraries.h"

/* Ours takes any context and reads none. */
libxl_ctx *any_ctx(void);

char *random_string(void);
int random_int(void);

/* ---- texts ------------------------------------------------------------------ */

struct text { char *bytes; size_t length, room; };

void add_bytes(struct text *t, const char *bytes, size_t length);
void add(struct text *t, const char *s);

/* Texts are shown cut and with control characters replaced. */
const char *shown(const char *text);

/* 0 or ERROR_FAIL: libxl's from_json has no other result. */
bool same_class(int a, int b);

/* libxl looks at errno without having cleared it, so after a number out of range an
 * integer equal to LLONG_MAX or LLONG_MIN is out of range as well. */
bool depends_on_stale_errno(const char *text);

#endif
