/* SPDX-License-Identifier: MIT */
/* detector: leaks: objects of a destroyed cache
 * level: QUARRY_OPTIONS="slab_debug=U"
 * run: program
 * soon: at kmem_cache_destroy()
 * expect: BUG: leak: kmem_cache_destroy\(session\): object */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("session", 48, 0, 0, NULL);

    if (!kmem_cache_alloc(cache, GFP_KERNEL))
        return 1;
    kmem_cache_destroy(cache);
    return 0;
}
