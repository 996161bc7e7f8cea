/* SPDX-License-Identifier: MIT */
/* Per-CPU page lists: ends, bounds, batches, draining. */
#include "zone_machine.h"

static struct zm *bench(void)
{
    struct zm_spec spec = {.pages = 65536, .min_free_kbytes = 4};
    return zm_boot(&spec);
}

static struct qr_pcp *pcp_of(struct zm *m)
{
    return &zm_cpu(m)->pcp[0];
}

static void the_page_freed_last_is_taken_first(void **state)
{
    struct zm *m = bench();
    struct page *page[10];
    (void)state;
    for (int i = 0; i < 10; i++)
        page[i] = zm_alloc(m, GFP_KERNEL, 0);
    for (int i = 0; i < 10; i++)
        zm_free(m, page[i], 0);
    for (int i = 10; i-- > 0;)
        assert_ptr_equal(zm_alloc(m, GFP_KERNEL, 0), page[i]);
    for (int i = 0; i < 10; i++)
        zm_free(m, page[i], 0);
    zm_end(m);
}

static void g_e9_cold_requests_take_from_the_cold_end(void **state)
{
    struct zm *m = bench();
    struct page *old = zm_alloc(m, GFP_KERNEL, 0), *young = zm_alloc(m, GFP_KERNEL, 0);
    struct page *hot, *cold;
    (void)state;
    qr_pcp_drain_local(&m->zones);
    zm_free(m, old, 0);
    zm_free(m, young, 0);
    assert_int_equal(pcp_of(m)->pages, 2);
    cold = zm_alloc(m, GFP_KERNEL | __GFP_COLD, 0);
    hot = zm_alloc(m, GFP_KERNEL, 0);
    assert_ptr_equal(cold, old);
    assert_ptr_equal(hot, young);
    zm_free(m, old, 0);
    zm_free(m, young, 0);
    zm_end(m);
}

static void lists_are_filled_in_batches_of_ascending_frames(void **state)
{
    struct zm *m = bench();
    struct page *page[64];
    (void)state;
    for (int i = 0; i < 64; i++) {
        page[i] = zm_alloc(m, GFP_KERNEL, 0);
        if (i)
            assert_int_equal(zm_pfn(m, page[i]), zm_pfn(m, page[i - 1]) + 1);
    }
    assert_int_equal(zm_cpu(m)->event[QR_EV_PCP_REFILL], 1);
    for (int i = 0; i < 64; i++)
        zm_free(m, page[i], 0);
    zm_end(m);
}

static void orders_up_to_6_and_9_have_lists_and_others_have_none(void **state)
{
    struct zm *m = bench();
    (void)state;
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        bool listed = order <= 6 || order == 9;
        struct page *page;
        qr_pcp_drain_local(&m->zones);
        page = zm_alloc(m, GFP_KERNEL, order);
        qr_pcp_drain_local(&m->zones);
        zm_free(m, page, order);
        assert_int_equal(pcp_of(m)->pages, listed ? 1u << order : 0);
        assert_int_equal((page->flags & PGF_PCP) != 0, listed);
    }
    zm_end(m);
}

static void lists_are_bounded_in_pages(void **state)
{
    struct zm *m = bench();
    struct page **page = malloc(20000 * sizeof(*page));
    (void)state;
    for (int i = 0; i < 20000; i++)
        page[i] = zm_alloc(m, GFP_KERNEL, (unsigned int)i % 3);
    for (int i = 0; i < 20000; i++) {
        zm_free(m, page[i], (unsigned int)i % 3);
        assert_true(pcp_of(m)->pages <= pcp_of(m)->limit);
    }
    assert_true(pcp_of(m)->limit <= 1536);
    zm_check(m);
    free(page);
    zm_end(m);
}

static void filling_a_list_stays_within_its_bound(void **state)
{
    struct zm_spec spec = {.pages = 320, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    assert_in_range(pcp_of(m)->limit, 15, 20);
    assert_in_range(pcp_of(m)->pages, 5, pcp_of(m)->limit);
    zm_free(m, page, 0);
    zm_end(m);
}

static void the_limit_is_shared_by_the_cpus_online(void **state)
{
    struct zm *m = zm_pages(8192);
    u32 alone = pcp_of(m)->limit;
    (void)state;
    assert_in_range(alone, 500, 512); /* a sixteenth */
    zm_online(&m->cpus, 5);
    zm_online(&m->cpus, 6);
    zm_online(&m->cpus, 7);
    assert_in_range(m->area[7]->pcp[0].limit, alone / 4 - 1, alone / 4);
    zm_end(m);
}

/* CPUs that are gone leave their share to the others: they are counted anew at each 64th refill. */
static void the_cpus_are_counted_anew_every_64_refills(void **state)
{
    struct zm_spec spec = {.pages = 8192, .owner = true};
    struct zm *m = zm_boot(&spec);
    u32 alone = pcp_of(m)->limit;
    struct page *page;
    (void)state;
    assert_int_equal(m->zones.nr_online, 1);
    for (unsigned int round = 0; round < 2; round++) {
        zm_online(&m->cpus, ZM_MAX_CPUS - 1);
        assert_int_equal(m->zones.nr_online, 2);
        free(m->area[ZM_MAX_CPUS - 1]);
        m->area[ZM_MAX_CPUS - 1] = NULL;
        for (unsigned int i = 0; i < 64; i++) {
            assert_int_equal(m->zones.nr_online, 2);
            page = zm_alloc(m, GFP_KERNEL, 6); /* nothing else comes with it */
            zm_free(m, page, 6);
            qr_pcp_drain_all(&m->zones);
        }
        assert_int_equal(m->zones.nr_online, 1);
        assert_int_equal(zm_cpu(m)->event[QR_EV_PCP_REFILL], 64 * (round + 1));
        zm_free(m, zm_alloc(m, GFP_KERNEL, 6), 6);
        qr_pcp_drain_all(&m->zones);
        assert_int_equal(pcp_of(m)->limit, alone);
        zm_cpu(m)->event[QR_EV_PCP_REFILL]--; /* as if it had not been */
    }
    zm_end(m);
}

static void a_compound_block_on_a_list_stays_constructed(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 4), *again;
    (void)state;
    zm_free(m, page, 4);
    assert_true(page->flags & PGF_HEAD);
    assert_true(page[7].flags & PGF_TAIL);
    zm_check(m);
    again = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 4);
    assert_ptr_equal(again, page);
    zm_free(m, again, 4);
    /* Taken plain, or drained to the buddy, its tails are ordinary frames again. */
    again = zm_alloc(m, GFP_KERNEL, 4);
    assert_ptr_equal(again, page);
    assert_false(page[7].flags & PGF_TAIL);
    zm_free(m, again, 4);
    again = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 4);
    zm_free(m, again, 4);
    qr_pcp_drain_local(&m->zones);
    assert_false(page[7].flags & PGF_TAIL);
    zm_end(m);
}

static void while_a_zone_is_short_pages_pass_the_lists_by(void **state)
{
    struct zm *m = bench();
    struct zone *zone = &m->zones.zone[0];
    struct page *page;
    (void)state;
    page = zm_alloc(m, GFP_KERNEL, 0);
    assert_true(pcp_of(m)->pages > 0);
    m->zones.min_free_kbytes = 240 << 10; /* of 256 MiB: low is above what there is */
    qr_zones_set_watermarks(&m->zones);
    assert_int_equal(zone->below_low, 1);
    zm_free(m, page, 0);
    assert_int_equal(pcp_of(m)->pages, 0); /* and what was listed came back */
    page = zm_alloc(m, GFP_KERNEL, 0);
    assert_int_equal(pcp_of(m)->pages, 0);
    m->zones.min_free_kbytes = 4;
    qr_zones_set_watermarks(&m->zones);
    assert_int_equal(zone->below_low, 0);
    zm_free(m, page, 0);
    assert_int_equal(pcp_of(m)->pages, 1);
    zm_end(m);
}

/* From a list as well as from the zone: a request that names none has its CPU's. */
static void g_z9_pages_are_those_of_the_node_that_is_named(void **state)
{
    static const struct quarry_region region[] = {
        {.size = 2048 * PAGE_SIZE},
        {.start = 2048 * PAGE_SIZE, .size = 2048 * PAGE_SIZE, .nid = 1},
    };
    struct zm_spec spec = {.regions = region, .nr_regions = 2, .min_free_kbytes = 16};
    struct zm *m = zm_boot(&spec);
    unsigned int number = qp_self.number;
    (void)state;
    zm_online(&m->cpus, 1); /* a CPU of the other node */
    for (unsigned int cpu = 0; cpu < 2; cpu++)
        for (unsigned int time = 0; time < 2; time++)
            for (int nid = NUMA_NO_NODE; nid < 2; nid++) {
                struct page *page;
                qp_self.number = cpu;
                page = qr_alloc_pages(&m->zones, GFP_KERNEL, 0, nid);
                assert_int_equal(zm_pfn(m, page) >= 2048, nid < 0 ? cpu : (unsigned int)nid);
                assert_ptr_equal(qr_page_zone(&m->zones, page),
                                 &m->zones.zone[nid < 0 ? cpu : (unsigned int)nid]);
                zm_free(m, page, 0);
            }
    qp_self.number = number;
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    zm_end(m);
}

static void g_w3_listed_pages_of_this_cpu_are_used_before_a_request_fails(void **state)
{
    struct zm_spec spec = {.pages = 65536, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct zm_hoard *hoard = zm_hoard(m, GFP_ATOMIC);
    (void)state;
    assert_int_equal(hoard->nr, m->zones.totalram);
    zm_release(m, hoard);
    zm_end(m);
}

static void a_sleeping_cpu_is_drained_and_a_running_one_is_asked(void **state)
{
    struct zm *m = bench();
    struct qr_cpu *asleep = zm_online(&m->cpus, 5), *awake = zm_online(&m->cpus, 6);
    struct qr_cpu *own = zm_cpu(m);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    unsigned int number = qp_self.number;
    (void)state;
    /* Give both a page, as if they had freed one. */
    qp_self.number = 5;
    zm_free(m, page, 0);
    qp_self.number = 6;
    page = zm_alloc(m, GFP_KERNEL, 0);
    zm_free(m, page, 0);
    qp_self.number = number;
    assert_true(asleep->pcp[0].pages > 0);
    assert_true(awake->pcp[0].pages > 0);
    asleep->owner = QR_CPU_SLEEPING;
    qr_pcp_drain_all(&m->zones);
    assert_int_equal(own->pcp[0].pages, 0);
    assert_int_equal(asleep->pcp[0].pages, 0);
    assert_int_equal(asleep->owner, QR_CPU_SLEEPING);
    assert_true(awake->pcp[0].pages > 0);
    assert_int_equal(awake->drain_requested, QR_DRAIN_PAGES);
    qp_self.number = 6; /* its next slow way */
    page = zm_alloc(m, GFP_KERNEL, 7);
    assert_int_equal(awake->pcp[0].pages, 0);
    assert_int_equal(awake->drain_requested, 0);
    zm_free(m, page, 7);
    qp_self.number = number;
    zm_end(m);
}

static void a_thread_without_a_cpu_works_straight_on_the_buddy(void **state)
{
    struct zm_spec spec = {.pages = 1024, .no_cpu = true, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    u64 before = qr_free_pages_total(&m->zones);
    struct page *page;
    (void)state;
    m->cpus.nr_max = 0; /* no numbers left */
    page = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 3);
    assert_non_null(page);
    assert_int_equal(qr_free_pages_total(&m->zones), before - 8);
    zm_free(m, page, 3);
    assert_int_equal(qr_free_pages_total(&m->zones), before);
    /* What must stay free is looked at under the lock as well: it may have changed since. */
    assert_null(qr_zone_take(&m->zones, &m->zones.zone[0], 2, MIGRATE_MOVABLE, false, before - 3));
    page = qr_zone_take(&m->zones, &m->zones.zone[0], 2, MIGRATE_MOVABLE, false, before - 4);
    assert_non_null(page);
    qr_zone_put(&m->zones, &m->zones.zone[0], page, 2);
    zm_end(m);
}

static void freed_large_blocks_lose_their_backing_when_there_are_many(void **state)
{
    struct zm *m = zm_pages(65536);
    struct zone *zone = &m->zones.zone[0];
    struct page *page[60];
    u64 most = 0;
    (void)state;
    for (int i = 0; i < 60; i++) {
        page[i] = zm_alloc(m, GFP_KERNEL, MAX_PAGE_ORDER);
        memset(qr_page_virt(&m->map, page[i]), 1, PAGE_SIZE);
    }
    for (int i = 0; i < 60; i++) {
        zm_free(m, page[i], MAX_PAGE_ORDER);
        most = QR_MAX(most, zone->warm_pages);
    }
    assert_true(most <= zone->warm_limit + (2u << MAX_PAGE_ORDER));
    assert_true(zone->warm_pages > 0);
    qr_pcp_drain_all(&m->zones);
    assert_int_equal(zone->warm_pages, 0);
    zm_end(m);
}

static void an_order_9_pair_is_not_discarded_each_time(void **state)
{
    struct zm *m = bench();
    struct page *page;
    unsigned char *p = NULL;
    (void)state;
    for (int i = 0; i < 100; i++) {
        page = zm_alloc(m, GFP_KERNEL, QR_BLOCK_ORDER);
        if (p)
            assert_int_equal(*p, 0x77); /* still there: neither cleared nor given to the host */
        p = qr_page_virt(&m->map, page);
        *p = 0x77;
        zm_free(m, page, QR_BLOCK_ORDER);
    }
    zm_end(m);
}

/* What may stay backed is a limit, not a target: below it nothing goes, above it half of it stays. */
static void backing_goes_only_above_the_limit_and_then_down_to_half_of_it(void **state)
{
    static const unsigned int order[] = {MAX_PAGE_ORDER,
                                         QR_BLOCK_ORDER}; /* past the lists, and by them */
    static struct page *page[24];
    (void)state;
    for (unsigned int k = 0; k < 2; k++) {
        struct zm *m = zm_pages(32768);
        struct zone *zone = &m->zones.zone[0];
        unsigned int seen = 0;
        qr_pcp_drain_all(&m->zones);
        zone->warm_limit = 4u << MAX_PAGE_ORDER;
        for (unsigned int i = 0; i < 24; i++)
            page[i] = zm_alloc(m, GFP_KERNEL | __GFP_MOVABLE, order[k]);
        for (unsigned int i = 0; i < 24; i++) {
            u64 before = zone->warm_pages, listed = pcp_of(m)->pages;
            zm_free(m, page[i], order[k]);
            before += (1u << order[k]) + listed - pcp_of(m)->pages; /* what came to the zone */
            if (zone->warm_pages < before) {
                assert_true(before + (k ? 2 * QR_BLOCK_PAGES : 0) > zone->warm_limit);
                assert_in_range(zone->warm_pages, zone->warm_limit / 2 - (1u << MAX_PAGE_ORDER) + 1,
                                zone->warm_limit / 2);
                seen++;
            } else { /* or more, where one is joined to a half without backing */
                assert_in_range(zone->warm_pages, before,
                                k ? zone->warm_limit : QR_MIN(before, zone->warm_limit));
            }
        }
        assert_true(seen > 1);
        zm_end(m);
    }
}

/* As many as the batch, the room on the lists and the zone allow, whichever is least. */
static void a_refill_stops_at_what_the_cpu_and_the_zone_have_room_for(void **state)
{
    static const u32 room[] = {0, 1, 2, 3, 4, 10, 63, 64, 65, 200};
    const struct zm_spec spec = {.pages = 2048, .min_free_kbytes = 4};
    (void)state;
    for (unsigned int order = 0; order < 3; order++)
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(room); i++) {
            u32 blocks = QR_MIN(room[i], 64u) >> order;
            struct zm *m = zm_boot(&spec);
            struct zone *zone = &m->zones.zone[0];
            struct page *page = zm_alloc(m, GFP_KERNEL, 3), *got;
            zm_free(m, page, 3);
            qr_pcp_drain_local(&m->zones);
            zm_free(m, zm_alloc(m, GFP_KERNEL, 6), 6); /* 64 pages listed, of another order */
            zone->managed = (64 + room[i]) * 16ul;     /* the limit is a sixteenth of it */
            got = zm_alloc(m, GFP_KERNEL | __GFP_MOVABLE, order);
            assert_int_equal(pcp_of(m)->limit, 64 + room[i]);
            assert_int_equal(pcp_of(m)->pages, 64 + (blocks < 2 ? 0 : (blocks - 1) << order));
            zone->managed = m->zones.totalram;
            zm_free(m, got, order);
            qr_pcp_drain_local(&m->zones);
            /* The same, where it is the zone that has no more. */
            got = qr_zone_take(&m->zones, zone, order, MIGRATE_MOVABLE, false,
                               zone->free_pages - room[i]);
            assert_int_equal(got != NULL, room[i] >= 1u << order);
            assert_int_equal(pcp_of(m)->pages, blocks < 2 ? 0 : (blocks - 1) << order);
            if (got)
                qr_zone_put(&m->zones, zone, got, order);
            zm_end(m);
        }
}

/* The mobility of a list is that of the page block, however near the next one is. */
static void the_last_page_of_a_page_block_goes_on_its_own_list(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, QR_BLOCK_ORDER), *last = page + QR_BLOCK_PAGES - 1;
    struct page *next = zm_alloc(m, GFP_KERNEL | __GFP_RECLAIMABLE, 0);
    (void)state;
    qr_set_block_mobility(&m->map, zm_pfn(m, last) + 1, MIGRATE_RECLAIMABLE);
    qr_pcp_drain_local(&m->zones);
    qr_split_page(&m->zones, page, QR_BLOCK_ORDER);
    zm_free(m, last, 0);
    assert_int_equal(pcp_of(m)->list[0][MIGRATE_UNMOVABLE].nr, 1);
    assert_ptr_equal(zm_alloc(m, GFP_KERNEL, 0), last);
    for (unsigned int i = 0; i < QR_BLOCK_PAGES; i++)
        zm_free(m, page + i, 0);
    zm_free(m, next, 0);
    qr_set_block_mobility(&m->map, zm_pfn(m, last) + 1, MIGRATE_MOVABLE);
    zm_end(m);
}

static void blocks_larger_than_the_limit_are_not_listed(void **state)
{
    struct zm *m = bench();
    struct page *page[4];
    (void)state;
    for (unsigned int order = 0; order < 4; order++)
        page[order] = zm_alloc(m, GFP_KERNEL, order);
    qr_pcp_drain_local(&m->zones);
    pcp_of(m)->limit = 4;
    zm_free(m, page[3], 3);
    assert_int_equal(pcp_of(m)->pages, 0);
    zm_free(m, page[2], 2);
    assert_int_equal(pcp_of(m)->pages, 4);
    zm_free(m, page[0], 0); /* one too many: down to three, those of its own list first */
    assert_int_equal(pcp_of(m)->pages, 0);
    assert_true(pcp_of(m)->limit > 4); /* and the limit is looked at anew */
    zm_free(m, page[1], 1);
    assert_int_equal(pcp_of(m)->pages, 2);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_freed_last_is_taken_first),
        cmocka_unit_test(g_e9_cold_requests_take_from_the_cold_end),
        cmocka_unit_test(lists_are_filled_in_batches_of_ascending_frames),
        cmocka_unit_test(orders_up_to_6_and_9_have_lists_and_others_have_none),
        cmocka_unit_test(lists_are_bounded_in_pages),
        cmocka_unit_test(filling_a_list_stays_within_its_bound),
        cmocka_unit_test(the_limit_is_shared_by_the_cpus_online),
        cmocka_unit_test(the_cpus_are_counted_anew_every_64_refills),
        cmocka_unit_test(a_compound_block_on_a_list_stays_constructed),
        cmocka_unit_test(while_a_zone_is_short_pages_pass_the_lists_by),
        cmocka_unit_test(g_z9_pages_are_those_of_the_node_that_is_named),
        cmocka_unit_test(g_w3_listed_pages_of_this_cpu_are_used_before_a_request_fails),
        cmocka_unit_test(a_sleeping_cpu_is_drained_and_a_running_one_is_asked),
        cmocka_unit_test(a_thread_without_a_cpu_works_straight_on_the_buddy),
        cmocka_unit_test(freed_large_blocks_lose_their_backing_when_there_are_many),
        cmocka_unit_test(an_order_9_pair_is_not_discarded_each_time),
        cmocka_unit_test(backing_goes_only_above_the_limit_and_then_down_to_half_of_it),
        cmocka_unit_test(a_refill_stops_at_what_the_cpu_and_the_zone_have_room_for),
        cmocka_unit_test(the_last_page_of_a_page_block_goes_on_its_own_list),
        cmocka_unit_test(blocks_larger_than_the_limit_are_not_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
