/* SPDX-License-Identifier: MIT */
/* A host with a kmalloc of its own, beside a copy of the library whose names begin with my_. Every form is
 * used: a function, an inline one, a macro that picks by arguments. */
#include <quarry/quarry.h>
#include <stdio.h>

void *named_take(size_t size); /* names.c */
void *plain_take(void);
void plain_drop(void *block);
unsigned long plain_free_pages(void);
int plain_owns(const void *block);

#ifdef HOST_ONLY
static int own_calls;
void *kmalloc(size_t size) /* not Linux's: the host's business */
{
    static char memory[100];
    own_calls++;
    return size <= sizeof(memory) ? memory : NULL;
}
#endif

int main(void)
{
    struct kmem_cache *cache = my_kmem_cache_create("host", 64, 0, 0, NULL);
    void *object = my_kmem_cache_alloc(cache, GFP_KERNEL);
    char *text = my_kasprintf(GFP_KERNEL, "%s", my_quarry_version());
    void *block = my_kzalloc(100, GFP_KERNEL), *named = named_take(100);
    int failed = 0;

    if (!object || !text || !block || !named || !my_virt_addr_valid(block) ||
        !my_virt_addr_valid(named))
        return 1;
#ifdef HOST_ONLY
    failed |= !kmalloc(10) || own_calls != 1;
#else
    { /* two machines: what one hands out the other does not know, and its books stand still */
        unsigned long before = my_nr_free_pages(), plain_before;
        void *theirs = plain_take();
        plain_before = plain_free_pages();
        failed |= !theirs || my_virt_addr_valid(theirs) || plain_owns(block) ||
                  my_nr_free_pages() != before;
        my_kfree(my_kmalloc(1 << 20, GFP_KERNEL));
        failed |= plain_free_pages() != plain_before;
        plain_drop(theirs);
    }
#endif
    my_kfree(named);
    my_kfree(block);
    my_kfree(text);
    my_kmem_cache_free(cache, object);
    my_kmem_cache_destroy(cache);
    if (my_quarry_findings(QUARRY_FINDING_KINDS))
        failed = 1;
    puts(failed ? "failed" : "two names, one program");
    return failed;
}
