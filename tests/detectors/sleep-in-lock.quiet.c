/* SPDX-License-Identifier: MIT */
/* detector: contexts: a request that may sleep under a spin lock of a module
 * level: none
 * run: module */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);

static int __init demo_init(void)
{
    spin_lock(&lock);
    kfree(kmalloc(64, GFP_ATOMIC));
    spin_unlock(&lock);
    return 0;
}

static void __exit demo_exit(void)
{
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_LICENSE("Dual MIT/GPL");
