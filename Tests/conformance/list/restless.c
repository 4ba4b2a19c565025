/* restless.c - a console that comes and goes while others list. */
#include "list.h"

#include <pthread.h>

static atomic_bool stop_coming_and_going;

static void *come_and_go(void *nothing)
{
    struct console c = { .number = 2, .name = "restless", .connection = "socket", .path = "/r", .state = "1", .tty = "" };
    (void)nothing;
    while (!stop_coming_and_going) {
        xs_transaction_t t;
        do { t = begin(); put_console(t, GUEST, &c); } while (!commit(t));
        do { t = begin(); cut_console(t, GUEST, 0, 2); } while (!commit(t));
    }
    return NULL;
}

void test_coming_and_going(void)
{
    struct console one = { .number = 1, .name = "one", .connection = "pty", .state = "4", .tty = "" };
    struct console three = { .number = 3, .name = "three", .connection = "socket", .path = "/3", .state = "4", .tty = "" };
    pthread_t thread;
    int round, seen = 0;

    put_console(XBT_NULL, GUEST, &one);
    put_console(XBT_NULL, GUEST, &three);
    pthread_create(&thread, NULL, come_and_go, NULL);
    for (round = 0; round < 1500; round++) {
        int num;
        libxl_device_channel *list = list_ours(&num);
        const libxl_device_channel *a = find(list, num, 0), *b = find(list, num, 1), *c = find(list, num, 2);
        CHECK(a && same_text(a->name, "one") && c && same_text(c->name, "three") && num == 2 + !!b, "a lasting channel is missing, %d listed", num);
        if (b) {
            libxl_channelinfo info;
            int rc;
            seen++;
            CHECK(same_text(b->name, "restless") && b->connection == LIBXL_CHANNEL_CONNECTION_SOCKET && same_text(b->u.socket.path, "/r"),
                  "half of a channel: %s, connection %d, path %s", b->name, b->connection, b->connection == 2 ? b->u.socket.path : "");
            rc = ours.device_channel_getinfo(NULL, GUEST, b, &info);
            CHECK(rc <= 0, "getinfo %d", rc);
            ours.channelinfo_dispose(&info);
        }
        ours.device_channel_list_free(list, num);
    }
    stop_coming_and_going = true;
    pthread_join(thread, NULL);
    printf("list: a channel coming and going was seen in %d of %d lists\n", seen, round);
    clear_guest();
}
