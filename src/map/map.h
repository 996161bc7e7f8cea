/* SPDX-License-Identifier: MIT */
/* map: the door. One descriptor per page frame, and the conversions between frame number,
 * descriptor, physical address and direct-map address.
 *
 * The descriptors are one flat array, indexed by frame number, inside the machine's own
 * direct-mapped memory. What of the array would describe only holes stays ordinary free memory. */
#ifndef QR_MAP_H
#define QR_MAP_H

#include <quarry/gfp.h>
#include <quarry/page.h>
#include <quarry/port.h>
#include "../base/base.h"
#include "page_flags.h"

#define QR_MAX_REGIONS 128
#define QR_MAX_NODES 8
#define QR_BLOCK_ORDER 9 /* a page block: 2 MiB, one mobility */
#define QR_BLOCK_PAGES (1UL << QR_BLOCK_ORDER)

_Static_assert(sizeof(struct page) <= 32, "a page descriptor is at most 32 bytes");

/* A run of existing frames [start, end) of one node, after sorting and cutting; reserved runs are
 * those that are never handed out. */
struct qr_run {
    u64 start, end;
    u32 nid;
    bool reserved;
};

struct qr_map {
    struct page *pages;             /* pages[pfn]; valid for pfn_valid frames */
    uintptr_t offset;               /* direct map: virtual minus physical */
    uintptr_t virt_start, virt_end; /* the direct map's addresses, [start, end) */
    u64 min_pfn, max_pfn;           /* frames that exist lie in [min, max) */
    u64 low_end;                    /* first frame without a direct-map address */
    struct qr_run run[QR_MAX_REGIONS];
    unsigned int nr_runs;
    u8 *mobility;   /* by page block, of the block holding min_pfn first: qr_block_mobility */
    u64 nr_present; /* existing frames */
    u64 nr_map;     /* frames that hold the descriptors */
    bool whole;     /* every frame of [min, max) exists: no search is needed */
};

static QR_ALWAYS_INLINE struct page *qr_page(const struct qr_map *map, u64 pfn)
{
    return map->pages + pfn;
}
static QR_ALWAYS_INLINE u64 qr_pfn(const struct qr_map *map, const struct page *page)
{
    return (u64)(page - map->pages);
}
static QR_ALWAYS_INLINE phys_addr_t qr_page_phys(const struct qr_map *map, const struct page *page)
{
    return (phys_addr_t)qr_pfn(map, page) << PAGE_SHIFT;
}
/* Direct-map address of a low page; meaningless for a high one. */
static QR_ALWAYS_INLINE void *qr_page_virt(const struct qr_map *map, const struct page *page)
{
    return qp_virt(map->offset, qr_page_phys(map, page));
}
static QR_ALWAYS_INLINE bool qr_page_is_low(const struct qr_map *map, const struct page *page)
{
    return qr_pfn(map, page) < map->low_end;
}
/* Whether an address lies in the direct map's range (its frame may still be a hole). */
static QR_ALWAYS_INLINE bool qr_virt_in_map(const struct qr_map *map, const void *virt)
{
    return (uintptr_t)virt - map->virt_start < map->virt_end - map->virt_start;
}
/* Descriptor of a direct-map address. */
static QR_ALWAYS_INLINE struct page *qr_virt_page(const struct qr_map *map, const void *virt)
{
    return qr_page(map, qp_phys(map->offset, virt) >> PAGE_SHIFT);
}
/* The head of the block or slab a descriptor belongs to. */
static QR_ALWAYS_INLINE struct page *qr_head(const struct qr_map *map, const struct page *page)
{
    if (QR_UNLIKELY(__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & PGF_TAIL))
        return qr_page(map, page->quarry_tail.head);
    return (struct page *)page;
}

/* Whether a frame exists. Cost: a search over the runs. Context: any. */
bool qr_pfn_valid(const struct qr_map *map, u64 pfn);
/* Whether it exists but is never handed out. */
bool qr_pfn_reserved(const struct qr_map *map, u64 pfn);
/* The descriptor behind a direct-map address whose frame exists, else NULL. */
struct page *qr_virt_page_checked(const struct qr_map *map, const void *virt);
/* Whether @page points at the descriptor of an existing frame. */
bool qr_page_valid(const struct qr_map *map, const struct page *page);
/* Node of an existing frame, by its number; 0 for one that does not exist. */
unsigned int qr_pfn_node(const struct qr_map *map, u64 pfn);

/* Mobility of the page block that holds @pfn. One byte a block: the two low bits are the mobility
 * exclusive-or MIGRATE_MOVABLE, so that a table of zeros says "movable"; QR_BLOCK_SHARED marks a
 * block with frames of several zones, whose mobility never changes, since no single lock guards it.
 * Written under the zone's lock, read without. */
#define QR_BLOCK_SHARED 0x80u
static inline u8 *qr_block_byte(const struct qr_map *map, u64 pfn)
{
    return map->mobility + ((pfn >> QR_BLOCK_ORDER) - (map->min_pfn >> QR_BLOCK_ORDER));
}
static inline enum migratetype qr_block_mobility(const struct qr_map *map, u64 pfn)
{
    u8 byte = __atomic_load_n(qr_block_byte(map, pfn), __ATOMIC_RELAXED);
    return (enum migratetype)((byte & 3u) ^ MIGRATE_MOVABLE);
}
static inline bool qr_block_shared(const struct qr_map *map, u64 pfn)
{
    return (__atomic_load_n(qr_block_byte(map, pfn), __ATOMIC_RELAXED) & QR_BLOCK_SHARED) != 0;
}
static inline void qr_set_block_mobility(struct qr_map *map, u64 pfn, enum migratetype mobility)
{
    __atomic_store_n(qr_block_byte(map, pfn), (u8)(mobility ^ MIGRATE_MOVABLE), __ATOMIC_RELAXED);
}

/* Sort, clip and cut the machine's regions into runs and place the descriptors and the mobility
 * table at the top of the largest low run (marked reserved). Returns 0, -EINVAL or -ENOMEM with the
 * reason. */
int qr_map_init(struct qr_map *map, const struct qp_machine *machine, char *why, size_t why_size);
/* Cut @bytes (page aligned; zeroed) for boot's own use out of low memory, before zones exist; NULL
 * when there is none. */
void *qr_map_carve(struct qr_map *map, const struct qp_machine *machine, u64 bytes);
/* Re-derive every count; returns the number of contradictions. */
unsigned long qr_map_check(const struct qr_map *map);

#endif
