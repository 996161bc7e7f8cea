/* SPDX-License-Identifier: MIT */
/* detector: leaks: what a module did not free
 * level: none
 * run: module */
#include <linux/module.h>
#include <linux/slab.h>

static void *kept;

static int __init demo_init(void)
{
    kept = kmalloc(64, GFP_KERNEL);
    return kept ? 0 : -ENOMEM;
}

static void __exit demo_exit(void)
{
    kfree(kept);
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_LICENSE("Dual MIT/GPL");
