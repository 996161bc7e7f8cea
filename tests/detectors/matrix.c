/* SPDX-License-Identifier: MIT */
/* The corruption matrix: plants each fault on a machine of its own at each level, and says who noticed, and
 * how soon. tools/matrix.sh makes the table of docs/detectors.md of it.
 *
 *     matrix [LEVEL]...    no level: all (built with -fsanitize=address: asan)
 *
 * prints lines of fault, victim, bytes, level and finding, with tabs between. After the fault the program
 * does what programs do: it frees the object, asks for others of its kind, and gives back what is cached;
 * then quarry_check_all() walks everything. The first report counts, with the step in which it came. In a
 * second run the walk comes right after the fault. Each run is a child process: some faults end it, and
 * that is a finding, too. */
#define _GNU_SOURCE
#include <quarry/quarry.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum step { SETUP, FAULT, FREE, REUSE, FLUSH, CHECK, STEPS };
static const char *const step_name[STEPS] = {"setup", "now", "free", "reuse", "flush", "check"};

static const struct {
    const char *name, *options;
} level[] = {
    {"none", "check=0"},
    {"check=1", "check=1"},
    {"check=2", "check=2"},
    {"check=3", "check=3"},
    {"slab_debug=Z", "check=0 slab_debug=Z"},
    {"slab_debug=FZP", "check=0 slab_debug=FZP"},
    {"slab_debug=FZPU", "check=0 slab_debug=FZPU"},
    {"kfence.every=1", "check=0 kfence.every=1"},
    {"page_poison=1", "check=0 page_poison=1"},
    {"init_on_free=1", "check=0 init_on_free=1"},
    {"vmalloc_cache=0", "check=0 vmalloc_cache=0"},
};
#define LEVELS (sizeof(level) / sizeof(level[0]))

/* What a run leaves for its parent. */
static struct note {
    enum step step, found_at;
    bool found;
    enum quarry_finding kind;
} * note;

/* ---- things --------------------------------------------------------------------------------- */

enum kind { KMALLOC_64, KMALLOC_100, CACHE_72, PAGE, VMALLOC, KINDS };
static const char *const kind_name[KINDS] = {"kmalloc(64)", "kmalloc(100)", "cache of 72 bytes",
                                             "page", "vmalloc(8192)"};
static const size_t kind_size[KINDS] = {64, 100, 72, PAGE_SIZE, 8192};
static struct kmem_cache *cache, *other_cache;

static char *thing_new(enum kind kind)
{
    switch (kind) {
    case CACHE_72:
        return kmem_cache_alloc(cache, GFP_KERNEL);
    case PAGE:
        return (char *)__get_free_page(GFP_KERNEL);
    case VMALLOC:
        return vmalloc(kind_size[kind]);
    default:
        return kmalloc(kind_size[kind], GFP_KERNEL);
    }
}

static void thing_free(enum kind kind, char *thing)
{
    switch (kind) {
    case CACHE_72:
        kmem_cache_free(cache, thing);
        break;
    case PAGE:
        free_page((unsigned long)thing);
        break;
    case VMALLOC:
        vfree(thing);
        break;
    default:
        kfree(thing);
        break;
    }
}

#define THINGS 12
static char *thing[THINGS];
static unsigned int victim;

/* Several side by side; the victim has neighbours on both sides, if any of them has. */
static void things_make(enum kind kind)
{
    for (unsigned int i = 0; i < THINGS; i++) {
        thing[i] = thing_new(kind);
        memset(thing[i], 0x11, kind_size[kind]);
    }
    for (unsigned int i = 0; i < THINGS; i++) {
        unsigned int beside = 0;
        for (unsigned int j = 0; j < THINGS; j++) {
            long distance = thing[j] - thing[i];
            if (distance == (long)PAGE_SIZE || distance == -(long)PAGE_SIZE ||
                (kind != PAGE && distance && distance < 256 && distance > -256))
                beside++;
        }
        if (beside >= 2)
            victim = i;
    }
}

/* ---- faults --------------------------------------------------------------------------------- */

enum what {
    OVER_RIGHT,
    OVER_LEFT,
    AFTER_FREE,
    AFTER_FREE_LATER,
    TWICE,
    TWICE_LATER,
    WRONG_CACHE,
    WRONG_CALL,
    MIDDLE,
    BITMAP,
    LINKS,
    DESCRIPTOR
};

struct fault {
    enum what what;
    enum kind kind;
    unsigned int bytes;
};
static const char *const what_name[] = {[OVER_RIGHT] = "write behind its end",
                                        [OVER_LEFT] = "write before its beginning",
                                        [AFTER_FREE] = "write after free",
                                        [AFTER_FREE_LATER] =
                                            "write after free, another freed since",
                                        [TWICE] = "freed twice",
                                        [TWICE_LATER] = "freed twice, another in between",
                                        [WRONG_CACHE] = "freed to another cache",
                                        [WRONG_CALL] = "freed by another allocator's call",
                                        [MIDDLE] = "a pointer into it freed",
                                        [BITMAP] = "free bits of its slab overwritten",
                                        [LINKS] = "list links overwritten while free",
                                        [DESCRIPTOR] = "page descriptor overwritten"};

/* Whether the object is freed before, or by, the fault. */
static bool fault_frees(enum what what)
{
    return what == AFTER_FREE || what == AFTER_FREE_LATER || what == TWICE || what == TWICE_LATER ||
           what == LINKS;
}

static void fault_prepare(const struct fault *fault)
{
    if (!fault_frees(fault->what))
        return;
    thing_free(fault->kind, thing[victim]);
    if (fault->what == AFTER_FREE_LATER || fault->what == TWICE_LATER)
        thing_free(fault->kind, thing[(victim + 2) % THINGS]);
    if (fault->what == LINKS) /* what is cached is on no free list */
        drain_all_pages();
}

/* Compilers know that this is wrong, and would leave it out or complain. */
static char *hidden(char *address)
{
    char *volatile kept = address;
    return kept;
}

static void fault_plant(const struct fault *fault)
{
    char *at = hidden(thing[victim]);
    size_t size = kind_size[fault->kind];

    switch (fault->what) {
    case OVER_RIGHT:
        for (unsigned int i = 0; i < fault->bytes; i++)
            at[size + i] = 0x77;
        break;
    case OVER_LEFT:
        for (unsigned int i = 1; i <= fault->bytes; i++)
            at[-(long)i] = 0x77;
        break;
    case AFTER_FREE:
    case AFTER_FREE_LATER:
        memset(at + size / 2, 0x77, 8);
        break;
    case TWICE:
    case TWICE_LATER:
        thing_free(fault->kind, at);
        break;
    case WRONG_CACHE:
        kmem_cache_free(other_cache, at);
        break;
    case WRONG_CALL:
        if (fault->kind == VMALLOC || fault->kind == PAGE)
            kfree(at);
        else
            vfree(at);
        break;
    case MIDDLE:
        thing_free(fault->kind, at + (fault->kind == VMALLOC ? PAGE_SIZE : 8));
        break;
    case BITMAP:
        virt_to_head_page(at)->quarry_slab.free_bits ^= 0xffff;
        break;
    case LINKS:
        virt_to_page(at)->quarry_free.next ^= 0x5555;
        break;
    case DESCRIPTOR:
        memset(virt_to_page(at), 0xa5, sizeof(struct page));
        break;
    }
}

/* ---- a run ---------------------------------------------------------------------------------- */

static bool run_heard(const struct quarry_report *report, void *data)
{
    (void)data;
    if (report->kind != QUARRY_OUT_OF_MEMORY && !note->found) {
        note->found = true;
        note->found_at = note->step;
        note->kind = report->kind;
    }
    return false;
}

/* Until there is none: whatever is cached goes back. */
static void memory_short(void)
{
    unsigned long *chain = NULL, *page;

    while ((page = (void *)__get_free_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)) != NULL) {
        page[0] = (unsigned long)chain;
        chain = page;
    }
    while (chain) {
        page = chain;
        chain = (unsigned long *)page[0];
        free_page((unsigned long)page);
    }
}

static void run_steps(const struct fault *fault)
{
    unsigned int later = (victim + 2) % THINGS;
    char *more[200];

    note->step = FREE;
    for (unsigned int i = 0; i < THINGS; i++) {
        bool freed = fault_frees(fault->what) || (i == victim && fault->what == WRONG_CALL) ||
                     (i == victim && fault->what == WRONG_CACHE);
        if ((i == victim && freed) ||
            (i == later && (fault->what == AFTER_FREE_LATER || fault->what == TWICE_LATER)))
            continue;
        if (i == victim || !fault_frees(fault->what))
            thing_free(fault->kind, thing[i]);
    }
    note->step = REUSE;
    for (unsigned int i = 0; i < 200; i++)
        more[i] = thing_new(fault->kind);
    for (unsigned int i = 0; i < 200; i++) {
        if (more[i])
            thing_free(fault->kind, more[i]);
    }
    note->step = FLUSH;
    kmem_cache_shrink(cache);
    drain_all_pages();
    memory_short();
}

static void run_child(const struct fault *fault, const char *options, bool check_at_once)
{
    struct quarry_machine machine = {.ram_bytes = 8 << 20, .options = options};

    quarry_set_report_hook(run_heard, NULL);
    if (quarry_boot(&machine) != 0)
        _exit(2);
    cache = kmem_cache_create("victims", 72, 0, SLAB_NO_MERGE, NULL);
    other_cache = kmem_cache_create("others", 72, 0, SLAB_NO_MERGE, NULL);
    kmem_cache_free(other_cache, kmem_cache_alloc(other_cache, GFP_KERNEL));
    things_make(fault->kind);
    fault_prepare(fault);
    if (note->found)
        _exit(3);
    note->step = FAULT;
    fault_plant(fault);
    if (!check_at_once)
        run_steps(fault);
    note->step = CHECK;
    quarry_check_all();
    _exit(0);
}

static void run_say(char *text, size_t size, int status)
{
    static const char *const kind[QUARRY_FINDING_KINDS] = {[QUARRY_BAD_REQUEST] = "bad request",
                                                           [QUARRY_BAD_CONTEXT] = "context",
                                                           [QUARRY_DOUBLE_FREE] = "double free",
                                                           [QUARRY_BAD_FREE] = "bad free",
                                                           [QUARRY_OVERRUN] = "overrun",
                                                           [QUARRY_USE_AFTER_FREE] =
                                                               "use after free",
                                                           [QUARRY_LEAK] = "leak",
                                                           [QUARRY_CORRUPTION] = "corruption"};

    if (note->found)
        snprintf(text, size, "%s: %s", step_name[note->found_at], kind[note->kind]);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
        snprintf(text, size, "%s: ASan", step_name[note->step]);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(text, size, "%s: hangs", step_name[note->step]);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        snprintf(text, size, "%s: panic", step_name[note->step]);
    else if (WIFSIGNALED(status) && note->step == FAULT)
        snprintf(text, size, "now: fault");
    else if (WIFSIGNALED(status))
        snprintf(text, size, "%s: crash", step_name[note->step]);
    else if (status == 0)
        snprintf(text, size, "-");
    else
        snprintf(text, size, "no run (%d)", status);
}

static void run(const struct fault *fault, const char *options, bool check_at_once, char *text,
                size_t size)
{
    int status = 0;
    pid_t pid;

    memset(note, 0, sizeof(*note));
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(4);
        alarm(60); /* a walk in a circle has no end */
        run_child(fault, options, check_at_once);
    }
    waitpid(pid, &status, 0);
    run_say(text, size, status);
}

static void both_runs(const struct fault *fault, const char *name, const char *options)
{
    char text[64], at_once[64], bytes[16] = "";
    bool only = false;

    run(fault, options, false, text, sizeof(text));
    run(fault, options, true, at_once, sizeof(at_once));
    if (strncmp(at_once, "check: ", 7) != 0 || strncmp(text, "now", 3) == 0)
        at_once[0] = '\0'; /* the walk is no news */
    else
        only = text[0] == '-' || strncmp(text, "check", 5) == 0;
    if (fault->bytes)
        snprintf(bytes, sizeof(bytes), "%u", fault->bytes);
    printf("%s\t%s\t%s\t%s\t%s%s\n", what_name[fault->what], kind_name[fault->kind], bytes, name,
           only ? at_once : text, at_once[0] && !only ? "; check" : "");
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void each_level(enum what what, enum kind kind, unsigned int bytes, char **names)
{
    struct fault fault = {.what = what, .kind = kind, .bytes = bytes};

    for (size_t i = 0; i < LEVELS; i++) {
        bool wanted = !*names;
        for (char **name = names; *name; name++)
            wanted |= strcmp(*name, level[i].name) == 0;
        if (wanted)
            both_runs(&fault, level[i].name, level[i].options);
    }
    if (*names && strcmp(*names, "asan") == 0)
        both_runs(&fault, "asan", "check=0");
}

/* An object's neighbours and guards begin at any of these; a page's and an area's at once or never. */
static void each_overflow(enum kind kind, char **names)
{
    static const unsigned int bytes[] = {1, 2, 4, 8, 16, 24, 32, 48, 64};

    for (unsigned int what = OVER_RIGHT; what <= OVER_LEFT; what++) {
        for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
            if (kind < PAGE || bytes[i] == 1 || bytes[i] == 64)
                each_level(what, kind, bytes[i], names);
        }
    }
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "exitcode=99:detect_leaks=0:handle_segv=0:handle_abort=0:log_path=/dev/null";
}

int main(int argc, char **argv)
{
    char **names = argv + 1;

    (void)argc;
    note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (note == MAP_FAILED)
        return 1;
    for (enum kind kind = 0; kind < KINDS; kind++)
        each_overflow(kind, names);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        if (kind == KMALLOC_100)
            continue; /* as kmalloc(64) */
        for (unsigned int what = AFTER_FREE; what <= TWICE_LATER; what++)
            each_level(what, kind, 0, names);
        if (kind == CACHE_72)
            each_level(WRONG_CACHE, kind, 0, names);
        each_level(WRONG_CALL, kind, 0, names);
        if (kind != PAGE)
            each_level(MIDDLE, kind, 0, names);
        if (kind == KMALLOC_64 || kind == CACHE_72)
            each_level(BITMAP, kind, 0, names);
        if (kind == PAGE)
            each_level(LINKS, kind, 0, names);
        if (kind != VMALLOC)
            each_level(DESCRIPTOR, kind, 0, names);
    }
    return 0;
}
