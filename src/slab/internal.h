/* SPDX-License-Identifier: MIT */
/* slab: what its files tell each other.
 *
 *     layout.c   how a slab is cut into places: sizes, offsets, numbers
 *     slabs.c    slabs: made, listed, taken from, put into, given back
 *     stack.c    stacks, the depot, each CPU's slots
 *     alloc.c    the slow ways of allocation and free
 *     bulk.c     many objects at once
 *     cache.c    caches: made, destroyed, shrunk; options and hooks
 *     guarded.c  objects that lie against a guard page
 *     debug.c    red zones, poison, owners
 *     describe.c what an address is; reports of wrong frees; dumps
 *     stat.c     counts, walks and the whole-structure check
 *     leak.c     objects in the eyes of the leak scan and of allocation profiling
 */
#ifndef QR_SLAB_INTERNAL_H
#define QR_SLAB_INTERNAL_H

#include "slab.h"

/* Words that are set under a lock, or by anybody, and read without one. */
#define SLAB_READ(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define SLAB_WRITE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)

/* ---- layout.c ------------------------------------------------------------------------------- */

/* Behind an object of a debugged or profiled cache; the last two only with owner records. */
struct qr_meta {
    u64 requested; /* bytes its owner asked for; the red zone begins there */
    u32 site;      /* of the allocation, for profiling */
    u32 leak;      /* QR_LEAK_* */
    struct qr_owner allocated, freed;
};
#define QR_META_SHORT offsetof(struct qr_meta, allocated)

/* Fill in everything about sizes; @size is at most the largest page block. */
void qr_layout(struct kmem_cache *cache, size_t size, size_t align, unsigned int max_order);

static inline const struct qr_map *slab_map(const struct kmem_cache *cache)
{
    return cache->owner->zones->map;
}
static inline unsigned int slab_order(const struct page *page)
{
    return page->flags & PGF_ORDER_MASK;
}
static inline u32 slab_objects(const struct kmem_cache *cache, const struct page *page)
{
    return slab_order(page) == cache->order ? cache->objects : cache->min_objects;
}
static inline char *slab_base(const struct kmem_cache *cache, const struct page *page)
{
    return qr_page_virt(slab_map(cache), page);
}
static inline void *slab_object(const struct kmem_cache *cache, const struct page *page, u32 index)
{
    return slab_base(cache, page) + cache->first + (size_t)index * cache->slot_size;
}
/* The number of the place whose object starts at or before @address; at least the number of objects
 * when the address lies before the first one or behind the last place. */
static inline u32 slab_index(const struct kmem_cache *cache, const struct page *page,
                             const void *address)
{
    size_t offset = (size_t)((const char *)address - slab_base(cache, page)) - cache->first;

    if (QR_UNLIKELY(offset >= (size_t)(4u << 20)))
        return ~0u;
    return (u32)((offset * cache->inverse) >> 44);
}
static inline struct qr_meta *slab_meta(const struct kmem_cache *cache, void *object)
{
    return (struct qr_meta *)((char *)object + cache->track_offset);
}
static inline bool cache_is_constructed(const struct kmem_cache *cache)
{
    return cache->ctor || cache->ctor26;
}
/* Whether Quarry may write into free objects: not where a constructor's work must survive, nor
 * where readers may still look (G-S11). */
static inline bool cache_may_scribble(const struct kmem_cache *cache)
{
    return !cache_is_constructed(cache) && !(cache->flags & SLAB_TYPESAFE_BY_RCU);
}
static inline bool cache_is_debugged(const struct kmem_cache *cache)
{
    return (SLAB_READ(cache->hooks) & QR_HOOK_DEBUG) != 0;
}
static inline bool cache_keeps_owners(const struct kmem_cache *cache)
{
    return QR_CHECKS && (cache->flags & SLAB_STORE_USER);
}
static inline bool cache_is_dying(const struct kmem_cache *cache)
{
    return SLAB_READ(cache->dying) != 0;
}
static inline bool cache_is_direct(const struct kmem_cache *cache)
{
    return (SLAB_READ(cache->hooks) & (QR_HOOK_DEBUG | QR_HOOK_CLOSED)) != 0;
}

/* ---- slabs.c -------------------------------------------------------------------------------- */

/* Slabs that left the lists, all their objects free, on their way back to the page allocator. */
struct slab_batch {
    u32 first; /* frame number, chained through quarry_slab.prev; next is 0: on no list */
};
/* Objects that could not be put back, and why: to be reported when no lock is held. */
enum slab_fault { SLAB_FINE, SLAB_FREE_ALREADY, SLAB_MIDDLE, SLAB_NOT_OURS };
#define SLAB_BAD_MAX 4
struct slab_bad {
    u32 nr; /* all of them; only the first SLAB_BAD_MAX are kept */
    struct {
        void *object;
        enum slab_fault why;
    } item[SLAB_BAD_MAX];
};

/* A new slab with its objects constructed, on no list; NULL: no memory. Context: as @gfp; no lock
 * held. */
struct page *qr_slab_new(struct kmem_cache *cache, gfp_t gfp, int nid);
/* A new slab, on the lists, for a request that found nothing on node @home. SLAB_ELSEWHERE: another
 * node has one, or free objects already; somebody else may take them first. Context: as @gfp. */
enum slab_growth { SLAB_HERE, SLAB_ELSEWHERE, SLAB_NOWHERE };
enum slab_growth qr_slab_grow(struct kmem_cache *cache, gfp_t gfp, int nid, unsigned int home);
/* Put a new slab on its node's lists. */
void qr_slab_publish(struct kmem_cache *cache, struct page *page);
/* Run destructors and give the pages back; of a cache whose objects are read without protection, after a
 * grace period. Afterwards @cache may be gone if it was destroyed.
 * Context: no lock held. */
void qr_slab_release(struct kmem_cache *cache, struct slab_batch *batch);
struct qr_cache_node *qr_slab_node(struct kmem_cache *cache, const struct page *page);
bool qr_slab_is_quarantined(const struct page *page);
u32 qr_slab_free_count(const struct kmem_cache *cache, const struct page *page);
bool qr_slab_bit(const struct kmem_cache *cache, const struct page *page, u32 index);
/* Tests and the structure check: flip a bit without the lists' knowing. */
void qr_slab_flip(const struct kmem_cache *cache, const struct page *page, u32 index);

/* Up to @nr free objects of one node into @objects; how many. Locked: the node's lock is held. */
u32 qr_node_take_locked(struct kmem_cache *cache, struct qr_cache_node *node, void **objects,
                        u32 nr);
u32 qr_node_take(struct kmem_cache *cache, unsigned int nid, void **objects, u32 nr);
/* The next free object in rotating order, for debugged caches. */
void *qr_node_take_rotating(struct kmem_cache *cache, unsigned int nid);
/* Put one object back. */
enum slab_fault qr_node_put_locked(struct kmem_cache *cache, struct qr_cache_node *node,
                                   struct page *page, u32 index, struct slab_batch *batch);
/* Put back an object known to lie exactly in @page. */
enum slab_fault qr_node_put(struct kmem_cache *cache, struct page *page, void *object,
                            struct slab_batch *batch);
/* Put many back, each to its own node, holding a lock as long as the node is the same. What does
 * not belong is noted in @bad, its slab quarantined. */
void qr_nodes_put(struct kmem_cache *cache, void **objects, u32 nr, struct slab_batch *batch,
                  struct slab_bad *bad);
/* Take empty slabs off the lists, but for @keep a node; pages in them. */
unsigned long qr_nodes_take_empty(struct kmem_cache *cache, u32 keep, struct slab_batch *batch);

/* ---- stack.c -------------------------------------------------------------------------------- */

/* A stack of @capacity objects of @cache, or of fewer, but at least @least, when the budget is
 * short; NULL when it is exhausted or there is no memory. @first: the CPU has none yet, and may use
 * all of the budget. Context: any; no lock, no section. */
struct qr_stack *qr_stack_new(struct kmem_cache *cache, u32 capacity, u32 least, bool first);
/* Free the budget that depots hold. */
void qr_depots_trim(struct qr_slabs *slabs);
void qr_stack_free(struct kmem_cache *cache, struct qr_stack *stack);
/* The slot of a cache on a CPU, ready or NULL (no chunk yet, or no number). In a section. */
struct qr_slot *qr_slot_of(struct kmem_cache *cache, struct qr_cpu *cpu);
/* Make the chunk that holds a cache's slot on this CPU. Context: any; no lock, no section. */
bool qr_slot_make(struct kmem_cache *cache);
/* Put every slot of a number into the state its cache wants; slabs->lock is held. */
void qr_slots_set_locked(struct qr_slabs *slabs, u32 slot_id, struct kmem_cache *cache, u32 hooks);
/* Flush what CPUs' stacks of a cache hold: of all of them, for a cache nobody uses any more; else
 * of this one and of those that sleep. */
void qr_slots_flush(struct kmem_cache *cache, bool all);
/* Flush a cache's depots into the slabs, in one lock hold per stack. */
void qr_depots_flush(struct kmem_cache *cache, struct slab_batch *batch);
/* One step of an allocation or a free on a CPU's stacks. In a section. */
enum slot_step {
    SLOT_DONE,
    SLOT_NEEDS_STACK, /* a stack in *fresh, then again */
    SLOT_NEEDS_SLAB,  /* a slab on the lists, then again */
    SLOT_DOUBLE_FREE, /* it is the object freed last */
    SLOT_UNUSABLE     /* work without stacks */
};
struct slot_work {
    struct kmem_cache *cache;
    void *object;             /* to be freed, or the answer */
    struct qr_stack *fresh;   /* given in: a new empty stack; what is left is the caller's again */
    struct qr_stack *retired; /* stacks out of use, chained: for the caller to free */
    bool first;               /* the stack that is needed is this CPU's first of the cache */
    bool no_stack;            /* there is none to be had */
    struct slab_batch batch;
    struct slab_bad bad;
};
enum slot_step qr_slot_alloc_step(struct slot_work *work, struct qr_cpu *cpu, struct qr_slot *slot);
enum slot_step qr_slot_free_step(struct slot_work *work, struct qr_cpu *cpu, struct qr_slot *slot);
/* Take up to @nr objects from a slot's own stacks only. In a section. */
u32 qr_slot_take(struct qr_slot *slot, void **objects, u32 nr);
/* Send every cache's requests the slow way while the gate of the guard pages is open. */
void qr_slots_sample(struct qr_slabs *slabs, bool open);
/* If this CPU was asked to drain, do it. Context: any; no lock, no section. */
void qr_stacks_honour_drain(struct qr_slabs *slabs, struct qr_cpu *cpu);

/* ---- cache.c -------------------------------------------------------------------------------- */

void qr_cache_hold(struct kmem_cache *cache);
/* The last one to let go of a destroyed cache releases it. Context: no lock held. */
void qr_cache_put(struct kmem_cache *cache);
/* Before something is taken out of a cache that the caller does not use, and when all of it is back or gone.
 * While a cache is in hand it is referred to, and kmem_cache_destroy() waits. Context: any; no lock but
 * where it says so. */
void qr_cache_in_hand_locked(struct kmem_cache *cache); /* slabs->lock is held */
void qr_cache_in_hand(struct kmem_cache *cache);
void qr_cache_out_of_hand(struct kmem_cache *cache);
/* The cache after @prev (NULL: the first), held; @prev is let go. */
struct kmem_cache *qr_cache_next(struct qr_slabs *slabs, struct kmem_cache *prev);

/* ---- alloc.c -------------------------------------------------------------------------------- */

/* From the slabs, without stacks. @what names the call for reports. */
void *qr_cache_alloc_direct(struct kmem_cache *cache, gfp_t gfp, int nid);
void qr_cache_free_direct(struct kmem_cache *cache, void *object, const char *what);
/* From this CPU's stacks, refilling them; no checks, nothing else. */
void *qr_cache_alloc_stacked(struct kmem_cache *cache, gfp_t gfp);
/* The mask a request to this cache goes on with, mistakes in it reported. */
gfp_t qr_cache_gfp(struct kmem_cache *cache, gfp_t gfp, const char *what);
/* What else an object needs on its way out. */
void qr_cache_hand_out(struct kmem_cache *cache, void *object, gfp_t gfp);

/* ---- guarded.c ------------------------------------------------------------------------------ */

/* Whether objects of this cache may come from the pool of guarded objects. */
bool qr_cache_may_guard(const struct kmem_cache *cache);
/* An object from it, if this request is one to be taken; NULL: go on as usual. */
void *qr_guarded_alloc(struct kmem_cache *cache, gfp_t gfp, int nid, size_t size, const char *what);
/* Give back what lies at @object in the pool; wrong frees are reported. */
void qr_guarded_free(struct qr_slabs *slabs, struct kmem_cache *expected, void *object,
                     const char *what);

/* ---- debug.c -------------------------------------------------------------------------------- */

/* A new slab's object: as if it had just been freed. */
void qr_debug_init_object(struct kmem_cache *cache, void *object);
/* Where a detector watches: a free object is nobody's; all of a slab is Quarry's again. */
void qr_debug_close(const struct kmem_cache *cache, char *object);
void qr_debug_open_slab(struct kmem_cache *cache, struct page *page);
/* A slab goes back: were its free objects left alone? */
void qr_debug_check_slab(struct kmem_cache *cache, struct page *page);
void qr_debug_check_idle(struct kmem_cache *cache, struct qr_cache_node *node);
void *qr_debug_alloc(struct kmem_cache *cache, gfp_t gfp, int nid, size_t size, const char *what);
void qr_debug_free(struct kmem_cache *cache, struct page *page, void *object, const char *what);

/* ---- leak.c --------------------------------------------------------------------------------- */

/* An object with metadata goes to a caller who asked for @size bytes; it comes back. */
void qr_profile_out(struct kmem_cache *cache, void *object, size_t size);
void qr_profile_in(struct kmem_cache *cache, void *object);

/* ---- stat.c --------------------------------------------------------------------------------- */

/* Visit the objects of a cache that are out of its slabs, each node's lock held. */
bool qr_cache_for_each_live(struct kmem_cache *cache,
                            bool (*visit)(const struct quarry_live *, void *), void *data);

/* Walk a cache's slabs and compare with the counts; contradictions are reported; how many. Context:
 * any, other threads may go on. */
unsigned long qr_cache_check_lists(struct kmem_cache *cache);

/* ---- describe.c ----------------------------------------------------------------------------- */

void qr_report_bad_puts(struct kmem_cache *cache, const struct slab_bad *bad, const char *what);
void qr_report_double_free(struct kmem_cache *cache, void *object, const char *what);
void qr_report_middle_free(struct kmem_cache *cache, struct page *page, void *address,
                           const char *what);
void qr_report_wrong_cache(struct kmem_cache *cache, struct kmem_cache *expected, void *object,
                           const char *what);

#endif
