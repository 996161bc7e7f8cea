/* SPDX-License-Identifier: MIT */
/* detector: memcheck: a decision by memory that was never written
 * level: none
 * run: valgrind
 * soon: at the decision
 * expect: Conditional jump or move depends on uninitialised value */
#include <quarry/quarry.h>

int main(void)
{
    volatile int *counter = kmalloc(sizeof(*counter), GFP_KERNEL);

    if (*counter == 7)
        quarry_findings(QUARRY_LEAK);
    kfree((void *)counter);
    return 0;
}
