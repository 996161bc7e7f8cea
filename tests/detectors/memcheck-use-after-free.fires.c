/* SPDX-License-Identifier: MIT */
/* detector: memcheck: a use after free
 * level: none
 * run: valgrind
 * soon: at the instruction
 * expect: 0 bytes inside a block of size 64 free'd */
#include <quarry/quarry.h>

int main(void)
{
    volatile int *counter = kmalloc(64, GFP_KERNEL);

    kfree((void *)counter);
    *counter = 1;
    return 0;
}
