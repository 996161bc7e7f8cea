/* SPDX-License-Identifier: MIT */
/* Memory that devices reach: masks, coherent memory, streaming mappings, pools of small blocks.
 *
 * An address as a device sees it (dma_addr_t) is the physical address. A device's *mask* says which of
 * them it can put on the bus: memory for it comes from a zone below the mask, and a buffer beyond the mask
 * is refused, since there are no bounce buffers. With check level 1 and above every mapping is on record
 * until it is taken back: a wrong size, a second unmap, a mapping left behind and an error that nobody
 * asked for are findings.
 *
 * `struct device` belongs to the program. Its first member is a struct quarry_dma_device, or
 * quarry_dma_set_device_view() says where that is. A NULL device is one of the older generation's: it
 * reaches 16 MiB. */
#ifndef QUARRY_DMA_H
#define QUARRY_DMA_H

#include <quarry/gfp.h>
#include <quarry/types.h>

struct device;
struct dma_pool;

/* What is asked of a device. */
struct quarry_dma_device {
    uint64_t *dma_mask; /* of streaming mappings; NULL: the device does no DMA */
    uint64_t coherent_dma_mask;
};

enum dma_data_direction { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_NONE };

#define DMA_BIT_MASK(n) ((n) == 64 ? ~0ULL : (1ULL << ((n) % 64)) - 1)
#define DMA_MAPPING_ERROR (~(dma_addr_t)0)

/* Accepted; memory here is always coherent and mapped. */
#define DMA_ATTR_WEAK_ORDERING (1UL << 1)
#define DMA_ATTR_WRITE_COMBINE (1UL << 2)
#define DMA_ATTR_NO_KERNEL_MAPPING (1UL << 4)
#define DMA_ATTR_SKIP_CPU_SYNC (1UL << 5)
#define DMA_ATTR_FORCE_CONTIGUOUS (1UL << 6)
#define DMA_ATTR_ALLOC_SINGLE_PAGES (1UL << 7)
#define DMA_ATTR_NO_WARN (1UL << 8)
#define DMA_ATTR_PRIVILEGED (1UL << 9)

/* One piece of a buffer in pieces. The two low bits of page_link say: 1, this entry leads to the next array;
 * 2, this is the last one. */
struct scatterlist {
    unsigned long page_link;
    unsigned int offset, length;
    dma_addr_t dma_address;
    unsigned int dma_length;
};

QUARRY_EXTERN_C_BEGIN

/* Where in a struct device the struct quarry_dma_device lies, and what the device is called in reports; NULL:
 * the first member, its address. Before the first DMA call. */
QUARRY_API void quarry_dma_set_device_view(struct quarry_dma_device *(*view)(struct device *dev),
                                           const char *(*name)(const struct device *dev));

/* Masks. Each returns 0, or -EIO with a message when no zone of the machine lies below the mask, or when the
 * device has no place for it (dma_mask NULL; dma_coerce_mask_and_coherent makes one). Context: any. */
QUARRY_API int dma_set_mask(struct device *dev, uint64_t mask);
QUARRY_API int dma_set_coherent_mask(struct device *dev, uint64_t mask);
QUARRY_API int dma_set_mask_and_coherent(struct device *dev, uint64_t mask);
QUARRY_API int dma_coerce_mask_and_coherent(struct device *dev, uint64_t mask);
QUARRY_API uint64_t dma_get_mask(struct device *dev);
/* The least mask that covers the machine's memory. */
QUARRY_API uint64_t dma_get_required_mask(struct device *dev);
QUARRY_API int dma_supported(struct device *dev, uint64_t mask);
QUARRY_API size_t dma_max_mapping_size(struct device *dev);

/* Whole pages, physically contiguous and zero, below the coherent mask; the device's address in *@handle.
 * Units:   bytes, up to 4 MiB.
 * Context: by @gfp, whose zone flags are ignored.
 * Returns: NULL when memory is short or the device's mask is 0 or below all zones (reported). */
QUARRY_API void *dma_alloc_attrs(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp,
                                 unsigned long attrs);
/* What is not such memory, or another size, changes nothing and is reported (G-S8). NULL is ignored. */
QUARRY_API void dma_free_attrs(struct device *dev, size_t size, void *address, dma_addr_t handle,
                               unsigned long attrs);
static inline void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle,
                                       gfp_t gfp)
{
    return dma_alloc_attrs(dev, size, handle, gfp, 0);
}
static inline void dma_free_coherent(struct device *dev, size_t size, void *address,
                                     dma_addr_t handle)
{
    dma_free_attrs(dev, size, address, handle, 0);
}

/* Give a buffer to a device until it is unmapped. The buffer is memory from kmalloc, a cache or the page
 * allocator; the stack, vmalloc memory, static data and kmap addresses are refused, with what to use instead,
 * and so is a buffer beyond the device's mask, of size 0, in free memory or larger than its allocation.
 * Returns: the device's address, or DMA_MAPPING_ERROR: ask dma_mapping_error() each time.
 * Context: any. */
QUARRY_API dma_addr_t dma_map_single_attrs(struct device *dev, void *address, size_t size,
                                           enum dma_data_direction direction, unsigned long attrs);
QUARRY_API void dma_unmap_single_attrs(struct device *dev, dma_addr_t handle, size_t size,
                                       enum dma_data_direction direction, unsigned long attrs);
/* The same by page, for high memory too. The range may reach into the pages behind. */
QUARRY_API dma_addr_t dma_map_page_attrs(struct device *dev, struct page *page, size_t offset,
                                         size_t size, enum dma_data_direction direction,
                                         unsigned long attrs);
QUARRY_API void dma_unmap_page_attrs(struct device *dev, dma_addr_t handle, size_t size,
                                     enum dma_data_direction direction, unsigned long attrs);
/* Each of @nents entries: all of them (returns @nents), or none (returns 0). */
QUARRY_API int dma_map_sg_attrs(struct device *dev, struct scatterlist *sg, int nents,
                                enum dma_data_direction direction, unsigned long attrs);
/* @nents as given to the map call, not as it returned. */
QUARRY_API void dma_unmap_sg_attrs(struct device *dev, struct scatterlist *sg, int nents,
                                   enum dma_data_direction direction, unsigned long attrs);
QUARRY_API int dma_mapping_error(struct device *dev, dma_addr_t handle);
#define dma_map_single(dev, address, size, direction)                                              \
    dma_map_single_attrs(dev, address, size, direction, 0)
#define dma_unmap_single(dev, handle, size, direction)                                             \
    dma_unmap_single_attrs(dev, handle, size, direction, 0)
#define dma_map_page(dev, page, offset, size, direction)                                           \
    dma_map_page_attrs(dev, page, offset, size, direction, 0)
#define dma_unmap_page(dev, handle, size, direction)                                               \
    dma_unmap_page_attrs(dev, handle, size, direction, 0)
#define dma_map_sg(dev, sg, nents, direction) dma_map_sg_attrs(dev, sg, nents, direction, 0)
#define dma_unmap_sg(dev, sg, nents, direction) dma_unmap_sg_attrs(dev, sg, nents, direction, 0)
/* The CPU looks at a mapped buffer; the device has it again. Nothing to do here, but a range that is not
 * mapped is reported. Context: any. */
QUARRY_API void dma_sync_single_for_cpu(struct device *dev, dma_addr_t handle, size_t size,
                                        enum dma_data_direction direction);
QUARRY_API void dma_sync_single_for_device(struct device *dev, dma_addr_t handle, size_t size,
                                           enum dma_data_direction direction);
QUARRY_API void dma_sync_sg_for_cpu(struct device *dev, struct scatterlist *sg, int nents,
                                    enum dma_data_direction direction);
QUARRY_API void dma_sync_sg_for_device(struct device *dev, struct scatterlist *sg, int nents,
                                       enum dma_data_direction direction);
/* The entry behind @sg, over the end of an array; NULL after the last. */
QUARRY_API struct scatterlist *sg_next(struct scatterlist *sg);
/* Mappings on record, of all devices (@dev NULL) or one. Context: any. */
QUARRY_API unsigned long quarry_dma_mappings(struct device *dev);

/* Coherent blocks of one size. They do not cross multiples of @boundary (a power of two of at least @size; 0:
 * no matter). They come from an object cache of the pool's name: slab_debug= applies to it, with red zones,
 * poison and owners, and its reports are those of caches.
 * Returns: NULL when memory is short, no zone lies below the device's coherent mask, or the sizes make no
 * sense
 *          (reported).
 * Context: may sleep (G-C3); so may destroy, which reports blocks that were not freed (G-D1). */
QUARRY_API struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size,
                                            size_t align, size_t boundary);
QUARRY_API void dma_pool_destroy(struct dma_pool *pool);
/* The device it was made for. */
QUARRY_API struct device *quarry_dma_pool_device(const struct dma_pool *pool);
/* Context: by @gfp. */
QUARRY_API void *dma_pool_alloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *handle);
static inline void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *handle)
{
    return dma_pool_alloc(pool, gfp | __GFP_ZERO, handle);
}
/* A block of another pool, a second free, a handle that is not the block's: reported, nothing changes (G-S8).
 * Context: any. */
QUARRY_API void dma_pool_free(struct dma_pool *pool, void *block, dma_addr_t handle);

QUARRY_EXTERN_C_END

#endif
