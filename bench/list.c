/*
 * list.c - a guest's channels from the real xenstored, once as our library adds
 * them and once as libxl makes them: by ours, by libxenlight, and the bare
 * reads of ours, prepared beforehand and sent at once, which is the time of
 * xenstored itself.
 */
#include "recording.h"

enum { GUEST = 1, CALLS = 10 };
static struct recording listing;
static int channels;

static void list_ours(void)
{
    int num;
    libxl_device_channel *list = ours.device_channel_list(NULL, GUEST, &num);
    if (num != channels)
        give_up("ours lists %d of %d channels", num, channels);
    ours.device_channel_list_free(list, num);
}

static void list_peer(void)
{
    int num, n;
    libxl_device_channel *list = peer.device_channel_list(peer_ctx, GUEST, &num);
    if (num != channels)
        give_up("libxenlight lists %d of %d channels", num, channels);
    for (n = 0; n < num; n++)
        peer.device_channel_dispose(&list[n]);
    free(list);
}

static void bare(void) { replay(&listing); }

static void measure(const char *subject, bool summaries)
{
    static const int numbers[] = { 1, 3, 9, 30, 90 };
    static const struct contender contenders[] = { { "ours", list_ours }, { "peer", list_peer }, { "bare", bare } };
    char title[32];
    unsigned n;

    cut(XBT_NULL, "/libxl/%d/device/console", GUEST);
    put_record(GUEST, 0, false);
    channels = 0;
    for (n = 0; n < COUNT_OF(numbers); n++) {
        for (; channels < numbers[n]; channels++)
            put_record(GUEST, channels + 1, summaries);
        record(&listing, list_ours);
        snprintf(title, sizeof title, "%s-%d", subject, channels);
        compare(title, CALLS, contenders, 3);
        compare_cpu(title, CALLS, contenders, 3);
    }
}

int main(void)
{
    load_ours();
    load_peer();
    open_store();
    measure("list", true);
    measure("list-of-libxl", false);
    free_peer_ctx();
}
