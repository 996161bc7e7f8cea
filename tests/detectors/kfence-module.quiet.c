/* SPDX-License-Identifier: MIT */
/* detector: guard pages: a use after free in a module
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: module */
#include <linux/module.h>
#include <linux/slab.h>

static int __init demo_init(void)
{
    volatile int *counter = kmalloc(sizeof(*counter), GFP_KERNEL);

    *counter = 1;
    kfree((void *)counter);
    return 0;
}

static void __exit demo_exit(void)
{
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_LICENSE("Dual MIT/GPL");
