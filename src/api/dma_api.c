/* SPDX-License-Identifier: MIT */
/* api/dma: the public calls of quarry/dma.h, over the default machine. See dma/.
 *
 * Programs bring their own struct device; what this library reads of it is found through two functions
 * that are set once, before the first call. */
#include "../instance.h"

static struct quarry_dma_device *(*dma_view)(struct device *dev);
static const char *(*dma_name)(const struct device *dev);

void quarry_dma_set_device_view(struct quarry_dma_device *(*view)(struct device *dev),
                                const char *(*name)(const struct device *dev))
{
    dma_view = view;
    dma_name = name;
}

static struct qr_dma_dev dma_device(struct device *dev)
{
    struct qr_dma_dev seen = {.id = dev};

    if (!dev)
        return seen;
    seen.dma = dma_view ? dma_view(dev) : (struct quarry_dma_device *)(void *)dev;
    seen.name = dma_name ? dma_name(dev) : NULL;
    return seen;
}

static struct qr_dma *dma_machine(void)
{
    return &qr_default()->dma;
}

/* ---- masks ----------------------------------------------------------------------------------- */

static int dma_no_place(const struct qr_dma_dev *dev, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};
    qr_report(
        dma_machine()->check, &report,
        "%s(%s): the device has no place for a mask (dma_mask is NULL, its bus gave it none): use "
        "dma_coerce_mask_and_coherent, or point dma_mask at coherent_dma_mask",
        what, dev->name ? dev->name : "device");
    return -QR_EIO;
}

static int dma_try_mask(struct device *dev, u64 mask, const char *what, bool streaming,
                        bool coherent)
{
    struct qr_dma_dev seen = dma_device(dev);
    int error;

    if (!seen.dma || (streaming && !seen.dma->dma_mask))
        return dma_no_place(&seen, what);
    error = qr_dma_mask_ok(dma_machine(), &seen, mask, what);
    if (error)
        return error;
    if (streaming)
        *seen.dma->dma_mask = mask;
    if (coherent)
        seen.dma->coherent_dma_mask = mask;
    return 0;
}

int dma_set_mask(struct device *dev, uint64_t mask)
{
    return dma_try_mask(dev, mask, "dma_set_mask", true, false);
}

int dma_set_coherent_mask(struct device *dev, uint64_t mask)
{
    return dma_try_mask(dev, mask, "dma_set_coherent_mask", false, true);
}

int dma_set_mask_and_coherent(struct device *dev, uint64_t mask)
{
    return dma_try_mask(dev, mask, "dma_set_mask_and_coherent", true, true);
}

int dma_coerce_mask_and_coherent(struct device *dev, uint64_t mask)
{
    struct qr_dma_dev seen = dma_device(dev);

    if (seen.dma)
        seen.dma->dma_mask = &seen.dma->coherent_dma_mask;
    return dma_try_mask(dev, mask, "dma_coerce_mask_and_coherent", true, true);
}

uint64_t dma_get_mask(struct device *dev)
{
    struct qr_dma_dev seen = dma_device(dev);
    u64 mask = qr_dma_streaming_mask(&seen);
    return mask ? mask : DMA_BIT_MASK(32); /* what a bus gives that was not asked */
}

uint64_t dma_get_required_mask(struct device *dev)
{
    return qr_dma_required_mask(dma_machine());
}

int dma_supported(struct device *dev, uint64_t mask)
{
    gfp_t flags;
    return qr_dma_zone(dma_machine(), mask, &flags);
}

size_t dma_max_mapping_size(struct device *dev)
{
    return ~(size_t)0;
}

/* ---- coherent memory ------------------------------------------------------------------------- */

void *dma_alloc_attrs(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp,
                      unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    return qr_dma_alloc(dma_machine(), &seen, size, handle,
                        attrs & DMA_ATTR_NO_WARN ? gfp | __GFP_NOWARN : gfp);
}

void dma_free_attrs(struct device *dev, size_t size, void *address, dma_addr_t handle,
                    unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    qr_dma_free(dma_machine(), &seen, size, address, handle);
}

/* ---- streaming mappings ---------------------------------------------------------------------- */

dma_addr_t dma_map_single_attrs(struct device *dev, void *address, size_t size,
                                enum dma_data_direction direction, unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    return qr_dma_map_single(dma_machine(), &seen, address, size, direction);
}

dma_addr_t dma_map_page_attrs(struct device *dev, struct page *page, size_t offset, size_t size,
                              enum dma_data_direction direction, unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    return qr_dma_map_page(dma_machine(), &seen, page, offset, size, direction);
}

void dma_unmap_single_attrs(struct device *dev, dma_addr_t handle, size_t size,
                            enum dma_data_direction direction, unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    const struct qr_dma_range range = {handle, size, direction, QR_DMA_SINGLE};
    qr_dma_forget(dma_machine(), &seen, &range, "dma_unmap_single");
}

void dma_unmap_page_attrs(struct device *dev, dma_addr_t handle, size_t size,
                          enum dma_data_direction direction, unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    const struct qr_dma_range range = {handle, size, direction, QR_DMA_PAGE};
    qr_dma_forget(dma_machine(), &seen, &range, "dma_unmap_page");
}

int dma_map_sg_attrs(struct device *dev, struct scatterlist *sg, int nents,
                     enum dma_data_direction direction, unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    return qr_dma_map_sg(dma_machine(), &seen, sg, nents, direction);
}

void dma_unmap_sg_attrs(struct device *dev, struct scatterlist *sg, int nents,
                        enum dma_data_direction direction, unsigned long attrs)
{
    struct qr_dma_dev seen = dma_device(dev);
    qr_dma_unmap_sg(dma_machine(), &seen, sg, nents, direction);
}

int dma_mapping_error(struct device *dev, dma_addr_t handle)
{
    struct qr_dma_dev seen = dma_device(dev);

    qr_dma_asked(dma_machine(), &seen, handle);
    return handle == DMA_MAPPING_ERROR ? -QR_ENOMEM : 0;
}

static void dma_sync(struct device *dev, dma_addr_t handle, size_t size,
                     enum dma_data_direction direction, const char *what)
{
    struct qr_dma_dev seen = dma_device(dev);
    const struct qr_dma_range range = {handle, size, direction, QR_DMA_SINGLE};
    qr_dma_expect(dma_machine(), &seen, &range, what);
}

void dma_sync_single_for_cpu(struct device *dev, dma_addr_t handle, size_t size,
                             enum dma_data_direction direction)
{
    dma_sync(dev, handle, size, direction, "dma_sync_single_for_cpu");
}

void dma_sync_single_for_device(struct device *dev, dma_addr_t handle, size_t size,
                                enum dma_data_direction direction)
{
    dma_sync(dev, handle, size, direction, "dma_sync_single_for_device");
}

static void dma_sync_sg(struct device *dev, struct scatterlist *sg, int nents,
                        enum dma_data_direction direction, const char *what)
{
    for (; nents > 0 && sg; nents--, sg = qr_sg_next(sg))
        dma_sync(dev, sg->dma_address, sg->length, direction, what);
}

void dma_sync_sg_for_cpu(struct device *dev, struct scatterlist *sg, int nents,
                         enum dma_data_direction direction)
{
    dma_sync_sg(dev, sg, nents, direction, "dma_sync_sg_for_cpu");
}

void dma_sync_sg_for_device(struct device *dev, struct scatterlist *sg, int nents,
                            enum dma_data_direction direction)
{
    dma_sync_sg(dev, sg, nents, direction, "dma_sync_sg_for_device");
}

struct scatterlist *sg_next(struct scatterlist *sg)
{
    return qr_sg_next(sg);
}

unsigned long quarry_dma_mappings(struct device *dev)
{
    return qr_dma_count(dma_machine(), dev, !dev);
}

/* ---- pools ----------------------------------------------------------------------------------- */

struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align,
                                 size_t boundary)
{
    struct qr_dma_dev seen = dma_device(dev);
    return qr_dma_pool_create(dma_machine(), name, &seen, size, align, boundary);
}

void dma_pool_destroy(struct dma_pool *pool)
{
    qr_dma_pool_destroy(dma_machine(), pool);
}

struct device *quarry_dma_pool_device(const struct dma_pool *pool)
{
    return (struct device *)(uintptr_t)qr_dma_pool_device(pool);
}

void *dma_pool_alloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *handle)
{
    return qr_dma_pool_alloc(dma_machine(), pool, gfp, handle);
}

void dma_pool_free(struct dma_pool *pool, void *block, dma_addr_t handle)
{
    qr_dma_pool_free(dma_machine(), pool, block, handle);
}
