/* SPDX-License-Identifier: MIT */
/* A program that wants pages and kmalloc and nothing else: tools/sizes.sh measures its image and runs it. */
#include <quarry/quarry.h>

int main(void)
{
    char *block = kmalloc(100, GFP_KERNEL), *large = kmalloc(9000, GFP_KERNEL);
    struct page *page = alloc_pages(GFP_KERNEL, 2);

    if (!block || !large || !page)
        return 2;
    block[99] = large[8999] = 1;
    kfree(block);
    kfree(large);
    __free_pages(page, 2);
    return 0;
}
