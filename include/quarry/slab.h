/* SPDX-License-Identifier: MIT */
/* Object caches and the kmalloc family.
 *
 * An object cache hands out objects of one size; what a constructor did to an object stays done
 * between a free and the next allocation (G-S11). kmalloc picks a cache by size. Both answer with
 * memory that is contiguous in physical and virtual addresses and lies in the direct map (G-S1). */
#ifndef QUARRY_SLAB_H
#define QUARRY_SLAB_H

#include <quarry/gfp.h>
#include <quarry/types.h>

/* Cache flags. */
#define SLAB_CONSISTENCY_CHECKS 0x1u /* F: every free is checked against the slab */
#define SLAB_RED_ZONE 0x2u           /* Z: guard bytes around each object */
#define SLAB_POISON 0x4u             /* P: free objects hold a pattern, checked on allocation */
#define SLAB_STORE_USER 0x8u         /* U: who allocated and who freed, with backtraces */
#define SLAB_TRACE 0x10u             /* T: a line for every allocation and free */
#define SLAB_HWCACHE_ALIGN 0x20u
#define SLAB_CACHE_DMA 0x40u
#define SLAB_CACHE_DMA32 0x80u
#define SLAB_PANIC 0x100u
#define SLAB_TYPESAFE_BY_RCU 0x200u
#define SLAB_RECLAIM_ACCOUNT 0x400u
#define SLAB_ACCOUNT 0x800u
#define SLAB_NO_USER_FLAGS 0x1000u
#define SLAB_NO_MERGE 0x2000u /* Quarry never merges caches: accepted */
#define SLAB_KMALLOC 0x4000u
#define SLAB_SKIP_KFENCE 0x8000u
#define SLAB_FLAGS_MASK 0xffffu

#define SLAB_DESTROY_BY_RCU SLAB_TYPESAFE_BY_RCU
#define SLAB_TEMPORARY SLAB_RECLAIM_ACCOUNT

#define ARCH_KMALLOC_MINALIGN 8
#define ARCH_SLAB_MINALIGN 8

/* What a request for no bytes gets: not NULL, never to be dereferenced, accepted by kfree (G-S3).
 */
#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(p) ((unsigned long)(p) <= (unsigned long)ZERO_SIZE_PTR)

/* kmalloc's size classes: 8, 16, 24, 32, then four per doubling up to two pages. What a class
 * number leads to is decided at boot (G-S2); the numbers are fixed in the build so that a constant
 * size costs nothing. */
#define QUARRY_KMALLOC_CLASSES 36
#define KMALLOC_MAX_CACHE_SIZE (PAGE_SIZE * 2)
#define KMALLOC_MAX_SIZE (PAGE_SIZE << MAX_PAGE_ORDER)
#define KMALLOC_MIN_SIZE 8

QUARRY_EXTERN_C_BEGIN

/* Class number of a size in 1..KMALLOC_MAX_CACHE_SIZE. Folds to a constant for a constant size. */
QUARRY_INLINE __attribute__((const)) unsigned int quarry_kmalloc_class(size_t size)
{
    unsigned int top;
    if (size <= 32)
        return (unsigned int)((size - 1) >> 3);
    top = 63u - (unsigned int)__builtin_clzll((unsigned long long)(size - 1)); /* 2^top < size */
    return 4 + (top - 5) * 4 + (unsigned int)(((size - 1) >> (top - 2)) & 3);
}

/* Arguments of the current kmem_cache_create form. */
struct kmem_cache_args {
    unsigned int align;
    unsigned int useroffset;
    unsigned int usersize;
    unsigned int freeptr_offset;
    bool use_freeptr_offset;
    void (*ctor)(void *object);
};

/* Families of kmalloc's caches. Charged blocks and, as there is one copy of each class, randomised ones
 * are ordinary. */
enum kmalloc_cache_type {
    KMALLOC_NORMAL,
    KMALLOC_CGROUP = KMALLOC_NORMAL,
    KMALLOC_RANDOM_START = KMALLOC_NORMAL,
    KMALLOC_RANDOM_END = KMALLOC_NORMAL,
    KMALLOC_DMA,
    KMALLOC_RECLAIM,
    NR_KMALLOC_TYPES
};
/* The family that a mask selects; @caller is not looked at. Context: any. */
static inline enum kmalloc_cache_type kmalloc_type(gfp_t flags, unsigned long caller)
{
    (void)caller;
    if (flags & __GFP_DMA)
        return KMALLOC_DMA;
    return flags & __GFP_RECLAIMABLE ? KMALLOC_RECLAIM : KMALLOC_NORMAL;
}
/* Where kmalloc_caches[type] has the cache that serves @size: 0 (no cache) for 0 and for what is above
 * KMALLOC_MAX_CACHE_SIZE, else 1 to QUARRY_KMALLOC_CLASSES. The numbers are Quarry's own, since its
 * classes are. Context: any. Cost: a constant for a constant size. */
static inline __attribute__((const)) unsigned int __kmalloc_index(size_t size,
                                                                  bool size_is_constant)
{
    (void)size_is_constant;
    if (size - 1 >= KMALLOC_MAX_CACHE_SIZE)
        return 0;
    return quarry_kmalloc_class(size) + 1;
}
#define kmalloc_index(size) __kmalloc_index((size), true)
typedef struct kmem_cache *kmem_buckets[QUARRY_KMALLOC_CLASSES + 1];
/* The caches behind kmalloc, by family and index. Those of the ordinary family are all there; those of
 * the others are NULL until the first request that needs them. Read only. Context: any. */
QUARRY_API kmem_buckets *quarry_kmalloc_caches(void);
#define kmalloc_caches (quarry_kmalloc_caches())

/* Make a cache. Three forms by argument count:
 *     kmem_cache_create(name, size, args, flags)                 the current one
 *     kmem_cache_create(name, size, align, flags, ctor)          until 6.11
 *     kmem_cache_create(name, size, align, flags, ctor, dtor)    2.6: both functions take
 *                                          (void *object, kmem_cache_t *, unsigned long flags)
 * The constructor runs once per object when its slab is made, the destructor when the slab goes back
 * to the page allocator.
 * Units:   size and align in bytes; align 0 (least) or a power of two up to a page.
 * Context: may sleep (G-C3).
 * Returns: the cache; NULL for a NULL name, a size of 0 or above KMALLOC_MAX_SIZE, a bad alignment,
 *          unknown flags (all reported), or no memory. With SLAB_PANIC failure panics instead.
 * Rules:   G-S11, G-D1 (a duplicate name is reported and creation succeeds). */
QUARRY_API struct kmem_cache *quarry_cache_create_args(const char *name, unsigned int size,
                                                       const struct kmem_cache_args *args,
                                                       slab_flags_t flags);
QUARRY_API struct kmem_cache *quarry_cache_create(const char *name, size_t size, size_t align,
                                                  slab_flags_t flags, void (*ctor)(void *));
QUARRY_API struct kmem_cache *
quarry_cache_create_26(const char *name, size_t size, size_t align, unsigned long flags,
                       void (*ctor)(void *, struct kmem_cache *, unsigned long),
                       void (*dtor)(void *, struct kmem_cache *, unsigned long));
#ifndef __cplusplus
#define QUARRY_CACHE_CREATE_PICK(a1, a2, a3, a4, a5, a6, name, ...) name
#define kmem_cache_create(...)                                                                     \
    QUARRY_CACHE_CREATE_PICK(__VA_ARGS__, quarry_cache_create_26, quarry_cache_create,             \
                             quarry_cache_create_args, quarry_cache_create_needs_4_to_6_arguments, \
                             , , )                                                                 \
    (__VA_ARGS__)
#else
QUARRY_OVERLOADS_BEGIN
static inline struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
                                                   const struct kmem_cache_args *args,
                                                   slab_flags_t flags)
{
    return quarry_cache_create_args(name, size, args, flags);
}
static inline struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align,
                                                   slab_flags_t flags, void (*ctor)(void *))
{
    return quarry_cache_create(name, size, align, flags, ctor);
}
static inline struct kmem_cache *
kmem_cache_create(const char *name, size_t size, size_t align, unsigned long flags,
                  void (*ctor)(void *, struct kmem_cache *, unsigned long),
                  void (*dtor)(void *, struct kmem_cache *, unsigned long))
{
    return quarry_cache_create_26(name, size, align, flags, ctor, dtor);
}
QUARRY_OVERLOADS_END
#endif
#define KMEM_CACHE(__struct, __flags)                                                              \
    quarry_cache_create(#__struct, sizeof(struct __struct), __alignof__(struct __struct),          \
                        (__flags), NULL)

/* Destroy a cache. NULL does nothing. With live objects each is reported (address, age, who); the
 * name is released, the objects stay valid and can still be freed (G-D1). Context: may sleep. */
QUARRY_API void kmem_cache_destroy(struct kmem_cache *cache);
/* The 2.6 form: with live objects the cache stays and -EBUSY is returned. */
QUARRY_API int quarry_cache_destroy_26(struct kmem_cache *cache);
/* Give empty slabs back to the page allocator. Returns 0 when none is left, else 1. May sleep. */
QUARRY_API int kmem_cache_shrink(struct kmem_cache *cache);
/* The object size the cache was created with, in bytes. */
QUARRY_API unsigned int kmem_cache_size(struct kmem_cache *cache);
QUARRY_API const char *kmem_cache_name(struct kmem_cache *cache);

/* Take and give back one object. Context: as the mask says; freeing in any (G-C4). kmem_cache_free
 * of an object of another cache is refused and reported (G-S8); NULL is ignored. */
QUARRY_API void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
QUARRY_API void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp);
QUARRY_API void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node);
/* The same for an object that will be put on @lru. That list keeps nothing per object in advance where
 * there are no memory controllers, so @lru is not looked at and may be NULL. */
struct list_lru;
QUARRY_API void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp);
QUARRY_API void kmem_cache_free(struct kmem_cache *cache, void *object);
/* Many at once: all @nr or none; returns the count, 0 on failure (int, as the current generation).
 */
QUARRY_API int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t nr,
                                     void **objects);
/* A NULL cache means "find each object's own". */
QUARRY_API void kmem_cache_free_bulk(struct kmem_cache *cache, size_t nr, void **objects);
#define kfree_bulk(nr, objects) kmem_cache_free_bulk(NULL, (nr), (objects))

/* kmalloc: @size bytes, aligned as G-S4 says, from a fixed size class; larger sizes are whole page
 * blocks. kmalloc(0) is ZERO_SIZE_PTR; beyond KMALLOC_MAX_SIZE NULL and a report (G-S2).
 * Context: any, if @gfp cannot sleep; else may sleep (G-C1). Cost: about ten instructions when this
 * CPU's stack of the class holds an object. */
QUARRY_API void *kmalloc(size_t size, gfp_t gfp);
QUARRY_API void *quarry_kmalloc(size_t size, gfp_t gfp); /* kmalloc, never inlined */
QUARRY_API void *quarry_kmalloc_of_class(unsigned int class_nr, gfp_t gfp, size_t size);
#if !defined(QUARRY_BUILDING_CORE) && !defined(QUARRY_NO_INLINE)
QUARRY_INLINE void *kmalloc(size_t size, gfp_t gfp)
{
    if (__builtin_constant_p(size) && size != 0 && size <= KMALLOC_MAX_CACHE_SIZE)
        return quarry_kmalloc_of_class(quarry_kmalloc_class(size), gfp, size);
    return quarry_kmalloc(size, gfp);
}
#endif
QUARRY_API void *kmalloc_node(size_t size, gfp_t gfp, int node);
static inline void *kzalloc(size_t size, gfp_t gfp)
{
    return kmalloc(size, gfp | __GFP_ZERO);
}
static inline void *kzalloc_node(size_t size, gfp_t gfp, int node)
{
    return kmalloc_node(size, gfp | __GFP_ZERO, node);
}
/* Arrays: NULL when n * size overflows (G-S5). */
static inline void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return kmalloc(bytes, gfp);
}
static inline void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
    return kmalloc_array(n, size, gfp | __GFP_ZERO);
}
static inline void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return kmalloc_node(bytes, gfp, node);
}
static inline void *kcalloc_node(size_t n, size_t size, gfp_t gfp, int node)
{
    return kmalloc_array_node(n, size, gfp | __GFP_ZERO, node);
}
/* Give back kmalloc memory or a cache object (G-S10); NULL and ZERO_SIZE_PTR are accepted. Context:
 * any. */
QUARRY_API void kfree(const void *object);
/* Wipe a block, then free it. */
QUARRY_API void kfree_sensitive(const void *object);
#define kzfree(p) kfree_sensitive(p)
/* Resize, keeping the contents; may move (G-S13). */
QUARRY_API void *krealloc(const void *object, size_t new_size, gfp_t gfp);
static inline void *krealloc_array(void *object, size_t n, size_t size, gfp_t gfp)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return krealloc(object, bytes, gfp);
}
/* Bytes the block really has; 0 for NULL and ZERO_SIZE_PTR. */
QUARRY_API size_t ksize(const void *object);
/* What ksize() would say of a block of this size. */
QUARRY_API size_t kmalloc_size_roundup(size_t size);

/* kmalloc when it is cheap to have, vmalloc otherwise (G-K1). Free with kvfree. */
QUARRY_API void *kvmalloc_node(size_t size, gfp_t gfp, int node);
static inline void *kvmalloc(size_t size, gfp_t gfp)
{
    return kvmalloc_node(size, gfp, NUMA_NO_NODE);
}
static inline void *kvzalloc(size_t size, gfp_t gfp)
{
    return kvmalloc(size, gfp | __GFP_ZERO);
}
static inline void *kvzalloc_node(size_t size, gfp_t gfp, int node)
{
    return kvmalloc_node(size, gfp | __GFP_ZERO, node);
}
static inline void *kvmalloc_array(size_t n, size_t size, gfp_t gfp)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return kvmalloc(bytes, gfp);
}
static inline void *kvcalloc(size_t n, size_t size, gfp_t gfp)
{
    return kvmalloc_array(n, size, gfp | __GFP_ZERO);
}
QUARRY_API void *quarry_kvrealloc(const void *object, size_t new_size, gfp_t gfp);
QUARRY_API void *quarry_kvrealloc_old(const void *object, size_t old_size, size_t new_size,
                                      gfp_t gfp);
#ifndef __cplusplus
#define QUARRY_KVREALLOC_PICK(a1, a2, a3, a4, name, ...) name
#define kvrealloc(...)                                                                             \
    QUARRY_KVREALLOC_PICK(__VA_ARGS__, quarry_kvrealloc_old, quarry_kvrealloc,                     \
                          kvrealloc_needs_3_or_4_arguments, )                                      \
    (__VA_ARGS__)
#else
QUARRY_OVERLOADS_BEGIN
static inline void *kvrealloc(const void *object, size_t new_size, gfp_t gfp)
{
    return quarry_kvrealloc(object, new_size, gfp);
}
static inline void *kvrealloc(const void *object, size_t old_size, size_t new_size, gfp_t gfp)
{
    return quarry_kvrealloc_old(object, old_size, new_size, gfp);
}
QUARRY_OVERLOADS_END
#endif
/* kmalloc, vmalloc or cache memory, or NULL. Not from interrupt for vmalloc memory (deferred,
 * G-C3). */
QUARRY_API void kvfree(const void *object);
QUARRY_API void kvfree_sensitive(const void *object, size_t size);

/* Copies. Context: as the mask says. NULL in, NULL out. */
QUARRY_API void *kmemdup(const void *source, size_t size, gfp_t gfp);
QUARRY_API void *kmemdup_array(const void *source, size_t count, size_t size, gfp_t gfp);
QUARRY_API char *kmemdup_nul(const char *source, size_t size, gfp_t gfp);
QUARRY_API char *kstrdup(const char *source, gfp_t gfp);
QUARRY_API char *kstrndup(const char *source, size_t max, gfp_t gfp);
QUARRY_API char *kasprintf(gfp_t gfp, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
QUARRY_API char *kvasprintf(gfp_t gfp, const char *format, __builtin_va_list args);

/* Say what an address is: slab, cache, object, offset, who allocated it, who freed it. Returns
 * false when it is not memory of this machine. Context: any. */
QUARRY_API bool kmem_dump_obj(void *object);
QUARRY_API void mem_dump_obj(void *object);

#ifdef QUARRY_LINUX_26
typedef struct kmem_cache kmem_cache_t;
#define kmem_cache_destroy(cache) quarry_cache_destroy_26(cache)
#define SLAB_KERNEL GFP_KERNEL
#define SLAB_ATOMIC GFP_ATOMIC
#define SLAB_NOFS GFP_NOFS
#define SLAB_NOIO GFP_NOIO
#define SLAB_USER GFP_USER
#define SLAB_DMA GFP_DMA
#define SLAB_NO_REAP 0u
#define SLAB_MUST_HWCACHE_ALIGN SLAB_HWCACHE_ALIGN
#endif
/* Passed to constructors and destructors of the 2.6 form. */
#define SLAB_CTOR_CONSTRUCTOR 0x001UL
#define SLAB_CTOR_ATOMIC 0x002UL
#define SLAB_CTOR_VERIFY 0x004UL

QUARRY_EXTERN_C_END

#include <quarry/typed.h>

#endif
