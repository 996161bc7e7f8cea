/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: a use after free
 * level: none
 * run: address
 * soon: at the instruction
 * expect: AddressSanitizer: use-after-poison */
#include <quarry/quarry.h>

int main(void)
{
    volatile int *counter = kmalloc(sizeof(*counter), GFP_KERNEL);

    kfree((void *)counter);
    *counter = 1;
    return 0;
}
