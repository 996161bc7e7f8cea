/* SPDX-License-Identifier: MIT */
/* What a request is told about a real machine, and requests that name what does not exist. */
#include "machine.h"
#include "zone/buddy.h"
#include "zone/internal.h"

static char words[768];

static void explain(struct quarry *q, gfp_t gfp, unsigned int order)
{
    struct qr_request request;
    struct qr_text text = {words, sizeof(words), 0};

    assert_true(qr_request_init(&request, &q->zones, gfp, order, NUMA_NO_NODE));
    qr_request_explain(&request, &text);
}

static void must_say(const char *what)
{
    if (!strstr(words, what))
        fail_msg("\"%s\" is not in: %s", what, words);
}

/* All the memory that is left lies in blocks of the largest order, which serve every order. */
static void blocks_of_the_largest_order_count_as_well(void **state)
{
    struct quarry *q = test_boot(8192);
    struct zone *zone = &q->zones.zone[0];
    struct page *small[64];
    unsigned int order_of[64], nr = 0;

    (void)state;
    qr_pcp_drain_all(&q->zones);
    for (unsigned int order = 0; order < MAX_PAGE_ORDER; order++)
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
            while (zone->free_area[order].head[m] && nr < 64) {
                order_of[nr] = order;
                small[nr++] = qr_buddy_take(&q->map, zone, order, (enum migratetype)m);
            }
    explain(q, GFP_KERNEL, MAX_PAGE_ORDER);
    must_say("asked: 1024 pages in one piece (order 10, 4096 KiB) with GFP_KERNEL");
    must_say("could serve it by these numbers");
    must_say("would have helped: asking again");
    while (nr--)
        qr_buddy_put(&q->map, zone, qr_pfn(&q->map, small[nr]), order_of[nr]);
    test_end(q);
}

/* Zones that a mask leaves out take no part in the verdict, but as a hint. */
static void only_zones_that_the_mask_allows_are_judged(void **state)
{
    const struct test_spec spec = {.pages = 8192, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    explain(q, GFP_KERNEL | __GFP_DMA, 0);
    must_say("zone DMA of node 0 could serve it");
    explain(q, GFP_KERNEL, 0);
    must_say("could serve it");
    assert_null(strstr(words, "no zone with memory may serve this mask"));
    test_end(q);
}

static void a_node_that_does_not_exist_is_reported_also_by_the_quick_way(void **state)
{
    struct quarry *q = test_boot(1024);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, 0);

    (void)state;
    qr_free_block(&q->zones, page, 0); /* onto this CPU's list, for the quick way */
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, 1);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_non_null(page); /* of the caller's node */
    qr_free_block(&q->zones, page, 0);
    memset(q->check.misuse_seen, 0, sizeof(q->check.misuse_seen)); /* or it is told once */
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE - 1);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 2);
    assert_non_null(page);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* Pages that were not had one by one cannot be given back so. */
static void an_ordinary_block_is_not_freed_as_an_exact_one(void **state)
{
    struct quarry *q = test_boot(1024);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);
    char *exact = qr_alloc_pages_exact(&q->zones, 3 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    qr_free_pages_exact(&q->zones, qr_page_virt(&q->map, page), 4 * PAGE_SIZE);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "free_pages_exact"));
    assert_int_equal(page_ref_count(page), 1);
    qr_free_pages_exact(&q->zones, exact, 4 * PAGE_SIZE); /* one more than it has */
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE) + test_findings(q, QUARRY_DOUBLE_FREE), 2);
    qr_free_pages_exact(&q->zones, exact, 3 * PAGE_SIZE);
    qr_free_block(&q->zones, page, 2);
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    qr_free_pages_exact(&q->zones, qr_page_virt(&q->map, page), PAGE_SIZE);
    assert_int_equal(page_ref_count(page), 1); /* a single page is no exact range either */
    qr_free_block(&q->zones, page, 0);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 3);
    test_end(q);
}

/* An eighth of a zone, and 32 MiB at least, may stay backed while it is free. */
static void a_zone_knows_how_much_may_stay_warm(void **state)
{
    struct quarry *q = test_boot(8192);

    (void)state;
    assert_int_equal(q->zones.zone[0].warm_limit, 8192);
    test_end(q);
}

/* Whoever hands out pages looks for hooks only where somebody wants to know. */
static void hooks_are_on_where_somebody_asks(void **state)
{
    static const char *const asks[] = {"page_owner=1", "page_poison=1", "init_on_alloc=1",
                                       "init_on_free=1", "mem_profiling=1"};
    struct quarry *q = test_boot(2048);

    (void)state;
    assert_int_equal(q->zones.hooks & ~QR_HOOK_OBSERVED, 0); /* a race detector always asks */
    test_end(q);
    for (size_t i = 0; i < QR_ARRAY_SIZE(asks); i++) {
        const struct test_spec spec = {.pages = 2048, .options = asks[i]};
        q = test_boot_with(&spec);
        if (!(q->zones.hooks & ~QR_HOOK_OBSERVED))
            fail_msg("%s leaves no trace", asks[i]);
        test_end(q);
    }
}

static struct quarry_report seen;
static unsigned int seen_before;

static bool look(const struct quarry_report *report, void *data)
{
    (void)data;
    seen = *report;
    seen_before = report->before ? report->before->nr : 0;
    return false;
}

static void a_second_free_says_who_freed_first(void **state)
{
    const struct test_spec spec = {.pages = 2048, .options = "page_owner=1"};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);

    (void)state;
    qr_pages_note(&q->zones, page, 0, GFP_KERNEL);
    qr_put_pages(&q->zones, page, 0, "__free_pages");
    q->check.hook = look;
    qr_put_pages(&q->zones, page, 0, "__free_pages");
    assert_int_equal(seen.kind, QUARRY_DOUBLE_FREE);
    assert_true(seen_before > 0);
    assert_string_equal(seen.before_is, "freed by");
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_the_largest_order_count_as_well),
        cmocka_unit_test(only_zones_that_the_mask_allows_are_judged),
        cmocka_unit_test(a_node_that_does_not_exist_is_reported_also_by_the_quick_way),
        cmocka_unit_test(an_ordinary_block_is_not_freed_as_an_exact_one),
        cmocka_unit_test(a_zone_knows_how_much_may_stay_warm),
        cmocka_unit_test(hooks_are_on_where_somebody_asks),
        cmocka_unit_test(a_second_free_says_who_freed_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
