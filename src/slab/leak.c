/* SPDX-License-Identifier: MIT */
/* slab/leak: objects in the eyes of the leak scan and of allocation profiling.
 *
 * Both need a word of their own for each object: what the scan knows of it (leak/), and the site that
 * its bytes count for. The words lie in struct qr_meta behind the object, which debugged and profiled
 * caches have. An object in use without such a word (too large for metadata) is nobody's finding, and
 * its memory counts as a root.
 *
 * Profiling alone leaves a cache its stacks: an object counts from the moment it leaves the allocator
 * until it comes back, also while it then lies on a stack. An object's site is 0 while nobody has it,
 * so that a second free counts for nothing.
 *
 * Locks: the node's, for walks and look-ups. May sleep: nothing. */
#include "internal.h"

void qr_profile_out(struct kmem_cache *cache, void *object, size_t size)
{
    struct qr_meta *meta = slab_meta(cache, object);

    if (!cache->track_offset)
        return;
    meta->requested = size;
    SLAB_WRITE(meta->leak, QR_LEAK_REACHED);
    meta->site = qr_site_here(cache->owner->check);
    qr_site_count(cache->owner->check, meta->site, (long)cache->object_size, 1);
}

void qr_profile_in(struct kmem_cache *cache, void *object)
{
    struct qr_meta *meta = slab_meta(cache, object);

    if (!cache->track_offset)
        return;
    qr_site_count(cache->owner->check, meta->site, -(long)cache->object_size, -1);
    meta->site = 0;
}

/* ---- the scan's view ------------------------------------------------------------------------- */

/* Behind `requested` lies the red zone, in which there is nothing of the owner's. */
static struct qr_leak_block leak_block(struct kmem_cache *cache, void *object)
{
    struct qr_leak_block block = {.start = object, .size = cache->object_size};

    if (cache->track_offset && cache_is_debugged(cache)) {
        struct qr_meta *meta = slab_meta(cache, object);
        block.size = (size_t)QR_MIN(meta->requested, (u64)cache->object_size);
        block.word = &meta->leak;
    }
    return block;
}

bool qr_slabs_leak_find(struct qr_slabs *slabs, const void *address, struct qr_leak_block *block)
{
    struct qr_object object;

    if (QR_UNLIKELY(qr_guard_owns(slabs->guards, address)))
        return qr_guard_leak_find(slabs->guards, address, block);
    if (!qr_object_find(slabs, address, &object) || !object.start || !object.allocated ||
        !object.cache->track_offset || !cache_is_debugged(object.cache))
        return false;
    *block = leak_block(object.cache, object.start);
    return true;
}

/* Quarry's own records, which say nothing of what callers can reach. */
static bool cache_is_opaque(const struct kmem_cache *cache)
{
    return cache->internal && !cache->holds_callers;
}

static bool leak_visit_list(struct kmem_cache *cache, u32 head, qr_leak_visit visit, void *data)
{
    const struct qr_map *map = slab_map(cache);
    u32 pfn = head;

    while (pfn) {
        struct page *page = qr_page(map, pfn);
        for (u32 i = 0, nr = slab_objects(cache, page); i < nr; i++) {
            struct qr_leak_block block;
            if (qr_slab_bit(cache, page, i))
                continue;
            block = leak_block(cache, slab_object(cache, page, i));
            if (!visit(&block, data))
                return false;
        }
        pfn = page->quarry_slab.next == head ? 0 : page->quarry_slab.next;
    }
    return true;
}

bool qr_slabs_leak_each(struct qr_slabs *slabs, qr_leak_visit visit, void *data)
{
    struct kmem_cache *cache = NULL;
    bool go_on = qr_guard_leak_each(slabs->guards, visit, data);

    while (go_on && (cache = qr_cache_next(slabs, cache)) != NULL) {
        for (unsigned int nid = 0; go_on && !cache_is_opaque(cache) && nid < slabs->zones->nr_nodes;
             nid++) {
            struct qr_cache_node *node = &cache->node[nid];
            unsigned long state = qp_lock(&node->lock);
            go_on = leak_visit_list(cache, node->full, visit, data) &&
                    leak_visit_list(cache, node->partial, visit, data);
            qp_unlock(&node->lock, state);
        }
    }
    if (cache)
        qr_cache_put(cache);
    return go_on;
}

void qr_object_retrace(const struct qr_object *object)
{
    struct kmem_cache *cache = object->cache;
    struct qr_owner *owner;

    if (!cache_keeps_owners(cache) || !object->allocated)
        return;
    owner = &slab_meta(cache, object->start)->allocated;
    qr_owner_set(cache->owner->check, owner, owner->gfp, qp_task_id());
}
