/* released.c - libxl_channel.h in C11; with an argument, which nobody gives, it calls everything. */
#include "released.h"

int main(int argc, char **argv)
{
    (void)argv;
    return argc > 1 ? call_everything(NULL, NULL, NULL) : use_connections();
}
