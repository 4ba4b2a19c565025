#include "families.h"

struct posted posted;

void load_posted(void)
{
#define LOAD(subject, verb) \
    posted.subject##_##verb = symbol_of(ours.handle, ours.path, "libxl_" #subject "_v2_" #verb);
#define LOAD_TYPE(name) posted.name = symbol_of(ours.handle, ours.path, "libxl_" #name);
    POSTED_FUNCTIONS(LOAD)
    TYPE_FUNCTIONS(LOAD_TYPE)
#undef LOAD
#undef LOAD_TYPE
    posted.string_table = symbol_of(ours.handle, ours.path, "libxl_channel_type_string_table");
}

bool same_posted(const libxl_device_channel_v2 *a, const libxl_device_channel_v2 *b)
{
    return a->backend_domid == b->backend_domid
        && same_text(a->backend_domname, b->backend_domname)
        && a->devid == b->devid
        && same_text(a->name, b->name)
        && a->type == b->type
        && same_text(a->path, b->path);
}

bool is_initial_posted(const libxl_device_channel_v2 *c)
{
    return !c->backend_domid && !c->backend_domname && c->devid == -1 && !c->name && !c->type && !c->path;
}

bool is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)(text ? text : "");

    while (*s) {
        int more = *s < 0x80 ? 0 : *s >> 5 == 6 ? 1 : *s >> 4 == 14 ? 2 : *s >> 3 == 30 ? 3 : -1;
        if (more < 0)
            return false;
        for (s++; more; more--, s++)
            if (*s >> 6 != 2)
                return false;
    }
    return true;
}
