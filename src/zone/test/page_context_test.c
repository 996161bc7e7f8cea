/* SPDX-License-Identifier: MIT */
/* The way of a request: what it may do in its context and scope, and requests that make no sense. */
#include "reclaim_bench.h"

/* ---- C: contexts and scopes ----------------------------------------------------------------- */

static void g_c1_a_sleeping_request_in_atomic_context_is_reported_and_served(void **state)
{
    struct zm *m = bench_with((struct zm_spec){.level = 1});
    struct zm_hoard *hoard = leave(m, 150);
    qp_lock_t lock = {0};
    unsigned long held;
    struct page *page;
    (void)state;
    held = qp_lock(&lock);
    page = zm_alloc(m, GFP_KERNEL | __GFP_HIGH, 0);
    qp_unlock(&lock, held);
    assert_non_null(page); /* as one that cannot sleep: __GFP_HIGH may take the last */
    assert_int_equal(rc.rounds, 0);
    assert_int_equal(zm_findings(m, QUARRY_BAD_CONTEXT), 1);
    assert_non_null(strstr(zm_last, "alloc_pages"));
    held = qp_lock(&lock);
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    qp_unlock(&lock, held);
    assert_int_equal(rc.rounds, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_c1_checked_builds_look_at_every_call(void **state)
{
    struct zm *m = bench_with((struct zm_spec){.level = 1});
    qp_lock_t lock = {0};
    (void)state;
    for (int i = 1; i <= 3; i++) {
        unsigned long held = qp_lock(&lock);
        struct page *page = zm_alloc(m, GFP_KERNEL, 0);
        qp_unlock(&lock, held);
        zm_free(m, page, 0);
        assert_int_equal(zm_findings(m, QUARRY_BAD_CONTEXT), i);
    }
    zm_end(m);
}

static void g_c2_requests_that_cannot_sleep_only_wake_background_reclaim(void **state)
{
    static const gfp_t mask[] = {GFP_ATOMIC, GFP_NOWAIT, 0, __GFP_HIGH};
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    (void)state;
    rc.hoard = hoard;
    rc.give = 10;
    for (size_t i = 0; i < QR_ARRAY_SIZE(mask); i++) {
        rc.wakes = 0;
        assert_null(zm_alloc(m, mask[i] | __GFP_NOWARN, 0));
        assert_int_equal(rc.rounds + rc.ooms, 0);
        assert_int_equal(rc.wakes > 0, (mask[i] & __GFP_KSWAPD_RECLAIM) != 0);
    }
    zm_release(m, hoard);
    zm_end(m);
}

static void g_c5_scopes_narrow_every_request_made_in_them(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    struct qp_task *task = qp_task();
    (void)state;
    task->scope_clear = __GFP_IO | __GFP_FS;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_true(rc.rounds > 0);
    assert_int_equal(rc.gfp & (__GFP_IO | __GFP_FS), 0);
    assert_int_equal(rc.ooms, 0);
    task->scope_clear = __GFP_FS;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(rc.gfp & (__GFP_IO | __GFP_FS), __GFP_IO);
    task->scope_clear = 0;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(rc.gfp & (__GFP_IO | __GFP_FS), __GFP_IO | __GFP_FS);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_c5_the_noreclaim_scope_gives_reserves_and_bars_reclaim(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 1);
    struct qp_task *task = qp_task();
    struct page *page;
    (void)state;
    task->scope_set = __GFP_MEMALLOC;
    task->scope_clear = __GFP_DIRECT_RECLAIM;
    page = zm_alloc(m, GFP_KERNEL, 0);
    assert_non_null(page);
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(rc.rounds, 0);
    task->scope_set = task->scope_clear = 0;
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

/* ---- sanity --------------------------------------------------------------------------------- */

static void g_s7_too_large_an_order_fails_with_a_report(void **state)
{
    struct zm *m = bench();
    (void)state;
    assert_null(zm_alloc(m, GFP_KERNEL, MAX_PAGE_ORDER + 1));
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(zm_last, "largest order"));
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, ~0u));
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
    zm_end(m);
}

static void g_z10_unknown_flag_bits_are_reported_and_ignored(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL | 1u << 30, 0);
    (void)state;
    assert_non_null(page);
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(zm_last, "unknown"));
    zm_free(m, page, 0);
    zm_end(m);
}

static void without_reclaim_a_request_fails_soon(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 100);
    (void)state;
    memset(&m->zones.reclaim, 0, sizeof(m->zones.reclaim));
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    zm_release(m, hoard);
    zm_end(m);
}

static void cleared_requests_stay_out_of_high_memory_while_nobody_can_clear_it(void **state)
{
    struct zm *m = bench_with((struct zm_spec){.low_limit = (phys_addr_t)2048 << PAGE_SHIFT});
    struct page *page = zm_alloc(m, GFP_HIGHUSER | __GFP_ZERO, 0);
    (void)state;
    assert_true(qr_page_is_low(&m->map, page));
    zm_free(m, page, 0);
    zm_end(m);
}

static unsigned long test_cleared;

static void test_clear_high(void *data, struct page *page)
{
    assert_ptr_equal(data, &test_cleared);
    assert_false(qr_page_is_low(&rc.m->map, page));
    test_cleared++;
}

static void high_pages_are_cleared_by_whoever_registered(void **state)
{
    struct zm *m = bench_with((struct zm_spec){.low_limit = (phys_addr_t)2048 << PAGE_SHIFT});
    struct page *page;
    (void)state;
    m->zones.clear_high = test_clear_high;
    m->zones.clear_high_data = &test_cleared;
    page = zm_alloc(m, GFP_HIGHUSER | __GFP_ZERO, 2);
    assert_false(qr_page_is_low(&m->map, page));
    assert_int_equal(test_cleared, 4);
    m->zones.init_on_free = true;
    qr_zones_update_hooks(&m->zones);
    zm_free(m, page, 2);
    assert_int_equal(test_cleared, 8);
    page = zm_alloc(m, GFP_HIGHUSER, 2);
    m->zones.clear_high = NULL; /* then it keeps what is in it */
    zm_free(m, page, 2);
    assert_int_equal(test_cleared, 8);
    zm_end(m);
}

static void an_armed_fault_point_fails_the_chosen_request(void **state)
{
    struct zm *m = bench();
    struct quarry_fault fault = {.nth = 2};
    struct page *a, *b;
    (void)state;
    qr_fault_set(&m->faults, QUARRY_FAIL_PAGE_ALLOC, &fault);
    qr_zones_update_hooks(&m->zones);
    a = zm_alloc(m, GFP_KERNEL, 0);
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    b = zm_alloc(m, GFP_KERNEL, 0);
    assert_non_null(a);
    assert_non_null(b);
    qr_fault_set(&m->faults, QUARRY_FAIL_PAGE_ALLOC, NULL);
    qr_zones_update_hooks(&m->zones);
    zm_free(m, a, 0);
    zm_free(m, b, 0);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_c1_a_sleeping_request_in_atomic_context_is_reported_and_served),
        cmocka_unit_test(g_c1_checked_builds_look_at_every_call),
        cmocka_unit_test(g_c2_requests_that_cannot_sleep_only_wake_background_reclaim),
        cmocka_unit_test(g_c5_scopes_narrow_every_request_made_in_them),
        cmocka_unit_test(g_c5_the_noreclaim_scope_gives_reserves_and_bars_reclaim),
        cmocka_unit_test(g_s7_too_large_an_order_fails_with_a_report),
        cmocka_unit_test(g_z10_unknown_flag_bits_are_reported_and_ignored),
        cmocka_unit_test(without_reclaim_a_request_fails_soon),
        cmocka_unit_test(cleared_requests_stay_out_of_high_memory_while_nobody_can_clear_it),
        cmocka_unit_test(high_pages_are_cleared_by_whoever_registered),
        cmocka_unit_test(an_armed_fault_point_fails_the_chosen_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
