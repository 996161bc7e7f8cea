/* SPDX-License-Identifier: MIT */
/* genpool: the door. Allocation from ranges that callers bring. See genpool.c. */
#ifndef QR_GENPOOL_H
#define QR_GENPOOL_H

#include <quarry/genalloc.h>
#include "../vm/vm.h"

/* What a pool needs of the machine. */
struct qr_genpools {
    struct qr_vm *vm;
    struct qr_check *check;
};

struct gen_pool *qr_genpool_create(const struct qr_genpools *pools, int order, int nid);
void qr_genpool_destroy(const struct qr_genpools *pools, struct gen_pool *pool);
/* 0, -EINVAL (reported), -ENOMEM. */
int qr_genpool_add(const struct qr_genpools *pools, struct gen_pool *pool, unsigned long virt,
                   phys_addr_t phys, size_t size, int nid, void *owner);
/* 0: no room. */
unsigned long qr_genpool_alloc(const struct qr_genpools *pools, struct gen_pool *pool, size_t size,
                               genpool_algo_t algo, void *data, void **owner);
void qr_genpool_free(const struct qr_genpools *pools, struct gen_pool *pool, unsigned long address,
                     size_t size, void **owner);
size_t qr_genpool_avail(struct gen_pool *pool);
size_t qr_genpool_size(struct gen_pool *pool);
bool qr_genpool_has(struct gen_pool *pool, unsigned long start, size_t size);
phys_addr_t qr_genpool_phys(struct gen_pool *pool, unsigned long address);
void qr_genpool_for_each(struct gen_pool *pool,
                         void (*visit)(struct gen_pool *, struct gen_pool_chunk *, void *),
                         void *data);
void qr_genpool_set_algo(struct gen_pool *pool, genpool_algo_t algo, void *data);

/* fit.c: places in a bitmap, see quarry/genalloc.h. */
unsigned long qr_fit_first(const unsigned long *map, unsigned long size, unsigned long start,
                           unsigned int nr, unsigned long align, unsigned long offset);
unsigned long qr_fit_best(const unsigned long *map, unsigned long size, unsigned long start,
                          unsigned int nr);

static inline bool qr_bit(const unsigned long *map, unsigned long bit)
{
    return (map[bit / (8 * sizeof(long))] >> (bit % (8 * sizeof(long)))) & 1;
}

#endif
