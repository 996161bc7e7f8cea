/* SPDX-License-Identifier: MIT */
/* tests/model/pages: blocks of pages.
 *
 * What a block promises: its frames exist, lie in a zone that the mask allows and, with THISNODE, on the node
 * that was named; they are nobody else's; the first is aligned to the block's size; the block has one
 * reference; it is zero if that was asked for (G-E7), compound if that was asked for (G-E8), and has a
 * direct-map address exactly if it is not high memory. What is written there is there until it is freed. */
#include "model.h"
#include <quarry/page.h>
#include <stdlib.h>

/* ---- judging -------------------------------------------------------------------------------- */

void m_judge_outcome(const struct m_verdict *verdict, bool success, const char *what)
{
    if (!success)
        model.failed++;
    if (!success && verdict->outcome == M_MUST_SUCCEED && !model.machine->faults)
        m_wrong(verdict->rule, "%s failed, which it must not", what);
    if (success && verdict->outcome == M_MUST_FAIL)
        m_wrong(verdict->rule, "%s was served, which it must not be", what);
}

static int pages_index(const struct m_zone *zone)
{
    return (int)(zone - model.zone);
}

/* The zone that served must have left what it must leave, and none before it may have been passed by. */
static void pages_judge_zone(const struct m_request *request, const struct m_state *before,
                             const struct m_zone *zone)
{
    unsigned int list[M_ZONES], nr = m_zone_list(request, list), at = 0;
    struct m_state after;
    bool first;

    while (at < nr && (int)list[at] != pages_index(zone))
        at++;
    if (at == nr)
        m_wrong("G-Z1", "a page of zone %u of node %d for a request that may not have it",
                zone->type, zone->nid);
    if (model.machine->interrupts)
        return;
    m_look(&after);
    if (after.zone[list[at]].free < m_floor(request, zone, false))
        m_wrong("G-W2", "zone %u of node %d has %lu pages left, less than %lu", zone->type,
                zone->nid, (unsigned long)after.zone[list[at]].free,
                (unsigned long)m_floor(request, zone, false));
    first = after.zone[list[at]].free >= m_floor(request, zone, true);
    while (at-- > 0) {
        const struct m_zone *earlier = &model.zone[list[at]];
        const struct m_zone_state *seen = &before->zone[list[at]];
        if (seen->free >= m_floor(request, earlier, first) + (1ull << request->order) &&
            seen->largest >= (int)request->order)
            m_wrong("G-Z3", "zone %u of node %d served although zone %u of node %d could",
                    zone->type, zone->nid, earlier->type, earlier->nid);
    }
}

void m_judge_place(const struct m_request *request, const struct m_state *before,
                   const struct page *page, uint64_t pages)
{
    uint64_t pfn = page_to_pfn(page);
    struct m_zone *zone = m_zone_of(pfn);

    for (uint64_t i = 0; i < pages; i++) {
        if (!zone || m_zone_of(pfn + i) != zone)
            m_wrong("G-Z1", "frame %#lx of a block is in another zone, or in none",
                    (unsigned long)(pfn + i));
    }
    if (page_zonenum(page) != (int)zone->type || page_to_nid(page) != zone->nid)
        m_wrong("G-Z1", "frame %#lx is said to be in zone %d of node %d", (unsigned long)pfn,
                page_zonenum(page), page_to_nid(page));
    if (before)
        pages_judge_zone(request, before, zone);
    model.caller_pages[pages_index(zone)] += pages;
}

void m_judge(const struct m_request *request, const struct m_state *before,
             const struct m_verdict *verdict, const struct page *page)
{
    m_judge_outcome(verdict, page != NULL, "a request for pages");
    if (!page)
        return;
    if (page_to_pfn(page) & ((1ull << request->order) - 1))
        m_wrong("G-S7", "frame %#lx is no place for a block of order %u", page_to_pfn(page),
                request->order);
    m_judge_place(request, before, page, 1ull << request->order);
}

/* ---- allocating ----------------------------------------------------------------------------- */

static unsigned int pages_order(void)
{
    unsigned int order = (unsigned int)m_draw(model.machine->order + 1);

    if (m_chance(60))
        order = 0;
    if (m_chance(2))
        order = (unsigned int)m_draw(MAX_PAGE_ORDER + 2);
    return order;
}

static void pages_check_new(const struct m_thing *thing)
{
    if (page_count(thing->page) != 1)
        m_wrong("G-S9", "a new block has %d references", page_count(thing->page));
    if (!!PageCompound(thing->page) != (thing->kind == M_COMPOUND && thing->order > 0))
        m_wrong("G-E8", "a block of order %u with %#x is %scompound", thing->order, thing->gfp,
                PageCompound(thing->page) ? "" : "not ");
    if (thing->kind == M_COMPOUND && thing->order > 0 &&
        (compound_head(thing->page + thing->pages - 1) != thing->page ||
         compound_order(thing->page) != thing->order))
        m_wrong("G-E8", "the last page of a compound block does not lead to its first");
    if (!PageHighMem(thing->page) != (thing->address != NULL))
        m_wrong("G-Z4", "frame %#lx: high memory and direct map disagree",
                page_to_pfn(thing->page));
}

static void pages_keep(struct m_thing *thing, enum m_kind kind, struct page *page,
                       unsigned int order, gfp_t gfp)
{
    thing->kind = kind;
    thing->page = page;
    thing->order = order;
    thing->pages = 1ull << order;
    thing->size = PAGE_SIZE << order;
    thing->gfp = gfp;
    thing->refs = 1;
    thing->address = PageHighMem(page) ? NULL : page_address(page);
    m_take_range(thing, page_to_phys(page), thing->size);
    pages_check_new(thing);
    if (want_init_on_alloc(gfp))
        m_check_zero(thing, 0, thing->size);
    m_stamp(thing);
    thing->shrinkable = m_chance(30);
    model.done[kind]++;
}

/* NOFAIL may wait for ever: only where the rest of the mask is sure of success. */
static void pages_sane(struct m_request *request, const struct m_state *before)
{
    struct m_request plain = *request;

    plain.gfp &= ~__GFP_NOFAIL;
    if ((request->gfp & __GFP_NOFAIL) &&
        (request->order > 1 || !m_can_wait(request) ||
         (m_contract(&plain, before).outcome != M_MUST_SUCCEED && !m_may_never_fail(request))))
        request->gfp = plain.gfp;
}

static void pages_new_block(struct m_thing *thing)
{
    struct m_request request = {.gfp = m_draw_gfp(), .order = pages_order(), .nid = NUMA_NO_NODE};
    unsigned int form = (unsigned int)m_draw(4);
    struct m_verdict verdict;
    struct m_state before;
    struct page *page;

    if (form >= 2)
        request.gfp &= ~__GFP_HIGHMEM;
    if (form == 1)
        request.nid = (int)m_draw(model.nr_nodes);
    if (m_chance(20))
        request.gfp |= __GFP_COMP;
    m_look(&before);
    pages_sane(&request, &before);
    verdict = m_contract(&request, &before);
    m_note("alloc_pages form %lu, mask %#lx, order %lu, node %ld", form, request.gfp, request.order,
           (uint64_t)(int64_t)request.nid);
    model.misuse = request.order > MAX_PAGE_ORDER;
    model.current = request.gfp;
    if (form == 0)
        page = alloc_pages(request.gfp, request.order);
    else if (form == 1)
        page = alloc_pages_node(request.nid, request.gfp, request.order);
    else {
        unsigned long address = __get_free_pages(request.gfp, request.order);
        page = address ? virt_to_page((void *)address) : NULL;
        if (address & ((PAGE_SIZE << request.order) - 1) && request.order <= MAX_PAGE_ORDER)
            m_wrong("G-S7", "__get_free_pages: %#lx is not aligned to its size", address);
    }
    m_judge(&request, &before, &verdict, page);
    sim_log("pages", request.order, page ? page_to_pfn(page) : 0);
    if (page)
        pages_keep(thing, request.gfp & __GFP_COMP ? M_COMPOUND : M_PLAIN, page, request.order,
                   request.gfp);
}

static void pages_new_exact(struct m_thing *thing)
{
    size_t size = 1 + m_draw(PAGE_SIZE << model.machine->order);
    struct m_request request = {.gfp = m_draw_gfp() & ~(__GFP_HIGHMEM | __GFP_NOFAIL),
                                .order = (unsigned int)get_order(size),
                                .nid = NUMA_NO_NODE};
    struct m_verdict verdict;
    struct m_state before;
    char *address;

    m_look(&before);
    verdict = m_contract(&request, &before);
    m_note("alloc_pages_exact of %lu bytes, mask %#lx", size, request.gfp, 0, 0);
    model.current = request.gfp;
    address = alloc_pages_exact(size, request.gfp);
    sim_log("exact", size, address ? virt_to_pfn(address) : 0);
    m_judge_outcome(&verdict, address != NULL, "alloc_pages_exact");
    if (!address)
        return;
    thing->kind = M_EXACT;
    thing->page = virt_to_page(address);
    thing->pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
    thing->size = size;
    thing->gfp = request.gfp;
    thing->refs = 1;
    thing->address = address;
    m_judge_place(&request, NULL, thing->page, thing->pages);
    m_take_range(thing, page_to_phys(thing->page), thing->pages << PAGE_SHIFT);
    if (want_init_on_alloc(request.gfp))
        m_check_zero(thing, 0, size);
    m_stamp(thing);
    model.done[M_EXACT]++;
}

/* Every slot it fills is a page of its own; fewer than asked for only when one alone might have failed. */
static void pages_new_bulk(struct m_thing *thing)
{
    unsigned long nr = 1 + m_draw(m_chance(10) ? 64 : 12), got;
    struct m_request request = {.gfp = m_draw_gfp() & ~__GFP_NOFAIL, .nid = NUMA_NO_NODE};
    struct page **list = calloc(nr, sizeof(struct page *));
    struct m_verdict verdict;
    struct m_state before, after;

    m_look(&before);
    verdict = m_contract(&request, &before);
    m_note("alloc_pages_bulk of %lu, mask %#lx", nr, request.gfp, 0, 0);
    model.current = request.gfp;
    got = alloc_pages_bulk_array(request.gfp, nr, list);
    sim_log("bulk", nr, got);
    m_judge_outcome(&verdict, got > 0, "alloc_pages_bulk");
    if (got > nr)
        m_wrong("bulk", "%lu pages instead of %lu", got, nr);
    m_look(&after);
    if (got < nr && !model.machine->faults &&
        m_contract(&request, &after).outcome == M_MUST_SUCCEED && !model.machine->interrupts &&
        model.machine->config.without_worker)
        m_wrong("bulk", "%lu pages instead of %lu, although there are more", got, nr);
    if (!got) {
        free(list);
        return;
    }
    *thing = (struct m_thing){.kind = M_BULK,
                              .list = list,
                              .pages = got,
                              .refs = 1,
                              .gfp = request.gfp,
                              .size = got << PAGE_SHIFT};
    for (unsigned long i = 0; i < got; i++) {
        if (!list[i])
            m_wrong("bulk", "slot %lu of %lu is empty", i, got);
        m_judge_place(&request, NULL, list[i], 1);
        m_take_range(thing, page_to_phys(list[i]), PAGE_SIZE);
    }
    if (want_init_on_alloc(request.gfp))
        m_check_zero(thing, 0, thing->size);
    m_stamp(thing);
    model.done[M_BULK]++;
}

void m_pages_new(struct m_thing *thing)
{
    if (m_chance(15))
        pages_new_exact(thing);
    else if (m_chance(10))
        pages_new_bulk(thing);
    else
        pages_new_block(thing);
}

/* ---- freeing -------------------------------------------------------------------------------- */

void m_pages_gone(const struct page *page, uint64_t pages)
{
    model.caller_pages[pages_index(m_zone_of(page_to_pfn(page)))] -= pages;
}

/* G-S9: the first page of a plain block outlives it in the hands of whoever holds it; a compound block goes
 * whole. */
static void pages_free_held(struct m_thing *thing)
{
    m_note("__free_pages of a held block at frame %#lx, order %lu", page_to_pfn(thing->page),
           thing->order, 0, 0);
    thing->refs--;
    if (thing->kind == M_COMPOUND || thing->order == 0) {
        __free_pages(thing->page, thing->order);
    } else {
        m_give_range(page_to_phys(thing->page));
        m_pages_gone(thing->page, thing->pages - 1);
        thing->pages = 1;
        thing->size = PAGE_SIZE;
        m_take_range(thing, page_to_phys(thing->page), PAGE_SIZE);
        m_stamp(thing);
        __free_pages(thing->page, thing->order);
        thing->order = 0;
    }
    if (page_count(thing->page) != (int)thing->refs)
        m_wrong("G-S9", "a held block has %d references, not %u", page_count(thing->page),
                thing->refs);
}

/* Single pages go one by one: some of them now. */
static void pages_free_some(struct m_thing *thing)
{
    uint64_t drop = 1 + m_draw(thing->pages);

    m_check_stamp(thing);
    m_note("__free_page of %lu of %lu pages at frame %#lx", drop, thing->pages,
           page_to_pfn(thing->page), 0);
    m_give_range(page_to_phys(thing->page));
    m_pages_gone(thing->page, drop);
    for (uint64_t i = 0; i < drop; i++)
        __free_pages(thing->page + --thing->pages, 0);
    thing->size = thing->pages << PAGE_SHIFT;
    if (!thing->pages) {
        thing->kind = M_NOTHING;
        return;
    }
    m_take_range(thing, page_to_phys(thing->page), thing->size);
    m_stamp(thing);
}

static void pages_free_list(struct m_thing *thing)
{
    m_note("__free_page of the %lu pages of a bulk request", thing->pages, 0, 0, 0);
    for (uint64_t i = 0; i < thing->pages; i++) {
        m_give_range(page_to_phys(thing->list[i]));
        m_pages_gone(thing->list[i], 1);
    }
    if (m_chance(30)) {
        release_pages(thing->list, (int)thing->pages);
    } else {
        for (uint64_t i = 0; i < thing->pages; i++)
            __free_pages(thing->list[i], 0);
    }
    free(thing->list);
    thing->list = NULL;
    thing->kind = M_NOTHING;
}

void m_pages_free(struct m_thing *thing)
{
    struct page *page = thing->page;
    enum m_kind kind;

    if (thing->kind == M_SPLIT) {
        pages_free_some(thing);
        return;
    }
    m_check_stamp(thing);
    if (thing->kind == M_BULK) {
        pages_free_list(thing);
        return;
    }
    if (thing->refs > 1) {
        pages_free_held(thing);
        return;
    }
    m_note("free of kind %lu at frame %#lx, order %lu", thing->kind, page_to_pfn(page),
           thing->order, 0);
    m_give_range(page_to_phys(page));
    m_pages_gone(page, thing->pages);
    kind = thing->kind;
    thing->kind = M_NOTHING; /* before: others may look for victims meanwhile */
    if (kind == M_EXACT)
        free_pages_exact(thing->address, thing->size);
    else if (thing->address && m_chance(30))
        free_pages((unsigned long)thing->address, thing->order);
    else if (kind == M_COMPOUND && m_chance(50))
        put_page(thing->order ? page + m_draw(thing->pages) : page);
    else
        __free_pages(page, thing->order);
}

/* ---- using ---------------------------------------------------------------------------------- */

static void pages_split(struct m_thing *thing)
{
    m_note("split_page of frame %#lx, order %lu", page_to_pfn(thing->page), thing->order, 0, 0);
    split_page(thing->page, thing->order);
    for (uint64_t i = 0; i < thing->pages; i++) {
        if (page_count(thing->page + i) != 1)
            m_wrong("G-S9", "page %lu of a split block has %d references", (unsigned long)i,
                    page_count(thing->page + i));
    }
    thing->kind = M_SPLIT;
    thing->order = 0;
}

void m_pages_use(struct m_thing *thing)
{
    m_check_stamp(thing);
    if (m_chance(25))
        m_areas_map_pages(thing);
    if (thing->kind == M_PLAIN && thing->refs == 1 && m_chance(30)) {
        pages_split(thing);
    } else if ((thing->kind == M_PLAIN || thing->kind == M_COMPOUND) && thing->refs < 3 &&
               m_chance(40)) {
        m_note("get_page of frame %#lx", page_to_pfn(thing->page), 0, 0, 0);
        get_page(thing->page);
        thing->refs++;
    }
    m_stamp(thing);
}
