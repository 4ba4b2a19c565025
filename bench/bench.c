#include "bench.h"

#include <time.h>

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int pairs(void)
{
    int number = (int)number_from_env("BENCH_PAIRS", 31);
    return number < 1 ? 1 : number;
}

void init_socket_channel(libxl_device_channel *channel)
{
    ours.device_channel_init(channel);
    ours.device_channel_init_connection(channel, LIBXL_CHANNEL_CONNECTION_SOCKET);
    channel->name = strdup("org.example.agent");
    channel->u.socket.path = strdup("/var/run/guests/17/org.example.agent");
}

void report(const char *subject, const char *unit, const struct contender *contenders, int many,
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

void compare(const char *subject, int calls, const struct contender *contenders, int many)
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

double cpu_of(pid_t process)
{
    char path[64];
    unsigned long long ns = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/schedstat", process);
    f = fopen(path, "r");
    if (!f || fscanf(f, "%llu", &ns) != 1)
        give_up("cannot read %s", path);
    fclose(f);
    return (double)ns / 1e6;
}

bool is_asleep(pid_t process)
{
    char path[64], state = 'R';
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", process);
    f = fopen(path, "r");
    if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        give_up("cannot read %s", path);
    fclose(f);
    return state == 'S';
}

double own_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void compare_cpu(const char *subject, int calls, const struct contender *contenders, int many)
{
    double *both[MOST_CONTENDERS], *xenstoreds[MOST_CONTENDERS];
    pid_t xenstored = (pid_t)number_from_env("XENHOST_XENSTORED_PID", 0);
    int count = pairs(), c, n, call;
    char title[64];

    for (c = 0; c < many; c++) {
        both[c] = calloc((size_t)count, sizeof(double));
        xenstoreds[c] = calloc((size_t)count, sizeof(double));
    }
    for (n = -WARM_UPS; n < count; n++)
        for (c = 0; c < many; c++) {
            double own = own_cpu(), its = cpu_of(xenstored);
            for (call = 0; call < calls; call++)
                contenders[c].work();
            own = own_cpu() - own;
            usleep(1000);                               /* it still closes connections, and accounts for its time */
            its = cpu_of(xenstored) - its;
            if (n < 0)
                continue;
            both[c][n] = (own + its) * 1000 / calls;
            xenstoreds[c][n] = its * 1000 / calls;
        }
    snprintf(title, sizeof title, "%s-cpu", subject);
    report(title, "us", contenders, many, both, count);
    snprintf(title, sizeof title, "%s-xenstored", subject);
    report(title, "us", contenders, many, xenstoreds, count);
    for (c = 0; c < many; c++) {
        free(both[c]);
        free(xenstoreds[c]);
    }
}
