/* SPDX-License-Identifier: MIT */
/* zone/buddy: the mechanism. Free blocks of one zone; knows no flags, watermarks or CPUs.
 * The caller holds zone->lock for everything here. See buddy.c for the idea. */
#ifndef QR_BUDDY_H
#define QR_BUDDY_H

#include "zone.h"

/* Flags of a descriptor that survive every change of what a frame is part of. */
#define QR_FLAGS_STICKY PGF_POISONED

static inline u32 qr_page_flags(const struct page *page)
{
    return __atomic_load_n(&page->flags, __ATOMIC_RELAXED);
}
/* Only who owns the frame (see page_flags.h) may write: so that no atomic update is needed. */
static inline void qr_page_set_flags(struct page *page, u32 flags)
{
    u32 sticky = qr_page_flags(page) & QR_FLAGS_STICKY;
    __atomic_store_n(&page->flags, flags | sticky, __ATOMIC_RELAXED);
}

/* Fresh memory: [start, end) of one run becomes free. Boot only. */
void qr_buddy_add_run(struct qr_map *map, struct zone *zone, u64 start, u64 end);
/* Make the block at @pfn free, merged with its free buddies. Its flags and those of its tails hold
 * no mark but sticky ones. */
void qr_buddy_put(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order);
/* The same for any stretch of frames of the zone, in blocks as large as they can be. */
void qr_buddy_put_range(struct qr_map *map, struct zone *zone, u64 start, u64 end);
/* Take a block: its own mobility's, the smallest that is large enough; else another mobility's, with
 * its whole page block where that makes sense. NULL when no block of the order is free. The head's
 * flags are place and order. */
struct page *qr_buddy_take(struct qr_map *map, struct zone *zone, unsigned int order,
                           enum migratetype mobility);
/* For filling lists: a block of @order at least and @most at most, of its own mobility, small ones
 * first, uncut where there is one; else as qr_buddy_take(@order). *@got is its order. */
struct page *qr_buddy_take_up_to(struct qr_map *map, struct zone *zone, unsigned int order,
                                 unsigned int most, enum migratetype mobility, unsigned int *got);
/* Whether a block of @order or larger is free, of any mobility. */
bool qr_buddy_has(const struct zone *zone, unsigned int order);
/* Take a whole free block of a page block or more that still has backing, for discarding; 0: none.
 * *@order gets its order. Given back by qr_buddy_put_cold. */
u64 qr_buddy_take_warm(struct qr_map *map, struct zone *zone, unsigned int *order);
void qr_buddy_put_cold(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order);
/* Walk every list and compare with the counts; @wrong is told each contradiction. */
void qr_buddy_check(struct qr_map *map, const struct zone *zone,
                    void (*wrong)(void *data, const char *what, u64 pfn), void *data);

#endif
