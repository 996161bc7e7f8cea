/* SPDX-License-Identifier: MIT */
/* detector: guard pages: a write beyond an object that does not reach the page's end
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    char *text = kmalloc(100, GFP_KERNEL);

    text[99] = 0;
    kfree(text);
    return 0;
}
