/* SPDX-License-Identifier: MIT */
/* detector: frees: the same object twice, others in between
 * level: QUARRY_CHECK=1
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    void *first = kmalloc(64, GFP_KERNEL), *second = kmalloc(64, GFP_KERNEL);

    kfree(first);
    kfree(second);
    return 0;
}
