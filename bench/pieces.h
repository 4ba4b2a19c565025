/*
 * pieces.h - what several processes sent to xenstored, sent again by one that
 * does nothing else.
 */
#ifndef PIECES_H
#define PIECES_H

#include "recording.h"
#include "shared.h"

/*
 * Sends what was kept from `start` to `end`, in that order and by as many
 * connections, each piece after the replies to the one before.
 */
void send_again(const struct shared *sent, size_t start, size_t end);

#endif
