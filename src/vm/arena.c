/* SPDX-License-Identifier: MIT */
/* vm/arena: address ranges in O(1).
 *
 * Problem. vmalloc needs a free run of addresses, of any length and alignment, out of a window that
 * may be 128 MiB or 32 TiB, and gets it back in any order. Searching a list or a tree makes the
 * tenth thousandth area slower than the first.
 *
 * Words. A *range* is a run of pages of the window; every page of the window lies in exactly one
 * range, which is free or taken. Its record is its *tag*. A *bin* holds the free ranges of about
 * one length.
 *
 * Idea. Two-level segregated fit. A length of p pages, 2^f <= p < 2^(f+1), belongs to the first
 * level f, and within it to one of eight equal second-level steps, so that two lengths of one bin
 * differ by less than an eighth. One bit per bin says whether it holds anything. A request is
 * rounded up to the start of the next bin, where *every* range is long enough, and two bit scans
 * find the first non-empty bin from there on. The rest of the range goes back as a shorter one.
 * Tags are linked by address too, so that a range that comes back finds its neighbours at once and
 * melts together with those that are free.
 *
 *     start                                                                      end
 *     | taken 5 | free 12 | taken 2 | taken 9 |          free 1,000,000          |
 *        tag <---> tag <---> tag <---> tag <---------------> tag        by address
 *                   |                                         |
 *     bin (3,4) ----+                       bin (19,7) -------+         by length
 *
 * Rounding up may pass over a range of the request's own bin that would just fit. When nothing
 * longer is left, that one bin is searched before the answer is no, so a request fails only if no
 * range fits (A5); the search costs time only where the alternative is failure. An aligned request
 * asks for its alignment on top, and when there is no such range, searches the ranges that are at
 * least as long as itself for one that happens to lie right.
 *
 * Invariants. A1: the tags, by address, cover [start, end) without gap or overlap. A2: no two
 * neighbours are both free. A3: a free range is in the bin of its length, a taken one in none. A4:
 * a mask bit is set exactly when its bin (its first level) holds something. A5: a take fails only
 * if no free range can hold it. A6: free_pages and nr_ranges agree with the tags.
 *
 * Locks: the owner's. Nothing here sleeps or allocates: the caller brings the tags that a split may
 * need (at most two: one before, one behind) and takes away those that a merge set free, because
 * tags come from an allocator that must not be called under the owner's lock.
 *
 * What it does not do: map anything, or keep guard pages (the caller asks for them). */
#include "arena.h"
#include <quarry/page.h>

struct qr_range {
    uintptr_t start;
    u64 pages;
    struct qr_range *before, *behind;     /* by address */
    struct qr_range *bin_next, *bin_prev; /* in its bin, while free */
    void *owner;                          /* while taken: what the caller hung on it */
    bool taken;
};

#define ARENA_STEP_BITS 3 /* eight second-level bins */
_Static_assert(1 << ARENA_STEP_BITS == QR_ARRAY_SIZE(((struct qr_arena *)0)->bin[0]), "bins");

/* The bin of a length (at least one page). */
static void arena_bin_of(u64 pages, unsigned int *first, unsigned int *second)
{
    unsigned int f = qr_fls64(pages);
    *first = f;
    *second = (unsigned int)(f >= ARENA_STEP_BITS ? pages >> (f - ARENA_STEP_BITS)
                                                  : pages << (ARENA_STEP_BITS - f)) &
              ((1u << ARENA_STEP_BITS) - 1);
}

static void arena_bin_add(struct qr_arena *arena, struct qr_range *range)
{
    unsigned int f, s;
    arena_bin_of(range->pages, &f, &s);
    range->bin_prev = NULL;
    range->bin_next = arena->bin[f][s];
    if (range->bin_next)
        range->bin_next->bin_prev = range;
    arena->bin[f][s] = range;
    arena->second_mask[f] |= 1u << s;
    arena->first_mask |= 1ull << f;
    arena->free_pages += range->pages;
}

static void arena_bin_del(struct qr_arena *arena, struct qr_range *range)
{
    unsigned int f, s;
    arena_bin_of(range->pages, &f, &s);
    if (range->bin_next)
        range->bin_next->bin_prev = range->bin_prev;
    if (range->bin_prev)
        range->bin_prev->bin_next = range->bin_next;
    else
        arena->bin[f][s] = range->bin_next;
    if (!arena->bin[f][s])
        arena->second_mask[f] &= ~(1u << s);
    if (!arena->second_mask[f])
        arena->first_mask &= ~(1ull << f);
    arena->free_pages -= range->pages;
}

/* The first non-empty bin at or above (first, second); false when all of them are empty. */
static bool arena_bin_scan(const struct qr_arena *arena, unsigned int *first, unsigned int *second)
{
    unsigned int f = *first;
    u32 steps = arena->second_mask[f] & (~0u << *second);
    if (!steps) {
        u64 levels = arena->first_mask & (~0ull << (f + 1)); /* no length has 2^53 pages */
        if (!levels)
            return false;
        f = qr_ffs64(levels);
        steps = arena->second_mask[f];
    }
    *first = f;
    *second = qr_ffs64(steps);
    return true;
}

/* A range from a bin in which every range has at least @pages pages; NULL when there is none. */
static struct qr_range *arena_find_longer(const struct qr_arena *arena, u64 pages)
{
    unsigned int f = qr_fls64(pages), s;
    u64 round = f > ARENA_STEP_BITS ? (1ull << (f - ARENA_STEP_BITS)) - 1 : 0;
    arena_bin_of(pages + round, &f, &s);
    return arena_bin_scan(arena, &f, &s) ? arena->bin[f][s] : NULL;
}

/* Where @pages aligned pages begin in a free range, or 0 (no window begins there). Rounding up may
 * run over the end of the address space, to 0: that is further from the range's start than its end. */
static uintptr_t arena_fit(const struct qr_range *range, u64 pages, u64 align)
{
    uintptr_t at = QR_ALIGN_UP(range->start, (uintptr_t)align);
    u64 skipped = (at - range->start) >> PAGE_SHIFT;
    return skipped < range->pages && range->pages - skipped >= pages ? at : 0;
}

/* The slow search: every range of the request's own bin and of all bins above it. Those are empty when
 * there is no alignment, or the quick search would have found one. */
static struct qr_range *arena_find_fitting(const struct qr_arena *arena, u64 pages, u64 align)
{
    unsigned int f, s;
    arena_bin_of(pages, &f, &s);
    while (arena_bin_scan(arena, &f, &s)) {
        struct qr_range *range;
        for (range = arena->bin[f][s]; range; range = range->bin_next)
            if (arena_fit(range, pages, align))
                return range;
        if (++s == 1u << ARENA_STEP_BITS) {
            s = 0;
            f++;
        }
    }
    return NULL;
}

/* Put @tag behind @range in the order of addresses. */
static void arena_link_behind(struct qr_arena *arena, struct qr_range *range, struct qr_range *tag)
{
    tag->before = range;
    tag->behind = range->behind;
    if (tag->behind)
        tag->behind->before = tag;
    range->behind = tag;
    arena->nr_ranges++;
}

/* The first one never goes: a range melts into the one before it. */
static void arena_unlink(struct qr_arena *arena, struct qr_range *tag)
{
    tag->before->behind = tag->behind;
    if (tag->behind)
        tag->behind->before = tag->before;
    arena->nr_ranges--;
}

/* Cut [at, at + pages) out of a free range that holds it. */
static struct qr_range *arena_carve(struct qr_arena *arena, struct qr_range *range, uintptr_t at,
                                    u64 pages, struct qr_range *spare[2])
{
    u64 front = (at - range->start) >> PAGE_SHIFT;
    arena_bin_del(arena, range);
    if (front) {
        struct qr_range *tag = spare[0];
        spare[0] = NULL;
        *tag = (struct qr_range){.start = at, .pages = range->pages - front};
        arena_link_behind(arena, range, tag);
        range->pages = front;
        arena_bin_add(arena, range);
        range = tag;
    }
    if (range->pages > pages) {
        struct qr_range *tag = spare[1];
        spare[1] = NULL;
        *tag = (struct qr_range){.start = at + (uintptr_t)(pages << PAGE_SHIFT),
                                 .pages = range->pages - pages};
        arena_link_behind(arena, range, tag);
        arena_bin_add(arena, tag);
        range->pages = pages;
    }
    range->taken = true;
    range->owner = NULL;
    return range;
}

size_t qr_range_size(void)
{
    return sizeof(struct qr_range);
}

/* Make an arena of one free range. @start and @end are page aligned; tag_alloc and tag_data
 * are set. Returns 0, -EINVAL for an empty or odd window, -ENOMEM without a tag. */
int qr_arena_init(struct qr_arena *arena, uintptr_t start, uintptr_t end, gfp_t gfp)
{
    struct qr_range *all;
    if (!start || start >= end || ((start | end) & (PAGE_SIZE - 1)))
        return -QR_EINVAL;
    all = arena->tag_alloc(arena->tag_data, gfp);
    if (!all)
        return -QR_ENOMEM;
    *all = (struct qr_range){.start = start, .pages = (end - start) >> PAGE_SHIFT};
    arena->start = start;
    arena->end = end;
    arena->first_mask = 0;
    memset(arena->second_mask, 0, sizeof(arena->second_mask));
    memset(arena->bin, 0, sizeof(arena->bin));
    arena->free_pages = 0;
    arena->ranges = all;
    arena->nr_ranges = 1;
    arena_bin_add(arena, all);
    return 0;
}

/* Take @pages pages, the first at a multiple of @align bytes.
 * Units:   align a power of two; below a page it means a page.
 * Context: any; the owner's lock is held. @spare holds two tags; one that was used becomes NULL.
 * Returns: the range, or NULL (also for no pages, an alignment that is no power of two or that no
 *          address of the window has).
 * Cost:    O(1) unless the window is nearly full of other lengths.
 * Rules:   A5. */
struct qr_range *qr_arena_take(struct qr_arena *arena, u64 pages, u64 align,
                               struct qr_range *spare[2])
{
    struct qr_range *range;
    align = QR_MAX(align, (u64)PAGE_SIZE);
    if (!pages || pages > arena->free_pages || (align & (align - 1)) || align >= arena->end)
        return NULL;
    range = arena_find_longer(arena, pages + (align >> PAGE_SHIFT) - 1);
    if (!range)
        range = arena_find_fitting(arena, pages, align);
    if (!range)
        return NULL;
    return arena_carve(arena, range, arena_fit(range, pages, align), pages, spare);
}

/* Give a taken range back. Context: any; the owner's lock is held. */
void qr_arena_give(struct qr_arena *arena, struct qr_range *range, struct qr_range *merged[2])
{
    struct qr_range *before = range->before, *behind = range->behind;
    QR_ASSERT(range->taken);
    merged[0] = merged[1] = NULL;
    range->taken = false;
    range->owner = NULL;
    if (behind && !behind->taken) {
        arena_bin_del(arena, behind);
        range->pages += behind->pages;
        arena_unlink(arena, behind);
        merged[0] = behind;
    }
    if (before && !before->taken) {
        arena_bin_del(arena, before);
        before->pages += range->pages;
        arena_unlink(arena, range);
        merged[1] = range;
        range = before;
    }
    arena_bin_add(arena, range);
}

uintptr_t qr_range_start(const struct qr_range *range)
{
    return range->start;
}

u64 qr_range_pages(const struct qr_range *range)
{
    return range->pages;
}

void qr_range_set_owner(struct qr_range *range, void *owner)
{
    range->owner = owner;
}

void *qr_range_owner(const struct qr_range *range)
{
    return range->owner;
}

struct qr_range *qr_range_next(const struct qr_range *range)
{
    return range->behind;
}

/* Whether the bin of a free range lists it (A3), looked up from the bin's side. */
static bool arena_bin_lists(const struct qr_arena *arena, const struct qr_range *range)
{
    unsigned int f, s;
    const struct qr_range *at;
    arena_bin_of(range->pages, &f, &s);
    for (at = arena->bin[f][s]; at; at = at->bin_next)
        if (at == range)
            return true;
    return false;
}

/* Ranges in bins, and mask bits that tell otherwise (A4). */
static unsigned long arena_check_bins(const struct qr_arena *arena, unsigned long *nr_binned)
{
    unsigned long wrong = 0;
    *nr_binned = 0;
    for (unsigned int f = 0; f < 64; f++) {
        for (unsigned int s = 0; s < 1u << ARENA_STEP_BITS; s++) {
            const struct qr_range *at, *prev = NULL;
            wrong += !!arena->bin[f][s] != !!(arena->second_mask[f] & (1u << s));
            for (at = arena->bin[f][s]; at; prev = at, at = at->bin_next) {
                wrong += at->bin_prev != prev || at->taken;
                ++*nr_binned;
            }
        }
        wrong += !!arena->second_mask[f] != !!(arena->first_mask & (1ull << f));
    }
    return wrong;
}

/* Re-derive A1..A4 and A6; returns the number of contradictions. */
unsigned long qr_arena_check(const struct qr_arena *arena)
{
    unsigned long wrong = 0, nr = 0, nr_free = 0, nr_binned;
    u64 free_pages = 0;
    uintptr_t at = arena->start;
    const struct qr_range *range, *before = NULL;
    for (range = arena->ranges; range; before = range, range = range->behind) {
        wrong += range->start != at || range->before != before;
        at += (uintptr_t)(range->pages << PAGE_SHIFT);
        nr++;
        wrong += !range->pages;
        if (!range->pages)
            continue; /* no bin has such a length */
        if (range->taken)
            continue;
        wrong += (before && !before->taken) || !arena_bin_lists(arena, range);
        free_pages += range->pages;
        nr_free++;
    }
    wrong += at != arena->end;
    wrong += nr != arena->nr_ranges;
    wrong += free_pages != arena->free_pages;
    wrong += arena_check_bins(arena, &nr_binned);
    wrong += nr_binned != nr_free;
    return wrong;
}
