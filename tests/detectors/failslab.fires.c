/* SPDX-License-Identifier: MIT */
/* detector: faults: requests that are made to fail
 * level: QUARRY_OPTIONS="failslab=nth:2,size:100"
 * run: program
 * soon: at the request
 * expect: out of memory: kmalloc: failslab makes this request fail: 100 bytes */
#include <quarry/quarry.h>

int main(void)
{
    void *first = kmalloc(100, GFP_KERNEL), *second = kmalloc(100, GFP_KERNEL);

    kfree(first);
    kfree(second);
    return 0;
}
