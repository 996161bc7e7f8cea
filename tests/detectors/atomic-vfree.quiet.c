/* SPDX-License-Identifier: MIT */
/* detector: contexts: vfree in a hard interrupt (G-C3)
 * level: none
 * run: program */
#include <quarry/quarry.h>

int main(void)
{
    void *area = vmalloc(64);

    vfree(area);
    return 0;
}
