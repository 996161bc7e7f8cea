/* SPDX-License-Identifier: MIT */
/* detector: vmalloc: an access to the guard page behind an area
 * level: none
 * run: module */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static int __init demo_init(void)
{
    volatile char *area = vmalloc(PAGE_SIZE);

    area[PAGE_SIZE - 1] = 1;
    vfree((void *)area);
    return 0;
}

static void __exit demo_exit(void)
{
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_LICENSE("Dual MIT/GPL");
