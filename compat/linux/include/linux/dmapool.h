/* SPDX-License-Identifier: MIT */
/* Pools of small coherent blocks. */
#ifndef QUARRY_LINUX_DMAPOOL_H
#define QUARRY_LINUX_DMAPOOL_H

#include <linux/dma-mapping.h>

QUARRY_EXTERN_C_BEGIN
/* A pool that is destroyed with its device, or NULL. Context: may sleep. */
QUARRY_API struct dma_pool *dmam_pool_create(const char *name, struct device *dev, size_t size,
                                             size_t align, size_t boundary);
QUARRY_API void dmam_pool_destroy(struct dma_pool *pool);
QUARRY_EXTERN_C_END

#endif
