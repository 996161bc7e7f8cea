/* SPDX-License-Identifier: MIT */
/* detector: frees: memory that is not Quarry's
 * level: none
 * run: program
 * soon: at the free
 * expect: BUG: bad free: kfree.*not memory of this machine */
#include <quarry/quarry.h>

int main(void)
{
    static char text[64];

    kfree(text);
    return 0;
}
