/* SPDX-License-Identifier: MIT */
/* detector: frees: a pointer into an object
 * level: QUARRY_CHECK=1
 * run: program
 * soon: at the free; without the level when the stack is flushed
 * expect: BUG: bad free: kfree.*: 8 bytes into the object */
#include <quarry/quarry.h>

int main(void)
{
    char *object = kmalloc(64, GFP_KERNEL);

    kfree(object + 8);
    kfree(object);
    return 0;
}
