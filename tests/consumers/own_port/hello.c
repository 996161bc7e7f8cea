/* SPDX-License-Identifier: MIT */
/* A freestanding program on a port of its own: boots by its first request, uses caches, kmalloc and pages
 * to the end of memory, gives all back, and finds the machine as it was. Prints one line; exit 0. */
#include <quarry/quarry.h>
#include "host.h"

struct session {
    unsigned int state;
    char name[40];
};

static unsigned int constructed;

static void session_init(void *object)
{
    ((struct session *)object)->state = 7;
    constructed++;
}

/* Take pages until there are none, then give them back; returns how many there were. */
static unsigned long use_all_pages(void)
{
    struct list_head *chain = NULL;
    unsigned long count = 0;
    for (;;) {
        struct list_head *page =
            (void *)__get_free_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, 0);
        if (!page)
            break;
        page->next = chain;
        chain = page;
        count++;
    }
    while (chain) {
        struct list_head *next = chain->next;
        free_pages((unsigned long)chain, 0);
        chain = next;
    }
    return count;
}

int main(void)
{
    struct kmem_cache *cache =
        kmem_cache_create("session", sizeof(struct session), 0, 0, session_init);
    struct session *session = kmem_cache_alloc(cache, GFP_KERNEL);
    char *text, *copy;
    unsigned long pages;
    size_t size = 0;

    if (!session || session->state != 7 || !constructed)
        return 2;
    if (kmalloc((size_t)-1 / 2, GFP_KERNEL | __GFP_NOWARN) ||
        __vmalloc(4096, GFP_KERNEL | __GFP_NOWARN))
        return 3; /* neither can be had here */
    pages = use_all_pages();
    if (pages < 500 || pages > HOST_RAM_SIZE / PAGE_SIZE)
        return 4;
    text = kasprintf(GFP_KERNEL, "quarry %s: %lu pages, session at %#llx\n", quarry_version(),
                     pages, (unsigned long long)virt_to_phys(session));
    copy = text ? krealloc(kstrdup(text, GFP_KERNEL), 100000, GFP_KERNEL) : NULL;
    if (!copy)
        return 5;
    while (copy[size])
        size++;
    host_write(copy, size);
    kfree(copy);
    kfree(text);
    kmem_cache_free(cache, session);
    kmem_cache_destroy(cache);
    return quarry_findings(QUARRY_FINDING_KINDS) ? 6 : 0;
}
