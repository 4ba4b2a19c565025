#include "store.h"

struct xs_handle *store;

void open_store(void)
{
    store = xs_open(0);
    if (!store)
        give_up("no xenstored: not in Tests/host/run?");
}

void put(xs_transaction_t t, const struct access *access, const char *value, const char *format, ...)
{
    char path[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    if (!xs_write(store, t, path, value, (unsigned)strlen(value)))
        give_up("cannot write %s: %s", path, strerror(errno));
    if (access) {
        struct xs_permissions perms[2] = {
            { (unsigned)access->owner, XS_PERM_NONE }, { (unsigned)access->reader, XS_PERM_READ },
        };
        if (!xs_set_permissions(store, t, path, perms, access->reader < 0 ? 1 : 2))
            give_up("cannot set permissions of %s: %s", path, strerror(errno));
    }
}

void cut(xs_transaction_t t, const char *format, ...)
{
    char path[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    if (!xs_rm(store, t, path) && errno != ENOENT)
        give_up("cannot remove %s: %s", path, strerror(errno));
}

char *got(const char *format, ...)
{
    char path[512];
    va_list arguments;
    unsigned length;

    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    return xs_read(store, XBT_NULL, path, &length);
}

void front_path(char path[128], int guest, int number)
{
    if (number)
        snprintf(path, 128, "/local/domain/%d/device/console/%d", guest, number);
    else
        snprintf(path, 128, "/local/domain/%d/console", guest);
}

void put_console(xs_transaction_t t, int guest, const struct console *c)
{
    char front[128], back[128], libxl[128], text[32];
    const struct access guests = { guest, c->backend }, backends = { c->backend, guest };
    const struct access toolstacks = { 0, -1 };
    const struct access *first = c->number ? &guests : &backends;

    front_path(front, guest, c->number);
    snprintf(back, sizeof back, "/local/domain/%d/backend/console/%d/%d", c->backend, guest, c->number);
    snprintf(libxl, sizeof libxl, "/libxl/%d/device/console/%d", guest, c->number);

    put(t, &toolstacks, "", "%s", libxl);
    put(t, first, "", "%s", front);
    put(t, &backends, "", "%s", back);
    put(t, NULL, front, "%s/frontend", libxl);
    put(t, NULL, back, "%s/backend", libxl);
    put(t, NULL, front, "%s/frontend", back);
    put(t, first, back, "%s/backend", front);
    snprintf(text, sizeof text, "%d", c->backend);
    put(t, first, text, "%s/backend-id", front);
    snprintf(text, sizeof text, "%d", guest);
    for (int n = 0; n < 2; n++) {
        const char *dir = n ? back : libxl;
        put(t, NULL, text, "%s/frontend-id", dir);
        put(t, NULL, "1", "%s/online", dir);
        put(t, NULL, n && c->state ? c->state : "1", "%s/state", dir);
        put(t, NULL, "vt100", "%s/protocol", dir);
        if (c->name) put(t, NULL, c->name, "%s/name", dir);
        if (c->connection) put(t, NULL, c->connection, "%s/connection", dir);
        if (c->path) put(t, NULL, c->path, "%s/path", dir);
    }
    if (c->name) put(t, &backends, c->name, "%s/name", front);
    put(t, &backends, "1048576", "%s/limit", front);
    put(t, &backends, c->name ? "ioemu" : "xenconsoled", "%s/type", front);
    put(t, &backends, !c->connection || !strcmp(c->connection, "pty") ? "pty" : "chardev:libxl-channel0", "%s/output", front);
    if (c->tty) put(t, &backends, c->tty, "%s/tty", front);
    if (c->number) put(t, first, "vt100", "%s/protocol", front);
    if (c->state) put(t, first, c->state, "%s/state", front);
    if (c->ring_ref) put(t, first, c->ring_ref, "%s/ring-ref", front);
    if (c->port) put(t, first, c->port, "%s/port", front);
}

void cut_console(xs_transaction_t t, int guest, int backend, int number)
{
    char front[128];
    front_path(front, guest, number);
    cut(t, "/libxl/%d/device/console/%d", guest, number);
    cut(t, "%s", front);
    cut(t, "/local/domain/%d/backend/console/%d/%d", backend, guest, number);
}

xs_transaction_t begin(void)
{
    xs_transaction_t t = xs_transaction_start(store);
    if (t == XBT_NULL)
        give_up("no transaction: %s", strerror(errno));
    return t;
}

bool commit(xs_transaction_t t)
{
    if (xs_transaction_end(store, t, false))
        return true;
    if (errno != EAGAIN)
        give_up("transaction: %s", strerror(errno));
    return false;
}

void add_line(struct lines *l, char *line)
{
    if (l->count == l->room)
        l->line = realloc(l->line, (l->room = 2 * l->room + 64) * sizeof *l->line);
    l->line[l->count++] = line;
}

void collect(struct lines *l, const char *path)
{
    unsigned length, count, n;
    char *value = xs_read(store, XBT_NULL, path, &length);
    struct xs_permissions *perms;
    char **children;
    char *text;
    size_t size;
    FILE *f;

    if (!value)
        return;                                    /* gone meanwhile */
    f = open_memstream(&text, &size);
    fprintf(f, "%s = ", path);
    for (n = 0; n < length; n++)
        if (value[n] >= ' ' && value[n] < 0x7f && value[n] != '\\')
            fputc(value[n], f);
        else
            fprintf(f, "\\x%02x", (unsigned char)value[n]);
    free(value);
    perms = xs_get_permissions(store, XBT_NULL, path, &count);
    fprintf(f, " (");
    for (n = 0; perms && n < count; n++)
        fprintf(f, "%s%c%u", n ? "," : "", "nrwb"[perms[n].perms & 3], perms[n].id);
    fprintf(f, ")");
    fclose(f);
    free(perms);
    add_line(l, text);

    children = xs_directory(store, XBT_NULL, path, &count);
    for (n = 0; children && n < count; n++) {
        char *child;
        if (asprintf(&child, "%s/%s", strcmp(path, "/") ? path : "", children[n]) < 0)
            abort();
        collect(l, child);
        free(child);
    }
    free(children);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *text_of(struct lines *l)
{
    char *text;
    size_t size, n;
    FILE *f = open_memstream(&text, &size);

    if (l->count)
        qsort(l->line, l->count, sizeof *l->line, compare_lines);
    for (n = 0; n < l->count; n++) {
        fprintf(f, "%s\n", l->line[n]);
        free(l->line[n]);
    }
    free(l->line);
    memset(l, 0, sizeof *l);
    fclose(f);
    return text;
}

char *whole_store(void)
{
    struct lines l = { 0 };
    collect(&l, "/");
    return text_of(&l);
}

/* Shows the lines that only one of two texts has. */
static void show_difference(const char *before, const char *after)
{
    for (int n = 0; n < 2; n++) {
        char *rest = strdup(n ? after : before), *position = NULL, *line;
        const char *other = n ? before : after;
        for (line = strtok_r(rest, "\n", &position); line; line = strtok_r(NULL, "\n", &position)) {
            const char *found = other;
            size_t length = strlen(line);
            while ((found = strstr(found, line)) && !((found == other || found[-1] == '\n') && found[length] == '\n'))
                found++;
            if (!found)
                printf("    %c %s\n", n ? '+' : '-', line);
        }
        free(rest);
    }
}

bool same_store(char *before, char *after)
{
    bool same = !strcmp(before, after);
    static unsigned differences;
    if (!same && differences++ < 3 * SHOWN_FAILURES)
        show_difference(before, after);
    free(before), free(after);
    return same;
}
