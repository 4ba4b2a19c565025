/*
 * backend.c - a backend that serves nothing: it announces itself in the given
 * domains and answers a new device with state 2 and a closing one with state 6,
 * as xenchanneld does for a guest without a driver.  For tests of the
 * toolstack's side, where domains other than 0 serve too.
 *
 *   backend [--refuse NAME] DOMID... -- COMMAND...      inside Tests/host/run
 *
 * A new device with the name NAME is answered with an error instead.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenstore.h>

/* The name of the channels to be refused, and what is said of them. */
static const char *refused;
static const char refusal[] = "not with me";

static void answer_new(struct xs_handle *store, xs_transaction_t t, const char *directory, const char *state_path)
{
    char path[300], *name, *error;

    snprintf(path, sizeof path, "%s/name", directory);
    name = xs_read(store, t, path, NULL);
    snprintf(path, sizeof path, "%s/error", directory);
    error = xs_read(store, t, path, NULL);
    if (!refused || !name || strcmp(name, refused))
        xs_write(store, t, state_path, "2", 1);
    else if (!error)
        xs_write(store, t, path, refusal, sizeof refusal - 1);
    free(name), free(error);
}

/* Answers one device, in a transaction: it may be removed at any moment. */
static void answer(struct xs_handle *store, const char *directory)
{
    char path[300];

    snprintf(path, sizeof path, "%s/state", directory);
    for (;;) {
        xs_transaction_t t = xs_transaction_start(store);
        char *state = xs_read(store, t, path, NULL);

        if (state && !strcmp(state, "1"))
            answer_new(store, t, directory, path);
        else if (state && !strcmp(state, "5"))
            xs_write(store, t, path, "6", 1);
        free(state);
        if (xs_transaction_end(store, t, false) || errno != EAGAIN)
            return;
    }
}

/* Serves until xenstored goes away; tells on `ready` when it began. */
static void serve(char **domids, int ready)
{
    struct xs_handle *store = xs_open(0);
    char path[100];
    char **event;

    if (!store)
        return;
    for (; strcmp(*domids, "--"); domids++) {
        snprintf(path, sizeof path, "/local/domain/%s/backend/console", *domids);
        xs_watch(store, path, "backend");
        snprintf(path, sizeof path, "/local/domain/%s/data/xenchanneld", *domids);
        xs_write(store, XBT_NULL, path, "1", 1);
    }
    if (write(ready, "1", 1) != 1)
        exit(1);
    while ((event = xs_read_watch(store, &(unsigned){ 0 }))) {
        unsigned backend, guest, number;
        int end = 0;

        if (sscanf(event[XS_WATCH_PATH], "/local/domain/%u/backend/console/%u/%u%n", &backend, &guest, &number, &end) == 3
            && number) {
            event[XS_WATCH_PATH][end] = 0;
            answer(store, event[XS_WATCH_PATH]);
        }
        free(event);
    }
    xs_close(store);
}

int main(int argc, char **argv)
{
    int dashes = 1, status, ready[2];
    pid_t backend, command;
    char began;

    if (argc > 2 && !strcmp(argv[1], "--refuse")) {
        refused = argv[2];
        argv += 2, argc -= 2;
    }
    while (dashes < argc && strcmp(argv[dashes], "--"))
        dashes++;
    if (dashes + 1 >= argc || pipe(ready)) {
        fputs("usage: backend [--refuse NAME] DOMID... -- COMMAND...\n", stderr);
        return 2;
    }
    backend = fork();
    if (backend == 0)
        for (;;) {                                      /* also with a restarted xenstored */
            serve(argv + 1, ready[1]);
            usleep(10000);
        }
    if (read(ready[0], &began, 1) != 1)
        return 1;
    command = fork();
    if (command == 0) {
        execvp(argv[dashes + 1], argv + dashes + 1);
        perror(argv[dashes + 1]);
        _exit(127);
    }
    waitpid(command, &status, 0);
    kill(backend, SIGKILL);
    waitpid(backend, NULL, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
