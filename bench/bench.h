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

#include "../Tests/conformance/conformance.h"

#include <time.h>

/* A function that only libxenlight has, or that only we have. */
#define PEER(name) ((__typeof__(&name))symbol_of(peer.handle, peer.path, #name))
#define OURS(name) ((__typeof__(&name))symbol_of(ours.handle, ours.path, #name))

/* The monotonic clock, in microseconds. */
__attribute__((unused))
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

__attribute__((unused))
static int pairs(void)
{
    int number = (int)number_from_env("BENCH_PAIRS", 31);
    return number < 1 ? 1 : number;
}

/* The SOCKET channel that is measured, in a struct of the caller's, who disposes of it. */
__attribute__((unused))
static void init_socket_channel(libxl_device_channel *channel)
{
    ours.device_channel_init(channel);
    ours.device_channel_init_connection(channel, LIBXL_CHANNEL_CONNECTION_SOCKET);
    channel->name = strdup("org.example.agent");
    channel->u.socket.path = strdup("/var/run/guests/17/org.example.agent");
}

/* One way to do the work of a subject. */
struct contender {
    const char *name;                   /* "ours", "peer", … */
    void (*work)(void);
};

/* Prints what was measured: of each contender, `count` numbers at values[contender]. */
__attribute__((unused))
static void report(const char *subject, const char *unit, const struct contender *contenders, int many,
                   double *const *values, int count)
{
    int c, n;

    printf("{\"subject\": \"%s\", \"unit\": \"%s\", \"series\": {", subject, unit);
    for (c = 0; c < many; c++) {
        printf("%s\"%s\": [", c ? ", " : "", contenders[c].name);
        for (n = 0; n < count; n++)
            printf("%s%.4g", n ? ", " : "", values[c][n]);
        printf("]");
    }
    printf("}}\n");
    fflush(stdout);
}

enum { MOST_CONTENDERS = 4, WARM_UPS = 3 };

/*
 * Times the contenders in turn, A B A B …, `calls` calls at a time, and prints
 * microseconds a call.  The first rounds are for warming up and do not count.
 */
__attribute__((unused))
static void compare(const char *subject, int calls, const struct contender *contenders, int many)
{
    double *values[MOST_CONTENDERS], begin;
    int count = pairs(), c, n, call;

    for (c = 0; c < many; c++)
        values[c] = calloc((size_t)count, sizeof(double));
    for (n = -WARM_UPS; n < count; n++)
        for (c = 0; c < many; c++) {
            begin = now();
            for (call = 0; call < calls; call++)
                contenders[c].work();
            if (n >= 0)
                values[c][n] = (now() - begin) / calls;
        }
    report(subject, "us", contenders, many, values, count);
    for (c = 0; c < many; c++)
        free(values[c]);
}

#endif
