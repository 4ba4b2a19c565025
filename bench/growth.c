/*
 * growth.c - what more channels cost, on the host without a hypervisor: 500 to
 * 4,000 of them, 5 a guest.  CPU time of the daemon, of the library and of
 * xenstored while all are added, listed, found by a daemon that starts, and one
 * half destroyed, one half removed; and xenstored's for the same requests, sent
 * again in the same order without library and daemon.
 *
 * The guests are records in xenstore alone: xenstored's time to introduce a
 * thousand guests would be most of the run.
 */
#include "recording.h"
#include "pieces.h"
#include "waiting.h"
#include <sys/stat.h>
#include <sys/wait.h>

enum { FIRST = 1000, EACH = 5, ROUNDS = 3, MOST_ROUNDS = 16 };

static struct shared *sent;
static pid_t daemon_pid, xenstored_pid;
static int guests;
static char *directory;

/* ---- CPU time, in ms ---------------------------------------------------------- */

struct costs { double daemon, library, xenstored; };

static struct costs costs_now(void)
{
    return (struct costs){ daemon_pid ? cpu_of(daemon_pid) : 0, own_cpu() - waiting, cpu_of(xenstored_pid) };
}

/* Waits until neither the daemon nor xenstored has run for a while. */
static void await_rest(void)
{
    double before = -1;
    int still = 0;

    while (still < 6) {
        double cpu = cpu_of(xenstored_pid) + (daemon_pid ? cpu_of(daemon_pid) : 0);
        still = cpu == before && is_asleep(xenstored_pid) && (!daemon_pid || is_asleep(daemon_pid)) ? still + 1 : 0;
        before = cpu;
        usleep(50000);
    }
}

static void start_daemon(void)
{
    char log[256], run[256], preload[512], recording[256];
    char *arguments[] = { ".build/sbin/xenchanneld", "--foreground", "--run-dir", run, "--log-file", log, NULL };
    const char *inherited = getenv("LD_PRELOAD");
    char *announced = NULL;
    int tries;

    snprintf(run, sizeof run, "%s/run", directory);
    snprintf(log, sizeof log, "%s/log", directory);
    snprintf(recording, sizeof recording, "%s/recording", directory);
    snprintf(preload, sizeof preload, "%s:.build/bench/recorder.so", inherited ? inherited : "");
    mkdir(run, 0700);
    daemon_pid = fork();
    if (!daemon_pid) {
        setenv("LD_PRELOAD", preload, 1);
        setenv("GROWTH_RECORDING", recording, 1);
        execv(arguments[0], arguments);
        _exit(127);
    }
    for (tries = 0; tries < 1000 && !(announced = got("/local/domain/0/data/xenchanneld")); tries++)
        usleep(10000);
    if (!announced)
        give_up("the daemon does not serve");
    free(announced);
}

static void stop_daemon(void)
{
    int status;
    kill(daemon_pid, SIGTERM);
    if (waitpid(daemon_pid, &status, 0) != daemon_pid || status)
        give_up("the daemon ends with %d", status);
    daemon_pid = 0;
}

/* Is shown what the library sends. */
static void keep_ours(int fd, const char *bytes, size_t length)
{
    if (sent)
        keep(sent, (unsigned)fd, bytes, length);
}

static void prepare(libxl_device_channel *channel, int guest, int devid)
{
    ours.device_channel_init(channel);
    ours.device_channel_init_connection(channel, LIBXL_CHANNEL_CONNECTION_SOCKET);
    channel->devid = devid;
    if (asprintf(&channel->name, "org.example.%d", devid) < 0
        || asprintf(&channel->u.socket.path, "%s/%d.%d", directory, guest, devid) < 0)
        give_up("no memory");
}

static void add_one(int guest, int devid)
{
    libxl_device_channel channel;
    prepare(&channel, guest, devid);
    if (ours.device_channel_add(NULL, (uint32_t)guest, &channel, NULL))
        give_up("add to guest %d: %s", guest, ours.channel_last_error());
    ours.device_channel_dispose(&channel);
}

static void add_all(void)
{
    int guest, devid;
    for (guest = FIRST; guest < FIRST + guests; guest++)
        for (devid = 0; devid < EACH; devid++)
            add_one(guest, devid);
}

/* The channels of every other guest, beginning with the `which`th. */
static void take_half(int which, bool by_force)
{
    int guest, devid;
    for (guest = FIRST + which; guest < FIRST + guests; guest += 2)
        for (devid = 0; devid < EACH; devid++) {
            libxl_device_channel channel;
            prepare(&channel, guest, devid);
            if ((by_force ? ours.device_channel_destroy : ours.device_channel_remove)(NULL, (uint32_t)guest, &channel, NULL))
                give_up("cannot remove %d of guest %d: %s", devid, guest, ours.channel_last_error());
            ours.device_channel_dispose(&channel);
        }
}

static void destroy_half(void) { take_half(0, true); }
static void remove_half(void) { take_half(1, false); }

static void list_all(void)
{
    libxl_domain_channel *list;
    int num;
    if (ours.domain_channel_list(NULL, &list, &num) || num != guests * EACH)
        give_up("%d channels are listed", num);
    ours.domain_channel_list_free(list, num);
}

/* What is left of the bare requests. */
static void cut_all(void)
{
    int guest;
    for (guest = FIRST; guest < FIRST + guests; guest++) {
        cut(XBT_NULL, "/libxl/%d/device", guest);
        cut(XBT_NULL, "/local/domain/%d/device", guest);
        cut(XBT_NULL, "/local/domain/0/backend/console/%d", guest);
    }
}

struct phase {
    const char *title;
    size_t start, end;
    struct costs costs;
};

static struct phase run_phase(const char *title, void (*work)(void))
{
    struct phase phase = { .title = title, .start = sent->length };
    struct costs before = costs_now(), after;
    work();
    phase.costs.library = costs_now().library - before.library;
    await_rest();
    after = costs_now();
    phase.costs.xenstored = after.xenstored - before.xenstored;
    phase.costs.daemon = after.daemon - before.daemon;
    phase.end = sent->length;
    return phase;
}

/* What a phase came to in each round. */
struct figure {
    const char *title;
    double daemon[MOST_ROUNDS], library[MOST_ROUNDS], xenstored[MOST_ROUNDS], bare[MOST_ROUNDS];
};

static void note(struct figure *figure, const struct phase *phase, int round)
{
    double before = cpu_of(xenstored_pid);
    figure->title = phase->title;
    figure->daemon[round] = phase->costs.daemon;
    figure->library[round] = phase->costs.library;
    figure->xenstored[round] = phase->costs.xenstored;
    send_again(sent, phase->start, phase->end);
    await_rest();
    figure->bare[round] = cpu_of(xenstored_pid) - before;
}

static void report_figure(struct figure *figure, const char *who, double *cpu, int rounds)
{
    static const struct contender contenders[] = { { "ours", NULL }, { "xenstored", NULL }, { "bare", NULL } };
    char title[64];

    snprintf(title, sizeof title, "growth-%s-%s-%d", figure->title, who, guests * EACH);
    report(title, "ms", contenders, 3, (double *[]){ cpu, figure->xenstored, figure->bare }, rounds);
}

static void put_guests(int number)
{
    for (; guests < number; guests++)
        put(XBT_NULL, NULL, "guest", "/local/domain/%d/name", FIRST + guests);
}

enum { ADD, LIST, START, DESTROY, REMOVE, PHASES };

static void measure(struct figure figures[PHASES], int round)
{
    struct phase phases[PHASES];
    int n;

    sent->length = 0;
    start_daemon();
    await_rest();
    phases[ADD] = run_phase("add", add_all);
    phases[LIST] = run_phase("list", list_all);
    stop_daemon();
    await_rest();
    phases[START] = run_phase("start", start_daemon);
    phases[START].costs.daemon = cpu_of(daemon_pid);
    phases[DESTROY] = run_phase("destroy", destroy_half);
    phases[REMOVE] = run_phase("remove", remove_half);
    stop_daemon();
    cut_all();

    /* The bare requests find what ours found. */
    put(XBT_NULL, NULL, "1", "/local/domain/0/data/xenchanneld");
    for (n = 0; n < PHASES; n++)
        note(&figures[n], &phases[n], round);
    cut_all();
    cut(XBT_NULL, "/local/domain/0/data/xenchanneld");
}

enum { MANY = 1000, SAMPLES = 20 };

/* One guest's first adds and its last of a thousand; ours and xenstored's. */
static void measure_one_guest(void)
{
    static const struct contender contenders[] = { { "ours", NULL }, { "xenstored", NULL } };
    static double own[SAMPLES], its[SAMPLES];
    int devid, sample = 0;

    put_guests(1);
    start_daemon();
    for (devid = 0; devid < MANY; devid++) {
        struct costs before;
        bool is_first = devid < SAMPLES;
        if (is_first || devid >= MANY - SAMPLES)
            await_rest();
        before = costs_now();
        add_one(FIRST, devid);
        if (!is_first && devid < MANY - SAMPLES)
            continue;
        own[sample] = costs_now().library - before.library;
        await_rest();
        its[sample] = costs_now().xenstored - before.xenstored;
        if (++sample == SAMPLES) {
            report(is_first ? "one-guest-first" : "one-guest-last", "ms", contenders, 2, (double *[]){ own, its }, SAMPLES);
            sample = 0;
        }
    }
    stop_daemon();
    cut_all();
}

int main(void)
{
    int most = (int)number_from_env("GROWTH_CHANNELS", 4000), rounds = (int)number_from_env("GROWTH_ROUNDS", ROUNDS);
    int channels, round, n;
    char recording[256];

    if (rounds < 1 || rounds > MOST_ROUNDS)
        give_up("%d rounds", rounds);
    load_ours();
    open_store();
    xenstored_pid = atoi(getenv("XENHOST_XENSTORED_PID"));
    if (asprintf(&directory, "%s/g", getenv("XENHOST_DIR")) < 0 || mkdir(directory, 0700))
        give_up("no directory");
    snprintf(recording, sizeof recording, "%s/recording", directory);
    sent = map_shared(recording);
    if (!sent)
        give_up("cannot map %s", recording);
    tap = keep_ours;
    cut(XBT_NULL, "/libxl/1"), cut(XBT_NULL, "/libxl/2"), cut(XBT_NULL, "/libxl/3");
    measure_one_guest();
    for (channels = 500; channels <= most; channels *= 2) {
        struct figure figures[PHASES];
        put_guests(channels / EACH);
        for (round = 0; round < rounds; round++)
            measure(figures, round);
        for (n = 0; n < PHASES; n++) {
            if (n != LIST)
                report_figure(&figures[n], "daemon", figures[n].daemon, rounds);
            if (n != START)
                report_figure(&figures[n], "library", figures[n].library, rounds);
        }
    }
}
