/* SPDX-License-Identifier: MIT */
/* detector: page poison: a write into a freed page
 * level: QUARRY_OPTIONS="page_poison=1"
 * run: program
 * soon: when the page is handed out again
 * expect: BUG: use after free:  */
#include <quarry/quarry.h>

int main(void)
{
    char *page = (char *)__get_free_page(GFP_KERNEL);

    free_page((unsigned long)page);
    page[100] = 1;
    free_page(__get_free_page(GFP_KERNEL));
    return 0;
}
