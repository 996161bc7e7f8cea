/* SPDX-License-Identifier: MIT */
/* The sizes that docs/limits.md states: the smallest machine, what a descriptor takes. And what a machine
 * says of itself and of options it cannot follow. */
#include "machine.h"

/* docs/limits.md, "Sizes" */
#define SMALLEST_PAGES 24

static void the_smallest_machine_is_as_small_as_stated(void **state)
{
    struct test_spec refused = {.pages = SMALLEST_PAGES / 3, .nr_cpus = 1, .expect_failure = true};

    (void)state;
    assert_null(test_boot_with(&refused));
    assert_non_null(strstr(test_why, "too small"));
    for (unsigned long pages = SMALLEST_PAGES; pages < SMALLEST_PAGES + 8; pages++) {
        struct test_spec spec = {.pages = pages, .nr_cpus = 1};
        struct quarry *q = test_boot_with(&spec);
        void *block = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
        struct page *page = qr_alloc_pages(&q->zones, GFP_ATOMIC, 0, NUMA_NO_NODE);

        assert_non_null(block);
        assert_non_null(page);
        qr_free_block(&q->zones, page, 0);
        qr_kfree_slow(&q->kmalloc, block, "kfree");
        test_end(q);
    }
}

static void a_descriptor_is_32_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct page), 32);
}

/* A boot with @options is refused with a reason that has @why. */
static void assert_refused(const char *options, const char *why)
{
    struct test_spec spec = {.pages = 256, .options = options, .expect_failure = true};

    assert_null(test_boot_with(&spec));
    if (!strstr(test_why, why))
        fail_msg("\"%s\" is refused with \"%s\", not with \"%s\"", options, test_why, why);
}

static void options_that_cannot_be_followed_are_refused_by_name(void **state)
{
    (void)state;
    assert_refused("nonsense=1", "nonsense");
    assert_refused("min_free_kbytes", "needs a value");
    assert_refused("min_free_kbytes=many", "bad value \"many\"");
    assert_refused("lowmem_reserve_ratio=256,x", "bad value \"256,x\"");
    assert_refused("lowmem_reserve_ratio=1,2,3,4,5,6", "bad value");
    assert_refused("slab_debug=Q", "slab_debug");
}

static void ratios_reach_the_zones_as_far_as_they_are_given(void **state)
{
    struct test_spec spec = {
        .pages = 1024, .profile = "zones", .options = "lowmem_reserve_ratio=100,0,7"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->zones.lowmem_ratio[0], 100);
    assert_int_equal(q->zones.lowmem_ratio[2], 7);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_machine_is_as_small_as_stated),
        cmocka_unit_test(a_descriptor_is_32_bytes),
        cmocka_unit_test(options_that_cannot_be_followed_are_refused_by_name),
        cmocka_unit_test(ratios_reach_the_zones_as_far_as_they_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
