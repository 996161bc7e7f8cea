/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: an access between two objects of a cache
 * level: none
 * run: address */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("session", 64, 0, 0, NULL);
    volatile char *first = kmem_cache_alloc(cache, GFP_KERNEL);

    first[63] = 0;
    kmem_cache_free(cache, (void *)first);
    kmem_cache_destroy(cache);
    return 0;
}
