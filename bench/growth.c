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
#include "shared.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum { FIRST = 1000, EACH = 5, MOST_CONNECTIONS = 64 };

static struct shared *sent;
static pid_t daemon_pid, xenstored_pid;
static int guests;
static char *directory;

/* ---- CPU time, in ms ---------------------------------------------------------- */

static double cpu_of(pid_t process)
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

static double own_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct costs { double daemon, library, xenstored; };

static struct costs costs_now(void)
{
    return (struct costs){ daemon_pid ? cpu_of(daemon_pid) : 0, own_cpu(), cpu_of(xenstored_pid) };
}

static bool is_asleep(pid_t process)
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

/* ---- the daemon --------------------------------------------------------------- */

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

/* ---- the same requests, bare ---------------------------------------------------- */

/* A connection of the recording, and the one that stands for it. */
struct line {
    unsigned connection;
    int fd;
    char *rest;                 /* the beginning of a message */
    size_t length;
    unsigned transaction;       /* what the transaction under way is called now */
};

static int connect_bare(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("XENSTORED_PATH"));
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        give_up("no xenstored: %s", strerror(errno));
    return fd;
}

static void receive(int fd, void *bytes, size_t length)
{
    while (length) {
        ssize_t count = recv(fd, bytes, length, 0);
        if (count <= 0)
            give_up("xenstored went away");
        bytes = (char *)bytes + count;
        length -= (size_t)count;
    }
}

/* Sends some whole messages, and waits for as many replies; the last reply is left in `reply`. */
static void ask(int fd, const char *bytes, size_t length, unsigned count, char reply[4096])
{
    struct xsd_sockmsg header;
    size_t done = 0;

    while (count) {
        if (done < length) {
            ssize_t n = send(fd, bytes + done, length - done, MSG_DONTWAIT);
            done += n > 0 ? (size_t)n : 0;
            if (done < length && recv(fd, &header, sizeof header, MSG_PEEK | MSG_DONTWAIT) < 0)
                continue;
        }
        receive(fd, &header, sizeof header);
        receive(fd, reply, header.len);
        if (header.type != XS_WATCH_EVENT)
            count--;
    }
}

static void replay_piece(struct line *line, const char *bytes, size_t length)
{
    char reply[4096], *message, *first;
    struct xsd_sockmsg header;
    unsigned count = 0;

    line->rest = realloc(line->rest, line->length + length);
    memcpy(line->rest + line->length, bytes, length);
    line->length += length;
    first = message = line->rest;
    while ((size_t)(line->rest + line->length - message) >= sizeof header) {
        memcpy(&header, message, sizeof header);
        if ((size_t)(line->rest + line->length - message) < sizeof header + header.len)
            break;
        if (header.tx_id) {
            header.tx_id = line->transaction;
            memcpy(message, &header, sizeof header);
        }
        message += sizeof header + header.len;
        count++;
        if (header.type == XS_TRANSACTION_START) {
            ask(line->fd, first, (size_t)(message - first), count, reply);
            line->transaction = (unsigned)strtoul(reply, NULL, 10);
            first = message;
            count = 0;
        }
    }
    ask(line->fd, first, (size_t)(message - first), count, reply);
    line->length -= (size_t)(message - line->rest);
    memmove(line->rest, message, line->length);
}

/* Whether a piece begins on a new connection: the library opens one to wait on. */
static bool is_new(const char *bytes, size_t length)
{
    struct xsd_sockmsg header;
    if (length < sizeof header)
        return false;
    memcpy(&header, bytes, sizeof header);
    return header.type == XS_WATCH && length > sizeof header + header.len;
}

/* xenstored's time for what was recorded from `start` to `end`. */
static double replay_all(size_t start, size_t end, unsigned long *pieces)
{
    struct line lines[MOST_CONNECTIONS] = { 0 };
    double before = cpu_of(xenstored_pid);
    unsigned many = 0, n;

    while (start < end) {
        struct piece piece;
        const char *bytes = sent->bytes + start + sizeof piece;
        memcpy(&piece, sent->bytes + start, sizeof piece);
        start += sizeof piece + piece.length;
        for (n = 0; n < many && lines[n].connection != piece.connection; n++)
            ;
        if (n == many) {
            if (many++ == MOST_CONNECTIONS)
                give_up("too many connections");
            lines[n] = (struct line){ .connection = piece.connection, .fd = connect_bare() };
        } else if (!(piece.connection >> 16) && is_new(bytes, piece.length)) {
            close(lines[n].fd);
            lines[n].fd = connect_bare();
            lines[n].length = 0;
        }
        replay_piece(&lines[n], bytes, piece.length);
        ++*pieces;
    }
    for (n = 0; n < many; n++) {
        close(lines[n].fd);
        free(lines[n].rest);
    }
    await_rest();
    return cpu_of(xenstored_pid) - before;
}

static void keep_ours(int fd, const char *bytes, size_t length)
{
    if (sent)
        keep(sent, (unsigned)fd, bytes, length);
}

/* ---- the channels --------------------------------------------------------------- */

static void prepare(libxl_device_channel *channel, int guest, int devid)
{
    ours.device_channel_init(channel);
    ours.device_channel_init_connection(channel, LIBXL_CHANNEL_CONNECTION_SOCKET);
    channel->devid = devid;
    if (asprintf(&channel->name, "org.example.%d", devid) < 0
        || asprintf(&channel->u.socket.path, "%s/%d.%d", directory, guest, devid) < 0)
        give_up("no memory");
}

static void add_all(void)
{
    int guest, devid;
    for (guest = FIRST; guest < FIRST + guests; guest++)
        for (devid = 0; devid < EACH; devid++) {
            libxl_device_channel channel;
            prepare(&channel, guest, devid);
            if (ours.device_channel_add(NULL, (uint32_t)guest, &channel, NULL))
                give_up("add to guest %d: %s", guest, ours.channel_last_error());
            ours.device_channel_dispose(&channel);
        }
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

/* ---- the phases ------------------------------------------------------------------ */

struct phase {
    const char *title;
    size_t start, end;
    struct costs costs;
};

static struct phase run_phase(const char *title, void (*work)(void))
{
    struct phase phase = { .title = title, .start = sent->length };
    struct costs before = costs_now();
    work();
    phase.costs.library = own_cpu() - before.library;
    await_rest();
    phase.costs.xenstored = cpu_of(xenstored_pid) - before.xenstored;
    phase.costs.daemon = daemon_pid ? cpu_of(daemon_pid) - before.daemon : 0;
    phase.end = sent->length;
    return phase;
}

static void report_phase(const struct phase *phase, bool by_daemon, bool by_library)
{
    static const struct contender contenders[] = { { "ours", NULL }, { "xenstored", NULL }, { "bare", NULL } };
    double xenstored = phase->costs.xenstored, daemon = phase->costs.daemon, library = phase->costs.library;
    unsigned long pieces = 0;
    double bare = replay_all(phase->start, phase->end, &pieces);
    char title[64];

    if (by_daemon) {
        snprintf(title, sizeof title, "growth-%s-daemon-%d", phase->title, guests * EACH);
        report(title, "ms", contenders, 3, (double *[]){ &daemon, &xenstored, &bare }, 1);
    }
    if (by_library) {
        snprintf(title, sizeof title, "growth-%s-library-%d", phase->title, guests * EACH);
        report(title, "ms", contenders, 3, (double *[]){ &library, &xenstored, &bare }, 1);
    }
}

static void put_guests(int number)
{
    for (; guests < number; guests++)
        put(XBT_NULL, NULL, "guest", "/local/domain/%d/name", FIRST + guests);
}

static void measure(int channels)
{
    struct phase add, list, start, destroy, leave;

    sent->length = 0;
    put_guests(channels / EACH);
    start_daemon();
    add = run_phase("add", add_all);
    list = run_phase("list", list_all);
    stop_daemon();
    await_rest();
    start = run_phase("start", start_daemon);
    start.costs.daemon = cpu_of(daemon_pid);
    destroy = run_phase("destroy", destroy_half);
    leave = run_phase("remove", remove_half);
    stop_daemon();
    cut_all();

    /* The bare requests find what ours found. */
    put(XBT_NULL, NULL, "1", "/local/domain/0/data/xenchanneld");
    report_phase(&add, true, true);
    report_phase(&list, false, true);
    report_phase(&start, true, false);
    report_phase(&destroy, true, true);
    report_phase(&leave, true, true);
    cut_all();
    cut(XBT_NULL, "/local/domain/0/data/xenchanneld");
}

int main(void)
{
    int most = (int)number_from_env("GROWTH_CHANNELS", 4000), channels;
    char recording[256];

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
    for (channels = 500; channels <= most; channels *= 2)
        measure(channels);
}
