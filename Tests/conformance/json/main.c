/* main.c - runs the parts in the order that the random sequence depends on. */
#include "json.h"

bool quick;
struct tally tally;

int main(void)
{
    unsigned long structs = number_from_env("STRUCTS", 100000), texts = number_from_env("TEXTS", 100000), n;

    seed_random("json");
    quick = getenv("QUICK") != NULL;
    load_ours();
    load_peer();
    for (n = 0; n < structs; n++) {
        test_channel(random_connection());
        test_info(random_connection());
    }
    test_init_connection();
    test_enumeration();
    test_chosen_texts();
    test_prefixes();
    for (n = 0; n < texts; n++)
        test_random_text();
    for (n = 0; n < texts / 5; n++)
        test_random_config();
    test_new_connections();
    test_null();
    test_null_source();
    if (!quick)
        show_deaths_of_libxl();
    free_peer_ctx();
    printf("json: %lu channels, %lu infos, %lu texts (libxenlight takes %lu as a channel, refuses %lu), %lu trees, %lu configs;"
           " not compared: %lu for errno; only ours asked: %lu with two connections; no tree: %lu with comments\n",
           structs, structs, texts, tally.texts_accepted, tally.texts_refused, tally.trees_compared, tally.configs_compared,
           tally.skipped_errno, tally.skipped_crash, tally.skipped_comment);
    return finish("json");
}
