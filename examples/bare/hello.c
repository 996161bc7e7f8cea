/* SPDX-License-Identifier: MIT */
/* A program without an operating system's library, and Quarry on 4 MiB. */
#include <quarry/quarry.h>
#include "host.h"

static char text[1024];

static void say(const char *line)
{
    size_t length = 0;

    while (line[length])
        length++;
    host_write(line, length);
}

struct point {
    int x, y;
};

int main(void)
{
    char *name = kasprintf(GFP_KERNEL, "hello from %u KiB\n", HOST_RAM_SIZE >> 10);
    struct kmem_cache *cache = KMEM_CACHE(point, 0);
    struct point *point = cache ? kmem_cache_zalloc(cache, GFP_KERNEL) : NULL;
    mempool_t *pool = mempool_create_kmalloc_pool(4, 256);
    void *block = pool ? mempool_alloc(pool, GFP_KERNEL) : NULL;

    if (!name || !point || !block)
        return 1;
    say(name);
    quarry_text(QUARRY_BUDDYINFO, text, sizeof(text));
    say(text);
    mempool_free(block, pool);
    mempool_destroy(pool);
    kmem_cache_free(cache, point);
    kmem_cache_destroy(cache);
    kfree(name);
    return quarry_check_all() != 0;
}
