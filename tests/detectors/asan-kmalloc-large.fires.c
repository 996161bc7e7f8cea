/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: an access beyond a block of pages from kmalloc
 * level: none
 * run: address
 * soon: at the instruction
 * expect: AddressSanitizer: use-after-poison */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *block = kmalloc(10000, GFP_KERNEL);

    block[10000] = 0;
    kfree((void *)block);
    return 0;
}
