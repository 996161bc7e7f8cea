/* SPDX-License-Identifier: MIT */
/* slab/guarded: objects of a cache that lie in the pool of guarded objects (guard/guard.c).
 *
 * A guarded object is its cache's in everything a caller can see: aligned as the cache promises,
 * constructed by its constructor, a reason to report a leak when the cache is destroyed, and it
 * keeps a reference to the cache's record while it is live. It is in none of the cache's slabs, and
 * not in slabinfo.
 *
 * Locks: none held on entry or exit; constructors and destructors run with none. Never sleeps. */
#include "internal.h"

/* Not where freed objects must stay as they are for readers, nor where a zone was promised, nor
 * where the owner said no. Quarry's own caches never come to ask. */
#define GUARDED_NEVER (SLAB_SKIP_KFENCE | SLAB_TYPESAFE_BY_RCU | SLAB_CACHE_DMA | SLAB_CACHE_DMA32)

bool qr_cache_may_guard(const struct kmem_cache *cache)
{
    return !(cache->flags & GUARDED_NEVER) && cache->object_size <= PAGE_SIZE;
}

/* kmalloc aligns a block to the largest power of two that divides its size (G-S4), and the nearer an
 * object lies to the edge the smaller are the overruns that are seen at once. */
static size_t guarded_align(const struct kmem_cache *cache, size_t size)
{
    size_t natural = QR_MAX(size & -size, (size_t)ARCH_KMALLOC_MINALIGN);

    return cache->flags & SLAB_KMALLOC ? QR_MIN((size_t)cache->align, natural) : cache->align;
}

static void guarded_construct(struct kmem_cache *cache, void *object, bool begin)
{
    if (begin && cache->ctor)
        cache->ctor(object);
    else if (begin && cache->ctor26)
        cache->ctor26(object, cache, SLAB_CTOR_CONSTRUCTOR);
    else if (!begin && cache->dtor26)
        cache->dtor26(object, cache, 0);
}

void *qr_guarded_alloc(struct kmem_cache *cache, gfp_t gfp, int nid, size_t size, const char *what)
{
    struct qr_slabs *slabs = cache->owner;
    struct qr_guard_request request = {.cache = cache,
                                       .name = cache->name,
                                       .size = size,
                                       .align = guarded_align(cache, size),
                                       .gfp = gfp};
    void *object;

    (void)what;
    if (!qr_cache_may_guard(cache) || nid != NUMA_NO_NODE || (gfp & (__GFP_DMA | __GFP_DMA32)) ||
        !qr_guard_sample(slabs->guards))
        return NULL;
    request.zero = (gfp & __GFP_ZERO) || slabs->init_on_alloc;
    qr_cache_hold(cache);
    object = qr_guard_alloc(slabs->guards, &request);
    if (!object) {
        qr_cache_put(cache);
        return NULL;
    }
    guarded_construct(cache, object, true);
    return object;
}

void qr_guarded_free(struct qr_slabs *slabs, struct kmem_cache *expected, void *object,
                     const char *what)
{
    struct qr_guard_found found = {0};
    struct kmem_cache *cache;

    /* A pointer that is no live object's start is reported by qr_guard_free. */
    if (!qr_guard_find(slabs->guards, object, &found)) {
        qr_guard_free(slabs->guards, object, what);
        return;
    }
    cache = (struct kmem_cache *)found.cache;
    if (QR_UNLIKELY(expected && expected != cache)) {
        qr_report_wrong_cache(cache, expected, object, what);
        return;
    }
    guarded_construct(cache, object, false);
    if (qr_guard_free(slabs->guards, object, what))
        qr_cache_put(cache);
}
