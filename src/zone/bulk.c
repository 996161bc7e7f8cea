/* SPDX-License-Identifier: MIT */
/* zone/bulk: many single pages at once.
 *
 * Problem. vmalloc wants thousands of pages; a lock a page is too many, and pages in long physical
 * runs are mapped by few calls and with large pages.
 *
 * Idea. Under one lock take the largest blocks that fit what is still wanted, and hand out their
 * frames one by one: the answer is then ascending runs. Only what a zone has above `low` is taken so;
 * the rest, and every request while faults are armed, goes the ordinary way, page by page.
 *
 * Locks: zone->lock, for at most BULK_LOCK_PAGES pages at a time. May sleep: by the mask. */
#include "internal.h"

#define BULK_SMALL 8u          /* fewer come from this CPU's list */
#define BULK_LOCK_PAGES 2048ul /* 8 MiB: some 4 … 2,048 blocks */

/* The order of the next block: as large as is wanted, free, and allowed; -1: none. */
static int bulk_next_order(const struct zone *zone, unsigned long want, u64 floor)
{
    u64 room = QR_ABOVE(zone->free_pages, floor);
    int order;
    if (room == 0 || want == 0)
        return -1;
    order = (int)QR_MIN(qr_fls64(want), qr_fls64(room));
    order = QR_MIN(order, QR_BLOCK_ORDER);
    while (!qr_buddy_has(zone, (unsigned int)order)) /* a page there is */
        order--;
    return order;
}

/* Take pages of one zone into @pages[], with their place and nothing else in their flags; how many. */
static unsigned long bulk_take_pages(struct qr_zones *zones, struct zone *zone,
                                     const struct qr_request *request, unsigned long nr,
                                     struct page **pages)
{
    u64 floor = qr_request_floor_low(request, zone);
    unsigned long got = 0, want = QR_MIN(nr, BULK_LOCK_PAGES);
    unsigned long state = qp_lock(&zone->lock);
    int order;

    while ((order = bulk_next_order(zone, want - got, floor)) >= 0) {
        struct page *page = qr_buddy_take(zones->map, zone, (unsigned int)order, request->mobility);
        QR_ASSERT(page);
        for (unsigned long i = 0; i < 1ul << order; i++) {
            qr_page_set_flags(page + i, zone->place);
            pages[got++] = page + i;
        }
    }
    qp_unlock(&zone->lock, state);
    return got;
}

/* What the zones have above low. */
static unsigned long bulk_serve_zones(const struct qr_request *request, unsigned long nr,
                                      struct page **pages)
{
    struct qr_zones *zones = request->zones;
    unsigned long got = 0;
    struct qr_cpu *cpu;
    unsigned long section;

    for (unsigned int i = 0; i < request->list->nr && got < nr; i++) {
        struct zone *zone = &zones->zone[request->list->zone[i]];
        unsigned long more;
        if ((request->gfp & __GFP_THISNODE) && zone->nid != (u32)request->nid)
            continue;
        do {
            more = bulk_take_pages(zones, zone, request, nr - got, pages + got);
            got += more;
        } while (more && got < nr);
    }
    for (unsigned long i = 0; i < got; i++)
        qr_block_out(zones, pages[i], 0, request->gfp);
    section = qp_percpu_enter(zones->cpus, &cpu);
    qr_count(cpu, QR_EV_PGALLOC, got);
    qp_percpu_leave(section);
    return got;
}

unsigned long qr_alloc_pages_bulk(struct qr_zones *zones, gfp_t gfp, int nid, unsigned long nr,
                                  struct page **pages)
{
    struct qr_request request;
    unsigned long got = 0;

    gfp &= ~__GFP_COMP; /* single pages are never compound */
    if (nr >= BULK_SMALL && !qr_fault_armed(zones->faults, QUARRY_FAIL_PAGE_ALLOC)) {
        bool sane = qr_request_init(&request, zones, gfp, 0, nid);
        QR_ASSERT(sane); /* but for the order any mask is made one */
        got = bulk_serve_zones(&request, nr, pages);
    }
    while (got < nr) {
        struct page *page = qr_alloc_pages(zones, got ? gfp | __GFP_NOWARN : gfp, 0, nid);
        if (!page)
            break;
        pages[got++] = page;
    }
    return got;
}
