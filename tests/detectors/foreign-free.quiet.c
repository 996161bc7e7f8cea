/* SPDX-License-Identifier: MIT */
/* detector: frees: memory that is not Quarry's
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    char *text = kstrdup("hello", GFP_KERNEL);

    kfree(text);
    return 0;
}
