/* SPDX-License-Identifier: MIT */
/* detector: contexts: a request that may sleep in atomic context (G-C1)
 * level: QUARRY_CHECK=1
 * run: program
 * soon: at the request
 * expect: BUG: may sleep in atomic context: kmalloc */
#include <quarry/quarry.h>

int main(void)
{
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    kfree(kmalloc(64, GFP_KERNEL));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    return 0;
}
