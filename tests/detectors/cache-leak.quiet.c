/* SPDX-License-Identifier: MIT */
/* detector: leaks: objects of a destroyed cache
 * level: QUARRY_OPTIONS="slab_debug=U"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("session", 48, 0, 0, NULL);

    kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
    kmem_cache_destroy(cache);
    return 0;
}
