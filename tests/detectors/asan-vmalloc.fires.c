/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: an access beyond what was asked of vmalloc
 * level: none
 * run: address
 * soon: at the instruction
 * expect: AddressSanitizer: use-after-poison */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *area = vmalloc(5000);

    area[5000] = 0;
    vfree((void *)area);
    return 0;
}
