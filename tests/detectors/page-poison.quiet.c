/* SPDX-License-Identifier: MIT */
/* detector: page poison: a write into a freed page
 * level: QUARRY_OPTIONS="page_poison=1"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    char *page = (char *)__get_free_page(GFP_KERNEL);

    page[100] = 1;
    free_page((unsigned long)page);
    free_page(__get_free_page(GFP_KERNEL));
    return 0;
}
