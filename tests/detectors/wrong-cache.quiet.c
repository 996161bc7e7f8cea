/* SPDX-License-Identifier: MIT */
/* detector: frees: an object given to another cache
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    struct kmem_cache *cats = kmem_cache_create("cats", 64, 0, 0, NULL);
    void *cat = kmem_cache_alloc(cats, GFP_KERNEL);

    kmem_cache_free(cats, cat);
    kmem_cache_destroy(cats);
    return 0;
}
