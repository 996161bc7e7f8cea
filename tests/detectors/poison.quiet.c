/* SPDX-License-Identifier: MIT */
/* detector: poison: a write into a freed object
 * level: QUARRY_OPTIONS="slab_debug=PU"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    char *text = kmalloc(64, GFP_KERNEL);

    text[8] = 1;
    kfree(text);
    quarry_check_all();
    return 0;
}
