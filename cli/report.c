/* SPDX-License-Identifier: MIT */
/* Collecting and printing what was found.
 *
 * Findings of the core (misuse of an allocation call) and of compat/linux (locks, contexts,
 * registrations) arrive through hooks, in the thread that made them, and are printed at once with
 * function, file and line of the module. The same finding at the same place is counted, not repeated.
 * Leaks are what is live after the module's exit and was allocated since the mark; they are grouped by
 * the place of allocation. A failed allocation is the machine's answer, not the module's fault: it is
 * printed and kept out of the count.
 *
 * A crash is reported by a thread of its own: the crashed one may stand on a small signal stack or hold a
 * lock of libc's; when the report does not come within ten seconds, the bare addresses are written.
 *
 * Locks: `findings_lock` guards the collection; it is taken with locks of the core held and takes none
 * of them. */
#include "findings.h"
#include "unwind.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <quarry/leak.h>
#include <quarry/stat.h>
#include "linux/runtime.h"

struct findings findings;

static pthread_mutex_t findings_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t mark_sequence;
static const void **mark_unknown; /* live at the mark without a sequence number, sorted */
static size_t nr_unknown, unknown_room;

/* Caches that were there at the mark, and how many objects of each the machine itself had then. */
struct marked_cache {
    const char *name;
    unsigned long active;
};
static struct marked_cache *mark_caches;
static size_t nr_caches, caches_room;
static bool report_quiet;
static bool report_problems_only;
static void (*report_seen)(const char *kind);

__attribute__((noinline)) void quarry_finding_break(void)
{
    __asm__ volatile(""); /* a place for a breakpoint that no compiler removes */
}

void finding_site(struct finding_site *site, const struct quarry_trace *trace, bool exact_top)
{
    struct frame frames[FRAMES_MAX];

    memset(site, 0, sizeof(*site));
    if (!trace)
        return;
    site->nr = symbols_trace(trace, exact_top, frames, FRAMES_MAX);
    if (site->nr > FINDING_FRAMES)
        site->nr = FINDING_FRAMES;
    memcpy(site->frame, frames, site->nr * sizeof(frames[0]));
}

/* ---- printing ---------------------------------------------------------------------------------- */

static const char *report_tint(const char *colour)
{
    return cli_colours(STDERR_FILENO) ? colour : "";
}

#define TINT_BAD report_tint("\033[1;31m")
#define TINT_GOOD report_tint("\033[1;32m")
#define TINT_OFF report_tint("\033[0m")

/* Frames one below the other, @label before the first. */
static void site_print(const char *label, const struct finding_site *site)
{
    size_t width = strlen(label) > 12 ? strlen(label) : 12;

    for (size_t i = 0; i < site->nr; i++) {
        char text[512];
        if (site->frame[i].header)
            continue; /* Quarry's own inline functions: the line below says what was called */
        cli_print("    %-*s %s\n", (int)width, label,
                  symbols_text(&site->frame[i], text, sizeof(text)));
        label = "";
    }
}

/* The lines of an explanation, indented as what belongs to the finding above. */
static void explanation_print(const char *text)
{
    while (text && *text) {
        size_t length = strcspn(text, "\n");
        cli_print("    %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void finding_print(const struct finding *finding)
{
    cli_say("%s%s%s%s%s%s: %s", finding->problem ? TINT_BAD : "", finding->kind, TINT_OFF,
            finding->rule ? " [" : "", finding->rule ? finding->rule : "", finding->rule ? "]" : "",
            finding->text);
    site_print("at", &finding->now);
    site_print(finding->before_is ? finding->before_is : "before", &finding->before);
    site_print(finding->also_is ? finding->also_is : "also", &finding->also);
    explanation_print(finding->explanation);
}

/* ---- collecting -------------------------------------------------------------------------------- */

static const char *kind_name(enum quarry_finding kind)
{
    static const char *const name[QUARRY_FINDING_KINDS] = {
        [QUARRY_BAD_REQUEST] = "bad request",
        [QUARRY_BAD_CONTEXT] = "bad context",
        [QUARRY_DOUBLE_FREE] = "double free",
        [QUARRY_BAD_FREE] = "bad free",
        [QUARRY_OVERRUN] = "overrun",
        [QUARRY_USE_AFTER_FREE] = "use after free",
        [QUARRY_LEAK] = "leak",
        [QUARRY_OUT_OF_MEMORY] = "out of memory",
        [QUARRY_CORRUPTION] = "corrupted machine",
    };

    return (unsigned int)kind < QUARRY_FINDING_KINDS ? name[kind] : "finding";
}

/* A number for a backtrace (FNV-1a over its addresses); never 0. */
static uint64_t trace_key(const struct quarry_trace *trace)
{
    uint64_t key = 0xcbf29ce484222325ull;

    for (unsigned int i = 0; i < trace->nr; i++)
        key = (key ^ (uintptr_t)trace->pc[i]) * 0x100000001b3ull;
    return key | 1;
}

/* The same kind of finding at the same place counts as one. */
static struct finding *finding_known(const struct finding *fresh)
{
    for (size_t i = 0; i < findings.nr; i++) {
        struct finding *old = &findings.finding[i];
        if (fresh->key && old->key == fresh->key && strcmp(old->kind, fresh->kind) == 0)
            return old;
    }
    return NULL;
}

/* Count, keep and print one; its sites are looked up only the first time. */
static void finding_take(struct finding *fresh, const char *text, const struct quarry_trace *now,
                         const struct quarry_trace *before, const struct quarry_trace *also)
{
    struct finding *known;

    if (report_problems_only && !fresh->problem)
        return;
    if (report_seen)
        report_seen(fresh->kind);
    pthread_mutex_lock(&findings_lock);
    fresh->key = now && now->nr ? trace_key(now) : 0;
    known = finding_known(fresh);
    if (known) {
        known->times++;
    } else {
        findings.finding =
            cli_grow(findings.finding, &findings.room, findings.nr + 1, sizeof(*findings.finding));
        known = &findings.finding[findings.nr++];
        *known = *fresh;
        known->times = 1;
        known->text = cli_copy(text);
        known->text[strcspn(known->text, "\n")] = '\0';
        finding_site(&known->now, now, false);
        finding_site(&known->before, before, false);
        finding_site(&known->also, also, false);
        if (known->problem || !report_quiet)
            finding_print(known);
    }
    pthread_mutex_unlock(&findings_lock);
    if (fresh->problem)
        quarry_finding_break();
}

/* quarry_report_fn: the core found something. */
static bool report_core(const struct quarry_report *report, void *data)
{
    struct finding fresh = {.kind = kind_name(report->kind),
                            .rule = report->rule,
                            .hidden = finding_hide((uintptr_t)report->address),
                            .size = report->size,
                            .before_is = report->before_is,
                            .also_is = report->also ? report->also_is : NULL,
                            .problem = report->kind != QUARRY_OUT_OF_MEMORY};

    fresh.cache = report->cache ? cli_copy(report->cache) : NULL;
    fresh.explanation = report->explanation ? cli_copy(report->explanation) : NULL;
    finding_take(&fresh, report->text ? report->text : "", report->now, report->before,
                 report->also);
    return false;
}

/* compat/linux found something. */
static bool report_compat(const struct qlx_finding *finding, void *data)
{
    struct finding fresh = {
        .kind = finding->what, .before_is = finding->before_is, .problem = true};

    finding_take(&fresh, finding->text, &finding->now, &finding->before, NULL);
    return false;
}

/* quarry_symbol_fn: names for the machine's own texts. */
static size_t report_symbol(const void *pc, struct quarry_symbol *symbols, size_t max, void *data)
{
    struct frame frames[FRAMES_MAX];
    size_t nr = symbols_frames(pc, true, frames, FRAMES_MAX), used = 0;

    for (size_t i = 0; i < nr && used < max; i++) {
        if (frames[i].header && i + 1 < nr)
            continue;
        symbols[used++] = (struct quarry_symbol){
            .function = strcmp(frames[i].function, "?") == 0 ? NULL : frames[i].function,
            .file = frames[i].file,
            .line = (unsigned int)frames[i].line,
            .module = frames[i].module,
        };
    }
    return used;
}

void report_scan(void)
{
    size_t room = 1 << 20;
    char *text;
    long nr = quarry_leak_scan(NULL, NULL);

    if (nr < 0) {
        cli_say("--leaks=scan needs --check 1 or more");
        return;
    }
    text = cli_alloc(room);
    quarry_text(QUARRY_KMEMLEAK, text, room);
    cli_say("after the command: %s%s", nr ? "nothing points to these any more\n" : "",
            nr ? text : "everything that is allocated can be reached");
    memset(text, 0, room); /* a root as well: it must not keep anything alive for the next scan */
    free(text);
}

void report_start(const struct run_options *options)
{
    report_quiet = options->quiet;
    quarry_set_report_hook(report_core, NULL);
    quarry_set_symbol_hook(report_symbol, NULL);
    qlx_set_finding_hook(report_compat, NULL);
}

void report_only_problems(void (*seen)(const char *kind))
{
    report_problems_only = true;
    report_seen = seen;
}

/* ---- leaks ------------------------------------------------------------------------------------- */

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

    return x < y ? -1 : x > y;
}

static bool mark_visit(const struct quarry_live *live, void *data)
{
    if (live->sequence)
        return true;
    mark_unknown = cli_grow(mark_unknown, &unknown_room, nr_unknown + 1, sizeof(*mark_unknown));
    mark_unknown[nr_unknown++] = live->address;
    return true;
}

static bool mark_cache(const struct quarry_cache_stat *stat, void *data)
{
    mark_caches = cli_grow(mark_caches, &caches_room, nr_caches + 1, sizeof(*mark_caches));
    mark_caches[nr_caches++] = (struct marked_cache){cli_copy(stat->name), stat->active};
    return true;
}

static const struct marked_cache *mark_find(const char *name)
{
    for (size_t i = 0; i < nr_caches; i++) {
        if (strcmp(mark_caches[i].name, name) == 0)
            return &mark_caches[i];
    }
    return NULL;
}

void report_mark(void)
{
    mark_sequence = quarry_sequence();
    quarry_for_each_cache(mark_cache, NULL);
    quarry_for_each_live(mark_visit, NULL);
    if (nr_unknown)
        qsort(mark_unknown, nr_unknown, sizeof(*mark_unknown), compare_pointers);
}

static const char *live_name(enum quarry_live_kind kind)
{
    switch (kind) {
    case QUARRY_LIVE_OBJECT:
        return "object";
    case QUARRY_LIVE_PAGES:
        return "page block";
    case QUARRY_LIVE_VMALLOC:
        return "vmalloc area";
    case QUARRY_LIVE_PERCPU:
        return "per-CPU allocation";
    case QUARRY_LIVE_DMA:
        return "DMA mapping";
    }
    return "allocation";
}

/* What stands between the kind and the name: a cache's, or the call's that made a mapping. */
static const char *leak_joint(const struct leak *leak)
{
    return leak->what == live_name(QUARRY_LIVE_DMA) ? " of " : " of cache ";
}

static bool leak_same(const struct leak *leak, const struct quarry_live *live)
{
    return leak->what == live_name(live->kind) &&
           strcmp(leak->cache ? leak->cache : "", live->cache ? live->cache : "") == 0 &&
           leak->trace.nr == live->allocated.nr &&
           memcmp(leak->trace.pc, live->allocated.pc, leak->trace.nr * sizeof(leak->trace.pc[0])) ==
               0;
}

static bool leak_visit(const struct quarry_live *live, void *data)
{
    struct leak *leak = NULL;

    if (live->kind == QUARRY_LIVE_PAGES && start_holds(live->address))
        return true;
    if (live->sequence ? live->sequence < mark_sequence
                       : nr_unknown && bsearch(&live->address, mark_unknown, nr_unknown,
                                               sizeof(*mark_unknown), compare_pointers) != NULL)
        return true;
    for (size_t i = findings.nr_leaks; i-- > 0 && !leak;) {
        if (leak_same(&findings.leak[i], live))
            leak = &findings.leak[i];
    }
    if (!leak) {
        findings.leak = cli_grow(findings.leak, &findings.leak_room, findings.nr_leaks + 1,
                                 sizeof(*findings.leak));
        leak = &findings.leak[findings.nr_leaks++];
        memset(leak, 0, sizeof(*leak));
        leak->what = live_name(live->kind);
        leak->cache = live->cache ? cli_copy(live->cache) : NULL;
        leak->trace = live->allocated;
        leak->hidden_example = finding_hide((uintptr_t)live->address);
    }
    leak->nr++;
    leak->lost += live->lost;
    leak->bytes += live->size;
    findings.leaked_objects++;
    findings.leaked_bytes += live->size;
    return true;
}

static int leak_compare(const void *a, const void *b)
{
    const struct leak *x = a, *y = b;

    return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

static bool left_visit(const struct qlx_left *left, void *data)
{
    struct finding fresh = {.kind = "left registered",
                            .before_is = "registered by",
                            .hidden = finding_hide((uintptr_t)left->object),
                            .problem = true};
    char text[256];

    if (left->kind == QLX_LEFT_FILE)
        return true;
    snprintf(text, sizeof(text), "%s%s%s is still there after the module's exit: %s is missing",
             left->kind_name, left->name[0] ? " " : "", left->name, left->undo);
    finding_take(&fresh, text, NULL, &left->where, NULL);
    return true;
}

void report_note(const char *kind, const char *text)
{
    struct finding fresh = {.kind = kind, .problem = true};

    finding_take(&fresh, text, NULL, NULL, NULL);
}

struct in_use {
    const char *module;
    int holders;
};

static bool in_use_visit(const struct qlx_left *left, void *data)
{
    struct in_use *use = data;
    struct finding fresh = {.kind = "module in use",
                            .before_is = "taken by",
                            .hidden = finding_hide((uintptr_t)left->object),
                            .problem = true};
    char text[256];

    if (left->kind != QLX_LEFT_MODULE || strcmp(left->name, use->module) != 0)
        return true;
    snprintf(
        text, sizeof(text),
        "module %s cannot be unloaded: a reference to it was taken and module_put() is missing",
        use->module);
    finding_take(&fresh, text, NULL, &left->where, NULL);
    use->holders--;
    return true;
}

void report_in_use(const char *module, int holders)
{
    struct in_use use = {module, holders};
    struct finding fresh = {.kind = "module in use", .problem = true};
    char text[256];

    qlx_for_each_left(in_use_visit, &use);
    if (use.holders <= 0)
        return;
    snprintf(text, sizeof(text), "module %s cannot be unloaded: %d open files or modules hold it",
             module, use.holders);
    finding_take(&fresh, text, NULL, NULL, NULL);
}

/* A cache that was not there at the mark. */
static bool left_cache(const struct quarry_cache_stat *stat, void *data)
{
    struct finding fresh = {.kind = "left registered", .before_is = "made by", .problem = true};
    struct finding_site site;
    char text[256];
    bool module = stat->created.nr == 0; /* unknown: the machine itself makes none later */

    if (mark_find(stat->name))
        return true;
    finding_site(&site, &stat->created, false);
    for (size_t i = 0; i < site.nr; i++)
        module |= site.frame[i].where == FRAME_MODULE;
    if (!module)
        return true;
    fresh.cache = cli_copy(stat->name);
    snprintf(text, sizeof(text), "cache %s is still there after the module's exit: %s is missing",
             stat->name, stat->undo);
    finding_take(&fresh, text, NULL, &stat->created, NULL);
    return true;
}

void report_collect_leaks(void)
{
    if (qlx_oopses() == 0 && !report_problems_only) /* who crashed may hold locks a scan needs */
        findings.scanned = quarry_leak_scan(NULL, NULL) >= 0;
    findings.nr_leaks = 0;
    findings.leaked_bytes = findings.leaked_objects = 0;
    quarry_for_each_live(leak_visit, NULL);
    if (findings.nr_leaks)
        qsort(findings.leak, findings.nr_leaks, sizeof(*findings.leak), leak_compare);
    for (size_t i = 0; i < findings.nr_leaks; i++)
        finding_site(&findings.leak[i].site, &findings.leak[i].trace, false);
    if (qlx_oopses() == 0) {
        qlx_for_each_left(left_visit, NULL);
        quarry_for_each_cache(left_cache, NULL);
    }
}

/* ---- peaks ------------------------------------------------------------------------------------- */

static bool peak_visit(const struct quarry_cache_stat *stat, void *data)
{
    const struct marked_cache *mark = mark_find(stat->name);
    unsigned long objects = stat->peak - (mark ? mark->active : 0);
    struct cache_peak *peak = NULL;

    if (mark && stat->peak <= mark->active)
        return true;
    if (!objects)
        return true;
    for (size_t i = 0; i < findings.nr_peaks && !peak; i++) {
        if (strcmp(findings.peak[i].name, stat->name) == 0)
            peak = &findings.peak[i];
    }
    if (!peak) {
        findings.peak = cli_grow(findings.peak, &findings.peak_room, findings.nr_peaks + 1,
                                 sizeof(*findings.peak));
        peak = &findings.peak[findings.nr_peaks++];
        memset(peak, 0, sizeof(*peak));
        peak->name = cli_copy(stat->name);
    }
    peak->object_size = stat->object_size;
    if (objects > peak->objects)
        peak->objects = objects;
    peak->bytes = (uint64_t)peak->objects * stat->object_size;
    return true;
}

void report_sample(void)
{
    quarry_for_each_cache(peak_visit, NULL);
    if (!start_held() && quarry_peak_bytes() > findings.peak_bytes && !findings.peak_unknown)
        findings.peak_bytes = quarry_peak_bytes();
    findings.peak_unknown |= start_held() != 0; /* the peak is that of --start, from then on */
}

/* ---- crashes ----------------------------------------------------------------------------------- */

static const struct qlx_oops *crash_oops;
static sem_t crash_done;

static void *crash_thread(void *unused)
{
    const struct qlx_oops *oops = crash_oops;
    struct finding fresh = {
        .kind = "crash", .hidden = finding_hide((uintptr_t)oops->address), .problem = true};
    struct quarry_trace trace = oops->trace;
    const struct frame *site;
    char text[768], where[512];

    unwind_signal(oops->context, &trace);
    if (oops->pc && (trace.nr == 0 || trace.pc[0] != oops->pc)) {
        if (trace.nr == QUARRY_TRACE_MAX)
            trace.nr--;
        memmove(trace.pc + 1, trace.pc, trace.nr * sizeof(trace.pc[0]));
        trace.pc[0] = oops->pc;
        trace.nr++;
    }
    finding_site(&fresh.now, &trace, true);
    site = symbols_site(fresh.now.frame, fresh.now.nr);
    snprintf(text, sizeof(text), "%s%s in %s", oops->what,
             oops->signal == 11 && (uintptr_t)oops->address < 4096 ? " (a NULL pointer was used)"
                                                                   : "",
             site ? symbols_text(site, where, sizeof(where)) : "unknown code");
    if ((oops->signal == 11 || oops->signal == 7) && oops->address) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, ", address %p", oops->address);
    }
    pthread_mutex_lock(&findings_lock);
    findings.finding =
        cli_grow(findings.finding, &findings.room, findings.nr + 1, sizeof(*findings.finding));
    fresh.text = cli_copy(text);
    fresh.times = 1;
    findings.finding[findings.nr++] = fresh;
    finding_print(&fresh);
    pthread_mutex_unlock(&findings_lock);
    sem_post(&crash_done);
    return NULL;
}

void report_crash(const struct qlx_oops *oops)
{
    struct timespec deadline;
    pthread_t thread;

    crash_oops = oops;
    sem_init(&crash_done, 0, 0);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    if (pthread_create(&thread, NULL, crash_thread, NULL) == 0) {
        while (sem_timedwait(&crash_done, &deadline) != 0) {
            if (errno == EINTR)
                continue;
            cli_say("crash: %s at %p (the full report hangs; addresses follow)", oops->what,
                    oops->pc);
            for (unsigned int i = 0; i < oops->trace.nr && i < QUARRY_TRACE_MAX; i++)
                cli_print("    %p\n", oops->trace.pc[i]);
            break;
        }
    }
    quarry_finding_break();
}

/* ---- the end ----------------------------------------------------------------------------------- */

static size_t report_misuses(void)
{
    size_t nr = 0;

    for (size_t i = 0; i < findings.nr; i++)
        nr += findings.finding[i].problem;
    return nr;
}

size_t report_problems(void)
{
    return report_misuses() + findings.leaked_objects;
}

static void report_print_peaks(void)
{
    char bytes[48];

    if (!findings.peak_unknown)
        cli_say("at most %s in use", cli_bytes(bytes, sizeof(bytes), findings.peak_bytes));
    if (findings.nr_peaks)
        cli_print("    %-24s %10s %12s %14s\n", "cache", "object", "at peak", "bytes at peak");
    for (size_t i = 0; i < findings.nr_peaks; i++) {
        const struct cache_peak *peak = &findings.peak[i];
        cli_print("    %-24s %10zu %12lu %14llu\n", peak->name, peak->object_size, peak->objects,
                  (unsigned long long)peak->bytes);
    }
}

/* What the scan says of them. */
static const char *leak_state(const struct leak *leak, char *buffer, size_t size)
{
    if (!findings.scanned)
        return "";
    if (leak->lost && leak->lost < leak->nr)
        snprintf(buffer, size, ", %lu of them lost", leak->lost);
    else
        snprintf(buffer, size, "%s",
                 leak->lost ? ", lost: no pointer leads there" : ", still reachable at exit");
    return buffer;
}

static void leak_print(const struct leak *leak, const char *kind)
{
    char count[48], text[512], state[64];
    const struct frame *site = symbols_site(leak->site.frame, leak->site.nr);

    cli_say("%s%s%s: %s%s%s, %llu bytes%s, allocated in %s%s", TINT_BAD, kind, TINT_OFF,
            cli_count(count, sizeof(count), leak->nr, leak->what),
            leak->cache ? leak_joint(leak) : "", leak->cache ? leak->cache : "",
            (unsigned long long)leak->bytes, leak->nr > 1 ? " together" : "",
            site ? symbols_text(site, text, sizeof(text))
                 : "an unknown place (owner tracking is off)",
            leak_state(leak, state, sizeof(state)));
    site_print("allocated by", &leak->site);
}

void report_print(const struct report_run *run)
{
    bool crashed = qlx_oopses() > 0;
    size_t misuses = report_misuses(), shown = findings.nr_leaks < 40 ? findings.nr_leaks : 40;
    char leaks[48], bytes[48], other[48];

    if (!report_quiet && run->loaded)
        report_print_peaks();
    for (size_t i = 0; i < findings.nr; i++) {
        if (findings.finding[i].problem && findings.finding[i].times > 1)
            cli_say("%s happened %lu times: %s", findings.finding[i].kind,
                    findings.finding[i].times, findings.finding[i].text);
    }
    for (size_t i = 0; i < shown; i++)
        leak_print(&findings.leak[i], crashed ? "held at the crash" : "leak");
    if (findings.nr_leaks > shown)
        cli_say("… and leaks from %zu more places (--json lists all)", findings.nr_leaks - shown);
    if (run->command_status)
        cli_say("the command ended with status %d", run->command_status);
    if (findings.leaked_objects)
        snprintf(bytes, sizeof(bytes), " (%llu bytes)", (unsigned long long)findings.leaked_bytes);
    else
        bytes[0] = '\0';
    cli_say(
        "%s%s%s%s, %s%s%s", report_problems() ? TINT_BAD : TINT_GOOD,
        cli_count(leaks, sizeof(leaks), findings.leaked_objects, crashed ? "allocation" : "leak"),
        crashed ? " held at the crash" : "", bytes, misuses ? "" : "no ",
        misuses ? cli_count(other, sizeof(other), misuses, "other finding") : "other findings",
        TINT_OFF);
}
