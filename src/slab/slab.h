/* SPDX-License-Identifier: MIT */
/* slab: the door. Object caches: per-CPU stacks, per-node depot, slabs; owner look-up from an
 * address. */
#ifndef QR_SLAB_H
#define QR_SLAB_H

#include <quarry/slab.h>
#include <quarry/stat.h>
#include "../base/base.h"
#include "../base/percpu.h"
#include "../check/check.h"
#include "../fault/fault.h"
#include "../reclaim/reclaim.h"
#include "../zone/zone.h"

typedef void (*qr_ctor26_fn)(void *, struct kmem_cache *, unsigned long);

/* One cache on one node. The lock guards all of it. */
struct qr_cache_node {
    qp_lock_t lock;
    u32 partial, full,
        empty; /* heads of slab lists: frame numbers, 0 = none; full ones are listed too */
    u32 nr_partial, nr_full, nr_empty;
    u64 free_objects;                            /* in slabs (not in stacks) */
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
    u32 objects;  /* per slab, of the usual order */
    u16 left_pad; /* bytes before the object in its place (debug) */
    u8 order, min_order;
    u32 bits_offset;      /* of the free bitmap inside the slab; 0: in the descriptor */
    u32 track_offset;     /* of the two qr_owner behind the object (debug) */
    u32 depth, max_depth; /* capacity of new stacks now; at most */
    u64 inverse;          /* reciprocal of slot_size, for object numbers */
    gfp_t slab_gfp;       /* zone and mobility of its slabs */
    void (*ctor)(void *);
    qr_ctor26_fn ctor26, dtor26;
    struct qr_slabs *owner;
    struct list_head list; /* on owner->caches */
    u32 refs, dying;
    unsigned long nr_alloc, nr_free, live, peak; /* relaxed; kept while hooks & QR_HOOK_DEBUG */
    char name[64];
    struct qr_cache_node node[QR_MAX_NODES];
};

struct qr_slabs {
    struct qr_zones *zones;
    struct qr_reclaim *reclaim;
    struct qr_check *check;
    struct qr_faults *faults;
    struct qr_cpus *cpus;
    qp_lock_t lock; /* guards caches, slot numbers, chunks */
    struct list_head caches;
    struct kmem_cache cache_cache;     /* where struct kmem_cache itself comes from */
    struct kmem_cache *stack_cache[8]; /* stacks of 4, 8, …, 512 objects */
    struct qr_source source;
    u64 slots_used[QR_NR_CHUNKS]; /* bit per slot number */
    u64 stacked_bytes,
        stacked_limit;     /* capacity of all stacks, in bytes of objects (1/64 of RAM) */
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
    bool internal; /* of Quarry itself: no debug flags, not counted as live memory */
    u32 slot_id;   /* wanted slot number, or QR_NO_SLOT for "any" */
};

int qr_slabs_init(struct qr_slabs *slabs, char *why, size_t why_size);
/* "FZPU,dentry,scullc*": the text behind slab_debug=. */
int qr_slabs_debug_option(struct qr_slabs *slabs, const char *text);
/* A CPU's slots come and go with it. */
void qr_slabs_online(struct qr_slabs *slabs, struct qr_cpu *cpu);
void qr_slabs_drain_cpu(struct qr_slabs *slabs, struct qr_cpu *cpu);

struct kmem_cache *qr_cache_create(struct qr_slabs *slabs, const struct qr_cache_params *params);
/* G-D1. @keep_if_live: the 2.6 form, -EBUSY when objects are live. */
int qr_cache_destroy(struct qr_slabs *slabs, struct kmem_cache *cache, bool keep_if_live);
int qr_cache_shrink(struct kmem_cache *cache);

/* The slow ways; the fast ones are in slab/fast.h. */
void *qr_cache_alloc_slow(struct kmem_cache *cache, gfp_t gfp, int nid);
void qr_cache_free_slow(struct qr_slabs *slabs, struct kmem_cache *expected, void *object,
                        const char *what);
int qr_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects);
void qr_cache_free_bulk(struct qr_slabs *slabs, struct kmem_cache *cache, size_t nr,
                        void **objects);

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
/* Usable bytes of an object: what ksize says. */
size_t qr_object_usable(const struct kmem_cache *cache);
/* kmem_dump_obj: to the console. */
void qr_object_dump(struct qr_slabs *slabs, const struct qr_object *object);
void qr_slabs_for_each_live(struct qr_slabs *slabs,
                            bool (*visit)(const struct quarry_live *, void *), void *data);
/* hooks changed (faults armed, options): copy into every slot. */
void qr_slabs_update_hooks(struct qr_slabs *slabs);
void qr_cache_stat(struct kmem_cache *cache, struct quarry_cache_stat *stat);
unsigned long qr_slabs_check(struct qr_slabs *slabs);

#endif
