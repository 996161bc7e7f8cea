/* SPDX-License-Identifier: MIT */
/* detector: frees: an object given to another cache
 * level: none
 * run: program
 * soon: at the free
 * expect: BUG: bad free: kmem_cache_free.* the object belongs to cache cats */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cats = kmem_cache_create("cats", 64, 0, 0, NULL);
    struct kmem_cache *dogs = kmem_cache_create("dogs", 64, 0, 0, NULL);
    void *cat = kmem_cache_alloc(cats, GFP_KERNEL);

    kmem_cache_free(dogs, cat);
    kmem_cache_free(cats, cat);
    kmem_cache_destroy(cats);
    kmem_cache_destroy(dogs);
    return 0;
}
