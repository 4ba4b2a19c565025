/* domains.c - all domains at once, and domains by name. */
#include "list.h"

enum { DOMAINS = 4, EACH = 12 };                       /* domain 4 is in /libxl alone */

/* The list of all domains is those of each, one after another. */
static void compare_host(const char *what)
{
    libxl_domain_channel *all = (void *)&all;
    int num = -7, next = 0, domid, n, rc = ours.domain_channel_list(NULL, &all, &num);

    CHECK(!rc && num >= 0 && !all == !num, "%s: list of all domains gives %d, %d at %p", what, rc, num, (void *)all);
    for (domid = 0; domid <= DOMAINS; domid++) {
        int count;
        libxl_device_channel *list = ours.device_channel_list(NULL, (uint32_t)domid, &count);
        for (n = 0; n < count; n++, next++)
            CHECK(next < num && all[next].domid == (uint32_t)domid && same_channel(&all[next].channel, &list[n]),
                  "%s: domain %d's devid %d is not number %d of all %d", what, domid, list[n].devid, next, num);
        ours.device_channel_list_free(list, count);
    }
    CHECK(next == num, "%s: %d channels of all domains, %d of each", what, num, next);
    ours.domain_channel_list_free(all, num);
}

void test_all_domains(void)
{
    int domid, n, round;

    compare_host("no channels");
    for (round = 0; round < 20; round++) {
        for (domid = DOMAINS - 1; domid >= 1; domid--)
            for (n = EACH - 1; n >= 1; n--) {
                struct console c = { .number = n, .name = n % 5 && n % 6 != 3 ? "a" : NULL, .connection = n % 2 ? "pty" : "x", .tty = "" };
                if (random_below(3) == 0)
                    continue;
                c.backend = random_below(2) ? 0 : 2;
                put_console(XBT_NULL, domid, &c);
                if (n % 3 == 0)
                    put(XBT_NULL, NULL, n % 2 ? "none\n3\nname" : "nonsense", "/libxl/%d/device/console/%d/xlchannel", domid, n);
            }
        put(XBT_NULL, NULL, "", "/libxl/no-domain/device/console/1/name");
        put(XBT_NULL, NULL, "", "/libxl/4294967296/device/console/1/name");
        compare_host("random channels");
        for (domid = 1; domid < DOMAINS; domid++)
            for (n = 1; n < EACH; n++) {
                cut_console(XBT_NULL, domid, 0, n);
                cut_console(XBT_NULL, domid, 2, n);
            }
    }
    for (n = 1; n <= 2000; n++)                        /* more than one message holds */
        put(XBT_NULL, NULL, "none\n0\nmany", "/libxl/%d/device/console/%d/xlchannel", DOMAINS, n);
    compare_host("a long directory");
    cut(XBT_NULL, "/libxl/%d", DOMAINS);
    cut(XBT_NULL, "/libxl/no-domain");
    cut(XBT_NULL, "/libxl/4294967296");
    clear_guest();
    ours.domain_channel_list_free(NULL, 0);
    CHECK(ours.domain_channel_list(NULL, NULL, &n) == ERROR_INVAL, "a list of all domains into NULL");
    CHECK(ours.domain_channel_list(NULL, &(libxl_domain_channel *){ NULL }, NULL) == ERROR_INVAL, "a list of all domains without num");
}

void test_domain_names(void)
{
    static const char *const none[] = { "nobody", "Domain-", "1x", "-1", " 1", "4294967296", "99999999999999999999" };
    static const struct { const char *name; uint32_t domid; } some[] = {
        { "Domain-0", 0 }, { "0", 0 }, { "17", 17 }, { "017", 17 }, { "4294967295", UINT32_MAX },
        { "two of a name", 2001 }, { "\xff\"", 2003 },
    };
    uint32_t domid;
    size_t n;

    put(XBT_NULL, NULL, "two of a name", "/local/domain/2002/name");
    put(XBT_NULL, NULL, "two of a name", "/local/domain/2001/name");
    put(XBT_NULL, NULL, "\xff\"", "/local/domain/2003/name");
    for (n = 0; n < COUNT_OF(some); n++) {
        domid = 4711;
        CHECK(!ours.channel_domain_qualifier_to_domid(NULL, some[n].name, &domid) && domid == some[n].domid,
              "the domid of \"%s\" is %u, not %u", some[n].name, some[n].domid, domid);
    }
    for (n = 0; n < COUNT_OF(none); n++) {
        domid = 4711;
        CHECK(ours.channel_domain_qualifier_to_domid(NULL, none[n], &domid) == ERROR_DOMAIN_NOTFOUND && domid == 4711,
              "\"%s\" is a domain", none[n]);
    }
    CHECK(ours.channel_domain_qualifier_to_domid(NULL, "", &domid) == ERROR_INVAL, "an empty name");
    CHECK(ours.channel_domain_qualifier_to_domid(NULL, NULL, &domid) == ERROR_INVAL, "no name");
    CHECK(ours.channel_domain_qualifier_to_domid(NULL, "0", NULL) == ERROR_INVAL, "a domid into NULL");
    for (n = 2001; n <= 2003; n++)
        cut(XBT_NULL, "/local/domain/%zu", n);
}
