/* SPDX-License-Identifier: MIT */
/* Small calls whose whole point is their answer, on machines where it is not 0. */
#undef QUARRY_BUILDING_CORE
#include <quarry/quarry.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "child.h"
#include "sanitizer.h"

static bool be_quiet(const struct quarry_report *report, void *data)
{
    return false;
}

static void sizes_and_addresses_are_rounded_to_pages(void **state)
{
    assert_int_equal(PAGE_ALIGN(1), PAGE_SIZE);
    assert_int_equal(PAGE_ALIGN(PAGE_SIZE), PAGE_SIZE);
    assert_true(PAGE_ALIGNED(3 * PAGE_SIZE));
    assert_false(PAGE_ALIGNED(3 * PAGE_SIZE + 8));
    assert_int_equal(get_order(PAGE_SIZE), 0);
    assert_int_equal(get_order(PAGE_SIZE + 1), 1);
    assert_int_equal(get_order(8 * PAGE_SIZE), 3);
    assert_true(ZERO_OR_NULL_PTR(NULL));
    assert_true(ZERO_OR_NULL_PTR(kmalloc(0, GFP_KERNEL)));
    assert_false(ZERO_OR_NULL_PTR(&errno));
}

static void a_mask_says_its_zone_and_whether_it_blocks(void **state)
{
    assert_int_equal(gfp_zone(GFP_DMA), ZONE_DMA);
    assert_int_equal(gfp_zone(GFP_DMA32), ZONE_DMA32);
    assert_int_equal(gfp_zone(GFP_KERNEL), ZONE_NORMAL);
    assert_int_equal(gfp_zone(GFP_KERNEL | __GFP_MOVABLE), ZONE_NORMAL);
    assert_int_equal(gfp_zone(GFP_HIGHUSER), ZONE_HIGHMEM);
    assert_int_equal(gfp_zone(GFP_HIGHUSER_MOVABLE), ZONE_MOVABLE);
    assert_true(gfpflags_allow_blocking(GFP_NOFS));
    assert_false(gfpflags_allow_blocking(GFP_ATOMIC));
}

static void a_compound_page_says_its_size(void **state)
{
    struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2), *high;

    assert_int_equal(compound_nr(page), 4);
    assert_int_equal(page_shift(page), PAGE_SHIFT + 2);
    assert_int_equal(page_size(page), 4 * PAGE_SIZE);
    assert_non_null(page_zone(page));
    high = alloc_page(GFP_KERNEL | GFP_DMA);
    assert_ptr_not_equal(page_zone(high), page_zone(page));
    assert_int_equal(page_zonenum(high), ZONE_DMA);
    assert_true(page_zonenum(page) > ZONE_DMA);
    __free_page(high);
    __free_pages(page, 2);
}

static void arrays_on_a_node_and_anywhere_hold_their_elements(void **state)
{
    void *a = kmalloc_array(10, 30, GFP_KERNEL), *b = kmalloc_array_node(10, 30, GFP_KERNEL, 0);
    void *c = kvmalloc_array(10, 30, GFP_KERNEL), *d = kvzalloc_node(300, GFP_KERNEL, 0);

    assert_int_equal(ksize(a), 320);
    assert_int_equal(ksize(b), 320);
    assert_int_equal(ksize(c), 320);
    assert_int_equal(ksize(d), 320);
    for (int i = 0; i < 300; i++)
        assert_int_equal(((char *)d)[i], 0);
    kfree(a);
    kfree(b);
    kvfree(c);
    kvfree(d);
}

static void caches_say_whether_they_hold_objects(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("held", 100, 0, 0, NULL);
    void *object = kmem_cache_alloc_node(cache, GFP_KERNEL, 0);

    assert_non_null(object);
    assert_int_equal(kmem_cache_shrink(cache), 1); /* one slab stays: it is in use */
    quarry_set_report_hook(be_quiet, NULL);
    assert_int_equal(quarry_cache_destroy_26(cache), -EBUSY);
    quarry_set_report_hook(NULL, NULL);
    kmem_cache_free(cache, object);
    assert_int_equal(kmem_cache_shrink(cache), 0);
    assert_int_equal(quarry_cache_destroy_26(cache), 0);
}

static char *say(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = kvasprintf(GFP_KERNEL, format, args);
    va_end(args);
    return text;
}

static void texts_are_made(void **state)
{
    char *text = say("%d-%s", 17, "x");

    assert_string_equal(text, "17-x");
    kfree(text);
    assert_int_equal(strncmp(quarry_version(), "0.", 2), 0);
}

static void the_old_kvrealloc_moves_the_contents(void **state)
{
    char *p = kvmalloc(10, GFP_KERNEL);

    strcpy(p, "contents");
    p = kvrealloc(p, 10, 100000, GFP_KERNEL);
    assert_string_equal(p, "contents");
    kvfree(p);
}

static void a_computed_class_gives_its_block(void **state)
{
    void *p = quarry_kmalloc_of_class(quarry_kmalloc_class(100), GFP_KERNEL, 100);

    assert_int_equal(ksize(p), 112);
    kfree(p);
}

static void pools_in_place_are_filled_or_say_why_not(void **state)
{
    mempool_t pool;

    assert_int_equal(mempool_init_kmalloc_pool(&pool, 2, 64), 0);
    assert_int_equal(ksize(mempool_alloc_preallocated(&pool)), 64);
    mempool_exit(&pool);
    quarry_set_report_hook(be_quiet, NULL);
    assert_true(mempool_init_kmalloc_pool(&pool, 2, KMALLOC_MAX_SIZE * 2) < 0);
    assert_true(mempool_init_kvmalloc_pool(&pool, 2, 1UL << 40) < 0);
    assert_true(mempool_init_node(&pool, 2, mempool_kmalloc, mempool_kfree,
                                  (void *)(KMALLOC_MAX_SIZE * 2), GFP_KERNEL, 0) < 0);
    quarry_set_report_hook(NULL, NULL);
    assert_int_equal(mempool_init_kvmalloc_pool(&pool, 1, 100), 0);
    mempool_exit(&pool);
}

static void per_cpu_memory_is_given(void **state)
{
    long *each = alloc_percpu_gfp(long, GFP_KERNEL);

    assert_non_null(each);
    assert_ptr_equal(raw_cpu_ptr(each), per_cpu_ptr(each, quarry_cpu()));
    assert_non_null(raw_cpu_ptr(each));
    free_percpu(each);
}

/* ---- answers that need a machine of their own ------------------------------------------------ */

static void on_two_nodes(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 64u << 20, .nodes = 2};
    struct folio *folio;

    CHILD_CHECK(quarry_boot(&machine) == 0);
    folio = folio_alloc_node(GFP_KERNEL | __GFP_THISNODE, 0, 1);
    CHILD_CHECK(folio && folio_nid(folio) == 1);
    CHILD_CHECK(page_to_nid(&folio->page) == 1);
    folio_put(folio);
}

static void a_folio_knows_its_node(void **state)
{
    assert_true(child_exited_well(child_run(on_two_nodes, NULL)));
}

static void count_live(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 64u << 20, .options = "check=1"};
    uint64_t before;
    void *p;

    CHILD_CHECK(quarry_boot(&machine) == 0);
    before = quarry_live_bytes();
    p = kmalloc(1000, GFP_KERNEL);
    CHILD_CHECK(quarry_live_bytes() >= before + 1000);
    kfree(p);
    CHILD_CHECK(quarry_live_bytes() == before);
    CHILD_CHECK(quarry_peak_bytes() >= before + 1000);
}

static void live_and_peak_bytes_follow_allocations(void **state)
{
    assert_true(child_exited_well(child_run(count_live, NULL)));
}

static void count_nothing(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 32u << 20};
    struct page *array[5] = {NULL};
    uint64_t before;

    setenv("QUARRY_WATCH", "0", 1); /* a watched machine counts */
    CHILD_CHECK(quarry_boot(&machine) == 0);
    before = quarry_live_bytes();
    CHILD_CHECK(alloc_pages_bulk_array(GFP_KERNEL, 5, array) == 5);
    CHILD_CHECK(quarry_live_bytes() == before);
    release_pages(array, 5);
    CHILD_CHECK(quarry_live_bytes() == before);
}

static void without_checks_pages_had_in_bulk_are_not_counted(void **state)
{
    if (TEST_THREAD_SANITIZER)
        skip(); /* which watches the machine, and so it counts */
    assert_true(child_exited_well(child_run(count_nothing, NULL)));
}

static void map_the_page_behind_the_last(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 32u << 20};
    struct page *end;

    setenv("QUARRY_WATCH", "0", 1); /* a watched machine looks at the descriptor as well */
    CHILD_CHECK(quarry_boot(&machine) == 0);
    quarry_set_report_hook(be_quiet, NULL);
    end = pfn_to_page(0) + quarry_layout(QUARRY_MAX_MAPNR);
    CHILD_CHECK(kmap(end - 1) != NULL);
    CHILD_CHECK(quarry_findings(QUARRY_FINDING_KINDS) == 0);
    CHILD_CHECK(kmap(end) == NULL);
    CHILD_CHECK(quarry_findings(QUARRY_BAD_REQUEST) == 1);
    CHILD_CHECK(kmap((struct page *)(void *)((char *)pfn_to_page(0) - sizeof(*end))) == NULL);
    CHILD_CHECK(quarry_findings(QUARRY_BAD_REQUEST) == 2);
}

static void without_checks_pages_end_where_the_machine_ends(void **state)
{
    assert_true(child_exited_well(child_run(map_the_page_behind_the_last, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folio_knows_its_node), /* before a machine runs here */
        cmocka_unit_test(without_checks_pages_had_in_bulk_are_not_counted),
        cmocka_unit_test(without_checks_pages_end_where_the_machine_ends),
        cmocka_unit_test(live_and_peak_bytes_follow_allocations),
        cmocka_unit_test(sizes_and_addresses_are_rounded_to_pages),
        cmocka_unit_test(a_mask_says_its_zone_and_whether_it_blocks),
        cmocka_unit_test(a_compound_page_says_its_size),
        cmocka_unit_test(arrays_on_a_node_and_anywhere_hold_their_elements),
        cmocka_unit_test(caches_say_whether_they_hold_objects),
        cmocka_unit_test(texts_are_made),
        cmocka_unit_test(the_old_kvrealloc_moves_the_contents),
        cmocka_unit_test(a_computed_class_gives_its_block),
        cmocka_unit_test(pools_in_place_are_filled_or_say_why_not),
        cmocka_unit_test(per_cpu_memory_is_given),
    };

    return cmocka_run_group_tests_name("answers_api", tests, NULL, NULL);
}
