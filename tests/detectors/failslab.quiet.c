/* SPDX-License-Identifier: MIT */
/* detector: faults: requests that are made to fail
 * level: QUARRY_OPTIONS="failslab=nth:2,size:100"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    void *first = kmalloc(100, GFP_KERNEL), *other = kmalloc(50, GFP_KERNEL);

    kfree(first);
    kfree(other);
    return 0;
}
