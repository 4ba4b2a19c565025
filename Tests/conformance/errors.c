/*
 * errors.c - libxl_channel_last_error: every failure leaves a message, which is
 * the log's text; a success leaves it alone; each thread has its own.  Run it in
 * Tests/host/run, with guests 1 and 2.
 */
#include "families.h"
#include "store.h"

#include <pthread.h>

enum { GUEST = 1, NO_DOMAIN = 77, THREADS = 8 };

/* ---- a logger that keeps the last error of its thread ------------------------ */

static _Thread_local char logged[1024];
static _Thread_local unsigned log_count;

__attribute__((format(printf, 5, 0)))
static void keep_message(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
                         const char *context, const char *format, va_list arguments)
{
    (void)logger, (void)errnoval, (void)context;
    if (level < XTL_ERROR)
        return;
    vsnprintf(logged, sizeof logged, format, arguments);
    log_count++;
}

static xentoollog_logger keeping_logger = { keep_message, show_no_progress, destroy_nothing };

/* ---- what a call leaves -------------------------------------------------------- */

/* Makes sure that a message is new. */
static void forget(void)
{
    libxl_channel_connection connection;

    ours.channel_connection_from_string("nothing", &connection);
    logged[0] = '\0';
    log_count = 0;
}

/* The call failed and said all of that, in the log too when it is logged. */
#define FAILED(call, is_logged, ...) \
    do { \
        forget(); \
        failed((call), #call, (is_logged), (const char *const[]){ __VA_ARGS__, NULL }); \
    } while (0)

static void failed(bool is_failure, const char *call, bool is_logged, const char *const *words)
{
    const char *message = ours.channel_last_error();

    CHECK(is_failure, "%s succeeds", call);
    CHECK(log_count == is_logged, "%s logs %u errors", call, log_count);
    if (!CHECK(message, "%s leaves no message", call))
        return;
    CHECK(!is_logged || !strcmp(message, logged), "%s leaves \"%s\" and logs \"%s\"", call, message, logged);
    CHECK(!strchr(message, '\n'), "%s: \"%s\" is more than a line", call, message);
    for (; *words; words++)
        CHECK(strstr(message, *words), "%s: \"%s\" is not in \"%s\"", call, *words, message);
}

#define A_NULL "an argument is NULL"

static void test_null_arguments(void)
{
    libxl_device_channel channel, *list;
    libxl_device_channel_v2 posted_channel, *posted_list;
    libxl_domain_channel *all;
    libxl_domain_config config;
    libxl_channelinfo info;
    libxl_channel_connection connection;
    libxl_channel_type type;
    uint32_t domid;
    int num = 0;

    memset(&config, 0, sizeof config);
    ours.device_channel_init(&channel);
    posted.device_channel_init(&posted_channel);

    FAILED(ours.device_channel_add(NULL, GUEST, NULL, NULL), false, A_NULL);
    FAILED(ours.device_channels_add(NULL, GUEST, NULL, NULL), false, A_NULL);
    FAILED(ours.device_channel_remove(NULL, GUEST, NULL, NULL), false, A_NULL);
    FAILED(ours.device_channel_destroy(NULL, GUEST, NULL, NULL), false, A_NULL);
    FAILED(!ours.device_channel_list(NULL, GUEST, NULL) && errno == EINVAL, false, A_NULL);
    FAILED(ours.domain_channel_list(NULL, NULL, &num), false, A_NULL);
    FAILED(ours.domain_channel_list(NULL, &all, NULL), false, A_NULL);
    FAILED(ours.channel_domain_qualifier_to_domid(NULL, NULL, &domid), false, A_NULL);
    FAILED(ours.channel_domain_qualifier_to_domid(NULL, "1", NULL), false, A_NULL);
    FAILED(ours.channel_domain_qualifier_to_domid(NULL, "", &domid), false, "name is empty");
    FAILED(ours.device_channel_getinfo(NULL, GUEST, NULL, &info), false, A_NULL);
    FAILED(ours.device_channel_getinfo(NULL, GUEST, &channel, NULL), false, A_NULL);
    FAILED(ours.devid_to_device_channel(NULL, GUEST, 0, NULL), false, A_NULL);
    FAILED(ours.name_to_device_channel(NULL, GUEST, "org.test", NULL), false, A_NULL);
    FAILED(ours.name_to_device_channel(NULL, GUEST, NULL, &channel), true, "domain 1: ", "no name");
    FAILED(ours.device_channel_to_json(NULL, NULL) == NULL, false, A_NULL);
    FAILED(ours.device_channel_from_json(NULL, NULL, "{}"), false, A_NULL);
    FAILED(ours.device_channel_from_json(NULL, &channel, NULL), false, A_NULL);
    FAILED(ours.device_channel_parse_json(NULL, NULL, &channel), false, A_NULL);
    FAILED(ours.device_channel_gen_json(NULL, &channel) != yajl_gen_status_ok, false, A_NULL);
    FAILED(ours.channelinfo_to_json(NULL, NULL) == NULL, false, A_NULL);
    FAILED(ours.channelinfo_from_json(NULL, NULL, "{}"), false, A_NULL);
    FAILED(ours.channelinfo_from_json(NULL, &info, NULL), false, A_NULL);
    FAILED(ours.channelinfo_parse_json(NULL, NULL, &info), false, A_NULL);
    FAILED(ours.channelinfo_gen_json(NULL, &info) != yajl_gen_status_ok, false, A_NULL);
    FAILED(ours.channel_connection_from_string(NULL, &connection), false, A_NULL);
    FAILED(ours.channel_connection_from_string("pty", NULL), false, A_NULL);
    FAILED(ours.channel_connection_from_json(NULL, NULL, "\"pty\""), false, A_NULL);
    FAILED(ours.channel_connection_parse_json(NULL, NULL, &connection), false, A_NULL);
    FAILED(ours.channel_connection_gen_json(NULL, NULL) != yajl_gen_status_ok, false, A_NULL);
    FAILED(ours.domain_config_channels_from_json(NULL, NULL, &num, "{}"), false, A_NULL);
    FAILED(ours.domain_config_channels_from_json(NULL, &list, &num, NULL), false, A_NULL);
    FAILED(!ours.domain_config_channels_to_json(NULL, NULL, 1), false, A_NULL);
    FAILED(!ours.domain_config_channels_to_json(NULL, &channel, -1), false, "negative");
    config.channels = &channel;
    config.num_channels = -1;
    FAILED(ours.device_channels_add(NULL, GUEST, &config, NULL), false, "negative");

    FAILED(posted.device_channel_add(NULL, GUEST, NULL, NULL), false, A_NULL);
    FAILED(posted.device_channels_add(NULL, GUEST, NULL, 1, NULL), false, A_NULL);
    FAILED(posted.device_channels_add(NULL, GUEST, &posted_channel, -1, NULL), false, "negative");
    FAILED(posted.device_channel_remove(NULL, GUEST, NULL, NULL), false, A_NULL);
    FAILED(posted.device_channel_destroy(NULL, GUEST, NULL, NULL), false, A_NULL);
    FAILED(!posted.device_channel_list(NULL, GUEST, NULL) && errno == EINVAL, false, A_NULL);
    FAILED(posted.device_channel_getinfo(NULL, GUEST, NULL, &info), false, A_NULL);
    FAILED(posted.device_channel_to_json(NULL, NULL) == NULL, false, A_NULL);
    FAILED(posted.device_channel_from_json(NULL, &posted_channel, NULL), false, A_NULL);
    FAILED(posted.device_channel_parse_json(NULL, NULL, &posted_channel), false, A_NULL);
    FAILED(posted.device_channel_gen_json(NULL, &posted_channel) != yajl_gen_status_ok, false, A_NULL);
    FAILED(posted.device_channel_from_released(NULL, NULL, &channel), false, A_NULL);
    FAILED(posted.device_channel_from_released(NULL, &posted_channel, NULL), false, A_NULL);
    FAILED(posted.device_channel_to_released(NULL, NULL, &posted_channel), false, A_NULL);
    FAILED(posted.device_channel_to_released(NULL, &channel, NULL), false, A_NULL);
    FAILED(posted.domain_config_channels_from_json(NULL, &posted_list, NULL, "{}"), false, A_NULL);
    FAILED(!posted.domain_config_channels_to_json(NULL, NULL, 1), false, A_NULL);
    FAILED(posted.channel_type_from_string(NULL, &type), false, A_NULL);
    FAILED(posted.channel_type_from_json(NULL, NULL, "\"pty\""), false, A_NULL);
    FAILED(posted.channel_type_gen_json(NULL, &type) != yajl_gen_status_ok, false, A_NULL);
}

static void test_words_and_numbers(void)
{
    libxl_channel_connection connection;
    libxl_channel_type type;

    FAILED(ours.channel_connection_from_string("pigeon", &connection), false, "\"pigeon\"");
    FAILED(!ours.channel_connection_to_string((libxl_channel_connection)0x4d), false, "77");
    FAILED(posted.channel_type_from_string("a\nb", &type), false, "\"a\\x0ab\"");
    FAILED(!posted.channel_type_to_string((libxl_channel_type)77), false, "77");
    FAILED(ours.channel_connection_from_json(NULL, &connection, "\"pigeon\""), true, "\"pigeon\"");
    FAILED(posted.channel_type_from_json(NULL, &type, "{"), true, "libxl_channel_type from JSON: ");
}

static void test_json(void)
{
    libxl_device_channel channel, *list;
    libxl_device_channel_v2 posted_channel;
    libxl_channelinfo info;
    yajl_gen generator = yajl_gen_alloc(NULL);
    int num;

    FAILED(ours.device_channel_from_json(NULL, &channel, "{"), true, "libxl_device_channel from JSON: ");
    ours.device_channel_dispose(&channel);
    FAILED(posted.device_channel_from_json(NULL, &posted_channel, "{\"type\": \"pigeon\"}"), true, "pigeon");
    posted.device_channel_dispose(&posted_channel);
    FAILED(ours.channelinfo_from_json(NULL, &info, "["), true, "libxl_channelinfo from JSON: ");
    ours.channelinfo_dispose(&info);
    FAILED(ours.domain_config_channels_from_json(NULL, &list, &num, "{"), true, "libxl_domain_config");

    /* A generator that is done refuses everything; the status tells too, so the log does not. */
    yajl_gen_map_open(generator);
    yajl_gen_map_close(generator);
    ours.device_channel_init(&channel);
    FAILED(ours.device_channel_gen_json(generator, &channel) == yajl_gen_generation_complete, false,
           "cannot generate JSON");
    yajl_gen_free(generator);
}

static libxl_device_channel a_channel(const char *name)
{
    libxl_device_channel c;

    ours.device_channel_init(&c);
    ours.device_channel_init_connection(&c, (libxl_channel_connection)LIBXL_CHANNEL_CONNECTION_NONE);
    c.name = strdup(name);
    return c;
}

static int code_in_callback;
static char message_in_callback[1024];

static void take_message(libxl_ctx *ctx, int rc, void *for_callback)
{
    (void)ctx, (void)for_callback;
    code_in_callback = rc;
    snprintf(message_in_callback, sizeof message_in_callback, "%s", ours.channel_last_error());
}

static void test_operations(void)
{
    libxl_device_channel channel = a_channel("org.test.first"), again = a_channel("org.test.first");
    libxl_device_channel other, *list;
    libxl_channelinfo info;
    libxl_asyncop_how how = { .callback = take_message }, event = { .callback = NULL };
    uint32_t domid;
    int num;
    const char *kept;

    FAILED(ours.device_channel_add(NULL, NO_DOMAIN, &channel, NULL) == ERROR_DOMAIN_NOTFOUND, true,
           "domain 77: ", "there is no such domain");
    FAILED(ours.device_channel_add(NULL, GUEST, &channel, &event) == ERROR_INVAL, true, "domain 1: ", "ao_how");
    FAILED(ours.devid_to_device_channel(NULL, GUEST, 3, &other) == ERROR_NOTFOUND, true, "domain 1: ", "devid 3");
    FAILED(ours.name_to_device_channel(NULL, GUEST, "nobody", &other) == ERROR_NOTFOUND, true, "domain 1: ", "\"nobody\"");
    FAILED(ours.channel_domain_qualifier_to_domid(NULL, "nobody", &domid) == ERROR_DOMAIN_NOTFOUND, true, "nobody");
    other = a_channel("org.test.other");
    other.devid = 5;
    FAILED(ours.device_channel_getinfo(NULL, GUEST, &other, &info) == ERROR_NOTFOUND, true, "domain 1: ", "devid 5");
    FAILED(ours.device_channel_remove(NULL, GUEST, &other, NULL) == ERROR_NOTFOUND, true, "domain 1: ", "devid 5");
    FAILED(ours.device_channel_destroy(NULL, GUEST, &other, NULL) == ERROR_NOTFOUND, true, "domain 1: ", "devid 5");
    ours.device_channel_dispose(&other);

    /* A success leaves the message, and the pointer, as they are. */
    forget();
    kept = ours.channel_last_error();
    CHECK(!ours.device_channel_add(NULL, GUEST, &channel, NULL), "add: %s", ours.channel_last_error());
    CHECK(!ours.device_channel_getinfo(NULL, GUEST, &channel, &info), "getinfo: %s", ours.channel_last_error());
    ours.channelinfo_dispose(&info);
    list = ours.device_channel_list(NULL, GUEST, &num);
    CHECK(num == 1, "list: %d channels", num);
    ours.device_channel_list_free(list, num);
    errno = 0;
    CHECK(!ours.device_channel_list(NULL, NO_DOMAIN, &num) && errno == 0, "an empty list sets errno");
    CHECK(ours.channel_last_error() == kept && strstr(kept, "\"nothing\""), "a success changes the message: %s",
          ours.channel_last_error());

    FAILED(ours.device_channel_add(NULL, GUEST, &again, NULL) == ERROR_DEVICE_EXISTS, true,
           "domain 1: ", "org.test.first", "taken");
    forget();
    CHECK(!ours.device_channel_add(NULL, GUEST, &again, &how) && code_in_callback == ERROR_DEVICE_EXISTS,
          "add with a callback: %d", code_in_callback);
    CHECK(!strcmp(message_in_callback, ours.channel_last_error()) && strstr(message_in_callback, "taken"),
          "in the callback: \"%s\"", message_in_callback);
    CHECK(!ours.device_channel_remove(NULL, GUEST, &channel, NULL), "remove: %s", ours.channel_last_error());
    ours.device_channel_dispose(&again);
    ours.device_channel_dispose(&channel);
}

/* A list has no code: NULL, and errno. */
static void test_list_without_xenstored(void)
{
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    if (!child) {
        libxl_device_channel *list;
        int num = 7;

        unsigned long before = failures();
        CHECK(ours.channel_last_error(), "a child has not the parent's message");
        setenv("XENSTORED_PATH", "/nowhere", 1);
        errno = 0;
        FAILED(!(list = ours.device_channel_list(NULL, GUEST, &num)) && errno == EIO && num == 0, true,
               "domain 1: ", "xenstored");
        FAILED(!posted.device_channel_list(NULL, GUEST, &num) && errno == EIO, true, "domain 1: ", "xenstored");
        _exit(failures() != before);
    }
    if (waitpid(child, &status, 0) != child)
        give_up("no child");
    CHECK(!status, "the child without xenstored: %x", status);
}

/* ---- loggers -------------------------------------------------------------------- */

static void fail_within(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
                        const char *context, const char *format, va_list arguments)
{
    libxl_channel_connection connection;

    keep_message(logger, level, errnoval, context, format, arguments);
    ours.channel_connection_from_string("within", &connection);
}

static void test_loggers(void)
{
    xentoollog_logger failing = { fail_within, show_no_progress, destroy_nothing }, mute = { NULL, NULL, NULL };
    libxl_device_channel channel;

    ours.channel_set_logger(&failing);
    FAILED(ours.devid_to_device_channel(NULL, GUEST, 9, &channel), true, "devid 9");
    ours.channel_set_logger(&mute);
    FAILED(ours.devid_to_device_channel(NULL, GUEST, 9, &channel), false, "domain 1: ", "devid 9");
    ours.channel_set_logger(&keeping_logger);
}

/* ---- threads -------------------------------------------------------------------- */

static void *fail_often(void *argument)
{
    int number = (int)(intptr_t)argument, n;
    libxl_device_channel channel;
    char words[40];
    const char *message;

    CHECK(!ours.channel_last_error(), "thread %d begins with \"%s\"", number, ours.channel_last_error());
    for (n = 0; n < 100; n++) {
        int devid = number * 1000 + n;
        snprintf(words, sizeof words, "devid %d", devid);
        CHECK(ours.devid_to_device_channel(NULL, GUEST, devid, &channel) == ERROR_NOTFOUND, "devid %d is there", devid);
        sched_yield();
        message = ours.channel_last_error();
        CHECK(message && strstr(message, words) && !strcmp(message, logged), "thread %d, devid %d: \"%s\"", number,
              devid, message ? message : "-");
    }
    return NULL;                               /* valgrind sees whether the message is freed */
}

static void test_threads(void)
{
    pthread_t threads[THREADS];
    const char *before;
    int n;

    forget();
    before = ours.channel_last_error();
    for (n = 0; n < THREADS; n++)
        if (pthread_create(&threads[n], NULL, fail_often, (void *)(intptr_t)n))
            give_up("no thread");
    for (n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    CHECK(ours.channel_last_error() == before && strstr(before, "nothing"), "other threads' failures change this one's");
}

/* A thread that ends after the library is gone: its message has no destructor any more, and stays allocated. */
static pthread_barrier_t barrier;

static void *outlive_the_library(void *argument)
{
    libxl_device_channel channel;

    (void)argument;
    ours.devid_to_device_channel(NULL, GUEST, 8, &channel);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* A process has 1024 keys: these rounds would use them up.  QUICK is for valgrind, which would find the
 * message of the thread. */
static void test_unloading(void)
{
    pthread_t thread;
    libxl_channel_connection connection;
    bool quick = getenv("QUICK");
    unsigned rounds = quick ? 3 : 1100, n;

    pthread_barrier_init(&barrier, NULL, 2);
    if (!quick) {
        if (pthread_create(&thread, NULL, outlive_the_library, NULL))
            give_up("no thread");
        pthread_barrier_wait(&barrier);
    }
    for (n = 0; n < rounds; n++) {
        ours.channel_set_logger(NULL);
        if (dlclose(ours.handle))
            give_up("%s", dlerror());
        CHECK(!dlopen(ours.path, RTLD_NOW | RTLD_NOLOAD), "the library is still loaded");
        load_ours();
        CHECK(!ours.channel_last_error(), "a library that is loaded again has a message: %s", ours.channel_last_error());
        CHECK(ours.channel_connection_from_string("again", &connection) == ERROR_FAIL, "\"again\" is a connection");
        if (!CHECK(ours.channel_last_error() && strstr(ours.channel_last_error(), "\"again\""), "no message in round %u", n))
            break;
    }
    if (!quick) {
        pthread_barrier_wait(&barrier);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_ours();
    load_posted();
    CHECK(!ours.channel_last_error(), "a message before the first failure: %s", ours.channel_last_error());
    ours.channel_set_logger(&keeping_logger);
    test_null_arguments();
    test_words_and_numbers();
    test_json();
    test_operations();
    test_list_without_xenstored();
    test_loggers();
    test_threads();
    test_unloading();
    return finish("errors");
}
