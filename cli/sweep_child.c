/* SPDX-License-Identifier: MIT */
/* One run of `quarry test`, in a process of its own.
 *
 *     boot ─► load ─► init ─► scenario ─► scenario again, nothing fails ─► exit ─► what is left?
 *                      └ failed ─► what is left? ─► load afresh ─► init ─► scenario ─► exit ─► what is left?
 *
 * Requests are counted, and fail, in init, scenario and exit; not in what only shows whether the device
 * still works. What is learned goes to shared memory at once, so that a run that dies has told all it
 * knew.
 *
 * A watch ends a run that takes too long: it has every thread write down where it is, and names the line
 * of the module that one of them stands in. The process leads a process group of its own, so that
 * COMMAND ends with it; the mount is taken away by the guard (work.c). */
#include "command.h"
#include "events.h"
#include "findings.h"
#include "mount.h"
#include "sweep.h"
#include "work.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include <quarry/gfp.h>
#include <quarry/stat.h>
#include "linux/runtime.h"

#define CHILD_SIGNAL (SIGRTMIN + 5)
#define CHILD_TRACES 64

static struct sweep_outcome *child_out;
static const struct sweep_options *child_options;
static struct run *child_run;

/* ---- what was found ---------------------------------------------------------------------------- */

static struct sweep_note *child_note(const char *kind)
{
    struct sweep_note *note;

    if (child_out->nr_notes == SWEEP_NOTES) {
        child_out->more_notes++;
        return NULL;
    }
    note = &child_out->note[child_out->nr_notes++];
    snprintf(note->kind, sizeof(note->kind), "%s", kind);
    return note;
}

static void child_place(char *buffer, size_t size, const struct finding_site *site)
{
    const struct frame *frame = symbols_site(site->frame, site->nr);

    if (frame && frame->where == FRAME_MODULE)
        symbols_text(frame, buffer, size);
}

static void child_note_finding(const struct finding *finding)
{
    struct sweep_note *note = child_note(finding->kind);
    char place[256] = "";
    size_t used;

    if (!note)
        return;
    snprintf(note->text, sizeof(note->text), "%s", finding->text);
    child_place(note->place, sizeof(note->place), &finding->now);
    child_place(place, sizeof(place), &finding->before);
    used = strlen(note->text);
    if (place[0])
        snprintf(note->text + used, sizeof(note->text) - used, "; %s %s",
                 finding->before_is ? finding->before_is : "before", place);
}

static void child_note_leak(const struct leak *leak)
{
    struct sweep_note *note = child_note("leak");
    char count[48];

    if (!note)
        return;
    note->leak = true;
    snprintf(note->text, sizeof(note->text), "%s%s%s, %llu bytes",
             cli_count(count, sizeof(count), leak->nr, leak->what), leak->cache ? " of " : "",
             leak->cache ? leak->cache : "", (unsigned long long)leak->bytes);
    child_place(note->place, sizeof(note->place), &leak->site);
}

/* All that the report has collected; what a crashed module still holds is no leak. */
static void child_notes(void)
{
    child_out->nr_notes = 0;
    child_out->more_notes = 0;
    for (size_t i = 0; i < findings.nr; i++) {
        if (findings.finding[i].problem)
            child_note_finding(&findings.finding[i]);
    }
    for (size_t i = 0; i < findings.nr_leaks && qlx_oopses() == 0; i++)
        child_note_leak(&findings.leak[i]);
}

static void child_saw(const char *kind)
{
    if (strcmp(kind, "lock kept") == 0)
        child_out->lock_kept = true;
}

/* Where pages are, by the machine's own counts. Free ones move to caches and back, and stay in lists of
 * CPUs: with what caches, areas and large blocks have, they must be as many as before. (A thread that
 * allocates for the first time is a new CPU, for which the machine takes some pages for good: then only the
 * bytes in callers' hands are compared.) */
struct memory {
    uint64_t bytes, pages;
    unsigned int cpus; /* once for each zone */
};
static struct memory memory_before;

static struct memory memory_now(void)
{
    static const char *const counts[] = {"nr_free_pages",         "nr_slab_reclaimable",
                                         "nr_slab_unreclaimable", "nr_vmalloc",
                                         "nr_kmalloc_large",      "count:"};
    struct memory now = {quarry_live_bytes() - start_held(), start_held() / PAGE_SIZE, 0};
    size_t room = 1 << 20;
    char *text = cli_alloc(room), *rest = text, *line;

    drain_all_pages();
    quarry_text(QUARRY_ZONEINFO, text, room);
    while ((line = strsep(&rest, "\n")) != NULL) {
        char name[64];
        unsigned long value;
        if (sscanf(line, " %63s %lu", name, &value) != 2)
            continue;
        now.cpus += strcmp(name, "cpu:") == 0;
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
            now.pages += strcmp(name, counts[i]) == 0 ? value : 0;
    }
    free(text);
    return now;
}

static void memory_compare(void)
{
    struct memory now = memory_now();
    bool lost = now.cpus == memory_before.cpus && now.pages != memory_before.pages;
    struct sweep_note *note = NULL;

    if (now.bytes != memory_before.bytes || lost)
        note = child_note("memory state");
    if (note)
        snprintf(note->text, sizeof(note->text),
                 "%lld bytes more are in use than before, %lld pages fewer are accounted for",
                 (long long)(now.bytes - memory_before.bytes),
                 (long long)(memory_before.pages - now.pages));
}

static void child_leave(void) __attribute__((noreturn));
static void child_leave(void)
{
    if (child_options->scenario || child_run->options.command)
        work_remove();
    fflush(stdout);
    fflush(stderr);
    _exit(0);
}

static void child_crashed(const struct qlx_oops *oops, void *data)
{
    sweep_hook_arm(false);
    report_crash(oops);
    child_out->crashes++;
    if (oops->guarded) {
        if (child_run->options.command)
            events_crashed(); /* it is waited for there */
        return;
    }
    child_notes();
    child_leave();
}

/* ---- too long ---------------------------------------------------------------------------------- */

static struct quarry_trace hang_trace[CHILD_TRACES];
static unsigned int nr_hang_traces, nr_hang_answers;

static _Unwind_Reason_Code hang_frame(struct _Unwind_Context *context, void *data)
{
    struct quarry_trace *trace = data;
    uintptr_t pc = _Unwind_GetIP(context);

    if (!pc || trace->nr == QUARRY_TRACE_MAX)
        return _URC_END_OF_STACK;
    trace->pc[trace->nr++] = (const void *)pc;
    return _URC_NO_REASON;
}

static void hang_here(int signal)
{
    unsigned int mine = __atomic_fetch_add(&nr_hang_traces, 1, __ATOMIC_RELAXED);

    if (mine < CHILD_TRACES)
        _Unwind_Backtrace(hang_frame, &hang_trace[mine]);
    __atomic_fetch_add(&nr_hang_answers, 1, __ATOMIC_RELEASE);
}

/* Ask every other thread where it is, and wait a little for the answers. */
static void hang_ask(void)
{
    pid_t self = (pid_t)syscall(SYS_gettid), process = getpid();
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned int asked = 0;

    while (tasks && (entry = readdir(tasks)) != NULL) {
        pid_t tid = (pid_t)atoi(entry->d_name);
        if (tid > 0 && tid != self && syscall(SYS_tgkill, process, tid, CHILD_SIGNAL) == 0)
            asked++;
    }
    if (tasks)
        closedir(tasks);
    for (int tries = 0; tries < 200 && __atomic_load_n(&nr_hang_answers, __ATOMIC_ACQUIRE) < asked;
         tries++)
        usleep(10000);
}

/* The innermost line of a module that a thread stands in. */
static bool hang_place(const struct quarry_trace *trace, char *text, size_t size)
{
    struct frame frames[FRAMES_MAX];
    size_t nr = symbols_trace(trace, true, frames, FRAMES_MAX);
    const char *inside = NULL;

    for (size_t i = 0; i < nr; i++) {
        if (frames[i].where == FRAME_MODULE && !frames[i].header) {
            symbols_text(&frames[i], text, size);
            if (inside)
                snprintf(text + strlen(text), size - strlen(text), ", in %s", inside);
            return true;
        }
        if (frames[i].where == FRAME_TOOL || frames[i].header)
            inside = frames[i].function;
    }
    return false;
}

static void *child_watch(void *unused)
{
    sleep(child_options->timeout);
    sweep_hook_arm(false);
    hang_ask();
    for (unsigned int i = 0; i < nr_hang_traces && i < CHILD_TRACES && !child_out->hung; i++)
        child_out->hung =
            hang_place(&hang_trace[i], child_out->hung_at, sizeof(child_out->hung_at));
    child_out->command_hung = !child_out->hung;
    child_out->hung = true;
    child_notes();
    if (child_run->options.command)
        mount_drop(work_root());
    kill(0, SIGKILL); /* COMMAND too; the guard, in a session of its own, removes what is left */
    return NULL;
}

static void child_watch_start(void)
{
    struct sigaction action = {.sa_handler = hang_here, .sa_flags = SA_RESTART};
    pthread_t thread;

    sigaction(CHILD_SIGNAL, &action, NULL);
    if (pthread_create(&thread, NULL, child_watch, NULL) == 0)
        pthread_detach(thread);
}

/* ---- the scenario ------------------------------------------------------------------------------ */

/* What COMMAND wrote since the last time, as a sum. */
static uint32_t child_output(size_t *size)
{
    static off_t seen;
    uint32_t sum = 2166136261u;
    unsigned char buffer[4096];
    ssize_t got;

    *size = 0;
    while ((got = pread(STDOUT_FILENO, buffer, sizeof(buffer), seen)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            sum = (sum ^ buffer[i]) * 16777619u;
        *size += (size_t)got;
        seen += got;
    }
    return sum;
}

static void child_command(struct sweep_log *log)
{
    unsigned long before = sweep_hook_injected();
    int status = command_run(&child_run->options, work_root());
    size_t size;
    uint32_t sum = child_output(&size);

    child_out->command_status = status;
    sweep_log_add(log, sweep_hook_injected() != before, status != 0,
                  "COMMAND: status %d, %zu bytes of output (%08x)", status, size, sum);
}

static bool child_sound(void)
{
    return qlx_oopses() == 0 && !child_out->lock_kept;
}

static void child_scenario(struct sweep_log *log)
{
    if (!child_sound() || child_run->options.no_mount)
        return;
    if (child_run->options.command)
        child_command(log);
    else
        exercise_all(log, child_out);
}

static bool log_equal(const struct sweep_log *a, const struct sweep_log *b)
{
    return a->used == b->used && memcmp(a->text, b->text, a->used) == 0;
}

/* Once more without a failure, and with what --start held. What a failed operation left undone (a
 * message that nobody read) may show once; a device that still does not do what it did is broken. */
static void child_again(const struct sweep_outcome *learned)
{
    sweep_hook_arm(false);
    if (!child_sound())
        return;
    run_start_end();
    child_scenario(&child_out->second);
    child_out->again = child_sound();
    if (!learned || (!log_equal(&child_out->second, &learned->first) &&
                     !log_equal(&child_out->second, &learned->second)))
        child_scenario(&child_out->third);
}

static bool child_mount(void)
{
    return !child_run->options.command || child_run->options.no_mount || mount_start(work_root());
}

static void child_unmount(void)
{
    if (child_run->options.command && !child_run->options.no_mount && !mount_stop()) {
        child_out->hung = true; /* a client hangs in the driver */
        child_notes();
        child_leave();
    }
}

/* ---- the steps --------------------------------------------------------------------------------- */

static void child_loaded(void)
{
    for (size_t i = 0; i < child_run->nr_loaded; i++) {
        const void *from, *to;
        qlx_module_range(child_run->loaded[i].module, &from, &to);
        sweep_hook_module((unsigned int)i, from, to);
    }
}

/* Init, with requests counted. */
static bool child_init(void)
{
    bool good;

    qlx_make_ready();

    child_out->phase = SWEEP_INIT;
    sweep_hook_arm(true);
    good = run_init(child_run);
    sweep_hook_arm(false);
    child_out->init_done = good;
    child_out->init_error = good ? 0 : -1;
    return good;
}

static void child_exit(bool counted)
{
    child_out->phase = SWEEP_EXIT;
    sweep_hook_arm(counted);
    if (qlx_oopses() == 0)
        run_exit(child_run);
    sweep_hook_arm(false);
    if (qlx_oopses() == 0 && !child_out->lock_kept)
        report_collect_leaks();
    child_notes();
    if (child_out->nr_notes == 0 && child_sound())
        memory_compare();
}

/* Init failed: nothing may be left, and with memory the module can be loaded again. */
static void child_reload(const struct sweep_outcome *learned)
{
    if (child_out->nr_notes || !child_sound())
        return;
    for (size_t i = child_run->nr_loaded; i-- > 0;)
        qlx_module_unload(child_run->loaded[i].module);
    run_start_end();
    qlx_make_ready();
    memory_before = memory_now();
    if (!run_load_again(child_run) || !run_init(child_run)) {
        child_out->reload_failed = true;
        return;
    }
    child_out->reload_failed = !child_mount();
    child_again(learned);
    child_unmount();
    child_exit(false);
}

static void child_steps(const struct sweep_outcome *learned)
{
    if (!run_boot(child_run, child_crashed))
        return;
    report_only_problems(child_saw);
    sweep_hook_start();
    child_out->booted = true;
    qlx_make_ready();
    memory_before = memory_now();
    if (!run_load(child_run))
        return;
    child_loaded();
    child_out->loaded = true;
    if (!child_init() || qlx_failed_probes() > 0) {
        child_exit(true);
        if (child_options->short_of_memory || (learned && learned->init_done))
            child_reload(learned);
        return;
    }
    if (!child_mount()) {
        child_exit(true);
        return;
    }
    child_out->phase = SWEEP_SCENARIO;
    sweep_hook_arm(true);
    child_scenario(&child_out->first);
    child_out->moves = qlx_count_left(QLX_LEFT_TIMER) || qlx_count_left(QLX_LEFT_WORK) ||
                       qlx_count_left(QLX_LEFT_KTHREAD);
    child_again(learned);
    child_unmount();
    child_exit(true);
}

static void child_needs(void)
{
    char *path;
    int fd;

    if (!child_run->options.command)
        return;
    if (!work_start(false))
        _exit(CLI_FAILED);
    path = cli_format("%s/output", work_path());
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0)
        dup2(fd, STDOUT_FILENO);
    free(path);
    events_start();
}

void sweep_child(struct run *run, const struct sweep_options *options, struct sweep_map *map,
                 const struct sweep_job *job, const struct sweep_outcome *learned,
                 struct sweep_outcome *out)
{
    child_run = run;
    child_options = options;
    child_out = out;
    sweep_hook_prepare(map, job, &options->aim, out);
    child_needs();
    child_watch_start();
    child_steps(learned);
    out->ended = true;
    child_leave();
}
