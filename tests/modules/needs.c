/* SPDX-License-Identifier: MIT */
/* For tests of `quarry test`: requests of every kind of promise, and a device that asks for nothing.
 *
 * With NO_DEVICE init asks for no memory at all, so that the module loads on a machine without any. */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mempool.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#ifndef NO_DEVICE
static DEFINE_SEMAPHORE(needs_sem, 1);
static mempool_t *needs_pool;

/* One after the other, so that each line asks once for each write. */
static ssize_t needs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
    void *promised = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL); /* site: nofail */
    void *element = mempool_alloc(needs_pool, GFP_KERNEL);   /* site: pool may wait */
    void *hasty = mempool_alloc(needs_pool, GFP_ATOMIC);     /* site: pool may not wait */
    void *large = kvmalloc(3 * PAGE_SIZE, GFP_KERNEL);       /* site: two ways */
    ssize_t result = count;

    down(&needs_sem); /* site: who waits */
    if (!large)
        result = -ENOMEM;
#ifdef KEEP_SEMAPHORE
    if (large)
#endif
        up(&needs_sem);
    kvfree(large);
    if (hasty)
        mempool_free(hasty, needs_pool);
    mempool_free(element, needs_pool);
    kfree(promised);
    return result;
}

static const struct file_operations needs_fops = {.owner = THIS_MODULE, .write = needs_write};
static struct miscdevice needs_device = {
    .minor = MISC_DYNAMIC_MINOR, .name = "needs", .fops = &needs_fops};

static int __init needs_init(void)
{
    int error;

    needs_pool = mempool_create_kmalloc_pool(2, 200); /* site: the pool itself */
    if (!needs_pool)
        return -ENOMEM;
    error = misc_register(&needs_device);
    if (error)
        mempool_destroy(needs_pool);
    return error;
}

static void __exit needs_exit(void)
{
    misc_deregister(&needs_device);
    mempool_destroy(needs_pool);
}
#else
static int __init needs_init(void)
{
#ifdef KEEP_PAGES
    return alloc_pages(GFP_KERNEL, 3) ? 0 : -ENOMEM; /* never freed */
#endif
    return 0;
}

static void __exit needs_exit(void)
{
}
#endif

module_init(needs_init);
module_exit(needs_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Requests of every kind of promise");
