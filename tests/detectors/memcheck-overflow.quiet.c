/* SPDX-License-Identifier: MIT */
/* detector: memcheck: an access beyond what was asked for
 * level: none
 * run: valgrind */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *text = kmalloc(20, GFP_KERNEL);

    text[19] = 0;
    text = krealloc((void *)text, 24, GFP_KERNEL);
    text[23] = 0;
    kfree((void *)text);
    return 0;
}
