/*
 * stress.c - many at once on one domain: 8 threads, then 4 processes, then a
 * fork amid it, then a xenstored that is killed and started again.  No two live
 * channels ever have one devid, and no node is left.  Run it in Tests/host/run
 * from the root of the tree (for Tests/host/restart-xenstored).
 *
 * ROUNDS (environment): adds and removes of each thread; each process does a
 * quarter as many.
 */
#include "store.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { GUEST = 1, THREADS = 8, PROCESSES = 4, DEVIDS = 4096 };

/* In memory that all processes see: who has a devid now. */
static struct shared {
    _Atomic int holder[DEVIDS];
    _Atomic unsigned long adds, removes, clashes, failures, highest;
    _Atomic int first_failure;
} *shared;

static unsigned long rounds;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void note_failure(int rc)
{
    int none = 0;
    shared->failures++;
    atomic_compare_exchange_strong(&shared->first_failure, &none, rc);
}

/* One worker's adds and removes; me: not 0, and nobody else's. */
static void work(int me, unsigned long times)
{
    static const int kinds[] = { LIBXL_CHANNEL_CONNECTION_PTY, LIBXL_CHANNEL_CONNECTION_SOCKET, LIBXL_CHANNEL_CONNECTION_NONE, LIBXL_CHANNEL_CONNECTION_PATH };
    unsigned long n;

    for (n = 0; n < times; n++) {
        libxl_device_channel c;
        char name[64], path[64];
        int rc, nobody = 0;

        ours.device_channel_init(&c);
        snprintf(name, sizeof name, "worker %d round %lu", me, n);
        c.name = strdup(name);
        c.connection = (libxl_channel_connection)kinds[(n + (unsigned)me) % COUNT_OF(kinds)];
        snprintf(path, sizeof path, "/tmp/stress.%d", me);   /* a file is one channel's alone */
        if (has_path(c.connection))
            c.u.socket.path = strdup(path);
        rc = ours.device_channel_add(NULL, GUEST, &c, NULL);
        if (rc || c.devid < 0 || c.devid >= DEVIDS) {
            note_failure(rc);
        } else {
            shared->adds++;
            if ((unsigned long)c.devid > shared->highest)
                shared->highest = (unsigned long)c.devid;
            if (!atomic_compare_exchange_strong(&shared->holder[c.devid], &nobody, me))
                shared->clashes++;
            if (n % 16 == 0) {                         /* look at it, sometimes */
                libxl_device_channel found;
                rc = ours.devid_to_device_channel(NULL, GUEST, c.devid, &found);
                if (rc || !same_text(found.name, name))
                    note_failure(rc ? rc : ERROR_NONSPECIFIC);
                ours.device_channel_dispose(&found);
            }
            shared->holder[c.devid] = 0;
            rc = (n % 2 ? ours.device_channel_destroy : ours.device_channel_remove)(NULL, GUEST, &c, NULL);
            if (rc)
                note_failure(rc);
            else
                shared->removes++;
        }
        ours.device_channel_dispose(&c);
    }
}

/* What a round of work has to have come to. */
static void judge(const char *what, unsigned long expected, char *before, double since)
{
    CHECK(!shared->failures, "%s: %lu calls failed, the first with %d", what, shared->failures, shared->first_failure);
    CHECK(!shared->clashes, "%s: %lu devids given twice", what, shared->clashes);
    CHECK(shared->adds == expected && shared->removes == expected, "%s: %lu adds, %lu removes of %lu", what, shared->adds, shared->removes, expected);
    CHECK(same_store(before, whole_store()), "%s: nodes are left", what);
    printf("stress: %s: %lu adds, %lu removes, highest devid %lu, in %.1f s\n", what, shared->adds, shared->removes, shared->highest, seconds() - since);
    memset(shared, 0, sizeof *shared);
}

static void *work_in_thread(void *number)
{
    work((int)(intptr_t)number, rounds);
    return NULL;
}

static void test_threads(void)
{
    char *before = whole_store();
    double since = seconds();
    pthread_t thread[THREADS];
    int n;

    for (n = 0; n < THREADS; n++)
        pthread_create(&thread[n], NULL, work_in_thread, (void *)(intptr_t)(n + 1));
    for (n = 0; n < THREADS; n++)
        pthread_join(thread[n], NULL);
    judge("8 threads", THREADS * rounds, before, since);
}

/* False: the child was killed, or said so. */
static bool ended_well(pid_t child)
{
    int status;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_processes(void)
{
    char *before = whole_store();
    double since = seconds();
    pid_t child[PROCESSES];
    int n;

    fflush(stdout);
    for (n = 0; n < PROCESSES; n++) {
        child[n] = fork();
        if (child[n] == 0) {
            /* Each opens its own connection, though the parent has used the library. */
            work(n + 1, rounds / 4);
            _exit(0);
        }
    }
    for (n = 0; n < PROCESSES; n++)
        CHECK(ended_well(child[n]), "process %d did not end well", n);
    judge("4 processes", PROCESSES * (rounds / 4), before, since);
}

/* fork() while threads of the parent are inside the library; parent and children go on. */
static void test_fork(void)
{
    char *before = whole_store();
    double since = seconds();
    unsigned long keep = rounds;
    pthread_t thread[2];
    int n;

    rounds = keep / 10 + 1;
    for (n = 0; n < 2; n++)
        pthread_create(&thread[n], NULL, work_in_thread, (void *)(intptr_t)(n + 1));
    fflush(stdout);
    for (n = 0; n < 10; n++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(30);                                 /* a lock that nobody holds any more */
            work(10 + n, 5);
            _exit(0);
        }
        CHECK(ended_well(child), "child %d of a process amid its calls did not end well", n);
    }
    for (n = 0; n < 2; n++)
        pthread_join(thread[n], NULL);
    judge("fork amid calls", 2 * rounds + 10 * 5, before, since);
    rounds = keep;
}

/* After a restart of xenstored the backend announces itself again. */
static void await_backend(void)
{
    char *announced = NULL;
    int tries;

    for (tries = 0; !announced && tries < 500; tries++) {
        announced = got("/local/domain/0/data/xenchanneld");
        if (!announced)
            usleep(10000);
    }
    CHECK(announced, "the backend does not come back");
    free(announced);
}

static void test_restart(void)
{
    int n, num;
    double since = seconds();
    char *before;

    work(1, 1);
    memset(shared, 0, sizeof *shared);
    xs_close(store);
    for (n = 0; n < 3; n++) {
        CHECK(system("Tests/host/restart-xenstored >/dev/null") == 0, "xenstored did not restart");
        if (n == 1) {
            libxl_device_channel *list;
            int error;
            errno = 0;
            list = ours.device_channel_list(NULL, GUEST, &num);
            error = errno;
            CHECK(!list && num == 0 && error == 0, "list after a restart of xenstored: num %d, %s", num, strerror(error));
        }
        open_store();
        await_backend();
        before = whole_store();
        work(1, 3);
        judge("xenstored restarted", 3, before, since);
        xs_close(store);
    }
    open_store();
}

int main(void)
{
    rounds = number_from_env("ROUNDS", 1000);
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_ours();
    open_store();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    test_threads();
    test_processes();
    test_fork();
    test_restart();
    xs_close(store);
    return finish("stress");
}
