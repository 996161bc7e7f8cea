/* SPDX-License-Identifier: MIT */
/* Why a request failed: at which step each zone stops, which zone the least is missing in, and every word of
 * what is said of it. */
#include "zone_machine.h"

static const struct quarry_zone_state ordinary = {.name = "Normal",
                                                  .allowed = true,
                                                  .has_blocks = true,
                                                  .managed = 16384,
                                                  .low = 20,
                                                  .min = 10,
                                                  .mark = 10};

/* A zone with so many pages free, in blocks of @order as far as they go. */
static struct quarry_zone_state zone_with(const char *name, u64 nr_free, unsigned int order)
{
    struct quarry_zone_state zone = ordinary;

    snprintf(zone.name, sizeof(zone.name), "%s", name);
    zone.free = nr_free;
    zone.blocks[order] = nr_free >> order;
    return zone;
}

static struct qr_verdict verdict_of(gfp_t gfp, unsigned int order,
                                    const struct quarry_zone_state *zone, size_t nr)
{
    struct qr_verdict verdict = {.gfp = gfp, .order = order};

    for (size_t i = 0; i < nr; i++)
        qr_verdict_add(&verdict, &zone[i]);
    return verdict;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static enum qr_shortfall step_of(u64 nr_free, unsigned int largest)
{
    struct quarry_zone_state zone = zone_with("Normal", nr_free, largest);

    zone.reserve = 5;
    return verdict_of(GFP_KERNEL, 2, &zone, 1).step;
}

static void a_zone_stops_at_the_first_step_that_it_cannot_take(void **state)
{
    struct quarry_zone_state zone = zone_with("Normal", 100, 1);

    (void)state;
    assert_int_equal(step_of(0, 2), QR_SHORT_EMPTY);
    assert_int_equal(step_of(3, 2), QR_SHORT_EMPTY);
    assert_int_equal(step_of(4, 2), QR_SHORT_MARK);
    assert_int_equal(step_of(13, 2), QR_SHORT_MARK);
    assert_int_equal(step_of(14, 2), QR_SHORT_RESERVE);
    assert_int_equal(step_of(18, 2), QR_SHORT_RESERVE);
    assert_int_equal(step_of(19, 1), QR_SHORT_BLOCK);
    assert_int_equal(step_of(19, 2), QR_SHORT_PASSED);
    assert_int_equal(step_of(24, 3), QR_SHORT_PASSED);
    assert_int_equal(step_of(2048, MAX_PAGE_ORDER), QR_SHORT_PASSED);
    zone.has_blocks = false; /* nobody knows */
    assert_int_equal(verdict_of(GFP_KERNEL, 2, &zone, 1).step, QR_SHORT_PASSED);
    zone.allowed = false;
    assert_int_equal(verdict_of(GFP_KERNEL, 0, &zone, 1).step, QR_SHORT_FORBIDDEN);
}

static void the_zone_that_came_furthest_is_judged_and_of_two_the_fuller(void **state)
{
    struct quarry_zone_state zone[3] = {zone_with("Normal", 40, 0), zone_with("DMA32", 12, 3),
                                        zone_with("DMA", 41, 0)};
    struct qr_verdict verdict = verdict_of(GFP_KERNEL, 3, zone, 3);

    (void)state;
    assert_int_equal(verdict.step, QR_SHORT_BLOCK);
    assert_string_equal(verdict.nearest.name, "DMA"); /* fuller than Normal */
    assert_int_equal(verdict.nearest.free, 41);
    assert_int_equal(verdict.free, 93);
    assert_int_equal(verdict.managed, 3 * 16384);
    zone[2].free = 40; /* as full: the first that was tried */
    assert_string_equal(verdict_of(GFP_KERNEL, 3, zone, 3).nearest.name, "Normal");
    zone[2].free = 39;
    assert_string_equal(verdict_of(GFP_KERNEL, 3, zone, 3).nearest.name, "Normal");
    zone[1].mark = 0; /* with less free, but a step further */
    verdict = verdict_of(GFP_KERNEL, 3, zone, 3);
    assert_int_equal(verdict.step, QR_SHORT_PASSED);
    assert_string_equal(verdict.nearest.name, "DMA32");
}

static void what_has_no_pages_is_no_zone(void **state)
{
    struct quarry_zone_state zone[2] = {zone_with("Normal", 0, 0), zone_with("DMA", 1, 0)};
    struct qr_verdict verdict;

    (void)state;
    zone[0].managed = 0;
    assert_int_equal(verdict_of(GFP_KERNEL, 0, zone, 1).step, QR_SHORT_FORBIDDEN);
    zone[0].managed = 7; /* all of them used */
    zone[1].managed = 0; /* what it had is not known */
    verdict = verdict_of(GFP_KERNEL, 0, zone, 2);
    assert_int_equal(verdict.managed, 7);
    assert_int_equal(verdict.free, 1);
    assert_int_equal(verdict.step, QR_SHORT_MARK);
    assert_int_equal(verdict_of(GFP_KERNEL, 0, zone, 1).step, QR_SHORT_EMPTY);
}

/* Four such requests above its low mark of 20 pages. */
static void a_forbidden_zone_is_pointed_at_if_it_has_plenty(void **state)
{
    struct quarry_zone_state zone[3] = {zone_with("Normal", 27, 1), zone_with("DMA32", 27, 1),
                                        zone_with("Movable", 27, 1)};

    (void)state;
    for (unsigned int i = 0; i < 3; i++)
        zone[i].allowed = false;
    assert_int_equal(verdict_of(GFP_KERNEL, 1, zone, 3).elsewhere.free, 0);
    zone[0].free = zone[2].free = 28;
    assert_string_equal(verdict_of(GFP_KERNEL, 1, zone, 3).elsewhere.name, "Normal");
    zone[2].free = 29; /* the fullest */
    assert_string_equal(verdict_of(GFP_KERNEL, 1, zone, 3).elsewhere.name, "Movable");
    assert_int_equal(verdict_of(GFP_KERNEL, 1, zone, 3).free, 0); /* and it does not count */
    assert_int_equal(verdict_of(GFP_KERNEL, 2, zone, 3).elsewhere.free, 0);
    zone[2].blocks[1] = 0;
    zone[2].blocks[0] = 29; /* in pieces */
    assert_string_equal(verdict_of(GFP_KERNEL, 1, zone, 3).elsewhere.name, "Normal");
    assert_string_equal(verdict_of(GFP_KERNEL, 0, zone, 3).elsewhere.name, "Movable");
    zone[2].has_blocks = false;
    assert_string_equal(verdict_of(GFP_KERNEL, 1, zone, 3).elsewhere.name, "Movable");
    zone[1].free = 100;
    zone[1].blocks[1] = 0;
    zone[1].blocks[2] = 25;
    assert_string_equal(verdict_of(GFP_KERNEL, 2, zone, 3).elsewhere.name, "DMA32");
}

/* ---- words ----------------------------------------------------------------------------------- */

static void assert_text(gfp_t gfp, unsigned int order, const struct quarry_zone_state *zone,
                        size_t nr, const char *expected)
{
    struct qr_verdict verdict = verdict_of(gfp, order, zone, nr);
    char words[1024];
    struct qr_text text = {words, sizeof(words), 0};

    qr_verdict_text(&verdict, &text);
    assert_string_equal(words, expected);
}

static void a_mask_that_no_zone_serves_is_told_so(void **state)
{
    (void)state;
    assert_text(GFP_KERNEL, 0, NULL, 0,
                "asked: one page with GFP_KERNEL, which may wait and reclaim\n"
                "why: no zone with memory may serve this mask\n"
                "would have helped: less memory in use (slabinfo and vmallocinfo say where it is), "
                "a shrinker for what can be dropped, or more RAM\n");
}

static void an_empty_machine_is_told_with_its_sizes(void **state)
{
    struct quarry_zone_state zone[2] = {zone_with("Normal", 2, 0), zone_with("DMA", 1, 0)};

    (void)state;
    zone[0].managed = 2550;
    zone[1].managed = 9;
    assert_text(
        GFP_NOFS, 2, zone, 2,
        "asked: 4 pages in one piece (order 2, 16 KiB) with GFP_NOFS, which may wait and reclaim\n"
        "why: the zones that may serve it have 12 KiB free of 10236 KiB, and none has as much as "
        "was asked\n"
        "would have helped: GFP_KERNEL where no file-system lock is held: more can be reclaimed; "
        "or less memory in use (slabinfo and vmallocinfo say where it is)\n");
    zone[1].managed = 10;
    assert_text(
        GFP_KERNEL | __GFP_NORETRY, 2, zone, 2,
        "asked: 4 pages in one piece (order 2, 16 KiB) with GFP_KERNEL|__GFP_NORETRY, which may "
        "wait, but gives up early\n"
        "why: the zones that may serve it have 12 KiB free of 10 MiB, and none has as much as was "
        "asked\n"
        "would have helped: the mask without __GFP_NORETRY, which tries harder; or less memory in "
        "use (slabinfo and vmallocinfo say where it is)\n");
}

static void a_mark_is_told_with_what_may_pass_it(void **state)
{
    struct quarry_zone_state zone = zone_with("Normal", 9, 0);

    (void)state;
    zone.node = 3;
    assert_text(
        GFP_NOWAIT, 0, &zone, 1,
        "asked: one page with GFP_NOWAIT, which may not wait\n"
        "why: zone Normal of node 3 came closest: 36 KiB free, of which this mask must leave 40 "
        "KiB (the min watermark, G-W2)\n"
        "would have helped: GFP_KERNEL where sleeping is allowed: it waits while reclaim frees "
        "pages; or GFP_ATOMIC, which may use part of the reserve; or a mempool, which keeps "
        "elements back for such moments; or less memory in use (slabinfo and vmallocinfo say "
        "where it is)\n");
    assert_text(
        GFP_NOWAIT | __GFP_NOMEMALLOC, 0, &zone, 1,
        "asked: one page with GFP_NOWAIT|__GFP_NOMEMALLOC, which may not wait\n"
        "why: zone Normal of node 3 came closest: 36 KiB free, of which this mask must leave 40 "
        "KiB (the min watermark, G-W2)\n"
        "would have helped: GFP_KERNEL where sleeping is allowed: it waits while reclaim frees "
        "pages; or a mempool, which keeps elements back for such moments; or less memory in use "
        "(slabinfo and vmallocinfo say where it is)\n");
    zone.min = 11;
    assert_text(
        GFP_ATOMIC, 0, &zone, 1,
        "asked: one page with GFP_ATOMIC, which may not wait\n"
        "why: zone Normal of node 3 came closest: 36 KiB free, of which this mask must leave 40 "
        "KiB (its part of the min watermark, G-W3)\n"
        "would have helped: GFP_KERNEL where sleeping is allowed: it waits while reclaim frees "
        "pages; or a mempool, which keeps elements back for such moments; or less memory in use "
        "(slabinfo and vmallocinfo say where it is)\n");
}

static void a_reserve_is_told_beside_the_mark(void **state)
{
    struct quarry_zone_state zone = zone_with("DMA", 13, 0);

    (void)state;
    zone.reserve = 4;
    assert_text(GFP_KERNEL, 0, &zone, 1,
                "asked: one page with GFP_KERNEL, which may wait and reclaim\n"
                "why: zone DMA of node 0 came closest: 52 KiB free, of which this mask must leave "
                "40 KiB as every mask, and 16 KiB for requests that can use no other zone "
                "(lowmem_reserve, G-Z6)\n"
                "would have helped: less memory in use (slabinfo and vmallocinfo say where it is), "
                "a shrinker for what can be dropped, or more RAM\n");
}

static void pieces_are_told_with_the_largest(void **state)
{
    struct quarry_zone_state zone = zone_with("Normal", 64, 1);

    (void)state;
    assert_text(
        GFP_KERNEL, 2, &zone, 1,
        "asked: 4 pages in one piece (order 2, 16 KiB) with GFP_KERNEL, which may wait and "
        "reclaim\n"
        "why: zone Normal of node 0 came closest: 256 KiB free, enough by every mark, but in "
        "pieces: the largest is 8 KiB (order 1)\n"
        "would have helped: kvmalloc() or vmalloc(), which take single pages and map them in a "
        "row\n");
    assert_text(
        GFP_NOWAIT, 2, &zone, 1,
        "asked: 4 pages in one piece (order 2, 16 KiB) with GFP_NOWAIT, which may not wait\n"
        "why: zone Normal of node 0 came closest: 256 KiB free, enough by every mark, but in "
        "pieces: the largest is 8 KiB (order 1)\n"
        "would have helped: kvmalloc() or vmalloc(), which take single pages and map them in a "
        "row; or allocating in one piece early, where waiting is allowed\n");
    zone.blocks[1] = 0;
    assert_text(
        GFP_KERNEL | __GFP_NORETRY, 2, &zone, 1,
        "asked: 4 pages in one piece (order 2, 16 KiB) with GFP_KERNEL|__GFP_NORETRY, which may "
        "wait, but gives up early\n"
        "why: zone Normal of node 0 came closest: 256 KiB free, but on no list of free blocks\n"
        "would have helped: kvmalloc() or vmalloc(), which take single pages and map them in a "
        "row; or __GFP_RETRY_MAYFAIL in place of __GFP_NORETRY\n");
    zone.blocks[0] = 64;
    assert_text(
        GFP_KERNEL, 1, &zone, 1,
        "asked: 2 pages in one piece (order 1, 8 KiB) with GFP_KERNEL, which may wait and "
        "reclaim\n"
        "why: zone Normal of node 0 came closest: 256 KiB free, enough by every mark, but in "
        "pieces: the largest is 4 KiB (order 0)\n"
        "would have helped: kvmalloc() or vmalloc(), which take single pages and map them in a "
        "row\n");
}

static void what_would_do_by_now_is_told_so_and_a_guess_is_called_one(void **state)
{
    struct quarry_zone_state zone = zone_with("Normal", 64, 1);

    (void)state;
    assert_text(GFP_KERNEL, 1, &zone, 1,
                "asked: 2 pages in one piece (order 1, 8 KiB) with GFP_KERNEL, which may wait and "
                "reclaim\n"
                "why: zone Normal of node 0 could serve it by these numbers: memory came back just "
                "after, or the free pages lay on other CPUs' lists\n"
                "would have helped: asking again\n");
    zone.has_blocks = false;
    assert_text(
        GFP_KERNEL, 0, &zone, 1,
        "asked: one page with GFP_KERNEL, which may wait and reclaim\n"
        "why: zone Normal of node 0 could serve it by these numbers: memory came back just after, "
        "or the free pages lay on other CPUs' lists\n"
        "would have helped: asking again\n");
    assert_text(
        GFP_KERNEL, 1, &zone, 1,
        "asked: 2 pages in one piece (order 1, 8 KiB) with GFP_KERNEL, which may wait and "
        "reclaim\n"
        "why: zone Normal of node 0 was above its marks: if the numbers are of that moment, memory "
        "was in pieces; its free blocks are not given\n"
        "would have helped: kvmalloc() or vmalloc(), which take single pages and map them in a "
        "row\n");
}

static void the_bit_that_keeps_a_request_from_a_full_zone_is_named(void **state)
{
    static const struct {
        gfp_t gfp;
        const char *advice;
    } by[] = {
        {__GFP_DMA, "a mask without __GFP_DMA, if the device can do without: zone Other of node 1"},
        {__GFP_DMA32,
         "a mask without __GFP_DMA32, if the device can do without: zone Other of node 1"},
        {__GFP_THISNODE | __GFP_DMA,
         "a mask without __GFP_THISNODE, if the device can do without: zone Other of node 1"},
        {0, "__GFP_HIGHMEM or __GFP_MOVABLE, if the memory is used through kmap or vmalloc: zone "
            "Other of node 1"},
    };
    struct quarry_zone_state zone[2] = {zone_with("Normal", 0, 0), zone_with("Other", 6000, 0)};

    (void)state;
    zone[0].managed = 256;
    zone[1].allowed = false;
    zone[1].node = 1;
    for (size_t i = 0; i < QR_ARRAY_SIZE(by); i++) {
        gfp_t gfp = GFP_KERNEL | by[i].gfp;
        char names[192], expected[1024];

        qr_gfp_names(gfp, names, sizeof(names));
        snprintf(expected, sizeof(expected),
                 "asked: one page with %s, which may wait and reclaim\n"
                 "why: the zones that may serve it have 0 KiB free of 1024 KiB, and none has as "
                 "much as was asked\n"
                 "would have helped: %s has 23 MiB free; or less memory in use (slabinfo and "
                 "vmallocinfo say where it is)\n",
                 names, by[i].advice);
        assert_text(gfp, 0, zone, 2, expected);
        gfp |= __GFP_NORETRY; /* as the second piece of advice */
        qr_gfp_names(gfp, names, sizeof(names));
        snprintf(expected, sizeof(expected),
                 "asked: one page with %s, which may wait, but gives up early\n"
                 "why: the zones that may serve it have 0 KiB free of 1024 KiB, and none has as "
                 "much as was asked\n"
                 "would have helped: the mask without __GFP_NORETRY, which tries harder; or %s has "
                 "23 MiB free; or less memory in use (slabinfo and vmallocinfo say where it is)\n",
                 names, by[i].advice);
        assert_text(gfp, 0, zone, 2, expected);
    }
}

/* ---- this machine's zones -------------------------------------------------------------------- */

#define PAGES(n) ((phys_addr_t)(n) << PAGE_SHIFT)

static char words[1024];

static void explain(struct zm *m, gfp_t gfp, unsigned int order, int nid)
{
    struct qr_request request;
    struct qr_text text = {words, sizeof(words), 0};

    assert_true(qr_request_init(&request, &m->zones, gfp, order, nid));
    qr_request_explain(&request, &text);
}

static void must_say(const char *format, u64 first, u64 second)
{
    char expected[300];

    snprintf(expected, sizeof(expected), format, (unsigned long long)first,
             (unsigned long long)second);
    if (!strstr(words, expected))
        fail_msg("\"%s\" is not in: %s", expected, words);
}

static void the_numbers_are_those_of_the_zone(void **state)
{
    struct zm_spec spec = {.pages = 2048, .min_free_kbytes = 400}; /* 100 pages */
    struct zm *m = zm_boot(&spec);
    struct zm_hoard *hoard;
    u64 left;

    (void)state;
    hoard = zm_hoard(m, GFP_NOWAIT);
    left = m->zones.zone[0].free_pages;
    assert_int_equal(left, 100);
    explain(m, GFP_NOWAIT, 0, NUMA_NO_NODE);
    must_say("zone Normal of node 0 came closest: %llu KiB free, of which this mask must leave "
             "%llu KiB (the min watermark, G-W2)",
             400, 400);
    explain(m, GFP_ATOMIC, 0, NUMA_NO_NODE);
    must_say("could serve it by these numbers", 0, 0);
    explain(m, GFP_KERNEL | __GFP_HIGH, 6, NUMA_NO_NODE);
    must_say("%llu KiB free, of which this mask must leave %llu KiB (its part of the min "
             "watermark, G-W3)",
             400, 200);
    explain(m, GFP_NOWAIT | __GFP_MEMALLOC, 0, NUMA_NO_NODE); /* no mark is above it */
    must_say("could serve it by these numbers", 0, 0);
    m->zones.reserve_for_reclaim_pages = 150;
    qr_zones_set_watermarks(&m->zones);
    m->zones.zone[0].reclaim_floor = 150;
    explain(m, GFP_ATOMIC, 0, NUMA_NO_NODE);
    must_say("must leave %llu KiB as every mask, and %llu KiB for requests", 0, 600);
    explain(m, GFP_NOWAIT, 0, NUMA_NO_NODE);
    must_say("must leave %llu KiB (the min watermark, G-W2)", 400, 0);
    m->zones.zone[0].watermark[QR_WMARK_MIN] = 90;
    explain(m, GFP_NOWAIT, 0, NUMA_NO_NODE);
    must_say("must leave %llu KiB as every mask, and %llu KiB for requests", 360, 240);
    m->zones.zone[0].reclaim_floor = 90; /* no more than the mark */
    explain(m, GFP_NOWAIT, 0, NUMA_NO_NODE);
    must_say("could serve it by these numbers", 0, 0);
    zm_release(m, hoard);
    zm_end(m);
}

static void zones_of_the_list_are_allowed_and_those_of_other_nodes_by_mask(void **state)
{
    static const struct quarry_region region[] = {
        {.start = 0, .size = PAGES(2048), .nid = 0},
        {.start = PAGES(2048), .size = PAGES(8192), .nid = 1}};
    struct zm_spec spec = {
        .regions = region, .nr_regions = 2, .dma_limit = PAGES(1024), .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);

    (void)state;
    explain(m, GFP_KERNEL | __GFP_DMA, MAX_PAGE_ORDER, 0);
    must_say("have %llu KiB free of %llu KiB, and none has as much", 4092, 4092);
    must_say("a mask without __GFP_DMA, if the device can do without: zone Normal of node 1 has", 0,
             0);
    explain(m, GFP_KERNEL, 0, 0);
    must_say("zone Normal of node 1 could serve it", 0, 0);
    explain(m, GFP_KERNEL | __GFP_THISNODE, 0, 0);
    must_say("zone Normal of node 0 could serve it", 0, 0);
    must_say("a mask without __GFP_THISNODE, if the device can do without: zone Normal of node 1",
             0, 0);
    explain(m, GFP_KERNEL | __GFP_THISNODE, 0, 1);
    must_say("zone Normal of node 1 could serve it", 0, 0);
    must_say("a mask without __GFP_THISNODE, if the device can do without: zone ", 0, 0);
    explain(m, GFP_KERNEL | __GFP_DMA | __GFP_THISNODE, 0, 1);
    must_say("no zone with memory may serve this mask", 0, 0);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_stops_at_the_first_step_that_it_cannot_take),
        cmocka_unit_test(the_zone_that_came_furthest_is_judged_and_of_two_the_fuller),
        cmocka_unit_test(what_has_no_pages_is_no_zone),
        cmocka_unit_test(a_forbidden_zone_is_pointed_at_if_it_has_plenty),
        cmocka_unit_test(a_mask_that_no_zone_serves_is_told_so),
        cmocka_unit_test(an_empty_machine_is_told_with_its_sizes),
        cmocka_unit_test(a_mark_is_told_with_what_may_pass_it),
        cmocka_unit_test(a_reserve_is_told_beside_the_mark),
        cmocka_unit_test(pieces_are_told_with_the_largest),
        cmocka_unit_test(what_would_do_by_now_is_told_so_and_a_guess_is_called_one),
        cmocka_unit_test(the_bit_that_keeps_a_request_from_a_full_zone_is_named),
        cmocka_unit_test(the_numbers_are_those_of_the_zone),
        cmocka_unit_test(zones_of_the_list_are_allowed_and_those_of_other_nodes_by_mask),
    };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
