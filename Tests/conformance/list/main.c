/* main.c - runs the parts in the order that the random sequence depends on, with what they share. */
#include "list.h"

void clear_guest(void)
{
    cut(XBT_NULL, "/libxl/%d/device/console", GUEST);
    cut(XBT_NULL, "/local/domain/%d/device/console", GUEST);
    cut(XBT_NULL, "/local/domain/0/backend/console/%d", GUEST);
    cut(XBT_NULL, "/local/domain/2/backend/console/%d", GUEST);
}

libxl_device_channel *list_ours(int *num)
{
    libxl_device_channel *list;
    *num = -7;
    errno = EXDEV;                                     /* no error of a list */
    list = ours.device_channel_list(NULL, GUEST, num);
    CHECK(list || errno == EXDEV, "an empty list sets errno to %d", errno);
    CHECK(*num >= 0 && !list == !*num, "list %p with num %d", (void *)list, *num);
    return list;
}

const libxl_device_channel *find(const libxl_device_channel *list, int num, int devid)
{
    int n;
    for (n = 0; n < num; n++)
        if (list[n].devid == devid)
            return &list[n];
    return NULL;
}

static void test_null(void)
{
    libxl_device_channel c;
    libxl_channelinfo info;

    ours.device_channel_init(&c);
    c.devid = 0;
    CHECK(!ours.device_channel_list(NULL, GUEST, NULL), "list with num NULL");
    CHECK(ours.device_channel_getinfo(NULL, GUEST, NULL, &info) == ERROR_INVAL, "getinfo of NULL");
    CHECK(ours.device_channel_getinfo(NULL, GUEST, &c, NULL) == ERROR_INVAL, "getinfo into NULL");
}

int main(void)
{
    unsigned long layouts = number_from_env("LAYOUTS", 300), n;

    seed_random("list");
    load_ours();
    load_peer();
    open_store();
    test_no_channels();
    for (n = 0; n < layouts; n++)
        test_random_layout();
    test_holes();
    test_unknown_connection();
    test_partial();
    test_odd_entries();
    test_new_connections();
    test_all_domains();
    test_domain_names();
    test_coming_and_going();
    test_null();
    xs_close(store);
    free_peer_ctx();
    printf("list: %lu layouts, %lu channels compared\n", layouts, channels_compared);
    return finish("list");
}
