/* SPDX-License-Identifier: MIT */
/* What a request says and does to the letter: the words of its reports, when it wakes reclaim, how often and
 * how hard it asks for direct reclaim before it gives up, and what all of that is counted as. */
#include "reclaim_bench.h"
#include "console.h"

/* ---- words ----------------------------------------------------------------------------------- */

static struct quarry_report told;

static bool look(const struct quarry_report *report, void *data)
{
    told = *report;
    return zm_hook(report, data);
}

static void masks_that_make_no_sense_are_told_with_one_that_does(void **state)
{
    static const struct {
        gfp_t gfp;
        unsigned int order;
        const char *rule, *says;
    } bad[] = {
        {GFP_KERNEL | 1u << 30, 2, NULL,
         "unknown flag bits are ignored; use the names of gfp.h; say GFP_KERNEL"},
        {GFP_KERNEL | __GFP_DMA | __GFP_HIGHMEM, 1, "G-Z10",
         "several zones asked for; the lowest is taken; say GFP_KERNEL|GFP_DMA"},
        {GFP_KERNEL | __GFP_DMA | __GFP_DMA32, 0, "G-Z10",
         "several zones asked for; the lowest is taken; say GFP_KERNEL|GFP_DMA"},
        {GFP_KERNEL | __GFP_DMA32 | __GFP_HIGHMEM, 0, "G-Z10",
         "several zones asked for; the lowest is taken; say GFP_KERNEL|GFP_DMA32"},
        {GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE, 0, "G-E10",
         "both movable and reclaimable; taken as reclaimable; say GFP_KERNEL|__GFP_RECLAIMABLE"},
        {GFP_ATOMIC | __GFP_NOFAIL, 0, "G-E5",
         "__GFP_NOFAIL without __GFP_DIRECT_RECLAIM: who cannot wait may fail; check the result "
         "or, where waiting is allowed; say "},
        {GFP_KERNEL | __GFP_NOFAIL, 2, "G-E5",
         "__GFP_NOFAIL for more than two pages may take for ever; use kvmalloc"},
        {GFP_KERNEL, MAX_PAGE_ORDER + 1, "G-S7", "the largest order is 10; use vmalloc"},
        {GFP_KERNEL, 3, "G-Z9", "no such node; the caller's is taken"},
    };

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++) {
        struct zm *m = zm_pages(4096);
        char names[192], begin[300];
        struct page *page;

        m->check.hook = look;
        page = qr_alloc_pages(&m->zones, bad[i].gfp, bad[i].order,
                              strstr(bad[i].says, "node") ? 1 : NUMA_NO_NODE);
        assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
        assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 1);
        if (bad[i].rule)
            assert_string_equal(told.rule, bad[i].rule);
        else
            assert_null(told.rule);
        qr_gfp_names(bad[i].gfp, names, sizeof(names));
        snprintf(begin, sizeof(begin), "page request of order %u with %s (%#x): ", bad[i].order,
                 names, bad[i].gfp);
        if (strncmp(zm_last, begin, strlen(begin)) != 0 || !strstr(zm_last, bad[i].says))
            fail_msg("\"%s\" instead of \"%s%s\"", zm_last, begin, bad[i].says);
        /* Nothing better is named where it is not the mask that is wrong. */
        assert_int_equal(strstr(zm_last, "; say ") != NULL, strstr(bad[i].says, "; say ") != NULL);
        assert_int_equal(page == NULL, bad[i].order > MAX_PAGE_ORDER);
        if (page)
            zm_free(m, page, bad[i].order);
        zm_end(m);
    }
}

static void masks_at_the_edge_of_sense_are_not_told(void **state)
{
    static const struct {
        gfp_t gfp;
        unsigned int order;
    } good[] = {{GFP_KERNEL | __GFP_NOFAIL, 0},
                {GFP_KERNEL | __GFP_NOFAIL, 1},
                {GFP_HIGHUSER_MOVABLE, 0},
                {GFP_KERNEL, MAX_PAGE_ORDER}};
    struct zm *m = zm_pages(4096);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(good); i++) {
        struct page *page = zm_alloc(m, good[i].gfp, good[i].order);
        assert_non_null(page);
        zm_free(m, page, good[i].order);
    }
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    zm_end(m);
}

static void a_failure_is_told_in_a_line_with_what_was_free(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 190);
    static struct test_console console;
    char expected[200];

    (void)state;
    m->check.hook = look;
    test_console_begin(&console);
    assert_null(zm_alloc(m, GFP_NOWAIT & ~__GFP_NOWARN, 3));
    test_console_end(&console);
    snprintf(expected, sizeof(expected),
             "page allocation failure: order:3, mode:%#x(GFP_NOWAIT), node:0; 190 of %llu pages "
             "free",
             GFP_NOWAIT & ~__GFP_NOWARN, (unsigned long long)m->zones.totalram);
    if (GFP_NOWAIT & __GFP_NOWARN)
        assert_non_null(strstr(zm_last, "190 of"));
    else
        assert_string_equal(zm_last, expected);
    assert_int_equal(told.kind, QUARRY_OUT_OF_MEMORY);
    assert_string_equal(told.rule, "G-E6");
    assert_int_equal(told.size, PAGE_SIZE << 3);
    zm_release(m, hoard);
    zm_end(m);
}

/* ---- how hard -------------------------------------------------------------------------------- */

static struct {
    unsigned int nr;
    unsigned int effort[400], order[400];
    int nid[400];
    unsigned long reclaims;
} asked;

static unsigned long note_direct(void *data, gfp_t gfp, unsigned int order, int nid,
                                 unsigned int effort)
{
    assert_true(asked.nr < QR_ARRAY_SIZE(asked.effort));
    asked.effort[asked.nr] = effort;
    asked.order[asked.nr] = order;
    asked.nid[asked.nr++] = nid;
    asked.reclaims += qp_task()->reclaims;
    return rc_direct(data, gfp, order, nid, effort);
}

static struct zm *noting_bench(void)
{
    struct zm *m = bench();

    memset(&asked, 0, sizeof(asked));
    m->zones.reclaim.direct = note_direct;
    return m;
}

static void g_e1_a_request_asks_harder_three_times_and_then_the_policy(void **state)
{
    struct zm *m = noting_bench();
    struct zm_hoard *hoard = leave(m, 150);

    (void)state;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 2));
    assert_int_equal(asked.nr, 4);
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(asked.effort[i], i);
        assert_int_equal(asked.order[i], 2);
        assert_int_equal(asked.nid[i], 0);
    }
    assert_int_equal(asked.reclaims, 4); /* each inside reclaim */
    assert_int_equal(qp_task()->reclaims, 0);
    assert_int_equal(m->zones.waiters, 0); /* it has waited, and does no more */
    assert_int_equal(rc.ooms, 1);
    assert_int_equal(zm_cpu(m)->event[QR_EV_ALLOCSTALL], 4);
    assert_int_equal(zm_cpu(m)->event[QR_EV_OOM], 1);
    zm_release(m, hoard);
    zm_end(m);
}

/* 64 rounds of each effort that claim to free something, and never for us. */
static void g_e1_rounds_that_free_for_others_are_counted_to_64(void **state)
{
    struct zm *m = noting_bench();
    struct zm_hoard *hoard = leave(m, 150);

    (void)state;
    rc.lie = 1;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(asked.nr, 4 * 64);
    for (unsigned int i = 0; i < asked.nr; i++)
        assert_int_equal(asked.effort[i], i / 64);
    zm_release(m, hoard);
    zm_end(m);
}

/* After each policy that claims to have freed something it begins anew. */
static void g_e1_policies_that_free_for_others_are_counted_to_16(void **state)
{
    struct zm *m = noting_bench();
    struct zm_hoard *hoard = leave(m, 150);

    (void)state;
    rc.oom_lie = 1;
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 0));
    assert_int_equal(rc.ooms, 16);
    assert_int_equal(asked.nr, 17 * 4);
    for (unsigned int i = 0; i < asked.nr; i++)
        assert_int_equal(asked.effort[i], i % 4);
    assert_int_equal(zm_cpu(m)->event[QR_EV_OOM], 16);
    zm_release(m, hoard);
    zm_end(m);
}

/* Up to eight pages the policy may run, for ordinary memory, with file systems, if failing is not fine. */
static void g_e2_the_policy_runs_up_to_order_3(void **state)
{
    static const struct {
        gfp_t gfp;
        unsigned int order;
        unsigned long ooms;
    } of[] = {{GFP_KERNEL, 0, 1},
              {GFP_KERNEL, 3, 1},
              {GFP_KERNEL, 4, 0},
              {GFP_KERNEL | __GFP_NORETRY, 0, 0},
              {GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0, 0},
              {GFP_KERNEL | __GFP_THISNODE, 0, 0},
              {GFP_NOFS, 0, 0},
              {GFP_HIGHUSER_MOVABLE, 0, 1}};
    struct zm *m = noting_bench();
    struct zm_hoard *hoard = leave(m, 150);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(of); i++) {
        rc.ooms = 0;
        assert_null(zm_alloc(m, of[i].gfp | __GFP_NOWARN, of[i].order));
        if (rc.ooms != of[i].ooms)
            fail_msg("case %zu: %lu", i, rc.ooms);
    }
    zm_release(m, hoard);
    zm_end(m);
}

/* Low is 250 pages. */
static void g_w1_reclaim_is_woken_by_what_would_leave_less_than_low(void **state)
{
    (void)state;
    for (unsigned int order = 0; order < 4; order++) {
        for (unsigned int missing = 0; missing < 2; missing++) {
            struct zm *m = bench();
            struct zm_hoard *hoard = leave(m, 250 + (1u << order) - missing);
            struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, order);

            /* That the pages may not lie in one piece is another matter. */
            assert_int_equal(rc.wakes, missing);
            if (page)
                zm_free(m, page, order);
            zm_release(m, hoard);
            zm_end(m);
        }
    }
}

static struct {
    unsigned long nr;
    const void *data;
    struct zone *zone;
    gfp_t gfp;
    unsigned int order;
} hooked;

static void note_wake(void *data, struct zone *zone, gfp_t gfp, unsigned int order)
{
    hooked.nr++;
    hooked.data = data;
    hooked.zone = zone;
    hooked.gfp = gfp;
    hooked.order = order;
}

static unsigned long note_oom(void *data, gfp_t gfp, unsigned int order)
{
    note_wake(data, NULL, gfp, order);
    return 0;
}

/* Where the pages are there, but in pieces, it is the mark that decides. */
static void g_w1_reclaim_is_woken_with_the_request_s_mask_and_order(void **state)
{
    (void)state;
    for (unsigned int missing = 0; missing < 2; missing++) {
        struct zm *m = bench();
        struct zm_hoard *hoard = leave(m, 0);
        u64 want = 250 + 2 - missing;

        m->zones.reclaim.wake = note_wake;
        for (unsigned long i = 0; i < hoard->nr && free_of(m) < want; i++) {
            if (zm_pfn(m, hoard->page[i]) % 2)
                continue;
            qr_free_block(&m->zones, hoard->page[i], 0);
            hoard->page[i--] = hoard->page[--hoard->nr];
            qr_pcp_drain_all(&m->zones);
        }
        assert_int_equal(free_of(m), want);
        memset(&hooked, 0, sizeof(hooked));
        assert_null(zm_alloc(m, GFP_ATOMIC | __GFP_NOWARN, 1));
        assert_int_equal(hooked.nr, missing);
        if (missing) {
            assert_ptr_equal(hooked.data, &rc);
            assert_ptr_equal(hooked.zone, &m->zones.zone[0]);
            assert_int_equal(hooked.gfp, GFP_ATOMIC | __GFP_NOWARN);
            assert_int_equal(hooked.order, 1);
        }
        zm_release(m, hoard);
        zm_end(m);
    }
}

static void g_e1_the_policy_is_told_the_request_s_mask_and_order(void **state)
{
    struct zm *m = bench();
    struct zm_hoard *hoard = leave(m, 100);

    (void)state;
    m->zones.reclaim.oom = note_oom;
    memset(&hooked, 0, sizeof(hooked));
    assert_null(zm_alloc(m, GFP_KERNEL | __GFP_NOWARN, 2));
    assert_int_equal(hooked.nr, 1);
    assert_ptr_equal(hooked.data, &rc);
    assert_int_equal(hooked.gfp, GFP_KERNEL | __GFP_NOWARN);
    assert_int_equal(hooked.order, 2);
    zm_release(m, hoard);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_that_make_no_sense_are_told_with_one_that_does),
        cmocka_unit_test(masks_at_the_edge_of_sense_are_not_told),
        cmocka_unit_test(a_failure_is_told_in_a_line_with_what_was_free),
        cmocka_unit_test(g_e1_a_request_asks_harder_three_times_and_then_the_policy),
        cmocka_unit_test(g_e1_rounds_that_free_for_others_are_counted_to_64),
        cmocka_unit_test(g_e1_policies_that_free_for_others_are_counted_to_16),
        cmocka_unit_test(g_e2_the_policy_runs_up_to_order_3),
        cmocka_unit_test(g_w1_reclaim_is_woken_by_what_would_leave_less_than_low),
        cmocka_unit_test(g_w1_reclaim_is_woken_with_the_request_s_mask_and_order),
        cmocka_unit_test(g_e1_the_policy_is_told_the_request_s_mask_and_order),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
