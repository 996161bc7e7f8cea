/* SPDX-License-Identifier: MIT */
/* The way of a request: how deep into the reserves, and how hard it tries. */
#include <pthread.h>
#include "reclaim_bench.h"

#include "console.h"

/* ---- W: how deep ---------------------------------------------------------------------------- */

static void g_w1_above_low_a_request_is_served_at_once(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 251);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    assert_non_null(page);
    assert_int_equal(rc.wakes, 0);
    assert_int_equal(rc.rounds, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w1_below_low_background_reclaim_is_woken(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 250);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    assert_non_null(page);
    assert_int_equal(rc.wakes, 1);
    assert_ptr_equal(rc.woken, &m->zones.zone[0]);
    assert_int_equal(rc.rounds, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w1_without_the_kswapd_bit_nobody_is_woken(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 220);
    struct page *page = zm_alloc(m, GFP_KERNEL & ~__GFP_KSWAPD_RECLAIM, 0);
    (void)state;
    assert_non_null(page);
    assert_int_equal(rc.wakes, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w2_a_request_that_may_reclaim_stops_at_min(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 201);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0), *second;
    (void)state;
    assert_non_null(page);
    assert_int_equal(free_of(m), 200);
    assert_int_equal(rc.rounds, 0);
    rc.hoard = hoard;
    rc.give = 1;
    second = zm_alloc(m, GFP_KERNEL, 0);
    assert_non_null(second);
    assert_int_equal(rc.rounds, 1);
    assert_int_equal(free_of(m), 200);
    zm_free(m, second, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w2_a_request_that_may_not_reclaim_fails_at_min(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 200);
    (void)state;
    assert_null(zm_alloc(m, GFP_NOWAIT, 0));
    assert_int_equal(free_of(m), 200);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w3_atomic_may_take_the_last_page_and_then_fails_at_once(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 1);
    struct page *last = zm_alloc(m, GFP_ATOMIC, 0);
    (void)state;
    assert_non_null(last);
    assert_int_equal(free_of(m), 0);
    assert_null(zm_alloc(m, GFP_ATOMIC | __GFP_NOWARN, 0));
    assert_int_equal(rc.rounds, 0);
    zm_free(m, last, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w3_high_that_may_sleep_reaches_down_to_half_of_min(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 102);
    struct page *a = zm_alloc(m, GFP_KERNEL | __GFP_HIGH, 0);
    struct page *b = zm_alloc(m, GFP_KERNEL | __GFP_HIGH, 0);
    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(rc.rounds, 0);
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_HIGH | __GFP_NORETRY | __GFP_NOWARN, 0));
    assert_int_equal(rc.rounds, 1);
    zm_free(m, a, 0);
    zm_free(m, b, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w3_lowmem_reserve_still_binds_atomic_requests(void **state)
{
    struct zm *m =
        bench_with((struct zm_spec){.pages = 8192, .dma_limit = (phys_addr_t)1024 << PAGE_SHIFT});
    struct zone *dma = zm_zone(m, ZONE_DMA);
    struct zm_hoard *hoard = zm_hoard(m, GFP_ATOMIC);
    (void)state;
    assert_true(dma->lowmem_reserve[ZONE_NORMAL] > 0);
    assert_int_equal(free_of(m), dma->lowmem_reserve[ZONE_NORMAL]);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w3_the_floor_for_reclaim_is_passed_by_reclaim_alone(void **state)
{
    struct zm *m = bench_with((struct zm_spec){.reserve_for_reclaim_pages = 50});
    struct zm_hoard *hoard = zm_hoard(m, GFP_ATOMIC);
    struct page *page;
    (void)state;
    assert_int_equal(free_of(m), 50);
    page = zm_alloc(m, GFP_ATOMIC | __GFP_MEMALLOC, 0);
    assert_non_null(page);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w3_a_failure_at_the_floor_for_reclaim_is_explained_by_it(void **state)
{
    struct zm *m = bench_with((struct zm_spec){.reserve_for_reclaim_pages = 400});
    struct zm_hoard *hoard = leave(m, 300); /* above min by 100, below the floor by as many */
    struct qr_request request;
    char words[768] = "";
    struct qr_text text = {words, sizeof(words), 0};
    (void)state;
    assert_null(zm_alloc(m, GFP_NOWAIT, 0));
    assert_true(qr_request_init(&request, &m->zones, GFP_NOWAIT, 0, NUMA_NO_NODE));
    qr_request_explain(&request, &text);
    assert_non_null(strstr(words, "1200 KiB free, of which this mask must leave 800 KiB as every "
                                  "mask, and 800 KiB for requests"));
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w4_memalloc_ignores_all_watermarks(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 1);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_MEMALLOC, 0);
    (void)state;
    assert_non_null(page);
    assert_int_equal(rc.rounds, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w4_memalloc_may_have_the_first_page_that_reclaim_frees(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    struct page *page;
    (void)state;
    rc.hoard = hoard;
    rc.give = 1;
    page = zm_alloc(m, GFP_KERNEL | __GFP_MEMALLOC, 0);
    assert_non_null(page);
    assert_int_equal(rc.rounds, 1);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w4_nomemalloc_wins_over_memalloc(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 100);
    (void)state;
    assert_null(zm_alloc(m, __GFP_MEMALLOC | __GFP_NOMEMALLOC | __GFP_NOWARN, 0));
    qp_task()->reclaims++;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_NOWARN, 0));
    qp_task()->reclaims--;
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w4_a_request_made_inside_reclaim_ignores_watermarks_and_does_not_reclaim(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    struct page *page;
    (void)state;
    rc.allocates = true;
    rc.hoard = hoard;
    rc.give = 200;
    page = zm_alloc(m, GFP_KERNEL, 0);
    assert_non_null(page);
    assert_non_null(rc.got);
    assert_int_equal(rc.rounds, 1);
    zm_free(m, page, 0);
    zm_free(m, rc.got, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_w6_a_high_order_request_needs_a_block_not_just_pages(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    unsigned long nr = hoard->nr, freed = 0;
    struct page *page;
    (void)state;
    /* Every page with an even frame number comes back: half of memory, and no two together. */
    for (unsigned long i = 0; i < nr; i++) {
        if (zm_pfn(m, hoard->page[i]) % 2 == 0) {
            zm_free(m, hoard->page[i], 0);
            hoard->page[i] = NULL;
            freed++;
        }
    }
    qr_pcp_drain_all(&m->zones);
    assert_true(freed > 1900);
    assert_null(zm_alloc(m, GFP_ATOMIC | __GFP_NOWARN, 1));
    page = zm_alloc(m, GFP_ATOMIC, 0);
    assert_non_null(page);
    zm_free(m, page, 0);
    for (unsigned long i = 0; i < nr; i++) {
        if (hoard->page[i])
            zm_free(m, hoard->page[i], 0);
    }
    free(hoard);
    zm_end(m);
}

/* ---- E: how hard ---------------------------------------------------------------------------- */

static void g_e1_retries_while_reclaim_makes_progress(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 190);
    struct page *page;
    (void)state;
    rc.hoard = hoard;
    rc.give = 1; /* eleven rounds until 200 + 1 are free */
    page = zm_alloc(m, GFP_KERNEL, 0);
    assert_non_null(page);
    assert_int_equal(rc.rounds, 11);
    assert_int_equal(rc.ooms, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e1_then_the_out_of_memory_policy_runs(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    struct page *page;
    (void)state;
    rc.hoard = hoard;
    rc.oom_give = 100;
    page = zm_alloc(m, GFP_KERNEL, 3);
    assert_non_null(page);
    assert_int_equal(rc.ooms, 1);
    assert_true(rc.max_effort > 0);
    zm_free(m, page, 3);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e1_fails_when_the_policy_frees_nothing(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    (void)state;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(rc.ooms, 1);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e1_a_reclaim_that_lies_does_not_hold_a_request_for_ever(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    (void)state;
    rc.lie = 10;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_true(rc.rounds > 10);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e1_a_policy_that_lies_does_not_hold_a_request_for_ever(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    (void)state;
    rc.oom_lie = 1;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(rc.ooms, 16);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e1_no_policy_for_dma_thisnode_or_without_fs(void **state)
{
    static const gfp_t quiet[] = {GFP_KERNEL | __GFP_DMA, GFP_KERNEL | __GFP_DMA32,
                                  GFP_KERNEL | __GFP_THISNODE, GFP_NOFS, GFP_NOIO};
    struct zm *m = bench_with((struct zm_spec){.pages = 8192,
                                               .dma_limit = (phys_addr_t)1024 << PAGE_SHIFT,
                                               .dma32_limit = (phys_addr_t)4096 << PAGE_SHIFT});
    struct zm_hoard *hoard = leave(m, 10);
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(quiet); i++) {
        assert_null(zm_alloc(m, quiet[i] | __GFP_NOWARN, 0));
        assert_true(rc.rounds > 0);
    }
    assert_int_equal(rc.ooms, 0);
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(rc.ooms, 1);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e2_large_orders_run_no_policy(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 205);
    (void)state;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 4));
    assert_true(rc.rounds > 1);
    assert_int_equal(rc.ooms, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e3_noretry_tries_one_light_round(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    (void)state;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, 0));
    assert_int_equal(rc.rounds, 1);
    assert_int_equal(rc.max_effort, 0);
    assert_int_equal(rc.ooms, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e4_retry_mayfail_retries_with_progress_and_runs_no_policy(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 179);
    struct page *page;
    (void)state;
    rc.hoard = hoard;
    rc.give = 11; /* 190, 201 */
    page = zm_alloc(m, GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0);
    assert_non_null(page);
    assert_int_equal(rc.rounds, 2);
    rc.give = 0;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, 0));
    assert_int_equal(rc.ooms, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

/* Frees a page of a hoard after a while. */
static void *late_free(void *arg)
{
    struct zm_hoard *hoard = arg;
    struct qp_event never = {0};
    while (__atomic_load_n(&rc.ooms, __ATOMIC_RELAXED) < 3)
        qp_wait(&never, 0, 1000000);
    zm_free(rc.m, hoard->page[--hoard->nr], 0);
    qr_pcp_drain_local(&rc.m->zones);
    return NULL;
}

static void g_e5_nofail_waits_until_somebody_frees(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    struct page *page;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, late_free, hoard), 0);
    page = zm_alloc(m, GFP_KERNEL | __GFP_NOFAIL, 0);
    assert_non_null(page);
    assert_true(rc.ooms >= 3);
    pthread_join(thread, NULL);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void *free_later(void *arg)
{
    struct zm_hoard *hoard = arg;
    struct qp_event never = {0};
    qp_wait(&never, 0, 20000000);
    zm_free(rc.m, hoard->page[--hoard->nr], 0);
    return NULL;
}

static void g_e5_nofail_inside_reclaim_waits_for_somebody_elses_free(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    struct page *page;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, free_later, hoard), 0);
    qp_task()->reclaims++;
    page = zm_alloc(m, GFP_KERNEL | __GFP_NOFAIL, 0);
    qp_task()->reclaims--;
    assert_non_null(page);
    assert_int_equal(rc.rounds + rc.ooms, 0);
    pthread_join(thread, NULL);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e5_nofail_may_use_the_reserves_after_the_policy_ran(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 100);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_NOFAIL, 0);
    (void)state;
    assert_non_null(page);
    assert_int_equal(rc.ooms, 1);
    assert_int_equal(free_of(m), 99);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

/* "Never fail" is the stronger word. */
static void g_e5_nofail_does_not_give_up_early_though_noretry_is_said(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 150);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_NOFAIL | __GFP_NORETRY, 0);
    (void)state;
    assert_non_null(page);
    assert_true(rc.rounds > 1 && rc.max_effort > 0);
    assert_int_equal(rc.ooms, 0);
    zm_free(m, page, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e5_nofail_that_cannot_wait_is_reported_and_may_fail(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    (void)state;
    assert_null(zm_alloc(m, GFP_ATOMIC | __GFP_NOFAIL | __GFP_NOWARN, 0));
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(zm_last, "__GFP_NOFAIL without __GFP_DIRECT_RECLAIM"));
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e5_nofail_for_more_than_two_pages_is_reported(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_NOFAIL, 1);
    (void)state;
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 0);
    zm_free(m, page, 1);
    page = zm_alloc(m, GFP_KERNEL | __GFP_NOFAIL, 2);
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
    zm_free(m, page, 2);
    zm_end(m);
}

static void g_e6_a_failure_is_reported_unless_nowarn(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    (void)state;
    assert_null(zm_alloc(m, GFP_ATOMIC | __GFP_NOWARN, 3));
    assert_int_equal(zm_findings(m, QUARRY_OUT_OF_MEMORY), 0);
    assert_null(zm_alloc(m, GFP_ATOMIC, 3));
    assert_int_equal(zm_findings(m, QUARRY_OUT_OF_MEMORY), 1);
    assert_non_null(strstr(zm_last, "order:3"));
    assert_non_null(strstr(zm_last, "GFP_ATOMIC"));
    for (int i = 0; i < 100; i++)
        assert_null(zm_alloc(m, GFP_ATOMIC, 0));
    assert_in_range(zm_findings(m, QUARRY_OUT_OF_MEMORY), 2, 30); /* rate limited */
    zm_release(m, hoard);
    zm_end(m);
}

static bool let_it_be_printed(const struct quarry_report *report, void *data)
{
    zm_hook(report, data);
    return true;
}

static void g_e6_a_failure_shows_the_memory_unless_the_hook_takes_it(void **state)
{
    static struct test_console console;
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 0);
    (void)state;
    test_console_begin(&console);
    zm_alloc(m, GFP_ATOMIC, 3);
    test_console_end(&console);
    assert_string_equal(console.text, "");
    m->check.hook = let_it_be_printed;
    test_console_begin(&console);
    zm_alloc(m, GFP_ATOMIC, 3);
    test_console_end(&console);
    assert_int_equal(zm_findings(m, QUARRY_OUT_OF_MEMORY), 2);
    assert_non_null(strstr(console.text, "page allocation failure: order:3"));
    assert_non_null(strstr(console.text, "Mem-Info"));
    assert_non_null(strstr(console.text, "would have helped"));
    zm_release(m, hoard);
    zm_end(m);
}

static void g_e7_zeroed_pages_are_zero_and_others_keep_what_was_there(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 2), *again;
    unsigned char *p = qr_page_virt(&m->map, page);
    (void)state;
    memset(p, 0xc3, 4 * PAGE_SIZE);
    zm_free(m, page, 2);
    again = zm_alloc(m, GFP_KERNEL, 2);
    assert_ptr_equal(again, page);
    assert_int_equal(p[0], 0xc3);
    assert_int_equal(p[4 * PAGE_SIZE - 1], 0xc3);
    zm_free(m, again, 2);
    again = zm_alloc(m, GFP_KERNEL | __GFP_ZERO, 2);
    assert_ptr_equal(again, page);
    for (size_t i = 0; i < 4 * PAGE_SIZE; i++)
        assert_int_equal(p[i], 0);
    zm_free(m, again, 2);
    zm_end(m);
}

static void g_e8_a_compound_block_leads_from_its_tails_to_its_head(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 3), *plain;
    (void)state;
    assert_true(page->flags & PGF_HEAD);
    for (int i = 0; i < 8; i++)
        assert_ptr_equal(qr_head(&m->map, page + i), page);
    zm_free(m, page, 3);
    plain = zm_alloc(m, GFP_KERNEL, 3);
    assert_ptr_equal(plain, page);
    for (int i = 0; i < 8; i++)
        assert_ptr_equal(qr_head(&m->map, plain + i), plain + i);
    zm_free(m, plain, 3);
    zm_end(m);
}

static void g_e10_mobilities_come_from_separate_page_blocks(void **state)
{
    struct zm *m = bench_with((struct zm_spec){.pages = 16384});
    struct page *u = zm_alloc(m, GFP_KERNEL, 0);
    struct page *r = zm_alloc(m, GFP_KERNEL | __GFP_RECLAIMABLE, 0);
    struct page *v = zm_alloc(m, GFP_KERNEL | __GFP_MOVABLE, 0);
    (void)state;
    assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, u)), MIGRATE_UNMOVABLE);
    assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, r)), MIGRATE_RECLAIMABLE);
    assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, v)), MIGRATE_MOVABLE);
    zm_free(m, u, 0);
    zm_free(m, r, 0);
    zm_free(m, v, 0);
    zm_end(m);
}

static void g_e11_accepted_flags_change_nothing(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_ACCOUNT | __GFP_WRITE | __GFP_HARDWALL, 0);
    (void)state;
    assert_non_null(page);
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    zm_free(m, page, 0);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_w1_above_low_a_request_is_served_at_once),
        cmocka_unit_test(g_w1_below_low_background_reclaim_is_woken),
        cmocka_unit_test(g_w1_without_the_kswapd_bit_nobody_is_woken),
        cmocka_unit_test(g_w2_a_request_that_may_reclaim_stops_at_min),
        cmocka_unit_test(g_w2_a_request_that_may_not_reclaim_fails_at_min),
        cmocka_unit_test(g_w3_atomic_may_take_the_last_page_and_then_fails_at_once),
        cmocka_unit_test(g_w3_high_that_may_sleep_reaches_down_to_half_of_min),
        cmocka_unit_test(g_w3_lowmem_reserve_still_binds_atomic_requests),
        cmocka_unit_test(g_w3_the_floor_for_reclaim_is_passed_by_reclaim_alone),
        cmocka_unit_test(g_w3_a_failure_at_the_floor_for_reclaim_is_explained_by_it),
        cmocka_unit_test(g_w4_memalloc_ignores_all_watermarks),
        cmocka_unit_test(g_w4_memalloc_may_have_the_first_page_that_reclaim_frees),
        cmocka_unit_test(g_w4_nomemalloc_wins_over_memalloc),
        cmocka_unit_test(
            g_w4_a_request_made_inside_reclaim_ignores_watermarks_and_does_not_reclaim),
        cmocka_unit_test(g_w6_a_high_order_request_needs_a_block_not_just_pages),
        cmocka_unit_test(g_e1_retries_while_reclaim_makes_progress),
        cmocka_unit_test(g_e1_then_the_out_of_memory_policy_runs),
        cmocka_unit_test(g_e1_fails_when_the_policy_frees_nothing),
        cmocka_unit_test(g_e1_a_reclaim_that_lies_does_not_hold_a_request_for_ever),
        cmocka_unit_test(g_e1_a_policy_that_lies_does_not_hold_a_request_for_ever),
        cmocka_unit_test(g_e1_no_policy_for_dma_thisnode_or_without_fs),
        cmocka_unit_test(g_e2_large_orders_run_no_policy),
        cmocka_unit_test(g_e3_noretry_tries_one_light_round),
        cmocka_unit_test(g_e4_retry_mayfail_retries_with_progress_and_runs_no_policy),
        cmocka_unit_test(g_e5_nofail_waits_until_somebody_frees),
        cmocka_unit_test(g_e5_nofail_inside_reclaim_waits_for_somebody_elses_free),
        cmocka_unit_test(g_e5_nofail_may_use_the_reserves_after_the_policy_ran),
        cmocka_unit_test(g_e5_nofail_does_not_give_up_early_though_noretry_is_said),
        cmocka_unit_test(g_e5_nofail_that_cannot_wait_is_reported_and_may_fail),
        cmocka_unit_test(g_e5_nofail_for_more_than_two_pages_is_reported),
        cmocka_unit_test(g_e6_a_failure_is_reported_unless_nowarn),
        cmocka_unit_test(g_e6_a_failure_shows_the_memory_unless_the_hook_takes_it),
        cmocka_unit_test(g_e7_zeroed_pages_are_zero_and_others_keep_what_was_there),
        cmocka_unit_test(g_e8_a_compound_block_leads_from_its_tails_to_its_head),
        cmocka_unit_test(g_e10_mobilities_come_from_separate_page_blocks),
        cmocka_unit_test(g_e11_accepted_flags_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
