/*
 * host.c - the channels of all domains, 2 each: by ours at once, and by
 * libxenlight's list domain by domain; and the bare reads of ours.
 *
 * The domains are records in xenstore alone, which is all that a list reads:
 * xenstored's time to introduce a thousand guests would be most of the run.
 */
#include "recording.h"

enum { FIRST = 1000, EACH = 2 };
static struct recording listing;
static int domains;

static void list_ours(void)
{
    libxl_domain_channel *list;
    int num, rc = ours.domain_channel_list(NULL, &list, &num);
    if (rc || num != EACH * domains)
        give_up("ours lists %d channels of %d domains", num, domains);
    ours.domain_channel_list_free(list, num);
}

static void list_peer(void)
{
    int domain, num, n;
    for (domain = 0; domain < domains; domain++) {
        libxl_device_channel *list = peer.device_channel_list(peer_ctx, (uint32_t)(FIRST + domain), &num);
        if (num != EACH)
            give_up("libxenlight lists %d channels of domain %d", num, FIRST + domain);
        for (n = 0; n < num; n++)
            peer.device_channel_dispose(&list[n]);
        free(list);
    }
}

static void bare(void) { replay(&listing); }

int main(void)
{
    static const int numbers[] = { 10, 100, 1000 };
    char title[32];
    unsigned n;
    int console;

    load_ours();
    load_peer();
    open_store();
    cut(XBT_NULL, "/libxl/1"), cut(XBT_NULL, "/libxl/2"), cut(XBT_NULL, "/libxl/3");
    for (n = 0; n < COUNT_OF(numbers); n++) {
        for (; domains < numbers[n]; domains++)
            for (console = 0; console <= EACH; console++)
                put_record(FIRST + domains, console, true);
        record(&listing, list_ours);
        snprintf(title, sizeof title, "host-%d", domains);
        compare(title, domains < 100 ? 5 : 1,
                (struct contender[]){ { "ours", list_ours }, { "peer", list_peer }, { "bare", bare } }, 3);
    }
    free_peer_ctx();
}
