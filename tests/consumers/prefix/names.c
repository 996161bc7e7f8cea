/* SPDX-License-Identifier: MIT */
/* Source that keeps the short names, compiled against the copy whose names begin with my_. */
#include <quarry/plain_names.h>
#include <quarry/quarry.h>

void *named_take(size_t size);

void *named_take(size_t size)
{
    struct kmem_cache *cache = kmem_cache_create("named", 32, 0, 0, NULL);
    void *object = kmem_cache_zalloc(cache, GFP_KERNEL);
    kmem_cache_free(cache, object);
    kmem_cache_destroy(cache);
    return kcalloc(1, size, GFP_KERNEL);
}
