/* SPDX-License-Identifier: MIT */
/* Memory that devices reach. */
#ifndef QUARRY_LINUX_DMA_MAPPING_H
#define QUARRY_LINUX_DMA_MAPPING_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/scatterlist.h>
#include <linux/types.h>
#include <quarry/dma.h>

#define DMA_24BIT_MASK DMA_BIT_MASK(24)
#define DMA_32BIT_MASK DMA_BIT_MASK(32)
#define DMA_64BIT_MASK DMA_BIT_MASK(64)

QUARRY_EXTERN_C_BEGIN
/* Coherent memory that is freed with its device. Context: may sleep. */
QUARRY_API void *dmam_alloc_attrs(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp,
                                  unsigned long attrs);
QUARRY_API void dmam_free_coherent(struct device *dev, size_t size, void *address,
                                   dma_addr_t handle);
static inline void *dmam_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle,
                                        gfp_t gfp)
{
    return dmam_alloc_attrs(dev, size, handle, gfp, 0);
}
/* The older name of what dma_alloc_coherent does anyway. */
static inline void *dma_zalloc_coherent(struct device *dev, size_t size, dma_addr_t *handle,
                                        gfp_t gfp)
{
    return dma_alloc_coherent(dev, size, handle, gfp);
}
/* All entries of a table: 0, or -EIO. */
static inline int dma_map_sgtable(struct device *dev, struct sg_table *table,
                                  enum dma_data_direction direction, unsigned long attrs)
{
    int nents = dma_map_sg_attrs(dev, table->sgl, (int)table->orig_nents, direction, attrs);
    table->nents = (unsigned int)nents;
    return nents ? 0 : -EIO;
}
static inline void dma_unmap_sgtable(struct device *dev, struct sg_table *table,
                                     enum dma_data_direction direction, unsigned long attrs)
{
    dma_unmap_sg_attrs(dev, table->sgl, (int)table->orig_nents, direction, attrs);
}
QUARRY_EXTERN_C_END

#define dma_get_cache_alignment() 1
#define DEFINE_DMA_UNMAP_ADDR(name) dma_addr_t name
#define DEFINE_DMA_UNMAP_LEN(name) __u32 name
#define dma_unmap_addr(ptr, name) ((ptr)->name)
#define dma_unmap_addr_set(ptr, name, value) (((ptr)->name) = (value))
#define dma_unmap_len(ptr, name) ((ptr)->name)
#define dma_unmap_len_set(ptr, name, value) (((ptr)->name) = (value))

#endif
