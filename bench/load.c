/*
 * load.c - what it costs a fresh process to use the library once: the time of
 * dlopen, a first call and dlclose, and the memory that is private and dirty
 * after the call; and the size of the file, stripped.  The first call needs no
 * context: a struct is initialised, and a connection's word looked up.
 */
#include "bench.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* What the process has for itself alone, in KB. */
static double private_dirty(void)
{
    char line[128];
    double kilobytes = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");

    while (f && fgets(line, sizeof line, f))
        sscanf(line, "Private_Dirty: %lf kB", &kilobytes);
    fclose(f);
    return kilobytes;
}

/* In the fresh process: prints microseconds, or KB with `memory`. */
static int use(const char *path, bool memory)
{
    libxl_device_channel channel;
    double before = memory ? private_dirty() : 0, begin, end;
    void *library;
    __typeof__(libxl_device_channel_init) *init;
    __typeof__(libxl_channel_connection_to_string) *to_string;

    /* Once without counting: what reading the figure takes itself. */
    before = memory ? private_dirty() : before;
    begin = now();
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        give_up("%s", dlerror());
    init = (__typeof__(init))dlsym(library, "libxl_device_channel_init");
    to_string = (__typeof__(to_string))dlsym(library, "libxl_channel_connection_to_string");
    init(&channel);
    if (strcmp(to_string(LIBXL_CHANNEL_CONNECTION_SOCKET), "socket"))
        give_up("%s does not know sockets", path);
    if (memory) {
        printf("%.0f\n", private_dirty() - before);
        return 0;
    }
    dlclose(library);
    end = now();
    printf("%.3f\n", end - begin);
    return 0;
}

static double in_fresh_process(const char *program, const char *library, const char *what)
{
    char command[1024];
    double number = -1;
    FILE *f;

    snprintf(command, sizeof command, "exec '%s' %s '%s'", program, what, library);
    f = popen(command, "r");
    if (!f || fscanf(f, "%lf", &number) != 1 || pclose(f))
        give_up("%s fails", command);
    return number;
}

static double stripped_size(const char *library)
{
    const char *directory = getenv("TMPDIR");
    char command[1024], copy[256];
    struct stat status;

    snprintf(copy, sizeof copy, "%s/bench.XXXXXX", directory ? directory : "/tmp");
    close(mkstemp(copy));
    snprintf(command, sizeof command, "strip -o %s '%s'", copy, library);
    if (system(command) || stat(copy, &status))
        give_up("%s fails", command);
    unlink(copy);
    return (double)status.st_size / 1024;
}

int main(int argc, char **argv)
{
    static const struct contender both[] = { { "ours", NULL }, { "peer", NULL } };
    const char *libraries[2] = { getenv("XLCHANNEL_LIBRARY"), getenv("XENLIGHT_LIBRARY") };
    double *values[2];
    int count = pairs(), n, c, what;

    if (argc > 2)
        return use(argv[2], !strcmp(argv[1], "memory"));
    if (!libraries[0] || !libraries[1])
        give_up("XLCHANNEL_LIBRARY and XENLIGHT_LIBRARY name the files");
    for (c = 0; c < 2; c++) {
        /* The pages of a file that was just built count as dirty until they are on disk. */
        int fd = open(libraries[c], O_RDONLY);
        fsync(fd);
        close(fd);
        values[c] = calloc((size_t)count, sizeof(double));
    }
    for (what = 0; what < 2; what++) {
        for (n = -WARM_UPS; n < count; n++)
            for (c = 0; c < 2; c++) {
                double value = in_fresh_process(argv[0], libraries[c], what ? "memory" : "time");
                if (n >= 0)
                    values[c][n] = value;
            }
        report(what ? "memory" : "load", what ? "KB" : "us", both, 2, values, count);
    }
    for (c = 0; c < 2; c++)
        values[c][0] = stripped_size(libraries[c]);
    report("size", "KB", both, 2, values, 1);
}
