/* SPDX-License-Identifier: MIT */
/* embed: an ordinary program that keeps its requests in an object cache, has a reserve for bad times,
 * and a large table in vmalloc memory. It boots nothing: the machine boots itself on first use.
 *
 *     cc embed.c $(pkg-config --cflags --libs quarry) && ./a.out && QUARRY_RAM=16M ./a.out */
#include <stdio.h>
#include <string.h>
#include <quarry/mempool.h>
#include <quarry/slab.h>
#include <quarry/stat.h>
#include <quarry/vmalloc.h>

struct request {
    unsigned int id;
    char text[52];
};

/* Runs once for each object when its slab is made, not at each allocation. */
static void request_construct(void *object)
{
    struct request *request = object;
    request->id = 0;
    strcpy(request->text, "unused");
}

int main(void)
{
    enum { REQUESTS = 1000, RESERVE = 8, TABLE = 1 << 20 };
    struct request *request[REQUESTS];
    struct kmem_cache *cache;
    mempool_t *pool;
    unsigned int *table, i;
    static char text[16384];

    cache = kmem_cache_create("request", sizeof(struct request), 0, SLAB_HWCACHE_ALIGN,
                              request_construct);
    pool = mempool_create_slab_pool(RESERVE, cache);
    table = vzalloc(TABLE * sizeof(*table));
    if (!cache || !pool || !table) {
        fprintf(stderr, "embed: not enough memory\n");
        return 1;
    }
    for (i = 0; i < REQUESTS; i++) {
        request[i] = mempool_alloc(pool, GFP_KERNEL); /* may wait, does not fail */
        request[i]->id = i;
        table[i * (TABLE / REQUESTS)] = i;
    }
    quarry_text(QUARRY_SLABINFO, text, sizeof(text));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (strncmp(line, "request ", 8) == 0)
            puts(line);
    printf("%llu KiB in use, the table at %p in vmalloc memory: %s\n",
           (unsigned long long)quarry_live_bytes() / 1024, (void *)table,
           is_vmalloc_addr(table) ? "yes" : "no");

    for (i = 0; i < REQUESTS; i++) {
        request_construct(request[i]); /* an object goes back as it was constructed */
        mempool_free(request[i], pool);
    }
    vfree(table);
    mempool_destroy(pool);
    kmem_cache_destroy(cache); /* would name each object that is still out */
    return 0;
}
