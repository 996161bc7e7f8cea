/* SPDX-License-Identifier: MIT */
/* slab/fast: the ways that nearly every allocation and free takes. Nothing here calls, locks,
 * executes an atomic instruction, or stores outside this CPU's data. Everything unusual (an empty
 * or full stack, any hook, an unknown CPU) answers "no", and the caller takes the slow way, which
 * begins anew.
 *
 * Every load and store of shared words is a relaxed atomic: on all machines that is an ordinary
 * move, and it tells the compiler and race detectors that a statistics reader on another CPU may
 * look at any time. */
#ifndef QR_SLAB_FAST_H
#define QR_SLAB_FAST_H

#include "slab.h"

/* Mask bits that change nothing about a pop from this CPU's stack. All others (a family of kmalloc,
 * a zeroed answer, a node, a request that must not fail, unknown bits) take another way. */
#define QR_GFP_PLAIN                                                                               \
    (__GFP_HIGH | __GFP_MEMALLOC | __GFP_NOMEMALLOC | __GFP_RECLAIM | __GFP_IO | __GFP_FS |        \
     __GFP_NOWARN | __GFP_RETRY_MAYFAIL | __GFP_NORETRY | __GFP_COLD | __GFP_COMP | __GFP_WRITE |  \
     __GFP_HARDWALL | __GFP_ACCOUNT | __GFP_SKIP_ZERO | __GFP_MOVABLE)
/* For a cache those that name a zone do not matter either: the zone is the cache's (G-Z10). */
#define QR_GFP_PLAIN_CACHE (QR_GFP_PLAIN | __GFP_DMA | __GFP_DMA32 | __GFP_RECLAIMABLE)

/* Have the compiler address a slot by one register instead of base plus index: some processors
 * forward a store to the next load of the same word at once only where the address is that simple,
 * and a free is often followed by an allocation. */
#define QR_KEEP_IN_REGISTER(pointer) __asm__("" : "+r"(pointer))

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
    __atomic_store_n(&slot->top, top - 1, __ATOMIC_RELAXED);
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
    __atomic_store_n(&slot->top, top + 1, __ATOMIC_RELAXED);
    return true;
}

/* The slot number of the slab an address lies in, or QR_NO_SLOT when it is in no slab of the
 * window. One load from the descriptor: heads and tails carry the number alike. */
static QR_ALWAYS_INLINE u32 qr_slot_id_of(const struct qr_window *window, const void *object)
{
    u64 nr = ((uintptr_t)object - window->start) >> PAGE_SHIFT;
    u32 flags;
    if (QR_UNLIKELY(nr >= window->pages))
        return QR_NO_SLOT;
    flags = __atomic_load_n(&window->first[nr].flags, __ATOMIC_RELAXED);
    return QR_LIKELY(flags & PGF_SLAB) ? flags >> PGF_SLOT_SHIFT : QR_NO_SLOT;
}

/* One object of a cache, or NULL: take the slow way. @cpus is that of the cache's machine. */
static QR_ALWAYS_INLINE void *qr_cache_alloc_fast(const struct qr_cpus *cpus,
                                                  const struct kmem_cache *cache)
{
    struct qr_cpu *cpu;
    unsigned long state = qp_percpu_enter(cpus, &cpu);
    void *object = qr_slot_pop(qr_cpu_slot(cpu, cache->slot_id));
    qp_percpu_leave(state);
    return object;
}

/* Give back an object of the cache with slot number @id; false: take the slow way. */
static QR_ALWAYS_INLINE bool qr_cache_free_fast(const struct qr_cpus *cpus, u32 id, void *object)
{
    struct qr_cpu *cpu;
    unsigned long state = qp_percpu_enter(cpus, &cpu);
    bool done = qr_slot_push(qr_cpu_slot(cpu, id), object);
    qp_percpu_leave(state);
    return done;
}

#endif
