/* SPDX-License-Identifier: MIT */
/* detector: vmalloc: a use after vfree
 * level: QUARRY_OPTIONS="vmalloc_cache=0"
 * run: module
 * soon: at the instruction
 * expect: SIGSEGV: bad memory access */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static int __init demo_init(void)
{
    volatile char *area = vmalloc(PAGE_SIZE);

    vfree((void *)area);
    area[0] = 1;
    return 0;
}

static void __exit demo_exit(void)
{
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_LICENSE("Dual MIT/GPL");
