/* SPDX-License-Identifier: MIT */
/* devmem: what devices manage beyond plain memory: pools over ranges, per-CPU memory, DMA memory and
 * pools; and where the core finds a device's masks.
 *
 * Each is a record of devres.c whose release function undoes the call. The forms that free early find their
 * record by what it holds; what the device has not is reported.
 *
 * Locks: none here; devres.c's inside. What may sleep: the forms that allocate. */
#include "internal.h"
#include <linux/device.h>
#include <linux/dmapool.h>
#include <linux/genalloc.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/string.h>

/* ---- pools over ranges --------------------------------------------------------------------- */

static void devm_gen_pool_release(struct device *dev, void *res)
{
    struct gen_pool *pool = *(struct gen_pool **)res;
    const char *name = pool->name;
    gen_pool_destroy(pool);
    kfree(name);
}

static int devm_gen_pool_match(struct device *dev, void *res, void *data)
{
    const struct gen_pool *pool = *(struct gen_pool **)res;
    const char *name = data;
    if (!name || !pool->name)
        return !name && !pool->name;
    return strcmp(name, pool->name) == 0;
}

QUARRY_API struct gen_pool *gen_pool_get(struct device *dev, const char *name)
{
    struct gen_pool **found =
        devres_find(dev, devm_gen_pool_release, devm_gen_pool_match, (void *)(uintptr_t)name);
    return found ? *found : NULL;
}

QUARRY_API struct gen_pool *devm_gen_pool_create(struct device *dev, int min_alloc_order, int nid,
                                                 const char *name)
{
    struct gen_pool *pool;
    void **res;
    char *copy = NULL;
    if (gen_pool_get(dev, name))
        return ERR_PTR(-EINVAL);
    res = qlx_devres_pointer(dev, devm_gen_pool_release, GFP_KERNEL, "devm_gen_pool_create");
    if (res && name)
        copy = kstrdup(name, GFP_KERNEL);
    pool = res && (copy || !name) ? gen_pool_create(min_alloc_order, nid) : NULL;
    if (!pool) {
        devres_free(res);
        kfree(copy);
        return ERR_PTR(-ENOMEM);
    }
    pool->name = copy;
    *res = pool;
    devres_add(dev, res);
    return pool;
}

/* ---- per-CPU memory ------------------------------------------------------------------------ */

static void devm_percpu_release(struct device *dev, void *res)
{
    free_percpu(*(void **)res);
}

QUARRY_API void *__devm_alloc_percpu(struct device *dev, size_t size, size_t align)
{
    void **res = qlx_devres_pointer(dev, devm_percpu_release, GFP_KERNEL, "devm_alloc_percpu");
    return res ? qlx_devres_keep(dev, res, __alloc_percpu(size, align)) : NULL;
}

QUARRY_API void devm_free_percpu(struct device *dev, void *token)
{
    if (devres_release(dev, devm_percpu_release, qlx_devres_holds, token))
        qlx_find("registration", NULL, NULL,
                 "devm_free_percpu of memory that is not this device's: free_percpu is for what "
                 "alloc_percpu gave");
}

/* ---- memory that devices reach --------------------------------------------------------------- */

_Static_assert(offsetof(struct device, coherent_dma_mask) ==
                   offsetof(struct device, dma_mask) +
                       offsetof(struct quarry_dma_device, coherent_dma_mask),
               "the two masks of a device lie as a quarry_dma_device has them");

static struct quarry_dma_device *devmem_view(struct device *dev)
{
    return (struct quarry_dma_device *)(void *)&dev->dma_mask;
}

static const char *devmem_name(const struct device *dev)
{
    return dev_name(dev);
}

static __attribute__((constructor)) void devmem_begin(void)
{
    quarry_dma_set_device_view(devmem_view, devmem_name);
}

struct devmem_coherent {
    size_t size;
    void *address;
    dma_addr_t handle;
};

static void devmem_coherent_release(struct device *dev, void *res)
{
    const struct devmem_coherent *block = res;
    dma_free_coherent(dev, block->size, block->address, block->handle);
}

static int devmem_coherent_match(struct device *dev, void *res, void *data)
{
    const struct devmem_coherent *block = res, *wanted = data;
    return block->address == wanted->address;
}

QUARRY_API void *dmam_alloc_attrs(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp,
                                  unsigned long attrs)
{
    struct devmem_coherent *block = qlx_devres_record(dev, devmem_coherent_release, sizeof(*block),
                                                      gfp & ~GFP_ZONEMASK, "dmam_alloc_coherent");
    if (!block)
        return NULL;
    block->address = dma_alloc_attrs(dev, size, handle, gfp, attrs);
    if (!block->address) {
        devres_free(block);
        return NULL;
    }
    block->size = size;
    block->handle = *handle;
    devres_add(dev, block);
    return block->address;
}

QUARRY_API void dmam_free_coherent(struct device *dev, size_t size, void *address,
                                   dma_addr_t handle)
{
    struct devmem_coherent wanted = {.address = address};
    struct devmem_coherent *block =
        devres_find(dev, devmem_coherent_release, devmem_coherent_match, &wanted);
    if (!block || block->size != size || block->handle != handle) {
        qlx_find("registration", NULL, NULL,
                 block ? "dmam_free_coherent with another size or handle than it was allocated with"
                       : "dmam_free_coherent of memory that is not this device's");
        return;
    }
    devres_release(dev, devmem_coherent_release, devmem_coherent_match, &wanted);
}

static void devmem_pool_release(struct device *dev, void *res)
{
    dma_pool_destroy(*(void **)res);
}

QUARRY_API struct dma_pool *dmam_pool_create(const char *name, struct device *dev, size_t size,
                                             size_t align, size_t boundary)
{
    void **res = qlx_devres_pointer(dev, devmem_pool_release, GFP_KERNEL, "dmam_pool_create");
    return res ? qlx_devres_keep(dev, res, dma_pool_create(name, dev, size, align, boundary))
               : NULL;
}

QUARRY_API void dmam_pool_destroy(struct dma_pool *pool)
{
    struct device *dev = pool ? quarry_dma_pool_device(pool) : NULL;
    if (!dev || devres_release(dev, devmem_pool_release, qlx_devres_holds, pool))
        qlx_find("registration", NULL, NULL,
                 "dmam_pool_destroy of a pool that no device manages: dma_pool_destroy is for what "
                 "dma_pool_create gave");
}
