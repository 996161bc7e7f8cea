/* SPDX-License-Identifier: MIT */
/* detector: guard pages: a pointer into a sampled object is freed
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    char *text = kmalloc(100, GFP_KERNEL);

    kfree(text);
    return 0;
}
