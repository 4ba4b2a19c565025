/*
 * check.h - counting of checks, numbers from the environment, and a seeded
 * generator of random values.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting --------------------------------------------------------- */

/* So many failures of one check in the source are shown; all are counted. */
enum { SHOWN_FAILURES = 4 };

/* Counts one check; prints the message of a failed one. */
#define CHECK(ok, ...) check_at((ok), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5)))
bool check_at(bool ok, const char *file, int line, const char *format, ...);

/* How many checks have failed so far. */
unsigned long failures(void);

/* The last line of each program, and its exit status. */
int finish(const char *program);

/* Ends the program: further tests are pointless. */
__attribute__((format(printf, 1, 2), noreturn))
void give_up(const char *format, ...);

/* ---- numbers from the environment -------------------------------------- */

unsigned long number_from_env(const char *name, unsigned long otherwise);

/* ---- randomness: the same sequence for the same seed ---------------------- */

void seed_random(const char *program);
uint64_t random_bits(void);

/* 0 … below-1 */
unsigned random_below(unsigned below);

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define ANY_OF(array) ((array)[random_below(COUNT_OF(array))])

#endif
