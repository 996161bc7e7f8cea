/* SPDX-License-Identifier: MIT */
/* api/mempool: the public calls of quarry/mempool.h, over the default machine, and the element
 * allocators that come with it. What a pool promises is done in pool/. */
#include "../instance.h"

mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
                               void *pool_data, gfp_t gfp, int node)
{
    struct quarry *q = qr_default();
    /* In atomic context qr_mempool_init reports it, once, by this call's name (G-C3). */
    gfp_t quiet = qp_may_sleep() ? gfp : gfp & ~__GFP_DIRECT_RECLAIM;
    mempool_t *pool = qr_kmalloc_slow(&q->kmalloc, sizeof(*pool), quiet, node);
    if (!pool)
        return NULL;
    if (qr_mempool_init(&q->kmalloc, pool, min_nr, alloc, free, pool_data, gfp, node)) {
        qr_kfree_slow(&q->kmalloc, pool, "mempool_create");
        return NULL;
    }
    return pool;
}

mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free, void *pool_data)
{
    return mempool_create_node(min_nr, alloc, free, pool_data, GFP_KERNEL, NUMA_NO_NODE);
}

int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
                      void *pool_data, gfp_t gfp, int node)
{
    return qr_mempool_init(&qr_default()->kmalloc, pool, min_nr, alloc, free, pool_data, gfp, node);
}

int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
                 void *pool_data)
{
    return mempool_init_node(pool, min_nr, alloc, free, pool_data, GFP_KERNEL, NUMA_NO_NODE);
}

int mempool_resize(mempool_t *pool, int new_min_nr)
{
    return qr_mempool_resize(&qr_default()->kmalloc, pool, new_min_nr);
}

void mempool_exit(mempool_t *pool)
{
    if (pool)
        qr_mempool_exit(&qr_default()->kmalloc, pool);
}

void mempool_destroy(mempool_t *pool)
{
    struct quarry *q = qr_default();
    if (!pool)
        return;
    qr_mempool_exit(&q->kmalloc, pool);
    qr_kfree_slow(&q->kmalloc, pool, "mempool_destroy");
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
    return qr_mempool_alloc(&qr_default()->check, pool, gfp);
}

void *mempool_alloc_preallocated(mempool_t *pool)
{
    return qr_mempool_take_reserved(pool);
}

void mempool_free(void *element, mempool_t *pool)
{
    if (element && pool)
        qr_mempool_free(pool, element);
}

/* ---- element allocators ---------------------------------------------------------------------- */

void *mempool_alloc_slab(gfp_t gfp, void *pool_data)
{
    return kmem_cache_alloc(pool_data, gfp);
}

void mempool_free_slab(void *element, void *pool_data)
{
    kmem_cache_free(pool_data, element);
}

void *mempool_kmalloc(gfp_t gfp, void *pool_data)
{
    return quarry_kmalloc((size_t)pool_data, gfp);
}

void mempool_kfree(void *element, void *pool_data)
{
    kfree(element);
}

void *mempool_kvmalloc(gfp_t gfp, void *pool_data)
{
    return kvmalloc_node((size_t)pool_data, gfp, NUMA_NO_NODE);
}

void mempool_kvfree(void *element, void *pool_data)
{
    kvfree(element);
}

void *mempool_alloc_pages(gfp_t gfp, void *pool_data)
{
    return alloc_pages(gfp, (unsigned int)(size_t)pool_data);
}

void mempool_free_pages(void *element, void *pool_data)
{
    __free_pages(element, (unsigned int)(size_t)pool_data);
}
