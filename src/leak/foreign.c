/* SPDX-License-Identifier: MIT */
/* leak/foreign: memory that Quarry did not hand out, but that its owner wants looked at as if it had
 * (kmemleak_alloc).
 *
 * Problem. A program with a pool of its own, in static memory or in one large block, has leaks that nobody
 * sees: to the scan a pool is one allocation, and reachable.
 *
 * Idea. Such blocks are registered one by one and kept in one array sorted by address, in which a search
 * finds the innermost block that holds an address. The array is a page block of the core's own. Addresses
 * in it are kept as their complements: the core's blocks count as roots, and the array must not be one for
 * what it lists.
 *
 * Locks: leaks->lock, taken here. May sleep: nothing; the array grows with GFP_ATOMIC.
 * Limits: at most 4 MiB of table: about 80,000 blocks. Registering costs a shift of the array. Blocks do
 * not overlap, but one may lie inside an allocation of Quarry's, and both are then found. */
#include "leak.h"

static uintptr_t foreign_start(const struct qr_foreign *block)
{
    return ~block->hidden;
}

/* The number of blocks that begin at or before @address. */
static u32 foreign_search(const struct qr_leaks *leaks, uintptr_t address)
{
    u32 low = 0, high = leaks->nr_foreign;

    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (foreign_start(&leaks->foreign[middle]) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct qr_leak_block foreign_block(struct qr_foreign *foreign)
{
    return (struct qr_leak_block){
        .start = (void *)foreign_start(foreign), .size = foreign->size, .word = &foreign->leak};
}

bool qr_foreign_find(struct qr_leaks *leaks, const void *address, struct qr_leak_block *block)
{
    unsigned long state = qp_lock(&leaks->lock);
    u32 at = foreign_search(leaks, (uintptr_t)address);
    bool found = at && (uintptr_t)address - foreign_start(&leaks->foreign[at - 1]) <
                           leaks->foreign[at - 1].size;

    if (found)
        *block = foreign_block(&leaks->foreign[at - 1]);
    qp_unlock(&leaks->lock, state);
    return found;
}

void qr_foreign_each(struct qr_leaks *leaks, qr_leak_visit visit, void *data)
{
    for (u32 i = 0; i < leaks->nr_foreign; i++) {
        struct qr_leak_block block = foreign_block(&leaks->foreign[i]);
        if (!visit(&block, data))
            return;
    }
}

bool qr_foreign_for_each_live(struct qr_leaks *leaks,
                              bool (*visit)(const struct quarry_live *, void *), void *data)
{
    for (u32 i = 0; i < leaks->nr_foreign; i++) {
        struct qr_foreign *foreign = &leaks->foreign[i];
        struct quarry_live live = {.kind = QUARRY_LIVE_OBJECT,
                                   .address = (void *)foreign_start(foreign),
                                   .size = foreign->size,
                                   .cache = "kmemleak_alloc",
                                   .gfp = foreign->owner.gfp,
                                   .sequence = foreign->owner.sequence,
                                   .when_ns = foreign->owner.when_ns,
                                   .lost = qr_leak_is_lost(foreign->leak)};
        qr_trace_load(leaks->check, foreign->owner.trace, &live.allocated);
        if (!visit(&live, data))
            return false;
    }
    return true;
}

/* Room for one more. */
static bool foreign_grow(struct qr_leaks *leaks)
{
    struct qr_zones *zones = leaks->zones;
    size_t bytes = leaks->foreign ? PAGE_SIZE << leaks->foreign_order : 0;
    unsigned int order = leaks->foreign ? leaks->foreign_order + 1 : 0;
    struct page *page;
    struct qr_foreign *more;

    if ((leaks->nr_foreign + 1) * sizeof(*more) <= bytes)
        return true;
    if (order > MAX_PAGE_ORDER)
        return false;
    page = qr_alloc_pages(zones, GFP_ATOMIC | __GFP_NOWARN, order, NUMA_NO_NODE);
    if (!page)
        return false;
    more = qr_page_virt(zones->map, page);
    if (leaks->foreign) {
        memcpy(more, leaks->foreign, leaks->nr_foreign * sizeof(*more));
        qr_free_block(zones, qr_virt_page(zones->map, leaks->foreign), leaks->foreign_order);
    }
    leaks->foreign = more;
    leaks->foreign_order = order;
    return true;
}

bool qr_foreign_add(struct qr_leaks *leaks, const void *start, size_t size, u32 leak, gfp_t gfp)
{
    struct qr_foreign fresh = {.hidden = ~(uintptr_t)start, .size = size, .leak = leak};
    unsigned long state;
    u32 at;
    bool room;

    qr_owner_set(leaks->check, &fresh.owner, gfp, 0);
    state = qp_lock(&leaks->lock);
    room = foreign_grow(leaks);
    if (room) {
        at = foreign_search(leaks, (uintptr_t)start);
        memmove(&leaks->foreign[at + 1], &leaks->foreign[at],
                (leaks->nr_foreign - at) * sizeof(fresh));
        leaks->foreign[at] = fresh;
        leaks->nr_foreign++;
    }
    qp_unlock(&leaks->lock, state);
    return room;
}

bool qr_foreign_remove(struct qr_leaks *leaks, const void *start)
{
    unsigned long state = qp_lock(&leaks->lock);
    u32 at = foreign_search(leaks, (uintptr_t)start);
    bool found = at && foreign_start(&leaks->foreign[at - 1]) == (uintptr_t)start;

    if (found) {
        leaks->nr_foreign--;
        memmove(&leaks->foreign[at - 1], &leaks->foreign[at],
                (leaks->nr_foreign - (at - 1)) * sizeof(leaks->foreign[0]));
    }
    qp_unlock(&leaks->lock, state);
    return found;
}
