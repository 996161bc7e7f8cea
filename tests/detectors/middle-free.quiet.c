/* SPDX-License-Identifier: MIT */
/* detector: frees: a pointer into an object
 * level: QUARRY_CHECK=1
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    char *object = kmalloc(64, GFP_KERNEL);

    kfree(object);
    return 0;
}
