/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: an access between two objects of a cache
 * level: none
 * run: address
 * soon: at the instruction
 * expect: AddressSanitizer: use-after-poison */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("session", 64, 0, 0, NULL);
    volatile char *first = kmem_cache_alloc(cache, GFP_KERNEL);

    first[64] = 0;
    kmem_cache_free(cache, (void *)first);
    kmem_cache_destroy(cache);
    return 0;
}
