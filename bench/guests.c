/*
 * guests.c - the memory of one xenchanneld that serves 1, 10 and 100 guests
 * with a connected SOCKET channel each.  No peer: QEMU's is measured on a
 * nested Xen, one for each guest (bench/xen).  Run it in
 * Tests/host/run --domains 100 Tests/host/serve.
 */
#include "guest.h"

static double kilobytes(pid_t process, const char *key)
{
    char path[64], line[128];
    double number = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", process);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            sscanf(line + strlen(key), ": %lf", &number);
    if (!number)
        give_up("cannot read %s of %s", key, path);
    fclose(f);
    return number;
}

int main(void)
{
    static const int numbers[] = { 1, 10, 100 };
    static const struct contender alone[] = { { "ours", NULL } };
    pid_t daemon = number_in_host("xenchanneld.pid");
    int guests = 0;
    unsigned n;

    load_ours();
    open_store();
    for (n = 0; n < COUNT_OF(numbers); n++) {
        char subject[32];
        double memory;
        while (guests < numbers[n]) {
            libxl_device_channel channel;
            struct guest guest = open_guest((uint32_t)++guests);
            ours.device_channel_init(&channel);
            ours.device_channel_init_connection(&channel, LIBXL_CHANNEL_CONNECTION_SOCKET);
            channel.name = strdup("org.example.agent");
            if (asprintf(&channel.u.socket.path, "%s/%d", getenv("XENHOST_DIR"), guests) < 0
                || ours.device_channel_add(NULL, (uint32_t)guests, &channel, NULL))
                give_up("add to guest %d fails", guests);
            connect_guest(&guest, guests, channel.devid + 1);
            ours.device_channel_dispose(&channel);
        }
        memory = kilobytes(daemon, "Rss");
        snprintf(subject, sizeof subject, "guests-%d", guests);
        report(subject, "KB", alone, 1, (double *[]){ &memory }, 1);
    }
}
