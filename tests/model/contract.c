/* SPDX-License-Identifier: MIT */
/* tests/model/contract: the contract of failure.
 *
 * For a request for 2^order pages (and everything that is built on pages asks for them in the end) the table
 * below says, from top to bottom, what may happen; the first line that applies decides. A zone *offers* a
 * block at a mark when it has as many free pages as the request must leave there, 2^order more, and a free
 * block that large (G-W6).
 *
 *     rule   when                                                         outcome       may wait
 *     G-S7   the order is above MAX_PAGE_ORDER                            must fail     no
 *     G-W1   an allowed zone offers a block at `low`                      must succeed  no
 *     G-W2,  an allowed zone offers one at the mark of the request:       must succeed  no
 *     3, 4     min; 1/2 min with HIGH; 0 with HIGH that cannot wait;
 *              nothing at all with MEMALLOC; G-Z6's reserve in each case
 *     G-E5   NOFAIL, and the caller may wait                              must succeed  yes
 *     G-Z9   no zone is allowed (THISNODE, or no memory below a limit)    must fail     if it can
 *     G-E1   the caller may wait: reclaim, the out-of-memory hook         may fail      yes
 *     -      pages on CPUs' lists would be enough, once given back,       may fail      no
 *              or others run meanwhile (a worker, interrupts)
 *     G-W2   none of these                                                must fail     no
 */
#include "model.h"
#include "instance.h"
#include "point.h"

/* ---- which zones ---------------------------------------------------------------------------- */

/* G-Z1 to G-Z5, G-Z10: the highest zone that a mask allows. */
enum zone_type m_highest(gfp_t gfp)
{
    const struct sim_config *config = &model.machine->config;

    if (gfp & __GFP_DMA)
        return config->dma_limit ? ZONE_DMA : ZONE_NORMAL;
    if (gfp & __GFP_DMA32)
        return config->dma32_limit ? ZONE_DMA32 : ZONE_NORMAL;
    if (gfp & __GFP_HIGHMEM)
        return gfp & __GFP_MOVABLE && !(gfp & __GFP_RECLAIMABLE) ? ZONE_MOVABLE : ZONE_HIGHMEM;
    return ZONE_NORMAL;
}

static unsigned int contract_add_node(unsigned int *list, unsigned int nr, int nid,
                                      enum zone_type highest)
{
    for (int type = (int)highest; type >= 0; type--) {
        for (unsigned int i = 0; i < model.nr_zones; i++) {
            const struct m_zone *zone = &model.zone[i];
            if (zone->nid == nid && (int)zone->type == type && zone->managed)
                list[nr++] = i;
        }
    }
    return nr;
}

/* The node's zones from the highest downwards; then those of the other nodes, nearest first (G-Z9). */
unsigned int m_zone_list(const struct m_request *request, unsigned int *list)
{
    enum zone_type highest = m_highest(request->gfp);
    int nid = request->nid, nodes = (int)model.nr_nodes;
    unsigned int nr;

    if (nid < 0 || nid >= nodes)
        nid = (int)quarry_default.cpus.area[sim_here.cpu]->nid;
    nr = contract_add_node(list, 0, nid, highest);
    for (int distance = 1; distance < nodes && !(request->gfp & __GFP_THISNODE); distance++) {
        if (nid + distance < nodes)
            nr = contract_add_node(list, nr, nid + distance, highest);
        if (nid - distance >= 0)
            nr = contract_add_node(list, nr, nid - distance, highest);
    }
    return nr;
}

/* ---- how deep into the reserves ------------------------------------------------------------- */

/* G-C5. Handlers have no scope. */
gfp_t m_scoped(gfp_t gfp)
{
    return sim_in_interrupt() ? gfp : (gfp & ~model.scope_clear) | model.scope_set;
}

/* G-C1, G-C2; G-C5: in a noreclaim scope nobody waits for reclaim either. */
bool m_can_wait(const struct m_request *request)
{
    return (request->gfp & __GFP_DIRECT_RECLAIM) && !request->atomic && !model.scope_set;
}

uint64_t m_floor(const struct m_request *request, const struct m_zone *zone, bool first)
{
    uint64_t mark = zone->min;

    if (first)
        return zone->low + zone->reserve[m_highest(request->gfp)];
    if ((m_scoped(request->gfp) & __GFP_MEMALLOC) && !(request->gfp & __GFP_NOMEMALLOC))
        return 0; /* G-W4 */
    if (request->gfp & __GFP_HIGH)
        mark = m_can_wait(request) ? zone->min / 2 : 0; /* G-W3 */
    return mark + zone->reserve[m_highest(request->gfp)];
}

/* Where handlers may take pages in the midst of a request, its mark is that much higher, and of blocks larger
 * than a page nothing is promised. */
static bool contract_offers(const struct m_request *request, const struct m_zone *zone,
                            const struct m_zone_state *seen, bool first)
{
    uint64_t margin = request->spare;

    if (model.machine->interrupts && !sim_in_interrupt()) {
        if (request->order > 0)
            return false;
        margin += 4 * M_INTERRUPT_THINGS;
    }
    return seen->free >= m_floor(request, zone, first) + (1ull << request->order) + margin &&
           seen->largest >= (int)request->order;
}

struct m_verdict m_contract(const struct m_request *request, const struct m_state *state)
{
    unsigned int list[M_ZONES], nr;
    bool can_wait = m_can_wait(request), hidden = false;

    if (request->order > MAX_PAGE_ORDER)
        return (struct m_verdict){M_MUST_FAIL, false, "G-S7"};
    nr = m_zone_list(request, list);
    for (unsigned int i = 0; i < nr; i++) {
        const struct m_zone *zone = &model.zone[list[i]];
        const struct m_zone_state *seen = &state->zone[list[i]];
        if (contract_offers(request, zone, seen, true))
            return (struct m_verdict){M_MUST_SUCCEED, false, "G-W1"};
        if (contract_offers(request, zone, seen, false))
            return (struct m_verdict){M_MUST_SUCCEED, false, "G-W2"};
        if (seen->free + seen->listed >= m_floor(request, zone, false) + (1ull << request->order))
            hidden = true;
    }
    if ((request->gfp & __GFP_NOFAIL) && can_wait)
        return (struct m_verdict){M_MUST_SUCCEED, true, "G-E5"};
    if (!nr)
        return (struct m_verdict){M_MUST_FAIL, can_wait, "G-Z9"};
    if (can_wait)
        return (struct m_verdict){M_MAY_FAIL, true, "G-E1"};
    if (model.machine->interrupts || !model.machine->config.without_worker)
        hidden = true; /* others may free meanwhile */
    return (struct m_verdict){hidden ? M_MAY_FAIL : M_MUST_FAIL, false, "G-W2"};
}
