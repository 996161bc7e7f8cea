/* SPDX-License-Identifier: MIT */
/* Folios: a block of 2^order frames, or a single one, named by its head. A `struct folio *` promises
 * what a `struct page *` does not: that it is no tail. It lies over the head's `struct page`, so that
 * either view may be used. */
#ifndef QUARRY_FOLIO_H
#define QUARRY_FOLIO_H

#include <quarry/gfp.h>
#include <quarry/page.h>

struct folio {
    struct page page; /* of the first frame */
};

QUARRY_EXTERN_C_BEGIN

/* The folio a frame belongs to; a frame of it. Context: any. */
static inline struct folio *page_folio(const struct page *page)
{
    return (struct folio *)(void *)compound_head(page);
}
static inline struct page *folio_page(struct folio *folio, unsigned long index)
{
    return &folio->page + index;
}
static inline struct folio *virt_to_folio(const void *address)
{
    return page_folio(virt_to_page(address));
}
/* Which frame of its folio @page is. */
static inline unsigned long folio_page_idx(const struct folio *folio, const struct page *page)
{
    return (unsigned long)(page - &folio->page);
}

/* Take a folio of 2^order frames: alloc_pages() of a compound block, under the same rules; NULL when
 * that is. Give it back with folio_put(). Context: as @gfp. */
QUARRY_API struct folio *folio_alloc(gfp_t gfp, unsigned int order);
QUARRY_API struct folio *folio_alloc_node(gfp_t gfp, unsigned int order, int nid);
/* References (G-S9): the last one frees. Context: any. */
static inline void folio_get(struct folio *folio)
{
    get_page(&folio->page);
}
static inline void folio_put(struct folio *folio)
{
    put_page(&folio->page);
}
static inline int folio_ref_count(const struct folio *folio)
{
    return page_ref_count(&folio->page);
}

/* What it is. Units: frames, bytes. Context: any. */
static inline unsigned int folio_order(const struct folio *folio)
{
    return compound_order(&folio->page);
}
static inline long folio_nr_pages(const struct folio *folio)
{
    return 1L << folio_order(folio);
}
static inline unsigned int folio_shift(const struct folio *folio)
{
    return PAGE_SHIFT + folio_order(folio);
}
static inline size_t folio_size(const struct folio *folio)
{
    return (size_t)PAGE_SIZE << folio_order(folio);
}
static inline unsigned long folio_pfn(const struct folio *folio)
{
    return page_to_pfn(&folio->page);
}
static inline int folio_nid(const struct folio *folio)
{
    return page_to_nid(&folio->page);
}
static inline struct zone *folio_zone(const struct folio *folio)
{
    return page_zone(&folio->page);
}
/* The direct-map address of its first byte; NULL for high memory that is not mapped. */
static inline void *folio_address(const struct folio *folio)
{
    return page_address(&folio->page);
}
/* Byte offset in @folio of an address or a file position in it. */
#define offset_in_folio(folio, p) ((size_t)(p) & (folio_size(folio) - 1))

/* Zero @length bytes from byte @start on; the bytes @start … @end - 1; two such segments. High memory
 * too. A range that leaves the folio is refused and reported. Context: any. */
QUARRY_API void folio_zero_range(struct folio *folio, size_t start, size_t length);
QUARRY_API void folio_zero_segment(struct folio *folio, size_t start, size_t end);
QUARRY_API void folio_zero_segments(struct folio *folio, size_t start1, size_t end1, size_t start2,
                                    size_t end2);

QUARRY_EXTERN_C_END

#endif
