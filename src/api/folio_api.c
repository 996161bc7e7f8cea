/* SPDX-License-Identifier: MIT */
/* api/folio: the public calls of quarry/folio.h, over the default machine. A folio is a compound block
 * (or one frame), so these are the page calls, frame by frame where high memory may lie apart. */
#include <quarry/folio.h>
#include <quarry/highmem.h>
#include "../instance.h"

struct folio *folio_alloc(gfp_t gfp, unsigned int order)
{
    return (struct folio *)(void *)alloc_pages(gfp | __GFP_COMP, order);
}

struct folio *folio_alloc_node(gfp_t gfp, unsigned int order, int nid)
{
    return (struct folio *)(void *)alloc_pages_node(nid, gfp | __GFP_COMP, order);
}

static void folio_zero_bytes(struct folio *folio, size_t start, size_t end, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .address = folio};
    size_t size = folio_size(folio);

    if (QR_UNLIKELY(start > end || end > size)) {
        qr_report(&qr_default()->check, &report,
                  "%s: bytes %zu to %zu of a folio of %zu bytes; nothing was done", what, start,
                  end, size);
        return;
    }
    while (start < end) {
        size_t offset = start & ~PAGE_MASK, length = QR_MIN(end - start, PAGE_SIZE - offset);
        memzero_page(folio_page(folio, start >> PAGE_SHIFT), offset, length);
        start += length;
    }
}

void folio_zero_range(struct folio *folio, size_t start, size_t length)
{
    size_t end;

    if (__builtin_add_overflow(start, length, &end))
        end = ~(size_t)0;
    folio_zero_bytes(folio, start, end, "folio_zero_range");
}

void folio_zero_segment(struct folio *folio, size_t start, size_t end)
{
    folio_zero_bytes(folio, start, end, "folio_zero_segment");
}

void folio_zero_segments(struct folio *folio, size_t start1, size_t end1, size_t start2,
                         size_t end2)
{
    folio_zero_bytes(folio, start1, end1, "folio_zero_segments");
    folio_zero_bytes(folio, start2, end2, "folio_zero_segments");
}
