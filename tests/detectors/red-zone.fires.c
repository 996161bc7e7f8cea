/* SPDX-License-Identifier: MIT */
/* detector: red zones: a write beyond an object
 * level: QUARRY_OPTIONS="slab_debug=Z"
 * run: program
 * soon: when the object is freed
 * expect: BUG: overrun: kfree: the live object .* was written beyond its bounds: bytes 20 to 20 */
#include <quarry/quarry.h>

int main(void)
{
    char *text = kmalloc(20, GFP_KERNEL);

    text[20] = 0; /* the class has 24 */
    kfree(text);
    return 0;
}
