/* SPDX-License-Identifier: MIT */
/* api/genpool: the public calls of quarry/genalloc.h, over the default machine. See genpool/. */
#include "../instance.h"

static struct qr_genpools genpool_machine(void)
{
    struct quarry *q = qr_default();
    return (struct qr_genpools){.vm = &q->vm, .check = &q->check};
}

struct gen_pool *gen_pool_create(int min_alloc_order, int nid)
{
    struct qr_genpools pools = genpool_machine();
    return qr_genpool_create(&pools, min_alloc_order, nid);
}

void gen_pool_destroy(struct gen_pool *pool)
{
    struct qr_genpools pools = genpool_machine();
    qr_genpool_destroy(&pools, pool);
}

int gen_pool_add_owner(struct gen_pool *pool, unsigned long virt, phys_addr_t phys, size_t size,
                       int nid, void *owner)
{
    struct qr_genpools pools = genpool_machine();
    return qr_genpool_add(&pools, pool, virt, phys, size, nid, owner);
}

unsigned long gen_pool_alloc_algo_owner(struct gen_pool *pool, size_t size, genpool_algo_t algo,
                                        void *data, void **owner)
{
    struct qr_genpools pools = genpool_machine();
    return qr_genpool_alloc(&pools, pool, size, algo, data, owner);
}

void gen_pool_free_owner(struct gen_pool *pool, unsigned long addr, size_t size, void **owner)
{
    struct qr_genpools pools = genpool_machine();
    qr_genpool_free(&pools, pool, addr, size, owner);
}

/* ---- memory that devices reach --------------------------------------------------------------- */

void *gen_pool_dma_alloc_algo(struct gen_pool *pool, size_t size, dma_addr_t *dma,
                              genpool_algo_t algo, void *data)
{
    struct qr_genpools pools = genpool_machine();
    unsigned long address = pool ? qr_genpool_alloc(&pools, pool, size, algo, data, NULL) : 0;

    if (address && dma)
        *dma = qr_genpool_phys(pool, address);
    return (void *)address;
}

void *gen_pool_dma_alloc(struct gen_pool *pool, size_t size, dma_addr_t *dma)
{
    return pool ? gen_pool_dma_alloc_algo(pool, size, dma, pool->algo, pool->data) : NULL;
}

void *gen_pool_dma_alloc_align(struct gen_pool *pool, size_t size, dma_addr_t *dma, int align)
{
    struct genpool_data_align data = {.align = align};
    return gen_pool_dma_alloc_algo(pool, size, dma, gen_pool_first_fit_align, &data);
}

static void *genpool_cleared(void *block, size_t size)
{
    if (block)
        memset(block, 0, size);
    return block;
}

void *gen_pool_dma_zalloc_algo(struct gen_pool *pool, size_t size, dma_addr_t *dma,
                               genpool_algo_t algo, void *data)
{
    return genpool_cleared(gen_pool_dma_alloc_algo(pool, size, dma, algo, data), size);
}

void *gen_pool_dma_zalloc(struct gen_pool *pool, size_t size, dma_addr_t *dma)
{
    return genpool_cleared(gen_pool_dma_alloc(pool, size, dma), size);
}

void *gen_pool_dma_zalloc_align(struct gen_pool *pool, size_t size, dma_addr_t *dma, int align)
{
    return genpool_cleared(gen_pool_dma_alloc_align(pool, size, dma, align), size);
}

/* ---- looking --------------------------------------------------------------------------------- */

size_t gen_pool_avail(struct gen_pool *pool)
{
    return qr_genpool_avail(pool);
}

size_t gen_pool_size(struct gen_pool *pool)
{
    return qr_genpool_size(pool);
}

bool gen_pool_has_addr(struct gen_pool *pool, unsigned long start, size_t size)
{
    return qr_genpool_has(pool, start, size);
}

phys_addr_t gen_pool_virt_to_phys(struct gen_pool *pool, unsigned long addr)
{
    return qr_genpool_phys(pool, addr);
}

void gen_pool_for_each_chunk(struct gen_pool *pool,
                             void (*func)(struct gen_pool *pool, struct gen_pool_chunk *chunk,
                                          void *data),
                             void *data)
{
    qr_genpool_for_each(pool, func, data);
}

void gen_pool_set_algo(struct gen_pool *pool, genpool_algo_t algo, void *data)
{
    qr_genpool_set_algo(pool, algo, data);
}
