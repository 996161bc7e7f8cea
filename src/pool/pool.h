/* SPDX-License-Identifier: MIT */
/* pool: the door. Memory pools over any element allocator (G-M1). The pool's own record and element
 * array come from kmalloc. */
#ifndef QR_POOL_H
#define QR_POOL_H

#include <quarry/mempool.h>
#include "../kmalloc/kmalloc.h"

/* Set up a pool in the caller's storage with a full reserve. 0, -EINVAL (reported), -ENOMEM with
 * nothing left allocated and the pool not initialized. May sleep (G-C3). */
int qr_mempool_init(struct qr_kmalloc *kmalloc, mempool_t *pool, int min_nr, mempool_alloc_t *alloc,
                    mempool_free_t *free, void *pool_data, gfp_t gfp, int nid);
/* Give the reserve back. Elements in callers' hands stay theirs. */
void qr_mempool_exit(struct qr_kmalloc *kmalloc, mempool_t *pool);
/* 0; -EINVAL, -ENOMEM with the pool as it was. May sleep. */
int qr_mempool_resize(struct qr_kmalloc *kmalloc, mempool_t *pool, int new_min_nr);
/* G-M1. NULL only if @gfp cannot sleep. */
void *qr_mempool_alloc(struct qr_check *check, mempool_t *pool, gfp_t gfp);
/* From the reserve only. Context: any. */
void *qr_mempool_take_reserved(mempool_t *pool);
/* Context: any, if the pool's free function is. */
void qr_mempool_free(mempool_t *pool, void *element);

#endif
