/* SPDX-License-Identifier: MIT */
/* zone/owner: which blocks are in the hands of callers outside the core, how many pages that is, and
 * who took each (boot option page_owner).
 *
 * Problem. A leaked page has no name. And pages that the core itself holds (slabs, vmalloc areas)
 * are not their callers' pages: those callers hold objects and areas.
 *
 * Idea. The public calls *note* what they hand out: a mark on the head, a sum, and, where there is a
 * table, a record a frame: task, time, mask and backtrace of the allocation; after the free, of the
 * free, so that a second free can name the first.
 *
 * For profiling and the leak scan each frame has a smaller note, which is there at check level 1 as
 * well: the site that counts for the block, and what the scan knows of it. Both are the head's.
 *
 * Invariants. N1: live_pages is the sum over heads with PGF_NOTED. N2: a record is the allocation's
 * while the mark is set, and the last free's after it.
 *
 * Locks: none; a record is written by who owns the frame. May sleep: nothing.
 * Limits: sums are kept only for blocks handed out while hooks were on; 32 bytes a frame, and 8 for
 * the note. */
#include "internal.h"

static struct qr_owner *owner_of(const struct qr_zones *zones, const struct page *page)
{
    return QR_CHECKS && zones->owner ? &zones->owner[qr_pfn(zones->map, page) - zones->map->min_pfn]
                                     : NULL;
}

const struct qr_owner *qr_pages_owner(const struct qr_zones *zones, const struct page *page)
{
    return owner_of(zones, page);
}

static struct qr_page_note *note_of(const struct qr_zones *zones, const struct page *page)
{
    return QR_CHECKS && zones->note ? &zones->note[qr_pfn(zones->map, page) - zones->map->min_pfn]
                                    : NULL;
}

static void owner_add_live(struct qr_zones *zones, unsigned long pages)
{
    __atomic_fetch_add(&zones->live_pages, pages, __ATOMIC_RELAXED);
    qr_live_add(zones->check, pages << PAGE_SHIFT);
}

static void owner_remove_live(struct qr_zones *zones, unsigned long pages)
{
    __atomic_fetch_sub(&zones->live_pages, pages, __ATOMIC_RELAXED);
    qr_live_remove(zones->check, pages << PAGE_SHIFT);
}

void qr_pages_note(struct qr_zones *zones, struct page *page, unsigned int order, gfp_t gfp)
{
    struct qr_owner *owner = owner_of(zones, page);
    struct qr_page_note *note = note_of(zones, page);
    if (note) {
        note->site = qr_site_here(zones->check);
        __atomic_store_n(&note->leak, QR_LEAK_REACHED, __ATOMIC_RELAXED);
        qr_site_count(zones->check, note->site, (long)(PAGE_SIZE << order), 1);
    }
    if (owner)
        qr_owner_set(zones->check, owner, gfp, order);
    owner_add_live(zones, 1ul << order);
    qr_page_set_flags(page, qr_page_flags(page) | PGF_NOTED);
}

void qr_pages_unnote(struct qr_zones *zones, struct page *page, unsigned int order)
{
    struct qr_owner *owner = owner_of(zones, page);
    const struct qr_page_note *note = note_of(zones, page);
    owner_remove_live(zones, 1ul << order);
    if (note)
        qr_site_count(zones->check, note->site, -(long)(PAGE_SIZE << order), -1);
    if (owner)
        qr_owner_set(zones->check, owner, 0, order);
}

void qr_pages_note_singles(struct qr_zones *zones, struct page *page, unsigned int order, u64 nr)
{
    struct qr_owner *owner = owner_of(zones, page);
    struct qr_page_note *note = note_of(zones, page);
    owner_remove_live(zones, (1ul << order) - nr);
    if (note)
        qr_site_count(zones->check, note->site, -(long)(((1ul << order) - nr) << PAGE_SHIFT),
                      (long)nr - 1);
    for (u64 i = 1; note && i < nr; i++)
        note[i] = note[0];
    if (!owner)
        return;
    owner->order_or_cpu = 0;
    for (u64 i = 1; i < nr; i++)
        owner[i] = owner[0];
}

static bool owner_visit(struct qr_zones *zones, struct page *page, u32 flags,
                        bool (*visit)(const struct quarry_live *, void *), void *data)
{
    const struct qr_owner *owner = owner_of(zones, page);
    const struct qr_page_note *note = note_of(zones, page);
    struct quarry_live live = {.kind = QUARRY_LIVE_PAGES,
                               .size = PAGE_SIZE << (flags & PGF_ORDER_MASK)};
    if (qr_page_is_low(zones->map, page))
        live.address = qr_page_virt(zones->map, page);
    if (flags & PGF_KMALLOC) {
        live.kind = QUARRY_LIVE_OBJECT;
        live.cache = "kmalloc-large";
    }
    if (note)
        live.lost = qr_leak_is_lost(__atomic_load_n(&note->leak, __ATOMIC_RELAXED));
    if (owner) {
        live.gfp = owner->gfp;
        live.sequence = owner->sequence;
        live.when_ns = owner->when_ns;
        if (owner->trace)
            qr_trace_load(zones->check, owner->trace, &live.allocated);
    }
    return visit(&live, data);
}

/* The next block in use at or behind frame *@pfn of run @at, slabs included; *@pfn moves behind it.
 * NULL: the run's end. */
static struct page *owner_next_block(const struct qr_map *map, unsigned int at, u64 *pfn)
{
    while (!map->run[at].reserved && *pfn < map->run[at].end) {
        struct page *page = qr_page(map, *pfn);
        u32 flags = qr_page_flags(page);
        bool head = (flags & (PGF_SLAB | PGF_BUDDY | PGF_PCP | PGF_OWNED)) != 0;
        *pfn += head ? 1ull << (flags & PGF_ORDER_MASK) : 1;
        if ((flags & (PGF_SLAB | PGF_OWNED)) == PGF_OWNED)
            return page;
    }
    return NULL;
}

void qr_pages_for_each_live(struct qr_zones *zones,
                            bool (*visit)(const struct quarry_live *, void *), void *data)
{
    const struct qr_map *map = zones->map;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        u64 pfn = map->run[i].start;
        struct page *page;
        while ((page = owner_next_block(map, i, &pfn)) != NULL) {
            u32 flags = qr_page_flags(page);
            if ((flags & PGF_NOTED) && !owner_visit(zones, page, flags, visit, data))
                return;
        }
    }
}

/* ---- the leak scan's view ------------------------------------------------------------------- */

static struct qr_leak_block owner_leak_block(const struct qr_zones *zones, struct page *page)
{
    u32 flags = qr_page_flags(page);
    struct qr_leak_block block = {.size = PAGE_SIZE << (flags & PGF_ORDER_MASK)};
    if (qr_page_is_low(zones->map, page))
        block.start = qr_page_virt(zones->map, page);
    if (QR_CHECKS && zones->note && (flags & PGF_NOTED))
        block.word = &note_of(zones, page)->leak;
    return block;
}

bool qr_pages_leak_find(struct qr_zones *zones, struct page *page, struct qr_leak_block *block)
{
    struct page *head;
    u32 flags;
    head = qr_page_flags(page) & PGF_TAIL ? qr_head(zones->map, page)
                                          : qr_block_containing(zones->map, page);
    flags = head ? qr_page_flags(head) : PGF_SLAB;
    if ((flags & (PGF_SLAB | PGF_OWNED | PGF_NOTED)) != (PGF_OWNED | PGF_NOTED) || !zones->note)
        return false;
    *block = owner_leak_block(zones, head);
    return true;
}

bool qr_pages_leak_each(struct qr_zones *zones, qr_leak_visit visit, void *data)
{
    const struct qr_map *map = zones->map;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        u64 pfn = map->run[i].start;
        struct page *page;
        while ((page = owner_next_block(map, i, &pfn)) != NULL) {
            struct qr_leak_block block = owner_leak_block(zones, page);
            if (!(qr_page_flags(page) & PGF_VMALLOC) && !visit(&block, data))
                return false;
        }
    }
    return true;
}

void qr_pages_retrace(struct qr_zones *zones, struct page *page)
{
    struct qr_owner *owner = owner_of(zones, page);
    if (owner)
        qr_owner_set(zones->check, owner, owner->gfp, owner->order_or_cpu);
}
