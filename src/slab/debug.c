/* SPDX-License-Identifier: MIT */
/* slab/debug: red zones, poison, owners.
 *
 * Problem. A program that writes past an object, or into one it has freed, damages somebody else,
 * and the damage shows far away and much later. It should be told at the next opportunity, to the
 * byte, with the place in the program that had the object.
 *
 * Idea. A debugged cache is direct: every allocation and free looks at the slab itself. Around and
 * in each object lie known patterns, checked when the object changes hands:
 *
 *     place of a live object    |cc cc ..|  requested bytes: the owner's  |cc cc .. cc|meta|
 *     place of a free object    |bb bb ..|6b 6b 6b 6b 6b 6b 6b 6b 6b .. a5|bb bb .. bb|meta|
 *                               left_pad                                  ^ up to track_offset
 *
 * The right red zone of a live object begins behind what was *asked for*, not behind the class that
 * kmalloc rounded up to: a string one byte too long is seen even where the class had room. Live and
 * free red zones differ, so that the pattern says which of the two was overwritten.
 *
 * Freed objects are handed out again as late as possible: a cache takes places in turn, not the
 * last one freed, so that a write after free meets the poison and not a new owner's data.
 *
 * After a report the patterns are written anew and the object goes on its way: its own state is
 * intact.
 *
 * Letters of slab_debug=: F exact bitmap and nothing more; Z red zones; P poison; U owner records
 * with backtraces; T a line on the console for every allocation and free.
 *
 * Invariants. D1: objects of caches with a constructor, and of SLAB_TYPESAFE_BY_RCU caches, are
 * never written by poison; their red zones lie outside the object (G-S11). D2: what a free checks
 * and writes it does under the node's lock, so that of two frees of one object one finds it free.
 * Reports are made without it.
 *
 * Cost. Every byte of an object is touched at each allocation and free. */
#include "internal.h"

#define DEBUG_POISON 0x6b     /* free */
#define DEBUG_POISON_END 0xa5 /* its last byte, so that an overlong fill is told from poison */
#define DEBUG_FRESH 0x5a      /* handed out and not written yet */
#define DEBUG_RED_FREE 0xbb
#define DEBUG_RED_LIVE 0xcc
#define DEBUG_DUMP 16

/* Bytes that are not what they should be. Offsets count from the object's start. */
struct debug_damage {
    bool found, in_object;
    long first, last;
    u8 expected;
    u8 dump[DEBUG_DUMP];
    u32 dumped;
    struct qr_owner owner; /* who allocated (live) or freed (free) the object */
};

static bool debug_has_red(const struct kmem_cache *cache)
{
    return (cache->flags & SLAB_RED_ZONE) != 0;
}

static bool debug_poisons(const struct kmem_cache *cache)
{
    return (cache->flags & SLAB_POISON) && cache_may_scribble(cache);
}

static bool debug_tracks(const struct kmem_cache *cache)
{
    return (cache->flags & SLAB_STORE_USER) != 0;
}

/* ---- what a detector lets callers touch -------------------------------------------------------- */

/* A place from its left red zone up to its record; without one there is no red zone either. */
static char *debug_place_start(const struct kmem_cache *cache, char *object)
{
    return object - cache->left_pad;
}

static char *debug_place_end(const struct kmem_cache *cache, char *object)
{
    return object + (cache->track_offset ? cache->track_offset : cache->slot_size);
}

static bool debug_is_watched(const struct kmem_cache *cache)
{
    return qr_watched(cache->owner->check);
}

/* All of a place is Quarry's to touch. */
static void debug_open(const struct kmem_cache *cache, void *object)
{
    char *start = debug_place_start(cache, object);

    if (debug_is_watched(cache))
        qp_take_over(start, (size_t)(debug_place_end(cache, object) - start));
    else if (SLAB_READ(cache->hooks) & QR_HOOK_OBSERVED)
        qp_take_over(object, cache->object_size);
}

/* Its first @size bytes are its owner's, the rest is nobody's. */
static void debug_close_around(const struct kmem_cache *cache, char *object, size_t size)
{
    if (!debug_is_watched(cache))
        return;
    qp_hand_over(debug_place_start(cache, object), cache->left_pad);
    qp_hand_over(object + size, (size_t)(debug_place_end(cache, object) - object) - size);
}

/* It is free: nobody's, but that readers may still look where the cache says so. */
void qr_debug_close(const struct kmem_cache *cache, char *object)
{
    char *start = debug_place_start(cache, object);

    if (!debug_is_watched(cache)) {
        if (SLAB_READ(cache->hooks) & QR_HOOK_OBSERVED)
            qp_hand_over(object, cache->object_size);
    } else if (cache->flags & SLAB_TYPESAFE_BY_RCU) {
        debug_close_around(cache, object, cache->object_size);
    } else {
        qp_hand_over(start, (size_t)(debug_place_end(cache, object) - start));
    }
}

void qr_debug_open_slab(struct kmem_cache *cache, struct page *page)
{
    if (debug_is_watched(cache))
        qp_take_over(slab_base(cache, page), PAGE_SIZE << slab_order(page));
}

/* ---- patterns -------------------------------------------------------------------------------- */

static void debug_set_red(struct kmem_cache *cache, char *object, u8 pattern, size_t from)
{
    if (!debug_has_red(cache))
        return;
    memset(object - cache->left_pad, pattern, cache->left_pad);
    memset(object + from, pattern, cache->track_offset - from);
}

static void debug_set_poison(struct kmem_cache *cache, char *object)
{
    memset(object, DEBUG_POISON, cache->object_size - 1);
    object[cache->object_size - 1] = (char)DEBUG_POISON_END;
}

/* Compare [from, to) of an object with a pattern; the first difference of all is kept. */
static void debug_compare(struct debug_damage *damage, const u8 *object, long from, long to,
                          u8 expected)
{
    long first = from, last = to - 1;

    if (damage->found)
        return;
    while (first < to && object[first] == expected)
        first++;
    if (first == to)
        return;
    while (object[last] == expected)
        last--;
    damage->found = true;
    damage->first = first;
    damage->last = last;
    damage->expected = expected;
    damage->dumped = (u32)QR_MIN(last - first + 1, (long)DEBUG_DUMP);
    memcpy(damage->dump, object + first, damage->dumped);
}

static void debug_check_red(struct kmem_cache *cache, struct debug_damage *damage, void *object,
                            u8 pattern, size_t from)
{
    if (!debug_has_red(cache))
        return;
    debug_compare(damage, object, -(long)cache->left_pad, 0, pattern);
    debug_compare(damage, object, (long)from, (long)cache->track_offset, pattern);
}

/* What a free object should look like. */
static void debug_check_free(struct kmem_cache *cache, struct debug_damage *damage, void *object)
{
    long size = (long)cache->object_size;

    if (debug_poisons(cache)) {
        debug_compare(damage, object, 0, size - 1, DEBUG_POISON);
        debug_compare(damage, object, size - 1, size, DEBUG_POISON_END);
        damage->in_object = damage->found;
    }
    debug_check_red(cache, damage, object, DEBUG_RED_FREE, cache->object_size);
    if (damage->found && debug_tracks(cache))
        damage->owner = slab_meta(cache, object)->freed;
}

static void debug_check_live(struct kmem_cache *cache, struct debug_damage *damage, void *object)
{
    struct qr_meta *meta = slab_meta(cache, object);

    if (!debug_has_red(cache))
        return;
    /* The size is guarded by the very bytes it describes: if it was overwritten, so was the red
     * zone. */
    debug_check_red(cache, damage, object, DEBUG_RED_LIVE,
                    (size_t)QR_MIN(meta->requested, (u64)cache->object_size));
    if (damage->found && debug_tracks(cache))
        damage->owner = meta->allocated;
}

void qr_debug_init_object(struct kmem_cache *cache, void *object)
{
    debug_set_red(cache, object, DEBUG_RED_FREE, cache->object_size);
    if (debug_poisons(cache))
        debug_set_poison(cache, object);
    if (cache->track_offset) {
        memset(slab_meta(cache, object), 0, QR_META_SHORT);
        slab_meta(cache, object)->requested = cache->object_size;
        if (debug_tracks(cache))
            memset(&slab_meta(cache, object)->allocated, 0, 2 * sizeof(struct qr_owner));
    }
}

/* ---- reports --------------------------------------------------------------------------------- */

static void debug_dump_text(const struct debug_damage *damage, struct qr_text *text)
{
    for (u32 i = 0; i < damage->dumped; i++)
        qr_text_add(text, i ? " %02x" : "%02x", damage->dump[i]);
    if (damage->last - damage->first + 1 > (long)damage->dumped)
        qr_text_add(text, " …");
}

static void debug_report(struct kmem_cache *cache, const struct debug_damage *damage, void *object,
                         bool live, const char *what)
{
    struct qr_check *check = cache->owner->check;
    struct quarry_trace before;
    struct quarry_report report = {.kind =
                                       damage->in_object ? QUARRY_USE_AFTER_FREE : QUARRY_OVERRUN,
                                   .address = object,
                                   .size = cache->object_size,
                                   .cache = cache->name,
                                   .before_is = live ? "allocated by" : "freed by"};
    char dump[DEBUG_DUMP * 3 + 8];
    struct qr_text text = {dump, sizeof(dump), 0};

    debug_dump_text(damage, &text);
    if (damage->owner.trace) {
        qr_trace_load(check, damage->owner.trace, &before);
        report.before = &before;
    }
    qr_report(check, &report,
              "%s: the %s object at %p of cache %s (%u bytes) was written %s: bytes %ld to %ld, "
              "counted from its start, hold %s instead of %02x",
              what, live ? "live" : "free", object, cache->name, cache->object_size,
              damage->in_object ? "after it was freed" : "beyond its bounds", damage->first,
              damage->last, dump, damage->expected);
}

/* ---- counts and traces ----------------------------------------------------------------------- */

static void debug_count_alloc(struct kmem_cache *cache)
{
    unsigned long live = __atomic_add_fetch(&cache->live, 1, __ATOMIC_RELAXED);

    __atomic_fetch_add(&cache->nr_alloc, 1, __ATOMIC_RELAXED);
    if (live > SLAB_READ(cache->peak))
        SLAB_WRITE(cache->peak, live);
    qr_live_add(cache->owner->check, cache->object_size);
}

static void debug_count_free(struct kmem_cache *cache)
{
    __atomic_fetch_sub(&cache->live, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&cache->nr_free, 1, __ATOMIC_RELAXED);
    qr_live_remove(cache->owner->check, cache->object_size);
}

static void debug_trace(const char *verb, const struct kmem_cache *cache, const void *object)
{
    if (cache->flags & SLAB_TRACE)
        qr_print("quarry: trace: %s %p, cache %s, %u bytes, task %u\n", verb, object, cache->name,
                 cache->object_size, qp_task_id());
}

/* ---- allocation ------------------------------------------------------------------------------ */

static void *debug_take(struct kmem_cache *cache, gfp_t gfp, int nid)
{
    unsigned int nr = cache->owner->zones->nr_nodes, node = 0;
    void *object;

    if (nid != NUMA_NO_NODE) {
        node = (unsigned int)nid;
    } else if (nr > 1) {
        struct qr_cpu *cpu;
        unsigned long section = qp_percpu_enter(cache->owner->cpus, &cpu);
        node = cpu->nid;
        qp_percpu_leave(section);
    }
    for (;;) {
        enum slab_growth growth;
        object = qr_node_take_rotating(cache, node);
        if (object)
            return object;
        growth = qr_slab_grow(cache, gfp, nid, node);
        for (unsigned int i = 0; i < nr; i++)
            if ((i == node || !(gfp & __GFP_THISNODE)) &&
                (object = qr_node_take_rotating(cache, i)) != NULL)
                return object;
        if (growth == SLAB_NOWHERE)
            return NULL;
    }
}

void *qr_debug_alloc(struct kmem_cache *cache, gfp_t gfp, int nid, size_t size, const char *what)
{
    struct debug_damage damage = {0};
    void *object = debug_take(cache, gfp, nid);

    if (!object)
        return NULL;
    debug_open(cache, object);
    debug_check_free(cache, &damage, object);
    if (QR_UNLIKELY(damage.found))
        debug_report(cache, &damage, object, false, what);
    if (cache->track_offset)
        qr_profile_out(cache, object, size);
    if ((gfp & __GFP_ZERO) || (SLAB_READ(cache->hooks) & QR_HOOK_INIT_ALLOC))
        memset(object, 0, cache->object_size);
    else if (debug_poisons(cache))
        memset(object, DEBUG_FRESH, cache->object_size);
    debug_set_red(cache, object, DEBUG_RED_LIVE, size);
    if (debug_tracks(cache))
        qr_owner_set(cache->owner->check, &slab_meta(cache, object)->allocated, gfp, qp_task_id());
    debug_count_alloc(cache);
    debug_trace("alloc", cache, object);
    qr_note_block(cache->owner->check, object, size,
                  (gfp & __GFP_ZERO) || !cache_may_scribble(cache) ||
                          (SLAB_READ(cache->hooks) & QR_HOOK_INIT_ALLOC)
                      ? QP_BLOCK_WRITTEN
                      : QP_BLOCK_FRESH);
    debug_close_around(cache, object, size);
    return object;
}

/* ---- free ------------------------------------------------------------------------------------ */

void qr_debug_free(struct kmem_cache *cache, struct page *page, void *object, const char *what)
{
    struct qr_cache_node *node = qr_slab_node(cache, page);
    u32 index = slab_index(cache, page, object);
    struct debug_damage damage = {0};
    struct slab_batch batch = {0};
    struct qr_owner freed = {0};
    unsigned long state;

    if (debug_tracks(cache))
        qr_owner_set(cache->owner->check, &freed, 0, qp_task_id());
    state = qp_lock(&node->lock);
    if (QR_UNLIKELY(qr_slab_bit(cache, page, index))) {
        qp_unlock(&node->lock, state);
        qr_report_double_free(cache, object, what);
        return;
    }
    if (debug_is_watched(cache))
        debug_open(cache, object);
    debug_check_live(cache, &damage, object);
    if (debug_poisons(cache))
        debug_set_poison(cache, object);
    else if (SLAB_READ(cache->hooks) & QR_HOOK_INIT_FREE)
        memset(object, 0, cache->object_size);
    debug_set_red(cache, object, DEBUG_RED_FREE, cache->object_size);
    if (cache->track_offset)
        qr_profile_in(cache, object);
    if (debug_tracks(cache))
        slab_meta(cache, object)->freed = freed;
    debug_count_free(cache);
    debug_trace("free", cache, object);
    qr_note_block(cache->owner->check, object, cache->object_size, QP_BLOCK_FREED);
    qr_debug_close(cache, object);
    if (QR_UNLIKELY(damage.found))
        qr_cache_hold(cache);
    qr_node_put_locked(cache, node, page, index, &batch);
    qp_unlock(&node->lock, state);
    /* A destroyed cache may be gone from here on, unless it is held or a slab is left in @batch. */
    if (QR_UNLIKELY(damage.found))
        debug_report(cache, &damage, object, true, what);
    qr_slab_release(cache, &batch);
    if (QR_UNLIKELY(damage.found))
        qr_cache_put(cache);
}

void qr_debug_check_slab(struct kmem_cache *cache, struct page *page)
{
    u32 nr = slab_objects(cache, page);

    for (u32 i = 0; i < nr; i++) {
        struct debug_damage damage = {0};
        void *object = slab_object(cache, page, i);
        debug_check_free(cache, &damage, object);
        if (QR_UNLIKELY(damage.found))
            debug_report(cache, &damage, object, false, "giving back a slab");
    }
}

/* The next damaged free object of a list of slabs that stay, made good; NULL: there is none. The
 * node's lock is held. */
static void *debug_mend_list(struct kmem_cache *cache, u32 head, struct debug_damage *damage)
{
    const struct qr_map *map = slab_map(cache);
    u32 pfn = head;

    while (pfn) {
        struct page *page = qr_page(map, pfn);
        for (u32 i = 0, nr = slab_objects(cache, page); i < nr; i++) {
            void *object = slab_object(cache, page, i);
            if (!qr_slab_bit(cache, page, i))
                continue;
            if (debug_is_watched(cache))
                debug_open(cache, object);
            debug_check_free(cache, damage, object);
            if (QR_UNLIKELY(damage->found)) {
                debug_set_red(cache, object, DEBUG_RED_FREE, cache->object_size);
                if (debug_poisons(cache))
                    debug_set_poison(cache, object);
            }
            if (debug_is_watched(cache))
                qr_debug_close(cache, object);
            if (QR_UNLIKELY(damage->found))
                return object;
        }
        pfn = page->quarry_slab.next == head ? 0 : page->quarry_slab.next;
    }
    return NULL;
}

/* Reported without the lock: whoever handles the report may allocate. */
void qr_debug_check_idle(struct kmem_cache *cache, struct qr_cache_node *node)
{
    void *object;

    do {
        struct debug_damage damage = {0};
        unsigned long state = qp_lock(&node->lock);
        object = debug_mend_list(cache, node->partial, &damage);
        if (!object)
            object = debug_mend_list(cache, node->empty, &damage);
        qp_unlock(&node->lock, state);
        if (object)
            debug_report(cache, &damage, object, false, "looking at all free objects");
    } while (object);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

size_t qr_object_usable(const struct kmem_cache *cache)
{
    return cache->object_size;
}

size_t qr_object_granted(const struct qr_object *object)
{
    struct kmem_cache *cache = object->cache;

    if (!debug_has_red(cache))
        return cache->object_size;
    return (size_t)QR_MIN(slab_meta(cache, object->start)->requested, (u64)cache->object_size);
}

void qr_object_resize(const struct qr_object *object, size_t size)
{
    struct kmem_cache *cache = object->cache;
    struct debug_damage damage = {0};

    if (debug_is_watched(cache))
        debug_open(cache, object->start);
    if (debug_has_red(cache)) {
        debug_check_live(cache, &damage, object->start);
        if (damage.found)
            debug_report(cache, &damage, object->start, true, "krealloc");
        slab_meta(cache, object->start)->requested = size;
        debug_set_red(cache, object->start, DEBUG_RED_LIVE, size);
    }
    debug_close_around(cache, object->start, size);
}
