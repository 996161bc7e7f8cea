/* SPDX-License-Identifier: MIT */
/* detector: masks: flags that contradict the call (G-Z7)
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    kfree(kmalloc(64, GFP_KERNEL | __GFP_ZERO));
    return 0;
}
