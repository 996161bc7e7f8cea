/* SPDX-License-Identifier: MIT */
/* detector: frees: by the call of another allocator
 * level: none
 * run: program
 * soon: at the free
 * expect: BUG: bad free: vfree */
#include <quarry/quarry.h>

int main(void)
{
    void *block = kmalloc(64, GFP_KERNEL);

    vfree(block);
    kfree(block);
    return 0;
}
