/* SPDX-License-Identifier: MIT */
/* detector: memcheck: a use after free
 * level: none
 * run: valgrind */
#include <quarry/quarry.h>

int main(void)
{
    volatile int *counter = kmalloc(64, GFP_KERNEL);

    *counter = 1;
    kfree((void *)counter);
    return 0;
}
