/* SPDX-License-Identifier: MIT */
/* zone/prepare: what is done to a block on its way out to a caller and on its way in.
 *
 * Problem. A block leaves the lists as a bare head descriptor. The caller wants one reference, maybe
 * a compound page, maybe cleared memory; the checks want patterns, records and hand-over notes.
 *
 * Idea. One function each way, so that every way of allocating (single, bulk, exact) does the same.
 * The usual page needs three stores. The rest is behind one word, zones->hooks.
 *
 * Poison. A page freed while poisoning is on is filled with a pattern and its descriptor keeps
 * PGF_POISONED through splits and merges; when it is handed out the pattern is compared. The mark is
 * per frame, since blocks are cut and joined while free. High pages have no address to fill.
 *
 * Invariants. O1: after qr_block_out the head has PGF_OWNED and its order, one reference, and
 * PGF_HEAD if and only if the tails are marked. O2: after qr_block_in no reference and no record.
 *
 * Locks: none; the block is the caller's alone. May sleep: nothing. */
#include "internal.h"

#define PREPARE_POISON 0xaau

/* ---- compound blocks ------------------------------------------------------------------------ */

void qr_block_compound(struct qr_map *map, struct page *page, unsigned int order)
{
    u32 place = qr_page_flags(page) & PGF_PLACE_MASK;
    u32 head = (u32)qr_pfn(map, page);
    for (u64 i = 1; i < 1ull << order; i++) {
        page[i].quarry_tail.head = head;
        qr_page_set_flags(&page[i], place | PGF_TAIL);
    }
}

void qr_block_plain(struct qr_map *map, struct page *page, unsigned int order)
{
    u32 place = qr_page_flags(page) & PGF_PLACE_MASK;
    (void)map;
    for (u64 i = 1; i < 1ull << order; i++)
        qr_page_set_flags(&page[i], place);
}

/* ---- content -------------------------------------------------------------------------------- */

/* Whether a block has a direct-map address; none lies across the border (zone->seam). */
static bool prepare_is_low(const struct qr_zones *zones, const struct page *page)
{
    return qr_page_is_low(zones->map, page);
}

static void prepare_clear(struct qr_zones *zones, struct page *page, unsigned int order)
{
    if (prepare_is_low(zones, page)) {
        memset(qr_page_virt(zones->map, page), 0, PAGE_SIZE << order);
        return;
    }
    for (u64 i = 0; i < 1ull << order; i++) {
        if (zones->clear_high)
            zones->clear_high(zones->clear_high_data, page + i);
    }
}

static void prepare_poison(struct qr_zones *zones, struct page *page, unsigned int order)
{
    if (!prepare_is_low(zones, page))
        return;
    memset(qr_page_virt(zones->map, page), PREPARE_POISON, PAGE_SIZE << order);
    for (u64 i = 0; i < 1ull << order; i++)
        __atomic_store_n(&page[i].flags, qr_page_flags(&page[i]) | PGF_POISONED, __ATOMIC_RELAXED);
}

/* The first byte of a page that is not poison, or NULL. */
static const u8 *prepare_find_damage(const void *memory)
{
    const u8 *byte = memory;
    if (byte[0] == PREPARE_POISON && memcmp(byte, byte + 1, PAGE_SIZE - 1) == 0)
        return NULL;
    while (*byte == PREPARE_POISON)
        byte++;
    return byte;
}

static void prepare_check_poison(struct qr_zones *zones, struct page *page, unsigned int order)
{
    for (u64 i = 0; i < 1ull << order; i++) {
        u32 flags = qr_page_flags(&page[i]);
        const u8 *damage;
        if (!(flags & PGF_POISONED))
            continue;
        __atomic_store_n(&page[i].flags, flags & ~PGF_POISONED, __ATOMIC_RELAXED);
        damage = prepare_find_damage(qr_page_virt(zones->map, &page[i]));
        if (damage) {
            const struct qr_owner *owner = qr_pages_owner(zones, &page[i]);
            struct quarry_trace before;
            struct quarry_report report = {.kind = QUARRY_USE_AFTER_FREE,
                                           .rule = "G-S8",
                                           .address = damage,
                                           .size = 1,
                                           .before_is = "freed by"};
            if (owner && owner->trace) {
                qr_trace_load(zones->check, owner->trace, &before);
                report.before = &before;
            }
            qr_report(zones->check, &report,
                      "page frame %#llx was written after it was freed: the byte at offset %u is "
                      "0x%02x instead of 0x%02x",
                      (unsigned long long)qr_pfn(zones->map, &page[i]),
                      (unsigned int)((uintptr_t)damage & ~PAGE_MASK), *damage, PREPARE_POISON);
        }
    }
}

/* ---- out and in ----------------------------------------------------------------------------- */

static QR_COLD void prepare_out(struct qr_zones *zones, struct page *page, unsigned int order,
                                gfp_t gfp)
{
    if (qr_observed(zones->check) && prepare_is_low(zones, page))
        qp_take_over(qr_page_virt(zones->map, page), PAGE_SIZE << order);
    if (qr_poisoning(zones))
        prepare_check_poison(zones, page, order);
    if ((gfp & __GFP_ZERO) || (zones->init_on_alloc && !(gfp & __GFP_SKIP_ZERO)))
        prepare_clear(zones, page, order);
}

struct page *qr_block_out(struct qr_zones *zones, struct page *page, unsigned int order, gfp_t gfp)
{
    u32 flags = qr_page_flags(page);
    bool compound = order != 0 && (gfp & __GFP_COMP) != 0;

    if (QR_UNLIKELY(order != 0 && compound != ((flags & PGF_HEAD) != 0))) {
        if (compound)
            qr_block_compound(zones->map, page, order);
        else
            qr_block_plain(zones->map, page, order);
    }
    qr_page_set_flags(page, (flags & (PGF_PLACE_MASK | PGF_ORDER_MASK)) | PGF_OWNED |
                                (compound ? PGF_HEAD : 0));
    page->private = 0;
    __atomic_store_n(&page->_refcount, 1, __ATOMIC_RELAXED);
    if (QR_UNLIKELY(__atomic_load_n(&zones->hooks, __ATOMIC_RELAXED)))
        prepare_out(zones, page, order, gfp);
    else if (QR_UNLIKELY(gfp & __GFP_ZERO))
        prepare_clear(zones, page, order);
    return page;
}

void qr_block_in(struct qr_zones *zones, struct page *page, unsigned int order, u32 flags)
{
    if (QR_UNLIKELY(flags & PGF_NOTED) && !(flags & PGF_SLAB))
        qr_pages_unnote(zones, page, order);
    if (QR_LIKELY(!__atomic_load_n(&zones->hooks, __ATOMIC_RELAXED)))
        return;
    if (zones->init_on_free)
        prepare_clear(zones, page, order);
    else if (qr_poisoning(zones))
        prepare_poison(zones, page, order);
    if (qr_observed(zones->check) && prepare_is_low(zones, page))
        qp_hand_over(qr_page_virt(zones->map, page), PAGE_SIZE << order);
}
