/* SPDX-License-Identifier: MIT */
/* zone/pcp: each CPU's own lists of free blocks.
 *
 * Problem. A zone's lock and lists are shared; most blocks are freed by the CPU that took them, and
 * soon taken again.
 *
 * Idea. Per CPU, zone, order (0 … 6 and that of a page block) and mobility one list. A block freed
 * goes to the *hot* end, where the next request takes it, cache-warm; filling and shedding work at
 * the *cold* end, a batch under one lock. All lists of a CPU and zone together are bounded by a
 * number of pages. A compound block stays constructed on a list: its tails, 511 descriptors for a
 * huge page, are unmarked only when it goes to the buddy or to someone who wants it plain.
 *
 *     hot -> pfn 40 <-> pfn 41 <-> pfn 7 <- cold        linked by frame numbers, ends by count
 *
 * Pages on these lists count as used in free_pages. So that they are never a hidden reserve: lists
 * are filled only with what a zone has above `low`; while a zone is below (zone->below_low), frees
 * pass the lists by, requests too, and each CPU gives its lists back as soon as it comes by.
 *
 * Invariants. L1: a listed block's head has PGF_PCP, its order and no reference; PGF_HEAD if and
 * only if its tails are marked. L2: pcp->pages is the sum over the lists. L3: pages <= limit between
 * sections, unless limit has just shrunk. L4: only the owning CPU touches a list, inside a section;
 * of a CPU that sleeps, who moved it to QR_CPU_DRAINING.
 *
 * Limit. A zone's lists on all CPUs together hold at most a sixteenth of it, and on one CPU at most
 * 6 MiB, three huge pages: 1/16 of the managed pages is shared by the CPUs that were online when
 * last counted.
 *
 * Locks: zone->lock inside sections. May sleep: nothing. */
#include "internal.h"

#define PCP_BATCH_PAGES 64u  /* 256 KiB a lock */
#define PCP_MAX_PAGES 1536u  /* 6 MiB */
#define PCP_ZONE_FRACTION 16 /* of a zone may lie on lists */
#define PCP_SHED_BLOCKS 64u  /* blocks a lock when shedding */
#define PCP_RECOUNT 64u      /* refills between two counts of the CPUs online */

/* ---- limits --------------------------------------------------------------------------------- */

static void pcp_count_online(struct qr_zones *zones)
{
    u32 online = 0;
    for (unsigned int id = 0; id < zones->cpus->nr_max; id++)
        online += __atomic_load_n(&zones->cpus->area[id], __ATOMIC_RELAXED) != NULL;
    __atomic_store_n(&zones->nr_online, QR_MAX(online, 1u), __ATOMIC_RELAXED);
}

static u32 pcp_limit(const struct qr_zones *zones, const struct zone *zone)
{
    u32 online = __atomic_load_n(&zones->nr_online, __ATOMIC_RELAXED);
    return (u32)QR_MIN(zone->managed / PCP_ZONE_FRACTION / online, PCP_MAX_PAGES);
}

void qr_pcp_init_cpu(struct qr_zones *zones, struct qr_cpu *cpu)
{
    pcp_count_online(zones);
    for (unsigned int i = 0; i < zones->nr_zones; i++)
        cpu->pcp[i].limit = pcp_limit(zones, &zones->zone[i]);
}

/* ---- shedding ------------------------------------------------------------------------------- */

static void pcp_wake_waiters(struct qr_zones *zones)
{
    if (QR_UNLIKELY(__atomic_load_n(&zones->waiters, __ATOMIC_RELAXED)))
        qp_wake(&zones->freed);
}

/* The list to shed from: the given one while it has blocks, then the largest order's. There are some
 * (L2). */
static void pcp_shed_list(const struct qr_pcp *pcp, unsigned int *index, unsigned int *mobility)
{
    if (pcp->list[*index][*mobility].nr)
        return;
    for (unsigned int i = QR_PCP_ORDERS - 1;; i--) {
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++) {
            if (pcp->list[i][m].nr) {
                *index = i;
                *mobility = m;
                return;
            }
        }
        QR_ASSERT(i > 0);
    }
}

/* Take up to a batch of cold blocks until at most @keep pages are left; unmarked, ready for the
 * buddy. */
static unsigned int pcp_shed_batch(struct qr_map *map, struct qr_pcp *pcp, unsigned int *index,
                                   unsigned int *mobility, u32 keep, struct page **batch)
{
    unsigned int nr = 0;
    while (pcp->pages > keep && nr < PCP_SHED_BLOCKS) {
        struct page *page;
        u32 flags;
        pcp_shed_list(pcp, index, mobility);
        page = qr_pcp_pop(map, pcp, *index, (enum migratetype) * mobility, true);
        flags = qr_page_flags(page);
        if (flags & PGF_HEAD)
            qr_block_plain(map, page, flags & PGF_ORDER_MASK);
        qr_page_set_flags(page, flags & (PGF_PLACE_MASK | PGF_ORDER_MASK));
        batch[nr++] = page;
    }
    return nr;
}

/* Give blocks back until at most @keep pages are left on a zone's lists, those of the given list
 * first. Returns pages given. */
static unsigned long pcp_shed(struct qr_zones *zones, struct zone *zone, struct qr_cpu *cpu,
                              unsigned int index, unsigned int mobility, u32 keep)
{
    struct qr_pcp *pcp = &cpu->pcp[zone->index];
    u32 before = pcp->pages;
    while (pcp->pages > keep) {
        struct page *batch[PCP_SHED_BLOCKS];
        unsigned int nr = pcp_shed_batch(zones->map, pcp, &index, &mobility, keep, batch);
        unsigned long state = qp_lock(&zone->lock);
        for (unsigned int i = 0; i < nr; i++)
            qr_buddy_put(zones->map, zone, qr_pfn(zones->map, batch[i]),
                         qr_page_flags(batch[i]) & PGF_ORDER_MASK);
        qp_unlock(&zone->lock, state);
    }
    qr_count(cpu, QR_EV_PCP_DRAIN, before - pcp->pages);
    pcp_wake_waiters(zones);
    return before - pcp->pages;
}

/* ---- taking --------------------------------------------------------------------------------- */

/* Add a block at the cold end: so that a batch comes out in the order in which it went in. */
static void pcp_append(struct qr_map *map, struct qr_pcp *pcp, unsigned int index,
                       enum migratetype mobility, struct page *page)
{
    struct qr_page_list *list = &pcp->list[index][mobility];
    u32 pfn = (u32)qr_pfn(map, page);
    if (list->nr) {
        page->quarry_free.prev = list->cold;
        qr_page(map, list->cold)->quarry_free.next = pfn;
    } else {
        list->hot = pfn;
    }
    list->cold = pfn;
    list->nr++;
    pcp->pages += 1u << qr_pcp_order(index);
    qr_page_set_flags(page, qr_page_flags(page) | PGF_PCP);
}

/* Blocks to fetch at once: a batch, as far as the CPU's limit and what the zone has above @floor
 * go. 0: nothing may be kept back. */
static u32 pcp_refill_blocks(const struct zone *zone, const struct qr_pcp *pcp, unsigned int order,
                             u64 floor)
{
    u64 low = QR_MAX(floor, zone->watermark[QR_WMARK_LOW]);
    u32 room = QR_ABOVE(pcp->limit, pcp->pages);
    u64 above = QR_ABOVE(zone->free_pages, low);
    u64 pages = QR_MIN(QR_MIN((u64)PCP_BATCH_PAGES, above), (u64)room);
    return (u32)(pages >> order);
}

/* Cut a block into blocks of @order: the first is the caller's if it has none yet, the others go on
 * the list. */
static struct page *pcp_refill_cut(struct qr_map *map, struct zone *zone, struct qr_pcp *pcp,
                                   unsigned int index, enum migratetype mobility, struct page *page,
                                   unsigned int from, struct page *first)
{
    unsigned int order = qr_pcp_order(index);
    for (u64 at = 0; at < 1ull << from; at += 1ull << order) {
        qr_page_set_flags(page + at, zone->place | order);
        if (first)
            pcp_append(map, pcp, index, mobility, page + at);
        else
            first = page + at;
    }
    return first;
}

/* Take one block, and a batch more for the list: whole small blocks first, so that nothing is cut
 * through the free lists that would be taken next anyway. Lists and lock are the caller's. */
static struct page *pcp_refill_locked(struct qr_zones *zones, struct zone *zone, struct qr_pcp *pcp,
                                      unsigned int order, enum migratetype mobility, u64 floor)
{
    struct page *first = NULL;
    int index = qr_pcp_index(order);
    u32 nr;
    if (zone->free_pages < floor + (1u << order))
        return NULL;
    nr = index >= 0 ? pcp_refill_blocks(zone, pcp, order, floor) : 0;
    if (nr < 2)
        return qr_buddy_take(zones->map, zone, order, mobility);
    while (nr) {
        unsigned int got;
        struct page *page =
            qr_buddy_take_up_to(zones->map, zone, order, order + qr_fls64(nr), mobility, &got);
        if (!page)
            break;
        first =
            pcp_refill_cut(zones->map, zone, pcp, (unsigned int)index, mobility, page, got, first);
        nr -= 1u << (got - order);
    }
    return first;
}

/* What a CPU owes the others when it comes by: its lists, if it was asked or the zone is short. */
static void pcp_pay_debts(struct qr_zones *zones, struct zone *zone, struct qr_cpu *cpu)
{
    struct qr_pcp *pcp = &cpu->pcp[zone->index];
    if (qr_cpu_drain_asked(cpu, QR_DRAIN_PAGES))
        qr_pcp_drain_cpu(zones, cpu);
    else if (__atomic_load_n(&zone->below_low, __ATOMIC_RELAXED) && pcp->pages)
        pcp_shed(zones, zone, cpu, 0, 0, 0);
    pcp->limit = pcp_limit(zones, zone);
}

static struct page *zone_take_known(struct qr_zones *zones, struct zone *zone, struct qr_cpu *cpu,
                                    unsigned int order, enum migratetype mobility, bool cold,
                                    u64 floor)
{
    struct qr_pcp *pcp = &cpu->pcp[zone->index];
    struct page *page = NULL;
    int index = qr_pcp_index(order);
    unsigned long state;

    pcp_pay_debts(zones, zone, cpu);
    if (index >= 0)
        page = qr_pcp_pop(zones->map, pcp, (unsigned int)index, mobility, cold);
    if (page)
        return page;
    state = qp_lock(&zone->lock);
    page = pcp_refill_locked(zones, zone, pcp, order, mobility, floor);
    qp_unlock(&zone->lock, state);
    if (index >= 0)
        qr_count(cpu, QR_EV_PCP_REFILL, 1);
    if (cpu->event[QR_EV_PCP_REFILL] % PCP_RECOUNT == 0)
        pcp_count_online(zones);
    return page;
}

struct page *qr_zone_take(struct qr_zones *zones, struct zone *zone, unsigned int order,
                          enum migratetype mobility, bool cold, u64 floor)
{
    struct qr_cpu *cpu;
    struct page *page = NULL;
    unsigned long section = qp_percpu_enter(zones->cpus, &cpu);

    if (qr_cpu_known(cpu)) {
        page = zone_take_known(zones, zone, cpu, order, mobility, cold, floor);
    } else {
        unsigned long state = qp_lock(&zone->lock);
        if (zone->free_pages >= floor + (1u << order))
            page = qr_buddy_take(zones->map, zone, order, mobility);
        qp_unlock(&zone->lock, state);
    }
    if (page)
        qr_count(cpu, QR_EV_PGALLOC, 1u << order);
    qp_percpu_leave(section);
    return page;
}

/* ---- putting -------------------------------------------------------------------------------- */

void qr_zone_put_range(struct qr_zones *zones, struct zone *zone, u64 start, u64 end)
{
    unsigned long state = qp_lock(&zone->lock);
    u64 warm;
    qr_buddy_put_range(zones->map, zone, start, end);
    warm = zone->warm_pages;
    qp_unlock(&zone->lock, state);
    pcp_wake_waiters(zones);
    if (QR_UNLIKELY(warm > zone->warm_limit))
        qr_zone_discard(zones, zone, zone->warm_limit / 2);
}

void qr_zone_put(struct qr_zones *zones, struct zone *zone, struct page *page, unsigned int order)
{
    u64 pfn = qr_pfn(zones->map, page);
    qr_zone_put_range(zones, zone, pfn, pfn + (1ull << order));
}

bool qr_pcp_push(struct qr_zones *zones, struct zone *zone, struct page *page, unsigned int order,
                 u32 head)
{
    const struct qr_map *map = zones->map;
    int index = qr_pcp_index(order);
    u32 pfn = (u32)qr_pfn(map, page);
    enum migratetype mobility = qr_block_mobility(map, pfn);
    bool pushed = false, full = false;
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(zones->cpus, &cpu);

    qr_count(cpu, QR_EV_PGFREE, 1u << order);
    if (QR_LIKELY(qr_cpu_known(cpu) && index >= 0 &&
                  !__atomic_load_n(&zone->below_low, __ATOMIC_RELAXED))) {
        struct qr_pcp *pcp = &cpu->pcp[zone->index];
        if (QR_LIKELY(1u << order <= pcp->limit)) {
            struct qr_page_list *list = &pcp->list[index][mobility];
            page->quarry_free.next = list->hot;
            if (list->nr)
                qr_page(map, list->hot)->quarry_free.prev = pfn;
            else
                list->cold = pfn;
            list->hot = pfn;
            list->nr++;
            pcp->pages += 1u << order;
            qr_page_set_flags(page, zone->place | order | PGF_PCP | head);
            pushed = true;
            if (QR_UNLIKELY(pcp->pages > pcp->limit)) {
                u32 batch = QR_MIN(PCP_BATCH_PAGES, pcp->limit / 4);
                pcp_shed(zones, zone, cpu, (unsigned int)index, mobility, pcp->limit - batch);
                pcp_pay_debts(zones, zone, cpu);
                full = true;
            }
        }
    } else if (qr_cpu_known(cpu)) {
        pcp_pay_debts(zones, zone, cpu);
    }
    qp_percpu_leave(section);
    if (QR_UNLIKELY(full && qr_zone_warm_pages(zone) > zone->warm_limit))
        qr_zone_discard(zones, zone, zone->warm_limit / 2);
    return pushed;
}

/* ---- draining ------------------------------------------------------------------------------- */

unsigned long qr_pcp_drain_cpu(struct qr_zones *zones, struct qr_cpu *cpu)
{
    unsigned long pages = 0;
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        if (cpu->pcp[i].pages)
            pages += pcp_shed(zones, &zones->zone[i], cpu, 0, 0, 0);
    }
    return pages;
}

unsigned long qr_pcp_drain_zone(struct qr_zones *zones, struct zone *zone)
{
    unsigned long pages = 0, section;
    struct qr_cpu *cpu;
    section = qp_percpu_enter(zones->cpus, &cpu);
    if (qr_cpu_known(cpu) && cpu->pcp[zone->index].pages)
        pages = pcp_shed(zones, zone, cpu, 0, 0, 0);
    qp_percpu_leave(section);
    return pages;
}

unsigned long qr_pcp_drain_local(struct qr_zones *zones)
{
    unsigned long pages = 0, section;
    struct qr_cpu *cpu;
    section = qp_percpu_enter(zones->cpus, &cpu);
    if (qr_cpu_known(cpu))
        pages = qr_pcp_drain_cpu(zones, cpu);
    qp_percpu_leave(section);
    return pages;
}

/* Of the CPUs that run, each is asked; of those that sleep, the lists are taken. */
unsigned long qr_pcp_drain_all(struct qr_zones *zones)
{
    unsigned long pages = qr_pcp_drain_local(zones);
    struct qr_cpu *self;
    unsigned long section = qp_percpu_enter(zones->cpus, &self);

    qp_percpu_leave(section);
    for (unsigned int id = 0; id < zones->cpus->nr_max; id++) {
        struct qr_cpu *cpu = __atomic_load_n(&zones->cpus->area[id], __ATOMIC_ACQUIRE);
        if (!cpu || cpu == self)
            continue;
        if (qr_cpu_drain_begin(cpu)) {
            pages += qr_pcp_drain_cpu(zones, cpu);
            qr_cpu_drain_end(cpu);
        } else {
            qr_cpu_ask_drain(cpu, QR_DRAIN_PAGES);
        }
    }
    for (unsigned int i = 0; i < zones->nr_zones; i++)
        qr_zone_discard(zones, &zones->zone[i], 0);
    return pages;
}

/* One block at a time is off the lists while the port works on it, without a lock; a zone that is
 * short is left alone, since it will need its blocks at once. */
u64 qr_zone_discard(struct qr_zones *zones, struct zone *zone, u64 keep)
{
    struct qr_map *map = zones->map;
    u64 given = 0, tries = zone->managed >> QR_BLOCK_ORDER;

    if (qr_poisoning(zones))
        return 0; /* the pattern must stay */
    while (tries-- > 0) {
        unsigned int order = 0;
        unsigned long state = qp_lock(&zone->lock);
        u64 reserve = zone->watermark[QR_WMARK_HIGH] + (1u << MAX_PAGE_ORDER), pfn = 0;
        if (zone->warm_pages > keep && zone->free_pages > reserve)
            pfn = qr_buddy_take_warm(map, zone, &order);
        qp_unlock(&zone->lock, state);
        if (!pfn)
            break;
        qp_discard(map->offset, pfn << PAGE_SHIFT, 1ul << order);
        state = qp_lock(&zone->lock);
        qr_buddy_put_cold(map, zone, pfn, order);
        qp_unlock(&zone->lock, state);
        given += 1ull << order;
    }
    return given;
}
