/* SPDX-License-Identifier: MIT */
/* What checks cost: tools/detectors.sh runs this under callgrind, which counts the instructions of one
 * of the three functions, and reads what is printed about memory. */
#include <quarry/quarry.h>
#include <stdio.h>
#include <string.h>

#define PAIRS 1000

void pair_kmalloc(void);
void pair_cache(struct kmem_cache *cache);
void pair_page(void);

__attribute__((noinline)) void pair_kmalloc(void)
{
    for (int i = 0; i < PAIRS; i++) {
        void *volatile object = kmalloc(64, GFP_KERNEL);
        kfree(object);
    }
}

__attribute__((noinline)) void pair_cache(struct kmem_cache *cache)
{
    for (int i = 0; i < PAIRS; i++) {
        void *volatile object = kmem_cache_alloc(cache, GFP_KERNEL);
        kmem_cache_free(cache, object);
    }
}

__attribute__((noinline)) void pair_page(void)
{
    for (int i = 0; i < PAIRS; i++) {
        volatile unsigned long page = __get_free_page(GFP_KERNEL);
        free_page(page);
    }
}

static bool print_slot(const struct quarry_cache_stat *stat, void *data)
{
    if (strcmp(stat->name, "kmalloc-64") == 0)
        printf("slot %zu\n", stat->slot_size);
    return true;
}

int main(int argc, char **argv)
{
    struct kmem_cache *cache = kmem_cache_create("cost", 64, 0, 0, NULL);

    kfree(kmalloc(64, GFP_KERNEL));
    kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
    free_page(__get_free_page(GFP_KERNEL));
    if (argc > 1 && strcmp(argv[1], "kmalloc") == 0)
        pair_kmalloc();
    else if (argc > 1 && strcmp(argv[1], "cache") == 0)
        pair_cache(cache);
    else if (argc > 1)
        pair_page();
    else
        quarry_for_each_cache(print_slot, NULL);
    return 0;
}
