/* SPDX-License-Identifier: MIT */
/* The rows over malloc and free, whichever library provides them in this process. Compiled with
 * -fno-builtin, so that every call is made. Page blocks are asked for with the alignment of a page;
 * a request that Quarry answers in bulk is a loop here, since malloc has no such call. */
#include <stdlib.h>

#include "bench.h"

#define OBJECT_ALLOC(size) malloc(size)
#define OBJECT_FREE(p) free(p)
#define CACHE_TYPE size_t
#define CACHE_CREATE(size) (size)
#define CACHE_ALLOC(cache) malloc(CACHE_OBJECT)
#define CACHE_FREE(cache, p) free(p)
#define CACHE_ALLOC_BULK(cache, n, array)                                                          \
    for (unsigned int bulk_i = 0; bulk_i < (n); bulk_i++)                                          \
    (array)[bulk_i] = malloc(CACHE_OBJECT)
#define CACHE_FREE_BULK(cache, n, array)                                                           \
    for (unsigned int bulk_i = 0; bulk_i < (n); bulk_i++)                                          \
    free((array)[bulk_i])
#define PAGES_ALLOC(order) aligned_alloc(4096, 4096ul << (order))
#define PAGES_FREE(p, order) free(p)
#define AREA_ALLOC(size) malloc(size)
#define AREA_FREE(p) free(p)
#define BENCH_ROWS bench_rows_malloc
#include "rows.h"
