/* SPDX-License-Identifier: MIT */
/* detector: frees: the same object twice in a row
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    void *object = kmalloc(64, GFP_KERNEL);

    kfree(object);
    kfree(NULL);
    return 0;
}
