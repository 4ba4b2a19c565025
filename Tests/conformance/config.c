/*
 * config.c - the channels of domain configurations that the real libxenlight
 * wrote, with everything else that is in them, and of such documents after an
 * accident.
 *
 * What libxenlight accepts as a whole gives the same channels here.  What it
 * refuses may be taken here: other members than "channels" are not looked at.
 * Since libxenlight ends the program at some documents, it is asked about
 * changed ones in a process of its own.
 *
 * SEED, CONFIGS and MUTATIONS (environment) choose the random sequence, the
 * number of random configurations and of changed documents; QUICK spares
 * libxenlight the deepest documents, for valgrind.
 */
#include "families.h"

#include <fcntl.h>
#include <libxl_utils.h>
#include <poll.h>
#include <sys/mman.h>

/* A function that only libxenlight has. */

/* ---- random configurations --------------------------------------------------------- */

/* What libxenlight can write and read again. */
static char *random_word(void)
{
    static const char *const chosen[] = {
        "", "xenbr0", "/dev/vg/guest", "phy:/dev/sda", "eth0", "console=hvc0 root=/dev/xvda1 ro \"quoted\" \\", "channels", "\"channels\": [",
        "{}", "null", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xaa", "tab\there\nand\x01", "connection.pty", "0", "[{\"devid\":1}]", "a/*b*/c//d",
    };
    char *s;
    do
        s = random_below(3) ? strdup(ANY_OF(chosen)) : random_string();
    while (!is_utf8(s) && (free(s), true));
    return s;
}

static char *maybe_word(void) { return random_below(3) ? random_word() : NULL; }

static libxl_string_list random_list(void)
{
    unsigned n, count = random_below(6);
    libxl_string_list list = calloc(count + 1, sizeof *list);
    for (n = 0; n < count; n++) {
        char *word = random_word();
        list[n] = word ? word : strdup("word");
    }
    return list;
}

static void random_defbool(libxl_defbool *b)
{
    if (random_below(2))
        PEER(libxl_defbool_set)(b, random_below(2));
}

static void random_channel_of(libxl_device_channel *c, int devid)
{
    ours.device_channel_init(c);
    ours.device_channel_init_connection(c, (libxl_channel_connection)random_below(3));
    c->devid = random_below(3) ? devid : random_int();
    c->backend_domid = random_below(3) ? 0 : (uint32_t)random_int();
    c->backend_domname = random_below(3) ? NULL : random_word();
    c->name = random_word();
    if (c->connection == LIBXL_CHANNEL_CONNECTION_SOCKET)
        c->u.socket.path = random_word();
}

static void random_b_info(libxl_domain_build_info *b)
{
    static const libxl_domain_type types[] = { LIBXL_DOMAIN_TYPE_HVM, LIBXL_DOMAIN_TYPE_PV, LIBXL_DOMAIN_TYPE_PVH };
    int n;

    PEER(libxl_domain_build_info_init_type)(b, ANY_OF(types));
    b->max_vcpus = 1 + (int)random_below(64);
    PEER(libxl_bitmap_alloc)(peer_ctx, &b->avail_vcpus, b->max_vcpus);
    for (n = 0; n < b->max_vcpus; n++)
        if (random_below(2))
            PEER(libxl_bitmap_set)(&b->avail_vcpus, n);
    PEER(libxl_bitmap_alloc)(peer_ctx, &b->cpumap, 128);
    PEER(libxl_bitmap_set)(&b->cpumap, (int)random_below(128));
    random_defbool(&b->numa_placement), random_defbool(&b->localtime), random_defbool(&b->claim_mode), random_defbool(&b->acpi);
    random_defbool(&b->apic), random_defbool(&b->nested_hvm), random_defbool(&b->dm_restrict), random_defbool(&b->vpmu);
    b->tsc_mode = (libxl_tsc_mode)random_below(3);
    b->max_memkb = random_below(4) ? random_bits() >> 30 : LIBXL_MEMKB_DEFAULT;
    b->target_memkb = random_bits() >> 30, b->video_memkb = 4096, b->shadow_memkb = random_bits() >> 40;
    b->rtc_timeoffset = (uint32_t)random_bits();
    b->blkdev_start = maybe_word(), b->device_model = maybe_word(), b->device_model_user = maybe_word();
    b->kernel = maybe_word(), b->cmdline = maybe_word(), b->ramdisk = maybe_word(), b->bootloader = maybe_word(), b->device_tree = maybe_word();
    b->device_model_version = LIBXL_DEVICE_MODEL_VERSION_QEMU_XEN;
    b->extra = random_list(), b->extra_pv = random_list(), b->extra_hvm = random_list(), b->bootloader_args = random_list();
    b->sched_params.sched = LIBXL_SCHEDULER_CREDIT2, b->sched_params.weight = (int)random_below(1000);
    b->event_channels = random_below(2000), b->max_grant_frames = random_below(100);
    PEER(libxl_cpuid_parse_config)(&b->cpuid, random_below(2) ? "host,htm=0,aes=1,sse4_2=s" : "host,tm=0,family=6,model=15");
    if (random_below(2)) {
        b->num_ioports = 1 + (int)random_below(4), b->ioports = calloc((size_t)b->num_ioports, sizeof *b->ioports);
        for (n = 0; n < b->num_ioports; n++)
            b->ioports[n] = (libxl_ioport_range){ .first = random_below(65536), .number = random_below(16) };
        b->num_irqs = 3, b->irqs = calloc(3, sizeof *b->irqs);
        b->num_iomem = 2, b->iomem = calloc(2, sizeof *b->iomem);
        b->iomem[1].start = random_bits() >> 20, b->iomem[1].number = 1;
    }
    if (b->type == LIBXL_DOMAIN_TYPE_HVM) {
        b->u.hvm.bios = LIBXL_BIOS_TYPE_SEABIOS, b->u.hvm.firmware = maybe_word(), b->u.hvm.boot = maybe_word();
        b->u.hvm.vga.kind = LIBXL_VGA_INTERFACE_TYPE_STD, b->u.hvm.keymap = maybe_word(), b->u.hvm.serial = maybe_word();
        random_defbool(&b->u.hvm.vnc.enable), b->u.hvm.vnc.listen = maybe_word(), b->u.hvm.vnc.passwd = maybe_word();
        random_defbool(&b->u.hvm.spice.enable), random_defbool(&b->u.hvm.usb), random_defbool(&b->u.hvm.xen_platform_pci);
        b->u.hvm.usbdevice_list = random_list(), b->u.hvm.serial_list = random_list(), b->u.hvm.soundhw = maybe_word();
    } else if (b->type == LIBXL_DOMAIN_TYPE_PV) {
        b->u.pv.slack_memkb = random_below(1000), random_defbool(&b->u.pv.e820_host);
    } else {
        b->u.pvh.pvshim_cmdline = maybe_word(), random_defbool(&b->u.pvh.pvshim);
    }
}

/* An array of a configuration, of up to `most` elements, each initialised. */
#define ARRAY(config, what, type, most) do { \
        int count = (int)random_below((most) + 1), at; \
        (config)->num_##what = count; \
        (config)->what = calloc((size_t)count + 1, sizeof *(config)->what); \
        for (at = 0; at < count; at++) \
            PEER(libxl_device_##type##_init)(&(config)->what[at]); \
    } while (0)

static void random_config(libxl_domain_config *c, int channels)
{
    int n;

    PEER(libxl_domain_config_init)(c);
    c->c_info.type = LIBXL_DOMAIN_TYPE_PV;
    c->c_info.name = strdup("guest"), c->c_info.pool_name = maybe_word(), c->c_info.ssid_label = maybe_word();
    for (n = 0; n < 16; n++)
        c->c_info.uuid.uuid[n] = (uint8_t)random_bits();
    random_defbool(&c->c_info.hap), random_defbool(&c->c_info.run_hotplug_scripts);
    c->c_info.xsdata = random_below(2) ? NULL : calloc(5, sizeof(char *));
    if (c->c_info.xsdata)
        for (n = 0; n < 4; n++)
            c->c_info.xsdata[n] = strdup(n == 2 ? "channels" : n % 2 ? "value" : "key");
    random_b_info(&c->b_info);
    ARRAY(c, disks, disk, 12);
    for (n = 0; n < c->num_disks; n++) {
        libxl_device_disk *d = &c->disks[n];
        d->pdev_path = random_word(), d->vdev = strdup("xvda"), d->script = maybe_word(), d->backend_domname = maybe_word();
        d->backend = LIBXL_DISK_BACKEND_PHY, d->format = LIBXL_DISK_FORMAT_QCOW2, d->readwrite = 1, d->removable = (int)random_below(2);
        random_defbool(&d->discard_enable);
    }
    ARRAY(c, nics, nic, 6);
    for (n = 0; n < c->num_nics; n++) {
        libxl_device_nic *d = &c->nics[n];
        d->bridge = random_word(), d->ifname = maybe_word(), d->script = maybe_word(), d->model = maybe_word(), d->ip = maybe_word();
        d->mac[5] = (uint8_t)random_bits(), d->devid = n, d->mtu = 1500, d->rate_bytes_per_interval = random_bits() >> 33;
    }
    ARRAY(c, vfbs, vfb, 3);
    for (n = 0; n < c->num_vfbs; n++)
        c->vfbs[n].vnc.listen = maybe_word(), c->vfbs[n].sdl.display = maybe_word(), c->vfbs[n].keymap = maybe_word();
    ARRAY(c, vkbs, vkb, 2);
    ARRAY(c, vtpms, vtpm, 2);
    ARRAY(c, pcidevs, pci, 3);
    ARRAY(c, p9s, p9, 2);
    for (n = 0; n < c->num_p9s; n++)
        c->p9s[n].tag = random_word(), c->p9s[n].path = random_word(), c->p9s[n].security_model = random_word();
    ARRAY(c, usbctrls, usbctrl, 2);
    c->num_channels = channels;
    c->channels = calloc((size_t)channels + 1, sizeof *c->channels);
    for (n = 0; n < channels; n++)
        random_channel_of(&c->channels[n], n);
    c->on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    c->on_crash = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
}

/* ---- whole documents ----------------------------------------------------------------- */

static void check_same_channels(const libxl_device_channel *a, int num_a, const libxl_device_channel *b, int num_b, const char *what)
{
    int n;
    CHECK(num_a == num_b, "%s: %d channels, ours %d", what, num_a, num_b);
    for (n = 0; n < num_a && n < num_b; n++)
        CHECK(same_channel(&a[n], &b[n]), "%s: channel %d differs", what, n);
}

/* What ours reads, written by ours and read by both, is the same. */
static void check_round_trip(const libxl_device_channel *list, int num)
{
    char *json = ours.domain_config_channels_to_json(any_ctx(), list, num);
    libxl_device_channel *again = (libxl_device_channel *)0x10;
    libxl_domain_config config;
    int rc, again_num = -7;

    if (!CHECK(json != NULL, "to_json of %d", num))
        return;
    CHECK(num || !strcmp(json, "{\n\n}\n"), "to_json of no channels: %s", json);
    rc = ours.domain_config_channels_from_json(any_ctx(), &again, &again_num, json);
    CHECK(!rc, "from_json of ours: %d", rc);
    check_same_channels(list, num, again, again_num, "there and back");
    rc = PEER(libxl_domain_config_from_json)(peer_ctx, &config, json);
    CHECK(!rc, "libxenlight's from_json of ours: %d", rc);
    check_same_channels(config.channels, config.num_channels, again, again_num, "libxenlight reading ours");
    PEER(libxl_domain_config_dispose)(&config);
    ours.device_channel_list_free(again, again_num);
    free(json);
}

/* The same channels, where they have a type, as the posted family's array. */
static void check_posted_round_trip(const libxl_device_channel *list, int num)
{
    libxl_device_channel_v2 *channels = calloc((size_t)num + 1, sizeof *channels), *again = (libxl_device_channel_v2 *)0x10;
    int n, count = 0, again_num = -7, rc;
    char *json;

    for (n = 0; n < num; n++)
        if (!posted.device_channel_from_released(any_ctx(), &channels[count], &list[n]))
            count++;
        else
            posted.device_channel_dispose(&channels[count]);
    if (count)                                         /* the two that libxenlight does not have, too */
        channels[0].type = (libxl_channel_type)random_below(4);
    json = posted.domain_config_channels_to_json(any_ctx(), channels, count);
    CHECK(json && (count || !strcmp(json, "{\n\n}\n")), "to_json of %d posted channels: %s", count, json);
    rc = posted.domain_config_channels_from_json(any_ctx(), &again, &again_num, json);
    CHECK(!rc && again_num == count && !again == !count, "from_json of %d posted channels: %d, %d", count, rc, again_num);
    for (n = 0; n < count && n < again_num; n++)
        CHECK(same_posted(&channels[n], &again[n]), "posted channel %d there and back: %s", n, json);
    posted.device_channel_list_free(again, again_num);
    posted.device_channel_list_free(channels, count);
    free(json);
}

static unsigned long bytes_of_documents;

static void test_config(int channels)
{
    libxl_domain_config config, again;
    libxl_device_channel *list = (libxl_device_channel *)0x10;
    libxl_device_channel_v2 *posted_list = (libxl_device_channel_v2 *)0x10;
    int num = -7, rc, n;
    char *json;

    random_config(&config, channels);
    json = PEER(libxl_domain_config_to_json)(peer_ctx, &config);
    if (!json)
        give_up("libxenlight cannot write a configuration");
    bytes_of_documents += strlen(json);
    rc = ours.domain_config_channels_from_json(any_ctx(), &list, &num, json);
    CHECK(!rc && !list == !num, "from_json of a configuration: %d, %d", rc, num);
    check_same_channels(config.channels, config.num_channels, list, num, "as they were");
    rc = PEER(libxl_domain_config_from_json)(peer_ctx, &again, json);
    if (CHECK(!rc, "libxenlight refuses what it wrote: %d", rc))
        check_same_channels(again.channels, again.num_channels, list, num, "as libxenlight reads them");
    PEER(libxl_domain_config_dispose)(&again);
    check_round_trip(list, num);
    check_posted_round_trip(list, num);

    /* The posted family's parser does not know connections: every type is NONE. */
    num = -7;
    rc = posted.domain_config_channels_from_json(any_ctx(), &posted_list, &num, json);
    CHECK(!rc && num == channels, "the posted family's from_json: %d, %d", rc, num);
    for (n = 0; n < num && n < channels; n++)
        CHECK(same_text(posted_list[n].name, config.channels[n].name) && posted_list[n].type == LIBXL_CHANNEL_TYPE_NONE, "posted channel %d", n);
    posted.device_channel_list_free(posted_list, num);
    ours.device_channel_list_free(list, channels);
    PEER(libxl_domain_config_dispose)(&config);
    free(json);
}

/* ---- libxenlight in a process of its own ---------------------------------------------- */

enum { ROOM = 1 << 20, DIED = 1, TOO_LONG = 2 };

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

static void end_oracle(void)
{
    close(oracle.questions), close(oracle.answers);
    kill(oracle.pid, SIGKILL);
    waitpid(oracle.pid, NULL, 0);
    oracle.pid = 0;
}

/* libxenlight's result, or DIED; then, with 0, the channels are in oracle.text. */
static int ask_oracle(const char *text)
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

/* ---- documents after an accident -------------------------------------------------------- */

static unsigned long both_take, only_ours_takes, both_refuse, libxl_dies, not_asked;

static void compare(const char *text, bool ask)
{
    libxl_device_channel *list = (libxl_device_channel *)0x10;
    libxl_device_channel_v2 *posted_list = (libxl_device_channel_v2 *)0x10;
    int num = -7, posted_num = -7, ra, rb, rp;

    rb = ours.domain_config_channels_from_json(any_ctx(), &list, &num, text);
    CHECK(rb == 0 || rb == ERROR_FAIL, "from_json %d: %s", rb, shown(text));
    CHECK(rb ? num == 0 && !list : num >= 0 && !list == !num, "from_json %d gives %d", rb, num);
    rp = posted.domain_config_channels_from_json(any_ctx(), &posted_list, &posted_num, text);
    CHECK(rp == 0 || rp == ERROR_FAIL, "posted from_json %d: %s", rp, shown(text));
    CHECK(rp ? posted_num == 0 && !posted_list : posted_num >= 0 && !posted_list == !posted_num, "posted from_json %d gives %d", rp, posted_num);
    CHECK(rb || rp || num == posted_num, "%d channels, posted %d", num, posted_num);

    if (!ask || depends_on_stale_errno(text) || (ra = ask_oracle(text)) == TOO_LONG) {
        not_asked++;
    } else if (ra == DIED) {
        libxl_dies++;
    } else if (ra) {
        if (rb) both_refuse++; else only_ours_takes++;
    } else if (CHECK(!rb, "libxenlight takes what ours refuses: %d: %s", rb, shown(text))) {
        libxl_device_channel *known = calloc((size_t)num + 1, sizeof *known);
        char *json;
        int n;
        for (n = 0; n < num; n++) {                    /* libxenlight does not know NONE and PATH */
            known[n] = list[n];
            if ((int)known[n].connection >= LIBXL_CHANNEL_CONNECTION_NONE)
                known[n].connection = LIBXL_CHANNEL_CONNECTION_UNKNOWN;
        }
        json = ours.domain_config_channels_to_json(any_ctx(), known, num);
        CHECK(same_text(json, oracle.text), "channels %.600s, ours %.600s", oracle.text, json);
        free(known);
        both_take++;
        free(json);
    }
    if (!rb)
        ours.device_channel_list_free(list, num);
    if (!rp)
        posted.device_channel_list_free(posted_list, posted_num);
}

/* A document's lines: beautified, a member or a bracket each. */
struct document { char **line; size_t count; };

static struct document lines_of(const char *text)
{
    struct document d = { 0 };
    while (*text) {
        size_t length = strcspn(text, "\n") + 1;
        d.line = realloc(d.line, (d.count + 1) * sizeof *d.line);
        d.line[d.count++] = strndup(text, length);
        text += text[length - 1] ? length : length - 1;
    }
    return d;
}

static const char *const chosen_values[] = {
    "null", "true", "0", "-1", "7", "2147483648", "4294967296", "99999999999999999999", "1.5", "1e3", "\"\"", "\"channels\"", "\"pty\"", "{}", "[]", "[1]",
    "[{}]", "[null]", "[[[]]]", "{\"channels\":[{\"devid\":5}]}", "[{\"devid\":9,\"name\":\"other\",\"connection.pty\":{}}]",
    "[{\"name\":\"n\",\"connection.socket\":{\"path\":\"/s\"}},7,[]]", "[{\"connection.pty\":{},\"connection.socket\":{}}]", "nul", "",
};

/* The value of a line's member, from its first byte to before the comma; 0 if it is no member, or opens one. */
static size_t value_in(const char *line, size_t *begin)
{
    const char *colon = strstr(line, "\": "), *end = line + strcspn(line, "\n");
    if (!colon || strchr("{[", end[-1]))
        return 0;
    *begin = (size_t)(colon + 3 - line);
    if (end[-1] == ',')
        end--;
    return end > colon + 3 ? (size_t)(end - line) - *begin : 0;
}

static void set_line(char **line, char *to) { free(*line), *line = to; }

static char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *format, ...)
{
    va_list arguments;
    char *text;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

static void random_nesting(struct text *t)
{
    static const char *const openings[] = { "[", "{\"channels\":", "[[{\"a\":", "{\"channels\":[" }, *const closings[] = { "]", "}", "}]]", "]}" };
    unsigned kind = random_below(4), depth = random_below(12) ? random_below(40) : random_below(3000), n;

    for (n = 0; n < depth; n++) add(t, openings[kind]);
    add(t, kind == 0 || kind == 3 ? "" : "1");
    for (n = 0; n < depth; n++) add(t, closings[kind]);
    if (!depth && (kind == 0 || kind == 3)) add(t, "2");
}

/* One accident to a line, or to its neighbourhood. */
static void mutate_line(struct document *d)
{
    size_t at = random_below((unsigned)d->count), begin, length;
    char *line = d->line[at], *key, *end;

    /* Where the channels are, more often. */
    if (random_below(2)) {
        size_t n;
        for (n = 0; n < d->count && strcmp(d->line[n], "    \"channels\": [\n"); n++)
            ;
        if (n < d->count)
            at = n + random_below((unsigned)(d->count - n)), line = d->line[at];
    }
    switch (random_below(9)) {
    case 0:                                            /* gone */
        set_line(&d->line[at], strdup(""));
        break;
    case 1:                                            /* said twice */
        set_line(&d->line[at], format("%s%s", line, line));
        break;
    case 2: case 3:                                    /* another key */
        if ((key = strchr(line, '"')) && (end = strstr(key, "\": "))) {
            static const char *const keys[] = {
                "channels", "Channels", "channels\\u0000x", "ch\\u0061nnels", "name", "devid", "backend_domid", "connection.pty", "connection.socket",
                "connection.unknown", "connection.none", "path", "", "x",
            };
            *key = 0;
            set_line(&d->line[at], format("%s\"%s%s", line, ANY_OF(keys), end));
        }
        break;
    case 4: case 5:                                    /* another value */
        if ((length = value_in(line, &begin)))
            set_line(&d->line[at], format("%.*s%s%s", (int)begin, line, ANY_OF(chosen_values), line + begin + length));
        break;
    case 6:                                            /* channels, where there are none */
        end = line + strcspn(line, "\n");
        if (end > line && end[-1] == '{')
            set_line(&d->line[at], format("%s\"channels\": %s,\n", line, ANY_OF(chosen_values)));
        break;
    case 7: {                                          /* something deep */
        struct text t = { 0 };
        end = line + strcspn(line, "\n");
        if (end > line && end[-1] == '{') {
            add(&t, line), add(&t, random_below(3) ? "\"x\":" : "\"channels\":"), random_nesting(&t), add(&t, ",\n");
            set_line(&d->line[at], strdup(t.bytes));
        } else if ((length = value_in(line, &begin))) {
            add_bytes(&t, line, begin), random_nesting(&t), add(&t, line + begin + length);
            set_line(&d->line[at], strdup(t.bytes));
        }
        free(t.bytes);
        break;
    }
    default: {                                         /* changed places */
        size_t other = random_below((unsigned)d->count);
        d->line[at] = d->line[other], d->line[other] = line;
    }
    }
}

static void test_mutation(const char *document)
{
    struct text t = { 0 };
    unsigned rounds;
    size_t n, at;

    if (random_below(4)) {
        struct document d = lines_of(document);
        for (rounds = 1 + random_below(3); rounds; rounds--)
            mutate_line(&d);
        for (n = 0; n < d.count; n++) {
            add(&t, d.line[n]);
            free(d.line[n]);
        }
        free(d.line);
    } else {
        add(&t, document);
        for (rounds = 1 + random_below(3); rounds && t.length; rounds--) {
            at = random_below((unsigned)t.length);
            switch (random_below(3)) {
            case 0: t.bytes[t.length = at] = 0; break;
            case 1: t.bytes[at] = (char)(1 + random_below(255)); break;
            default: t.bytes[at] = (char)(t.bytes[at] ^ 1 << random_below(7)); if (!t.bytes[at]) t.bytes[at] = ' ';
            }
        }
    }
    compare(t.bytes, true);
    free(t.bytes);
}

/* ---- the rest ----------------------------------------------------------------------------- */

static void test_chosen_documents(void)
{
    static const char *const texts[] = {
        "", "{}", "[]", "null", "1", "\"channels\"", "{\"channels\":[]}", "{\"channels\":null}", "{\"channels\":{}}", "{\"channels\":5}", "{\"channels\":[{}]}",
        "{\"channels\":[{}],\"channels\":[{},{}]}", "{\"channels\":1,\"channels\":[{}]}", "[{\"channels\":[{}]}]", "{\"x\":{\"channels\":[{}]}}",
        "{\"channels\":[{\"channels\":[{\"devid\":3}]}]}", "{\"channels\":[{}]} garbage", "{\"channels\":[{}]", "{\"channels\":[{\"devid\":1},{\"devid\":99999999999}]}",
        "{\"channels\\u0000\":[{}]}", "{\"channels\":[{\"connection.pty\":{}},{\"connection.socket\":{\"path\":\"/s\"}},{\"connection.unknown\":{}}]}",
        "{\"c_info\":1}", "{\"b_info\":{\"type.pv\":{},\"type.hvm\":{}},\"channels\":[{}]}", "{\"disks\":[{\"removable\":\"x\"}],\"channels\":[{\"devid\":2}]}",
    };
    struct text t = { 0 };
    size_t n;
    int depth;

    for (n = 0; n < COUNT_OF(texts); n++)
        compare(texts[n], true);
    for (depth = 1; depth <= 100000; depth *= 10) {    /* deep, and unfinished */
        for (n = 0; n < 2; n++) {
            /* libxenlight takes a time that is the depth's square. */
            bool ask = depth <= (getenv("QUICK") ? 100 : 10000);
            int k;
            t.length = 0;
            add(&t, "{\"channels\":");
            for (k = 0; k < depth; k++) add(&t, n ? "[" : "{\"channels\":");
            compare(t.bytes, ask);
            if (n) for (k = 0; k < depth; k++) add(&t, "]");
            else for (k = 0; k < depth; k++) add(&t, k ? "}" : "[]}");
            add(&t, "}");
            compare(t.bytes, ask);
        }
    }
    free(t.bytes);
}

static void test_limits(void)
{
    libxl_device_channel c, *list = (libxl_device_channel *)0x10;
    libxl_device_channel_v2 p;
    int num = -7;
    char *json;

    ours.device_channel_init(&c), posted.device_channel_init(&p);
    json = ours.domain_config_channels_to_json(NULL, NULL, 0);
    CHECK(same_text(json, "{\n\n}\n"), "to_json of NULL, 0: %s", json);
    CHECK(!ours.domain_config_channels_from_json(NULL, &list, &num, json) && !list && !num, "from_json of no channels");
    free(json);
    json = posted.domain_config_channels_to_json(NULL, NULL, 0);
    CHECK(same_text(json, "{\n\n}\n"), "posted to_json of NULL, 0: %s", json);
    free(json);
    CHECK(!ours.domain_config_channels_to_json(NULL, &c, -1) && !ours.domain_config_channels_to_json(NULL, &c, INT_MIN), "to_json of -1");
    CHECK(!ours.domain_config_channels_to_json(NULL, NULL, 1), "to_json of NULL, 1");
    CHECK(!posted.domain_config_channels_to_json(NULL, &p, -1) && !posted.domain_config_channels_to_json(NULL, NULL, 1), "posted to_json of -1, of NULL");
    FILL(num);
    CHECK(ours.domain_config_channels_from_json(NULL, NULL, &num, "{}") == ERROR_INVAL && !num, "from_json(NULL channels)");
    FILL(list);
    CHECK(ours.domain_config_channels_from_json(NULL, &list, NULL, "{}") == ERROR_INVAL && !list, "from_json(NULL num)");
    FILL(list), FILL(num);
    CHECK(ours.domain_config_channels_from_json(NULL, &list, &num, NULL) == ERROR_INVAL && !list && !num, "from_json(NULL text)");
    ours.device_channel_list_free(list, num);

    /* One, in both families, byte for byte. */
    c.name = "n", c.devid = 3;
    c.connection = LIBXL_CHANNEL_CONNECTION_PTY;
    json = ours.domain_config_channels_to_json(NULL, &c, 1);
    CHECK(same_text(json, "{\n    \"channels\": [\n        {\n            \"devid\": 3,\n            \"name\": \"n\",\n"
                    "            \"connection.pty\": {\n\n            }\n        }\n    ]\n}\n"), "to_json of one: %s", json);
    free(json);
    p.name = "n", p.path = "/p", p.type = LIBXL_CHANNEL_TYPE_PATH;
    json = posted.domain_config_channels_to_json(NULL, &p, 1);
    CHECK(same_text(json, "{\n    \"channels\": [\n        {\n            \"name\": \"n\",\n            \"type\": \"path\",\n"
                    "            \"path\": \"/p\"\n        }\n    ]\n}\n"), "posted to_json of one: %s", json);
    free(json);
}

int main(void)
{
    enum { DOCUMENTS = 40 };
    unsigned long configs = number_from_env("CONFIGS", 400), mutations = number_from_env("MUTATIONS", 10000), n;
    unsigned long documents = mutations < DOCUMENTS ? mutations : DOCUMENTS;
    char *document[DOCUMENTS];

    seed_random("config");
    signal(SIGPIPE, SIG_IGN);
    load_ours();
    load_posted();
    load_peer();
    test_limits();
    for (n = 0; n < configs; n++)
        test_config((int)(n % 21));
    test_chosen_documents();
    for (n = 0; n < documents; n++) {
        libxl_domain_config config;
        random_config(&config, (int)(n % 12));
        document[n] = PEER(libxl_domain_config_to_json)(peer_ctx, &config);
        PEER(libxl_domain_config_dispose)(&config);
    }
    for (n = 0; n < mutations; n++)
        test_mutation(document[n % documents]);
    for (n = 0; n < documents; n++)
        free(document[n]);
    if (oracle.pid)
        end_oracle();
    free_peer_ctx();
    printf("config: %lu configurations of libxenlight's, %lu bytes each; %lu changed documents: both take %lu, both refuse %lu, only ours takes %lu,"
           " libxenlight dies of %lu, not asked %lu\n",
           configs, configs ? bytes_of_documents / configs : 0, mutations, both_take, both_refuse, only_ours_takes, libxl_dies, not_asked);
    return finish("config");
}
