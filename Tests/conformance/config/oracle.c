/* oracle.c - libxenlight in a process of its own, since it ends the program at some documents. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

enum { ROOM = 1 << 20 };

static struct {
    pid_t pid;
    int questions, answers;
    char *text;                                        /* shared: the document; then its channels, as ours writes them */
} oracle;

static void answer_questions(int questions, int answers)
{
    char signal;

    if (!freopen("/dev/null", "w", stderr))            /* assert writes there */
        _exit(1);
    while (read(questions, &signal, 1) == 1) {
        libxl_domain_config config;
        int rc;
        errno = 0;
        rc = PEER(libxl_domain_config_from_json)(peer_ctx, &config, oracle.text);
        if (!rc) {
            char *json = ours.domain_config_channels_to_json(NULL, config.channels, config.num_channels);
            snprintf(oracle.text, ROOM, "%s", json ? json : "cannot be written");
            free(json);
        }
        PEER(libxl_domain_config_dispose)(&config);
        if (write(answers, &rc, sizeof rc) != sizeof rc)
            break;
    }
    _exit(0);
}

static void start_oracle(void)
{
    int questions[2], answers[2];

    if (!oracle.text)
        oracle.text = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (oracle.text == MAP_FAILED || pipe2(questions, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
        give_up("no pipe: %s", strerror(errno));
    fflush(stdout);
    oracle.pid = fork();
    if (oracle.pid == 0) {
        close(questions[1]), close(answers[0]);
        answer_questions(questions[0], answers[1]);
    }
    close(questions[0]), close(answers[1]);
    oracle.questions = questions[1], oracle.answers = answers[0];
}

void end_oracle(void)
{
    if (!oracle.pid)
        return;
    close(oracle.questions), close(oracle.answers);
    kill(oracle.pid, SIGKILL);
    waitpid(oracle.pid, NULL, 0);
    oracle.pid = 0;
}

int ask_oracle(const char *text)
{
    struct pollfd answer;
    int rc;

    if (strlen(text) >= ROOM)
        return TOO_LONG;
    if (!oracle.pid)
        start_oracle();
    memcpy(oracle.text, text, strlen(text) + 1);
    answer = (struct pollfd){ .fd = oracle.answers, .events = POLLIN };
    if (write(oracle.questions, "?", 1) == 1 && poll(&answer, 1, 20000) == 1 && read(oracle.answers, &rc, sizeof rc) == sizeof rc)
        return rc;
    end_oracle();
    return DIED;
}

const char *oracle_channels(void) { return oracle.text; }
