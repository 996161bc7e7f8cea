/* SPDX-License-Identifier: MIT */
/* A module that others use: exports two functions, keeps a third to itself. */
#include <linux/module.h>

int ledger_count(void);
int ledger_hold(void);
void ledger_drop(void);
int ledger_own(void);

static int count;

int ledger_count(void)
{
    return ++count;
}
EXPORT_SYMBOL(ledger_count); /* site: export */

int ledger_hold(void)
{
    return try_module_get(THIS_MODULE) ? 0 : -ENODEV; /* site: get */
}
EXPORT_SYMBOL_GPL(ledger_hold); /* site: gpl */

void ledger_drop(void)
{
    module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(ledger_drop);

int ledger_own(void)
{
    return count;
}

#ifdef TAKE_KERNEL_NAME
void kobject_put(struct kobject *kobj)
{
}
EXPORT_SYMBOL(kobject_put); /* site: kernel */
#endif

static int __init ledger_init(void)
{
    return 0;
}

static void __exit ledger_exit(void)
{
    pr_info("ledger counted %d\n", count);
}

module_init(ledger_init);
module_exit(ledger_exit);
MODULE_LICENSE("Dual MIT/GPL");
