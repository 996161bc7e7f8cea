/* SPDX-License-Identifier: MIT */
/* An ordinary program on Quarry: an object cache, a memory pool and vmalloc.
 *
 *     gcc embed.c $(pkg-config --cflags --libs quarry) -o embed && ./embed
 *
 * It keeps a table of sessions in vmalloc memory. Sessions come from a cache, whose constructor ran once
 * for each of them; the last few are guaranteed by a pool, so that logging in never fails. */
#include <quarry/quarry.h>
#include <stdio.h>
#include <string.h>

#define SESSIONS 10000
#define GUARANTEED 16

struct session {
    struct list_head waiters; /* empty whenever the session is free: constructed state */
    char user[48];
};

static void session_construct(void *object)
{
    struct session *session = object;

    session->waiters.next = session->waiters.prev = &session->waiters;
}

int main(void)
{
    struct kmem_cache *cache = kmem_cache_create("session", sizeof(struct session), 0,
                                                 SLAB_HWCACHE_ALIGN, session_construct);
    mempool_t *pool = cache ? mempool_create_slab_pool(GUARANTEED, cache) : NULL;
    struct session **table = vcalloc(SESSIONS, sizeof(*table));
    static char text[8192];
    const char *line;

    if (!cache || !pool || !table) {
        fprintf(stderr, "embed: the machine is too small; try QUARRY_RAM=64M\n");
        return 1;
    }
    for (int i = 0; i < SESSIONS; i++) {
        table[i] = mempool_alloc(pool, GFP_KERNEL); /* may wait, never fails */
        snprintf(table[i]->user, sizeof(table[i]->user), "user-%d", i);
    }
    printf("session 0 is %s at %p, physical address %#llx\n", table[0]->user, (void *)table[0],
           (unsigned long long)virt_to_phys(table[0]));
    printf("the table lies at %p, its first two pages are frames %lu and %lu\n", (void *)table,
           vmalloc_to_pfn(table), vmalloc_to_pfn((char *)table + PAGE_SIZE));

    quarry_text(QUARRY_SLABINFO, text, sizeof(text));
    line = strstr(text, "\nsession");
    if (line)
        printf("%.*s\n", (int)strcspn(line + 1, "\n"), line + 1);

    for (int i = 0; i < SESSIONS; i++)
        mempool_free(table[i], pool);
    vfree(table);
    mempool_destroy(pool);
    kmem_cache_destroy(cache);
    return 0;
}
