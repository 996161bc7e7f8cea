/* SPDX-License-Identifier: MIT */
/* detector: masks: flags that contradict the call (G-Z7)
 * level: none
 * run: program
 * soon: at the request
 * expect: BUG: bad request: kmalloc with __GFP_HIGHMEM */
#include <quarry/quarry.h>

int main(void)
{
    kfree(kmalloc(64, GFP_KERNEL | __GFP_HIGHMEM));
    return 0;
}
