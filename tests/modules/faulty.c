/* SPDX-License-Identifier: MIT */
/* A module with one fault, chosen by -D: for the tests of what `quarry run` finds. Without -D it is clean
 * and uses every allocator. The comments at line ends are what the tests look for the number of. */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static int amount = 3;
module_param(amount, int, 0444);
MODULE_PARM_DESC(amount, "objects to allocate");
static char *word = "none";
module_param(word, charp, 0444);

static struct kmem_cache *cache;
static void *object[16];
static unsigned long page;
static void *area, *block;
static void *kept __maybe_unused;
static __maybe_unused DEFINE_SPINLOCK(lock);

static void faulty_timer(struct timer_list *timer)
{
}
static __maybe_unused DEFINE_TIMER(timer, faulty_timer);

static noinline void faulty_allocate(void)
{
    block = kmalloc(100, GFP_KERNEL);       /* site: kmalloc */
    page = __get_free_pages(GFP_KERNEL, 2); /* site: pages */
    area = vmalloc(3 * PAGE_SIZE);          /* site: vmalloc */
    for (int i = 0; i < amount && i < 16; i++)
        object[i] = kmem_cache_alloc(cache, GFP_KERNEL); /* site: object */
}

static noinline void faulty_misuse(void)
{
#ifdef DOUBLE_FREE
    kept = kmalloc(64, GFP_KERNEL); /* site: twice */
    kfree(kept);                    /* site: first free */
    kfree(kept);                    /* site: second free */
#endif
#ifdef WRONG_FREE
    kept = vmalloc(100);
    kfree(kept); /* site: wrong free */
    vfree(kept);
#endif
#ifdef OVERRUN
    kept = kmalloc(20, GFP_KERNEL);
    ((volatile char *)kept)[20] = 'x';
    kfree(kept); /* site: overrun */
#endif
#ifdef BAD_CONTEXT
    spin_lock(&lock);               /* site: lock */
    kept = kmalloc(10, GFP_KERNEL); /* site: may sleep */
    spin_unlock(&lock);
    kfree(kept);
#endif
#ifdef CRASH
    *(volatile int *)NULL = amount; /* site: crash */
#endif
#ifdef BUGGY
    BUG(); /* site: bug */
#endif
#ifdef MISSING
    dma_pool_of_nobody(kept, amount); /* site: missing */
    printf("%d\n", amount);           /* site: libc */
#endif
}

static int __init faulty_init(void)
{
    pr_info("faulty: amount %d, word %s\n", amount, word);
#ifdef INIT_FAILS
#ifdef LEAK_IN_INIT
    block = kmalloc(10, GFP_KERNEL); /* site: lost in init */
#endif
    return -EBUSY;
#endif
    cache = kmem_cache_create("faulty", 48, 0, 0, NULL); /* site: cache */
    if (!cache)
        return -ENOMEM;
    faulty_allocate();
    faulty_misuse();
#ifdef LEAVE_TIMER
    mod_timer(&timer, jiffies + 1000 * HZ);
#endif
    return 0;
}

static void __exit faulty_exit(void)
{
    for (int i = 0; i < amount && i < 16; i++) {
#ifdef LEAK_OBJECT
        if (i == 1)
            continue;
#endif
        kmem_cache_free(cache, object[i]);
    }
#ifndef LEAK_CACHE
    kmem_cache_destroy(cache);
#endif
#ifndef LEAK_KMALLOC
    kfree(block);
#endif
#ifndef LEAK_PAGES
    free_pages(page, 2);
#endif
#ifndef LEAK_VMALLOC
    vfree(area);
#endif
}

module_init(faulty_init);
module_exit(faulty_exit);
MODULE_LICENSE("Dual MIT/GPL");
