/*
 * recording.h - records of channels in xenstore, and recordings: the requests
 * that our library sends, kept to be sent again by a bare send() with the
 * read()s of the replies.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include "bench.h"
#include "store.h"

#include <xen/io/xs_wire.h>

/*
 * Writes the toolstack's record of a SOCKET channel of domain 0's, which is all
 * that a list reads: as libxl does, or with the summary that our library adds.
 * Console 0 is the guest's primary console, and no channel.
 */
void put_record(int guest, int number, bool summary);

struct recording {
    char *bytes;
    size_t length;
    unsigned long requests;
};

/* Changes requests on their way; NULL: none. */
extern void (*retouch)(char *bytes, size_t length);

/* Is shown what was sent, and to whom; NULL: none. */
extern void (*tap)(int fd, const char *bytes, size_t length);

/* Runs `work`, and records what it sends to xenstored. */
void record(struct recording *recording, void (*work)(void));

/* Sends a recording in one piece, while reading the replies, and waits for all of them. */
void replay(const struct recording *recording);

#endif
