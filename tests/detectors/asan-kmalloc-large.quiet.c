/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: an access beyond a block of pages from kmalloc
 * level: none
 * run: address */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *block = kmalloc(10000, GFP_KERNEL);

    block[9999] = 0;
    block = krealloc((void *)block, 16000, GFP_KERNEL);
    block[15999] = 0;
    kfree((void *)block);
    return 0;
}
