/*
 * counts.c - the instructions that one call takes, for callgrind: bench/check
 * runs it and compares with bench/baseline.json.  The peer of a list is a
 * xenstored in a process of its own that answers with prepared bytes, so every
 * run does the same.
 *
 *   counts SUBJECT        to_json, from_json or list; callgrind's collection is on for CALLS calls
 */
#include "bench.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <valgrind/callgrind.h>
#include <xen/io/xs_wire.h>

enum { CALLS = 100, CHANNELS = 9 };
static libxl_device_channel channel;
static char *text;

static void write_json(void) { free(ours.device_channel_to_json(NULL, &channel)); }

static void read_json(void)
{
    libxl_device_channel read;
    ours.device_channel_init(&read);
    if (ours.device_channel_from_json(NULL, &read, text))
        give_up("from_json fails");
    ours.device_channel_dispose(&read);
}

static void list(void)
{
    int num;
    libxl_device_channel *list = ours.device_channel_list(NULL, 1, &num);
    if (num != CHANNELS)
        give_up("%d channels", num);
    ours.device_channel_list_free(list, num);
}

/* ---- a xenstored that answers by heart -------------------------------------------------------- */

/* The reply to a request about a path: the listing, or a channel's summary. */
static size_t answer(const char *path, char *reply)
{
    size_t length = 0;
    int number;
    if (sscanf(path, "/libxl/1/device/console/%d/xlchannel", &number) == 1)
        return (size_t)sprintf(reply, "socket\n0\norg.example.%d\n/var/run/guests/1/%d", number, number);
    for (number = 0; number <= CHANNELS; number++)
        length += (size_t)sprintf(reply + length, "%d", number) + 1;
    return length;
}

/* Each batch arrives in one piece, and all of its replies leave in one. */
static void answer_for_ever(int listener)
{
    static char in[1 << 16], out[1 << 16];
    struct xsd_sockmsg header;
    int fd = accept(listener, NULL, NULL);
    ssize_t count;

    while ((count = recv(fd, in, sizeof in, 0)) > 0) {
        size_t next = 0, length = 0;
        while (next + sizeof header <= (size_t)count) {
            memcpy(&header, in + next, sizeof header);
            next += sizeof header + header.len;
            header.len = (uint32_t)answer(in + next - header.len, out + length + sizeof header);
            memcpy(out + length, &header, sizeof header);
            length += sizeof header + header.len;
        }
        if (send(fd, out, length, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

static void start_xenstored(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    const char *directory = getenv("TMPDIR");

    snprintf(address.sun_path, sizeof address.sun_path, "%s/bench-xenstored.%d", directory ? directory : "/tmp", getpid());
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1))
        give_up("no socket: %s", strerror(errno));
    setenv("XENSTORED_PATH", address.sun_path, 1);
    if (!fork()) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer_for_ever(listener);
    }
    close(listener);
    list();                                             /* connects */
    unlink(address.sun_path);
}

int main(int argc, char **argv)
{
    const char *subject = argc > 1 ? argv[1] : "";
    void (*work)(void) = !strcmp(subject, "to_json") ? write_json : !strcmp(subject, "from_json") ? read_json
                         : !strcmp(subject, "list") ? list : NULL;
    int n;

    if (!work)
        give_up("usage: counts to_json | from_json | list");
    load_ours();
    init_socket_channel(&channel);
    channel.devid = 1;
    text = ours.device_channel_to_json(NULL, &channel);
    if (work == list)
        start_xenstored();
    work();
    CALLGRIND_TOGGLE_COLLECT;
    for (n = 0; n < CALLS; n++)
        work();
    CALLGRIND_TOGGLE_COLLECT;
    printf("%d\n", CALLS);
    free(text);
    ours.device_channel_dispose(&channel);
}
