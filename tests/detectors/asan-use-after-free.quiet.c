/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: a use after free
 * level: none
 * run: address */
#include <quarry/quarry.h>

int main(void)
{
    volatile int *counter = kmalloc(sizeof(*counter), GFP_KERNEL);

    *counter = 1;
    kfree((void *)counter);
    return 0;
}
