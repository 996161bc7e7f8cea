/* SPDX-License-Identifier: MIT */
/* zone/internal: what the files of the page allocator share.
 *
 * The life of a block, and who does each step:
 *
 *     free in the buddy  --qr_buddy_take-->  taken  --qr_block_out-->  owned (PGF_OWNED)
 *            ^                                 ^                          |
 *            |                                 | pop                      | last reference gone
 *            |                                 |                          v
 *            +--<--pcp_shed--  on a per-CPU list (PGF_PCP)  <--push--  qr_block_in
 *            +--<-------------------------- qr_zone_put --------------------+
 *
 * A taken block's head flags are place, order and, when it comes from a per-CPU list, PGF_PCP and
 * maybe PGF_HEAD: then its tails are still marked as those of a compound block. */
#ifndef QR_ZONE_INTERNAL_H
#define QR_ZONE_INTERNAL_H

#include "buddy.h"

/* ---- pcp.c ---------------------------------------------------------------------------------- */

#define PCP_SMALL_ORDERS 7 /* orders 0 … 6 have lists 0 … 6, order 9 has list 7 */

/* The list number of an order, or -1: the order has no lists. */
static QR_ALWAYS_INLINE int qr_pcp_index(unsigned int order)
{
    if (QR_LIKELY(order < PCP_SMALL_ORDERS))
        return (int)order;
    return order == QR_BLOCK_ORDER ? PCP_SMALL_ORDERS : -1;
}
static inline unsigned int qr_pcp_order(unsigned int index)
{
    return index < PCP_SMALL_ORDERS ? index : QR_BLOCK_ORDER;
}

/* Take a block off the hot or the cold end. In a section of the list's CPU. */
static QR_ALWAYS_INLINE struct page *qr_pcp_pop(const struct qr_map *map, struct qr_pcp *pcp,
                                                unsigned int index, enum migratetype mobility,
                                                bool cold)
{
    struct qr_page_list *list = &pcp->list[index][mobility];
    struct page *page;
    if (QR_UNLIKELY(!list->nr))
        return NULL;
    page = qr_page(map, cold ? list->cold : list->hot);
    if (cold)
        list->cold = page->quarry_free.prev;
    else
        list->hot = page->quarry_free.next;
    list->nr--;
    pcp->pages -= 1u << qr_pcp_order(index);
    return page;
}

/* Put a block without references on this CPU's list; @head: its tails are marked (PGF_HEAD). False:
 * the block belongs in the buddy (no list for it, CPU unknown, or the zone is short). */
bool qr_pcp_push(struct qr_zones *zones, struct zone *zone, struct page *page, unsigned int order,
                 u32 head);
/* Take a block of a zone if @floor pages stay free: from this CPU's list, refilled from the buddy
 * while the zone is above low, else from the buddy. NULL otherwise. */
struct page *qr_zone_take(struct qr_zones *zones, struct zone *zone, unsigned int order,
                          enum migratetype mobility, bool cold, u64 floor);
/* Give a block without references and marks, or any stretch of such frames, to the buddy; wakes who
 * waits for pages. */
void qr_zone_put(struct qr_zones *zones, struct zone *zone, struct page *page, unsigned int order);
void qr_zone_put_range(struct qr_zones *zones, struct zone *zone, u64 start, u64 end);
/* Drain this CPU's lists of one zone, of all; pages. */
unsigned long qr_pcp_drain_zone(struct qr_zones *zones, struct zone *zone);
unsigned long qr_pcp_drain_local(struct qr_zones *zones);

/* ---- prepare.c ------------------------------------------------------------------------------ */

/* A taken block becomes owned: marks, one reference, compound or not, cleared as asked. */
struct page *qr_block_out(struct qr_zones *zones, struct page *page, unsigned int order, gfp_t gfp);
/* An owned block whose last reference is gone: off the books, cleared or poisoned as set. */
void qr_block_in(struct qr_zones *zones, struct page *page, unsigned int order, u32 flags);
/* Mark a block's tails as those of a compound block, and undo it. */
void qr_block_compound(struct qr_map *map, struct page *page, unsigned int order);
void qr_block_plain(struct qr_map *map, struct page *page, unsigned int order);

/* ---- page_alloc.c --------------------------------------------------------------------------- */

/* A request, its mask made sane and narrowed by scopes. */
struct qr_request {
    struct qr_zones *zones;
    gfp_t gfp;
    unsigned int order;
    int nid;
    enum migratetype mobility;
    enum zone_type highest; /* it may use */
    const struct qr_zonelist *list;
    bool may_sleep;    /* the caller's mask and the context allow to wait */
    bool may_block;    /* and so does what the request runs in: it may reclaim */
    bool ignore_marks; /* G-W4 */
};

/* Fill in @request; false when it cannot be served at all (reported). */
bool qr_request_init(struct qr_request *request, struct qr_zones *zones, gfp_t gfp,
                     unsigned int order, int nid);
/* A block by all rules; not yet owned. NULL: memory is short, not reported yet. */
struct page *qr_request_serve(struct qr_request *request);
/* G-E6, unless __GFP_NOWARN. */
void qr_request_failed(const struct qr_request *request);
/* Pages of a zone that must stay free for a request to be served at once (G-W1). */
u64 qr_request_floor_low(const struct qr_request *request, const struct zone *zone);

/* ---- explain.c ------------------------------------------------------------------------------ */

/* In words why a request failed, by the zones' numbers of this moment. */
void qr_request_explain(const struct qr_request *request, struct qr_text *text);

/* ---- page_free.c ---------------------------------------------------------------------------- */

/* The head of the free or owned block that a frame lies in, NULL: none says so. */
struct page *qr_block_containing(const struct qr_map *map, struct page *page);
/* Free a block whose reference count is zero already. */
void qr_block_release(struct qr_zones *zones, struct page *page, unsigned int order, u32 flags);
/* Free the last @nr frames of a block, but not all of it: they have neither references nor marks. */
void qr_frames_release(struct qr_zones *zones, struct page *page, u64 nr);
/* Make @nr taken frames owned single pages with @marks. */
void qr_block_singles(struct qr_zones *zones, struct page *page, u64 nr, u32 marks);

/* ---- owner.c -------------------------------------------------------------------------------- */

/* A noted block goes: off live_pages, and the table remembers who freed it. */
void qr_pages_unnote(struct qr_zones *zones, struct page *page, unsigned int order);
/* A noted block falls into singles: each gets the block's record. */
void qr_pages_note_singles(struct qr_zones *zones, struct page *page, unsigned int order, u64 nr);

#endif
