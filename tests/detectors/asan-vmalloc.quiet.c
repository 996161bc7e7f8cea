/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: an access beyond what was asked of vmalloc
 * level: none
 * run: address */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *area = vzalloc(5000);

    area[4999] = 0;
    vfree((void *)area);
    area = vmalloc(8192);
    area[8191] = 0;
    vfree((void *)area);
    return 0;
}
