/* SPDX-License-Identifier: MIT */
/* Allocation flags and the page allocator's public calls.
 *
 * A gfp_t says four things about a request: which zone may serve it, whether the caller may sleep,
 * how deep into the reserves it may reach, and how hard to try. Each bit's promise is a numbered
 * rule in docs/gfp-semantics.md; the calls below cite them.
 *
 * Contexts in the "Context" lines: *any*; *no-interrupt* (anything but hard and soft interrupt);
 * *may sleep* (process context; with a mask that cannot sleep, any); *boot*. */
#ifndef QUARRY_GFP_H
#define QUARRY_GFP_H

#include <quarry/page.h>
#include <quarry/types.h>

/* Zone and mobility (G-Z1..G-Z10, G-E10). */
#define __GFP_DMA 0x1u
#define __GFP_HIGHMEM 0x2u
#define __GFP_DMA32 0x4u
#define __GFP_MOVABLE 0x8u
#define GFP_ZONEMASK (__GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE)
#define __GFP_RECLAIMABLE 0x10u
#define GFP_MOVABLE_MASK (__GFP_RECLAIMABLE | __GFP_MOVABLE)
/* Reserves (G-W3, G-W4). */
#define __GFP_HIGH 0x20u
#define __GFP_MEMALLOC 0x20000u
#define __GFP_NOMEMALLOC 0x80000u
/* What reclaim may do (G-C1, G-C2, G-I1, G-I2). */
#define __GFP_IO 0x40u
#define __GFP_FS 0x80u
#define __GFP_DIRECT_RECLAIM 0x400u
#define __GFP_KSWAPD_RECLAIM 0x800u
#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
/* How hard to try (G-E3..G-E6). */
#define __GFP_NOWARN 0x2000u
#define __GFP_RETRY_MAYFAIL 0x4000u
#define __GFP_NOFAIL 0x8000u
#define __GFP_NORETRY 0x10000u
/* Shape and content of the answer (G-E7..G-E9, G-Z9). */
#define __GFP_ZERO 0x100u
#define __GFP_COLD 0x200u
#define __GFP_COMP 0x40000u
#define __GFP_THISNODE 0x200000u
#define __GFP_SKIP_ZERO 0x800000u
/* Accepted and kept in reports (G-E11). */
#define __GFP_WRITE 0x1000u
#define __GFP_HARDWALL 0x100000u
#define __GFP_ACCOUNT 0x400000u

#define __GFP_BITS_SHIFT 24
#define __GFP_BITS_MASK ((gfp_t)((1u << __GFP_BITS_SHIFT) - 1))

#define GFP_ATOMIC (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_NOIO (__GFP_RECLAIM)
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_USER (GFP_KERNEL | __GFP_HARDWALL)
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)
#define GFP_DMA __GFP_DMA
#define GFP_DMA32 __GFP_DMA32
#define GFP_TRANSHUGE_LIGHT                                                                        \
    ((GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM)
#define GFP_TRANSHUGE (GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM)

/* The older generation's names. */
#define __GFP_REPEAT __GFP_RETRY_MAYFAIL
#define __GFP_WAIT __GFP_DIRECT_RECLAIM
#define __GFP_ATOMIC __GFP_HIGH

/* Zones from low to high. MOVABLE is a policy zone: only movable high requests reach it. */
enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE, MAX_NR_ZONES };

enum migratetype { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_TYPES };

#define NUMA_NO_NODE (-1)

QUARRY_EXTERN_C_BEGIN

/* The highest zone the flags allow (G-Z1..G-Z5). Context: any. Cost: constant. */
static inline enum zone_type gfp_zone(gfp_t flags)
{
    if (flags & __GFP_DMA)
        return ZONE_DMA;
    if (flags & __GFP_DMA32)
        return ZONE_DMA32;
    if ((flags & (__GFP_HIGHMEM | __GFP_MOVABLE)) == (__GFP_HIGHMEM | __GFP_MOVABLE))
        return ZONE_MOVABLE;
    return flags & __GFP_HIGHMEM ? ZONE_HIGHMEM : ZONE_NORMAL;
}

/* Whether a request with these flags may sleep for reclaim (G-C1, G-C2). Context: any. */
static inline bool gfpflags_allow_blocking(gfp_t flags)
{
    return (flags & __GFP_DIRECT_RECLAIM) != 0;
}

/* Take 2^order contiguous, block-aligned page frames.
 * Units:   order 0..MAX_PAGE_ORDER.
 * Context: any, if @gfp cannot sleep; else may sleep (G-C1).
 * Returns: the first page, its reference count 1; NULL when the mask's promise allows failure and
 *          memory is short, or the order is out of range (reported, G-S7).
 * Cost:    a pop from this CPU's page list in the common case; a zone lock otherwise.
 * Rules:   G-Z*, G-C*, G-W*, G-E*. */
QUARRY_API struct page *alloc_pages(gfp_t gfp, unsigned int order);
/* The same on node @nid (NUMA_NO_NODE: the caller's); other nodes follow by distance (G-Z9). */
QUARRY_API struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order);
#define alloc_page(gfp) alloc_pages((gfp), 0)

/* alloc_pages that answers with the direct-map address, or 0. High memory has none, so
 * __GFP_HIGHMEM is reported once per call site and dropped (G-Z7, G-S7). */
QUARRY_API unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
QUARRY_API unsigned long get_zeroed_page(gfp_t gfp);
#define __get_free_page(gfp) __get_free_pages((gfp), 0)
#define __get_dma_pages(gfp, order) __get_free_pages((gfp) | GFP_DMA, (order))

/* Drop one reference on a block; the last one frees (G-S9). A wrong order, a free page and a
 * foreign pointer change nothing and are reported (G-S8). Context: any (G-C4). */
QUARRY_API void __free_pages(struct page *page, unsigned int order);
/* The same by direct-map address; free_pages(0, n) does nothing. */
QUARRY_API void free_pages(unsigned long addr, unsigned int order);
#define __free_page(page) __free_pages((page), 0)
#define free_page(addr) free_pages((addr), 0)

/* Physically contiguous pages for exactly @size bytes; what a whole block has beyond them goes
 * back. Returns NULL when no block is free, for size 0 and above 2^MAX_PAGE_ORDER pages. Free with
 * free_pages_exact() and the same size. Context: as alloc_pages. */
QUARRY_API void *alloc_pages_exact(size_t size, gfp_t gfp);
QUARRY_API void *alloc_pages_exact_nid(int nid, size_t size, gfp_t gfp);
QUARRY_API void free_pages_exact(void *virt, size_t size);

/* Fill the NULL slots of @array with single pages; returns how many slots hold a page afterwards.
 * May be fewer than @nr: at least one more than before unless memory is short. */
QUARRY_API unsigned long quarry_alloc_pages_bulk(gfp_t gfp, int nid, unsigned long nr,
                                                 struct list_head *list, struct page **array);
#define alloc_pages_bulk_array(gfp, nr, array)                                                     \
    quarry_alloc_pages_bulk((gfp), NUMA_NO_NODE, (nr), NULL, (array))
#define alloc_pages_bulk_array_node(gfp, nid, nr, array)                                           \
    quarry_alloc_pages_bulk((gfp), (nid), (nr), NULL, (array))
#define alloc_pages_bulk(gfp, nr, array) alloc_pages_bulk_array(gfp, nr, array)
/* Add up to @nr single pages to @list by page->lru; returns how many were added. */
#define alloc_pages_bulk_list(gfp, nr, list)                                                       \
    quarry_alloc_pages_bulk((gfp), NUMA_NO_NODE, (nr), (list), NULL)

/* Turn a non-compound block of 2^order pages into 2^order single pages, each with a reference of
 * its own. Context: any. A compound block is refused and reported. */
QUARRY_API void split_page(struct page *page, unsigned int order);

/* Allocation scopes of the calling task (G-C5): nested, undone in reverse order, not inherited by
 * interrupts. Each save returns what its restore takes. Context: any. */
QUARRY_API unsigned int memalloc_noio_save(void);
QUARRY_API void memalloc_noio_restore(unsigned int flags);
QUARRY_API unsigned int memalloc_nofs_save(void);
QUARRY_API void memalloc_nofs_restore(unsigned int flags);
QUARRY_API unsigned int memalloc_noreclaim_save(void);
QUARRY_API void memalloc_noreclaim_restore(unsigned int flags);

/* Whether memory asked for with @flags is zeroed (the flag, or the boot option init_on_alloc); whether
 * freed memory is (init_on_free). Context: any. */
QUARRY_API bool want_init_on_alloc(gfp_t flags);
QUARRY_API bool want_init_on_free(void);

/* Write the state of every zone to the console: marks, sizes, free blocks by order. The filter and
 * node mask of older forms are accepted and ignored: all is shown. Context: any. */
QUARRY_API void show_mem(void);
#define show_mem(...) ((show_mem)())

/* Give the pages on per-CPU lists back to their zones: those of this CPU; of every CPU that can be
 * reached. Context: any; may sleep. */
QUARRY_API void drain_local_pages(void);
QUARRY_API void drain_all_pages(void);

QUARRY_EXTERN_C_END

#endif
