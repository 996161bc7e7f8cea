/* SPDX-License-Identifier: MIT */
/* detector: guard pages: a use after free
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: program
 * soon: at the instruction, for sampled objects, until the page is used again
 * expect: BUG: KFENCE: use-after-free read in .*
 */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("session", 48, 0, 0, NULL);
    volatile char *session = kmem_cache_alloc(cache, GFP_KERNEL);

    session[7] = 1;
    kmem_cache_free(cache, (void *)session);
    return session[7];
}
