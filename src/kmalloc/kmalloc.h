/* SPDX-License-Identifier: MIT */
/* kmalloc: the door. Size → class → cache; large sizes → page blocks; kvmalloc → a registered
 * fallback (vm/ is above). */
#ifndef QR_KMALLOC_H
#define QR_KMALLOC_H

#include <quarry/slab.h>
#include "../slab/slab.h"

/* Families: a cache per class each. */
enum qr_kmalloc_type { QR_KMALLOC_NORMAL, QR_KMALLOC_DMA, QR_KMALLOC_RECLAIM, QR_KMALLOC_TYPES };

struct qr_kmalloc {
    struct qr_slabs *slabs;
    struct qr_zones *zones;
    struct qr_check *check;
    size_t min_size, max_size;             /* smallest and largest block (G-S2) */
    u8 class_slot[QUARRY_KMALLOC_CLASSES]; /* slot number in chunk 0, normal family */
    struct kmem_cache
        *cache[QR_KMALLOC_TYPES][QUARRY_KMALLOC_CLASSES]; /* several classes may share one */
};

int qr_kmalloc_init(struct qr_kmalloc *kmalloc, const struct qp_machine *machine, char *why,
                    size_t why_size);
/* Everything kmalloc does that is not a pop: checks, families, large blocks, zeroing. */
void *qr_kmalloc_slow(struct qr_kmalloc *kmalloc, size_t size, gfp_t gfp, int nid);
/* Everything kfree does that is not a push. */
void qr_kfree_slow(struct qr_kmalloc *kmalloc, void *object, const char *what);
size_t qr_ksize(struct qr_kmalloc *kmalloc, const void *object);
size_t qr_kmalloc_roundup(struct qr_kmalloc *kmalloc, size_t size);
void *qr_krealloc(struct qr_kmalloc *kmalloc, const void *object, size_t size, gfp_t gfp);

#endif
