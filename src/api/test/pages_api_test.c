/* SPDX-License-Identifier: MIT */
/* Pages in callers' hands: each way to them counts what it gave, remembers the mask and the size that were
 * asked for, and all of it is forgotten when they come back. */
#include "machine.h"
#include <quarry/folio.h>
#include <quarry/quarry.h>

static int boot_checked(void **state)
{
    struct quarry_machine wish = {.ram_bytes = 32u << 20, .options = "check=1 page_owner"};

    return quarry_boot(&wish);
}

static struct {
    uint64_t begun;
    unsigned long live;
} before;

static int remember_the_count(void **state)
{
    before.begun = quarry_sequence();
    before.live = quarry_live_bytes();
    return 0;
}

struct seen {
    unsigned long nr, bytes;
    gfp_t any, all; /* bits of one mask, bits of every mask */
    const void *first;
};

static bool see(const struct quarry_live *live, void *data)
{
    struct seen *seen = data;

    if (live->kind != QUARRY_LIVE_PAGES || live->sequence < before.begun)
        return true;
    seen->nr++;
    seen->bytes += live->size;
    seen->any |= live->gfp;
    seen->all &= live->gfp;
    if (!seen->first || live->address < seen->first)
        seen->first = live->address;
    return true;
}

/* What came since then: @nr blocks of @bytes together, each made with @gfp, the first one at @address. */
static void assert_given(int line, unsigned long nr, unsigned long bytes, gfp_t gfp,
                         const void *address)
{
    struct seen seen = {.all = ~0u};
    unsigned long more;

    quarry_for_each_live(see, &seen);
    more = (unsigned long)(quarry_live_bytes() - before.live);
    if (seen.nr != nr || seen.bytes != bytes || more != bytes || seen.first != address)
        fail_msg("line %d: %lu blocks of %lu bytes at %p, %lu bytes counted", line, seen.nr,
                 seen.bytes, seen.first, more);
    if (nr && (seen.any != gfp || seen.all != gfp))
        fail_msg("line %d: masks from 0x%x to 0x%x", line, seen.all, seen.any);
}
#define given(nr, bytes, gfp, address) assert_given(__LINE__, nr, bytes, gfp, address)
#define nothing_is_left() assert_given(__LINE__, 0, 0, 0, NULL)

static void each_way_to_a_block_counts_what_it_gave(void **state)
{
    for (unsigned int order = 0; order < 4; order++) {
        unsigned long bytes = PAGE_SIZE << order, address;
        struct page *page = alloc_pages(GFP_NOFS, order);
        struct folio *folio;

        given(1, bytes, GFP_NOFS, page_address(page));
        __free_pages(page, order);
        page = alloc_pages_node(0, GFP_NOIO, order);
        given(1, bytes, GFP_NOIO, page_address(page));
        __free_pages(page, order);
        address = __get_free_pages(GFP_ATOMIC, order);
        given(1, bytes, GFP_ATOMIC, (void *)address);
        free_pages(address, order);
        folio = folio_alloc(GFP_KERNEL, order);
        given(1, bytes, GFP_KERNEL | __GFP_COMP, folio_address(folio));
        folio_put(folio);
        folio = folio_alloc_node(GFP_NOWAIT, order, 0);
        given(1, bytes, GFP_NOWAIT | __GFP_COMP, folio_address(folio));
        folio_put(folio);
        page = mempool_alloc_pages(GFP_NOFS, (void *)(size_t)order);
        given(1, bytes, GFP_NOFS, page_address(page));
        mempool_free_pages(page, (void *)(size_t)order);
        nothing_is_left();
    }
}

static void a_zeroed_page_is_one_of_zeros(void **state)
{
    unsigned long address = get_zeroed_page(GFP_NOFS);

    given(1, PAGE_SIZE, GFP_NOFS | __GFP_ZERO, (void *)address);
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(((char *)address)[i], 0);
    free_page(address);
    nothing_is_left();
}

/* Only the pages that the bytes lie in, one by one. */
static void an_exact_block_is_as_many_pages_as_its_bytes(void **state)
{
    static const size_t sizes[] = {1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE - 1, 5 * PAGE_SIZE};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(sizes); i++) {
        unsigned long nr = (sizes[i] + PAGE_SIZE - 1) / PAGE_SIZE;
        void *block = alloc_pages_exact(sizes[i], GFP_NOFS);

        given(nr, nr * PAGE_SIZE, GFP_NOFS, block);
        free_pages_exact(block, sizes[i]);
        nothing_is_left();
        block = alloc_pages_exact_nid(0, sizes[i], GFP_NOIO);
        given(nr, nr * PAGE_SIZE, GFP_NOIO, block);
        free_pages_exact(block, sizes[i]);
        nothing_is_left();
    }
    assert_null(alloc_pages_exact(64ul << 20, GFP_NOFS | __GFP_NOWARN));
    nothing_is_left();
}

static const void *lowest(struct page *const *page, unsigned int nr)
{
    const void *low = page_address(page[0]);

    for (unsigned int i = 1; i < nr; i++)
        low = page_address(page[i]) < low ? page_address(page[i]) : low;
    return low;
}

static void pages_had_in_bulk_count_one_by_one(void **state)
{
    struct page *kept = alloc_page(GFP_NOFS), *array[70] = {[2] = kept}, *own[69];
    struct list_head list, *pos;
    unsigned int nr = 0;

    remember_the_count(NULL);
    assert_int_equal(alloc_pages_bulk_array(GFP_NOIO, 70, array), 70);
    for (unsigned int i = 0; i < 70; i++)
        if (array[i] != kept)
            own[nr++] = array[i];
    assert_int_equal(nr, 69);
    given(69, 69 * PAGE_SIZE, GFP_NOIO, lowest(own, nr));
    release_pages(own, 69);
    nothing_is_left();
    __free_page(kept);
    remember_the_count(NULL);
    qr_list_init(&list);
    assert_int_equal(alloc_pages_bulk_list(GFP_NOFS, 69, &list), 69);
    nr = 0;
    QR_LIST_FOR_EACH (pos, &list)
        own[nr++] = QR_LIST_ENTRY(pos, struct page, lru);
    given(69, 69 * PAGE_SIZE, GFP_NOFS, lowest(own, nr));
    release_pages(own, 69);
    nothing_is_left();
}

static void a_split_block_counts_as_its_pages(void **state)
{
    struct page *page = alloc_pages(GFP_NOFS, 2);

    split_page(page, 2);
    given(4, 4 * PAGE_SIZE, GFP_NOFS, page_address(page));
    for (unsigned int i = 0; i < 4; i++)
        __free_page(page + i);
    nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_way_to_a_block_counts_what_it_gave, remember_the_count),
        cmocka_unit_test_setup(a_zeroed_page_is_one_of_zeros, remember_the_count),
        cmocka_unit_test_setup(an_exact_block_is_as_many_pages_as_its_bytes, remember_the_count),
        cmocka_unit_test_setup(pages_had_in_bulk_count_one_by_one, remember_the_count),
        cmocka_unit_test_setup(a_split_block_counts_as_its_pages, remember_the_count),
    };
    return cmocka_run_group_tests_name("pages_api", tests, boot_checked, NULL);
}
