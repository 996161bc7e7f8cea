/* SPDX-License-Identifier: MIT */
/* Allocation from ranges that a driver brings. */
#ifndef QUARRY_LINUX_GENALLOC_H
#define QUARRY_LINUX_GENALLOC_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/types.h>
#include <quarry/genalloc.h>

struct device;
QUARRY_EXTERN_C_BEGIN
/* A pool that is destroyed with its device: ERR_PTR(-ENOMEM), or -EINVAL for a second pool of one name.
 * Context: may sleep. */
QUARRY_API struct gen_pool *devm_gen_pool_create(struct device *dev, int min_alloc_order, int nid,
                                                 const char *name);
/* The device's pool of that name (NULL: the one without), or NULL. */
QUARRY_API struct gen_pool *gen_pool_get(struct device *dev, const char *name);
QUARRY_EXTERN_C_END

#endif
