/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: an access beyond what was asked for
 * level: none
 * run: address
 * soon: at the instruction
 * expect: AddressSanitizer: use-after-poison */
#include <quarry/quarry.h>

int main(void)
{
    /* The block has 24 bytes, the caller 20 of them. */
    volatile char *text = kmalloc(20, GFP_KERNEL);

    text[20] = 0;
    kfree((void *)text);
    return 0;
}
