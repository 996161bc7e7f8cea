/* SPDX-License-Identifier: MIT */
/* detector: page frees: the same block twice
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    unsigned long block = __get_free_pages(GFP_KERNEL, 1);

    free_pages(block, 1);
    free_pages(0, 1);
    return 0;
}
