/* SPDX-License-Identifier: MIT */
/* zone/explain: which rule stopped a request, in words.
 *
 * Problem. "page allocation failure: order:4" is followed by a page of numbers, and the answer is in
 * them, for those who know how the rules play together: enough may be free, but below a mark, or kept
 * for others, or in pieces.
 *
 * Idea. Every zone fails a request at one step of the same stairs:
 *
 *     not allowed < empty < below the mark < kept for others < in pieces < would do by now
 *
 * The zone that came furthest is the one to talk about: there the least was missing. What would have
 * helped follows from that step and from what the mask forbids. Only numbers go in, so that the text
 * of another machine's failure can be explained as well; zones are taken one at a time, so that a
 * machine of many zones needs no stack for them.
 *
 * Context: any. */
#include "internal.h"

/* What a zone has free above its low mark counts as help elsewhere only from so many requests on. */
#define EXPLAIN_PLENTY 4u

/* ---- one zone after the other ---------------------------------------------------------------- */

static int explain_largest(const struct quarry_zone_state *zone)
{
    int order = MAX_PAGE_ORDER;
    while (order >= 0 && !zone->blocks[order])
        order--;
    return order;
}

static enum qr_shortfall explain_step(const struct qr_verdict *verdict,
                                      const struct quarry_zone_state *zone)
{
    u64 need = 1ull << verdict->order;
    if (!zone->allowed)
        return QR_SHORT_FORBIDDEN;
    if (zone->free < need)
        return QR_SHORT_EMPTY;
    if (zone->free < need + zone->mark)
        return QR_SHORT_MARK;
    if (zone->free < need + zone->mark + zone->reserve)
        return QR_SHORT_RESERVE;
    if (zone->has_blocks && explain_largest(zone) < (int)verdict->order)
        return QR_SHORT_BLOCK;
    return QR_SHORT_PASSED;
}

/* A zone that the mask leaves out and that has plenty. */
static void explain_elsewhere(struct qr_verdict *verdict, const struct quarry_zone_state *zone)
{
    u64 need = EXPLAIN_PLENTY << verdict->order;
    if (zone->free < zone->low + need || zone->free <= verdict->elsewhere.free)
        return;
    if (zone->has_blocks && explain_largest(zone) < (int)verdict->order)
        return;
    verdict->elsewhere = *zone;
}

void qr_verdict_add(struct qr_verdict *verdict, const struct quarry_zone_state *zone)
{
    enum qr_shortfall step = explain_step(verdict, zone);
    if (!zone->managed && !zone->free)
        return; /* an empty zone is no zone */
    if (step == QR_SHORT_FORBIDDEN) {
        explain_elsewhere(verdict, zone);
        return;
    }
    verdict->free += zone->free;
    verdict->managed += zone->managed;
    if (step > verdict->step || (step == verdict->step && zone->free > verdict->nearest.free)) {
        verdict->step = step;
        verdict->nearest = *zone;
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

static void explain_size(struct qr_text *text, u64 pages)
{
    u64 kib = pages << (PAGE_SHIFT - 10);
    if (kib >= 10240)
        qr_text_add(text, "%llu MiB", (unsigned long long)kib >> 10);
    else
        qr_text_add(text, "%llu KiB", (unsigned long long)kib);
}

static void explain_zone(struct qr_text *text, const struct quarry_zone_state *zone)
{
    qr_text_add(text, "zone %s of node %d", zone->name, zone->node);
}

static void explain_asked(const struct qr_verdict *verdict, struct qr_text *text)
{
    char names[192];
    qr_gfp_names(verdict->gfp, names, sizeof(names));
    qr_text_add(text, "asked: ");
    if (verdict->order == 0)
        qr_text_add(text, "one page");
    else
        qr_text_add(text, "%u pages in one piece (order %u, ", 1u << verdict->order,
                    verdict->order);
    if (verdict->order) {
        explain_size(text, 1ull << verdict->order);
        qr_text_add(text, ")");
    }
    qr_text_add(text, " with %s, which %s", names,
                verdict->gfp & __GFP_DIRECT_RECLAIM
                    ? (verdict->gfp & __GFP_NORETRY ? "may wait, but gives up early"
                                                    : "may wait and reclaim")
                    : "may not wait");
    qr_text_add(text, "\n");
}

static void explain_mark(const struct qr_verdict *verdict, struct qr_text *text)
{
    const struct quarry_zone_state *zone = &verdict->nearest;
    explain_size(text, zone->free);
    qr_text_add(text, " free, of which this mask must leave ");
    explain_size(text, zone->mark);
    qr_text_add(text, zone->mark < zone->min ? " (its part of the min watermark, G-W3)"
                                             : " (the min watermark, G-W2)");
}

static void explain_reserve(const struct qr_verdict *verdict, struct qr_text *text)
{
    explain_size(text, verdict->nearest.free);
    qr_text_add(text, " free, of which this mask must leave ");
    explain_size(text, verdict->nearest.mark);
    qr_text_add(text, " as every mask, and ");
    explain_size(text, verdict->nearest.reserve);
    qr_text_add(text, " for requests that can use no other zone (lowmem_reserve, G-Z6)");
}

static void explain_pieces(const struct qr_verdict *verdict, struct qr_text *text)
{
    int largest = explain_largest(&verdict->nearest);
    explain_size(text, verdict->nearest.free);
    if (largest < 0) {
        qr_text_add(text, " free, but on no list of free blocks");
        return;
    }
    qr_text_add(text, " free, enough by every mark, but in pieces: the largest is ");
    explain_size(text, 1ull << largest);
    qr_text_add(text, " (order %d)", largest);
}

/* Whether the zone had a block large enough is not known. */
static bool explain_guesses(const struct qr_verdict *verdict)
{
    return verdict->step == QR_SHORT_PASSED && verdict->order && !verdict->nearest.has_blocks;
}

static void explain_why(const struct qr_verdict *verdict, struct qr_text *text)
{
    qr_text_add(text, "why: ");
    if (verdict->step == QR_SHORT_FORBIDDEN) {
        qr_text_add(text, "no zone with memory may serve this mask\n");
        return;
    }
    if (verdict->step == QR_SHORT_EMPTY) {
        qr_text_add(text, "the zones that may serve it have ");
        explain_size(text, verdict->free);
        qr_text_add(text, " free of ");
        explain_size(text, verdict->managed);
        qr_text_add(text, ", and none has as much as was asked\n");
        return;
    }
    explain_zone(text, &verdict->nearest);
    qr_text_add(text, verdict->step == QR_SHORT_PASSED ? "" : " came closest: ");
    if (verdict->step == QR_SHORT_MARK)
        explain_mark(verdict, text);
    else if (verdict->step == QR_SHORT_RESERVE)
        explain_reserve(verdict, text);
    else if (verdict->step == QR_SHORT_BLOCK)
        explain_pieces(verdict, text);
    else if (explain_guesses(verdict))
        qr_text_add(text, " was above its marks: if the numbers are of that moment, memory was in "
                          "pieces; its free blocks are not given");
    else
        qr_text_add(text, " could serve it by these numbers: memory came back just after, or the "
                          "free pages lay on other CPUs' lists");
    qr_text_add(text, "\n");
}

/* The next advice of a list. */
static void explain_advise(struct qr_text *text, unsigned int *nr, const char *advice)
{
    qr_text_add(text, "%s%s", (*nr)++ ? "; or " : "", advice);
}

static void explain_advise_zone(const struct qr_verdict *verdict, struct qr_text *text,
                                unsigned int *nr)
{
    const char *bit = verdict->gfp & __GFP_THISNODE ? "__GFP_THISNODE"
                      : verdict->gfp & __GFP_DMA    ? "__GFP_DMA"
                      : verdict->gfp & __GFP_DMA32  ? "__GFP_DMA32"
                                                    : NULL;
    if (!verdict->elsewhere.free)
        return;
    if (bit) {
        qr_text_add(text,
                    "%sa mask without %s, if the device can do without: ", (*nr)++ ? "; or " : "",
                    bit);
    } else {
        qr_text_add(
            text,
            "%s__GFP_HIGHMEM or __GFP_MOVABLE, if the memory is used through kmap or vmalloc: ",
            (*nr)++ ? "; or " : "");
    }
    explain_zone(text, &verdict->elsewhere);
    qr_text_add(text, " has ");
    explain_size(text, verdict->elsewhere.free);
    qr_text_add(text, " free");
}

static void explain_advise_block(const struct qr_verdict *verdict, struct qr_text *text,
                                 unsigned int *nr)
{
    explain_advise(text, nr,
                   "kvmalloc() or vmalloc(), which take single pages and map them in a row");
    if (!(verdict->gfp & __GFP_DIRECT_RECLAIM))
        explain_advise(text, nr, "allocating in one piece early, where waiting is allowed");
    else if (verdict->gfp & __GFP_NORETRY)
        explain_advise(text, nr, "__GFP_RETRY_MAYFAIL in place of __GFP_NORETRY");
}

static void explain_advise_mask(const struct qr_verdict *verdict, struct qr_text *text,
                                unsigned int *nr)
{
    gfp_t gfp = verdict->gfp;
    if (!(gfp & __GFP_DIRECT_RECLAIM)) {
        explain_advise(text, nr,
                       "GFP_KERNEL where sleeping is allowed: it waits while reclaim frees pages");
        if (!(gfp & (__GFP_HIGH | __GFP_NOMEMALLOC)))
            explain_advise(text, nr, "GFP_ATOMIC, which may use part of the reserve");
        explain_advise(text, nr, "a mempool, which keeps elements back for such moments");
    } else if (gfp & __GFP_NORETRY) {
        explain_advise(text, nr, "the mask without __GFP_NORETRY, which tries harder");
    } else if (!(gfp & __GFP_FS)) {
        explain_advise(text, nr,
                       "GFP_KERNEL where no file-system lock is held: more can be reclaimed");
    }
}

static void explain_helps(const struct qr_verdict *verdict, struct qr_text *text)
{
    unsigned int nr = 0;
    qr_text_add(text, "would have helped: ");
    if (verdict->step == QR_SHORT_BLOCK || explain_guesses(verdict))
        explain_advise_block(verdict, text, &nr);
    else if (verdict->step == QR_SHORT_PASSED)
        explain_advise(text, &nr, "asking again");
    else
        explain_advise_mask(verdict, text, &nr);
    explain_advise_zone(verdict, text, &nr);
    if (verdict->step < QR_SHORT_BLOCK)
        explain_advise(
            text, &nr,
            nr ? "less memory in use (slabinfo and vmallocinfo say where it is)"
               : "less memory in use (slabinfo and vmallocinfo say where it is), a shrinker "
                 "for what can be dropped, or more RAM");
    qr_text_add(text, "\n");
}

void qr_verdict_text(const struct qr_verdict *verdict, struct qr_text *text)
{
    explain_asked(verdict, text);
    explain_why(verdict, text);
    explain_helps(verdict, text);
}

/* ---- this machine's zones -------------------------------------------------------------------- */

static void explain_read_zone(const struct qr_request *request, const struct zone *zone,
                              bool allowed, struct quarry_zone_state *state)
{
    memset(state, 0, sizeof(*state));
    qr_snprintf(state->name, sizeof(state->name), "%s", zone->name);
    state->node = (int)zone->nid;
    state->allowed = allowed;
    state->has_blocks = true;
    state->free = qr_zone_free_pages(zone);
    state->min = qr_zone_watermark(zone, QR_WMARK_MIN);
    state->low = qr_zone_watermark(zone, QR_WMARK_LOW);
    state->managed = zone->managed;
    if (!request->ignore_marks) { /* G-W4 */
        state->mark = qr_mark_of(request->gfp, state->min);
        state->reserve = zone->lowmem_reserve[request->highest];
        state->reserve += QR_ABOVE(zone->reclaim_floor, state->mark); /* G-W3 */
    }
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
            state->blocks[order] += qr_zone_free_blocks(zone, order, (enum migratetype)m);
    }
}

static bool explain_is_allowed(const struct qr_request *request, const struct zone *zone)
{
    if ((request->gfp & __GFP_THISNODE) && zone->nid != (u32)request->nid)
        return false;
    for (unsigned int i = 0; i < request->list->nr; i++) {
        if (request->list->zone[i] == zone->index)
            return true;
    }
    return false;
}

void qr_request_explain(const struct qr_request *request, struct qr_text *text)
{
    struct qr_verdict verdict = {.gfp = request->gfp, .order = request->order};
    struct quarry_zone_state state;
    for (unsigned int i = 0; i < request->zones->nr_zones; i++) {
        const struct zone *zone = &request->zones->zone[i];
        explain_read_zone(request, zone, explain_is_allowed(request, zone), &state);
        qr_verdict_add(&verdict, &state);
    }
    qr_verdict_text(&verdict, text);
}
