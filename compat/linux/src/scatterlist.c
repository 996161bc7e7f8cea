/* SPDX-License-Identifier: MIT */
/* scatterlist: buffers in pieces: tables, counts, copies.
 *
 * A table is one array from kvmalloc: its entries need no chain, whatever their number. Copies reach each
 * page through memcpy_to_page and memcpy_from_page, so that pieces in high memory work too.
 *
 * Locks: none. What may sleep: making a table, by the mask. */
#include "internal.h"
#include <linux/highmem.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

QUARRY_API int sg_nents(struct scatterlist *sg)
{
    int nents = 0;
    for (; sg; sg = sg_next(sg))
        nents++;
    return nents;
}

QUARRY_API struct scatterlist *sg_last(struct scatterlist *sg, unsigned int nents)
{
    while (nents-- > 1 && sg)
        sg = sg_next(sg);
    return sg;
}

QUARRY_API int sg_alloc_table(struct sg_table *table, unsigned int nents, gfp_t gfp)
{
    memset(table, 0, sizeof(*table));
    if (!nents)
        return -EINVAL;
    table->sgl = kvmalloc_array(nents, sizeof(*table->sgl), gfp);
    if (!table->sgl)
        return -ENOMEM;
    sg_init_table(table->sgl, nents);
    table->nents = table->orig_nents = nents;
    return 0;
}

QUARRY_API void sg_free_table(struct sg_table *table)
{
    kvfree(table->sgl);
    memset(table, 0, sizeof(*table));
}

/* One piece, page by page. */
static void sg_copy_piece(struct scatterlist *sg, size_t from, char *buffer, size_t size,
                          bool to_sg)
{
    size_t at = sg->offset + from;
    while (size) {
        struct page *page = pfn_to_page(page_to_pfn(sg_page(sg)) + at / PAGE_SIZE);
        size_t part = min_t(size_t, size, PAGE_SIZE - at % PAGE_SIZE);
        if (to_sg)
            memcpy_to_page(page, at % PAGE_SIZE, buffer, part);
        else
            memcpy_from_page(buffer, page, at % PAGE_SIZE, part);
        buffer += part;
        at += part;
        size -= part;
    }
}

static size_t sg_copy(struct scatterlist *sg, unsigned int nents, char *buffer, size_t size,
                      off_t skip, bool to_sg)
{
    size_t done = 0, left_out = skip > 0 ? (size_t)skip : 0;
    for (; nents && sg && done < size; nents--, sg = sg_next(sg)) {
        size_t from = min_t(size_t, left_out, sg->length);
        size_t part = min_t(size_t, sg->length - from, size - done);
        left_out -= from;
        sg_copy_piece(sg, from, buffer + done, part, to_sg);
        done += part;
    }
    return done;
}

QUARRY_API size_t sg_pcopy_from_buffer(struct scatterlist *sg, unsigned int nents,
                                       const void *buffer, size_t size, off_t skip)
{
    return sg_copy(sg, nents, (char *)(uintptr_t)buffer, size, skip, true);
}

QUARRY_API size_t sg_pcopy_to_buffer(struct scatterlist *sg, unsigned int nents, void *buffer,
                                     size_t size, off_t skip)
{
    return sg_copy(sg, nents, buffer, size, skip, false);
}

QUARRY_API size_t sg_copy_from_buffer(struct scatterlist *sg, unsigned int nents,
                                      const void *buffer, size_t size)
{
    return sg_pcopy_from_buffer(sg, nents, buffer, size, 0);
}

QUARRY_API size_t sg_copy_to_buffer(struct scatterlist *sg, unsigned int nents, void *buffer,
                                    size_t size)
{
    return sg_pcopy_to_buffer(sg, nents, buffer, size, 0);
}
