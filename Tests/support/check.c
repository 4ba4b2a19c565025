#include "check.h"

/* A counter for each check, found by its file and line. Two that share one show fewer failures. */
enum { LINES = 4096 };
static _Atomic unsigned long checks_passed, checks_failed;
static _Atomic unsigned failures_of_line[LINES];

bool check_at(bool ok, const char *file, int line, const char *format, ...)
{
    if (ok) {
        checks_passed++;
        return true;
    }
    checks_failed++;
    if (failures_of_line[((uintptr_t)file + (unsigned)line) % LINES]++ < SHOWN_FAILURES) {
        va_list arguments;
        flockfile(stdout);
        printf("FAILED %s:%d: ", file, line);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
        fflush(stdout);
        funlockfile(stdout);
    }
    return false;
}

unsigned long failures(void)
{
    return checks_failed;
}

int finish(const char *program)
{
    printf("%s: %lu passed, %lu failed\n", program, checks_passed, checks_failed);
    fflush(stdout);
    return checks_failed ? 1 : 0;
}

void give_up(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    va_start(arguments, format);
    fprintf(stderr, "cannot go on: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(2);
}

unsigned long number_from_env(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

/* splitmix64 */
static uint64_t random_state;

void seed_random(const char *program)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    random_state = number_from_env("SEED", 20240229);
    printf("%s: SEED=%llu\n", program, (unsigned long long)random_state);
}

uint64_t random_bits(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

unsigned random_below(unsigned below)
{
    return (unsigned)(random_bits() % below);
}
