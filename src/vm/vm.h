/* SPDX-License-Identifier: MIT */
/* vm: the door. vmalloc: an address arena, mapped areas of scattered frames, a cache of
 * still-mapped areas; and the kmap windows of high memory. */
#ifndef QR_VM_H
#define QR_VM_H

#include <quarry/highmem.h>
#include <quarry/vmalloc.h>
#include "../kmalloc/kmalloc.h"
#include "arena.h"

struct qr_area;

#define QR_VM_CACHE_BINS 64

/* Areas that were freed but are still mapped. Guarded by vm->lock. */
struct qr_area_cache {
    struct qr_area *bin[QR_VM_CACHE_BINS]; /* by page count, modulo; youngest first */
    struct list_head lru;                  /* all, youngest first */
    unsigned long pages, limit;            /* vmalloc_cache= in pages; limit 0: off */
    unsigned long nr;
    unsigned long hits, misses; /* since boot */
};

struct qr_vm {
    struct qr_kmalloc *kmalloc;
    struct qr_zones *zones;
    struct qr_reclaim *reclaim;
    struct qr_grace *grace;
    struct qr_check *check;
    struct qr_faults *faults;
    uintptr_t start, end;
    struct kmem_cache *area_cache, *range_cache; /* struct qr_area, the arena's tags */
    struct kmem_cache *frames_cache[2];          /* small arrays of page pointers */
    qp_lock_t lock;                              /* guards everything below */
    struct qr_arena arena;
    struct qr_area *tree;   /* every mapped area by address, also freed ones still mapped */
    unsigned long nr_areas; /* live ones, Quarry's own left out */
    unsigned long nr_pages; /* in live areas made by vmalloc */
    struct qr_area_cache cached;
    struct qr_area
        *deferred; /* frees from interrupt: done at the next slow path or by the worker */
    struct {
        struct callback_head *gathering, *waiting;  /* kvfree_rcu.c */
        unsigned long nr_gathering, nr_waiting, nr; /* nr: those being freed just now included */
        bool asked;
        struct qr_grace_call call;
    } later;
    struct qr_source source;
};

/* What vmalloc is asked for. */
struct qr_vmalloc_request {
    unsigned long size, align; /* bytes; align 0 means a page */
    gfp_t gfp;
    unsigned long flags; /* VM_*, besides VM_ALLOC */
    int nid;
    bool huge;          /* may use large pages: worth a large alignment */
    const char *what;   /* the public call, for reports; NULL: Quarry's own, with __GFP_NOWARN */
    const void *caller; /* NULL: taken from the backtrace */
};

/* One area as vmallocinfo shows it. */
struct qr_area_info {
    const struct vm_struct *area;
    struct page *const *frames;
    unsigned int nr_frames; /* 0: reserved without pages */
    const char *kind;       /* "vmalloc", "vmap", "ioremap", … */
};

/* cached.limit is set before: pages, ~0: a 64th of RAM. */
int qr_vm_init(struct qr_vm *vm, const struct qp_machine *machine, char *why, size_t why_size);
/* Context: may sleep (G-C3). Returns NULL on failure, reported unless __GFP_NOWARN; state is then
 * unchanged (G-S6, G-Z8). */
void *qr_vmalloc_request(struct qr_vm *vm, const struct qr_vmalloc_request *request);
void *qr_vmalloc(struct qr_vm *vm, unsigned long size, unsigned long align, gfp_t gfp,
                 unsigned long flags, int nid, const char *what);
/* Context: may sleep; in atomic context put off (and, but for interrupts, reported: G-C3). With
 * @always_defer any. */
void qr_vfree(struct qr_vm *vm, const void *address, bool always_defer);
/* Whether this context is an interrupt: there vfree is allowed and put off (G-C3). Context: any. */
bool qr_vm_in_interrupt(void);
void *qr_vmap(struct qr_vm *vm, struct page **pages, unsigned int count, unsigned long flags,
              const char *what);
void *qr_vm_map_ram(struct qr_vm *vm, struct page **pages, unsigned int count);
void qr_vunmap(struct qr_vm *vm, const void *address, const char *what);
/* vunmap of vm_map_ram: @count must be what was mapped. */
void qr_vm_unmap_ram(struct qr_vm *vm, const void *address, unsigned int count);
void *qr_vrealloc(struct qr_vm *vm, const void *address, size_t size, gfp_t gfp);
/* The live area that holds @address, or NULL. Context: any. */
struct vm_struct *qr_find_vm_area(struct qr_vm *vm, const void *address);
struct vm_struct *qr_get_vm_area(struct qr_vm *vm, unsigned long size, unsigned long flags);
void qr_free_vm_area(struct qr_vm *vm, struct vm_struct *area);
/* Addresses for Quarry itself, with nothing mapped; shown to nobody, a failure is not reported. Context:
 * by @gfp. */
struct vm_struct *qr_vm_reserve(struct qr_vm *vm, unsigned long size, gfp_t gfp);
struct page *qr_vmalloc_page(struct qr_vm *vm, const void *address);
static inline bool qr_vm_contains(const struct qr_vm *vm, const void *address)
{
    return (uintptr_t)address - vm->start < vm->end - vm->start;
}
/* Finish deferred frees, unmap the cache. Pages freed. May sleep. */
unsigned long qr_vm_purge(struct qr_vm *vm);
/* Map every live area again (after the memory behind the addresses changed). */
int qr_vm_remap_all(struct qr_vm *vm);
/* Visit live areas by address, under vm->lock: the callback must not call into Quarry. */
void qr_vm_for_each_live(struct qr_vm *vm, bool (*visit)(const struct quarry_live *, void *),
                         void *data);
void qr_vm_for_each_area(struct qr_vm *vm, bool (*visit)(const struct qr_area_info *, void *),
                         void *data);
/* The leak scan's view: the live area of a caller that an address in it, or of its record, leads to;
 * and every live area, those of the core itself without a word. */
struct qr_leak_found_area {
    struct qr_leak_block block;
    struct page **frames; /* pages of others that it shows (vmap), or NULL */
    unsigned int nr_frames;
};
bool qr_vm_leak_find(struct qr_vm *vm, const void *address, struct qr_leak_found_area *found);
/* Under vm->lock: @visit must not call into this layer. */
bool qr_vm_leak_each(struct qr_vm *vm, qr_leak_visit visit, void *data);
/* kmemleak_update_trace. */
void qr_vm_retrace(struct qr_vm *vm, const void *address);
/* Re-derive every count and order; contradictions are reported; how many. */
unsigned long qr_vm_check(struct qr_vm *vm);

/* kvmalloc (G-K1): kmalloc if that is cheap to have, else vmalloc. Context: by @gfp. */
void *qr_kvmalloc(struct qr_vm *vm, size_t size, gfp_t gfp, int nid);
/* Give back what kmalloc, vmalloc, kvmalloc or a cache gave. @what names the call for reports. */
void qr_kvfree(struct qr_vm *vm, const void *block, const char *what);
void qr_kvfree_sensitive(struct qr_vm *vm, const void *block, size_t size);
/* Free after a grace period: with a head in the object, context any; without, may sleep. */
void qr_kvfree_rcu(struct qr_vm *vm, const void *object, struct callback_head *head);
void qr_kvfree_rcu_mightsleep(struct qr_vm *vm, const void *object);
void *qr_kvrealloc(struct qr_vm *vm, const void *block, size_t size, gfp_t gfp);

/* Windows through which pages without a direct-map address are reached. A slot is one page of
 * addresses; what it maps stays mapped when it is let go, until the slot is needed (or at once in
 * checked builds). */
struct qr_kmap_slot {
    struct page *page; /* mapped here, or NULL */
    u32 users;         /* kmap: how often; kmap_local: 0 or 1 */
    u32 next;          /* slot number + 1: kmap, in a bucket of the look-up by page; kmap_local, on
                        * the free list, or while in use the slot that its task took before */
};

struct qr_kmaps {
    struct qr_zones *zones;
    struct qr_check *check;
    uintptr_t pkmap_start, fixmap_start;
    u32 nr_pkmap, nr_fixmap; /* slots; 0 on a machine without high memory */
    bool strict;             /* unmap when let go, so that a late use faults */
    qp_lock_t lock;          /* guards everything below */
    struct qr_kmap_slot *pkmap, *fixmap;
    u32 *bucket;           /* by page: first slot number + 1; nr_pkmap of them */
    u32 hand;              /* where the search for a free pkmap slot goes on */
    u32 fixmap_free;       /* free list: slot number + 1, the one let go last first */
    u32 waiters;           /* tasks that wait for a slot */
    struct qp_event freed; /* moves when a slot is let go while somebody waits */
};
int qr_kmaps_init(struct qr_kmaps *kmaps, const struct qp_machine *machine, char *why,
                  size_t why_size);
/* Context: may sleep (G-C3): waits while the window is full. NULL only in atomic context. */
void *qr_kmap(struct qr_kmaps *kmaps, struct page *page);
/* Context: any. A page that is not mapped is reported. */
void qr_kunmap(struct qr_kmaps *kmaps, struct page *page);
/* Context: any; nests, undone in reverse order by the same task. */
void *qr_kmap_local(struct qr_kmaps *kmaps, struct page *page);
/* Any address in the page. False, after a report, when it is not the newest of this task. */
bool qr_kunmap_local(struct qr_kmaps *kmaps, const void *address);
/* The kmap address of a high page, or NULL. */
void *qr_kmap_address(struct qr_kmaps *kmaps, const struct page *page);
/* After fork: map again what is in use. 0 or -ENOMEM. */
int qr_kmaps_remap_all(struct qr_kmaps *kmaps);
unsigned long qr_kmaps_check(struct qr_kmaps *kmaps);

/* Contents of a page in any zone. A range that leaves the page is refused and reported; @what names
 * the public call. Context: any. */
void qr_page_read(struct qr_kmaps *kmaps, void *to, struct page *page, size_t offset, size_t len,
                  const char *what);
void qr_page_write(struct qr_kmaps *kmaps, struct page *page, size_t offset, const void *from,
                   size_t len, const char *what);
void qr_page_fill(struct qr_kmaps *kmaps, struct page *page, size_t offset, int value, size_t len,
                  const char *what);
void qr_page_copy(struct qr_kmaps *kmaps, struct page *to, size_t to_offset, struct page *from,
                  size_t from_offset, size_t len, const char *what);

#endif
