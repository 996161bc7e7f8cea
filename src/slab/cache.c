/* SPDX-License-Identifier: MIT */
/* slab/cache: caches made, destroyed, shrunk; options and hooks.
 *
 * Problem. A cache is a public object with a long life and a difficult end: objects may still be
 * live when it is destroyed, other CPUs keep some of its objects on their stacks, reclaim may be
 * walking over it, and the memory of its own record comes from a cache.
 *
 * Idea. The record of every cache comes from cache_cache, whose own record is embedded in struct
 * qr_slabs. References decide when a record goes: one for whoever made it, one per slab, one per
 * walk. Destroying a cache gives up the first; with live objects their slabs keep it alive, closed
 * to allocation and nameless, until the last object comes back (G-D1).
 *
 * Hands. Reclaim empties other people's stacks, depots and slabs, and between taking something out and
 * giving it back it is on no list: its objects look live, and its destructor is still to be called. Such
 * a cache is in somebody's hands, which is counted, and whoever destroys it waits for them.
 *
 * Slot numbers. A cache gets a number when it is made, the lowest free one, and keeps it until its
 * record goes; the number is what a slab's descriptors and each CPU's slots share. When all 4,032
 * are taken, and for Quarry's own caches, a cache has none and works on its slabs directly.
 *
 * Hooks. What sends a cache's requests the slow way is one word in the cache, copied into each
 * CPU's slot. Whatever changes it (a fault armed, a cache destroyed) copies it anew, under
 * slabs->lock; the CPUs see it at their next request.
 *
 * Invariants. C1: a cache is on slabs->caches from creation until its last reference goes. C2: no
 * two caches share a slot number. C3: a slot's hooks include those of its cache. C4: what drains and walks
 * take out of a cache they take while it is in their hands, and no longer.
 *
 * Locks. slabs->lock guards the list, the numbers, the copies of the hooks and the hands; it is taken
 * before a node's lock. What may sleep: creation, destruction, shrinking (G-C3). */
#include "internal.h"

#define CACHE_EMPTY_BYTES (256u << 10) /* of empty slabs kept per node of a cache, at most */
#define CACHE_PAGE_LIMIT ((size_t)PAGE_SIZE << MAX_PAGE_ORDER)

/* ---- references and walks -------------------------------------------------------------------- */

void qr_cache_hold(struct kmem_cache *cache)
{
    __atomic_fetch_add(&cache->refs, 1, __ATOMIC_RELAXED);
}

static void cache_release(struct kmem_cache *cache)
{
    struct qr_slabs *slabs = cache->owner;
    unsigned long state = qp_lock(&slabs->lock);

    qr_list_del(&cache->list);
    qr_slots_set_locked(slabs, cache->slot_id, NULL, QR_HOOK_CLOSED);
    slabs->slots_used[cache->slot_id / QR_CHUNK_SLOTS] &=
        ~(1ull << (cache->slot_id % QR_CHUNK_SLOTS));
    qp_unlock(&slabs->lock, state);
    qr_cache_free_direct(&slabs->cache_cache, cache, "kmem_cache_destroy");
}

void qr_cache_put(struct kmem_cache *cache)
{
    if (__atomic_sub_fetch(&cache->refs, 1, __ATOMIC_ACQ_REL) == 0)
        cache_release(cache);
}

/* A reference, unless the last one has gone already. slabs->lock is held. */
static bool cache_try_hold_locked(struct kmem_cache *cache)
{
    if (__atomic_fetch_add(&cache->refs, 1, __ATOMIC_ACQUIRE) != 0)
        return true;
    /* Whoever let go of the last one waits for the lock, and looks no more. */
    __atomic_fetch_sub(&cache->refs, 1, __ATOMIC_RELAXED);
    return false;
}

struct kmem_cache *qr_cache_next(struct qr_slabs *slabs, struct kmem_cache *prev)
{
    unsigned long state = qp_lock(&slabs->lock);
    struct list_head *pos = prev ? prev->list.next : slabs->caches.next;
    struct kmem_cache *next = NULL;

    for (; pos != &slabs->caches; pos = pos->next) {
        struct kmem_cache *cache = QR_LIST_ENTRY(pos, struct kmem_cache, list);
        if (cache_try_hold_locked(cache)) {
            next = cache;
            break;
        }
    }
    qp_unlock(&slabs->lock, state);
    if (prev)
        qr_cache_put(prev);
    return next;
}

void qr_cache_in_hand_locked(struct kmem_cache *cache)
{
    qr_cache_hold(cache);
    cache->hands++;
}

void qr_cache_in_hand(struct kmem_cache *cache)
{
    unsigned long state = qp_lock(&cache->owner->lock);

    qr_cache_in_hand_locked(cache);
    qp_unlock(&cache->owner->lock, state);
}

void qr_cache_out_of_hand(struct kmem_cache *cache)
{
    struct qr_slabs *slabs = cache->owner;
    unsigned long state = qp_lock(&slabs->lock);
    bool waited_for = --cache->hands == 0 && cache_is_dying(cache);

    qp_unlock(&slabs->lock, state);
    if (waited_for)
        qp_wake(&slabs->handed);
    qr_cache_put(cache);
}

static void cache_wait_for_hands(struct kmem_cache *cache)
{
    struct qr_slabs *slabs = cache->owner;
    unsigned long state = qp_lock(&slabs->lock);

    while (cache->hands) {
        u32 seen = __atomic_load_n(&slabs->handed.moves, __ATOMIC_ACQUIRE);
        qp_unlock(&slabs->lock, state);
        qp_wait(&slabs->handed, seen, 0);
        state = qp_lock(&slabs->lock);
    }
    qp_unlock(&slabs->lock, state);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static u32 cache_hooks(const struct kmem_cache *cache)
{
    const struct qr_slabs *slabs = cache->owner;
    u32 hooks = 0;

    if (cache->internal || cache_is_dying(cache) || cache->slot_id == QR_NO_SLOT)
        hooks |= QR_HOOK_CLOSED;
    if (cache->internal)
        return hooks;
    if (cache->flags & SLAB_DEBUG_FLAGS)
        hooks |= QR_HOOK_DEBUG;
    if (slabs->init_on_alloc && cache_may_scribble(cache))
        hooks |= QR_HOOK_INIT_ALLOC;
    if (slabs->init_on_free && cache_may_scribble(cache))
        hooks |= QR_HOOK_INIT_FREE;
    if (qr_fault_armed(slabs->faults, QUARRY_FAILSLAB))
        hooks |= QR_HOOK_FAULT;
    if (qr_check_level(slabs->check) >= 1)
        hooks |= QR_HOOK_CONTEXT;
    if (qr_observed(slabs->check))
        hooks |= QR_HOOK_OBSERVED;
    if (qr_guards_are_on(slabs->guards) && slabs->guards->every && qr_cache_may_guard(cache))
        hooks |= QR_HOOK_SAMPLE;
    if (qr_profiling(slabs->check))
        hooks |= QR_HOOK_PROFILE;
    return hooks;
}

static void cache_set_hooks_locked(struct kmem_cache *cache)
{
    SLAB_WRITE(cache->hooks, cache_hooks(cache));
    qr_slots_set_locked(cache->owner, cache->slot_id, cache, cache->hooks);
}

void qr_slabs_update_hooks(struct qr_slabs *slabs)
{
    unsigned long state = qp_lock(&slabs->lock);
    struct list_head *pos;

    QR_LIST_FOR_EACH (pos, &slabs->caches)
        cache_set_hooks_locked(QR_LIST_ENTRY(pos, struct kmem_cache, list));
    qp_unlock(&slabs->lock, state);
}

/* ---- slab_debug= ----------------------------------------------------------------------------- */

static const struct {
    char letter;
    u32 flag;
} debug_letter[] = {
    {'F', SLAB_CONSISTENCY_CHECKS}, {'Z', SLAB_RED_ZONE}, {'P', SLAB_POISON},
    {'U', SLAB_STORE_USER},         {'T', SLAB_TRACE},
};

static u32 debug_flag_of(char letter)
{
    if (letter >= 'a' && letter <= 'z')
        letter = (char)(letter - 'a' + 'A');
    for (size_t i = 0; i < QR_ARRAY_SIZE(debug_letter); i++)
        if (debug_letter[i].letter == letter)
            return debug_letter[i].flag;
    return 0;
}

int qr_slabs_debug_option(struct qr_slabs *slabs, const char *text)
{
    u32 flags = 0;
    size_t i = 0;

    for (; text[i] && text[i] != ','; i++) {
        u32 flag = debug_flag_of(text[i]);
        if (text[i] == '-' && i == 0 && (!text[1] || text[1] == ','))
            continue;
        if (!flag)
            return -QR_EINVAL;
        flags |= flag;
    }
    if (i == 0) /* no letters: the four that look for damage */
        flags = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;
    if (text[i] == '\0') {
        slabs->debug_all = flags;
        return 0;
    }
    if (qr_strlen(text + i + 1) >= sizeof(slabs->debug_names) || text[i + 1] == '\0')
        return -QR_EINVAL;
    slabs->debug_some = flags;
    qr_strcpy(slabs->debug_names, sizeof(slabs->debug_names), text + i + 1);
    return 0;
}

/* Whether @name is on the list "dentry,scullc*". */
static bool debug_name_listed(const char *list, const char *name)
{
    while (*list) {
        size_t n = 0;
        while (list[n] && list[n] != ',')
            n++;
        if (n && list[n - 1] == '*') {
            if (qr_strncmp(list, name, n - 1) == 0)
                return true;
        } else if (qr_strlen(name) == n && qr_strncmp(list, name, n) == 0) {
            return true;
        }
        list += list[n] ? n + 1 : n;
    }
    return false;
}

static u32 debug_flags_for(const struct qr_slabs *slabs, const struct qr_cache_params *params)
{
    u32 flags = qr_check_level(slabs->check) >= 1 ? SLAB_CONSISTENCY_CHECKS : 0;

    if (params->internal)
        return 0;
    /* What is freed is reused late, and no stack hides who has what. */
    if (qr_watched(slabs->check))
        flags |= SLAB_CONSISTENCY_CHECKS;
    if (!(params->flags & SLAB_NO_USER_FLAGS)) {
        flags |= slabs->debug_all;
        if (debug_name_listed(slabs->debug_names, params->name))
            flags |= slabs->debug_some;
    }
    return QR_CHECKS ? flags : 0;
}

/* ---- creation -------------------------------------------------------------------------------- */

static bool cache_refuse(struct qr_slabs *slabs, const struct qr_cache_params *params,
                         const char *reason)
{
    struct quarry_report report = {
        .kind = QUARRY_BAD_REQUEST, .cache = params->name, .size = params->size};

    qr_report(slabs->check, &report, "kmem_cache_create(%s, %zu bytes, align %zu, flags 0x%x): %s",
              params->name ? params->name : "NULL", params->size, params->align, params->flags,
              reason);
    return false;
}

static bool cache_params_ok(struct qr_slabs *slabs, const struct qr_cache_params *params)
{
    size_t most = params->flags & SLAB_KMALLOC ? CACHE_PAGE_LIMIT : PAGE_SIZE;

    if (!params->name || !params->name[0])
        return cache_refuse(slabs, params, "a cache needs a name");
    if (params->size == 0)
        return cache_refuse(slabs, params, "a size of 0 makes no objects");
    if (params->size > CACHE_PAGE_LIMIT)
        return cache_refuse(
            slabs, params,
            "the size is beyond the largest page block; use vmalloc for such memory");
    if ((params->align & (params->align - 1)) || params->align > most)
        return cache_refuse(slabs, params, "the alignment is no power of two up to a page");
    if (params->flags & ~SLAB_FLAGS_MASK)
        return cache_refuse(slabs, params, "unknown flags");
    return true;
}

/* The lowest free slot number, or the wanted one if it is free. */
static u32 slot_number_take_locked(struct qr_slabs *slabs, u32 wanted)
{
    if (wanted < QR_NO_SLOT) {
        u64 bit = 1ull << (wanted % QR_CHUNK_SLOTS);
        if (!(slabs->slots_used[wanted / QR_CHUNK_SLOTS] & bit)) {
            slabs->slots_used[wanted / QR_CHUNK_SLOTS] |= bit;
            return wanted;
        }
    }
    for (u32 chunk = 0; chunk < QR_CLOSED_CHUNK; chunk++) {
        u64 unused = ~slabs->slots_used[chunk];
        if (unused) {
            slabs->slots_used[chunk] |= unused & -unused;
            return chunk * QR_CHUNK_SLOTS + qr_ffs64(unused);
        }
    }
    return QR_NO_SLOT;
}

static bool cache_name_taken_locked(struct qr_slabs *slabs, const char *name)
{
    struct list_head *pos;

    QR_LIST_FOR_EACH (pos, &slabs->caches) {
        struct kmem_cache *cache = QR_LIST_ENTRY(pos, struct kmem_cache, list);
        if (!cache_is_dying(cache) && qr_strcmp(cache->name, name) == 0)
            return true;
    }
    return false;
}

static gfp_t cache_slab_gfp(u32 flags)
{
    gfp_t gfp = flags & SLAB_RECLAIM_ACCOUNT ? __GFP_RECLAIMABLE : 0;

    if (flags & SLAB_CACHE_DMA)
        return gfp | __GFP_DMA;
    return flags & SLAB_CACHE_DMA32 ? gfp | __GFP_DMA32 : gfp;
}

/* Everything but the number and the list. */
static void cache_init(struct qr_slabs *slabs, struct kmem_cache *cache,
                       const struct qr_cache_params *params)
{
    cache->owner = slabs;
    cache->flags = params->flags | debug_flags_for(slabs, params);
    if (!QR_CHECKS && (params->flags & SLAB_DEBUG_FLAGS)) {
        qr_print(
            "quarry: cache %s asks for checks (flags 0x%x), and this library was built without\n",
            params->name, params->flags & SLAB_DEBUG_FLAGS);
        cache->flags &= ~SLAB_DEBUG_FLAGS;
    }
    cache->ctor = params->ctor;
    cache->ctor26 = params->ctor26;
    cache->dtor26 = params->dtor26;
    cache->internal = params->internal;
    cache->undo = params->undo ? params->undo : "kmem_cache_destroy";
    cache->slot_id = QR_NO_SLOT;
    if (qr_check_level(slabs->check) && !params->internal)
        cache->created = qr_trace_save(slabs->check);
    cache->refs = 1;
    cache->slab_gfp = cache_slab_gfp(params->flags);
    qr_strcpy(cache->name, sizeof(cache->name), params->name);
    qr_layout(cache, params->size, params->align, slabs->max_order);
    /* A small machine does not keep much idle: at most 1/1024 of it per cache. */
    cache->empty_limit =
        (u32)QR_MIN((u64)CACHE_EMPTY_BYTES, slabs->zones->totalram * PAGE_SIZE / 1024) /
        (u32)(PAGE_SIZE << cache->order);
    /* A slab that has gone back can no longer tell of writes after free. */
    if (cache->flags & SLAB_DEBUG_FLAGS)
        cache->empty_limit = QR_MAX(cache->empty_limit, 1u);
}

/* Number, list, slots; true when the name was in use. */
static bool cache_enrol(struct qr_slabs *slabs, struct kmem_cache *cache, u32 wanted)
{
    unsigned long state = qp_lock(&slabs->lock);
    bool taken = cache_name_taken_locked(slabs, cache->name);

    if (!cache->internal)
        cache->slot_id = slot_number_take_locked(slabs, wanted);
    qr_list_add_tail(&cache->list, &slabs->caches);
    cache_set_hooks_locked(cache);
    qp_unlock(&slabs->lock, state);
    return taken;
}

static struct kmem_cache *cache_make(struct qr_slabs *slabs, const struct qr_cache_params *params)
{
    struct kmem_cache *cache;
    gfp_t gfp = params->gfp;

    if (!params->internal && !cache_params_ok(slabs, params))
        return NULL;
    if (!gfp) {
        gfp = GFP_KERNEL;
        if (!params->internal && !qr_may_sleep_here(slabs->check, "kmem_cache_create"))
            gfp = GFP_NOWAIT;
    }
    if (!params->internal && qr_slab_fault(slabs, "kmem_cache", gfp, slabs->cache_cache.object_size,
                                           "kmem_cache_create"))
        return NULL;
    cache = qr_cache_alloc_direct(&slabs->cache_cache, gfp, NUMA_NO_NODE);
    if (!cache)
        return NULL;
    memset(cache, 0, slabs->cache_cache.object_size);
    cache_init(slabs, cache, params);
    if (cache_enrol(slabs, cache, params->slot_id) && !params->racing) {
        struct quarry_report report = {
            .kind = QUARRY_BAD_REQUEST, .rule = "G-D1", .cache = cache->name};
        qr_report(
            slabs->check, &report,
            "kmem_cache_create: a cache named %s exists already; this one is made all the same",
            cache->name);
    }
    return cache;
}

struct kmem_cache *qr_cache_create(struct qr_slabs *slabs, const struct qr_cache_params *params)
{
    struct kmem_cache *cache = cache_make(slabs, params);
    char text[160];

    if (!cache && (params->flags & SLAB_PANIC)) {
        qr_snprintf(
            text, sizeof(text),
            "quarry: cache %s (%zu bytes) could not be made, and SLAB_PANIC says that nothing "
            "goes without it\n",
            params->name ? params->name : "NULL", params->size);
        qp_panic(text);
    }
    return cache;
}

/* ---- destruction ----------------------------------------------------------------------------- */

/* A cache that a caller may name: on the list, its own, not destroyed. Held. */
static bool cache_find(struct qr_slabs *slabs, struct kmem_cache *wanted)
{
    struct kmem_cache *cache = NULL;

    while ((cache = qr_cache_next(slabs, cache)) != NULL)
        if (cache == wanted) {
            if (!cache->internal && !cache_is_dying(cache))
                return true;
            qr_cache_put(cache);
            return false;
        }
    return false;
}

static void cache_set_dying(struct kmem_cache *cache, bool dying)
{
    struct qr_slabs *slabs = cache->owner;
    unsigned long state = qp_lock(&slabs->lock);

    SLAB_WRITE(cache->dying, dying);
    cache_set_hooks_locked(cache);
    qp_unlock(&slabs->lock, state);
}

/* Every object that is not live goes back to its slab, every empty slab to the page allocator. What others
 * had in their hands goes the same way when they give it back: they see that the cache is dying, or give
 * back before its empty slabs are taken here. */
static void cache_retire(struct kmem_cache *cache, bool may_sleep)
{
    struct slab_batch batch = {0};

    qr_slots_flush(cache, true);
    qr_depots_flush(cache, &batch);
    qr_nodes_take_empty(cache, 0, &batch);
    qr_slab_release(cache, &batch);
    if (may_sleep)
        cache_wait_for_hands(cache);
}

/* Objects in slabs; of them free ones are left out if @live. */
static u64 cache_objects(struct kmem_cache *cache, bool live)
{
    u64 nr = 0;

    for (unsigned int nid = 0; nid < cache->owner->zones->nr_nodes; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        unsigned long state = qp_lock(&node->lock);
        nr += node->nr_objects - (live ? node->free_objects : 0);
        qp_unlock(&node->lock, state);
    }
    return nr;
}

static bool cache_report_leak(const struct quarry_live *live, void *data)
{
    struct kmem_cache *cache = data;
    struct quarry_report report = {.kind = QUARRY_LEAK,
                                   .rule = "G-D1",
                                   .address = live->address,
                                   .size = live->size,
                                   .cache = live->cache,
                                   .before = live->allocated.nr ? &live->allocated : NULL,
                                   .before_is = "allocated by"};
    char age[48] = "";

    if (live->when_ns)
        qr_snprintf(age, sizeof(age), ", %llu ms old",
                    (unsigned long long)(qp_now_ns() - live->when_ns) / 1000000);
    qr_report(cache->owner->check, &report, "%s(%s): object %p (%zu bytes%s) is still live",
              cache->undo, cache->name, live->address, live->size, age);
    return true;
}

int qr_cache_destroy(struct qr_slabs *slabs, struct kmem_cache *cache, bool keep_if_live)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-D1", .address = cache};
    bool sleeps;

    if (!cache)
        return 0;
    if (!cache_find(slabs, cache)) {
        qr_report(slabs->check, &report,
                  "kmem_cache_destroy(%p): no cache, or one destroyed before; nothing is changed",
                  (void *)cache);
        return -QR_EINVAL;
    }
    sleeps = qr_may_sleep_here(slabs->check, cache->undo);
    if (sleeps)
        qr_grace_barrier(slabs->grace, cache->undo); /* kfree_rcu of its objects */
    cache_set_dying(cache, true);
    cache_retire(cache, sleeps);
    if (sleeps && (cache->flags & SLAB_TYPESAFE_BY_RCU)) /* the destructor may be gone soon */
        qr_grace_barrier(slabs->grace, cache->undo);
    if (cache_objects(cache, true) || qr_guard_count(slabs->guards, cache)) {
        qr_cache_for_each_live(cache, cache_report_leak, cache);
        if (keep_if_live) {
            cache_set_dying(cache, false);
            qr_cache_put(cache);
            return -QR_EBUSY;
        }
    }
    qr_cache_put(cache); /* that of cache_find */
    qr_cache_put(cache); /* its creator's */
    return 0;
}

void qr_cache_discard(struct qr_slabs *slabs, struct kmem_cache *cache)
{
    QR_ASSERT(cache->owner == slabs);
    cache_set_dying(cache, true);
    qr_cache_put(cache);
}

/* ---- shrinking ------------------------------------------------------------------------------- */

/* Empty slabs go back; how many pages. Slabs that readers may still look at follow when these are done:
 * they count if that is soon enough. */
static unsigned long cache_give_empty(struct kmem_cache *cache, bool may_sleep)
{
    struct slab_batch batch = {0};
    unsigned long pages;

    qr_cache_in_hand(cache);
    pages = qr_nodes_take_empty(cache, 0, &batch);
    qr_slab_release(cache, &batch);
    qr_cache_out_of_hand(cache);
    if (pages && (cache->flags & SLAB_TYPESAFE_BY_RCU) &&
        !(may_sleep && qr_grace_settle(cache->owner->grace)))
        return 0;
    return pages;
}

int qr_cache_shrink(struct kmem_cache *cache)
{
    struct slab_batch batch = {0};

    qr_slots_flush(cache, false);
    qr_depots_flush(cache, &batch);
    qr_slab_release(cache, &batch);
    cache_give_empty(cache, false);
    if (cache->flags & SLAB_TYPESAFE_BY_RCU && qp_may_sleep())
        qr_grace_barrier(cache->owner->grace, "kmem_cache_shrink");
    return cache_objects(cache, false) != 0;
}

static unsigned long slabs_give_empty(struct qr_slabs *slabs, unsigned long wanted, bool may_sleep)
{
    struct kmem_cache *cache = NULL;
    unsigned long pages = 0;

    while ((cache = qr_cache_next(slabs, cache)) != NULL) {
        pages += cache_give_empty(cache, may_sleep);
        if (pages >= wanted) {
            qr_cache_put(cache);
            break;
        }
    }
    return pages;
}

/* The source that reclaim asks: first what lies idle anyway, then what the stacks keep. */
static unsigned long slabs_shrink(void *data, unsigned long wanted, bool may_sleep)
{
    struct qr_slabs *slabs = data;
    unsigned long pages = slabs_give_empty(slabs, wanted, may_sleep);

    if (pages < wanted) {
        qr_slabs_drain_all(slabs);
        pages += slabs_give_empty(slabs, wanted - pages, may_sleep);
    }
    return pages;
}

/* ---- boot ------------------------------------------------------------------------------------ */

static void slabs_find_window(struct qr_slabs *slabs)
{
    const struct qr_map *map = slabs->zones->map;
    u64 start = 0, end = 0;

    for (unsigned int i = 0; i < map->nr_runs; i++) {
        u64 from = map->run[i].start, to = map->run[i].end;
        while (i + 1 < map->nr_runs && map->run[i + 1].start == to)
            to = map->run[++i].end;
        to = QR_MIN(to, map->low_end);
        if (to > from && to - from > end - start) {
            start = from;
            end = to;
        }
    }
    slabs->window.first = qr_page(map, start);
    slabs->window.start = (uintptr_t)qr_page_virt(map, slabs->window.first);
    slabs->window.pages = end - start;
}

static struct kmem_cache *slabs_make_stack_cache(struct qr_slabs *slabs, unsigned int i)
{
    char name[32];
    /* Boot may be the first call's doing, in whatever context that is made. */
    struct qr_cache_params params = {
        .name = name, .internal = true, .slot_id = QR_NO_SLOT, .gfp = GFP_NOWAIT};

    qr_snprintf(name, sizeof(name), "quarry-stack-%u", 4u << i);
    params.size = sizeof(struct qr_stack) + (4ul << i) * sizeof(void *);
    return qr_cache_create(slabs, &params);
}

static void slabs_gate_changed(void *data, bool open)
{
    qr_slots_sample(data, open);
}

int qr_slabs_init(struct qr_slabs *slabs, char *why, size_t why_size)
{
    struct qr_cache_params params = {.name = "kmem_cache", .internal = true};

    slabs_find_window(slabs);
    qr_list_init(&slabs->caches);
    slabs->stacked_limit = slabs->zones->totalram * PAGE_SIZE / 64;
    slabs->max_order = slabs->zones->totalram >= 4096 ? 3 : 1;
    params.size =
        offsetof(struct kmem_cache, node) + slabs->zones->nr_nodes * sizeof(struct qr_cache_node);
    cache_init(slabs, &slabs->cache_cache, &params);
    cache_enrol(slabs, &slabs->cache_cache, QR_NO_SLOT);
    for (unsigned int i = 0; i < QR_STACK_CACHES; i++) {
        slabs->stack_cache[i] = slabs_make_stack_cache(slabs, i);
        if (!slabs->stack_cache[i]) {
            qr_snprintf(why, why_size,
                        "slab: the machine is too small for its first object caches");
            return -QR_ENOMEM;
        }
    }
    slabs->guards->gate_changed = slabs_gate_changed;
    slabs->guards->gate_data = slabs;
    slabs->source.shrink = slabs_shrink;
    slabs->source.data = slabs;
    qr_reclaim_add_source(slabs->reclaim, &slabs->source);
    return 0;
}
