/* SPDX-License-Identifier: MIT */
/* zone/check: walk everything the page allocator keeps, and compare.
 *
 * Each zone: its free lists against their counts (B1 … B6), every CPU's lists against theirs (L1,
 * L2), and then every managed frame: it must lie in exactly one free, listed, owned or slab block.
 * A frame in none is lost; the sums must give the zone's managed pages.
 *
 * Locks: zone->lock over the walk of one zone. Nobody may be inside the allocator meanwhile: a block
 * on its way from one list to another would look lost. May sleep: nothing. Cost: O(frames). */
#include "internal.h"

struct zone_check {
    struct qr_zones *zones;
    const struct zone *zone;
    unsigned long wrong;
    u64 pcp_pages;
};

static void zone_check_wrong(void *data, const char *what, u64 pfn)
{
    struct zone_check *check = data;
    struct quarry_report report = {.kind = QUARRY_CORRUPTION};
    check->wrong++;
    qr_report(check->zones->check, &report, "zone %s of node %u, frame %#llx: %s",
              check->zone->name, check->zone->nid, (unsigned long long)pfn, what);
}

/* L1 for one block. */
static void zone_check_listed(struct zone_check *check, u64 pfn, unsigned int order)
{
    const struct qr_map *map = check->zones->map;
    const struct page *page = qr_page(map, pfn);
    u32 flags = qr_page_flags(page);
    u32 tail = flags & PGF_HEAD ? PGF_TAIL : 0;
    if ((flags & (PGF_PCP | PGF_BUDDY | PGF_OWNED | PGF_ORDER_MASK | PGF_PLACE_MASK)) !=
        (PGF_PCP | order | check->zone->place))
        zone_check_wrong(check, "L1: the head of a listed block does not say so", pfn);
    if (page->_refcount != 0)
        zone_check_wrong(check, "L1: a listed block has references", pfn);
    for (u64 i = 1; i < 1ull << order; i++) {
        if ((qr_page_flags(page + i) & (PGF_TAIL | PGF_BUDDY | PGF_PCP | PGF_OWNED)) != tail ||
            (tail && page[i].quarry_tail.head != pfn)) {
            zone_check_wrong(check, "L1: tails of a listed block and its head disagree", pfn + i);
            return;
        }
    }
}

static void zone_check_list(struct zone_check *check, const struct qr_page_list *list,
                            unsigned int order)
{
    const struct qr_map *map = check->zones->map;
    u64 pfn = list->hot, last = 0;
    for (u32 i = 0; i < list->nr; i++) {
        if (!qr_pfn_valid(map, pfn)) {
            zone_check_wrong(check, "a per-CPU list is torn", pfn);
            return;
        }
        if (i && qr_page(map, pfn)->quarry_free.prev != last)
            zone_check_wrong(check, "a per-CPU list's links disagree", pfn);
        zone_check_listed(check, pfn, order);
        last = pfn;
        pfn = qr_page(map, pfn)->quarry_free.next;
    }
    if (list->nr && list->cold != last)
        zone_check_wrong(check, "a per-CPU list's cold end is not its last block", list->cold);
    check->pcp_pages += (u64)list->nr << order;
}

static void zone_check_cpus(struct zone_check *check)
{
    const struct qr_cpus *cpus = check->zones->cpus;
    for (unsigned int id = 0; id < cpus->nr_max; id++) {
        const struct qr_cpu *cpu = cpus->area[id];
        u64 before = check->pcp_pages;
        if (!cpu)
            continue;
        for (unsigned int i = 0; i < QR_PCP_ORDERS; i++) {
            for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
                zone_check_list(check, &cpu->pcp[check->zone->index].list[i][m], qr_pcp_order(i));
        }
        if (check->pcp_pages - before != cpu->pcp[check->zone->index].pages)
            zone_check_wrong(check, "L2: a CPU's sum of listed pages is wrong", id);
    }
}

/* Frames from @pfn on that one block accounts for; 0: the frame is lost. */
static u64 zone_check_block(const struct zone_check *check, u64 pfn, u64 end)
{
    const u64 largest = 1ull << MAX_PAGE_ORDER;
    u32 flags = qr_page_flags(qr_page(check->zones->map, pfn));
    if (!(flags & PGF_TAIL) && (flags & (PGF_SLAB | PGF_BUDDY | PGF_PCP | PGF_OWNED)))
        return 1ull << (flags & PGF_ORDER_MASK);
    if (check->zone->nr_fresh && pfn >= check->zone->fresh_pfn && pfn % largest == 0 &&
        pfn + largest <= end)
        return largest;
    return 0;
}

static void zone_check_frames(struct zone_check *check)
{
    const struct qr_map *map = check->zones->map;
    u64 used = 0, lost = 0, first_lost = 0;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        u64 pfn = QR_MAX(run->start, check->zone->start_pfn);
        u64 end = QR_MIN(run->end, check->zone->end_pfn);
        while (!run->reserved && run->nid == check->zone->nid && pfn < end) {
            u64 frames = zone_check_block(check, pfn, end);
            u32 flags = qr_page_flags(qr_page(map, pfn));
            if (frames && ((flags & PGF_SLAB) || (flags & PGF_OWNED)))
                used += frames;
            if (!frames && lost++ == 0)
                first_lost = pfn;
            pfn += frames ? frames : 1;
        }
    }
    if (lost)
        zone_check_wrong(check, "a frame is in no block", first_lost);
    if (used + check->zone->free_pages + check->pcp_pages + lost != check->zone->managed)
        zone_check_wrong(check, "used, free and listed pages are not the managed ones", used);
}

unsigned long qr_zones_check(struct qr_zones *zones)
{
    unsigned long wrong = 0;
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        struct zone *zone = &zones->zone[i];
        struct zone_check check = {.zones = zones, .zone = zone};
        unsigned long state = qp_lock(&zone->lock);
        qr_buddy_check(zones->map, zone, zone_check_wrong, &check);
        zone_check_cpus(&check);
        zone_check_frames(&check);
        qp_unlock(&zone->lock, state);
        wrong += check.wrong;
    }
    return wrong;
}
