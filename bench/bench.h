/*
 * bench.h - what the measuring programs share: ours and the peer loaded side by
 * side, timed in alternation, and the times printed as one line of JSON:
 *
 *   {"subject": "…", "unit": "us", "series": {"ours": […], "peer": […]}}
 *
 * bench/run reads these lines; medians, ratios and targets are its business.
 * BENCH_PAIRS (environment) is the number of pairs.
 */
#ifndef BENCH_H
#define BENCH_H

#include "libraries.h"

/* The monotonic clock, in microseconds. */
double now(void);

/* How many pairs to measure. */
int pairs(void);

/* The SOCKET channel that is measured, in a struct of the caller's, who disposes of it. */
void init_socket_channel(libxl_device_channel *channel);

/* One way to do the work of a subject. */
struct contender {
    const char *name;                   /* "ours", "peer", … */
    void (*work)(void);
};

/* Prints what was measured: of each contender, `count` numbers at values[contender]. */
void report(const char *subject, const char *unit, const struct contender *contenders, int many,
            double *const *values, int count);

enum { MOST_CONTENDERS = 4, WARM_UPS = 3 };

/*
 * Times the contenders in turn, A B A B …, `calls` calls at a time, and prints
 * microseconds a call.  The first rounds are for warming up and do not count.
 */
void compare(const char *subject, int calls, const struct contender *contenders, int many);

/* CPU time since some moment, in ms: of a process, and of this one. */
double cpu_of(pid_t process);
double own_cpu(void);
bool is_asleep(pid_t process);

/*
 * The same in CPU time, which other work on the machine changes less: figures
 * `subject`-cpu, of this process and xenstored, and `subject`-xenstored.
 */
void compare_cpu(const char *subject, int calls, const struct contender *contenders, int many);

#endif
