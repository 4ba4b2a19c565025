/* random.c - random configurations, which libxenlight can write and read again. */
#include "config.h"

#include <libxl_utils.h>

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

void random_config(libxl_domain_config *c, int channels)
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
