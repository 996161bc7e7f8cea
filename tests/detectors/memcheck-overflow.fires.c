/* SPDX-License-Identifier: MIT */
/* detector: memcheck: an access beyond what was asked for
 * level: none
 * run: valgrind
 * soon: at the instruction
 * expect: 0 bytes after a block of size 20 alloc'd */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *text = kmalloc(20, GFP_KERNEL);

    text[20] = 0;
    kfree((void *)text);
    return 0;
}
