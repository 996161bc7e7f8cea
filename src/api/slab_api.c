/* SPDX-License-Identifier: MIT */
/* api/slab: the public calls of quarry/slab.h, over the default machine.
 *
 * Thin: what a call promises is done in slab/, kmalloc/ and vm/. The four calls that programs make
 * all the time (kmalloc, kfree, kmem_cache_alloc, kmem_cache_free) contain their fast way, inlined
 * from slab/fast.h down to the port's header; the default machine lies at a constant address.
 * Before it runs its CPUs have no data, so that the fast way fails by itself and the slow way boots
 * it. */
#include "../instance.h"
#include "../kmalloc/fast.h"

static QR_COLD void *slab_kmalloc_slow(size_t size, gfp_t gfp, int nid)
{
    return qr_kmalloc_slow(&qr_default()->kmalloc, size, gfp, nid);
}

static QR_COLD void slab_kfree_slow(void *object)
{
    if (!ZERO_OR_NULL_PTR(object))
        qr_kfree_slow(&qr_default()->kmalloc, object, "kfree");
}

/* ---- kmalloc --------------------------------------------------------------------------------- */

/* A mask out of the ordinary, or an empty stack. */
static QR_NOINLINE void *slab_kmalloc_special(unsigned int class_nr, gfp_t gfp, size_t size)
{
    void *object = NULL;

    if ((gfp & ~QR_GFP_PLAIN) == __GFP_ZERO)
        object =
            qr_kmalloc_fast_zeroed(&quarry_default.kmalloc, &quarry_default.cpus, class_nr, gfp);
    return object ? object : slab_kmalloc_slow(size, gfp, NUMA_NO_NODE);
}

static QR_ALWAYS_INLINE void *slab_kmalloc_of_class(unsigned int class_nr, gfp_t gfp, size_t size)
{
    void *object = qr_kmalloc_fast(&quarry_default.kmalloc, &quarry_default.cpus, class_nr, gfp);

    return QR_LIKELY(object) ? object : slab_kmalloc_special(class_nr, gfp, size);
}

void *quarry_kmalloc_of_class(unsigned int class_nr, gfp_t gfp, size_t size)
{
    return slab_kmalloc_of_class(class_nr, gfp, size);
}

void *quarry_kmalloc(size_t size, gfp_t gfp)
{
    if (QR_UNLIKELY(size - 1 >= KMALLOC_MAX_CACHE_SIZE))
        return slab_kmalloc_slow(size, gfp, NUMA_NO_NODE);
    return slab_kmalloc_of_class(quarry_kmalloc_class(size), gfp, size);
}

/* The same body once more: a call passed on would cost as much as the work. */
void *kmalloc(size_t size, gfp_t gfp)
{
    if (QR_UNLIKELY(size - 1 >= KMALLOC_MAX_CACHE_SIZE))
        return slab_kmalloc_slow(size, gfp, NUMA_NO_NODE);
    return slab_kmalloc_of_class(quarry_kmalloc_class(size), gfp, size);
}

void *kmalloc_node(size_t size, gfp_t gfp, int node)
{
    if (node == NUMA_NO_NODE)
        return quarry_kmalloc(size, gfp);
    return slab_kmalloc_slow(size, gfp, node);
}

void kfree(const void *object)
{
    if (QR_UNLIKELY(!qr_kfree_fast(&quarry_default.slabs, &quarry_default.cpus, (void *)object)))
        slab_kfree_slow((void *)object);
}

void kfree_sensitive(const void *object)
{
    qr_kfree_sensitive(&qr_default()->kmalloc, object);
}

void *krealloc(const void *object, size_t new_size, gfp_t gfp)
{
    return qr_krealloc(&qr_default()->kmalloc, object, new_size, gfp);
}

size_t ksize(const void *object)
{
    return qr_ksize(&qr_default()->kmalloc, object);
}

size_t kmalloc_size_roundup(size_t size)
{
    return qr_kmalloc_roundup(&qr_default()->kmalloc, size);
}

/* ---- caches ---------------------------------------------------------------------------------- */

struct kmem_cache *quarry_cache_create_args(const char *name, unsigned int size,
                                            const struct kmem_cache_args *args, slab_flags_t flags)
{
    struct qr_cache_params params = {
        .name = name, .size = size, .flags = flags, .slot_id = QR_NO_SLOT};

    if (args) {
        params.align = args->align;
        params.ctor = args->ctor;
    }
    return qr_cache_create(&qr_default()->slabs, &params);
}

struct kmem_cache *quarry_cache_create(const char *name, size_t size, size_t align,
                                       slab_flags_t flags, void (*ctor)(void *))
{
    struct qr_cache_params params = {.name = name,
                                     .size = size,
                                     .align = align,
                                     .flags = flags,
                                     .ctor = ctor,
                                     .slot_id = QR_NO_SLOT};

    return qr_cache_create(&qr_default()->slabs, &params);
}

struct kmem_cache *quarry_cache_create_26(const char *name, size_t size, size_t align,
                                          unsigned long flags, qr_ctor26_fn ctor, qr_ctor26_fn dtor)
{
    /* Bits beyond those that fit are to be reported, neither cut off nor taken for others. */
    const slab_flags_t beyond = (u64)flags >> 32 ? ~SLAB_FLAGS_MASK : 0;
    struct qr_cache_params params = {.name = name,
                                     .size = size,
                                     .align = align,
                                     .flags = (slab_flags_t)flags | beyond,
                                     .ctor26 = ctor,
                                     .dtor26 = dtor,
                                     .slot_id = QR_NO_SLOT};

    return qr_cache_create(&qr_default()->slabs, &params);
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
    if (cache)
        qr_cache_destroy(&qr_default()->slabs, cache, false);
}

int quarry_cache_destroy_26(struct kmem_cache *cache)
{
    return cache ? qr_cache_destroy(&qr_default()->slabs, cache, true) : 0;
}

int kmem_cache_shrink(struct kmem_cache *cache)
{
    return qr_cache_shrink(cache);
}

unsigned int kmem_cache_size(struct kmem_cache *cache)
{
    return cache->object_size;
}

const char *kmem_cache_name(struct kmem_cache *cache)
{
    return cache->name;
}

/* ---- objects --------------------------------------------------------------------------------- */

static QR_NOINLINE void *slab_cache_alloc_special(struct kmem_cache *cache, gfp_t gfp)
{
    void *object = NULL;

    if ((gfp & ~QR_GFP_PLAIN) == __GFP_ZERO && !cache->ctor && !cache->ctor26)
        object = qr_cache_alloc_fast(&quarry_default.cpus, cache);
    if (!object)
        return qr_cache_alloc_slow(cache, gfp, NUMA_NO_NODE);
    return memset(object, 0, cache->object_size);
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
    void *object = NULL;

    if (QR_LIKELY(!(gfp & ~QR_GFP_PLAIN_CACHE)))
        object = qr_cache_alloc_fast(&quarry_default.cpus, cache);
    return QR_LIKELY(object) ? object : slab_cache_alloc_special(cache, gfp);
}

void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
    return slab_cache_alloc_special(cache, gfp | __GFP_ZERO);
}

void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp)
{
    (void)lru;
    return kmem_cache_alloc(cache, gfp);
}

void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node)
{
    if (node == NUMA_NO_NODE)
        return kmem_cache_alloc(cache, gfp);
    return qr_cache_alloc_slow(cache, gfp, node);
}

static QR_COLD void slab_cache_free_slow(struct kmem_cache *cache, void *object)
{
    qr_cache_free_slow(&qr_default()->slabs, cache, object, "kmem_cache_free");
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
    u32 id = cache->slot_id;

    if (QR_UNLIKELY(qr_slot_id_of(&quarry_default.slabs.window, object) != id)) {
        slab_cache_free_slow(cache, object);
        return;
    }
    /* The slot is found by the cache's number, not by the equal one that comes from the descriptor:
     * so that the processor need not wait for that before it goes on. */
    QR_KEEP_IN_REGISTER(id);
    if (QR_UNLIKELY(!qr_cache_free_fast(&quarry_default.cpus, id, object)))
        slab_cache_free_slow(cache, object);
}

int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects)
{
    return qr_cache_alloc_bulk(cache, gfp, nr, objects);
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t nr, void **objects)
{
    if (cache)
        qr_cache_free_bulk(&qr_default()->slabs, cache, nr, objects);
    else
        qr_kfree_bulk(&qr_default()->kmalloc, nr, objects);
}

/* ---- copies ---------------------------------------------------------------------------------- */

void *kmemdup(const void *source, size_t size, gfp_t gfp)
{
    return qr_kmemdup(&qr_default()->kmalloc, source, size, gfp);
}

void *kmemdup_array(const void *source, size_t count, size_t size, gfp_t gfp)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return kmemdup(source, bytes, gfp);
}

char *kmemdup_nul(const char *source, size_t size, gfp_t gfp)
{
    return qr_kmemdup_nul(&qr_default()->kmalloc, source, size, gfp);
}

char *kstrdup(const char *source, gfp_t gfp)
{
    return source ? kmemdup_nul(source, qr_strlen(source), gfp) : NULL;
}

char *kstrndup(const char *source, size_t max, gfp_t gfp)
{
    return source ? kmemdup_nul(source, qr_strnlen(source, max), gfp) : NULL;
}

char *kvasprintf(gfp_t gfp, const char *format, va_list args)
{
    return qr_kvasprintf(&qr_default()->kmalloc, gfp, format, args);
}

char *kasprintf(gfp_t gfp, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = kvasprintf(gfp, format, args);
    va_end(args);
    return text;
}

kmem_buckets *quarry_kmalloc_caches(void)
{
    return qr_kmalloc_table(&qr_default()->kmalloc);
}

/* ---- looking --------------------------------------------------------------------------------- */

bool kmem_dump_obj(void *object)
{
    return qr_kmalloc_dump(&qr_default()->kmalloc, object);
}

void mem_dump_obj(void *object)
{
    kmem_dump_obj(object);
}

/* ---- kvmalloc -------------------------------------------------------------------------------- */

void *kvmalloc_node(size_t size, gfp_t gfp, int node)
{
    return qr_kvmalloc(&qr_default()->vm, size, gfp, node);
}

void kvfree(const void *object)
{
    if (QR_UNLIKELY(!qr_kfree_fast(&quarry_default.slabs, &quarry_default.cpus, (void *)object)) &&
        !ZERO_OR_NULL_PTR(object))
        qr_kvfree(&qr_default()->vm, object, "kvfree");
}

void kvfree_sensitive(const void *object, size_t size)
{
    qr_kvfree_sensitive(&qr_default()->vm, object, size);
}

void *quarry_kvrealloc(const void *object, size_t new_size, gfp_t gfp)
{
    return qr_kvrealloc(&qr_default()->vm, object, new_size, gfp);
}

/* Before 6.12 the caller said how large the block was; a block knows that. */
void *quarry_kvrealloc_old(const void *object, size_t old_size, size_t new_size, gfp_t gfp)
{
    (void)old_size;
    return quarry_kvrealloc(object, new_size, gfp);
}
