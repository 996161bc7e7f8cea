/* SPDX-License-Identifier: MIT */
/* detector: red zones: a write beyond an object
 * level: QUARRY_OPTIONS="slab_debug=Z"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    char *text = kmalloc(20, GFP_KERNEL);

    text[19] = 0;
    kfree(text);
    return 0;
}
