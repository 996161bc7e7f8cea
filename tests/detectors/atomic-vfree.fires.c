/* SPDX-License-Identifier: MIT */
/* detector: contexts: vfree in a hard interrupt (G-C3)
 * level: none
 * run: program
 * soon: at the call
 * expect: BUG: may sleep in atomic context: vmalloc */
#include <quarry/quarry.h>

int main(void)
{
    quarry_context_enter(QUARRY_CTX_HARDIRQ);
    vfree(vmalloc(64));
    quarry_context_leave(QUARRY_CTX_HARDIRQ);
    return 0;
}
