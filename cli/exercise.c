/* SPDX-License-Identifier: MIT */
/* What `quarry test` does with the devices when nobody gives it a scenario.
 *
 * Every device, by name: open for writing, three writes, close; open for reading, reads until there is
 * no more (eight at most), close; open for both, a write, back to the beginning where the device can
 * seek, a read, fsync, close. Every proc file and debugfs file of the modules: open, read to the end,
 * close. No ioctl: nobody knows the numbers. No blocking: files are opened with O_NONBLOCK, and what
 * poll() does not allow is left out.
 *
 * Each answer is a line, and the same driver gives the same lines again: that is how a later run knows
 * whether the device still does what it did. The process calls the driver itself, as a thread that acts
 * for a client of its own memory: no mount is needed. */
#include "sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/runtime.h"

#define EXERCISE_READS 8
#define EXERCISE_PIECE 4096

struct exercise {
    struct sweep_log *log;
    struct sweep_outcome *out;
    const char *name;
    struct file *file;
    long long pos;
    unsigned long before; /* requests that had failed before this operation */
};

void sweep_log_add(struct sweep_log *log, bool injected, bool error, const char *format, ...)
{
    va_list args;
    int length;

    if (log->nr == SWEEP_LOG_LINES || log->used >= sizeof(log->text) - 400) {
        log->full = true;
        return;
    }
    log->line[log->nr].at = (unsigned int)log->used;
    log->line[log->nr].injected = injected;
    log->line[log->nr].error = error;
    va_start(args, format);
    length = vsnprintf(log->text + log->used, 400, format, args);
    va_end(args);
    log->used += (size_t)(length < 400 ? length : 399) + 1;
    log->nr++;
}

/* After a crash, or with a lock that nobody will release, nothing can be learned any more. */
static bool exercise_over(const struct exercise *x)
{
    return qlx_oopses() > 0 || x->out->lock_kept;
}

/* "write of 100 bytes to dev/scull0: 100". */
static void exercise_note(struct exercise *x, const char *what, long result, const char *more)
{
    bool injected = sweep_hook_injected() != x->before;
    char number[48];

    if (result < 0)
        snprintf(number, sizeof(number), "%s", cli_errno_name((int)-result));
    else
        snprintf(number, sizeof(number), "%ld", result);
    sweep_log_add(x->log, injected, result < 0, "%s %s: %s%s", what, x->name, number, more);
    x->before = sweep_hook_injected();
}

static bool exercise_open(struct exercise *x, const struct qlx_device *device, int flags,
                          const char *what)
{
    int error;

    if (exercise_over(x))
        return false;
    x->file = NULL;
    x->pos = 0;
    x->before = sweep_hook_injected();
    error = qlx_open(device->dev, flags | O_NONBLOCK, &x->file);
    exercise_note(x, what, error, "");
    return error == 0;
}

static void exercise_close(struct exercise *x)
{
    qlx_flush(x->file);
    qlx_release(x->file);
    exercise_note(x, "close", 0, "");
}

static bool exercise_ready(struct exercise *x, unsigned int events)
{
    return !exercise_over(x) &&
           (qlx_poll(x->file, events, NULL, NULL) & (events | POLLERR | POLLHUP));
}

/* Text that can be told from that of any other write, with a newline at its end. */
static void exercise_fill(char *buffer, size_t size, unsigned int seed)
{
    for (size_t i = 0; i < size; i++)
        buffer[i] = (char)('a' + (i * 7 + seed + i / 26) % 26);
    buffer[size - 1] = '\n';
}

static void exercise_write(struct exercise *x, size_t size)
{
    static char buffer[EXERCISE_PIECE * 4];
    char what[64];

    if (!exercise_ready(x, POLLOUT))
        return;
    exercise_fill(buffer, size, (unsigned int)size);
    snprintf(what, sizeof(what), "write of %zu bytes to", size);
    exercise_note(x, what, (long)qlx_write(x->file, buffer, size, &x->pos), "");
}

/* One read; false: there is no more. */
static bool exercise_read(struct exercise *x)
{
    static char buffer[EXERCISE_PIECE];
    uint32_t sum = 2166136261u;
    char more[32] = "";
    ssize_t got;

    if (!exercise_ready(x, POLLIN))
        return false;
    memset(buffer, 0, sizeof(buffer));
    got = qlx_read(x->file, buffer, sizeof(buffer), &x->pos);
    for (ssize_t i = 0; i < got; i++)
        sum = (sum ^ (unsigned char)buffer[i]) * 16777619u;
    if (got > 0)
        snprintf(more, sizeof(more), " (%08x)", sum);
    exercise_note(x, "read of 4096 bytes from", (long)got, more);
    return got > 0;
}

static void exercise_write_only(struct exercise *x, const struct qlx_device *device)
{
    if (!exercise_open(x, device, O_WRONLY, "open for writing of"))
        return;
    exercise_write(x, 100);
    exercise_write(x, 5000);
    exercise_write(x, 9000);
    exercise_close(x);
}

static void exercise_read_only(struct exercise *x, const struct qlx_device *device)
{
    if (!exercise_open(x, device, O_RDONLY, "open for reading of"))
        return;
    for (int i = 0; i < EXERCISE_READS && exercise_read(x); i++)
        ;
    exercise_close(x);
}

static void exercise_both(struct exercise *x, const struct qlx_device *device)
{
    if (!exercise_open(x, device, O_RDWR, "open for both of"))
        return;
    exercise_write(x, 10);
    if (!exercise_over(x) && qlx_can_seek(x->file)) {
        x->pos = qlx_llseek(x->file, 0, SEEK_SET);
        exercise_note(x, "seek to the beginning of", (long)x->pos, "");
        if (x->pos < 0)
            x->pos = 0;
    }
    exercise_read(x);
    if (!exercise_over(x))
        exercise_note(x, "fsync of", qlx_fsync(x->file, false), "");
    exercise_close(x);
}

/* ---- all of them ------------------------------------------------------------------------------- */

struct exercise_devices {
    struct qlx_device *device;
    size_t nr, room;
};

static bool exercise_collect(const struct qlx_device *device, void *data)
{
    struct exercise_devices *all = data;

    all->device = cli_grow(all->device, &all->room, all->nr + 1, sizeof(*all->device));
    all->device[all->nr++] = *device;
    return true;
}

static int exercise_compare(const void *a, const void *b)
{
    return strcmp(((const struct qlx_device *)a)->name, ((const struct qlx_device *)b)->name);
}

static bool exercise_collect_proc(const struct qlx_proc *proc, void *data)
{
    if ((proc->mode & 0170000) == 0100000)
        strings_add(data, proc->path);
    return true;
}

static int exercise_compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void exercise_proc(struct exercise *x, const char *path)
{
    int error;

    if (exercise_over(x))
        return;
    x->name = path;
    x->pos = 0;
    x->before = sweep_hook_injected();
    error = qlx_proc_open(path, O_RDONLY, &x->file);
    exercise_note(x, "open of proc file", error, "");
    if (error)
        return;
    for (int i = 0; i < EXERCISE_READS && exercise_read(x); i++)
        ;
    exercise_close(x);
}

void exercise_all(struct sweep_log *log, struct sweep_outcome *out)
{
    struct qlx_client client = {.pid = (int)getpid(), .tgid = (int)getpid(), .comm = "exercise"};
    struct exercise x = {.log = log, .out = out};
    struct exercise_devices all = {0};
    struct strings procs = {0};

    qlx_for_each_device(exercise_collect, &all);
    qlx_for_each_proc(exercise_collect_proc, &procs);
    if (all.nr)
        qsort(all.device, all.nr, sizeof(*all.device), exercise_compare);
    if (procs.nr)
        qsort(procs.item, procs.nr, sizeof(*procs.item), exercise_compare_text);
    qlx_client_enter(&client);
    for (size_t i = 0; i < all.nr; i++) {
        x.name = all.device[i].name;
        exercise_write_only(&x, &all.device[i]);
        exercise_read_only(&x, &all.device[i]);
        exercise_both(&x, &all.device[i]);
    }
    for (size_t i = 0; i < procs.nr; i++)
        exercise_proc(&x, procs.item[i]);
    qlx_client_leave();
    if (qlx_oopses() == 0)
        qlx_settle();
    free(all.device);
}
