/* SPDX-License-Identifier: MIT */
/* zone/exact: contiguous pages for exactly so many bytes.
 *
 * Problem. A request for 5 pages takes a block of 8; the other 3 should not be lost.
 *
 * Idea. The block is turned into single pages; those beyond the size go back at once, as the largest
 * blocks they make. Each page then has a reference of its own and PGF_EXACT, by which a free of the
 * wrong kind is told apart.
 *
 * Locks: none here. May sleep: by the mask.
 * Limits: the size is not recorded; freeing with a smaller one leaves pages behind, with a larger
 * one is refused unless the pages behind are of the same kind. */
#include "internal.h"

static QR_COLD void exact_report(struct qr_zones *zones, size_t size, const char *wrong)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .size = size};
    qr_report_once(zones->check, &report, "alloc_pages_exact of %zu bytes: %s", size, wrong);
}

void *qr_alloc_pages_exact(struct qr_zones *zones, size_t size, gfp_t gfp, int nid)
{
    unsigned int order;
    struct page *page;
    u64 nr;

    if (size == 0 || size > PAGE_SIZE << MAX_PAGE_ORDER) {
        if (!(gfp & __GFP_NOWARN))
            exact_report(zones, size,
                         size ? "the largest block is 2^" QR_STRING(MAX_PAGE_ORDER) " pages; use "
                                                                                    "vmalloc"
                              : "a size of 0 has no pages");
        return NULL;
    }
    if (gfp & (__GFP_COMP | __GFP_HIGHMEM)) {
        exact_report(zones, size,
                     "__GFP_COMP and __GFP_HIGHMEM are ignored: the answer is the "
                     "address of single pages");
        gfp &= ~(__GFP_COMP | __GFP_HIGHMEM);
    }
    order = (unsigned int)get_order(size);
    nr = PAGE_ALIGN(size) >> PAGE_SHIFT;
    page = qr_alloc_pages(zones, gfp, order, nid);
    if (!page)
        return NULL;
    qr_block_singles(zones, page, nr, PGF_EXACT);
    if (nr < 1ull << order)
        qr_frames_release(zones, page + nr, (1ull << order) - nr);
    return qr_page_virt(zones->map, page);
}

/* Whether all pages of the range may be freed one by one. */
static bool exact_is_owned(const struct qr_zones *zones, const struct page *page, u64 nr)
{
    for (u64 i = 0; i < nr; i++) {
        u32 flags;
        if (!qr_page_valid(zones->map, page + i))
            return false;
        flags = qr_page_flags(page + i);
        if ((flags & PGF_SLAB) ||
            (flags & (PGF_OWNED | PGF_EXACT | PGF_RESERVED | PGF_ORDER_MASK)) !=
                (PGF_OWNED | PGF_EXACT) ||
            page_ref_count(page + i) <= 0)
            return false;
    }
    return true;
}

void qr_free_pages_exact(struct qr_zones *zones, void *virt, size_t size)
{
    struct page *page;
    u64 nr = PAGE_ALIGN(size) >> PAGE_SHIFT;

    if (!virt)
        return;
    page = qr_virt_page_checked(zones->map, virt);
    if (!page || ((uintptr_t)virt & ~PAGE_MASK) || nr == 0 || !exact_is_owned(zones, page, nr)) {
        qr_report_bad_free(zones, virt, "free_pages_exact");
        return;
    }
    for (u64 i = 0; i < nr; i++)
        qr_put_pages(zones, page + i, 0, "free_pages_exact");
}
