/* SPDX-License-Identifier: MIT */
/* detector: faults: page requests that are made to fail
 * level: QUARRY_OPTIONS="fail_page_alloc=nth:1,order:3"
 * run: program
 * soon: at the request
 * expect: page allocation failure|fail_page_alloc makes this request fail */
#include <quarry/quarry.h>

int main(void)
{
    free_pages(__get_free_pages(GFP_KERNEL, 3), 3);
    return 0;
}
