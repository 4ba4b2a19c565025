/*
 * ring.c - what a guest writes to a PATH channel, from its ring to the file: by
 * xenchanneld, and by a loop in C that makes the same system calls for one ring
 * and does nothing else.  Throughput, and the backend's CPU time for a MB; with
 * a notification for each half of the ring, and for each line of 64 bytes.
 *
 * Run it in Tests/host/serve.
 */
#include "guest.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <xenevtchn.h>
#include <xengnttab.h>

enum { GUEST = 1, ROUNDS = 16 };

/* ---- the loop in C ------------------------------------------------------------------------- */

/* Writes once what is there; 0: nothing is. */
static size_t copy_once(struct xencons_interface *ring, int file)
{
    XENCONS_RING_IDX consumed = ring->out_cons;
    size_t used = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE) - consumed;
    size_t start = MASK_XENCONS_IDX(consumed, ring->out), first = sizeof ring->out - start;
    struct iovec vector[2];
    struct stat status;
    ssize_t count;

    if (!used)
        return 0;
    first = first < used ? first : used;
    vector[0] = (struct iovec){ ring->out + start, first };
    vector[1] = (struct iovec){ ring->out, used - first };
    fstat(file, &status);                                  /* the daemon's journal asks for the size */
    count = writev(file, vector, used > first ? 2 : 1);
    if (count <= 0)
        give_up("writev: %s", strerror(errno));
    __atomic_store_n(&ring->out_cons, consumed + (XENCONS_RING_IDX)count, __ATOMIC_RELEASE);
    return (size_t)count;
}

static void serve_in_c(uint32_t reference, uint32_t remote, const char *path, int ready)
{
    xenevtchn_handle *channels = xenevtchn_open(NULL, 0);
    xengnttab_handle *grants = xengnttab_open(NULL, 0);
    struct xencons_interface *ring = xengnttab_map_grant_ref(grants, GUEST, reference, PROT_READ | PROT_WRITE);
    xenevtchn_port_or_error_t port = xenevtchn_bind_interdomain(channels, GUEST, remote);
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600), epoll = epoll_create1(0), round;
    struct epoll_event event = { .events = EPOLLIN };

    if (!ring || port < 0 || file < 0)
        give_up("the loop in C does not start");
    epoll_ctl(epoll, EPOLL_CTL_ADD, xenevtchn_fd(channels), &event);
    if (write(ready, "1", 1) != 1)
        give_up("the loop in C has nobody to tell");
    for (;;) {
        bool more = true, moved = false;
        epoll_wait(epoll, &event, 1, -1);
        xenevtchn_unmask(channels, (evtchn_port_t)xenevtchn_pending(channels));
        while (more) {
            for (round = 0; round < ROUNDS && (more = copy_once(ring, file) > 0); round++)
                moved = true;
            if (moved)
                xenevtchn_notify(channels, (evtchn_port_t)port);
            moved = false;
        }
    }
}

/* ---- measuring ----------------------------------------------------------------------------- */

/* One backend, with a guest's ring of its own. */
struct backend {
    struct guest guest;
    pid_t process;
    char path[128];
};

/* Nanoseconds that a process has run. */
static double cpu_time(pid_t process)
{
    char path[64];
    double time = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/schedstat", process);
    f = fopen(path, "r");
    if (!f || fscanf(f, "%lf", &time) != 1)
        give_up("cannot read %s", path);
    fclose(f);
    return time;
}

/* The guest has a processor of its own, and the backends share the other: where the scheduler puts them decides more
 * than anything else. */
static void pin(pid_t process, int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
    if (sched_setaffinity(process, sizeof set, &set))
        give_up("cannot pin process %d: %s", process, strerror(errno));
}

static void measure_one(struct backend *b, size_t total, size_t piece, double *throughput, double *cpu)
{
    double begin, ran;

    if (truncate(b->path, 0))
        give_up("%s: %s", b->path, strerror(errno));
    ran = cpu_time(b->process);
    begin = now();
    pour(&b->guest, total, piece);
    *throughput = (double)total / (now() - begin);          /* bytes a microsecond are MB a second */
    *cpu = (cpu_time(b->process) - ran) / (double)total;    /* nanoseconds a byte are milliseconds a MB */
}

static void measure(struct backend *backends, size_t total, size_t piece)
{
    static const struct contender both[] = { { "ours", NULL }, { "peer", NULL } };
    double *throughput[2], *cpu[2], nothing[2];
    int count = pairs(), n, b;
    char subject[32];

    for (b = 0; b < 2; b++)
        throughput[b] = calloc((size_t)count, sizeof(double)), cpu[b] = calloc((size_t)count, sizeof(double));
    for (n = -WARM_UPS; n < count; n++)
        for (b = 0; b < 2; b++)
            measure_one(&backends[b], total, piece, n < 0 ? &nothing[0] : &throughput[b][n], n < 0 ? &nothing[1] : &cpu[b][n]);
    snprintf(subject, sizeof subject, "ring-%zu", piece);
    report(subject, "MB/s", both, 2, throughput, count);
    snprintf(subject, sizeof subject, "ring-%zu-cpu", piece);
    report(subject, "ms/MB", both, 2, cpu, count);
}

int main(void)
{
    struct backend backends[2];
    libxl_device_channel channel;
    int ready[2], b;
    char began;

    load_ours();
    open_store();
    for (b = 0; b < 2; b++) {
        backends[b].guest = open_guest(GUEST);
        snprintf(backends[b].path, sizeof backends[b].path, "%s/bench-%d", getenv("XENHOST_DIR"), b);
    }

    ours.device_channel_init(&channel);
    ours.device_channel_init_connection(&channel, (libxl_channel_connection)LIBXL_CHANNEL_CONNECTION_PATH);
    channel.name = strdup("org.example.log");
    channel.u.socket.path = strdup(backends[0].path);
    if (ours.device_channel_add(NULL, GUEST, &channel, NULL))
        give_up("add fails");
    connect_guest(&backends[0].guest, GUEST, channel.devid + 1);
    backends[0].process = number_in_host("xenchanneld.pid");

    if (pipe(ready))
        give_up("pipe: %s", strerror(errno));
    backends[1].process = fork();
    if (!backends[1].process)
        serve_in_c(backends[1].guest.reference, backends[1].guest.port, backends[1].path, ready[1]);
    close(ready[1]);
    if (read(ready[0], &began, 1) != 1)
        return 1;

    pin(0, 0), pin(backends[0].process, 1), pin(backends[1].process, 1);
    measure(backends, 4 << 20, 1024);
    measure(backends, 256 << 10, 64);
    kill(backends[1].process, SIGKILL);
    waitpid(backends[1].process, NULL, 0);
    ours.device_channel_destroy(NULL, GUEST, &channel, NULL);
    ours.device_channel_dispose(&channel);
}
