/* SPDX-License-Identifier: MIT */
/* detector: guard pages: an access beyond an object
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *text[8];

    for (int i = 0; i < 8; i++) {
        text[i] = kmalloc(32, GFP_KERNEL);
        text[i][0] = text[i][31] = 0;
    }
    for (int i = 0; i < 8; i++)
        kfree((void *)text[i]);
    return 0;
}
