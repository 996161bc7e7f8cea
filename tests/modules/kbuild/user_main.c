/* SPDX-License-Identifier: MIT */
/* The second module of the folder: calls the first one's function. */
#include <linux/init.h>
#include <linux/module.h>
#include "count.h"

static int __init user_init(void)
{
    int got = count_next();

    pr_info("user counts %d\n", got);
    return got == COUNT_START + 1 ? 0 : -EINVAL;
}

static void __exit user_exit(void)
{
}

module_init(user_init);
module_exit(user_exit);
MODULE_LICENSE("Dual MIT/GPL");
