/* SPDX-License-Identifier: MIT */
/* The rows over Quarry, through the public headers and the library as any program uses them. */
#include <quarry/gfp.h>
#include <quarry/slab.h>
#include <quarry/vmalloc.h>

#include "bench.h"

#define OBJECT_ALLOC(size) kmalloc(size, GFP_KERNEL)
#define OBJECT_FREE(p) kfree(p)
#define CACHE_TYPE struct kmem_cache *
#define CACHE_CREATE(size) kmem_cache_create("bench", size, 0, 0, NULL)
#define CACHE_ALLOC(cache) kmem_cache_alloc(cache, GFP_KERNEL)
#define CACHE_FREE(cache, p) kmem_cache_free(cache, p)
#define CACHE_ALLOC_BULK(cache, n, array)                                                          \
    do {                                                                                           \
        if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, n, array))                                   \
            bench_no_memory("bulk");                                                               \
    } while (0)
#define CACHE_FREE_BULK(cache, n, array) kmem_cache_free_bulk(cache, n, array)
#define PAGES_ALLOC(order) (void *)__get_free_pages(GFP_KERNEL, order)
#define PAGES_FREE(p, order) free_pages((unsigned long)(p), order)
#define AREA_ALLOC(size) vmalloc(size)
#define AREA_FREE(p) vfree(p)
#define BENCH_ROWS bench_rows_quarry
#include "rows.h"
