/* SPDX-License-Identifier: MIT */
/* Memory pools: a reserve of elements kept back over any allocator, so that a caller that may sleep
 * never fails (G-M1). */
#ifndef QUARRY_MEMPOOL_H
#define QUARRY_MEMPOOL_H

#include <quarry/gfp.h>
#include <quarry/slab.h>
#include <quarry/types.h>

typedef void *(mempool_alloc_t)(gfp_t gfp, void *pool_data);
typedef void(mempool_free_t)(void *element, void *pool_data);

/* A pool. Owned by the caller for mempool_init(); its fields are private to Quarry except the first
 * five, which may be read. */
typedef struct mempool_s {
    int min_nr;  /* the reserve's size */
    int curr_nr; /* elements in it now */
    void *pool_data;
    mempool_alloc_t *alloc;
    mempool_free_t *free;
    void **elements;
    struct quarry_pool_waiter *quarry_first, *quarry_last; /* tasks that wait, in order */
    uint32_t quarry_lock;
} mempool_t;

QUARRY_EXTERN_C_BEGIN

/* Make a pool with a full reserve of @min_nr elements, or NULL with nothing left allocated.
 * Context: may sleep (G-C3). */
QUARRY_API mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
                                     void *pool_data);
QUARRY_API mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
                                          void *pool_data, gfp_t gfp, int node);
/* Set up a pool in the caller's storage: 0 or -ENOMEM / -EINVAL. */
QUARRY_API int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc,
                            mempool_free_t *free, void *pool_data);
QUARRY_API int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc,
                                 mempool_free_t *free, void *pool_data, gfp_t gfp, int node);
static inline bool mempool_initialized(mempool_t *pool)
{
    return pool->elements != NULL;
}
static inline bool mempool_is_saturated(mempool_t *pool)
{
    return pool->curr_nr >= pool->min_nr;
}
/* Change the reserve: 0, or -ENOMEM / -EINVAL with the pool as it was. Existing elements stay
 * valid. Context: may sleep. */
QUARRY_API int mempool_resize(mempool_t *pool, int new_min_nr);
QUARRY_API void mempool_exit(mempool_t *pool);
QUARRY_API void mempool_destroy(mempool_t *pool);

/* Take an element by the four steps of G-M1. NULL only without __GFP_DIRECT_RECLAIM. Context: as
 * the mask says. */
QUARRY_API void *mempool_alloc(mempool_t *pool, gfp_t gfp);
/* From the reserve only; NULL when it is empty. Never sleeps. */
QUARRY_API void *mempool_alloc_preallocated(mempool_t *pool);
/* Give one back: the reserve first, then the allocator. NULL is ignored. Context: any, if the
 * pool's free function is. */
QUARRY_API void mempool_free(void *element, mempool_t *pool);

/* Element allocators. pool_data: the cache; the size in bytes; the same; the order. */
QUARRY_API void *mempool_alloc_slab(gfp_t gfp, void *pool_data);
QUARRY_API void mempool_free_slab(void *element, void *pool_data);
QUARRY_API void *mempool_kmalloc(gfp_t gfp, void *pool_data);
QUARRY_API void mempool_kfree(void *element, void *pool_data);
QUARRY_API void *mempool_kvmalloc(gfp_t gfp, void *pool_data);
QUARRY_API void mempool_kvfree(void *element, void *pool_data);
QUARRY_API void *mempool_alloc_pages(gfp_t gfp, void *pool_data);
QUARRY_API void mempool_free_pages(void *element, void *pool_data);

#define mempool_init_slab_pool(pool, n, cache)                                                     \
    mempool_init((pool), (n), mempool_alloc_slab, mempool_free_slab, (void *)(cache))
#define mempool_init_kmalloc_pool(pool, n, size)                                                   \
    mempool_init((pool), (n), mempool_kmalloc, mempool_kfree, (void *)(size_t)(size))
#define mempool_init_kvmalloc_pool(pool, n, size)                                                  \
    mempool_init((pool), (n), mempool_kvmalloc, mempool_kvfree, (void *)(size_t)(size))
#define mempool_init_page_pool(pool, n, order)                                                     \
    mempool_init((pool), (n), mempool_alloc_pages, mempool_free_pages, (void *)(size_t)(order))
#define mempool_create_slab_pool(n, cache)                                                         \
    mempool_create((n), mempool_alloc_slab, mempool_free_slab, (void *)(cache))
#define mempool_create_kmalloc_pool(n, size)                                                       \
    mempool_create((n), mempool_kmalloc, mempool_kfree, (void *)(size_t)(size))
#define mempool_create_kvmalloc_pool(n, size)                                                      \
    mempool_create((n), mempool_kvmalloc, mempool_kvfree, (void *)(size_t)(size))
#define mempool_create_page_pool(n, order)                                                         \
    mempool_create((n), mempool_alloc_pages, mempool_free_pages, (void *)(size_t)(order))

QUARRY_EXTERN_C_END

#endif
