/* SPDX-License-Identifier: MIT */
/* Buffers in pieces. */
#ifndef QUARRY_LINUX_SCATTERLIST_H
#define QUARRY_LINUX_SCATTERLIST_H

#include <linux/bug.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/types.h>
#include <quarry/dma.h>

struct sg_table {
    struct scatterlist *sgl;
    unsigned int nents, orig_nents; /* after and before mapping */
};

#define SG_CHAIN 1ul
#define SG_END 2ul
#define SG_MAX_SINGLE_ALLOC (PAGE_SIZE / sizeof(struct scatterlist))

#define sg_dma_address(sg) ((sg)->dma_address)
#define sg_dma_len(sg) ((sg)->dma_length)
#define sg_is_chain(sg) (((sg)->page_link & SG_CHAIN) != 0)
#define sg_is_last(sg) (((sg)->page_link & SG_END) != 0)
#define for_each_sg(list, sg, nr, i)                                                               \
    for ((i) = 0, (sg) = (list); (i) < (nr); (i)++, (sg) = sg_next(sg))
#define for_each_sgtable_sg(table, sg, i) for_each_sg((table)->sgl, sg, (table)->orig_nents, i)
#define for_each_sgtable_dma_sg(table, sg, i) for_each_sg((table)->sgl, sg, (table)->nents, i)

QUARRY_EXTERN_C_BEGIN

static inline void sg_mark_end(struct scatterlist *sg)
{
    sg->page_link = (sg->page_link & ~SG_CHAIN) | SG_END;
}
static inline void sg_unmark_end(struct scatterlist *sg)
{
    sg->page_link &= ~SG_END;
}
static inline void sg_init_table(struct scatterlist *sg, unsigned int nents)
{
    memset(sg, 0, nents * sizeof(*sg));
    if (nents)
        sg_mark_end(&sg[nents - 1]);
}
static inline void sg_assign_page(struct scatterlist *sg, struct page *page)
{
    sg->page_link = (sg->page_link & (SG_CHAIN | SG_END)) | (unsigned long)page;
}
static inline struct page *sg_page(struct scatterlist *sg)
{
    return (struct page *)(sg->page_link & ~(SG_CHAIN | SG_END));
}
static inline void sg_set_page(struct scatterlist *sg, struct page *page, unsigned int len,
                               unsigned int offset)
{
    sg_assign_page(sg, page);
    sg->offset = offset;
    sg->length = len;
}
/* @buffer is direct-mapped memory: what is not (stack, vmalloc) is a BUG, as with the kernel's checks on. */
static inline void sg_set_buf(struct scatterlist *sg, const void *buffer, unsigned int len)
{
    BUG_ON(!virt_addr_valid(buffer));
    sg_set_page(sg, virt_to_page(buffer), len, (unsigned int)offset_in_page(buffer));
}
static inline void sg_init_one(struct scatterlist *sg, const void *buffer, unsigned int len)
{
    sg_init_table(sg, 1);
    sg_set_buf(sg, buffer, len);
}
/* The last entry of @first, of @nents, becomes the way to @second. */
static inline void sg_chain(struct scatterlist *first, unsigned int nents,
                            struct scatterlist *second)
{
    first[nents - 1].offset = first[nents - 1].length = 0;
    first[nents - 1].page_link = ((unsigned long)second | SG_CHAIN) & ~SG_END;
}
static inline dma_addr_t sg_phys(struct scatterlist *sg)
{
    return page_to_phys(sg_page(sg)) + sg->offset;
}
static inline void *sg_virt(struct scatterlist *sg)
{
    return (char *)page_address(sg_page(sg)) + sg->offset;
}

/* Entries from @sg to the end; the last entry of @nents. Context: any. */
QUARRY_API int sg_nents(struct scatterlist *sg);
QUARRY_API struct scatterlist *sg_last(struct scatterlist *sg, unsigned int nents);
/* A list of @nents cleared entries: 0, -EINVAL, -ENOMEM. Context: by @gfp. */
QUARRY_API int sg_alloc_table(struct sg_table *table, unsigned int nents, gfp_t gfp);
QUARRY_API void sg_free_table(struct sg_table *table);
/* Copy to or from the pieces, at most @size bytes; how many were copied. Context: any. */
QUARRY_API size_t sg_copy_from_buffer(struct scatterlist *sg, unsigned int nents,
                                      const void *buffer, size_t size);
QUARRY_API size_t sg_copy_to_buffer(struct scatterlist *sg, unsigned int nents, void *buffer,
                                    size_t size);
QUARRY_API size_t sg_pcopy_from_buffer(struct scatterlist *sg, unsigned int nents,
                                       const void *buffer, size_t size, off_t skip);
QUARRY_API size_t sg_pcopy_to_buffer(struct scatterlist *sg, unsigned int nents, void *buffer,
                                     size_t size, off_t skip);

QUARRY_EXTERN_C_END

#endif
