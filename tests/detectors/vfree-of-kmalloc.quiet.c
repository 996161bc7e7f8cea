/* SPDX-License-Identifier: MIT */
/* detector: frees: by the call of another allocator
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    void *block = vmalloc(64), *object = kmalloc(64, GFP_KERNEL);

    vfree(block);
    kvfree(object);
    return 0;
}
