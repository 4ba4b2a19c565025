/*
 * waiting.h - for programs that take apart what the library does and what it
 * spends on waiting: it looks for replies for a while before it sleeps, the more
 * the longer xenstored takes.
 */
#ifndef WAITING_H
#define WAITING_H

#include "bench.h"

/* The CPU time of this process in poll() and sched_yield(), in ms. */
extern double waiting;

#endif
