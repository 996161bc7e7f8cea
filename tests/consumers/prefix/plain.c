/* SPDX-License-Identifier: MIT */
/* One half of a program with two copies of the library: this one uses the plain names. */
#include <quarry/quarry.h>

void *plain_take(void)
{
    return kmalloc(8192, GFP_KERNEL);
}

void plain_drop(void *block)
{
    kfree(block);
}

unsigned long plain_free_pages(void)
{
    return nr_free_pages();
}

int plain_owns(const void *block)
{
    return virt_addr_valid(block);
}
