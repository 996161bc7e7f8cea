/* SPDX-License-Identifier: MIT */
/* slab/bulk: many objects at once.
 *
 * Problem. A caller that takes or gives sixteen objects should pay once for what is the same for
 * all of them.
 *
 * Idea. A stack is an array of pointers, so taking n objects is a copy of the array's top. When the
 * stack is used up, one object is fetched the slow way, which leaves a full stack behind, and the
 * copying goes on. Giving back pushes one after the other in one section, since each object must be
 * asked for its slab anyway.
 *
 * All or nothing: when memory ends half way, what was taken goes back and the answer is 0. */
#include "fast.h"
#include "internal.h"

/* Up to @nr objects off this CPU's stacks. */
static u32 bulk_take(struct kmem_cache *cache, u32 nr, void **objects)
{
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(cache->owner->cpus, &cpu);
    struct qr_slot *slot = qr_slot_of(cache, cpu);
    u32 taken = slot ? qr_slot_take(slot, objects, nr) : 0;

    qp_percpu_leave(section);
    return taken;
}

int qr_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t wanted, void **objects)
{
    const char *what = "kmem_cache_alloc_bulk";
    u32 taken = 0, nr = (u32)wanted;

    if (QR_UNLIKELY(wanted > 0x7fffffff)) /* the answer is an int */
        return 0;
    if (QR_LIKELY(!SLAB_READ(cache->hooks) && !(gfp & ~QR_GFP_PLAIN_CACHE))) {
        taken = bulk_take(cache, nr, objects);
        if (QR_LIKELY(taken == nr))
            return (int)nr;
    }
    if (cache_is_direct(cache)) {
        while (taken < nr && (objects[taken] = qr_cache_alloc_sized(
                                  cache, gfp, NUMA_NO_NODE, cache->object_size, what)) != NULL)
            taken++;
    } else {
        gfp = qr_cache_gfp(cache, gfp, what);
        if (nr && qr_slab_fault(cache->owner, cache->name, gfp, cache->object_size, what))
            return 0; /* armed faults are hooks: nothing was taken yet */
        taken += bulk_take(cache, nr - taken, objects + taken);
        while (taken < nr && (objects[taken] = qr_cache_alloc_stacked(cache, gfp)) != NULL) {
            taken++;
            taken += bulk_take(cache, nr - taken, objects + taken);
        }
        for (u32 i = 0; i < taken; i++)
            qr_cache_hand_out(cache, objects[i], gfp);
    }
    if (taken == nr)
        return (int)nr;
    qr_cache_free_bulk(cache->owner, cache, taken, objects);
    return 0;
}

/* Push as many as go the fast way, from @from on; the first that did not. In one section; the
 * checks are those of qr_slot_id_of and qr_slot_push, what they read is read once. */
static size_t bulk_push(struct qr_slabs *slabs, struct kmem_cache *cache, size_t from, size_t nr,
                        void **objects)
{
    const struct qr_window window = slabs->window;
    const u32 mask = PGF_SLAB | ~0u << PGF_SLOT_SHIFT;
    const u32 mark = PGF_SLAB | cache->slot_id << PGF_SLOT_SHIFT;
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(slabs->cpus, &cpu);
    struct qr_slot *slot = qr_cpu_slot(cpu, cache->slot_id);
    void **top = slot->top, **limit = slot->limit, *last;

    if (QR_LIKELY(!SLAB_READ(slot->hooks))) {
        for (last = top[-1]; from < nr && top != limit; from++) {
            void *object = objects[from];
            u64 page = ((uintptr_t)object - window.start) >> PAGE_SHIFT;
            if (QR_UNLIKELY(page >= window.pages || object == last ||
                            (SLAB_READ(window.first[page].flags) & mask) != mark))
                break;
            *top++ = last = object;
        }
        __atomic_signal_fence(__ATOMIC_RELEASE);
        SLAB_WRITE(slot->top, top);
    }
    qp_percpu_leave(section);
    return from;
}

void qr_cache_free_bulk(struct qr_slabs *slabs, struct kmem_cache *cache, size_t nr, void **objects)
{
    size_t i = 0;

    while (i < nr) {
        if (cache)
            i = bulk_push(slabs, cache, i, nr, objects);
        if (i < nr)
            qr_cache_free_slow(slabs, cache, objects[i++], "kmem_cache_free_bulk");
    }
}
