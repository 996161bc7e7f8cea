/* SPDX-License-Identifier: MIT */
/* detector: page frees: the same block twice
 * level: none
 * run: program
 * soon: at the second free
 * expect: BUG: double free: .*free_pages */
#include <quarry/quarry.h>

int main(void)
{
    unsigned long block = __get_free_pages(GFP_KERNEL, 1);

    free_pages(block, 1);
    free_pages(block, 1);
    return 0;
}
