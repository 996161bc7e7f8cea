/* SPDX-License-Identifier: MIT */
/* A module that uses ledger's functions; each define makes one mistake. */
#include <linux/module.h>

int ledger_count(void);
int ledger_hold(void);
void ledger_drop(void);
int ledger_own(void);
int ledger_nobody(void);

static int __init clerk_init(void)
{
    int error = 0;
#ifdef USE_HIDDEN
    error = ledger_own(); /* site: hidden */
#endif
#ifdef USE_NOBODY
    error = ledger_nobody(); /* site: nobody */
#endif
#ifndef NO_HOLD
    error = ledger_hold(); /* site: hold */
#endif
#ifdef BY_NAME
    {
        int (*by_name)(void) = symbol_get(ledger_count);
        if (by_name) {
            pr_info("by name %d\n", by_name());
            symbol_put(ledger_count);
        }
    }
#endif
    pr_info("clerk counts %d\n", ledger_count()); /* site: count */
    return error;
}

static void __exit clerk_exit(void)
{
#if !defined(NO_HOLD) && !defined(KEEP_HOLD)
    ledger_drop();
#endif
}

module_init(clerk_init);
module_exit(clerk_exit);
#ifdef LICENSE
MODULE_LICENSE(LICENSE);
#endif
