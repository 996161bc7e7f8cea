/* SPDX-License-Identifier: MIT */
/* zone/buddy: the binary buddy system with one mobility per page block.
 *
 * Problem. Requests ask for 2^order contiguous frames; freed blocks must become large again. Blocks
 * that can never move must not sit one by one in every 2 MiB, or no large block ever comes back.
 *
 * Words. A *block* of order n is 2^n frames, aligned to their number. Its *buddy* is the other half
 * of the block of order n + 1. A *page block* is an aligned 2 MiB (order QR_BLOCK_ORDER); it has one
 * *mobility*, kept in the map. A *fresh* block is one of the largest order that has been free since
 * boot and that nothing was written for.
 *
 * Idea. Per order and mobility one circular list of free blocks, youngest first, linked by frame
 * numbers in the heads' descriptors; per mobility one bit mask of the orders that have any. Taking
 * is a bit scan, an unlink and splits; freeing merges as long as the buddy is free and whole.
 *
 *     nonempty[UNMOVABLE] = ...0100 1    free_area[0].head[UNMOVABLE] -> pfn 7 <-> pfn 12
 *                                        free_area[3].head[UNMOVABLE] -> pfn 64
 *
 * When a mobility has nothing large enough, the largest block of another is taken: if it is a whole
 * page block or more, its page block changes mobility; if it is a large part of one and at least
 * half of its page block is free, the page block changes as well, with all its free blocks;
 * otherwise the smallest block that will do is lent, and comes back to where it was when freed.
 *
 * Fresh blocks are handed out after all listed ones. So boot writes a few descriptors a zone instead
 * of one in 1,024, and a machine of a terabyte boots at once and small.
 *
 * Invariants. B1: the head of a free block has PGF_BUDDY and its order; no other frame of it has a
 * mark but sticky ones. B2: a listed block is on the list of its order and of its (first) page
 * block's mobility. B3: no two free buddies below the largest order. B4: free_pages counts the
 * frames of listed and fresh blocks. B5: a bit of nonempty is set if and only if the list has a
 * block. B6: warm_pages counts the frames of listed blocks of page-block order or more without
 * PGF_COLD. B7: a page block with frames of two zones never changes mobility.
 *
 * Locks: zone->lock, held by the caller. May sleep: nothing. Cost: O(MAX_PAGE_ORDER), but for a
 * page block that changes mobility: O(QR_BLOCK_PAGES).
 * Not here: which zone, whether it may be taken, per-CPU lists. */
#include "buddy.h"

static const u8 buddy_fallback[MIGRATE_TYPES][2] = {
    [MIGRATE_UNMOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
    [MIGRATE_MOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
    [MIGRATE_RECLAIMABLE] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE},
};

/* ---- lists ---------------------------------------------------------------------------------- */

static void buddy_warm(struct zone *zone, u64 warm_pages)
{
    __atomic_store_n(&zone->warm_pages, warm_pages, __ATOMIC_RELAXED);
}

/* Put a block at the front of its list; @cold: its frames have no backing. */
static void block_link(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order, u32 cold)
{
    enum migratetype mobility = qr_block_mobility(map, pfn);
    struct qr_free_area *area = &zone->free_area[order];
    struct page *page = qr_page(map, pfn);
    u32 first = area->head[mobility];

    if (first) {
        struct page *next = qr_page(map, first);
        page->quarry_free.next = first;
        page->quarry_free.prev = next->quarry_free.prev;
        qr_page(map, next->quarry_free.prev)->quarry_free.next = (u32)pfn;
        next->quarry_free.prev = (u32)pfn;
    } else {
        page->quarry_free.next = page->quarry_free.prev = (u32)pfn;
        zone->nonempty[mobility] |= 1u << order;
    }
    page->quarry_free.mobility = mobility;
    area->head[mobility] = (u32)pfn;
    __atomic_store_n(&area->nr[mobility], area->nr[mobility] + 1, __ATOMIC_RELAXED);
    if (order >= QR_BLOCK_ORDER && !cold)
        buddy_warm(zone, zone->warm_pages + (1u << order));
    qr_page_set_flags(page, zone->place | order | PGF_BUDDY | cold);
}

/* Take a block off its list; its flags become place and order. Returns its PGF_COLD. */
static u32 block_unlink(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order)
{
    struct page *page = qr_page(map, pfn);
    u32 mobility = page->quarry_free.mobility, next = page->quarry_free.next;
    struct qr_free_area *area = &zone->free_area[order];
    u32 cold = qr_page_flags(page) & PGF_COLD;

    if (next == pfn) {
        area->head[mobility] = 0;
        zone->nonempty[mobility] &= ~(1u << order);
    } else {
        qr_page(map, next)->quarry_free.prev = page->quarry_free.prev;
        qr_page(map, page->quarry_free.prev)->quarry_free.next = next;
        if (area->head[mobility] == pfn)
            area->head[mobility] = next;
    }
    __atomic_store_n(&area->nr[mobility], area->nr[mobility] - 1, __ATOMIC_RELAXED);
    if (order >= QR_BLOCK_ORDER && !cold)
        buddy_warm(zone, zone->warm_pages - (1u << order));
    qr_page_set_flags(page, zone->place | order);
    return cold;
}

static void buddy_count(struct zone *zone, u64 free_pages)
{
    __atomic_store_n(&zone->free_pages, free_pages, __ATOMIC_RELAXED);
    if (free_pages < zone->watermark[QR_WMARK_LOW]) {
        if (!zone->below_low)
            __atomic_store_n(&zone->below_low, 1, __ATOMIC_RELAXED);
    } else if (zone->below_low && free_pages >= zone->watermark[QR_WMARK_HIGH]) {
        __atomic_store_n(&zone->below_low, 0, __ATOMIC_RELAXED);
    }
}

/* ---- free ----------------------------------------------------------------------------------- */

/* Whether the frame is the head of a free block of exactly this order and zone. Its descriptor may
 * be written meanwhile by whoever owns it, but never to look like that. */
static bool buddy_is_free(const struct qr_map *map, const struct zone *zone, u64 pfn,
                          unsigned int order)
{
    u64 both = pfn & ~(1ull << order); /* where the two together would begin */
    u32 flags;
    if (pfn < zone->start_pfn || pfn >= zone->end_pfn)
        return false;
    if (zone->seam && both < zone->seam && zone->seam < both + (2ull << order))
        return false;
    if (!zone->whole && !qr_pfn_valid(map, pfn))
        return false;
    flags = qr_page_flags(qr_page(map, pfn));
    return (flags & (PGF_BUDDY | PGF_ORDER_MASK | PGF_PLACE_MASK)) ==
           (PGF_BUDDY | order | zone->place);
}

static void block_merge(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order,
                        u32 cold)
{
    while (order < MAX_PAGE_ORDER) {
        u64 buddy = pfn ^ (1ull << order);
        if (!buddy_is_free(map, zone, buddy, order))
            break;
        cold &= block_unlink(map, zone, buddy, order);
        qr_page_set_flags(qr_page(map, QR_MAX(pfn, buddy)), zone->place);
        pfn &= ~(1ull << order);
        order++;
    }
    block_link(map, zone, pfn, order, order >= QR_BLOCK_ORDER ? cold : 0);
}

void qr_buddy_put(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order)
{
    buddy_count(zone, zone->free_pages + (1u << order));
    block_merge(map, zone, pfn, order, 0);
}

void qr_buddy_put_range(struct qr_map *map, struct zone *zone, u64 start, u64 end)
{
    while (start < end) {
        unsigned int order = QR_MIN(qr_ffs64(start), qr_fls64(end - start));
        order = QR_MIN(order, (unsigned int)MAX_PAGE_ORDER);
        qr_buddy_put(map, zone, start, order);
        start += 1ull << order;
    }
}

/* ---- fresh blocks --------------------------------------------------------------------------- */

#define BUDDY_MAX_PAGES (1ull << MAX_PAGE_ORDER)

void qr_buddy_add_run(struct qr_map *map, struct zone *zone, u64 start, u64 end)
{
    u64 first = QR_ALIGN_UP(start, BUDDY_MAX_PAGES), last = QR_ALIGN_DOWN(end, BUDDY_MAX_PAGES);
    if (first >= last) {
        qr_buddy_put_range(map, zone, start, end);
        return;
    }
    qr_buddy_put_range(map, zone, start, first);
    qr_buddy_put_range(map, zone, last, end);
    zone->nr_fresh += (u32)((last - first) >> MAX_PAGE_ORDER);
    buddy_count(zone, zone->free_pages + (last - first));
}

/* The next fresh block: the first whole largest block at or after the cursor that lies in a usable
 * run of the zone. */
static u64 buddy_fresh_pfn(const struct qr_map *map, const struct zone *zone)
{
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        u64 start = QR_MAX(QR_MAX(run->start, zone->start_pfn), zone->fresh_pfn);
        u64 end = QR_MIN(run->end, zone->end_pfn);
        start = QR_ALIGN_UP(start, BUDDY_MAX_PAGES);
        if (!run->reserved && run->nid == zone->nid && start + BUDDY_MAX_PAGES <= end)
            return start;
    }
    return 0;
}

/* List one fresh block. It counted as free before, so free_pages stays. */
static void buddy_list_fresh(struct qr_map *map, struct zone *zone)
{
    u64 pfn = buddy_fresh_pfn(map, zone);
    QR_ASSERT(pfn != 0);
    zone->fresh_pfn = pfn + BUDDY_MAX_PAGES;
    __atomic_store_n(&zone->nr_fresh, zone->nr_fresh - 1, __ATOMIC_RELAXED);
    block_link(map, zone, pfn, MAX_PAGE_ORDER, PGF_COLD);
}

/* ---- take ----------------------------------------------------------------------------------- */

/* Cut an unlinked block down to @order; the upper halves go on their lists. */
static void block_split(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int from,
                        unsigned int order, u32 cold)
{
    while (from > order) {
        from--;
        block_link(map, zone, pfn + (1ull << from), from, from >= QR_BLOCK_ORDER ? cold : 0);
    }
}

static struct page *block_take(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int from,
                               unsigned int order)
{
    u32 cold = block_unlink(map, zone, pfn, from);
    struct page *page = qr_page(map, pfn);
    block_split(map, zone, pfn, from, order, cold);
    qr_page_set_flags(page, zone->place | order);
    buddy_count(zone, zone->free_pages - (1u << order));
    return page;
}

/* Give page blocks that are wholly free to another mobility: those that a request of @order from
 * the block will be cut from. The rest keeps its own. */
static void block_claim(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int from,
                        unsigned int order, enum migratetype mobility)
{
    u32 cold = block_unlink(map, zone, pfn, from);
    qr_set_block_mobility(map, pfn, mobility);
    if (order > QR_BLOCK_ORDER)
        qr_set_block_mobility(map, pfn + QR_BLOCK_PAGES, mobility);
    block_link(map, zone, pfn, from, cold);
}

/* The next frame of a page block that heads a free block of the zone, from *@pfn on; false: none.
 * Blocks of page-block order or more never get here: they are claimed, not converted. */
static bool block_next_free(const struct qr_map *map, const struct zone *zone, u64 *pfn, u64 end,
                            unsigned int *order)
{
    for (; *pfn < end; ++*pfn) {
        u32 flags;
        if (!zone->whole && !qr_pfn_valid(map, *pfn))
            continue;
        flags = qr_page_flags(qr_page(map, *pfn));
        if ((flags & (PGF_BUDDY | PGF_PLACE_MASK)) == (PGF_BUDDY | zone->place)) {
            *order = flags & PGF_ORDER_MASK;
            return true;
        }
    }
    return false;
}

/* Change the mobility of the page block around @pfn if at least half of it is free, and move its
 * free blocks to their new lists. */
static bool block_convert(struct qr_map *map, struct zone *zone, u64 pfn, enum migratetype mobility)
{
    u64 start = QR_MAX(QR_ALIGN_DOWN(pfn, QR_BLOCK_PAGES), zone->start_pfn);
    u64 end = QR_MIN(QR_ALIGN_DOWN(pfn, QR_BLOCK_PAGES) + QR_BLOCK_PAGES, zone->end_pfn);
    u64 at, free_pages = 0;
    unsigned int order;

    if (qr_block_shared(map, pfn))
        return false;
    for (at = start; block_next_free(map, zone, &at, end, &order); at += 1ull << order)
        free_pages += 1ull << order;
    if (free_pages * 2 < end - start)
        return false;
    qr_set_block_mobility(map, pfn, mobility);
    for (at = start; block_next_free(map, zone, &at, end, &order); at += 1ull << order) {
        block_unlink(map, zone, at, order);
        block_link(map, zone, at, order, 0);
    }
    return true;
}

/* The largest order, or the smallest, that other mobilities have at or above @order; the nearer
 * mobility first. False: none. */
static bool buddy_other(const struct zone *zone, unsigned int order, enum migratetype mobility,
                        bool largest, unsigned int *from, u32 *pfn)
{
    const u8 *other = buddy_fallback[mobility];
    u32 mask = (zone->nonempty[other[0]] | zone->nonempty[other[1]]) >> order << order;
    u32 of;
    if (!mask)
        return false;
    *from = largest ? qr_fls64(mask) : qr_ffs64(mask);
    of = zone->nonempty[other[0]] >> *from & 1 ? other[0] : other[1];
    *pfn = zone->free_area[*from].head[of];
    return true;
}

/* No block of its own mobility will do. */
static struct page *buddy_borrow(struct qr_map *map, struct zone *zone, unsigned int order,
                                 enum migratetype mobility)
{
    unsigned int from;
    u32 pfn;

    if (!buddy_other(zone, order, mobility, true, &from, &pfn))
        return NULL;
    if (from >= QR_BLOCK_ORDER) {
        block_claim(map, zone, pfn, from, order, mobility);
        return block_take(map, zone, pfn, from, order);
    }
    /* A movable request may sit anywhere; it takes over a page block only for a large part of it. */
    if ((mobility != MIGRATE_MOVABLE || from >= QR_BLOCK_ORDER / 2) &&
        block_convert(map, zone, pfn, mobility))
        return block_take(map, zone, pfn, from, order);
    buddy_other(zone, order, mobility, false, &from, &pfn);
    return block_take(map, zone, pfn, from, order);
}

struct page *qr_buddy_take(struct qr_map *map, struct zone *zone, unsigned int order,
                           enum migratetype mobility)
{
    u32 mask = zone->nonempty[mobility] >> order;
    unsigned int from;

    if (QR_UNLIKELY(!mask)) {
        if (zone->nr_fresh)
            buddy_list_fresh(map, zone);
        mask = zone->nonempty[mobility] >> order;
        if (!mask)
            return buddy_borrow(map, zone, order, mobility);
    }
    from = order + qr_ffs64(mask);
    return block_take(map, zone, zone->free_area[from].head[mobility], from, order);
}

struct page *qr_buddy_take_up_to(struct qr_map *map, struct zone *zone, unsigned int order,
                                 unsigned int most, enum migratetype mobility, unsigned int *got)
{
    u32 mask = zone->nonempty[mobility] >> order;
    *got = mask ? QR_MIN(order + qr_ffs64(mask), most) : order;
    return qr_buddy_take(map, zone, *got, mobility);
}

bool qr_buddy_has(const struct zone *zone, unsigned int order)
{
    u32 any = zone->nonempty[MIGRATE_UNMOVABLE] | zone->nonempty[MIGRATE_MOVABLE] |
              zone->nonempty[MIGRATE_RECLAIMABLE];
    return any >> order != 0 || zone->nr_fresh != 0;
}

/* ---- backing -------------------------------------------------------------------------------- */

/* The block that was freed longest ago: lists are youngest first, and what was discarded already
 * stands among the others, so look at no more than a few. */
#define BUDDY_WARM_LOOKS 64u

u64 qr_buddy_take_warm(struct qr_map *map, struct zone *zone, unsigned int *order)
{
    for (unsigned int o = QR_BLOCK_ORDER; o <= MAX_PAGE_ORDER; o++) {
        for (unsigned int mobility = 0; mobility < MIGRATE_TYPES; mobility++) {
            u32 first = zone->free_area[o].head[mobility], pfn = first;
            for (u32 looks = 0; pfn && looks < BUDDY_WARM_LOOKS; looks++) {
                pfn = qr_page(map, pfn)->quarry_free.prev;
                if (!(qr_page_flags(qr_page(map, pfn)) & PGF_COLD)) {
                    block_unlink(map, zone, pfn, o);
                    buddy_count(zone, zone->free_pages - (1u << o));
                    *order = o;
                    return pfn;
                }
                if (pfn == first)
                    break;
            }
        }
    }
    return 0;
}

void qr_buddy_put_cold(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order)
{
    buddy_count(zone, zone->free_pages + (1u << order));
    block_merge(map, zone, pfn, order, PGF_COLD);
}

/* ---- check ---------------------------------------------------------------------------------- */

/* What a walk of a zone's lists found. */
struct buddy_walk {
    struct qr_map *map;
    const struct zone *zone;
    void (*wrong)(void *data, const char *what, u64 pfn);
    void *data;
    u64 free_pages, warm_pages;
};

static void buddy_wrong(struct buddy_walk *walk, const char *what, u64 pfn)
{
    walk->wrong(walk->data, what, pfn);
}

static void buddy_check_block(struct buddy_walk *walk, u64 pfn, unsigned int order, u32 mobility)
{
    const struct page *page = qr_page(walk->map, pfn);
    u64 buddy = pfn ^ (1ull << order), inside = 0;
    u32 marks = PGF_BUDDY | PGF_PCP | PGF_HEAD | PGF_TAIL | PGF_SLAB | PGF_OWNED;

    if ((qr_page_flags(page) & (marks | PGF_ORDER_MASK | PGF_PLACE_MASK)) !=
        (PGF_BUDDY | order | walk->zone->place))
        buddy_wrong(walk, "B1: a free block's head does not say so", pfn);
    if (page->_refcount != 0)
        buddy_wrong(walk, "B1: a free block has references", pfn);
    for (u64 i = 1; i < 1ull << order && !inside; i++) {
        if (qr_page_flags(qr_page(walk->map, pfn + i)) & marks)
            inside = pfn + i;
    }
    if (inside)
        buddy_wrong(walk, "B1: a frame inside a free block has marks", inside);
    if (page->quarry_free.mobility != mobility || qr_block_mobility(walk->map, pfn) != mobility)
        buddy_wrong(walk, "B2: a free block is on another mobility's list", pfn);
    if (pfn & ((1ull << order) - 1))
        buddy_wrong(walk, "B1: a free block is not aligned", pfn);
    if (order < MAX_PAGE_ORDER && buddy_is_free(walk->map, walk->zone, buddy, order))
        buddy_wrong(walk, "B3: two free buddies are not merged", pfn);
    walk->free_pages += 1ull << order;
    if (order >= QR_BLOCK_ORDER && !(qr_page_flags(page) & PGF_COLD))
        walk->warm_pages += 1ull << order;
}

static void buddy_check_list(struct buddy_walk *walk, unsigned int order, u32 mobility)
{
    const struct qr_free_area *area = &walk->zone->free_area[order];
    u32 first = area->head[mobility], pfn = first, nr = 0;

    if ((first != 0) != (walk->zone->nonempty[mobility] >> order & 1))
        buddy_wrong(walk, "B5: the bit mask and the list disagree", first);
    while (pfn) { /* it ends: no block is the next of two */
        u32 next = qr_page(walk->map, pfn)->quarry_free.next;
        if (!qr_pfn_valid(walk->map, next) || qr_page(walk->map, next)->quarry_free.prev != pfn) {
            buddy_wrong(walk, "a free list is torn", pfn);
            break;
        }
        buddy_check_block(walk, pfn, order, mobility);
        nr++;
        pfn = next == first ? 0 : next;
    }
    if (nr != area->nr[mobility])
        buddy_wrong(walk, "a free list's count is wrong", first);
}

void qr_buddy_check(struct qr_map *map, const struct zone *zone,
                    void (*wrong)(void *data, const char *what, u64 pfn), void *data)
{
    struct buddy_walk walk = {.map = map, .zone = zone, .wrong = wrong, .data = data};
    struct zone rest = *zone; /* to walk the fresh blocks without listing them */
    u64 pfn;
    u32 fresh = 0;

    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        for (u32 mobility = 0; mobility < MIGRATE_TYPES; mobility++)
            buddy_check_list(&walk, order, mobility);
    }
    while (fresh < zone->nr_fresh && (pfn = buddy_fresh_pfn(map, &rest)) != 0) {
        if (qr_page_flags(qr_page(map, pfn)) != 0)
            buddy_wrong(&walk, "a fresh block was written", pfn);
        rest.fresh_pfn = pfn + BUDDY_MAX_PAGES;
        walk.free_pages += BUDDY_MAX_PAGES;
        fresh++;
    }
    if (fresh != zone->nr_fresh || buddy_fresh_pfn(map, &rest))
        buddy_wrong(&walk, "the count of fresh blocks is wrong", zone->fresh_pfn);
    if (walk.free_pages != zone->free_pages)
        buddy_wrong(&walk, "B4: free_pages is not what the lists hold", walk.free_pages);
    if (walk.warm_pages != zone->warm_pages)
        buddy_wrong(&walk, "B6: warm_pages is not what the lists hold", walk.warm_pages);
}
