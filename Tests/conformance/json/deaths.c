/* deaths.c - what libxenlight dies of, where ours returns an error. */
#include "json.h"

#include <sys/wait.h>

enum { TWO_CONNECTIONS, SET_TWICE, NULL_TEXT, NULL_STRUCT_TO_JSON, NULL_STRUCT_FROM_JSON, NULL_STRING, NULL_CTX_COPY, DEATHS };
static const char *const deaths[DEATHS] = {
    "from_json of a document with two connections", "init_connection of a struct that has one", "from_json of a NULL text",
    "to_json of a NULL struct", "from_json into a NULL struct", "from_string of NULL", "copy with a NULL ctx",
};

static void die(int how)
{
    libxl_device_channel c, d;
    libxl_channel_connection e;

    peer.device_channel_init(&c), peer.device_channel_init(&d);
    switch (how) {
    case TWO_CONNECTIONS: peer.device_channel_from_json(peer_ctx, &c, "{\"connection.pty\":{},\"connection.socket\":{}}"); break;
    case SET_TWICE:
        peer.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_PTY);
        peer.device_channel_init_connection(&c, LIBXL_CHANNEL_CONNECTION_PTY);
        break;
    case NULL_TEXT: peer.device_channel_from_json(peer_ctx, &c, NULL); break;
    case NULL_STRUCT_TO_JSON: peer.device_channel_to_json(peer_ctx, NULL); break;
    case NULL_STRUCT_FROM_JSON: peer.device_channel_from_json(peer_ctx, NULL, "{}"); break;
    case NULL_STRING: peer.channel_connection_from_string(NULL, &e); break;
    case NULL_CTX_COPY:
        c.name = strdup("name");
        peer.device_channel_copy(NULL, &d, &c);
        break;
    }
}

/* Facts for the documentation, not checks: a later libxl may do better. */
void show_deaths_of_libxl(void)
{
    int how, status;

    for (how = 0; how < DEATHS; how++) {
        pid_t child;
        fflush(stdout);
        child = fork();
        if (child == 0) {
            if (!freopen("/dev/null", "w", stderr))
                _exit(1);
            die(how);
            _exit(0);
        }
        waitpid(child, &status, 0);
        printf("json: libxl: %s: %s\n", deaths[how], WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "lives");
    }
}
