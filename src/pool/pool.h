/* SPDX-License-Identifier: MIT */
/* pool: the door. Memory pools over any element allocator (G-M1). The pool's own record and element
 * array come from kmalloc. */
#ifndef QR_POOL_H
#define QR_POOL_H

#include <quarry/mempool.h>
#include "../kmalloc/kmalloc.h"

int qr_mempool_init(struct qr_kmalloc *kmalloc, mempool_t *pool, int min_nr, mempool_alloc_t *alloc,
                    mempool_free_t *free, void *pool_data, gfp_t gfp, int nid);
void qr_mempool_exit(struct qr_kmalloc *kmalloc, mempool_t *pool);
int qr_mempool_resize(struct qr_kmalloc *kmalloc, mempool_t *pool, int new_min_nr);
void *qr_mempool_alloc(struct qr_check *check, mempool_t *pool, gfp_t gfp);
void *qr_mempool_take_reserved(mempool_t *pool);
void qr_mempool_free(mempool_t *pool, void *element);

#endif
