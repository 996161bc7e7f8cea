/* SPDX-License-Identifier: MIT */
/* Allocation by type, the table of kmalloc's caches, and folios, as a program uses them. */
#undef QUARRY_BUILDING_CORE
#include <quarry/quarry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static unsigned long found;

static bool remember(const struct quarry_report *report, void *data)
{
    found++;
    return false;
}

struct packet {
    unsigned int length;
    unsigned short word[];
};
struct item {
    long a, b, c;
};

static bool is_zero(const void *memory, size_t size)
{
    const unsigned char *p = memory;

    while (size && *p == 0) {
        p++;
        size--;
    }
    return size == 0;
}

static void one_object_has_its_types_size_and_default_mask(void **state)
{
    struct item *item = kmalloc_obj(*item), *other;

    assert_int_equal(ksize(item), 24);
    memset(item, 0xee, sizeof(*item));
    kfree(item);
    other = kzalloc_obj(struct item, GFP_ATOMIC);
    assert_ptr_equal(other, item); /* and its old content is gone */
    assert_true(is_zero(other, sizeof(*other)));
    kfree(other);
    item = kvmalloc_obj(*item, GFP_KERNEL);
    assert_int_equal(ksize(item), 24);
    memset(item, 0xee, sizeof(*item));
    kvfree(item);
    item = kvzalloc_obj(struct item);
    assert_true(is_zero(item, sizeof(*item)));
    kvfree(item);
}

static void arrays_of_objects_refuse_an_overflow(void **state)
{
    volatile size_t many = ~(size_t)0 / sizeof(struct item) + 2, few = 10;
    struct item *items = kmalloc_objs(*items, few);

    assert_int_equal(ksize(items), 256);
    memset(items, 0xee, 256);
    kfree(items);
    items = kzalloc_objs(*items, few, GFP_NOWAIT);
    assert_true(is_zero(items, few * sizeof(*items)));
    kfree(items);
    items = kvmalloc_objs(*items, 200000);
    assert_true(is_vmalloc_addr(items));
    kvfree(items);
    items = kvzalloc_objs(struct item, 200000, GFP_KERNEL);
    assert_true(is_zero(items, 200000 * sizeof(*items)));
    kvfree(items);
    assert_null(kmalloc_objs(*items, many));
    assert_null(kzalloc_objs(*items, many));
    assert_null(kvmalloc_objs(*items, many));
    assert_null(kvzalloc_objs(*items, many));
    assert_int_equal(found, 0);
}

static void a_flexible_array_is_counted_with_its_head(void **state)
{
    volatile size_t many = ~(size_t)0 / 2, barely = (~(size_t)0 - 2) / 2;
    struct packet *packet = kmalloc_flex(*packet, word, 30);

    assert_int_equal(ksize(packet), 64); /* 4 + 30 * 2 */
    memset(packet, 0xee, 64);
    kfree(packet);
    packet = kzalloc_flex(struct packet, word, 30, GFP_ATOMIC);
    assert_true(is_zero(packet, 64));
    kfree(packet);
    packet = kvmalloc_flex(*packet, word, 3000000);
    assert_true(is_vmalloc_addr(packet));
    kvfree(packet);
    packet = kvzalloc_flex(*packet, word, 3000000, GFP_KERNEL);
    assert_true(is_zero(packet, 4 + 2 * 3000000));
    kvfree(packet);
    assert_null(kmalloc_flex(*packet, word, many + 1));
    assert_null(kmalloc_flex(*packet, word, barely)); /* the array fits, its head no longer */
    assert_null(kzalloc_flex(*packet, word, barely));
    assert_null(kvmalloc_flex(*packet, word, barely));
    assert_null(kvzalloc_flex(*packet, word, many + 1));
    assert_int_equal(found, 0);
}

static void the_table_says_which_cache_serves_a_size(void **state)
{
    static const size_t sizes[] = {1, 8, 9, 24, 100, 4096, 8192};

    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct kmem_cache *cache =
            kmalloc_caches[kmalloc_type(GFP_KERNEL, 0)][__kmalloc_index(sizes[i], false)];
        void *object = kmalloc(sizes[i], GFP_KERNEL);
        assert_non_null(cache);
        assert_int_equal(kmem_cache_size(cache), kmalloc_size_roundup(sizes[i]));
        kmem_cache_free(cache, object); /* which refuses an object of another cache */
    }
    assert_int_equal(__kmalloc_index(0, false), 0);
    assert_int_equal(__kmalloc_index(KMALLOC_MAX_CACHE_SIZE + 1, false), 0);
    assert_null(kmalloc_caches[KMALLOC_NORMAL][0]);
    assert_int_equal(found, 0);
}

static void families_have_their_caches_from_the_first_request_on(void **state)
{
    unsigned int index = __kmalloc_index(48, true);
    void *dma = kmalloc(48, GFP_KERNEL | GFP_DMA);
    void *reclaimable = kmalloc(48, GFP_KERNEL | __GFP_RECLAIMABLE);

    assert_int_equal(kmalloc_type(GFP_KERNEL | __GFP_RECLAIMABLE | GFP_DMA, 0), KMALLOC_DMA);
    assert_int_equal(kmalloc_type(GFP_KERNEL | __GFP_RECLAIMABLE, 0), KMALLOC_RECLAIM);
    assert_int_equal(kmalloc_type(GFP_KERNEL_ACCOUNT, 0), KMALLOC_CGROUP);
    assert_string_equal(kmem_cache_name(kmalloc_caches[KMALLOC_DMA][index]), "dma-kmalloc-48");
    assert_string_equal(kmem_cache_name(kmalloc_caches[KMALLOC_RECLAIM][index]), "kmalloc-rcl-48");
    kmem_cache_free(kmalloc_caches[KMALLOC_DMA][index], dma);
    kmem_cache_free(kmalloc_caches[KMALLOC_RECLAIM][index], reclaimable);
    assert_int_equal(found, 0);
}

static void an_object_for_a_list_is_an_object_of_its_cache(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("listed", 40, 0, 0, NULL);
    void *object = kmem_cache_alloc_lru(cache, NULL, GFP_KERNEL);

    assert_non_null(object);
    kmem_cache_free(cache, object);
    kmem_cache_destroy(cache);
    assert_int_equal(found, 0);
}

static void a_folio_is_a_block_named_by_its_head(void **state)
{
    struct folio *folio = folio_alloc(GFP_KERNEL, 3);

    assert_int_equal(folio_order(folio), 3);
    assert_int_equal(folio_nr_pages(folio), 8);
    assert_int_equal(folio_size(folio), 8 * PAGE_SIZE);
    assert_int_equal(folio_shift(folio), PAGE_SHIFT + 3);
    assert_ptr_equal(folio_address(folio), page_address(&folio->page));
    assert_ptr_equal(page_folio(folio_page(folio, 7)), folio);
    assert_int_equal(folio_page_idx(folio, folio_page(folio, 5)), 5);
    assert_ptr_equal(virt_to_folio((char *)folio_address(folio) + 3 * PAGE_SIZE + 9), folio);
    assert_int_equal(offset_in_folio(folio, (char *)folio_address(folio) + 3 * PAGE_SIZE + 9),
                     3 * PAGE_SIZE + 9);
    assert_int_equal(folio_pfn(folio), page_to_pfn(&folio->page));
    assert_ptr_equal(folio_zone(folio), page_zone(&folio->page));
    assert_int_equal(folio_nid(folio), 0);
    folio_get(folio);
    assert_int_equal(folio_ref_count(folio), 2);
    folio_put(folio);
    assert_int_equal(folio_ref_count(folio), 1);
    folio_put(folio);
    folio = folio_alloc_node(GFP_KERNEL, 0, 0);
    assert_int_equal(folio_size(folio), PAGE_SIZE);
    assert_ptr_equal(page_folio(&folio->page), folio);
    folio_put(folio);
    assert_null(folio_alloc(GFP_KERNEL, MAX_PAGE_ORDER + 1));
    assert_int_equal(found, 1);
}

static void segments_of_a_folio_are_zeroed_and_nothing_else(void **state)
{
    struct folio *folio = folio_alloc(GFP_KERNEL, 1);
    unsigned char *bytes = folio_address(folio);

    memset(bytes, 0xee, 2 * PAGE_SIZE);
    folio_zero_range(folio, PAGE_SIZE - 3, 6);
    assert_true(is_zero(bytes + PAGE_SIZE - 3, 6));
    assert_int_equal(bytes[PAGE_SIZE - 4], 0xee);
    assert_int_equal(bytes[PAGE_SIZE + 3], 0xee);
    folio_zero_segment(folio, 10, 20);
    assert_true(is_zero(bytes + 10, 10));
    assert_int_equal(bytes[9], 0xee);
    assert_int_equal(bytes[20], 0xee);
    folio_zero_segments(folio, 30, 31, 2 * PAGE_SIZE - 1, 2 * PAGE_SIZE);
    assert_int_equal(bytes[29], 0xee);
    assert_int_equal(bytes[30], 0);
    assert_int_equal(bytes[31], 0xee);
    assert_int_equal(bytes[2 * PAGE_SIZE - 2], 0xee);
    assert_int_equal(bytes[2 * PAGE_SIZE - 1], 0);
    assert_int_equal(found, 0);
    folio_zero_range(folio, 2 * PAGE_SIZE - 2, 3);
    folio_zero_range(folio, 1, ~(size_t)0);
    folio_zero_segment(folio, 9, 8);
    assert_int_equal(found, 3);
    assert_int_equal(bytes[2 * PAGE_SIZE - 2], 0xee);
    folio_put(folio);
}

static int forget(void **state)
{
    found = 0;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_object_has_its_types_size_and_default_mask, forget),
        cmocka_unit_test_setup(arrays_of_objects_refuse_an_overflow, forget),
        cmocka_unit_test_setup(a_flexible_array_is_counted_with_its_head, forget),
        cmocka_unit_test_setup(the_table_says_which_cache_serves_a_size, forget),
        cmocka_unit_test_setup(families_have_their_caches_from_the_first_request_on, forget),
        cmocka_unit_test_setup(an_object_for_a_list_is_an_object_of_its_cache, forget),
        cmocka_unit_test_setup(a_folio_is_a_block_named_by_its_head, forget),
        cmocka_unit_test_setup(segments_of_a_folio_are_zeroed_and_nothing_else, forget),
    };

    setenv("QUARRY_WATCH", "0", 1); /* what was freed last is to come back first */
    quarry_set_report_hook(remember, NULL);
    return cmocka_run_group_tests_name("typed_api", tests, NULL, NULL);
}
