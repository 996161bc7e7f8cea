/* SPDX-License-Identifier: MIT */
/* Which request is this? Sites, numbers, and the decision whether one fails.
 *
 * Problem. A request must be named so that the next run finds the same one: "the 17th of all" shifts
 * whenever a timer or a second thread allocates in between.
 *
 * Idea. The machine asks a hook before each request (quarry_set_fault_hook). The hook walks up the stack
 * to the first address in a module: that call instruction belongs to a source line, and the request is
 * the nth of this line. What other lines do, in whatever order, changes no number. Lines are looked up
 * in the debugging information once for each instruction, by the learning run for all later ones: they
 * all load the same file.
 *
 * A request made by Quarry's own code on the way to serve another one (a page for a new slab, the page
 * array of an area) is not the driver's: of a call whose first request went to an object cache, those
 * for pages are passed over; of one whose first went to vmalloc, all others. (Falling back from kmalloc
 * to vmalloc, as kvmalloc does, is two requests.)
 *
 * Locks. `hook_lock`, taken without any other; the symbol lock and libc's are taken inside. */
#include "sweep.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include <quarry/gfp.h>
#include "linux/runtime.h"

#define HOOK_MODULES 64
#define HOOK_FRAMES 96

static pthread_mutex_t hook_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sweep_map *hook_map;
static struct sweep_job hook_job;
static const struct sweep_aim *hook_aim;
static struct sweep_outcome *hook_out;
static bool hook_armed, hook_triggered;
static unsigned long hook_count[SWEEP_SITES];
static struct {
    uintptr_t from, to;
} hook_module[HOOK_MODULES];
static unsigned int nr_hook_modules;

/* ---- aims -------------------------------------------------------------------------------------- */

bool sweep_file_is(const char *file, const char *name)
{
    size_t length = strlen(file), want = strlen(name);

    return length >= want && strcmp(file + length - want, name) == 0 &&
           (length == want || file[length - want - 1] == '/');
}

static bool aim_cache_is(const char *pattern, const char *cache)
{
    size_t length = strlen(pattern);

    if (length && pattern[length - 1] == '*')
        return strncmp(pattern, cache, length - 1) == 0;
    return strcmp(pattern, cache) == 0;
}

bool sweep_aim_matches(const struct sweep_aim *aim, const struct sweep_site *site, gfp_t gfp,
                       size_t size, const char *cache)
{
    return (!aim->file || sweep_file_is(site->file, aim->file)) &&
           (!aim->function || strcmp(aim->function, site->function) == 0) &&
           (!aim->cache || (cache && aim_cache_is(aim->cache, cache))) && size >= aim->size_from &&
           (!aim->size_to || size <= aim->size_to) && (gfp & aim->flags) == aim->flags;
}

static const struct {
    const char *name;
    gfp_t flags;
} flag_table[] = {
    {"GFP_KERNEL", GFP_KERNEL},
    {"GFP_ATOMIC", GFP_ATOMIC},
    {"GFP_NOWAIT", GFP_NOWAIT},
    {"GFP_NOIO", GFP_NOIO},
    {"GFP_NOFS", GFP_NOFS},
    {"GFP_USER", GFP_USER},
    {"GFP_HIGHUSER", GFP_HIGHUSER},
    {"GFP_DMA", GFP_DMA},
    {"GFP_DMA32", GFP_DMA32},
    {"GFP_KERNEL_ACCOUNT", GFP_KERNEL_ACCOUNT},
    {"__GFP_DMA", __GFP_DMA},
    {"__GFP_DMA32", __GFP_DMA32},
    {"__GFP_HIGHMEM", __GFP_HIGHMEM},
    {"__GFP_MOVABLE", __GFP_MOVABLE},
    {"__GFP_RECLAIMABLE", __GFP_RECLAIMABLE},
    {"__GFP_HIGH", __GFP_HIGH},
    {"__GFP_IO", __GFP_IO},
    {"__GFP_FS", __GFP_FS},
    {"__GFP_ZERO", __GFP_ZERO},
    {"__GFP_DIRECT_RECLAIM", __GFP_DIRECT_RECLAIM},
    {"__GFP_KSWAPD_RECLAIM", __GFP_KSWAPD_RECLAIM},
    {"__GFP_NOWARN", __GFP_NOWARN},
    {"__GFP_RETRY_MAYFAIL", __GFP_RETRY_MAYFAIL},
    {"__GFP_NOFAIL", __GFP_NOFAIL},
    {"__GFP_NORETRY", __GFP_NORETRY},
    {"__GFP_MEMALLOC", __GFP_MEMALLOC},
    {"__GFP_COMP", __GFP_COMP},
    {"__GFP_NOMEMALLOC", __GFP_NOMEMALLOC},
    {"__GFP_HARDWALL", __GFP_HARDWALL},
    {"__GFP_THISNODE", __GFP_THISNODE},
    {"__GFP_ACCOUNT", __GFP_ACCOUNT},
};

bool sweep_flags(const char *text, gfp_t *flags, const char **word, size_t *length)
{
    *flags = 0;
    for (;;) {
        bool known = false;
        *word = text;
        *length = strcspn(text, "|,+");
        for (size_t i = 0; i < sizeof(flag_table) / sizeof(flag_table[0]); i++) {
            if (strlen(flag_table[i].name) == *length &&
                strncmp(flag_table[i].name, text, *length) == 0) {
                *flags |= flag_table[i].flags;
                known = true;
            }
        }
        if (!known)
            return false;
        text += *length;
        if (!*text)
            return true;
        text++;
    }
}

/* ---- who asks ---------------------------------------------------------------------------------- */

struct hook_walk {
    unsigned int seen, module;
    uintptr_t inner, pc; /* the frame below the module's, and the module's */
};

static _Unwind_Reason_Code hook_frame(struct _Unwind_Context *context, void *data)
{
    struct hook_walk *walk = data;
    uintptr_t pc = _Unwind_GetIP(context);

    if (!pc || ++walk->seen > HOOK_FRAMES)
        return _URC_END_OF_STACK;
    for (unsigned int i = 0; i < nr_hook_modules; i++) {
        if (pc - 1 >= hook_module[i].from && pc - 1 < hook_module[i].to) {
            walk->module = i;
            walk->pc = pc;
            return _URC_END_OF_STACK;
        }
    }
    walk->inner = pc;
    return _URC_NO_REASON;
}

struct hook_macro {
    const char *text; /* what the driver calls */
    size_t length;
    bool any; /* what is behind it bears a name of ours: an inline function will do as well */
    bool known;
};

static bool hook_is_macro(const struct qlx_symbol *symbol, void *data)
{
    struct hook_macro *macro = data;

    macro->known = (macro->any || strcmp(symbol->kind, "macro") == 0) &&
                   strlen(symbol->name) == macro->length &&
                   strncmp(symbol->name, macro->text, macro->length) == 0;
    return !macro->known;
}

/* Debugging information knows nothing of macros: "kmem_cache_create" has become another function. If the
 * line does not call @callee, but one macro of Quarry's headers, that is what its author calls it. */
static void hook_as_written(struct sweep_site *site, const char *callee)
{
    char *text = cli_read_file(site->file, NULL), *line = text;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    struct hook_macro found = {0};
    size_t nr = 0, size = strlen(callee);
    bool ours = strncmp(callee, "quarry_", 7) == 0;

    snprintf(site->call, sizeof(site->call), "%s", callee);
    for (int i = 1; line && i < site->line; i++) {
        line = strchr(line, '\n');
        line += line != NULL;
    }
    while (line && *line && *line != '\n') {
        struct hook_macro word = {line, strspn(line, letters), ours, false};
        line += word.length ? word.length : 1;
        if (!word.length || line[strspn(line, " ")] != '(')
            continue;
        if (word.length == size && strncmp(word.text, callee, size) == 0)
            nr = 2; /* it says so itself */
        qlx_for_each_symbol(hook_is_macro, &word);
        nr += word.known;
        if (word.known)
            found = word;
    }
    if (nr == 1)
        snprintf(site->call, sizeof(site->call), "%.*s", (int)found.length, found.text);
    free(text);
}

/* What the module calls: the outermost of Quarry's inline functions at the line, or the function behind
 * the call. */
static const char *hook_callee(const struct hook_walk *walk, const struct frame *frames, size_t at)
{
    Dl_info info;

    if (at > 0)
        return frames[at - 1].function;
    if (walk->inner && dladdr((const void *)(walk->inner - 1), &info) && info.dli_sname)
        return info.dli_sname;
    return "?";
}

static unsigned int hook_site(const struct hook_walk *walk)
{
    struct frame frames[FRAMES_MAX];
    size_t nr = symbols_frames((const void *)walk->pc, true, frames, FRAMES_MAX), at = 0;
    const char *file;
    struct sweep_site *site;

    while (at + 1 < nr && frames[at].header)
        at++;
    file = frames[at].file ? frames[at].file : "?";
    for (unsigned int i = 0; i < hook_map->nr_sites; i++) {
        site = &hook_map->site[i];
        if (site->line == frames[at].line && strncmp(site->file, file, sizeof(site->file) - 1) == 0)
            return i;
    }
    if (hook_map->nr_sites == SWEEP_SITES) {
        hook_map->full = true;
        return SWEEP_SITES;
    }
    site = &hook_map->site[hook_map->nr_sites];
    snprintf(site->file, sizeof(site->file), "%s", file);
    snprintf(site->function, sizeof(site->function), "%s", frames[at].function);
    site->line = frames[at].line;
    hook_as_written(site, hook_callee(walk, frames, at));
    return hook_map->nr_sites++;
}

/* The call instruction; made known if it is new. NULL: there is no room. */
static struct sweep_call *hook_call(const struct hook_walk *walk, enum quarry_fault_point point)
{
    uintptr_t offset = walk->pc - hook_module[walk->module].from;
    struct sweep_call *call;
    unsigned int site;

    for (unsigned int i = 0; i < hook_map->nr_calls; i++) {
        call = &hook_map->call[i];
        if (call->offset == offset && call->module == walk->module)
            return call;
    }
    if (hook_map->nr_calls == SWEEP_CALLS) {
        hook_map->full = true;
        return NULL;
    }
    site = hook_site(walk);
    if (site == SWEEP_SITES)
        return NULL;
    call = &hook_map->call[hook_map->nr_calls++];
    *call = (struct sweep_call){walk->module, offset, site, point};
    return call;
}

/* Made by Quarry itself to serve another request of the same call. */
static bool hook_is_inner(const struct sweep_call *call, enum quarry_fault_point point)
{
    if (call->first == QUARRY_FAILSLAB)
        return point == QUARRY_FAIL_PAGE_ALLOC;
    return call->first == QUARRY_FAIL_VMALLOC && point != QUARRY_FAIL_VMALLOC;
}

static void hook_learn(const struct sweep_call *call, unsigned long nth,
                       const struct quarry_fault_request *asked)
{
    struct sweep_request *request;

    if (hook_map->nr_requests == SWEEP_REQUESTS) {
        hook_map->lost++;
        return;
    }
    request = &hook_map->request[hook_map->nr_requests++];
    *request = (struct sweep_request){.site = call->site,
                                      .nth = nth,
                                      .phase = hook_out->phase,
                                      .point = asked->point,
                                      .gfp = asked->gfp,
                                      .size = asked->size};
    snprintf(request->cache, sizeof(request->cache), "%s", asked->cache ? asked->cache : "");
    snprintf(request->rule, sizeof(request->rule), "%s", asked->rule ? asked->rule : "");
}

static bool hook_decide(const struct sweep_call *call, unsigned long nth,
                        const struct quarry_fault_request *asked)
{
    bool here = call->site == hook_job.site && nth == hook_job.nth;

    if (hook_job.mode == SWEEP_LEARN)
        return false;
    if (hook_job.mode == SWEEP_ONCE)
        return here && !asked->rule;
    hook_triggered |= here;
    return hook_triggered && !asked->rule &&
           (here || sweep_aim_matches(hook_aim, &hook_map->site[call->site], asked->gfp,
                                      asked->size, asked->cache));
}

static bool hook_asked(const struct quarry_fault_request *asked, void *data)
{
    struct hook_walk walk = {0};
    struct sweep_call *call;
    bool fails = false;

    if (!__atomic_load_n(&hook_armed, __ATOMIC_RELAXED) || asked->point == QUARRY_FAIL_USERCOPY)
        return false; /* a copy is no request for memory */
    _Unwind_Backtrace(hook_frame, &walk);
    if (!walk.pc)
        return false; /* the machine's own, or the runtime's in nobody's name */
    pthread_mutex_lock(&hook_lock);
    call = hook_call(&walk, asked->point);
    if (call && !hook_is_inner(call, asked->point)) {
        unsigned long nth = ++hook_count[call->site];
        if (hook_job.mode == SWEEP_LEARN)
            hook_learn(call, nth, asked);
        fails = hook_decide(call, nth, asked);
        if (fails)
            __atomic_fetch_add(&hook_out->injected, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&hook_lock);
    return fails;
}

void sweep_hook_module(unsigned int module, const void *from, const void *to)
{
    if (module >= HOOK_MODULES)
        return;
    hook_module[module].from = (uintptr_t)from;
    hook_module[module].to = (uintptr_t)to;
    nr_hook_modules = module + 1;
}

void sweep_hook_prepare(struct sweep_map *map, const struct sweep_job *job,
                        const struct sweep_aim *aim, struct sweep_outcome *out)
{
    hook_map = map;
    hook_job = *job;
    hook_aim = aim;
    hook_out = out;
}

void sweep_hook_start(void)
{
    quarry_set_fault_hook(hook_asked, NULL);
}

void sweep_hook_arm(bool on)
{
    __atomic_store_n(&hook_armed, on, __ATOMIC_RELAXED);
}

unsigned long sweep_hook_injected(void)
{
    return __atomic_load_n(&hook_out->injected, __ATOMIC_RELAXED);
}
