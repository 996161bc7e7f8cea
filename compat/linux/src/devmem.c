/* SPDX-License-Identifier: MIT */
/* devmem: what devices manage beyond plain memory: pools over ranges, per-CPU memory.
 *
 * Each is a record of devres.c whose release function undoes the call. The forms that free early find their
 * record by what it holds; what the device has not is reported.
 *
 * Locks: none here; devres.c's inside. What may sleep: the forms that allocate. */
#include "internal.h"
#include <linux/device.h>
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
    struct gen_pool **res, *pool;
    char *copy = NULL;
    if (gen_pool_get(dev, name))
        return ERR_PTR(-EINVAL);
    res = devres_alloc(devm_gen_pool_release, sizeof(*res), GFP_KERNEL);
    if (name)
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

static int devm_percpu_match(struct device *dev, void *res, void *data)
{
    return *(void **)res == data;
}

QUARRY_API void *__devm_alloc_percpu(struct device *dev, size_t size, size_t align)
{
    void **res = devres_alloc(devm_percpu_release, sizeof(*res), GFP_KERNEL), *token;
    if (!res)
        return NULL;
    token = __alloc_percpu(size, align);
    if (!token) {
        devres_free(res);
        return NULL;
    }
    *res = token;
    devres_add(dev, res);
    return token;
}

QUARRY_API void devm_free_percpu(struct device *dev, void *token)
{
    if (devres_release(dev, devm_percpu_release, devm_percpu_match, token))
        qlx_find("registration", NULL, NULL,
                 "devm_free_percpu of memory that is not this device's: free_percpu is for what "
                 "alloc_percpu gave");
}
