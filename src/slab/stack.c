/* SPDX-License-Identifier: MIT */
/* slab/stack: stacks of objects, the depot, and each CPU's slots.
 *
 * Problem. An allocation must touch nothing that another CPU touches, whatever CPU freed the
 * object; and what a CPU keeps for itself must neither grow without bound nor be so little that it
 * is always asking.
 *
 * Idea. A CPU keeps two arrays of object pointers per cache: the *loaded* stack, which it pops and
 * pushes, and the *spare*, which is full or empty. With two, a sequence that goes up and down
 * around a full or empty stack changes stacks once, not at every step. When both are of no use, one
 * is exchanged at the node's *depot* for one of the other kind: a whole stack of objects changes
 * hands for one lock and no look at the objects. Only when the depot has none are objects fetched
 * from the slabs or put back there, a stackful in one lock hold. (Bonwick's magazines.)
 *
 *     slot on CPU 0    loaded [o o o . .]   spare [. . . . .]
 *     slot on CPU 1    loaded [o o . . .]   spare [o o o o o]
 *                            |  ^ exchange
 *     depot of the node      full: [ooooo]->[ooooo]   empty: [.....]->[.....]
 *                            |  ^ fill, flush
 *     slabs
 *
 * Depth. A cache's stacks begin with as many objects as make 2 KiB. Every fourth visit to the depot
 * or the slabs by one CPU's slot (four visits cost about as much as one larger stack) doubles the
 * depth of the cache's new stacks, up to 32 KiB of objects or 512, while the budget is at most half
 * used; a drain for lack of memory sets it back. Old stacks serve until they are empty and a deeper
 * one replaces them.
 *
 * Budget. The objects that all stacks together could hold are at most stacked_limit bytes (1/64 of
 * RAM). A CPU's first stack of a cache may use all of it, every further one only half, so that a
 * burst of frees in one cache, parked in its depot, cannot leave the other caches without stacks.
 * Without a stack the work is done on the slabs directly.
 *
 * Invariants. P1..P4 of base/percpu.h, and: K1: a stack in the depot is full or empty, and so is a
 * spare, beside a loaded one. K2: stacked_bytes is the sum of capacity * slot_size over all stacks.
 * K3: an object is on at most one stack, unless it was freed twice.
 *
 * Locks. A slot belongs to its CPU, in a section; the depot to its node's lock; slot->cache and
 * hooks are set under slabs->lock, and a drain takes whole stacks out under it. The node's lock is taken
 * inside sections, never the other way about. Nothing here sleeps; stacks are made and freed outside
 * sections. */
#include "fast.h"
#include "internal.h"

#define STACK_LEAST 4u
#define STACK_MISSES 4u
#define DEPOT_EMPTY_MAX 64u
/* For what can be done without. Whoever reclaims frees, and would spend the reserve on stacks for it. */
#define STACK_GFP (GFP_NOWAIT | __GFP_NOMEMALLOC)

/* What a slot without a stack points at: empty and full at once. */
static void *const stack_none[1] = {NULL};

/* ---- stacks --------------------------------------------------------------------------------- */

static bool stack_charge(struct qr_slabs *slabs, u64 bytes, u64 limit)
{
    u64 sum;

    if (SLAB_READ(slabs->stacked_bytes) + bytes > limit)
        return false;
    sum = __atomic_add_fetch(&slabs->stacked_bytes, bytes, __ATOMIC_RELAXED);
    if (QR_LIKELY(sum <= limit))
        return true;
    __atomic_fetch_sub(&slabs->stacked_bytes, bytes, __ATOMIC_RELAXED);
    return false;
}

static u64 stack_bytes(const struct kmem_cache *cache, u32 capacity)
{
    return (u64)capacity * cache->slot_size;
}

struct qr_stack *qr_stack_new(struct kmem_cache *cache, u32 capacity, u32 least, bool first)
{
    struct qr_slabs *slabs = cache->owner;
    u64 limit = first ? slabs->stacked_limit : slabs->stacked_limit / 2;
    struct kmem_cache *from;
    struct qr_stack *stack;

    while (!stack_charge(slabs, stack_bytes(cache, capacity), limit)) {
        capacity /= 2;
        if (capacity < least)
            return NULL;
    }
    from = slabs->stack_cache[qr_fls64(capacity / STACK_LEAST)];
    stack = qr_cache_alloc_direct(from, STACK_GFP, NUMA_NO_NODE);
    if (!stack) {
        __atomic_fetch_sub(&slabs->stacked_bytes, stack_bytes(cache, capacity), __ATOMIC_RELAXED);
        return NULL;
    }
    stack->next = NULL;
    stack->nr = 0;
    stack->capacity = capacity;
    stack->floor = NULL;
    return stack;
}

void qr_stack_free(struct kmem_cache *cache, struct qr_stack *stack)
{
    struct qr_slabs *slabs = cache->owner;

    if (!stack)
        return;
    __atomic_fetch_sub(&slabs->stacked_bytes, stack_bytes(cache, stack->capacity),
                       __ATOMIC_RELAXED);
    qr_cache_free_direct(slabs->stack_cache[qr_fls64(stack->capacity / STACK_LEAST)], stack, NULL);
}

/* ---- slots ---------------------------------------------------------------------------------- */

static void slot_set_top(struct qr_slot *slot, void **top)
{
    SLAB_WRITE(slot->top, top);
}

/* Load a stack with its own number of objects (or none at all). */
static void slot_load(struct qr_slot *slot, struct qr_stack *stack)
{
    void **bottom = stack ? stack->object : (void **)stack_none + 1;

    SLAB_WRITE(slot->loaded, stack);
    slot->limit = bottom + (stack ? stack->capacity : 0);
    slot_set_top(slot, bottom + (stack ? stack->nr : 0));
}

static void slot_set_spare(struct qr_slot *slot, struct qr_stack *stack)
{
    SLAB_WRITE(slot->spare, stack);
}

/* The loaded stack (there is one), its number of objects brought up to date. */
static struct qr_stack *slot_unload(struct qr_slot *slot)
{
    struct qr_stack *stack = slot->loaded;

    stack->nr = (u32)(slot->top - stack->object);
    return stack;
}

static void slot_swap(struct qr_slot *slot)
{
    struct qr_stack *old = slot_unload(slot);

    slot_load(slot, slot->spare);
    slot_set_spare(slot, old);
}

static void *slot_pop(struct qr_slot *slot)
{
    void *object = slot->top[-1];

    if (object)
        slot_set_top(slot, slot->top - 1);
    return object;
}

static void slot_push(struct qr_slot *slot, void *object)
{
    *slot->top = object;
    slot_set_top(slot, slot->top + 1);
}

static void slot_clear(struct qr_slot *slot)
{
    slot_load(slot, NULL);
    slot_set_spare(slot, NULL);
}

static void slot_open_locked(struct qr_slot *slot, struct kmem_cache *cache, u32 hooks)
{
    SLAB_WRITE(slot->cache, cache);
    SLAB_WRITE(slot->hooks, hooks);
}

static bool chunk_exists(const struct qr_cpu *cpu, u32 chunk)
{
    return __atomic_load_n(&cpu->chunk[chunk], __ATOMIC_ACQUIRE) != qr_closed_chunk;
}

static struct qr_cpu *slots_cpu(struct qr_slabs *slabs, unsigned int id)
{
    return __atomic_load_n(&slabs->cpus->area[id], __ATOMIC_ACQUIRE);
}

struct qr_slot *qr_slot_of(struct kmem_cache *cache, struct qr_cpu *cpu)
{
    struct qr_slabs *slabs = cache->owner;
    struct qr_slot *slot;
    unsigned long state;

    if (!chunk_exists(cpu, cache->slot_id / QR_CHUNK_SLOTS))
        return NULL;
    slot = qr_cpu_slot(cpu, cache->slot_id);
    if (QR_LIKELY(SLAB_READ(slot->cache) == cache))
        return slot;
    /* The CPU came online while the cache was made, and each missed the other. */
    state = qp_lock(&slabs->lock);
    slot_open_locked(slot, cache, cache->hooks);
    qp_unlock(&slabs->lock, state);
    return slot;
}

/* Slots of chunk @chunk at @slot: cleared, and opened for the caches that have numbers there. */
static void chunk_init_locked(struct qr_slabs *slabs, struct qr_slot *slot, u32 chunk)
{
    struct list_head *pos;

    for (u32 i = 0; i < QR_CHUNK_SLOTS; i++) {
        slot[i].misses = 0;
        slot_clear(&slot[i]);
        slot_open_locked(&slot[i], NULL, QR_HOOK_CLOSED);
    }
    QR_LIST_FOR_EACH (pos, &slabs->caches) {
        struct kmem_cache *cache = QR_LIST_ENTRY(pos, struct kmem_cache, list);
        if (cache->slot_id / QR_CHUNK_SLOTS == chunk)
            slot_open_locked(&slot[cache->slot_id % QR_CHUNK_SLOTS], cache, cache->hooks);
    }
}

bool qr_slot_make(struct kmem_cache *cache)
{
    struct qr_slabs *slabs = cache->owner;
    u32 chunk = cache->slot_id / QR_CHUNK_SLOTS;
    struct page *page;
    struct qr_slot *slot;
    struct qr_cpu *cpu;
    unsigned long section, state;

    if (cache->slot_id == QR_NO_SLOT)
        return false;
    page = qr_alloc_pages(slabs->zones, STACK_GFP | __GFP_ZERO, 0, NUMA_NO_NODE);
    if (!page)
        return false;
    slot = qr_page_virt(slabs->zones->map, page);
    section = qp_percpu_enter(slabs->cpus, &cpu);
    state = qp_lock(&slabs->lock);
    if (qr_cpu_known(cpu) && !chunk_exists(cpu, chunk)) {
        chunk_init_locked(slabs, slot, chunk);
        __atomic_store_n(&cpu->chunk[chunk], slot, __ATOMIC_RELEASE);
        page = NULL;
    }
    qp_unlock(&slabs->lock, state);
    qp_percpu_leave(section);
    if (page)
        qr_free_block(slabs->zones, page, 0);
    return true;
}

void qr_slabs_online(struct qr_slabs *slabs, struct qr_cpu *cpu)
{
    unsigned long state = qp_lock(&slabs->lock);

    chunk_init_locked(slabs, cpu->slot, 0);
    qp_unlock(&slabs->lock, state);
}

void qr_slots_set_locked(struct qr_slabs *slabs, u32 slot_id, struct kmem_cache *cache, u32 hooks)
{
    for (unsigned int id = 0; id < slabs->cpus->nr_max; id++) {
        struct qr_cpu *cpu = slots_cpu(slabs, id);
        if (cpu && chunk_exists(cpu, slot_id / QR_CHUNK_SLOTS))
            slot_open_locked(qr_cpu_slot(cpu, slot_id), cache, hooks);
    }
}

/* Caches whose slots are closed take the slow way anyway. A slot set anew meanwhile lacks the bit:
 * its cache is not sampled this time. */
void qr_slots_sample(struct qr_slabs *slabs, bool open)
{
    unsigned long state = qp_lock(&slabs->lock);

    for (unsigned int id = 0; id < slabs->cpus->nr_max; id++) {
        struct qr_cpu *cpu = slots_cpu(slabs, id);
        /* Numbers are given from the lowest up, and the chunk behind the last is never there. */
        for (u32 i = 0; cpu && chunk_exists(cpu, i / QR_CHUNK_SLOTS); i++) {
            u32 *hooks = &qr_cpu_slot(cpu, i)->hooks;
            if (SLAB_READ(*hooks) & QR_HOOK_CLOSED)
                continue;
            if (open)
                __atomic_fetch_or(hooks, QR_HOOK_SAMPLE, __ATOMIC_RELAXED);
            else
                __atomic_fetch_and(hooks, ~QR_HOOK_SAMPLE, __ATOMIC_RELAXED);
        }
    }
    qp_unlock(&slabs->lock, state);
}

/* ---- the depot ------------------------------------------------------------------------------ */

static struct qr_stack *depot_pop(struct qr_stack **list, u32 *nr)
{
    struct qr_stack *stack = *list;

    if (stack) {
        *list = stack->next;
        stack->next = NULL;
        __atomic_store_n(nr, *nr - 1, __ATOMIC_RELAXED); /* others look without the lock */
    }
    return stack;
}

static void depot_push(struct qr_stack **list, u32 *nr, struct qr_stack *stack)
{
    stack->next = *list;
    *list = stack;
    __atomic_store_n(nr, *nr + 1, __ATOMIC_RELAXED);
}

static void depot_count(struct kmem_cache *cache, struct qr_cache_node *node,
                        struct qr_stack *stack, bool in)
{
    if (in) {
        node->stacked_objects += stack->nr;
        __atomic_fetch_add(&cache->owner->depot_stacks, 1, __ATOMIC_RELAXED);
    } else {
        node->stacked_objects -= stack->nr;
        __atomic_fetch_sub(&cache->owner->depot_stacks, 1, __ATOMIC_RELAXED);
    }
}

/* A full stack in exchange for an empty one; NULL when there is none (the empty one stays). What
 * the depot does not want of empty ones comes back in *surplus. */
static struct qr_stack *depot_swap_for_full(struct kmem_cache *cache, struct qr_cache_node *node,
                                            struct qr_stack *empty, struct qr_stack **surplus)
{
    unsigned long state = qp_lock(&node->lock);
    struct qr_stack *full = depot_pop(&node->full_stacks, &node->nr_full_stacks);

    *surplus = NULL;
    if (full) {
        depot_count(cache, node, full, false);
        if (!empty)
            ;
        else if (node->nr_empty_stacks < DEPOT_EMPTY_MAX &&
                 empty->capacity >= SLAB_READ(cache->depth))
            depot_push(&node->empty_stacks, &node->nr_empty_stacks, empty);
        else
            *surplus = empty;
    }
    qp_unlock(&node->lock, state);
    return full;
}

/* An empty stack, the depot's or *fresh, while a full one (or NULL) goes in; NULL when there is
 * none, and then the full one stays. */
static struct qr_stack *depot_swap_for_empty(struct kmem_cache *cache, struct qr_cache_node *node,
                                             struct qr_stack *full, struct qr_stack **fresh)
{
    unsigned long state = qp_lock(&node->lock);
    struct qr_stack *empty = *fresh;

    if (empty)
        *fresh = NULL;
    else
        empty = depot_pop(&node->empty_stacks, &node->nr_empty_stacks);
    if (empty && full) {
        depot_push(&node->full_stacks, &node->nr_full_stacks, full);
        depot_count(cache, node, full, true);
    }
    qp_unlock(&node->lock, state);
    return empty;
}

/* The objects of a stack go back to the slabs. */
static void stack_flush(struct kmem_cache *cache, struct qr_stack *stack, struct slab_batch *batch)
{
    struct slab_bad bad = {0};

    qr_nodes_put(cache, stack->object, stack->nr, batch, &bad);
    stack->nr = 0;
    qr_report_bad_puts(cache, &bad, "a free");
}

void qr_depots_flush(struct kmem_cache *cache, struct slab_batch *batch)
{
    for (unsigned int nid = 0; nid < cache->owner->zones->nr_nodes; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        for (;;) {
            unsigned long state = qp_lock(&node->lock);
            struct qr_stack *stack = depot_pop(&node->full_stacks, &node->nr_full_stacks);
            if (stack)
                depot_count(cache, node, stack, false);
            else
                stack = depot_pop(&node->empty_stacks, &node->nr_empty_stacks);
            qp_unlock(&node->lock, state);
            if (!stack)
                break;
            stack_flush(cache, stack, batch);
            qr_stack_free(cache, stack);
        }
    }
}

/* ---- one step on a CPU's stacks -------------------------------------------------------------- */

/* The slot's owner had to leave its own stacks: often enough, and the stacks are too small. */
static void slot_missed(struct kmem_cache *cache, struct qr_cpu *cpu, struct qr_slot *slot)
{
    struct qr_slabs *slabs = cache->owner;
    u32 depth = SLAB_READ(cache->depth);

    qr_count(cpu, QR_EV_SLAB_MISS, 1);
    if (++slot->misses < STACK_MISSES)
        return;
    slot->misses = 0;
    if (depth < cache->max_depth && SLAB_READ(slabs->stacked_bytes) < slabs->stacked_limit / 2)
        SLAB_WRITE(cache->depth, depth * 2);
}

/* The slot has a stack to work with, if one can be had. */
static enum slot_step slot_ensure(struct slot_work *work, struct qr_slot *slot)
{
    if (slot->loaded)
        return SLOT_DONE;
    if (!work->fresh) {
        work->first = true;
        return work->no_stack ? SLOT_UNUSABLE : SLOT_NEEDS_STACK;
    }
    slot_load(slot, work->fresh);
    work->fresh = NULL;
    return SLOT_DONE;
}

/* An empty stack has left the slot: it becomes the spare if there is none. */
static void slot_keep_spare(struct slot_work *work, struct qr_slot *slot, struct qr_stack *empty)
{
    if (!empty)
        return;
    empty->nr = 0;
    if (!slot->spare) {
        slot_set_spare(slot, empty);
    } else {
        empty->next = work->retired;
        work->retired = empty;
    }
}

/* The loaded stack is empty and so is the spare: get a full stack, or fill this one. */
static enum slot_step slot_refill(struct slot_work *work, struct qr_cpu *cpu, struct qr_slot *slot)
{
    struct kmem_cache *cache = work->cache;
    struct qr_cache_node *node = &cache->node[cpu->nid];
    struct qr_stack *full, *surplus, *old = slot->loaded;

    if (SLAB_READ(node->nr_full_stacks)) {
        old->nr = 0;
        full = depot_swap_for_full(cache, node, slot->spare ? old : NULL, &surplus);
        if (full) {
            qr_count(cpu, QR_EV_DEPOT_SWAP, 1);
            slot_keep_spare(work, slot, slot->spare ? surplus : old);
            slot_load(slot, full);
            return SLOT_DONE;
        }
    }
    if (old->capacity < SLAB_READ(cache->depth)) {
        if (!work->fresh && !work->no_stack) {
            work->first = false;
            return SLOT_NEEDS_STACK;
        }
        if (work->fresh && work->fresh->capacity > old->capacity) {
            struct qr_stack *deeper = work->fresh;
            work->fresh = NULL;
            slot_load(slot, deeper);
            slot_keep_spare(work, slot, old);
        }
    }
    slot->loaded->nr = qr_node_take(cache, cpu->nid, slot->loaded->object, slot->loaded->capacity);
    if (!slot->loaded->nr)
        return SLOT_NEEDS_SLAB;
    slot_load(slot, slot->loaded);
    return SLOT_DONE;
}

enum slot_step qr_slot_alloc_step(struct slot_work *work, struct qr_cpu *cpu, struct qr_slot *slot)
{
    enum slot_step step = slot_ensure(work, slot);

    if (step != SLOT_DONE)
        return step;
    work->object = slot_pop(slot);
    if (work->object)
        return SLOT_DONE;
    if (slot->spare && slot->spare->nr) {
        slot_swap(slot);
    } else {
        step = slot_refill(work, cpu, slot);
        if (step == SLOT_NEEDS_STACK)
            return step;
        slot_missed(work->cache, cpu, slot);
        if (step != SLOT_DONE)
            return step;
    }
    work->object = slot_pop(slot);
    return SLOT_DONE;
}

/* Both stacks are full and there is no empty one to be had: the older objects go back to the slabs.
 * Without a spare only the lower half goes, so that the next allocations find something. */
static void slot_flush_older(struct slot_work *work, struct qr_slot *slot)
{
    struct qr_stack *stack = slot->spare;
    u32 half;

    if (stack) {
        qr_nodes_put(work->cache, stack->object, stack->nr, &work->batch, &work->bad);
        stack->nr = 0;
        slot_swap(slot);
    } else {
        stack = slot_unload(slot);
        half = (stack->nr + 1) / 2;
        qr_nodes_put(work->cache, stack->object, half, &work->batch, &work->bad);
        stack->nr -= half;
        memmove(stack->object, stack->object + half, stack->nr * sizeof(void *));
        slot_load(slot, stack);
    }
}

/* The loaded stack is full, and the spare is full or absent: make room. */
static enum slot_step slot_make_room(struct slot_work *work, struct qr_cpu *cpu,
                                     struct qr_slot *slot)
{
    struct kmem_cache *cache = work->cache;
    struct qr_cache_node *node = &cache->node[cpu->nid];
    struct qr_stack *empty = NULL;

    if (work->fresh || SLAB_READ(node->nr_empty_stacks))
        empty = depot_swap_for_empty(cache, node, slot->spare, &work->fresh);
    if (!empty && !work->no_stack) {
        work->first = false;
        return SLOT_NEEDS_STACK;
    }
    slot_missed(cache, cpu, slot);
    if (!empty) {
        slot_flush_older(work, slot);
        return SLOT_DONE;
    }
    qr_count(cpu, QR_EV_DEPOT_SWAP, 1);
    slot_set_spare(slot, slot_unload(slot));
    slot_load(slot, empty);
    return SLOT_DONE;
}

enum slot_step qr_slot_free_step(struct slot_work *work, struct qr_cpu *cpu, struct qr_slot *slot)
{
    enum slot_step step = slot_ensure(work, slot);

    if (step != SLOT_DONE)
        return step;
    if (slot->top[-1] == work->object)
        return SLOT_DOUBLE_FREE;
    if (slot->top == slot->limit) {
        if (slot->spare && !slot->spare->nr) {
            slot_swap(slot);
        } else {
            step = slot_make_room(work, cpu, slot);
            if (step != SLOT_DONE)
                return step;
        }
    }
    slot_push(slot, work->object);
    return SLOT_DONE;
}

u32 qr_slot_take(struct qr_slot *slot, void **objects, u32 nr)
{
    u32 taken = 0;

    while (slot->loaded) { /* and then the spare, which leaves an empty one there */
        u32 got = QR_MIN((u32)(slot->top - slot->loaded->object), nr - taken);
        memcpy(objects + taken, slot->top - got, got * sizeof(void *));
        slot_set_top(slot, slot->top - got);
        taken += got;
        if (taken == nr || !slot->spare || !slot->spare->nr)
            break;
        slot_swap(slot);
    }
    return taken;
}

/* ---- draining ------------------------------------------------------------------------------- */

/* What a slot held, taken out of it. The cache is in the taker's hands. */
struct slot_load_out {
    struct kmem_cache *cache;
    struct qr_stack *stack[2];
};

static void slot_take_out_locked(struct qr_slot *slot, struct slot_load_out *out)
{
    out->cache = slot->cache;
    out->stack[0] = slot_unload(slot);
    out->stack[1] = slot->spare;
    slot_clear(slot);
    slot->misses = 0;
    qr_cache_in_hand_locked(out->cache);
}

/* Under the lock, since whoever destroys the cache takes out of slots of CPUs that are not his. */
static bool slot_take_out(struct qr_slabs *slabs, struct qr_slot *slot, struct slot_load_out *out)
{
    unsigned long state;
    bool some;

    if (!SLAB_READ(slot->loaded))
        return false;
    state = qp_lock(&slabs->lock);
    some = SLAB_READ(slot->loaded) != NULL;
    if (some)
        slot_take_out_locked(slot, out);
    qp_unlock(&slabs->lock, state);
    return some;
}

static void slot_give_back(struct slot_load_out *out)
{
    struct slab_batch batch = {0};

    for (int i = 0; i < 2; i++) {
        if (!out->stack[i])
            continue;
        stack_flush(out->cache, out->stack[i], &batch);
        qr_stack_free(out->cache, out->stack[i]);
    }
    qr_slab_release(out->cache, &batch);
    qr_cache_out_of_hand(out->cache);
}

/* Every slot of a CPU that is the caller's: its own (@enter: each slot in a section), or one that
 * nobody runs on. */
static void cpu_drain(struct qr_slabs *slabs, struct qr_cpu *cpu, bool enter)
{
    for (u32 chunk = 0; chunk < QR_CLOSED_CHUNK; chunk++) {
        if (!chunk_exists(cpu, chunk))
            continue;
        for (u32 i = 0; i < QR_CHUNK_SLOTS; i++) {
            struct slot_load_out out;
            struct qr_cpu *here = cpu;
            unsigned long section = enter ? qp_percpu_enter(slabs->cpus, &here) : 0;
            bool some = here == cpu && slot_take_out(slabs, &cpu->chunk[chunk][i], &out);
            if (enter)
                qp_percpu_leave(section);
            if (some)
                slot_give_back(&out);
        }
    }
}

/* Close every slot of a CPU for its next fast way, so that even one that never misses notices that it is
 * asked to drain; or open them. The request changes with the slots, under the lock: one that stayed with
 * open slots would not be noticed, one that went before closed slots would leave them closed. */
static void cpu_stop_slots(struct qr_slabs *slabs, struct qr_cpu *cpu, bool stop)
{
    unsigned long state = qp_lock(&slabs->lock);

    for (u32 chunk = 0; chunk < QR_CLOSED_CHUNK; chunk++) {
        if (!chunk_exists(cpu, chunk))
            continue;
        for (u32 i = 0; i < QR_CHUNK_SLOTS; i++) {
            u32 *hooks = &cpu->chunk[chunk][i].hooks;
            if (stop)
                __atomic_fetch_or(hooks, QR_HOOK_STOPPED, __ATOMIC_RELAXED);
            else
                __atomic_fetch_and(hooks, ~QR_HOOK_STOPPED, __ATOMIC_RELAXED);
        }
    }
    if (stop)
        qr_cpu_ask_drain(cpu, QR_DRAIN_STACKS);
    else
        qr_cpu_drain_asked(cpu, QR_DRAIN_STACKS);
    qp_unlock(&slabs->lock, state);
}

void qr_slabs_drain_cpu(struct qr_slabs *slabs, struct qr_cpu *cpu)
{
    /* Whoever has this CPU's number next starts with open slots. */
    cpu_stop_slots(slabs, cpu, false);
    cpu_drain(slabs, cpu, false);
}

void qr_stacks_honour_drain(struct qr_slabs *slabs, struct qr_cpu *cpu)
{
    if (QR_LIKELY(!qr_cpu_known(cpu)) || QR_LIKELY(!qr_cpu_drain_pending(cpu, QR_DRAIN_STACKS)))
        return;
    cpu_stop_slots(slabs, cpu, false);
    cpu_drain(slabs, cpu, true);
}

static void caches_flush_depots(struct qr_slabs *slabs, bool shallow)
{
    struct kmem_cache *cache = NULL;

    while ((cache = qr_cache_next(slabs, cache)) != NULL) {
        struct slab_batch batch = {0};
        if (shallow)
            SLAB_WRITE(cache->depth, cache->first_depth);
        qr_cache_in_hand(cache);
        qr_depots_flush(cache, &batch);
        qr_slab_release(cache, &batch);
        qr_cache_out_of_hand(cache);
    }
}

void qr_depots_trim(struct qr_slabs *slabs)
{
    if (SLAB_READ(slabs->depot_stacks))
        caches_flush_depots(slabs, false);
}

void qr_slabs_drain_all(struct qr_slabs *slabs)
{
    struct qr_cpu *here;
    unsigned long section = qp_percpu_enter(slabs->cpus, &here);

    qp_percpu_leave(section);
    for (unsigned int id = 0; id < slabs->cpus->nr_max; id++) {
        struct qr_cpu *cpu = slots_cpu(slabs, id);
        if (!cpu || cpu == here)
            continue;
        if (qr_cpu_drain_begin(cpu)) {
            cpu_drain(slabs, cpu, false);
            qr_cpu_drain_end(cpu);
        } else {
            cpu_stop_slots(slabs, cpu, true);
        }
    }
    if (qr_cpu_known(here))
        cpu_drain(slabs, here, true);
    caches_flush_depots(slabs, true);
}

/* One cache's slot on one CPU, if the CPU is the caller's to touch, or nobody uses the cache any more. */
static void slot_flush(struct kmem_cache *cache, struct qr_cpu *cpu)
{
    struct slot_load_out out;

    if (chunk_exists(cpu, cache->slot_id / QR_CHUNK_SLOTS) &&
        slot_take_out(cache->owner, qr_cpu_slot(cpu, cache->slot_id), &out))
        slot_give_back(&out);
}

void qr_slots_flush(struct kmem_cache *cache, bool all)
{
    struct qr_slabs *slabs = cache->owner;
    struct qr_cpu *here;
    unsigned long section;

    section = qp_percpu_enter(slabs->cpus, &here);
    if (qr_cpu_known(here))
        slot_flush(cache, here);
    qp_percpu_leave(section);
    for (unsigned int id = 0; id < slabs->cpus->nr_max; id++) {
        struct qr_cpu *cpu = slots_cpu(slabs, id);
        if (!cpu || cpu == here)
            continue;
        if (qr_cpu_drain_begin(cpu)) {
            slot_flush(cache, cpu);
            qr_cpu_drain_end(cpu);
        } else if (all) {
            slot_flush(cache, cpu);
        }
    }
}
