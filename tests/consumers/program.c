/* SPDX-License-Identifier: MIT */
/* An ordinary program as every consumer here builds it: a cache, kmalloc, vmalloc. Exit 0: no finding. */
#include <quarry/quarry.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("consumer", 100, 0, SLAB_HWCACHE_ALIGN, NULL);
    char *object = kmem_cache_alloc(cache, GFP_KERNEL);
    char *text = kmalloc(64, GFP_KERNEL);
    char *area = vzalloc(100000);
    if (!object || !text || !area)
        return 1;
    strcpy(text, QUARRY_VERSION);
    if (strcmp(text, quarry_version()) != 0 || area[99999] != 0)
        return 2;
    printf("quarry %s\n", text);
    vfree(area);
    kfree(text);
    kmem_cache_free(cache, object);
    kmem_cache_destroy(cache);
    return quarry_findings(QUARRY_FINDING_KINDS) ? 3 : 0;
}
