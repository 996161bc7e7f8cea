/* SPDX-License-Identifier: MIT */
/* Allocation from address ranges that the caller brings: a device's memory, a carved-out buffer, numbers.
 * The ranges themselves are never read or written, but by the zalloc forms.
 *
 *     struct gen_pool *pool = gen_pool_create(5, -1);                granules of 32 bytes
 *     gen_pool_add_virt(pool, (unsigned long)sram, sram_phys, 64 << 10, -1);
 *     unsigned long block = gen_pool_alloc(pool, 100);
 *     gen_pool_free(pool, block, 100);
 *     gen_pool_destroy(pool);
 *
 * Contexts in the "Context" lines: *any*, *may sleep* (gfp.h). */
#ifndef QUARRY_GENALLOC_H
#define QUARRY_GENALLOC_H

#include <quarry/gfp.h>
#include <quarry/types.h>

struct gen_pool;

/* Chooses a place: the number of a bit in @map (@size bits, set: taken) from @start on, so that @nr bits from
 * there are clear; @size or more when there is none. @start_addr is the address of bit 0. Called with the
 * pool locked: it must not sleep or call the pool. */
typedef unsigned long (*genpool_algo_t)(unsigned long *map, unsigned long size, unsigned long start,
                                        unsigned int nr, void *data, struct gen_pool *pool,
                                        unsigned long start_addr);

/* A pool. Fields are Quarry's; those without the prefix may be read. */
struct gen_pool {
    uint32_t quarry_lock;
    struct list_head chunks; /* of struct gen_pool_chunk, in the order they were added */
    int min_alloc_order;     /* log2 of the granule in bytes */
    genpool_algo_t algo;
    void *data; /* of algo */
    const char *name;
};

QUARRY_C_LAYOUT_BEGIN
/* One range of a pool. */
struct gen_pool_chunk {
    struct list_head next_chunk;
    long avail; /* free bytes */
    phys_addr_t phys_addr;
    void *owner;
    unsigned long start_addr, end_addr; /* the last address is in the range */
    unsigned long *quarry_starts;       /* a bit per granule: a block begins here */
    uint32_t *quarry_traces; /* per granule: who allocated the block that begins here; or NULL */
    __extension__ unsigned long bits[]; /* a bit per granule: taken */
};
QUARRY_C_LAYOUT_END

/* For gen_pool_first_fit_align and gen_pool_fixed_alloc. */
struct genpool_data_align {
    int align; /* bytes, a power of two */
};
struct genpool_data_fixed {
    unsigned long offset; /* bytes from the start of a chunk, a multiple of the granule */
};

QUARRY_EXTERN_C_BEGIN

/* A pool without ranges that gives out multiples of 2^@min_alloc_order bytes; NULL when memory is short or
 * the order is none (0 … 30; reported). Context: may sleep. */
QUARRY_API struct gen_pool *gen_pool_create(int min_alloc_order, int nid);
/* Forget the pool and its ranges. Blocks that were not freed are reported as a leak; their memory was never
 * the pool's. Context: any. */
QUARRY_API void gen_pool_destroy(struct gen_pool *pool);

/* Add the range of @size bytes at @virt: 0, -ENOMEM, or (reported) -EINVAL when it is smaller than a granule,
 * wraps around or overlaps a range of the pool. @phys (-1: unknown) is its physical address, @owner any
 * pointer that allocations give back. A part of a granule at the end is left out. Context: may sleep. */
QUARRY_API int gen_pool_add_owner(struct gen_pool *pool, unsigned long virt, phys_addr_t phys,
                                  size_t size, int nid, void *owner);
static inline int gen_pool_add_virt(struct gen_pool *pool, unsigned long addr, phys_addr_t phys,
                                    size_t size, int nid)
{
    return gen_pool_add_owner(pool, addr, phys, size, nid, NULL);
}
static inline int gen_pool_add(struct gen_pool *pool, unsigned long addr, size_t size, int nid)
{
    return gen_pool_add_virt(pool, addr, (phys_addr_t)-1, size, nid);
}

/* Take @size bytes from the first range that has room by the pool's algorithm (or by @algo with @data).
 * Returns: the address; 0 when no range has room.
 * Context: any. Cost: a scan of the ranges' bitmaps with the pool locked. */
QUARRY_API unsigned long gen_pool_alloc_algo_owner(struct gen_pool *pool, size_t size,
                                                   genpool_algo_t algo, void *data, void **owner);
static inline unsigned long gen_pool_alloc_owner(struct gen_pool *pool, size_t size, void **owner)
{
    return gen_pool_alloc_algo_owner(pool, size, pool->algo, pool->data, owner);
}
static inline unsigned long gen_pool_alloc_algo(struct gen_pool *pool, size_t size,
                                                genpool_algo_t algo, void *data)
{
    return gen_pool_alloc_algo_owner(pool, size, algo, data, NULL);
}
static inline unsigned long gen_pool_alloc(struct gen_pool *pool, size_t size)
{
    return gen_pool_alloc_algo(pool, size, pool->algo, pool->data);
}
/* The same for memory that devices reach: the physical address in *@dma (unless NULL), NULL on failure. The
 * zalloc forms clear the block, which must then be memory. */
QUARRY_API void *gen_pool_dma_alloc(struct gen_pool *pool, size_t size, dma_addr_t *dma);
QUARRY_API void *gen_pool_dma_alloc_algo(struct gen_pool *pool, size_t size, dma_addr_t *dma,
                                         genpool_algo_t algo, void *data);
QUARRY_API void *gen_pool_dma_alloc_align(struct gen_pool *pool, size_t size, dma_addr_t *dma,
                                          int align);
QUARRY_API void *gen_pool_dma_zalloc(struct gen_pool *pool, size_t size, dma_addr_t *dma);
QUARRY_API void *gen_pool_dma_zalloc_algo(struct gen_pool *pool, size_t size, dma_addr_t *dma,
                                          genpool_algo_t algo, void *data);
QUARRY_API void *gen_pool_dma_zalloc_align(struct gen_pool *pool, size_t size, dma_addr_t *dma,
                                           int align);

/* Give a block back, with the size it was taken with. What is not a taken block of that size changes nothing
 * and is reported (G-S8). Context: any. */
QUARRY_API void gen_pool_free_owner(struct gen_pool *pool, unsigned long addr, size_t size,
                                    void **owner);
static inline void gen_pool_free(struct gen_pool *pool, unsigned long addr, size_t size)
{
    gen_pool_free_owner(pool, addr, size, NULL);
}

/* Free and total bytes; whether the whole range lies in one range of the pool; the physical address of an
 * address in the pool, or (phys_addr_t)-1. Context: any. */
QUARRY_API size_t gen_pool_avail(struct gen_pool *pool);
QUARRY_API size_t gen_pool_size(struct gen_pool *pool);
QUARRY_API bool gen_pool_has_addr(struct gen_pool *pool, unsigned long start, size_t size);
QUARRY_API phys_addr_t gen_pool_virt_to_phys(struct gen_pool *pool, unsigned long addr);
/* Visit the ranges, those too that are added meanwhile. @func may use the pool, but not destroy it; what
 * others do with it goes on. Context: any. */
QUARRY_API void gen_pool_for_each_chunk(struct gen_pool *pool,
                                        void (*func)(struct gen_pool *pool,
                                                     struct gen_pool_chunk *chunk, void *data),
                                        void *data);

/* The algorithm of later allocations; NULL: the first that fits. Context: any. */
QUARRY_API void gen_pool_set_algo(struct gen_pool *pool, genpool_algo_t algo, void *data);
/* The first place; the first at an aligned address (struct genpool_data_align); at this offset or nowhere
 * (struct genpool_data_fixed); the first that is aligned to the size rounded up to a power of two, counted
 * from the start of the range; the smallest gap that is large enough. */
QUARRY_API unsigned long gen_pool_first_fit(unsigned long *map, unsigned long size,
                                            unsigned long start, unsigned int nr, void *data,
                                            struct gen_pool *pool, unsigned long start_addr);
QUARRY_API unsigned long gen_pool_first_fit_align(unsigned long *map, unsigned long size,
                                                  unsigned long start, unsigned int nr, void *data,
                                                  struct gen_pool *pool, unsigned long start_addr);
QUARRY_API unsigned long gen_pool_fixed_alloc(unsigned long *map, unsigned long size,
                                              unsigned long start, unsigned int nr, void *data,
                                              struct gen_pool *pool, unsigned long start_addr);
QUARRY_API unsigned long gen_pool_first_fit_order_align(unsigned long *map, unsigned long size,
                                                        unsigned long start, unsigned int nr,
                                                        void *data, struct gen_pool *pool,
                                                        unsigned long start_addr);
QUARRY_API unsigned long gen_pool_best_fit(unsigned long *map, unsigned long size,
                                           unsigned long start, unsigned int nr, void *data,
                                           struct gen_pool *pool, unsigned long start_addr);

QUARRY_EXTERN_C_END

#endif
