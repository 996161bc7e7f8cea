/* SPDX-License-Identifier: MIT */
/* slab/alloc: the slow ways of allocation and free.
 *
 * Problem. The fast way (fast.h) gives up at the first thing out of the ordinary and says nothing
 * about what it was. Here everything out of the ordinary is dealt with, and in each case with as
 * little as it needs: a request that only found its stack empty should not pay for the checks of a
 * debugged cache.
 *
 * Idea. A request is checked (mask, context, injected faults), then served from one of three
 * places, then what it serves is prepared:
 *
 *     debugged cache                    debug.c: the slab, every guard looked at
 *     wanted node, or no stacks at all  the slab
 *     else                              this CPU's stacks
 *
 * Work on the stacks is a loop of steps. A step runs in a section and cannot wait, allocate or call
 * anybody; when it needs something it leaves, says what, and is begun anew when that is there.
 * After the section this code may be on another CPU, which a step begun anew does not mind.
 *
 * What may be missing: this thread's CPU (claimed once), the chunk with the slot (made for each CPU on
 * which a step runs), a stack (one try), a slab. When a CPU, a chunk or a stack cannot be had, the work
 * is done on the slabs.
 *
 * Locks: none held on entry or exit. Allocation may sleep as its mask says; free never sleeps
 * (G-C4). */
#include "internal.h"

/* ---- work on the stacks ---------------------------------------------------------------------- */

typedef enum slot_step (*step_fn)(struct slot_work *, struct qr_cpu *, struct qr_slot *);

struct stacked_work {
    struct slot_work slot;
    bool claimed;     /* tried already */
    unsigned int nid; /* of the CPU the last step ran on */
};

enum stacked_lack { LACKS_NOTHING, LACKS_CPU, LACKS_CHUNK };

static enum slot_step stacked_once(struct stacked_work *work, step_fn fn, enum stacked_lack *lack)
{
    struct kmem_cache *cache = work->slot.cache;
    enum slot_step step = SLOT_UNUSABLE;
    struct qr_slot *slot;
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(cache->owner->cpus, &cpu);

    *lack = LACKS_NOTHING;
    if (!qr_cpu_known(cpu)) {
        *lack = LACKS_CPU;
    } else if (!(slot = qr_slot_of(cache, cpu))) {
        *lack = LACKS_CHUNK;
    } else {
        work->nid = cpu->nid;
        step = fn(&work->slot, cpu, slot);
    }
    qp_percpu_leave(section);
    return step;
}

static void stacked_get_stack(struct slot_work *work)
{
    struct kmem_cache *cache = work->cache;
    u32 depth = SLAB_READ(cache->depth);
    /* A CPU's first stack may be a small one. Other small ones would only wear the depot out. */
    u32 least = work->first ? 4 : depth;

    work->fresh = qr_stack_new(cache, depth, least, work->first);
    if (!work->fresh && work->first) {
        qr_depots_trim(cache->owner);
        work->fresh = qr_stack_new(cache, depth, least, true);
    }
    work->no_stack = !work->fresh;
}

/* Steps until one is through, or lacks a slab, or nothing can be done on stacks. */
static enum slot_step stacked_run(struct stacked_work *work, step_fn fn)
{
    for (;;) {
        enum stacked_lack lack;
        enum slot_step step = stacked_once(work, fn, &lack);
        if (lack == LACKS_CPU && !work->claimed) {
            work->claimed = true;
            qp_claim_cpu(work->slot.cache->owner->cpus);
        } else if (lack == LACKS_CHUNK) {
            if (!qr_slot_make(work->slot.cache))
                return SLOT_UNUSABLE;
        } else if (step == SLOT_NEEDS_STACK) {
            stacked_get_stack(&work->slot);
        } else {
            return step;
        }
    }
}

static void stacked_finish(struct stacked_work *work)
{
    struct kmem_cache *cache = work->slot.cache;

    qr_stack_free(cache, work->slot.fresh);
    while (work->slot.retired) {
        struct qr_stack *next = work->slot.retired->next;
        qr_stack_free(cache, work->slot.retired);
        work->slot.retired = next;
    }
    qr_report_bad_puts(cache, &work->slot.bad, "a free");
    qr_slab_release(cache, &work->slot.batch);
}

/* One object from any node but @nid. */
static void *direct_elsewhere(struct kmem_cache *cache, unsigned int nid)
{
    void *object;

    for (unsigned int other = 0; other < cache->owner->zones->nr_nodes; other++)
        if (other != nid && qr_node_take(cache, other, &object, 1))
            return object;
    return NULL;
}

void *qr_cache_alloc_stacked(struct kmem_cache *cache, gfp_t gfp)
{
    struct stacked_work work = {.slot = {.cache = cache}};
    enum slot_step step;
    void *object = NULL;

    while ((step = stacked_run(&work, qr_slot_alloc_step)) == SLOT_NEEDS_SLAB) {
        enum slab_growth growth = qr_slab_grow(cache, gfp, NUMA_NO_NODE, work.nid);
        if (growth != SLAB_HERE && !(gfp & __GFP_THISNODE))
            object = direct_elsewhere(cache, work.nid); /* stacks are filled from their own node */
        if (object || growth == SLAB_NOWHERE)
            break;
    }
    if (step == SLOT_DONE)
        object = work.slot.object;
    else if (step == SLOT_UNUSABLE)
        object = qr_cache_alloc_direct(cache, gfp, NUMA_NO_NODE);
    stacked_finish(&work);
    return object;
}

/* ---- work on the slabs ----------------------------------------------------------------------- */

static unsigned int direct_node(struct kmem_cache *cache, int nid)
{
    struct qr_cpu *cpu;
    unsigned long section;

    if (nid != NUMA_NO_NODE)
        return (unsigned int)nid;
    section = qp_percpu_enter(cache->owner->cpus, &cpu);
    nid = (int)cpu->nid;
    qp_percpu_leave(section);
    return (unsigned int)nid;
}

/* The page allocator may answer with a page of another node, so that the second look at this node
 * can fail after growing; then it lies elsewhere. */
void *qr_cache_alloc_direct(struct kmem_cache *cache, gfp_t gfp, int nid)
{
    unsigned int node = direct_node(cache, nid);
    bool any_node = !(gfp & __GFP_THISNODE);
    void *object;

    for (;;) {
        enum slab_growth growth;
        if (qr_node_take(cache, node, &object, 1))
            return object;
        growth = qr_slab_grow(cache, gfp, nid, node);
        if (qr_node_take(cache, node, &object, 1))
            return object;
        if (any_node && (object = direct_elsewhere(cache, node)) != NULL)
            return object;
        if (growth == SLAB_NOWHERE)
            return NULL;
    }
}

void qr_cache_free_direct(struct kmem_cache *cache, void *object, const char *what)
{
    const struct qr_map *map = slab_map(cache);
    struct page *page = qr_head(map, qr_virt_page(map, object));
    struct slab_batch batch = {0};

    /* From here on, unless a slab is left in @batch, the cache may be gone. */
    if (QR_UNLIKELY(qr_node_put(cache, page, object, &batch) != SLAB_FINE))
        qr_report_double_free(cache, object, what);
    qr_slab_release(cache, &batch);
}

/* ---- requests -------------------------------------------------------------------------------- */

gfp_t qr_slab_gfp(struct qr_slabs *slabs, gfp_t gfp, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};

    if (QR_UNLIKELY(gfp & ~__GFP_BITS_MASK)) {
        qr_report(slabs->check, &report, "%s with unknown mask bits 0x%x: they are ignored", what,
                  gfp & ~__GFP_BITS_MASK);
        gfp &= __GFP_BITS_MASK;
    }
    if (QR_UNLIKELY(gfp & __GFP_HIGHMEM)) {
        report.rule = "G-Z7";
        qr_report_once(slabs->check, &report,
                       "%s with __GFP_HIGHMEM: it returns a direct-map address, which high memory "
                       "has not; the flag is dropped (use alloc_pages and kmap, or vmalloc)",
                       what);
        gfp &= ~__GFP_HIGHMEM;
    }
    if (QR_UNLIKELY((gfp & (__GFP_NOFAIL | __GFP_DIRECT_RECLAIM)) == __GFP_NOFAIL)) {
        report.rule = "G-E5";
        qr_report(slabs->check, &report,
                  "%s with __GFP_NOFAIL but without __GFP_DIRECT_RECLAIM: a request that cannot "
                  "wait cannot be promised memory; it may fail",
                  what);
        gfp &= ~__GFP_NOFAIL;
    }
    if (!qr_may_block(slabs->check, gfp, what))
        gfp &= ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL);
    return gfp;
}

gfp_t qr_cache_gfp(struct kmem_cache *cache, gfp_t gfp, const char *what)
{
    struct quarry_report report = {
        .kind = QUARRY_BAD_REQUEST, .rule = "G-S11", .cache = cache->name};

    gfp = qr_slab_gfp(cache->owner, gfp, what);
    if (QR_LIKELY(!(gfp & __GFP_ZERO) || !cache_is_constructed(cache)))
        return gfp;
    qr_report(cache->owner->check, &report,
              "%s with __GFP_ZERO on cache %s, which has a constructor: the object comes "
              "constructed, not zeroed",
              what, cache->name);
    return gfp & ~__GFP_ZERO;
}

bool qr_slab_fault(struct qr_slabs *slabs, const char *cache, gfp_t gfp, size_t size,
                   const char *what)
{
    struct quarry_report report = {
        .kind = QUARRY_OUT_OF_MEMORY, .rule = "G-E6", .cache = cache, .size = size};
    char mask[160];

    if (QR_LIKELY(!qr_fault_armed(slabs->faults, QUARRY_FAILSLAB)) ||
        !qr_fault_hit(slabs->faults, QUARRY_FAILSLAB, gfp, size, cache))
        return false;
    if (!(gfp & __GFP_NOWARN) && qr_warn_allowed(slabs->check)) {
        qr_gfp_names(gfp, mask, sizeof(mask));
        qr_report(slabs->check, &report, "%s: failslab makes this request fail: %zu bytes, %s",
                  what, size, mask);
    }
    return true;
}

void qr_cache_hand_out(struct kmem_cache *cache, void *object, gfp_t gfp)
{
    if (SLAB_READ(cache->hooks) & QR_HOOK_PROFILE)
        qr_profile_out(cache, object, cache->object_size);
    if (SLAB_READ(cache->hooks) & QR_HOOK_OBSERVED)
        qp_take_over(object, cache->object_size);
    if (SLAB_READ(cache->hooks) & QR_HOOK_INIT_ALLOC)
        memset(object, 0, cache->track_offset ? cache->object_size : cache->slot_size);
    else if (gfp & __GFP_ZERO)
        memset(object, 0, cache->object_size);
}

/* The node a request insists on, or NUMA_NO_NODE. */
static int cache_wanted_node(struct kmem_cache *cache, int nid, const char *what)
{
    unsigned int nr = cache->owner->zones->nr_nodes;
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .cache = cache->name};

    if (QR_LIKELY(nid == NUMA_NO_NODE))
        return nid;
    if (QR_LIKELY((unsigned int)nid < nr))
        return nr > 1 ? nid : NUMA_NO_NODE;
    qr_report_once(cache->owner->check, &report,
                   "%s on node %d: the machine has %u node%s; any node is taken", what, nid, nr,
                   nr == 1 ? "" : "s");
    return NUMA_NO_NODE;
}

static void cache_report_dead(struct kmem_cache *cache, const char *what)
{
    struct quarry_report report = {
        .kind = QUARRY_BAD_REQUEST, .rule = "G-D1", .address = cache, .cache = cache->name};

    qr_report(cache->owner->check, &report, "%s from cache %s, which was destroyed: NULL", what,
              cache->name);
}

/* Level 3: walk this cache's slabs, once in so many slow ways that walks do not rule the run. */
#define ALLOC_WALK_EVERY 1024u

static void cache_walk_sampled(struct kmem_cache *cache)
{
    struct qr_slabs *slabs = cache->owner;

    if (QR_LIKELY(qr_check_level(slabs->check) < 3))
        return;
    if (__atomic_fetch_add(&slabs->walks, 1, __ATOMIC_RELAXED) % ALLOC_WALK_EVERY == 0)
        qr_cache_check_lists(cache);
}

void *qr_cache_alloc_sized(struct kmem_cache *cache, gfp_t gfp, int nid, size_t size,
                           const char *what)
{
    struct qr_slabs *slabs = cache->owner;
    struct qr_cpu *cpu;
    unsigned long section;
    void *object;

    if (cache->internal)
        return qr_cache_alloc_direct(cache, gfp, nid);
    gfp = qr_cache_gfp(cache, gfp, what);
    if (QR_UNLIKELY(cache_is_dying(cache))) {
        cache_report_dead(cache, what);
        return NULL;
    }
    cache_walk_sampled(cache);
    if (qr_slab_fault(slabs, cache->name, gfp, size, what))
        return NULL;
    section = qp_percpu_enter(slabs->cpus, &cpu);
    qp_percpu_leave(section);
    qr_stacks_honour_drain(slabs, cpu);
    nid = cache_wanted_node(cache, nid, what);
    if (QR_UNLIKELY(qr_guards_are_on(slabs->guards))) {
        object = qr_guarded_alloc(cache, gfp, nid, size, what);
        if (object)
            return object;
    }
    if (cache_is_debugged(cache))
        return qr_debug_alloc(cache, gfp, nid, size, what);
    if (nid != NUMA_NO_NODE || cache_is_direct(cache))
        object = qr_cache_alloc_direct(cache, gfp, nid);
    else
        object = qr_cache_alloc_stacked(cache, gfp);
    if (object)
        qr_cache_hand_out(cache, object, gfp);
    return object;
}

void *qr_cache_alloc_slow(struct kmem_cache *cache, gfp_t gfp, int nid)
{
    return qr_cache_alloc_sized(cache, gfp, nid, cache->object_size, "kmem_cache_alloc");
}

/* ---- frees ----------------------------------------------------------------------------------- */

static void cache_free_stacked(struct kmem_cache *cache, void *object, const char *what)
{
    struct stacked_work work = {.slot = {.cache = cache, .object = object}};
    enum slot_step step = stacked_run(&work, qr_slot_free_step);

    stacked_finish(&work);
    if (step == SLOT_DOUBLE_FREE)
        qr_report_double_free(cache, object, what);
    else if (step == SLOT_UNUSABLE)
        qr_cache_free_direct(cache, object, what);
}

/* What an object needs on its way in. */
static void cache_take_in(struct kmem_cache *cache, void *object)
{
    if (SLAB_READ(cache->hooks) & QR_HOOK_PROFILE)
        qr_profile_in(cache, object);
    if (SLAB_READ(cache->hooks) & QR_HOOK_INIT_FREE)
        memset(object, 0, cache->track_offset ? cache->object_size : cache->slot_size);
    if (SLAB_READ(cache->hooks) & QR_HOOK_OBSERVED)
        qp_hand_over(object, cache->object_size);
}

/* An object of a cache, at @object exactly? */
static bool cache_free_checked(struct kmem_cache *cache, struct kmem_cache *expected,
                               struct page *page, void *object, const char *what)
{
    u32 index = slab_index(cache, page, object);

    if (QR_UNLIKELY(expected && expected != cache)) {
        qr_report_wrong_cache(cache, expected, object, what);
        return false;
    }
    if (QR_UNLIKELY(index >= slab_objects(cache, page) ||
                    slab_object(cache, page, index) != object)) {
        qr_report_middle_free(cache, page, object, what);
        return false;
    }
    return true;
}

void qr_cache_free_slow(struct qr_slabs *slabs, struct kmem_cache *expected, void *object,
                        const char *what)
{
    const struct qr_map *map = slabs->zones->map;
    struct kmem_cache *cache;
    struct page *page;
    struct qr_cpu *cpu;
    unsigned long section;

    if (QR_UNLIKELY(!object))
        return;
    if (QR_UNLIKELY(qr_guard_owns(slabs->guards, object))) {
        qr_guarded_free(slabs, expected, object, what);
        return;
    }
    page = qr_virt_page_checked(map, object);
    if (QR_UNLIKELY(!page || !(page->flags & PGF_SLAB))) {
        qr_report_bad_free(slabs->zones, object, what);
        return;
    }
    page = qr_head(map, page);
    cache = page->quarry_slab.cache;
    if (!cache_free_checked(cache, expected, page, object, what))
        return;
    section = qp_percpu_enter(slabs->cpus, &cpu);
    qp_percpu_leave(section);
    qr_stacks_honour_drain(slabs, cpu);
    if (cache_is_debugged(cache)) {
        qr_debug_free(cache, page, object, what);
        return;
    }
    cache_take_in(cache, object);
    if (cache_is_direct(cache))
        qr_cache_free_direct(cache, object, what);
    else
        cache_free_stacked(cache, object, what);
}
