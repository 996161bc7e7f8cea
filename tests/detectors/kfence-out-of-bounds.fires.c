/* SPDX-License-Identifier: MIT */
/* detector: guard pages: an access beyond an object
 * level: QUARRY_OPTIONS="kfence.every=1"
 * run: program
 * soon: at the instruction, for sampled objects; by the canaries at the free where alignment leaves a gap
 * expect: BUG: KFENCE: out-of-bounds (read|write) in .*
 *
 * Objects lie at the left or the right edge of their pages: of eight, one at least at the right. */
#include <quarry/quarry.h>

int main(void)
{
    volatile char *text[8];

    for (int i = 0; i < 8; i++) {
        text[i] = kmalloc(32, GFP_KERNEL);
        text[i][32] = 0; /* one byte too far */
    }
    for (int i = 0; i < 8; i++)
        kfree((void *)text[i]);
    return 0;
}
