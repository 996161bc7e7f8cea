/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: a use of freed pages
 * level: none
 * run: address
 * soon: at the instruction
 * expect: AddressSanitizer: use-after-poison */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *pages = (char *)__get_free_pages(GFP_KERNEL, 1);

    free_pages((unsigned long)pages, 1);
    pages[5000] = 0;
    return 0;
}
