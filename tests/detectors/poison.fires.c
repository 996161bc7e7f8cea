/* SPDX-License-Identifier: MIT */
/* detector: poison: a write into a freed object
 * level: QUARRY_OPTIONS="slab_debug=PU"
 * run: program
 * soon: when the object is handed out again or its slab goes back, or at quarry_check_all()
 * expect: BUG: use after free: .*free object .* was written after it was freed: bytes 8 to 8 */
#include <quarry/quarry.h>

int main(void)
{
    char *text = kmalloc(64, GFP_KERNEL);

    kfree(text);
    text[8] = 1;
    quarry_check_all();
    return 0;
}
