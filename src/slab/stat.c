/* SPDX-License-Identifier: MIT */
/* slab/stat: counts, walks over live objects, and the check of the whole structure.
 *
 * What is counted is read under each node's lock. What lies on CPUs' stacks belongs to those CPUs:
 * it is read without asking, exact while they do nothing and near the truth otherwise. */
#include "internal.h"

/* ---- counts ---------------------------------------------------------------------------------- */

/* Objects on the stacks of one CPU, as far as another CPU can tell: never more than two stacks
 * hold. */
static u64 stat_slot_objects(const struct kmem_cache *cache, struct qr_cpu *cpu)
{
    struct qr_slot *slot = qr_cpu_slot(cpu, cache->slot_id);
    struct qr_stack *loaded, *spare;
    u64 nr = 0;

    if (SLAB_READ(slot->cache) != cache)
        return 0;
    loaded = SLAB_READ(slot->loaded);
    spare = SLAB_READ(slot->spare);
    if (loaded) {
        void **top = SLAB_READ(slot->top);
        u64 height = (u64)(top - loaded->object);
        nr += height <= cache->max_depth ? height : 0;
    }
    if (spare) {
        u32 height = SLAB_READ(spare->nr);
        nr += height <= cache->max_depth ? height : 0;
    }
    return nr;
}

static u64 stat_stacked(struct kmem_cache *cache)
{
    struct qr_cpus *cpus = cache->owner->cpus;
    u64 nr = 0;

    for (unsigned int id = 0; id < cpus->nr_max; id++) {
        struct qr_cpu *cpu = __atomic_load_n(&cpus->area[id], __ATOMIC_ACQUIRE);
        if (cpu)
            nr += stat_slot_objects(cache, cpu);
    }
    return nr;
}

void qr_cache_stat(struct kmem_cache *cache, struct quarry_cache_stat *stat)
{
    u64 total = 0, idle = 0;

    memset(stat, 0, sizeof(*stat));
    for (unsigned int nid = 0; nid < cache->owner->zones->nr_nodes; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        unsigned long state = qp_lock(&node->lock);
        total += node->nr_objects;
        idle += node->free_objects + node->stacked_objects;
        stat->slabs += node->nr_partial + node->nr_full + node->nr_empty + node->nr_quarantined;
        qp_unlock(&node->lock, state);
    }
    idle += stat_stacked(cache);
    stat->name = cache->name;
    stat->object_size = cache->object_size;
    stat->slot_size = cache->slot_size;
    stat->total = total;
    stat->active = QR_ABOVE(total, idle);
    stat->peak = QR_MAX(SLAB_READ(cache->peak), stat->active);
    stat->objects_per_slab = cache->objects;
    stat->pages_per_slab = 1ul << cache->order;
    stat->allocs = SLAB_READ(cache->nr_alloc);
    stat->frees = SLAB_READ(cache->nr_free);
    stat->undo = cache->undo;
    qr_trace_load(cache->owner->check, cache->created, &stat->created);
}

void qr_slabs_for_each_cache(struct qr_slabs *slabs, bool (*visit)(struct kmem_cache *, void *),
                             void *data)
{
    struct kmem_cache *cache = NULL;

    while ((cache = qr_cache_next(slabs, cache)) != NULL) {
        if (!cache_is_dying(cache) && !visit(cache, data)) {
            qr_cache_put(cache);
            return;
        }
    }
}

/* ---- live objects ---------------------------------------------------------------------------- */

static void stat_describe(struct kmem_cache *cache, void *object, struct quarry_live *live)
{
    memset(live, 0, sizeof(*live));
    live->kind = QUARRY_LIVE_OBJECT;
    live->address = object;
    live->size = cache->object_size;
    live->cache = cache->name;
    if (cache->track_offset && cache_is_debugged(cache)) {
        const struct qr_meta *meta = slab_meta(cache, object);
        live->lost = qr_leak_is_lost(SLAB_READ(meta->leak));
        live->size = (size_t)QR_MIN(meta->requested, (u64)cache->object_size);
        if (cache_keeps_owners(cache)) {
            live->gfp = meta->allocated.gfp;
            live->sequence = meta->allocated.sequence;
            live->when_ns = meta->allocated.when_ns;
            qr_trace_load(cache->owner->check, meta->allocated.trace, &live->allocated);
        }
    }
}

static bool stat_visit_list(struct kmem_cache *cache, u32 head,
                            bool (*visit)(const struct quarry_live *, void *), void *data)
{
    const struct qr_map *map = slab_map(cache);
    u32 pfn = head;

    if (!head)
        return true;
    do {
        struct page *page = qr_page(map, pfn);
        u32 nr = slab_objects(cache, page);
        for (u32 i = 0; i < nr; i++) {
            struct quarry_live live;
            if (qr_slab_bit(cache, page, i))
                continue;
            stat_describe(cache, slab_object(cache, page, i), &live);
            if (!visit(&live, data))
                return false;
        }
        pfn = page->quarry_slab.next;
    } while (pfn != head);
    return true;
}

bool qr_cache_for_each_live(struct kmem_cache *cache,
                            bool (*visit)(const struct quarry_live *, void *), void *data)
{
    bool go_on = true;

    for (unsigned int nid = 0; go_on && nid < cache->owner->zones->nr_nodes; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        unsigned long state = qp_lock(&node->lock);
        go_on = stat_visit_list(cache, node->full, visit, data) &&
                stat_visit_list(cache, node->partial, visit, data);
        qp_unlock(&node->lock, state);
    }
    return go_on && qr_guard_for_each_live(cache->owner->guards, cache, visit, data);
}

/* Stacked objects look live in the bitmaps: those that can be had go back first. In checked builds
 * there are none. */
void qr_slabs_for_each_live(struct qr_slabs *slabs,
                            bool (*visit)(const struct quarry_live *, void *), void *data)
{
    struct kmem_cache *cache = NULL;

    qr_slabs_drain_all(slabs);
    while ((cache = qr_cache_next(slabs, cache)) != NULL) {
        if (!cache->internal && !qr_cache_for_each_live(cache, visit, data)) {
            qr_cache_put(cache);
            return;
        }
    }
}

/* ---- the check ------------------------------------------------------------------------------- */

static unsigned long check_fail(struct kmem_cache *cache, const void *at, const char *text)
{
    struct quarry_report report = {.kind = QUARRY_CORRUPTION, .address = at, .cache = cache->name};

    qr_report(cache->owner->check, &report, "cache %s: %s", cache->name, text);
    return 1;
}

struct check_sums {
    u32 slabs;
    u64 objects, free;
};

enum check_list { CHECK_FULL, CHECK_PARTIAL, CHECK_EMPTY };

static unsigned long check_slab(struct kmem_cache *cache, const struct qr_cache_node *node,
                                struct page *page, enum check_list list, struct check_sums *sums)
{
    u32 nr = slab_objects(cache, page), bits = 0;
    u32 nr_free = qr_slab_free_count(cache, page);
    unsigned long bad = 0;

    for (u32 i = 0; i < nr; i++)
        bits += qr_slab_bit(cache, page, i);
    if (!(page->flags & PGF_SLAB) || page->flags >> PGF_SLOT_SHIFT != cache->slot_id)
        bad += check_fail(cache, page, "a slab's descriptor is not marked as one");
    if (page->quarry_slab.cache != cache)
        bad += check_fail(cache, page, "a slab belongs to another cache");
    if (qr_slab_node(cache, page) != node)
        bad += check_fail(cache, page, "a slab is listed on the wrong node");
    if (bits != nr_free)
        bad += check_fail(cache, page, "a slab's count and its bitmap differ");
    if ((list == CHECK_FULL && nr_free) || (list == CHECK_EMPTY && nr_free != nr) ||
        (list == CHECK_PARTIAL && (!nr_free || nr_free == nr)))
        bad += check_fail(cache, page, "a slab is on the wrong list");
    sums->slabs++;
    sums->objects += nr;
    sums->free += nr_free;
    return bad;
}

static unsigned long check_list(struct kmem_cache *cache, const struct qr_cache_node *node,
                                u32 head, u32 nr, enum check_list list, struct check_sums *sums)
{
    const struct qr_map *map = slab_map(cache);
    u32 pfn = head, before = sums->slabs;
    unsigned long bad = 0;

    if (!head)
        return nr ? check_fail(cache, node, "slabs are counted that are not listed") : 0;
    do {
        struct page *page = qr_page(map, pfn);
        bad += check_slab(cache, node, page, list, sums);
        if (qr_page(map, page->quarry_slab.next)->quarry_slab.prev != pfn)
            return bad + check_fail(cache, page, "a list of slabs is broken");
        pfn = page->quarry_slab.next;
    } while (pfn != head); /* each step back was right, so that the way leads round */
    if (sums->slabs - before != nr)
        bad += check_fail(cache, node, "a list of slabs has another length than counted");
    return bad;
}

/* The objects of a stack must be out of their slabs, and on no other stack: each one's bit is set
 * while the check goes on, so that a second sight of it is found; the second pass clears the bits
 * again. */
static unsigned long check_stack(struct kmem_cache *cache, struct qr_stack *stack, u32 nr,
                                 bool mark)
{
    const struct qr_map *map = slab_map(cache);
    unsigned long bad = 0;

    if (stack->floor)
        bad += check_fail(cache, stack, "a stack's floor is not NULL");
    for (u32 i = 0; i < nr; i++) {
        void *object = stack->object[i];
        struct page *page = qr_virt_page_checked(map, object);
        u32 index;
        if (!page || !(page->flags & PGF_SLAB) ||
            (page = qr_head(map, page))->quarry_slab.cache != cache)
            return bad + check_fail(cache, object, "a stacked object lies in no slab of its cache");
        index = slab_index(cache, page, object);
        if (index >= slab_objects(cache, page) || slab_object(cache, page, index) != object)
            return bad + check_fail(cache, object, "a stacked pointer is not an object's start");
        if (mark && qr_slab_bit(cache, page, index))
            return bad + check_fail(cache, object, "a stacked object is free, or stacked twice");
        qr_slab_flip(cache, page, index);
    }
    return bad;
}

static unsigned long check_slot(struct kmem_cache *cache, struct qr_slot *slot, bool mark,
                                u64 *charged)
{
    unsigned long bad = 0;

    if (slot->loaded) {
        *charged += (u64)slot->loaded->capacity * cache->slot_size;
        if (slot->top < slot->loaded->object || slot->top > slot->limit)
            return check_fail(cache, slot, "a slot's top is outside its stack");
        bad += check_stack(cache, slot->loaded, (u32)(slot->top - slot->loaded->object), mark);
    }
    if (slot->spare) {
        *charged += (u64)slot->spare->capacity * cache->slot_size;
        if (slot->spare->nr && slot->spare->nr != slot->spare->capacity)
            bad += check_fail(cache, slot, "a spare stack is neither full nor empty");
        bad += check_stack(cache, slot->spare, slot->spare->nr, mark);
    }
    return bad;
}

static unsigned long check_depot(struct kmem_cache *cache, struct qr_cache_node *node, bool mark,
                                 u64 *charged)
{
    struct qr_stack *stack;
    unsigned long bad = 0;
    u64 objects = 0;

    for (stack = node->full_stacks; stack; stack = stack->next) {
        *charged += (u64)stack->capacity * cache->slot_size;
        objects += stack->nr;
        if (stack->nr != stack->capacity)
            bad += check_fail(cache, stack, "a stack among the full ones is not full");
        bad += check_stack(cache, stack, stack->nr, mark);
    }
    for (stack = node->empty_stacks; stack; stack = stack->next) {
        *charged += (u64)stack->capacity * cache->slot_size;
        if (stack->nr)
            bad += check_fail(cache, stack, "a stack among the empty ones is not empty");
    }
    if (objects != node->stacked_objects)
        bad += check_fail(cache, node, "the depot holds another number of objects than counted");
    return bad;
}

static unsigned long check_stacks(struct kmem_cache *cache, bool mark, u64 *charged)
{
    struct qr_cpus *cpus = cache->owner->cpus;
    unsigned long bad = 0;

    for (unsigned int nid = 0; nid < cache->owner->zones->nr_nodes; nid++)
        bad += check_depot(cache, &cache->node[nid], mark, charged);
    for (unsigned int id = 0; id < cpus->nr_max; id++) {
        struct qr_cpu *cpu = cpus->area[id];
        if (cpu && qr_cpu_slot(cpu, cache->slot_id)->cache == cache)
            bad += check_slot(cache, qr_cpu_slot(cpu, cache->slot_id), mark, charged);
    }
    return bad;
}

unsigned long qr_cache_check_lists(struct kmem_cache *cache)
{
    unsigned long bad = 0;

    for (unsigned int nid = 0; nid < cache->owner->zones->nr_nodes; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        struct check_sums sums = {0};
        unsigned long state = qp_lock(&node->lock);
        bad += check_list(cache, node, node->full, node->nr_full, CHECK_FULL, &sums);
        bad += check_list(cache, node, node->partial, node->nr_partial, CHECK_PARTIAL, &sums);
        bad += check_list(cache, node, node->empty, node->nr_empty, CHECK_EMPTY, &sums);
        if (sums.objects != node->nr_objects || sums.free != node->free_objects)
            bad += check_fail(cache, node, "the sums over the slabs differ from the counts");
        qp_unlock(&node->lock, state);
    }
    return bad;
}

static unsigned long check_cache(struct kmem_cache *cache, u64 *charged)
{
    unsigned long bad = qr_cache_check_lists(cache);
    u64 again = 0;

    if (!bad)
        bad = check_stacks(cache, true, charged);
    /* Undo the marks: skipped when something is wrong, since then nothing is trusted any more. What was
     * right a moment ago still is. */
    if (!bad)
        check_stacks(cache, false, &again);
    return bad;
}

/* Callers' writes into free objects of debugged caches, which would otherwise be seen only when the
 * object is handed out again or its slab goes back. Findings of theirs, no contradiction of ours. */
static void check_idle_objects(struct kmem_cache *cache)
{
    if (!cache_is_debugged(cache))
        return;
    for (unsigned int nid = 0; nid < cache->owner->zones->nr_nodes; nid++)
        qr_debug_check_idle(cache, &cache->node[nid]);
}

/* No other thread may be inside the machine. What callers did to free objects comes last: whoever
 * handles those reports may allocate, and changes the counts. */
unsigned long qr_slabs_check(struct qr_slabs *slabs)
{
    struct kmem_cache *cache = NULL;
    unsigned long bad = 0;
    u64 charged = 0;

    while ((cache = qr_cache_next(slabs, cache)) != NULL)
        bad += check_cache(cache, &charged);
    if (!bad && charged != slabs->stacked_bytes)
        bad += check_fail(&slabs->cache_cache, NULL, "the stacks hold another budget than charged");
    while (!bad && (cache = qr_cache_next(slabs, cache)) != NULL)
        check_idle_objects(cache);
    return bad;
}
