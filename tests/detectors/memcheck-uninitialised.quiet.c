/* SPDX-License-Identifier: MIT */
/* detector: memcheck: a decision by memory that was never written
 * level: none
 * run: valgrind */
#include <quarry/quarry.h>

int main(void)
{
    volatile int *counter = kzalloc(sizeof(*counter), GFP_KERNEL);

    if (*counter == 7)
        quarry_findings(QUARRY_LEAK);
    kfree((void *)counter);
    return 0;
}
