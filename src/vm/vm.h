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

struct qr_vm {
    struct qr_kmalloc *kmalloc;
    struct qr_zones *zones;
    struct qr_reclaim *reclaim;
    struct qr_check *check;
    struct qr_faults *faults;
    uintptr_t start, end;
    qp_lock_t lock; /* guards everything below */
    struct qr_arena arena;
    struct qr_area **hash; /* live areas by start address */
    u32 hash_mask, nr_areas;
    struct qr_area *cached;                   /* freed, still mapped, youngest first */
    unsigned long cached_pages, cached_limit; /* vmalloc_cache= ; limit 0: off */
    struct qr_area
        *deferred;          /* vfree from interrupt: freed at the next slow path or by the worker */
    unsigned long nr_pages; /* mapped in live areas */
    struct qr_source source;
};

int qr_vm_init(struct qr_vm *vm, const struct qp_machine *machine, char *why, size_t why_size);
void *qr_vmalloc(struct qr_vm *vm, unsigned long size, unsigned long align, gfp_t gfp,
                 unsigned long flags, int nid, const char *what);
void qr_vfree(struct qr_vm *vm, const void *address, bool always_defer);
void *qr_vmap(struct qr_vm *vm, struct page **pages, unsigned int count, unsigned long flags,
              const char *what);
void qr_vunmap(struct qr_vm *vm, const void *address, const char *what);
void *qr_vrealloc(struct qr_vm *vm, const void *address, size_t size, gfp_t gfp);
struct vm_struct *qr_find_vm_area(struct qr_vm *vm, const void *address);
struct vm_struct *qr_get_vm_area(struct qr_vm *vm, unsigned long size, unsigned long flags);
void qr_free_vm_area(struct qr_vm *vm, struct vm_struct *area);
struct page *qr_vmalloc_page(struct qr_vm *vm, const void *address);
static inline bool qr_vm_contains(const struct qr_vm *vm, const void *address)
{
    return (uintptr_t)address - vm->start < vm->end - vm->start;
}
/* Finish deferred frees, unmap the cache. Pages freed. May sleep. */
unsigned long qr_vm_purge(struct qr_vm *vm);
/* Map every live area again (after the memory behind the addresses changed). */
int qr_vm_remap_all(struct qr_vm *vm);
void qr_vm_for_each_live(struct qr_vm *vm, bool (*visit)(const struct quarry_live *, void *),
                         void *data);
unsigned long qr_vm_check(struct qr_vm *vm);

/* kmap windows. */
struct qr_kmaps {
    struct qr_zones *zones;
    struct qr_check *check;
    uintptr_t pkmap_start, fixmap_start;
    u32 nr_pkmap, nr_fixmap;
    qp_lock_t lock;
    struct page **pkmap; /* page by slot, NULL free */
    u32 *pkmap_users;
    struct qp_event freed;
};
int qr_kmaps_init(struct qr_kmaps *kmaps, const struct qp_machine *machine, char *why,
                  size_t why_size);
void *qr_kmap(struct qr_kmaps *kmaps, struct page *page);
void qr_kunmap(struct qr_kmaps *kmaps, struct page *page);
void *qr_kmap_local(struct qr_kmaps *kmaps, struct page *page);
void qr_kunmap_local(struct qr_kmaps *kmaps, const void *address);
/* The kmap address of a high page, or NULL. */
void *qr_kmap_address(struct qr_kmaps *kmaps, const struct page *page);

#endif
