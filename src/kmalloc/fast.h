/* SPDX-License-Identifier: MIT */
/* kmalloc/fast: a pop and a push. See slab/fast.h. */
#ifndef QR_KMALLOC_FAST_H
#define QR_KMALLOC_FAST_H

#include "../slab/fast.h"
#include "kmalloc.h"

/* An object of a class of the normal family for an ordinary mask, or NULL: take the slow way. */
static QR_ALWAYS_INLINE void *qr_kmalloc_fast(const struct qr_kmalloc *kmalloc,
                                              const struct qr_cpus *cpus, unsigned int class_nr,
                                              gfp_t gfp)
{
    struct qr_cpu *cpu;
    struct qr_slot *slot;
    unsigned long state;
    void *object;

    if (QR_UNLIKELY(gfp & ~QR_GFP_PLAIN))
        return NULL;
    state = qp_percpu_enter(cpus, &cpu);
    /* Atomic for those who come while the machine boots: any value leads to a closed slot then. */
    slot = (struct qr_slot *)(void *)((char *)cpu + __atomic_load_n(&kmalloc->class_slot[class_nr],
                                                                    __ATOMIC_RELAXED));
    QR_KEEP_IN_REGISTER(slot);
    object = qr_slot_pop(slot);
    qp_percpu_leave(state);
    return object;
}

/* The same for a mask with __GFP_ZERO and nothing else out of the ordinary. The whole class is
 * cleared, so that krealloc finds zeros when it grows the block in place (G-S13). */
static QR_ALWAYS_INLINE void *qr_kmalloc_fast_zeroed(const struct qr_kmalloc *kmalloc,
                                                     const struct qr_cpus *cpus,
                                                     unsigned int class_nr, gfp_t gfp)
{
    void *object = qr_kmalloc_fast(kmalloc, cpus, class_nr, gfp & ~__GFP_ZERO);

    if (QR_LIKELY(object))
        memset(object, 0, kmalloc->class_bytes[class_nr]);
    return object;
}

/* Give back an object; false: take the slow way. */
static QR_ALWAYS_INLINE bool qr_kfree_fast(const struct qr_slabs *slabs, const struct qr_cpus *cpus,
                                           void *object)
{
    return qr_cache_free_fast(cpus, qr_slot_id_of(&slabs->window, object), object);
}

/* kmalloc and kfree of any machine: what the layers above use. */
static inline void *qr_kmalloc(struct qr_kmalloc *kmalloc, size_t size, gfp_t gfp)
{
    void *object = NULL;

    if (QR_LIKELY(size - 1 < KMALLOC_MAX_CACHE_SIZE))
        object = qr_kmalloc_fast(kmalloc, kmalloc->slabs->cpus, quarry_kmalloc_class(size), gfp);
    return QR_LIKELY(object) ? object : qr_kmalloc_slow(kmalloc, size, gfp, NUMA_NO_NODE);
}

static inline void qr_kfree(struct qr_kmalloc *kmalloc, const void *object)
{
    if (QR_UNLIKELY(!qr_kfree_fast(kmalloc->slabs, kmalloc->slabs->cpus, (void *)object)))
        qr_kfree_slow(kmalloc, (void *)object, "kfree");
}

#endif
