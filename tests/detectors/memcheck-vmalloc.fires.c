/* SPDX-License-Identifier: MIT */
/* detector: memcheck: an access beyond what was asked of vmalloc
 * level: none
 * run: valgrind
 * soon: at the instruction
 * expect: after a block of size 5,000 alloc'd */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *area = vmalloc(5000);

    area[5000] = 0;
    vfree((void *)area);
    return 0;
}
