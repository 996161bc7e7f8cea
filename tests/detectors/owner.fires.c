/* SPDX-License-Identifier: MIT */
/* detector: owners: who allocated and who freed an object
 * level: QUARRY_OPTIONS="slab_debug=U"
 * run: program
 * soon: with each report about the object
 * expect:   freed by: */
#include <quarry/quarry.h>

int main(void)
{
    void *object = kmalloc(64, GFP_KERNEL);

    kfree(object);
    kfree(object);
    return 0;
}
