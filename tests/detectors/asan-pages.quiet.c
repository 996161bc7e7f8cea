/* SPDX-License-Identifier: MIT */
/* detector: address sanitizer: a use of freed pages
 * level: none
 * run: address */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *pages = (char *)__get_free_pages(GFP_KERNEL, 1);

    pages[8191] = 0;
    free_pages((unsigned long)pages, 1);
    free_page(__get_free_page(GFP_KERNEL | __GFP_ZERO));
    return 0;
}
