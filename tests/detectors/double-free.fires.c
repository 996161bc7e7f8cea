/* SPDX-License-Identifier: MIT */
/* detector: frees: the same object twice in a row
 * level: none
 * run: program
 * soon: at the second free
 * expect: BUG: double free: kfree\(0x[0-9a-f]+\): the object of cache kmalloc-64 */
#include <quarry/quarry.h>

int main(void)
{
    void *object = kmalloc(64, GFP_KERNEL);

    kfree(object);
    kfree(object);
    return 0;
}
