/* SPDX-License-Identifier: MIT */
/* vm/area: what the files of this layer share. See area.c. */
#ifndef QR_AREA_H
#define QR_AREA_H

#include "vm.h"

enum qr_area_state {
    QR_AREA_LIVE,
    QR_AREA_LEAVING, /* being freed: its owner is inside vfree or vunmap */
    QR_AREA_DEFERRED,
    QR_AREA_CACHED
};

struct qr_area {
    struct vm_struct vm; /* first: what callers see */
    struct qr_range *range;
    struct qr_area *left, *right; /* the tree */
    u32 priority;
    u32 state;
    struct qr_area *next;                /* on the deferred list or a list being released */
    struct qr_area *bin_next, *bin_prev; /* in the cache */
    struct list_head lru;
    struct page **frames; /* one a page, or NULL */
    unsigned int nr_frames;
    int nid;                       /* of the cache's key */
    gfp_t gfp;                     /* of the request, for reports */
    bool cacheable;                /* made with the default mask */
    bool exposed;                  /* somebody looked up its pages, and may hold one */
    bool internal;                 /* Quarry's own: not shown, not counted */
    bool release_frames;           /* on release, the pages are given back too */
    bool map_ram;                  /* made by vm_map_ram */
    unsigned long asked;           /* bytes */
    struct page *inline_frames[4]; /* an area of up to four pages needs no array */
    struct qr_owner owner;
    u32 site; /* of the allocation, for profiling */
    u32 leak; /* QR_LEAK_* */
};

static inline struct qr_area *qr_area_of(struct vm_struct *vm)
{
    return QR_CONTAINER(vm, struct qr_area, vm);
}

/* Mask bits that carry over to the records and arrays behind an area: how hard to try, how deep,
 * whether to sleep; not where, and not what content. */
#define QR_VM_INNER_GFP                                                                            \
    (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_MEMALLOC | __GFP_NOMEMALLOC |        \
     __GFP_NOFAIL | __GFP_NORETRY | __GFP_RETRY_MAYFAIL)

/* area.c: records, addresses, look-up */
struct qr_area *qr_area_new(struct qr_vm *vm, u64 nr_frames, gfp_t gfp);
bool qr_area_place(struct qr_vm *vm, struct qr_area *area, u64 pages, u64 align, gfp_t gfp,
                   const char **failed);
void qr_area_publish(struct qr_vm *vm, struct qr_area *area);
void qr_area_delete(struct qr_vm *vm, struct qr_area *area);
struct qr_area *qr_area_at(const struct qr_vm *vm, const void *address);
void qr_area_account_locked(struct qr_vm *vm, struct qr_area *area, bool live);
unsigned long qr_area_tree_check(const struct qr_vm *vm);

/* map.c: page tables, and the way back */
bool qr_area_map(struct qr_vm *vm, struct qr_area *area);
void qr_area_unmap(struct qr_vm *vm, const struct qr_area *area, unsigned int nr_mapped);
void qr_area_count_zones(struct qr_vm *vm, const struct qr_area *area, unsigned int nr, long sign);
void qr_area_release_frames(struct qr_vm *vm, struct qr_area *area, unsigned int nr);
unsigned long qr_areas_release(struct qr_vm *vm, struct qr_area *list);

/* cache.c */
struct qr_area_dress { /* what an area says of its owner */
    unsigned long flags, asked;
    const void *caller;
    gfp_t gfp;
};
void qr_area_dress(struct qr_area *area, const struct qr_area_dress *dress);
void *qr_area_cache_take(struct qr_vm *vm, u64 pages, int nid, const struct qr_area_dress *dress);
bool qr_area_cache_keep(struct qr_vm *vm, const void *address);
bool qr_area_cache_put(struct qr_vm *vm, struct qr_area *area);
unsigned long qr_area_cache_shrink(struct qr_vm *vm, unsigned long nr_pages);
unsigned long qr_area_cache_check(const struct qr_vm *vm);
int qr_vm_node(const struct qr_vm *vm, int nid);
bool qr_area_is_on_node(const struct qr_vm *vm, const struct qr_area *area);

/* vfree.c */
void qr_vm_finish_deferred(struct qr_vm *vm);

/* describe.c */
void qr_vm_describe(void *data, const void *address, struct qr_text *text);
const char *qr_vm_describe_short(void *data, const void *address);

#endif
