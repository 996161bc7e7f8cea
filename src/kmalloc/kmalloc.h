/* SPDX-License-Identifier: MIT */
/* kmalloc: the door. Size → class → cache; large sizes → page blocks; kvmalloc is above (vm/). */
#ifndef QR_KMALLOC_H
#define QR_KMALLOC_H

#include <quarry/slab.h>
#include "../slab/slab.h"

/* Families: a cache per class each. */
enum qr_kmalloc_type { QR_KMALLOC_NORMAL, QR_KMALLOC_DMA, QR_KMALLOC_RECLAIM, QR_KMALLOC_TYPES };

struct qr_kmalloc {
    u16 class_slot[QUARRY_KMALLOC_CLASSES]; /* offset of the slot in struct qr_cpu, normal family */
    u16 class_bytes[QUARRY_KMALLOC_CLASSES]; /* bytes of the block it gives */
    struct qr_slabs *slabs;
    struct qr_zones *zones;
    struct qr_check *check;
    size_t min_size, max_size; /* smallest and largest block (G-S2) */
    /* By family and class; several classes may share one. Normal ones exist from boot on, the
     * others from their first use. */
    struct kmem_cache *cache[QR_KMALLOC_TYPES][QUARRY_KMALLOC_CLASSES];
    kmem_buckets table[QR_KMALLOC_TYPES]; /* the same as callers see it: by index, 0 is none */
    /* Registered by the layer above: what an address outside the direct map is, as the end of a
     * sentence ("a vmalloc address: use vfree or kvfree"), or NULL when it is nothing it knows. */
    const char *(*describe)(void *data, const void *address);
    void *describe_data;
};

int qr_kmalloc_init(struct qr_kmalloc *kmalloc, const struct qp_machine *machine, char *why,
                    size_t why_size);
/* Everything kmalloc does that is not a pop: checks, families, large blocks, zeroing. */
void *qr_kmalloc_slow(struct qr_kmalloc *kmalloc, size_t size, gfp_t gfp, int nid);
/* Everything kfree does that is not a push. @what names the public call for reports. */
void qr_kfree_slow(struct qr_kmalloc *kmalloc, void *object, const char *what);
size_t qr_ksize(struct qr_kmalloc *kmalloc, const void *object);
size_t qr_kmalloc_roundup(struct qr_kmalloc *kmalloc, size_t size);
void *qr_krealloc(struct qr_kmalloc *kmalloc, const void *object, size_t size, gfp_t gfp);
/* Copies into a new block; NULL in, NULL out. */
void *qr_kmemdup(struct qr_kmalloc *kmalloc, const void *source, size_t size, gfp_t gfp);
char *qr_kmemdup_nul(struct qr_kmalloc *kmalloc, const char *source, size_t size, gfp_t gfp);
char *qr_kvasprintf(struct qr_kmalloc *kmalloc, gfp_t gfp, const char *format, va_list args);
/* Wipe, then free. */
void qr_kfree_sensitive(struct qr_kmalloc *kmalloc, const void *object);
/* The largest size of a class number. */
size_t qr_kmalloc_class_size(unsigned int class_nr);
/* Free a list of pointers of any kind kfree takes. */
void qr_kfree_bulk(struct qr_kmalloc *kmalloc, size_t nr, void **objects);
/* The table, with every cache made so far. */
kmem_buckets *qr_kmalloc_table(struct qr_kmalloc *kmalloc);
/* Say on the console what an address is (kmem_dump_obj); false: not memory of this machine. */
bool qr_kmalloc_dump(struct qr_kmalloc *kmalloc, const void *address);

#endif
