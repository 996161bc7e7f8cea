/* SPDX-License-Identifier: MIT */
/* detector: page frees: with another order than it was allocated with
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    unsigned long block = __get_free_pages(GFP_KERNEL | __GFP_COMP, 2);

    free_pages(block, 2);
    return 0;
}
