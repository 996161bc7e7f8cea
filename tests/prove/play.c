/* SPDX-License-Identifier: MIT */
/* One program under one schedule.
 *
 * Tasks share a few slots; whoever takes what is in a slot frees it, so most things are freed on another
 * CPU than they were made on. What must hold:
 *
 *   - nothing that is live overlaps anything else that is live (play_claim), and its stamps stay;
 *   - objects of a cache with a constructor come constructed;
 *   - a page that is borrowed keeps its content until the last reference goes;
 *   - ordinary requests leave the zone what its lowest watermark keeps back;
 *   - a pool serves everybody, though it has one element and its allocator none;
 *   - what the machine reports of itself is nothing, and quarry_check_all() finds nothing;
 *   - when all tasks have ended, all is freed and the caches are trimmed, as many pages are free as before.
 *
 * A request may be refused: these machines are small and their tasks many. The model (tests/model) is
 * strict about that. */
#include "prove.h"
#include <quarry/gfp.h>
#include <quarry/mempool.h>
#include <quarry/rcu.h>
#include <quarry/slab.h>
#include <quarry/stat.h>
#include <quarry/vmalloc.h>
#include "instance.h"
#include <stdlib.h>
#include <string.h>

#define PLAY_LIVE 4096u
#define PLAY_READY 0x5afec0ffee123456ull /* what the constructor writes */
#define PLAY_OBJECT_BYTES 400u
#define PLAY_MANY 32u
#define PLAY_HOARD 512u
#define PLAY_ELEMENT_BYTES 64u
/* Nothing gets on any more: programs take some ten thousand points, and the longest a million. */
#define PLAY_MAX_POINTS 20000000u

struct play_slot {
    void *address;
    enum prove_kind kind;
    size_t size;
    uint64_t stamp;
};

struct play_bundle {
    void *object[PLAY_MANY];
    unsigned int nr;
    uint64_t stamp;
};

static struct {
    const struct prove_program *program;
    struct play_slot slot[PROVE_SLOTS];
    struct {
        uintptr_t start, end;
        unsigned int users; /* 1, and one for each that borrows it */
    } live[PLAY_LIVE];
    unsigned int nr_live;
    uint64_t stamps, operations;
    struct play_bundle bundle;
    struct kmem_cache *cache;
    mempool_t *pool;
    unsigned long reports;
    bool element_taken;
    char element[PLAY_ELEMENT_BYTES];
    struct page *hoard[PROVE_TASKS][PLAY_HOARD];
} play;

/* ---- what is live --------------------------------------------------------------------------- */

static void play_claim(const void *address, size_t size)
{
    uintptr_t start = (uintptr_t)address, end = start + size;

    for (unsigned int i = 0; i < play.nr_live; i++) {
        if (start < play.live[i].end && play.live[i].start < end)
            sim_fail("%zu bytes were given out that overlap something live", size);
    }
    if (play.nr_live == PLAY_LIVE)
        sim_fail("the program holds more than %u things", PLAY_LIVE);
    play.live[play.nr_live].start = start;
    play.live[play.nr_live].users = 1;
    play.live[play.nr_live++].end = end;
}

static unsigned int play_find(const void *address)
{
    for (unsigned int i = 0; i < play.nr_live; i++) {
        if (play.live[i].start == (uintptr_t)address)
            return i;
    }
    sim_fail("something was given back that is not live");
}

/* Before it is really given back: from there on somebody else may have it. */
static void play_unclaim(const void *address)
{
    unsigned int at = play_find(address);

    if (--play.live[at].users == 0)
        play.live[at] = play.live[--play.nr_live];
}

/* The first and the last bytes carry the stamp, if there is room for both; very small blocks carry none. */
static void play_stamp(void *address, size_t size, uint64_t stamp)
{
    if (size < sizeof(stamp))
        return;
    memcpy(address, &stamp, sizeof(stamp));
    if (size >= 2 * sizeof(stamp))
        memcpy((char *)address + size - sizeof(stamp), &stamp, sizeof(stamp));
}

static bool play_stamped(const void *address, size_t size, uint64_t stamp)
{
    if (size < sizeof(stamp))
        return true;
    return memcmp(address, &stamp, sizeof(stamp)) == 0 &&
           (size < 2 * sizeof(stamp) ||
            memcmp((const char *)address + size - sizeof(stamp), &stamp, sizeof(stamp)) == 0);
}

static void play_check_stamp(const void *address, size_t size, uint64_t stamp)
{
    if (!play_stamped(address, size, stamp))
        sim_fail("%zu bytes that are live were written by somebody else", size);
}

/* ---- slots ---------------------------------------------------------------------------------- */

static void play_give_back(struct play_slot slot)
{
    if (!slot.address)
        return;
    play_check_stamp(slot.address, slot.size, slot.stamp);
    play_unclaim(slot.address);
    switch (slot.kind) {
    case PROVE_OBJECT:
        *(uint64_t *)slot.address = PLAY_READY; /* as it came */
        kmem_cache_free(play.cache, slot.address);
        break;
    case PROVE_PAGES:
        put_page(virt_to_page(slot.address));
        break;
    case PROVE_VMALLOC:
        vfree(slot.address);
        break;
    default:
        kfree(slot.address);
        break;
    }
}

/* What was in the slot is given back by whoever replaces it. No point lies between the two lines. */
static void play_put(unsigned int number, void *address, enum prove_kind kind, size_t size)
{
    struct play_slot made = {address, kind, size, ++play.stamps}, before;

    if (!address)
        return;
    play_claim(address, size);
    play_stamp(address, size, made.stamp);
    before = play.slot[number];
    play.slot[number] = made;
    play_give_back(before);
}

static struct play_slot play_take(unsigned int number)
{
    struct play_slot slot = play.slot[number];

    play.slot[number].address = NULL;
    return slot;
}

/* ---- operations ----------------------------------------------------------------------------- */

static void play_constructor(void *object)
{
    *(uint64_t *)object = PLAY_READY;
}

static void *play_object(gfp_t gfp)
{
    uint64_t *object = kmem_cache_alloc(play.cache, gfp);

    if (object && *object != PLAY_READY)
        sim_fail("an object came that is not constructed");
    return object;
}

static void play_realloc(const struct prove_operation *operation)
{
    struct play_slot slot = play_take(operation->slot);
    void *address;

    if (slot.address && slot.kind != PROVE_KMALLOC) {
        play_give_back(slot);
        return;
    }
    if (slot.address) {
        play_check_stamp(slot.address, slot.size, slot.stamp);
        play_unclaim(slot.address);
    }
    address = krealloc(slot.address, operation->argument, GFP_KERNEL);
    if (!address && slot.address) { /* refused: the old block stays */
        play_claim(slot.address, slot.size);
        play_give_back(slot);
        return;
    }
    if (address && slot.address && operation->argument >= 8 && slot.size >= 8 &&
        memcmp(address, &slot.stamp, sizeof(slot.stamp)) != 0)
        sim_fail("krealloc lost what the block held");
    play_put(operation->slot, address, PROVE_KMALLOC, operation->argument);
}

/* Objects for whoever comes next; those of whoever was here before are freed. So they pass from CPU to
 * CPU by the stackful. */
static void play_objects(unsigned int nr)
{
    struct play_bundle mine = {.stamp = ++play.stamps}, theirs;

    while (mine.nr < nr && (mine.object[mine.nr] = play_object(GFP_KERNEL))) {
        play_claim(mine.object[mine.nr], PLAY_OBJECT_BYTES);
        play_stamp(mine.object[mine.nr++], PLAY_OBJECT_BYTES, mine.stamp);
    }
    theirs = play.bundle;
    play.bundle = mine;
    while (theirs.nr--) {
        play_check_stamp(theirs.object[theirs.nr], PLAY_OBJECT_BYTES, theirs.stamp);
        play_unclaim(theirs.object[theirs.nr]);
        play_constructor(theirs.object[theirs.nr]);
        kmem_cache_free(play.cache, theirs.object[theirs.nr]);
    }
}

static void play_bulk(unsigned int nr)
{
    void *object[PLAY_MANY];
    uint64_t stamp = ++play.stamps;
    int got = kmem_cache_alloc_bulk(play.cache, GFP_KERNEL, nr, object);

    if (got != 0 && got != (int)nr)
        sim_fail("kmem_cache_alloc_bulk of %u returned %d", nr, got);
    for (int i = 0; i < got; i++) {
        play_claim(object[i], PLAY_OBJECT_BYTES);
        play_stamp(object[i], PLAY_OBJECT_BYTES, stamp);
    }
    for (int i = 0; i < got; i++) {
        play_check_stamp(object[i], PLAY_OBJECT_BYTES, stamp);
        play_unclaim(object[i]);
        play_constructor(object[i]);
    }
    if (got)
        kmem_cache_free_bulk(play.cache, (size_t)got, object);
}

/* The slot is empty while the reference is taken: what is in it could be freed under our hands. */
static void play_borrow(unsigned int number)
{
    struct play_slot slot = play_take(number);

    if (!slot.address || slot.kind != PROVE_PAGES) {
        play_give_back(slot);
        return;
    }
    get_page(virt_to_page(slot.address));
    play.live[play_find(slot.address)].users++;
    if (play.slot[number].address)
        play_give_back(slot);
    else
        play.slot[number] = slot;
    sim_point(SIM_POINT_PROGRAM, NULL);
    play_check_stamp(slot.address, slot.size, slot.stamp);
    play_unclaim(slot.address);
    put_page(virt_to_page(slot.address));
}

/* An allocator with one element, which the pool keeps: whoever finds it gone has to wait for it. */
static void *play_element(gfp_t gfp, void *data)
{
    (void)gfp;
    (void)data;
    if (play.element_taken)
        return NULL;
    play.element_taken = true;
    return play.element;
}

static void play_element_back(void *element, void *data)
{
    (void)element;
    (void)data;
    play.element_taken = false;
}

static void play_pool(void)
{
    uint64_t stamp = ++play.stamps;
    void *element = mempool_alloc(play.pool, GFP_NOIO);

    if (!element)
        sim_fail("mempool_alloc that may sleep returned NULL");
    play_claim(element, PLAY_ELEMENT_BYTES);
    play_stamp(element, PLAY_ELEMENT_BYTES, stamp);
    sim_point(SIM_POINT_PROGRAM, NULL);
    play_check_stamp(element, PLAY_ELEMENT_BYTES, stamp);
    play_unclaim(element);
    mempool_free(element, play.pool);
}

/* Interrupts may go below, which is what the reserve is for. */
static void play_check_reserve(void)
{
    const struct zone *zone = &quarry_default.zones.zone[0];

    if (!play.program->interrupts && zone->free_pages < zone->watermark[QR_WMARK_MIN])
        sim_fail("%llu pages are free, and the lowest watermark is %llu",
                 (unsigned long long)zone->free_pages,
                 (unsigned long long)zone->watermark[QR_WMARK_MIN]);
}

static void play_hoard(struct page **page)
{
    unsigned int got = 0;

    while (got < PLAY_HOARD &&
           (page[got] = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, 0))) {
        play_claim(page_address(page[got++]), PAGE_SIZE);
        play_check_reserve();
    }
    while (got--) {
        play_unclaim(page_address(page[got]));
        __free_pages(page[got], 0);
    }
}

static void play_cache(unsigned int nr)
{
    struct kmem_cache *cache;
    char name[24];
    void *object[8];
    unsigned int got = 0;

    snprintf(name, sizeof(name), "own-%u", sim_task_number());
    cache = kmem_cache_create(name, 96, 0, 0, NULL);
    if (!cache)
        return;
    while (got < nr && (object[got] = kmem_cache_alloc(cache, GFP_KERNEL)))
        play_claim(object[got++], 96);
    while (got--) {
        play_unclaim(object[got]);
        kmem_cache_free(cache, object[got]);
    }
    kmem_cache_destroy(cache);
}

struct play_later {
    struct rcu_head rcu;
    char rest[];
};

static void play_later(unsigned int size)
{
    struct play_later *later = kmalloc(sizeof(*later) + size, GFP_KERNEL);

    if (!later)
        return;
    play_claim(later, sizeof(*later) + size);
    play_unclaim(later);
    kfree_rcu(later, rcu);
}

static void play_operation(const struct prove_operation *operation, uintptr_t task)
{
    unsigned int slot = operation->slot, argument = operation->argument;
    size_t bytes = PAGE_SIZE << argument % 4;

    switch (operation->kind) {
    case PROVE_KMALLOC:
        play_put(slot, kmalloc(argument, GFP_KERNEL), PROVE_KMALLOC, argument);
        break;
    case PROVE_REALLOC:
        play_realloc(operation);
        break;
    case PROVE_OBJECT:
        play_put(slot, play_object(GFP_KERNEL), PROVE_OBJECT, PLAY_OBJECT_BYTES);
        break;
    case PROVE_OBJECTS:
        play_objects(argument);
        break;
    case PROVE_BULK:
        play_bulk(argument);
        break;
    case PROVE_PAGES:
        play_put(slot, (void *)__get_free_pages(GFP_KERNEL | __GFP_COMP, argument), PROVE_PAGES,
                 bytes);
        break;
    case PROVE_BORROW:
        play_borrow(slot);
        break;
    case PROVE_VMALLOC:
        play_put(slot, vmalloc(argument * PAGE_SIZE), PROVE_VMALLOC, argument * PAGE_SIZE);
        break;
    case PROVE_POOL:
        play_pool();
        break;
    case PROVE_HOARD:
        play_hoard(play.hoard[task]);
        break;
    case PROVE_CACHE:
        play_cache(argument);
        break;
    case PROVE_LATER:
        play_later(argument);
        break;
    case PROVE_FREE:
        play_give_back(play_take(slot));
        break;
    case PROVE_SHRINK:
        kmem_cache_shrink(play.cache);
        break;
    default:
        if (quarry_check_all())
            sim_fail("quarry_check_all found the machine at odds with itself");
        break;
    }
}

static void play_task(void *arg)
{
    uintptr_t number = (uintptr_t)arg;

    for (unsigned int i = 0; i < play.program->nr[number]; i++) {
        const struct prove_operation *operation = &play.program->operation[number][i];
        if (operation->dropped)
            continue;
        sim_operation(i + 1);
        play.operations++;
        play_operation(operation, number);
        sim_log("done", operation->kind, play.nr_live);
    }
}

static void play_interrupt(void *data, bool hard)
{
    void *object = play.cache ? play_object(GFP_ATOMIC) : NULL;

    (void)data;
    (void)hard;
    if (!object)
        return;
    play_claim(object, PLAY_OBJECT_BYTES);
    play_unclaim(object);
    kmem_cache_free(play.cache, object);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static bool play_report(const struct quarry_report *report, void *data)
{
    (void)data;
    if (report->kind == QUARRY_OUT_OF_MEMORY)
        return false; /* refusals are part of the program */
    play.reports++;
    return true; /* and write it, for the failure's text */
}

static unsigned long play_settled(void)
{
    quarry_rcu_barrier();
    qr_slabs_drain_all(&quarry_default.slabs);
    qr_vm_purge(&quarry_default.vm);
    qr_pcp_drain_all(&quarry_default.zones);
    return nr_free_pages();
}

/* First and last task: alone on the machine. */
static void play_begin(void *arg)
{
    (void)arg;
    play.cache = kmem_cache_create("played", PLAY_OBJECT_BYTES, 0, 0, play_constructor);
    play.pool = mempool_create(1, play_element, play_element_back, NULL);
    if (!play.cache || !play.pool)
        sim_fail("the machine is too small for a cache and a pool");
}

static void play_end(void *before)
{
    struct kmem_cache *cache = play.cache;
    unsigned long after;

    for (unsigned int i = 0; i < PROVE_SLOTS; i++)
        play_give_back(play_take(i));
    play_objects(0);
    if (play.nr_live)
        sim_fail("%u things are live though all were given back", play.nr_live);
    mempool_destroy(play.pool);
    play.cache = NULL; /* interrupts let it alone from here on */
    kmem_cache_destroy(cache);
    if (play.program->thorough && quarry_check_all())
        sim_fail("quarry_check_all found the machine at odds with itself at the end");
    if (play.reports)
        sim_fail("the machine reported %lu findings", play.reports);
    after = play_settled();
    sim_log("free", after, 0);
    /* A CPU's data, made when the CPU first asks for memory, stays. */
    if (after + play.program->cpus * 16ul < *(unsigned long *)before)
        sim_fail("%lu pages were free at first and %lu are at the end", *(unsigned long *)before,
                 after);
}

static enum sim_verdict play_alone(struct sim *sim, void (*fn)(void *), void *arg)
{
    sim_task(sim, 0, "alone", fn, arg);
    return sim_run(sim);
}

static enum sim_verdict play_world(struct sim *sim, const struct prove_program *program,
                                   uint64_t interrupt_at, uint64_t *points)
{
    unsigned long before = play_settled();
    enum sim_verdict verdict = play_alone(sim, play_begin, NULL);

    for (uintptr_t i = 0; i < program->tasks && verdict == SIM_FINE; i++)
        sim_task(sim, (unsigned int)i, "program", play_task, (void *)i);
    if (interrupt_at)
        sim_interrupt_at(sim, interrupt_at);
    *points = sim_points(sim);
    if (verdict == SIM_FINE)
        verdict = sim_run(sim);
    *points = sim_points(sim) - *points;
    return verdict == SIM_FINE ? play_alone(sim, play_end, &before) : verdict;
}

static void play_keep_failure(struct prove_result *result, struct sim *sim)
{
    const struct sim_decision *decision = sim_decisions(sim, &result->nr_decisions);

    result->report = strdup(sim_report(sim));
    result->decision = malloc((result->nr_decisions + 1) * sizeof(*decision));
    if (!result->report || !result->decision)
        abort();
    if (result->nr_decisions)
        memcpy(result->decision, decision, result->nr_decisions * sizeof(*decision));
}

struct prove_result prove_play(const struct prove_program *program,
                               const struct prove_schedule *schedule)
{
    struct sim_config config = {.seed = schedule->seed,
                                .cpus = program->cpus,
                                .frames = program->frames,
                                .without_worker = program->without_worker,
                                .lock_order = true,
                                .strict_wakes = true,
                                .strategy = schedule->strategy,
                                .gap = schedule->gap,
                                .handovers = schedule->handovers,
                                .switches = schedule->switches,
                                .expected_points = schedule->expected_points,
                                .script = schedule->script,
                                .nr_script = schedule->nr_script,
                                .max_points = PLAY_MAX_POINTS,
                                .interrupt = program->interrupts ? play_interrupt : NULL};
    struct prove_result result = {.verdict = SIM_CHECK};
    char why[200] = "";
    struct sim *sim;

    memset(&play, 0, sizeof(play));
    play.program = program;
    quarry_set_report_hook(play_report, NULL);
    sim = sim_new(&config, why, sizeof(why));
    if (!sim) {
        fprintf(stderr, "prove: the machine does not boot: %s\n", why);
        exit(70);
    }
    result.verdict = play_world(sim, program, schedule->interrupt_at, &result.points);
    result.log_sum = sim_log_sum(sim);
    result.switches = sim_switches(sim);
    result.operations = play.operations;
    if (result.verdict != SIM_FINE)
        play_keep_failure(&result, sim);
    sim_free(sim);
    return result;
}

void prove_result_free(struct prove_result *result)
{
    free(result->report);
    free(result->decision);
    result->report = NULL;
    result->decision = NULL;
}
