/* SPDX-License-Identifier: MIT */
/* The layer starts, or says why not: a second one is started over the memory of a machine that runs. */
#include "vm_support.h"

static struct vm_held held_memory;

/* Take every object of a cache of a machine without free memory, but for the last @left. */
static void drain_cache(struct kmem_cache *cache, unsigned int left)
{
    void *last[8], *object;
    unsigned int nr = 0;
    assert_true(left < QR_ARRAY_SIZE(last));
    while ((object = qr_cache_alloc_slow(cache, GFP_NOWAIT | __GFP_NOWARN, NUMA_NO_NODE)))
        last[nr++ % QR_ARRAY_SIZE(last)] = object;
    for (unsigned int i = 0; i < left; i++)
        qr_cache_free_slow(cache->owner, cache, last[(nr - 1 - i) % QR_ARRAY_SIZE(last)], "test");
}

struct start {
    struct quarry *q;
    struct qp_machine machine;
    struct qr_vm vm;
    int error;
    char why[128];
};

/* Start with memory for @caches records of caches and for nothing else. */
static void start_on_little(struct start *start, unsigned int caches, bool window)
{
    struct test_spec spec = {.pages = 1024};
    struct quarry *q = test_boot_with(&spec);
    *start = (struct start){.q = q, .machine = q->machine};
    start->vm.kmalloc = &q->kmalloc;
    start->vm.zones = &q->zones;
    start->vm.reclaim = &q->reclaim;
    start->vm.grace = &q->grace;
    start->vm.check = &q->check;
    start->vm.faults = &q->faults;
    if (!window)
        start->machine.vmalloc_end = start->machine.vmalloc_start;
    qr_reclaim_stop(&q->reclaim);
    vm_hold_all(q, &held_memory, GFP_ATOMIC | __GFP_MEMALLOC);
    drain_cache(&q->slabs.cache_cache, caches);
    start->error = qr_vm_init(&start->vm, &start->machine, start->why, sizeof(start->why));
}

static void a_machine_too_small_for_any_record_of_vmalloc_is_told_so(void **state)
{
    for (unsigned int caches = 0; caches < 4; caches++) {
        struct start start;
        start_on_little(&start, caches, false);
        assert_int_equal(start.error, -QR_ENOMEM);
        assert_non_null(strstr(start.why, "too small: no memory for vmalloc's records"));
        assert_ptr_equal(start.q->zones.describe_data, &start.q->vm); /* nobody knows of it */
        test_abandon(start.q);
    }
}

static void a_machine_too_small_for_the_window_is_told_so(void **state)
{
    static struct start start; /* reclaim knows of it until the machine ends */
    start_on_little(&start, 4, true);
    assert_int_equal(start.error, -QR_ENOMEM);
    assert_non_null(strstr(start.why, "too small: no memory for vmalloc's records"));
    assert_ptr_equal(start.vm.start, NULL);
    test_abandon(start.q);
}

static void without_a_window_no_record_is_needed_but_the_caches(void **state)
{
    static struct start start;
    start_on_little(&start, 4, false);
    assert_int_equal(start.error, 0);
    assert_string_equal(start.why, "");
    assert_int_equal(start.vm.arena.nr_ranges, 0);
    test_abandon(start.q);
}

static void a_window_that_ends_inside_a_page_is_refused(void **state)
{
    struct test_spec spec = {.pages = 256, .vmalloc = TEST_BROKEN_VMALLOC, .expect_failure = true};
    assert_null(test_boot_with(&spec));
    assert_non_null(strstr(test_why, "is no range of whole pages"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_too_small_for_any_record_of_vmalloc_is_told_so),
        cmocka_unit_test(a_machine_too_small_for_the_window_is_told_so),
        cmocka_unit_test(without_a_window_no_record_is_needed_but_the_caches),
        cmocka_unit_test(a_window_that_ends_inside_a_page_is_refused),
    };
    return cmocka_run_group_tests_name("vm start", tests, NULL, NULL);
}
