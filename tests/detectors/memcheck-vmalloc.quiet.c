/* SPDX-License-Identifier: MIT */
/* detector: memcheck: an access beyond what was asked of vmalloc
 * level: none
 * run: valgrind */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *area = vzalloc(5000);

    area[4999] = 0;
    vfree((void *)area);
    return 0;
}
