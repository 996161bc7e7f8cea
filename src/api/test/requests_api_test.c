/* SPDX-License-Identifier: MIT */
/* What each call asks for: the layer below is asked for exactly the bytes and with exactly the mask that the
 * name promises. A fault hook, which sees every request on its way, listens and lets them pass. */
#undef QUARRY_BUILDING_CORE
#include <quarry/quarry.h>
#include "sanitizer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Where a sanitizer watches, freed memory is used again as late as possible. */
#define REUSED_LATE (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)

static struct quarry_fault_request first[QUARRY_FAULT_POINTS]; /* since the last call of heard() */
static unsigned long nr[QUARRY_FAULT_POINTS];

static struct quarry_fault_request largest; /* of all requests for pages */

static bool listen_in(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAIL_PAGE_ALLOC && request->size > largest.size)
        largest = *request;
    if (nr[request->point]++ == 0)
        first[request->point] = *request;
    return false;
}

static unsigned long found;

static bool remember(const struct quarry_report *report, void *data)
{
    found++;
    return false;
}

static int begin(void **state)
{
    /* Nothing else shall come between: caches are made, and one object of each lies ready. */
    kfree(kmalloc(40, GFP_KERNEL));
    quarry_set_fault_hook(listen_in, NULL);
    memset(nr, 0, sizeof(nr));
    return 0;
}

static int end(void **state)
{
    quarry_set_fault_hook(NULL, NULL);
    return 0;
}

static void assert_heard(int line, enum quarry_fault_point point, size_t size, gfp_t gfp)
{
    if (!nr[point])
        fail_msg("line %d: nobody was asked", line);
    if (first[point].size != size || first[point].gfp != gfp)
        fail_msg("line %d: %zu bytes with mask 0x%x, not %zu with 0x%x", line, first[point].size,
                 first[point].gfp, size, gfp);
    memset(nr, 0, sizeof(nr));
}
#define assert_slab(size, gfp) assert_heard(__LINE__, QUARRY_FAILSLAB, size, gfp)
#define assert_pages(size, gfp) assert_heard(__LINE__, QUARRY_FAIL_PAGE_ALLOC, size, gfp)
#define assert_area(size, gfp) assert_heard(__LINE__, QUARRY_FAIL_VMALLOC, size, gfp)

static void blocks_are_asked_for_as_named(void **state)
{
    volatile size_t size = 100, large = 20000;

    kfree(kmalloc(size, GFP_ATOMIC));
    assert_slab(100, GFP_ATOMIC);
    kfree(quarry_kmalloc(size, GFP_NOWAIT));
    assert_slab(100, GFP_NOWAIT);
    kfree((kmalloc)(size, GFP_KERNEL));
    assert_slab(100, GFP_KERNEL);
    kfree((kmalloc)(large, GFP_KERNEL));
    assert_slab(20000, GFP_KERNEL);
    kfree((kmalloc)(8192, GFP_KERNEL)); /* the largest that is no block of pages */
    assert_slab(8192, GFP_KERNEL);
    kfree(kmalloc_node(size, GFP_KERNEL, 0));
    assert_slab(100, GFP_KERNEL);
    kfree(kmalloc_node(size, GFP_ATOMIC, NUMA_NO_NODE));
    assert_slab(100, GFP_ATOMIC);
    kfree(kzalloc(size, GFP_KERNEL));
    assert_slab(100, GFP_KERNEL | __GFP_ZERO);
    kfree(kcalloc(10, 7, GFP_KERNEL));
    assert_slab(70, GFP_KERNEL | __GFP_ZERO);
    kfree(kmemdup("abcdefgh", 5, GFP_NOWAIT));
    assert_slab(5, GFP_NOWAIT);
    kfree(kmemdup_nul("abcdefgh", 5, GFP_NOWAIT));
    assert_slab(6, GFP_NOWAIT);
    kfree(kmemdup_array("abcdefgh", 2, 3, GFP_NOWAIT));
    assert_slab(6, GFP_NOWAIT);
    kfree(kstrdup("abcd", GFP_ATOMIC));
    assert_slab(5, GFP_ATOMIC);
    kfree(kstrndup("abcd", 2, GFP_ATOMIC));
    assert_slab(3, GFP_ATOMIC);
    kfree(kasprintf(GFP_ATOMIC, "%d", 123));
    assert_slab(4, GFP_ATOMIC);
    kvfree(kvmalloc_node(size, GFP_KERNEL, 0));
    assert_slab(100, GFP_KERNEL);
}

/* An area of a size comes from memory that was full before: it is clear only if somebody cleared it. */
static void assert_cleared(char *area, size_t size, bool cleared)
{
    bool clear = true;

    for (size_t i = 0; i < size; i++)
        clear = clear && !area[i];
    assert_int_equal(clear, cleared);
    memset(area, 0x5a, size);
    vfree(area);
}

static void areas_are_asked_for_as_named(void **state)
{
    const gfp_t plain = GFP_KERNEL | __GFP_HIGHMEM;

    memset(vmalloc(6010), 0x5a, 6010);
    assert_cleared(memset(vmalloc(6010), 0x5a, 6010), 6010, false);
    memset(nr, 0, sizeof(nr));
    assert_cleared(vmalloc(5000), 5000, false);
    assert_area(5000, plain);
    assert_cleared(vzalloc(5001), 5001, true);
    assert_area(5001, plain);
    assert_cleared(vmalloc_user(5002), 5002, true);
    assert_area(5002, plain);
    vfree(vmalloc_32(5003));
    assert_area(5003, GFP_KERNEL | __GFP_DMA32);
    assert_cleared(vmalloc_32_user(5004), 5004, true);
    assert_area(5004, GFP_KERNEL | __GFP_DMA32);
    vfree(vmalloc_node(5005, 0));
    assert_area(5005, plain);
    assert_cleared(vzalloc_node(5006, 0), 5006, true);
    assert_area(5006, plain);
    vfree(vmalloc_array(10, 600));
    assert_area(6000, plain);
    assert_cleared(vcalloc(10, 601), 6010, true);
    assert_area(6010, plain);
    vfree(vmalloc_huge(5007, GFP_KERNEL | __GFP_NOWARN));
    assert_area(5007, plain | __GFP_NOWARN);
}

/* The list of 4096 pages is 32 KiB: had in one piece if that is easy, and nobody is troubled for it. */
static void a_long_list_of_pages_is_asked_for_lightly(void **state)
{
    void *area;

    memset(&largest, 0, sizeof(largest));
    area = vmalloc(16ul << 20);
    assert_non_null(area);
    assert_int_equal(largest.size, 32768);
    assert_int_equal(largest.gfp & (__GFP_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL), 0);
    assert_true(largest.gfp & __GFP_NORETRY);
    vfree(area);
}

static void pages_are_asked_for_as_named(void **state)
{
    struct page *array[3] = {NULL}, *page = alloc_pages(GFP_KERNEL, 2);
    void *exact;

    assert_pages(4 * PAGE_SIZE, GFP_KERNEL);
    __free_pages(page, 2);
    page = alloc_pages_node(0, GFP_ATOMIC, 1);
    assert_pages(2 * PAGE_SIZE, GFP_ATOMIC);
    __free_pages(page, 1);
    free_page(get_zeroed_page(GFP_KERNEL));
    assert_pages(PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
    free_pages(__get_free_pages(GFP_NOWAIT, 1), 1);
    assert_pages(2 * PAGE_SIZE, GFP_NOWAIT);
    exact = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL);
    assert_pages(4 * PAGE_SIZE, GFP_KERNEL);
    free_pages_exact(exact, 3 * PAGE_SIZE);
    exact = alloc_pages_exact_nid(0, 4 * PAGE_SIZE, GFP_NOFS);
    assert_pages(4 * PAGE_SIZE, GFP_NOFS);
    free_pages_exact(exact, 4 * PAGE_SIZE);
    assert_int_equal(quarry_alloc_pages_bulk(GFP_KERNEL, 0, 3, NULL, array), 3);
    assert_int_equal(first[QUARRY_FAIL_PAGE_ALLOC].gfp, GFP_KERNEL);
    release_pages(array, 3);
    assert_int_equal(quarry_alloc_pages_bulk(GFP_KERNEL, 0, 3, NULL, NULL), 0);
}

/* Stretches of empty slots are filled until one falls short; what is full counts. */
static unsigned long refuse_from; /* the request for pages that fails, and all behind it */

static bool refuse_later(const struct quarry_fault_request *request, void *data)
{
    return request->point == QUARRY_FAIL_PAGE_ALLOC && ++nr[request->point] >= refuse_from;
}

static void a_bulk_that_falls_short_counts_what_is_full(void **state)
{
    struct page *own = alloc_page(GFP_KERNEL), *array[6] = {NULL, own, NULL, NULL, own, NULL};

    quarry_set_fault_hook(refuse_later, NULL);
    refuse_from = 2;
    memset(nr, 0, sizeof(nr));
    assert_int_equal(quarry_alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, 0, 6, NULL, array), 3);
    assert_int_equal(nr[QUARRY_FAIL_PAGE_ALLOC], 2); /* nobody is asked for the last stretch */
    quarry_set_fault_hook(NULL, NULL);
    assert_non_null(array[0]);
    assert_null(array[2]);
    assert_null(array[3]);
    assert_null(array[5]);
    __free_page(array[0]);
    __free_page(own);
}

static void a_static_range_ends_where_it_was_said_to(void **state)
{
    static char range[128] __attribute__((aligned(64)));

    found = 0;
    quarry_set_report_hook(remember, NULL);
    assert_int_equal(quarry_percpu_register(range, 64), 0);
    assert_ptr_not_equal(per_cpu_ptr(&range[63], 0), &range[63]);
    assert_int_equal(found, 0);
    assert_ptr_equal(per_cpu_ptr(&range[64], 0), &range[64]); /* nobody's */
    assert_int_equal(found, 1);
    quarry_percpu_unregister(range);
    assert_ptr_equal(per_cpu_ptr(&range[63], 0), &range[63]); /* no longer */
    assert_int_equal(found, 2);
    quarry_set_report_hook(NULL, NULL);
}

static void objects_are_asked_for_as_named(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("requests", 72, 0, 0, NULL);
    void *object[2];

    memset(nr, 0, sizeof(nr));
    kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_ATOMIC));
    assert_slab(72, GFP_ATOMIC);
    kmem_cache_free(cache, kmem_cache_zalloc(cache, GFP_KERNEL));
    assert_slab(72, GFP_KERNEL | __GFP_ZERO);
    kmem_cache_free(cache, kmem_cache_alloc_lru(cache, NULL, GFP_NOWAIT));
    assert_slab(72, GFP_NOWAIT);
    object[0] = kmem_cache_alloc_node(cache, GFP_KERNEL, 0);
    assert_non_null(object[0]);
    assert_slab(72, GFP_KERNEL);
    kmem_cache_free(cache, object[0]);
    object[0] = kmem_cache_alloc_node(cache, GFP_ATOMIC, NUMA_NO_NODE);
    assert_non_null(object[0]);
    assert_slab(72, GFP_ATOMIC);
    kmem_cache_free(cache, object[0]);
    assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_NOWAIT, 2, object), 2);
    assert_slab(72, GFP_NOWAIT);
    kmem_cache_free_bulk(cache, 2, object);
    kmem_cache_destroy(cache);
}

/* A mask that says more than a cache can do is looked at, however the object comes: without the hook, which
 * would send all requests the slow way. */
static void masks_are_looked_at_before_a_stack_is(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("requests-mask", 104, 0, SLAB_NO_MERGE, NULL);
    void *object;

    found = 0;
    quarry_set_report_hook(remember, NULL);
    kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
    kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL | 0x80000000u));
    assert_int_equal(found, 1);
    kmem_cache_free(cache, kmem_cache_zalloc(cache, GFP_KERNEL | 0x80000000u));
    assert_int_equal(found, 2);
    kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
    assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL | 0x80000000u, 1, &object), 1);
    assert_int_equal(found, 3);
    kmem_cache_free(cache, object);
    kmem_cache_destroy(cache);
    quarry_set_report_hook(NULL, NULL);
}

/* Whoever waits may free here and now; vfree_atomic may not, and leaves it to others. */
static void an_area_is_gone_when_vfree_returns(void **state)
{
    unsigned long before = vmalloc_nr_pages();
    void *area[3];

    for (int i = 0; i < 3; i++)
        area[i] = vmalloc(16ul << 20); /* too large to be kept */
    assert_int_equal(vmalloc_nr_pages(), before + 3 * 4096);
    vfree(area[0]);
    assert_int_equal(vmalloc_nr_pages(), before + 2 * 4096);
    quarry_vfree_26(area[1]);
    assert_int_equal(vmalloc_nr_pages(), before + 4096);
    vfree_atomic(area[2]);
    vfree(vmalloc(100)); /* finishes what was put off */
    assert_true(vmalloc_nr_pages() <= before + 1);
}

/* With a cache only its objects may be among them, without one any block. */
static void bulk_frees_know_their_cache(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("requests-bulk", 88, 0, SLAB_NO_MERGE, NULL);
    void *object[3];

    found = 0;
    quarry_set_report_hook(remember, NULL);
    assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 3, object), 3);
    kmem_cache_free_bulk(cache, 3, object);
    object[0] = kmalloc(5000, GFP_KERNEL);
    object[1] = kmalloc(50000, GFP_KERNEL);
    object[2] = kmalloc(72, GFP_KERNEL);
    kmem_cache_free_bulk(NULL, 3, object);
    assert_int_equal(found, 0);
    object[0] = kmalloc(72, GFP_KERNEL);
    if (!REUSED_LATE)
        assert_ptr_equal(object[0], object[2]);
    kmem_cache_free_bulk(cache, 1, object);
    assert_int_equal(found, 1);
    kmem_cache_destroy(cache);
    quarry_set_report_hook(NULL, NULL);
}

static void secrets_are_wiped(void **state)
{
    char *block = kvmalloc(64, GFP_KERNEL), *area = kvmalloc(9u << 20, GFP_KERNEL);

    memset(block, 0x5a, 64);
    kvfree_sensitive(block, 64);
    if (REUSED_LATE)
        skip();                                       /* nobody may look at what was freed */
    assert_ptr_equal(kmalloc(64, GFP_KERNEL), block); /* the one freed last */
    for (int i = 8; i < 64; i++)                      /* the first word may be a link */
        assert_int_equal(block[i], 0);
    kfree(block);
    assert_true(is_vmalloc_addr(area));
    kvfree_sensitive(area, 9u << 20);
    kvfree_sensitive(NULL, 9);
}

static void only_a_head_has_an_order(void **state)
{
    struct page *page = alloc_pages(GFP_KERNEL, 3),
                *compound = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);

    assert_int_equal(compound_order(page), 0);
    assert_int_equal(compound_order(compound), 3);
    assert_int_equal(compound_order(compound + 1), 0);
    __free_pages(page, 3);
    __free_pages(compound, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_are_asked_for_as_named, begin, end),
        cmocka_unit_test_setup_teardown(areas_are_asked_for_as_named, begin, end),
        cmocka_unit_test_setup_teardown(a_long_list_of_pages_is_asked_for_lightly, begin, end),
        cmocka_unit_test_setup_teardown(pages_are_asked_for_as_named, begin, end),
        cmocka_unit_test_setup_teardown(a_bulk_that_falls_short_counts_what_is_full, begin, end),
        cmocka_unit_test_setup_teardown(a_static_range_ends_where_it_was_said_to, begin, end),
        cmocka_unit_test_setup_teardown(objects_are_asked_for_as_named, begin, end),
        cmocka_unit_test(masks_are_looked_at_before_a_stack_is),
        cmocka_unit_test(an_area_is_gone_when_vfree_returns),
        cmocka_unit_test_setup_teardown(bulk_frees_know_their_cache, begin, end),
        cmocka_unit_test_setup_teardown(secrets_are_wiped, begin, end),
        cmocka_unit_test_setup_teardown(only_a_head_has_an_order, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
