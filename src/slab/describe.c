/* SPDX-License-Identifier: MIT */
/* slab/describe: what an address in a slab is, and the reports of wrong frees (G-S8).
 *
 * A report says what was wrong, what the address really is, and what to do; where owners are
 * recorded it carries the other site as well. Reports are made with no lock held. */
#include "internal.h"

static bool describe_place(struct qr_slabs *slabs, const void *address, struct qr_object *object)
{
    const struct qr_map *map = slabs->zones->map;
    struct page *page = qr_virt_page_checked(map, address);
    struct kmem_cache *cache;
    char *start;

    if (!page || !(page->flags & PGF_SLAB))
        return false;
    page = qr_head(map, page);
    cache = page->quarry_slab.cache;
    *object =
        (struct qr_object){.cache = cache, .slab = page, .index = slab_index(cache, page, address)};
    if (object->index >= slab_objects(cache, page))
        return true;
    start = slab_object(cache, page, object->index);
    object->offset = (size_t)((const char *)address - start);
    if (object->offset < cache->object_size) {
        object->start = start;
        object->exact = object->offset == 0;
        object->allocated = true;
    }
    return true;
}

static void describe_look_up(struct qr_object *object)
{
    struct qr_cache_node *node = qr_slab_node(object->cache, object->slab);
    unsigned long state = qp_lock(&node->lock);

    object->allocated = !qr_slab_bit(object->cache, object->slab, object->index);
    qp_unlock(&node->lock, state);
}

bool qr_object_find(struct qr_slabs *slabs, const void *address, struct qr_object *object)
{
    if (!describe_place(slabs, address, object))
        return false;
    if (object->start)
        describe_look_up(object);
    return true;
}

bool qr_object_locate(struct qr_slabs *slabs, const void *address, struct qr_object *object)
{
    if (!describe_place(slabs, address, object))
        return false;
    if (object->start && cache_is_debugged(object->cache))
        describe_look_up(object);
    return true;
}

/* ---- wrong frees ----------------------------------------------------------------------------- */

/* The owner record of an object's last free or allocation as a trace, if there is one. */
static bool describe_owner(struct kmem_cache *cache, void *object, bool freed,
                           struct quarry_trace *trace)
{
    const struct qr_meta *meta;
    u32 handle;

    if (!cache_keeps_owners(cache))
        return false;
    meta = slab_meta(cache, object);
    handle = freed ? meta->freed.trace : meta->allocated.trace;
    if (!handle)
        return false;
    qr_trace_load(cache->owner->check, handle, trace);
    return true;
}

void qr_report_double_free(struct kmem_cache *cache, void *object, const char *what)
{
    struct quarry_trace before;
    struct quarry_report report = {.kind = QUARRY_DOUBLE_FREE,
                                   .rule = "G-S8",
                                   .address = object,
                                   .size = cache->object_size,
                                   .cache = cache->name,
                                   .before_is = "freed by"};

    if (describe_owner(cache, object, true, &before))
        report.before = &before;
    qr_report(
        cache->owner->check, &report,
        "%s(%p): the object of cache %s (%u bytes) is free already; this free changes nothing",
        what, object, cache->name, cache->object_size);
}

void qr_report_middle_free(struct kmem_cache *cache, struct page *page, void *address,
                           const char *what)
{
    u32 index = slab_index(cache, page, address);
    struct quarry_trace before;
    struct quarry_report report = {.kind = QUARRY_BAD_FREE,
                                   .rule = "G-S8",
                                   .address = address,
                                   .cache = cache->name,
                                   .before_is = "allocated by"};
    char *start;

    if (index >= slab_objects(cache, page)) {
        qr_report(cache->owner->check, &report,
                  "%s(%p): no object, but unused space in a slab of cache %s; nothing is changed",
                  what, address, cache->name);
        return;
    }
    start = slab_object(cache, page, index);
    report.size = cache->object_size;
    if (describe_owner(cache, start, false, &before))
        report.before = &before;
    qr_report(cache->owner->check, &report,
              "%s(%p): %zu bytes into the object at %p of cache %s (%u bytes); free the object's "
              "start. Nothing is changed",
              what, address, (size_t)((char *)address - start), start, cache->name,
              cache->object_size);
}

void qr_report_wrong_cache(struct kmem_cache *cache, struct kmem_cache *expected, void *object,
                           const char *what)
{
    struct quarry_trace before;
    struct quarry_report report = {.kind = QUARRY_BAD_FREE,
                                   .rule = "G-S8",
                                   .address = object,
                                   .size = cache->object_size,
                                   .cache = cache->name,
                                   .before_is = "allocated by"};
    struct qr_object found;

    if (qr_object_find(cache->owner, object, &found) && found.start &&
        describe_owner(cache, found.start, false, &before))
        report.before = &before;
    qr_report(
        cache->owner->check, &report,
        "%s(%p) to cache %s: the object belongs to cache %s; free it there. Nothing is changed",
        what, object, expected->name, cache->name);
}

void qr_report_bad_puts(struct kmem_cache *cache, const struct slab_bad *bad, const char *what)
{
    static const char *const text[] = {
        [SLAB_FINE] = "",
        [SLAB_FREE_ALREADY] = "was freed twice; its slab is set aside for good",
        [SLAB_MIDDLE] = "is not the start of an object; its slab is set aside for good",
        [SLAB_NOT_OURS] = "lies in no slab of the cache any more: freed twice, or never its object",
    };

    for (u32 i = 0; i < QR_MIN(bad->nr, (u32)SLAB_BAD_MAX); i++) {
        enum slab_fault why = bad->item[i].why;
        struct quarry_report report = {.kind = why == SLAB_FREE_ALREADY ? QUARRY_DOUBLE_FREE
                                                                        : QUARRY_BAD_FREE,
                                       .rule = "G-S8",
                                       .address = bad->item[i].object,
                                       .size = cache->object_size,
                                       .cache = cache->name};
        qr_report(cache->owner->check, &report,
                  "%s found late: %p, freed to cache %s, %s (slab_debug=F finds it at once)", what,
                  bad->item[i].object, cache->name, text[why]);
    }
    if (bad->nr > SLAB_BAD_MAX)
        qr_print("quarry: %u more wrong frees of this kind in cache %s\n", bad->nr - SLAB_BAD_MAX,
                 cache->name);
}

bool qr_object_owners(const struct qr_object *object, const struct qr_owner **allocated,
                      const struct qr_owner **freed)
{
    const struct qr_meta *meta;

    if (!object->start || !cache_keeps_owners(object->cache))
        return false;
    meta = slab_meta(object->cache, object->start);
    *allocated = &meta->allocated;
    *freed = &meta->freed;
    return true;
}

/* ---- dumps ----------------------------------------------------------------------------------- */

static void describe_print_owner(struct qr_check *check, const char *verb,
                                 const struct qr_owner *owner)
{
    struct quarry_trace trace;

    if (!owner->trace)
        return;
    qr_trace_load(check, owner->trace, &trace);
    qr_print("  %s by task %u, %llu ms ago, at:\n", verb, owner->task,
             (unsigned long long)(qp_now_ns() - owner->when_ns) / 1000000);
    for (u32 i = 0; i < QR_MIN(trace.nr, QUARRY_TRACE_MAX); i++)
        qr_symbol_print(check, trace.pc[i]);
}

void qr_object_dump(struct qr_slabs *slabs, const struct qr_object *object)
{
    struct kmem_cache *cache = object->cache;

    if (!object->start) {
        qr_print("quarry: in a slab of cache %s, but in no object\n", cache->name);
        return;
    }
    qr_print("quarry: object %u at %p of cache %s (%u bytes), %s; the address is byte %zu of it\n",
             object->index, object->start, cache->name, cache->object_size,
             object->allocated ? (cache_is_debugged(cache) ? "live" : "live or on a CPU's stack")
                               : "free",
             object->offset);
    if (cache_keeps_owners(cache)) {
        const struct qr_meta *meta = slab_meta(cache, object->start);
        describe_print_owner(slabs->check, "allocated", &meta->allocated);
        describe_print_owner(slabs->check, "last freed", &meta->freed);
    }
}
