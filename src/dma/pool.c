/* SPDX-License-Identifier: MIT */
/* dma/pool: small coherent blocks of one size.
 *
 * Problem. Descriptors of 16 or 64 bytes must be coherent, aligned, often must not cross a boundary that the
 * device counts within, and a page for each would be absurd.
 *
 * Idea. On these machines all memory is coherent, so a pool is an object cache whose slabs come from a
 * zone below the device's mask. A cache has its books outside the objects, which a device may be writing
 * at any time; its alignment is the caller's, and where there is a boundary, the size rounded up to a
 * power of two: an object that is aligned to at least its size crosses no multiple of a larger power of
 * two. Red zones, poison, owners, double and wrong frees, and the report of what is left at the end are
 * the cache's.
 *
 * Locks: the cache's. What may sleep: making and destroying; allocation by the mask.
 * Limits: with a boundary a block takes up to twice its size; blocks above a page have no boundary. */
#include "dma.h"

struct dma_pool {
    struct kmem_cache *cache;
    size_t size;
    const void *dev; /* the program's struct device */
};

static QR_COLD struct dma_pool *pool_refuse(struct qr_dma *dma, const char *name, size_t size,
                                            const char *wrong)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .cache = name, .size = size};
    qr_report(dma->check, &report, "dma_pool_create(%s, %zu bytes): %s", name ? name : "NULL", size,
              wrong);
    return NULL;
}

static const char *pool_senseless(const char *name, size_t size, size_t align, size_t boundary)
{
    if (!name || !name[0])
        return "a pool needs a name";
    if (!size)
        return "a size of 0 makes no blocks";
    if (size > PAGE_SIZE << MAX_PAGE_ORDER)
        return "the size is beyond the largest page block";
    if (!QR_IS_POWER_OF_TWO(align) || align > PAGE_SIZE)
        return "the alignment is no power of two up to a page; larger blocks come from "
               "dma_alloc_coherent";
    if (boundary && (!QR_IS_POWER_OF_TWO(boundary) || boundary < size))
        return "the boundary is no power of two of at least the size: no block could keep to it";
    if (boundary && size > PAGE_SIZE)
        return "blocks above a page keep to no boundary here: use dma_alloc_coherent";
    return NULL;
}

struct dma_pool *qr_dma_pool_create(struct qr_dma *dma, const char *name,
                                    const struct qr_dma_dev *dev, size_t size, size_t align,
                                    size_t boundary)
{
    struct qr_cache_params params = {
        .name = name, .racing = true, .undo = "dma_pool_destroy", .slot_id = QR_NO_SLOT};
    u64 mask = qr_dma_coherent_mask(dev);
    struct dma_pool *pool;
    const char *wrong;
    gfp_t zone, gfp = GFP_KERNEL;

    if (!qr_may_sleep_here(dma->check, "dma_pool_create"))
        gfp = GFP_NOWAIT;
    align = align ? align : 1;
    wrong = pool_senseless(name, size, align, boundary);
    if (!wrong && !mask)
        wrong = "the device has no coherent mask: call dma_set_mask_and_coherent first";
    if (wrong)
        return pool_refuse(dma, name, size, wrong);
    if (qr_dma_mask_ok(dma, dev, mask, "dma_pool_create"))
        return NULL;
    qr_dma_zone(dma, mask, &zone);
    if (boundary && size > 1)
        align = QR_MAX(align, (size_t)2 << qr_fls64(size - 1));
    params.size = size;
    params.align = align;
    params.gfp = gfp;
    if (zone)
        params.flags = zone == __GFP_DMA ? SLAB_CACHE_DMA : SLAB_CACHE_DMA32;
    pool = qr_kmalloc_slow(dma->vm->kmalloc, sizeof(*pool), gfp, NUMA_NO_NODE);
    if (!pool)
        return NULL;
    pool->size = size;
    pool->dev = dev->id;
    pool->cache = qr_cache_create(dma->slabs, &params);
    if (pool->cache)
        return pool;
    qr_kfree_slow(dma->vm->kmalloc, pool, "dma_pool_create");
    return NULL;
}

const void *qr_dma_pool_device(const struct dma_pool *pool)
{
    return pool->dev;
}

void qr_dma_pool_destroy(struct qr_dma *dma, struct dma_pool *pool)
{
    if (!pool)
        return;
    qr_cache_destroy(dma->slabs, pool->cache, false);
    qr_kfree_slow(dma->vm->kmalloc, pool, "dma_pool_destroy");
}

void *qr_dma_pool_alloc(struct qr_dma *dma, struct dma_pool *pool, gfp_t gfp, dma_addr_t *handle)
{
    void *block = qr_cache_alloc_sized(pool->cache, gfp & ~GFP_ZONEMASK, NUMA_NO_NODE, pool->size,
                                       "dma_pool_alloc");
    *handle = block ? qp_phys(dma->zones->map->offset, block) : DMA_MAPPING_ERROR;
    return block;
}

void qr_dma_pool_free(struct qr_dma *dma, struct dma_pool *pool, void *block, dma_addr_t handle)
{
    struct quarry_report report = {.kind = QUARRY_BAD_FREE,
                                   .rule = "G-S8",
                                   .address = block,
                                   .size = pool->size,
                                   .cache = pool->cache->name};

    if (qr_virt_in_map(dma->zones->map, block) &&
        qp_phys(dma->zones->map->offset, block) != handle) {
        qr_report(
            dma->check, &report,
            "dma_pool_free(%s, %p, handle %#llx): the handle is not this block's, which is %#llx; "
            "nothing is freed",
            pool->cache->name, block, (unsigned long long)handle,
            (unsigned long long)qp_phys(dma->zones->map->offset, block));
        return;
    }
    qr_cache_free_slow(dma->slabs, pool->cache, block, "dma_pool_free");
}
