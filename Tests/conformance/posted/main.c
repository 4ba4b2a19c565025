/* main.c - runs the parts in the order that the random sequence depends on, with what they share. */
#include "posted.h"

static libxl_channel_type random_type(void)
{
    return (libxl_channel_type)random_below(4);
}

void random_posted(libxl_device_channel_v2 *c)
{
    memset(c, 0, sizeof *c);
    c->backend_domid = (uint32_t)random_int();
    c->backend_domname = random_string();
    c->devid = random_int();
    c->name = random_string();
    c->type = random_type();
    c->path = random_string();
}

void in_what_was_there(void *p, size_t size) { memset(p, random_below(2) ? 0xaa : 0, size); }

void dispose_of(libxl_device_channel_v2 *c)
{
    posted.device_channel_dispose(c);
    CHECK(is_initial_posted(c), "dispose leaves something");
    posted.device_channel_dispose(c);
    CHECK(is_initial_posted(c), "dispose twice");
}

static void test_init(void)
{
    libxl_device_channel_v2 c, zero = { .devid = -1 };

    memset(&c, 0xaa, sizeof c);
    posted.device_channel_init(&c);
    CHECK(is_initial_posted(&c), "init");
    CHECK(!memcmp(&c, &zero, sizeof c), "init leaves padding");
}

int main(void)
{
    unsigned long structs = number_from_env("STRUCTS", 100000), texts = number_from_env("TEXTS", 100000), n;

    seed_random("posted");
    load_ours();
    load_posted();
    test_init();
    test_shapes();
    test_shape_of_no_type();
    test_strictness();
    for (n = 0; n < structs; n++) {
        test_struct();
        test_conversion();
    }
    for (n = 0; n < texts; n++)
        test_mutated_text();
    test_enumeration();
    test_no_conversion();
    test_null();
    test_null_source();
    printf("posted: %lu structs, %lu texts of which %lu are taken\n", structs, texts_tried, texts_taken);
    return finish("posted");
}
