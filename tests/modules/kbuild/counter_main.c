/* SPDX-License-Identifier: MIT */
/* The first of two modules of a Kbuild folder: a counter that other modules may use. */
#include <linux/init.h>
#include <linux/module.h>
#include "count.h"

static int __init counter_init(void)
{
    pr_info("%s starts at %d\n", COUNT_NAME, count_next());
    return 0;
}

static void __exit counter_exit(void)
{
    pr_info("%s ends at %d\n", COUNT_NAME, count_next());
}

module_init(counter_init);
module_exit(counter_exit);
MODULE_LICENSE("Dual MIT/GPL");
