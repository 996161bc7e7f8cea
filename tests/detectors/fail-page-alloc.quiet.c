/* SPDX-License-Identifier: MIT */
/* detector: faults: page requests that are made to fail
 * level: QUARRY_OPTIONS="fail_page_alloc=nth:1,order:3"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    free_pages(__get_free_pages(GFP_KERNEL, 2), 2);
    return 0;
}
