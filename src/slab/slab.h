/* SPDX-License-Identifier: MIT */
/* slab: the door. Object caches: per-CPU stacks, per-node depot, slabs; owner look-up from an
 * address.
 *
 * Words. A *slab* is a compound block of pages cut into places of one size. A *place* holds an
 * object and, in debugged caches, what guards it. An object is *free* when its slab's bitmap says
 * so, *stacked* when it lies on a CPU's stack or on a stack in the depot, and *live* when a caller
 * has it. To the slab, stacked and live look the same. A *direct* cache has no stacks at all, so
 * that its bitmaps are exact: debugged caches and Quarry's own. */
#ifndef QR_SLAB_H
#define QR_SLAB_H

#include <quarry/slab.h>
#include <quarry/stat.h>
#include "../base/base.h"
#include "../base/percpu.h"
#include "../check/check.h"
#include "../fault/fault.h"
#include "../grace/grace.h"
#include "../guard/guard.h"
#include "../reclaim/reclaim.h"
#include "../zone/zone.h"

typedef void (*qr_ctor26_fn)(void *, struct kmem_cache *, unsigned long);

#define SLAB_DEBUG_FLAGS                                                                           \
    (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE)

/* One cache on one node. The lock guards all of it, and the bitmaps of its slabs. */
struct qr_cache_node {
    qp_lock_t lock;
    u32 partial, full,
        empty; /* heads of slab lists: frame numbers, 0 = none; full ones are listed too */
    u32 nr_partial, nr_full, nr_empty;
    u32 nr_quarantined;                          /* slabs on no list, never used again */
    u32 cursor;                                  /* debugged caches: the place to try next */
    u64 nr_objects, free_objects;                /* in slabs on lists; of them free */
    struct qr_stack *full_stacks, *empty_stacks; /* the depot */
    u32 nr_full_stacks, nr_empty_stacks;
    u64 stacked_objects; /* in the depot's full stacks */
};

struct kmem_cache {
    u32 slot_id;     /* QR_NO_SLOT: none */
    u32 hooks;       /* QR_HOOK_*; copied into each CPU's slot */
    u32 flags;       /* SLAB_* */
    u32 object_size; /* as asked for */
    u32 slot_size;   /* distance between objects */
    u32 align;
    u32 objects, min_objects; /* per slab, of the usual and of the least order */
    u32 first;                /* offset of the first object in a slab */
    u16 left_pad;             /* bytes of red zone before each object (debug) */
    u8 order, min_order;      /* of its slabs */
    u32 bits_offset;          /* of the free bitmap inside the slab; 0: in the descriptor */
    u32 track_offset;         /* of struct qr_meta from the object (debug); 0: none */
    u32 depth, first_depth, max_depth; /* capacity of new stacks: now, at first, at most */
    u32 empty_limit;                   /* empty slabs kept per node */
    u64 inverse;                       /* reciprocal of slot_size, for object numbers */
    gfp_t slab_gfp;                    /* zone and mobility of its slabs */
    void (*ctor)(void *);
    qr_ctor26_fn ctor26, dtor26;
    struct qr_slabs *owner;
    struct list_head list; /* on owner->caches */
    u32 created;           /* trace: who made it, 0 unknown; kept at check level 1 and above */
    const char *undo;      /* the function by which its maker takes it away, for reports */
    /* Who needs the cache: its creator, each of its slabs, each walk that stands on it. The last
     * one to let go releases the cache. */
    u32 refs;
    u32 hands; /* drains and walks that have stacks, objects or slabs of it; under owner->lock */
    u32 dying; /* destroyed: nobody may allocate; live objects may still come back */
    /* SLAB_TYPESAFE_BY_RCU: slabs on no list any more that wait for readers, chained as in a batch:
     * those that came since the last call was asked for, and the call's. Under owner->lock. */
    u32 leaving, left;
    bool leaving_asked;
    struct qr_grace_call gone;
    bool internal; /* Quarry's own: direct, never debugged, not counted as callers' memory */
    bool
        holds_callers; /* … but what is in it is written by callers, pointers too: set by who made it */
    unsigned long nr_alloc, nr_free, live, peak; /* relaxed; kept while hooks & QR_HOOK_DEBUG */
    char name[64];
    struct qr_cache_node node[QR_MAX_NODES]; /* as many as the machine has nodes are there */
};

/* The addresses whose descriptors a free may read without asking whether they exist: the longest
 * run of low frames without a hole. */
struct qr_window {
    uintptr_t start;
    u64 pages;
    struct page *first;
};

#define QR_STACK_CACHES 8

struct qr_slabs {
    struct qr_window window;
    struct qr_zones *zones;
    struct qr_reclaim *reclaim;
    struct qr_check *check;
    struct qr_faults *faults;
    struct qr_cpus *cpus;
    struct qr_guards *guards;
    struct qr_grace *grace;
    qp_lock_t lock;         /* guards caches, slot numbers, chunks, hands */
    struct qp_event handed; /* a dying cache is in nobody's hands any more */
    struct list_head caches;
    struct kmem_cache cache_cache;                   /* where struct kmem_cache itself comes from */
    struct kmem_cache *stack_cache[QR_STACK_CACHES]; /* stacks of 4, 8, …, 512 objects */
    struct qr_source source;
    u64 slots_used[QR_NR_CHUNKS]; /* bit per slot number */
    u64 stacked_bytes,
        stacked_limit;     /* capacity of all stacks, in bytes of objects (1/64 of RAM) */
    u32 depot_stacks;      /* full ones in all depots; relaxed */
    u32 walks;             /* slow ways at check level 3; relaxed */
    u32 max_order;         /* slabs are opportunistically as large as this */
    u32 debug_all;         /* slab_debug= for every cache */
    char debug_names[256]; /* "dentry,scullc*" with debug_some flags */
    u32 debug_some;
    bool init_on_alloc, init_on_free;
};

struct qr_cache_params {
    const char *name;
    size_t size, align;
    slab_flags_t flags;
    void (*ctor)(void *);
    qr_ctor26_fn ctor26, dtor26;
    bool internal;    /* of Quarry itself: no debug flags, not counted as live memory */
    bool racing;      /* another CPU may be making the same one: its name is no mistake */
    const char *undo; /* the function that destroys it, for reports; NULL: kmem_cache_destroy */
    u32 slot_id;      /* wanted slot number (if it is free), or QR_NO_SLOT for "any" */
    gfp_t gfp;        /* of the cache's own record; 0: GFP_KERNEL */
};

int qr_slabs_init(struct qr_slabs *slabs, char *why, size_t why_size);
/* "FZPU,dentry,scullc*": the text behind slab_debug=. For caches made from now on; may come before
 * qr_slabs_init. */
int qr_slabs_debug_option(struct qr_slabs *slabs, const char *text);
/* A CPU's slots come with it. Context: on that CPU, or at boot. */
void qr_slabs_online(struct qr_slabs *slabs, struct qr_cpu *cpu);
/* What a CPU's stacks hold goes back to the slabs. Context: on that CPU, or when nothing runs on
 * it. */
void qr_slabs_drain_cpu(struct qr_slabs *slabs, struct qr_cpu *cpu);
/* This CPU's and every sleeping CPU's stacks and all depots; running CPUs are asked. */
void qr_slabs_drain_all(struct qr_slabs *slabs);

struct kmem_cache *qr_cache_create(struct qr_slabs *slabs, const struct qr_cache_params *params);
/* G-D1. @keep_if_live: the 2.6 form, -EBUSY when objects are live. */
int qr_cache_destroy(struct qr_slabs *slabs, struct kmem_cache *cache, bool keep_if_live);
/* Undo the creation of a cache that nobody has used. Context: any. */
void qr_cache_discard(struct qr_slabs *slabs, struct kmem_cache *cache);
int qr_cache_shrink(struct kmem_cache *cache);

/* The slow ways; the fast ones are in slab/fast.h. Every check and every hook is here. */
void *qr_cache_alloc_slow(struct kmem_cache *cache, gfp_t gfp, int nid);
/* The same for a caller of which @size bytes were asked (kmalloc; at most object_size), under the
 * name @what in reports. */
void *qr_cache_alloc_sized(struct kmem_cache *cache, gfp_t gfp, int nid, size_t size,
                           const char *what);
void qr_cache_free_slow(struct qr_slabs *slabs, struct kmem_cache *expected, void *object,
                        const char *what);
int qr_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects);
void qr_cache_free_bulk(struct qr_slabs *slabs, struct kmem_cache *cache, size_t nr,
                        void **objects);

/* The mask a request named @what goes on with, mistakes in it reported (G-C1, G-E5, G-Z7). */
gfp_t qr_slab_gfp(struct qr_slabs *slabs, gfp_t gfp, const char *what);
/* Whether failslab makes a request for @size bytes of @cache fail; reported unless NOWARN. */
bool qr_slab_fault(struct qr_slabs *slabs, const char *cache, gfp_t gfp, size_t size,
                   const char *what);

/* What an address in a slab is. */
struct qr_object {
    struct kmem_cache *cache;
    struct page *slab;
    void *start; /* of the object the address lies in, NULL: in padding or bitmap */
    u32 index;
    size_t offset;  /* of the address in the object */
    bool allocated; /* out of its slab (may still lie on a stack unless checks are on) */
    bool exact;     /* address == start */
};
bool qr_object_find(struct qr_slabs *slabs, const void *address, struct qr_object *object);
/* The same for an address its owner holds: @allocated is looked up only where that is exact
 * (debugged caches), and true elsewhere. */
bool qr_object_locate(struct qr_slabs *slabs, const void *address, struct qr_object *object);
/* Usable bytes of an object: what ksize says of objects of this cache in general. */
size_t qr_object_usable(const struct kmem_cache *cache);
/* Bytes of this object its owner may write: qr_object_usable, but what was asked for where the red
 * zone begins right behind it. */
size_t qr_object_granted(const struct qr_object *object);
/* The owner asks for @size bytes of an object it holds (krealloc in place): moves the red zone. The
 * caller has checked that @size fits. */
void qr_object_resize(const struct qr_object *object, size_t size);
/* Who allocated and who last freed it; false where owners are not recorded (U). */
bool qr_object_owners(const struct qr_object *object, const struct qr_owner **allocated,
                      const struct qr_owner **freed);
/* kmem_dump_obj: to the console. */
void qr_object_dump(struct qr_slabs *slabs, const struct qr_object *object);
/* The leak scan's view: the live object an address lies in (false: none, or not tracked), and every
 * object in use, those of caches that are not tracked without a word; Quarry's own are left out. */
static inline bool qr_slabs_is_guarded(const struct qr_slabs *slabs, const void *address)
{
    return qr_guard_owns(slabs->guards, address);
}
bool qr_slabs_leak_find(struct qr_slabs *slabs, const void *address, struct qr_leak_block *block);
/* Under a node's lock: @visit must not call into this layer. */
bool qr_slabs_leak_each(struct qr_slabs *slabs, qr_leak_visit visit, void *data);
/* kmemleak_update_trace: the object's record says "allocated here, now". */
void qr_object_retrace(const struct qr_object *object);
void qr_slabs_for_each_live(struct qr_slabs *slabs,
                            bool (*visit)(const struct quarry_live *, void *), void *data);
/* hooks changed (faults armed, options): copy into every slot. */
void qr_slabs_update_hooks(struct qr_slabs *slabs);
void qr_cache_stat(struct kmem_cache *cache, struct quarry_cache_stat *stat);
/* Visit every cache that has a name, in the order of creation, internal ones too. */
void qr_slabs_for_each_cache(struct qr_slabs *slabs, bool (*visit)(struct kmem_cache *, void *),
                             void *data);
unsigned long qr_slabs_check(struct qr_slabs *slabs);

#endif
