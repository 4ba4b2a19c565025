/*
 * config.h - the channels of domain configurations that the real libxenlight
 * wrote, with everything else that is in them, and of such documents after an
 * accident.
 *
 * What libxenlight accepts as a whole gives the same channels here.  What it
 * refuses may be taken here: other members than "channels" are not looked at.
 * Since libxenlight ends the program at some documents, it is asked about
 * changed ones in a process of its own.
 *
 * SEED, CONFIGS and MUTATIONS (environment) choose the random sequence, the
 * number of random configurations and of changed documents; QUICK spares
 * libxenlight the deepest documents, for valgrind.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "families.h"

/* What the last line of the output says. */
extern struct tally {
    unsigned long bytes_of_documents;
    unsigned long both_take, only_ours_takes, both_refuse, libxl_dies, not_asked;
} tally;

/* random.c */
void random_config(libxl_domain_config *c, int channels);

/* whole.c */
void test_config(int channels);

/* oracle.c: 0, an error of libxenlight's, or one of these. */
enum { DIED = 1, TOO_LONG = 2 };
int ask_oracle(const char *text);
/* The channels that libxenlight read last, as ours writes them. */
const char *oracle_channels(void);
void end_oracle(void);

/* accidents.c */
void test_chosen_documents(void);
void test_mutation(const char *document);

#endif
