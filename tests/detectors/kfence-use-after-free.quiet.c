/* SPDX-License-Identifier: MIT */
/* detector: guard pages: a use after free
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("session", 48, 0, 0, NULL);
    volatile char *session = kmem_cache_alloc(cache, GFP_KERNEL);

    session[7] = 0;
    kmem_cache_free(cache, (void *)session);
    session = kmem_cache_alloc(cache, GFP_KERNEL); /* an object of one's own again */
    session[7] = 0;
    kmem_cache_free(cache, (void *)session);
    kmem_cache_destroy(cache);
    return 0;
}
