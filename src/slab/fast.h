/* SPDX-License-Identifier: MIT */
/* slab/fast: the ways that nearly every allocation and free takes. Nothing here calls, locks,
 * executes an atomic instruction, or stores outside this CPU's data. Everything unusual (an empty
 * or full stack, any hook, an unknown CPU) answers "no", and the caller takes the slow way, which
 * begins anew. */
#ifndef QR_SLAB_FAST_H
#define QR_SLAB_FAST_H

#include "slab.h"

/* The newest object of a slot's stack, or NULL. In a section of the slot's CPU. */
static QR_ALWAYS_INLINE void *qr_slot_pop(struct qr_slot *slot)
{
    void **top, *object;
    if (QR_UNLIKELY(__atomic_load_n(&slot->hooks, __ATOMIC_RELAXED)))
        return NULL;
    top = slot->top;
    object = top[-1];
    if (QR_UNLIKELY(!object))
        return NULL;
    slot->top = top - 1;
    return object;
}

/* Put an object on a slot's stack; false when it is full, or when the object is the one freed last
 * (a double free: the slow way reports it). In a section of the slot's CPU. */
static QR_ALWAYS_INLINE bool qr_slot_push(struct qr_slot *slot, void *object)
{
    void **top;
    if (QR_UNLIKELY(__atomic_load_n(&slot->hooks, __ATOMIC_RELAXED)))
        return false;
    top = slot->top;
    if (QR_UNLIKELY(top == slot->limit || top[-1] == object))
        return false;
    *top = object; /* before top moves: a snapshot of this CPU never shows a stale entry */
    __atomic_signal_fence(__ATOMIC_RELEASE);
    slot->top = top + 1;
    return true;
}

/* The slot number of the slab an address lies in, or QR_NO_SLOT when it is in no slab. */
static QR_ALWAYS_INLINE u32 qr_slot_id_of(const struct qr_map *map, const void *object)
{
    u32 flags;
    if (QR_UNLIKELY(!qr_virt_in_map(map, object)))
        return QR_NO_SLOT;
    flags = __atomic_load_n(&qr_virt_page(map, object)->flags, __ATOMIC_RELAXED);
    return QR_LIKELY(flags & PGF_SLAB) ? flags >> PGF_SLOT_SHIFT : QR_NO_SLOT;
}

#endif
