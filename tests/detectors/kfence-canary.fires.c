/* SPDX-License-Identifier: MIT */
/* detector: guard pages: a write beyond an object that does not reach the page's end
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: program
 * soon: when the object is freed, for sampled objects
 * expect: BUG: KFENCE: memory corruption in  */
#include <quarry/quarry.h>

int main(void)
{
    /* At the right edge 4 bytes are left of the page, at the left one all of it. */
    char *text = kmalloc(100, GFP_KERNEL);

    text[101] = 0;
    kfree(text);
    return 0;
}
