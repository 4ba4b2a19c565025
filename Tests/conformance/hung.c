/*
 * hung.c - an xenstored that hangs: each thread fails by its own time limit,
 * not after those before it, and when xenstored goes on, nothing is left of
 * what they wanted.  Run it in Tests/host/run, with a backend for domain 0.
 */
#include "store.h"

#include <pthread.h>
#include <time.h>

enum { GUEST = 1, THREADS = 5, LIMIT = 10 };

/* What a thread does, what came of it, and when. */
struct call {
    const char *name;
    int (*make)(void);
    int rc;
    double after;
    char message[512];
};

static int existing;
static double since;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int add(const char *name)
{
    libxl_device_channel c;
    int rc;

    ours.device_channel_init(&c);
    c.name = strdup(name);
    c.connection = LIBXL_CHANNEL_CONNECTION_NONE;
    rc = ours.device_channel_add(NULL, GUEST, &c, NULL);
    if (!rc)
        existing = c.devid;
    ours.device_channel_dispose(&c);
    return rc;
}

static int add_first(void) { return add("org.test.hung.1"); }
static int add_second(void) { return add("org.test.hung.2"); }

static int list(void)
{
    libxl_device_channel *channels;
    int num, error;

    errno = 0;
    channels = ours.device_channel_list(NULL, GUEST, &num);
    error = errno;
    ours.device_channel_list_free(channels, num);
    return error == ETIMEDOUT ? ERROR_TIMEDOUT : error;
}

static int look_up(void)
{
    libxl_device_channel c;
    int rc = ours.devid_to_device_channel(NULL, GUEST, existing, &c);

    ours.device_channel_dispose(&c);
    return rc;
}

static int take_away(void)
{
    libxl_device_channel c;
    int rc;

    ours.device_channel_init(&c);
    c.devid = existing;
    rc = ours.device_channel_remove(NULL, GUEST, &c, NULL);
    ours.device_channel_dispose(&c);
    return rc;
}

static void *run(void *argument)
{
    struct call *call = argument;

    call->rc = call->make();
    call->after = seconds() - since;
    snprintf(call->message, sizeof call->message, "%s", ours.channel_last_error());
    return NULL;
}

int main(void)
{
    struct call calls[THREADS] = {
        { .name = "add", .make = add_first }, { .name = "another add", .make = add_second },
        { .name = "list", .make = list }, { .name = "look-up", .make = look_up }, { .name = "remove", .make = take_away },
    };
    pthread_t thread[THREADS];
    pid_t xenstored = (pid_t)number_from_env("XENHOST_XENSTORED_PID", 0);
    char *before;
    int n;

    load_ours();
    open_store();
    CHECK(xenstored > 1 && !add("org.test.hung.there"), "nothing to begin with");
    before = whole_store();

    kill(xenstored, SIGSTOP);
    since = seconds();
    for (n = 0; n < THREADS; n++)
        pthread_create(&thread[n], NULL, run, &calls[n]);
    for (n = 0; n < THREADS; n++)
        pthread_join(thread[n], NULL);
    kill(xenstored, SIGCONT);

    for (n = 0; n < THREADS; n++) {
        CHECK(calls[n].rc == ERROR_TIMEDOUT, "%s of a hung xenstored: %d", calls[n].name, calls[n].rc);
        CHECK(calls[n].after > LIMIT - 0.5 && calls[n].after < LIMIT + 1.5, "%s fails after %.1f s", calls[n].name, calls[n].after);
        CHECK(strstr(calls[n].message, "xenstored did not answer within 10 seconds"), "%s: \"%s\"", calls[n].name, calls[n].message);
    }
    /* What they had sent must not happen now. */
    CHECK(!look_up(), "the look-up fails when xenstored goes on");
    CHECK(same_store(before, whole_store()), "the store has changed");
    CHECK(!take_away() && !add_first() && !take_away(), "nothing works when xenstored goes on");
    xs_close(store);
    return finish("hung");
}
