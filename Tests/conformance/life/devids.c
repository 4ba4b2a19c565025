/* devids.c - chosen and automatic devids, and a directory too big for one message. */
#include "life.h"

void test_devids(void)
{
    char *before = whole_store(), name[32];
    int n, devid, wanted = 0;

    for (n = 0; n < 30; n++, wanted++) {
        if (wanted % 10 == 9)                          /* its console number ends in 0 */
            wanted++;
        snprintf(name, sizeof name, "channel %d", n);
        devid = add_one(GUEST, -1, n % KINDS, name);
        CHECK(devid == wanted, "channel %d got devid %d, not %d", n, devid, wanted);
    }
    CHECK(!take_away(GUEST, 12, false) && !take_away(GUEST, 3, true), "making holes");
    devid = add_one(GUEST, -1, PTY, "in the first hole");
    CHECK(devid == 3, "devid %d, not 3", devid);
    devid = add_one(GUEST, -1, PTY, "in the second hole");
    CHECK(devid == 12, "devid %d, not 12", devid);
    CHECK(add_one(GUEST, 9, PTY, "asked for 9") == 9, "devid 9");
    CHECK(add_one(GUEST, 200, PTY, "asked for 200") == 200, "devid 200");
    {
        int num;
        libxl_device_channel *list = ours.device_channel_list(NULL, GUEST, &num);
        CHECK(num == 32, "%d listed", num);
        for (n = 0; n < num; n++)
            CHECK(!ours.device_channel_destroy(NULL, GUEST, &list[n], NULL), "destroy of devid %d", list[n].devid);
        ours.device_channel_list_free(list, num);
    }
    CHECK(same_store(before, whole_store()), "the store after many devids");
}

/* A listing of more than one reply's 4096 bytes. */
void test_big_directory(void)
{
    enum { CONSOLES = 1700, OFFSET = 100000 };
    char *before = whole_store(), name[40];
    int n, num, devid, round;
    libxl_device_channel *list, found;
    bool *seen = calloc(CONSOLES, sizeof *seen);

    for (round = 0; round * 100 < CONSOLES; round++) {
        xs_transaction_t t;
        do {
            t = begin();
            for (n = round * 100; n < round * 100 + 100; n++) {
                snprintf(name, sizeof name, "big %d", n);
                put(t, NULL, name, "/libxl/%d/device/console/%d/name", GUEST, OFFSET + n);
                put(t, NULL, "pty", "/libxl/%d/device/console/%d/connection", GUEST, OFFSET + n);
                put(t, NULL, "/local/domain/0/backend/console/1/x", "/libxl/%d/device/console/%d/backend", GUEST, OFFSET + n);
            }
        } while (!commit(t));
    }
    list = ours.device_channel_list(NULL, GUEST, &num);
    CHECK(num == CONSOLES, "%d of %d listed", num, CONSOLES);
    for (n = 0; n < num; n++) {
        int at = list[n].devid + 1 - OFFSET;
        bool good = at >= 0 && at < CONSOLES && !seen[at];
        snprintf(name, sizeof name, "big %d", at);
        CHECK(good && same_text(list[n].name, name), "devid %d: %s", list[n].devid, list[n].name);
        if (good)
            seen[at] = true;
    }
    ours.device_channel_list_free(list, num);
    CHECK(!ours.name_to_device_channel(NULL, GUEST, "big 1234", &found) && found.devid == OFFSET + 1233, "look-up of a name among many");
    ours.device_channel_dispose(&found);
    devid = add_one(GUEST, -1, PTY, "beside many");
    CHECK(devid == 0, "devid %d beside many", devid);
    refuse(ERROR_DEVICE_EXISTS, GUEST, new_channel(LIBXL_CHANNEL_CONNECTION_PTY, "big 1699", NULL), "a name taken among many");
    CHECK(!take_away(GUEST, devid, false), "remove beside many");
    for (n = 0; n < CONSOLES; n++)
        cut(XBT_NULL, "/libxl/%d/device/console/%d", GUEST, OFFSET + n);
    CHECK(same_store(before, whole_store()), "the store after a big directory");
    free(seen);
}
