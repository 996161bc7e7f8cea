/* SPDX-License-Identifier: MIT */
/* detector: frees: the same object twice, others in between
 * level: QUARRY_CHECK=1
 * run: program
 * soon: at the second free; without the level when the stack is flushed
 * expect: BUG: double free: kfree */
#include <quarry/quarry.h>

int main(void)
{
    void *first = kmalloc(64, GFP_KERNEL), *second = kmalloc(64, GFP_KERNEL);

    kfree(first);
    kfree(second);
    kfree(first);
    return 0;
}
