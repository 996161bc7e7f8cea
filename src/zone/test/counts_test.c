/* SPDX-License-Identifier: MIT */
/* How much is moved and counted: pages in and out, refills and drains, and that what is done to a block's
 * content ends at its last byte. */
#include "zone_machine.h"
#include "console.h"

static struct zm *bench(void)
{
    struct zm_spec spec = {.pages = 65536, .min_free_kbytes = 4};
    return zm_boot(&spec);
}

static unsigned long counted(struct zm *m, enum qr_event event)
{
    return zm_cpu(m)->event[event];
}

static u32 listed(struct zm *m)
{
    return zm_cpu(m)->pcp[0].pages;
}

/* ---- pages in and out ------------------------------------------------------------------------ */

static void every_page_is_counted_on_its_way_out_and_in(void **state)
{
    struct zm *m = bench();

    (void)state;
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        for (unsigned int time = 0; time < 2; time++) { /* the slow way, and from a list */
            unsigned long out = counted(m, QR_EV_PGALLOC), in = counted(m, QR_EV_PGFREE);
            struct page *page = zm_alloc(m, GFP_KERNEL, order);

            assert_int_equal(counted(m, QR_EV_PGALLOC), out + (1u << order));
            assert_int_equal(counted(m, QR_EV_PGFREE), in);
            zm_free(m, page, order);
            assert_int_equal(counted(m, QR_EV_PGALLOC), out + (1u << order));
            assert_int_equal(counted(m, QR_EV_PGFREE), in + (1u << order));
        }
    }
    for (unsigned int event = QR_EV_ALLOCSTALL; event < QR_NR_EVENTS; event++)
        assert_int_equal(counted(m, event), 0);
    zm_end(m);
}

static void a_request_that_fails_is_not_counted(void **state)
{
    struct zm *m = zm_pages(256);

    (void)state;
    assert_null(zm_alloc(m, GFP_ATOMIC | __GFP_NOWARN, MAX_PAGE_ORDER));
    assert_int_equal(counted(m, QR_EV_PGALLOC), 0);
    zm_end(m);
}

/* 64 pages at a time, if they are two blocks at least. */
static void a_refill_leaves_the_rest_of_64_pages_on_the_list(void **state)
{
    (void)state;
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        struct zm *m = bench();
        struct page *page = zm_alloc(m, GFP_KERNEL, order);

        assert_int_equal(listed(m), order <= 5 ? 64 - (1u << order) : 0);
        assert_int_equal(counted(m, QR_EV_PCP_REFILL), order <= 6 || order == QR_BLOCK_ORDER);
        zm_free(m, page, order);
        assert_int_equal(counted(m, QR_EV_PCP_REFILL), order <= 6 || order == QR_BLOCK_ORDER);
        zm_end(m);
    }
}

static void blocks_of_a_refill_are_of_the_order_and_mobility_asked_for(void **state)
{
    static const gfp_t mobility[] = {0, __GFP_MOVABLE, __GFP_RECLAIMABLE};

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        struct zm *m = bench();
        struct page *page = zm_alloc(m, GFP_KERNEL | mobility[i], 2);

        for (unsigned int order = 0; order < QR_PCP_ORDERS; order++)
            for (unsigned int k = 0; k < MIGRATE_TYPES; k++)
                assert_int_equal(zm_cpu(m)->pcp[0].list[order][k].nr,
                                 order == 2 && k == i ? 15 : 0);
        zm_check(m);
        zm_free(m, page, 2);
        zm_end(m);
    }
}

/* What is above the limit goes, and a quarter of the limit or 64 pages with it. */
static void a_list_that_is_full_gives_back_a_batch(void **state)
{
    static const unsigned long machine[] = {1200, 65536}; /* limits of about 70, and of 1,536 */
    static struct page *page[2000];

    (void)state;
    for (unsigned int k = 0; k < 2; k++) {
        struct zm_spec spec = {.pages = machine[k], .min_free_kbytes = 4};
        struct zm *m = zm_boot(&spec);
        u32 limit = zm_cpu(m)->pcp[0].limit, batch = QR_MIN(64u, limit / 4);
        unsigned long drained;
        u64 free_pages;

        for (u32 i = 0; i <= limit; i++)
            page[i] = zm_alloc(m, GFP_KERNEL, 0);
        qr_pcp_drain_local(&m->zones);
        drained = counted(m, QR_EV_PCP_DRAIN);
        free_pages = m->zones.zone[0].free_pages;
        for (u32 i = 0; i < limit; i++)
            zm_free(m, page[i], 0);
        assert_int_equal(listed(m), limit);
        assert_int_equal(counted(m, QR_EV_PCP_DRAIN), drained);
        assert_int_equal(m->zones.zone[0].free_pages, free_pages);
        zm_free(m, page[limit], 0);
        assert_int_equal(listed(m), limit - batch);
        assert_int_equal(counted(m, QR_EV_PCP_DRAIN), drained + batch + 1);
        assert_int_equal(m->zones.zone[0].free_pages, free_pages + batch + 1);
        for (u32 i = 0; i <= batch; i++) /* those that were there for longest */
            assert_int_equal(page[i]->flags & PGF_PCP, 0);
        assert_int_equal(page[batch + 1]->flags & PGF_PCP, PGF_PCP);
        zm_end(m);
    }
}

/* The list that grew gives first; when it has nothing left, the one of the largest blocks. */
static void the_list_that_grew_sheds_first_and_then_the_largest_blocks(void **state)
{
    struct zm *m = bench();
    struct page *small[600], *large[300];
    struct qr_pcp *pcp = &zm_cpu(m)->pcp[0];
    u32 limit = pcp->limit;

    (void)state;
    assert_int_equal(limit, 1536);
    for (unsigned int i = 0; i < 600; i++)
        small[i] = zm_alloc(m, GFP_KERNEL, 0);
    for (unsigned int i = 0; i < 300; i++)
        large[i] = zm_alloc(m, GFP_KERNEL, 2);
    qr_pcp_drain_local(&m->zones);
    for (unsigned int i = 0; i < 600; i++)
        zm_free(m, small[i], 0);
    for (unsigned int i = 0; i < 234; i++)
        zm_free(m, large[i], 2);
    assert_int_equal(pcp->pages, 600 + 4 * 234);
    zm_free(m, large[234], 2); /* one too many: 1,540 pages, of which 1,472 may stay */
    assert_int_equal(pcp->pages, limit - 64);
    assert_int_equal(pcp->list[0][MIGRATE_UNMOVABLE].nr, 600);
    assert_int_equal(pcp->list[2][MIGRATE_UNMOVABLE].nr, 235 - 17);
    for (unsigned int i = 235; i < 300; i++)
        zm_free(m, large[i], 2);
    zm_end(m);
}

static void draining_gives_everything_back_and_says_how_much(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 1), *other;
    struct qr_cpu *asleep = zm_online(&m->cpus, 5);
    unsigned int number = qp_self.number;
    unsigned long drained = counted(m, QR_EV_PCP_DRAIN);

    (void)state;
    assert_int_equal(listed(m), 62);
    assert_int_equal(qr_pcp_drain_zone(&m->zones, &m->zones.zone[0]), 62);
    assert_int_equal(counted(m, QR_EV_PCP_DRAIN), drained + 62);
    assert_int_equal(qr_pcp_drain_zone(&m->zones, &m->zones.zone[0]), 0);
    assert_int_equal(qr_pcp_drain_local(&m->zones), 0);
    zm_free(m, page, 1);
    assert_int_equal(qr_pcp_drain_local(&m->zones), 2);
    page = zm_alloc(m, GFP_KERNEL, 0);
    qp_self.number = 5;
    other = zm_alloc(m, GFP_KERNEL, 3);
    qp_self.number = number;
    asleep->owner = QR_CPU_SLEEPING;
    assert_int_equal(qr_pcp_drain_all(&m->zones), 63 + 56);
    assert_int_equal(asleep->event[QR_EV_PCP_DRAIN], 56);
    assert_int_equal(qr_pcp_drain_all(&m->zones), 0);
    zm_free(m, page, 0);
    zm_free(m, other, 3);
    zm_end(m);
}

/* ---- marks ----------------------------------------------------------------------------------- */

/* Four times the root of what there is, in KiB; a quarter of it and a half above, or the scale factor. */
static void g_w5_the_marks_follow_from_what_there_is(void **state)
{
    static const struct {
        u64 managed, kbytes;
        u32 factor;
        u64 min, low, high;
    } of[] = {
        {60, 0, 0, 30, 37, 45},   /* no more than half of it */
        {64, 0, 0, 32, 40, 48},   /* 128 KiB at least */
        {256, 0, 0, 32, 40, 48},  /* which is what it would be */
        {1023, 0, 0, 63, 78, 94}, /* the root is rounded down */
        {1024, 0, 0, 64, 80, 96},
        {40000, 0, 0, 400, 500, 600},
        {40000, 0, 10, 400, 500, 600}, /* a thousandth is less than a quarter of it */
        {40000, 0, 30, 400, 520, 640},
        {40000, 0, 100, 400, 800, 1200},
        {1ull << 30, 0, 0, 65536, 81920, 98304}, /* 256 MiB at most */
        {1ull << 31, 0, 0, 65536, 81920, 98304},
        {40000, 4000, 0, 1000, 1250, 1500}, /* what is set is taken as it is */
        {40000, 4003, 100, 1000, 1400, 1800},
    };
    struct zm *m = zm_pages(4096);
    struct zone *zone = &m->zones.zone[0];
    u64 managed = zone->managed;

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(of); i++) {
        zone->managed = of[i].managed;
        m->zones.min_free_kbytes = of[i].kbytes;
        m->zones.watermark_scale_factor = of[i].factor;
        qr_zones_set_watermarks(&m->zones);
        if (zone->watermark[QR_WMARK_MIN] != of[i].min ||
            zone->watermark[QR_WMARK_LOW] != of[i].low ||
            zone->watermark[QR_WMARK_HIGH] != of[i].high)
            fail_msg("case %zu: %llu, %llu, %llu", i,
                     (unsigned long long)zone->watermark[QR_WMARK_MIN],
                     (unsigned long long)zone->watermark[QR_WMARK_LOW],
                     (unsigned long long)zone->watermark[QR_WMARK_HIGH]);
        assert_int_equal(zone->below_low, zone->free_pages < of[i].low);
    }
    zone->managed = managed;
    zm_end(m);
}

/* ---- many at once ---------------------------------------------------------------------------- */

static void from_eight_pages_on_a_bulk_comes_from_the_zone_in_one_run(void **state)
{
    struct zm *m = bench();
    static struct page *page[4096];

    (void)state;
    for (unsigned long nr = 8; nr <= 4096; nr *= 2) {
        unsigned long out = counted(m, QR_EV_PGALLOC);

        assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, NUMA_NO_NODE, nr, page), nr);
        assert_int_equal(counted(m, QR_EV_PGALLOC), out + nr);
        assert_int_equal(counted(m, QR_EV_PCP_REFILL), 0);
        assert_int_equal(listed(m), 0);
        for (unsigned long i = 0; i < nr; i++) {
            assert_int_equal(page[i]->flags, m->zones.zone[0].place | PGF_OWNED);
            if (i % QR_BLOCK_PAGES)
                assert_ptr_equal(page[i], page[i - 1] + 1);
        }
        for (unsigned long i = 0; i < nr; i++)
            zm_free(m, page[i], 0);
        qr_pcp_drain_all(&m->zones);
    }
    assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, NUMA_NO_NODE, 7, page), 7);
    assert_int_equal(counted(m, QR_EV_PCP_REFILL), 1);
    assert_int_equal(listed(m), 57);
    for (unsigned long i = 0; i < 7; i++)
        zm_free(m, page[i], 0);
    zm_end(m);
}

/* Just below a power of two, no page more than was asked for. */
static void a_bulk_gives_exactly_as_many_as_there_is_room_for(void **state)
{
    struct zm *m = bench();
    static struct page *page[1100];

    (void)state;
    for (unsigned long nr = 8; nr < 1100; nr += nr + 1 == (nr & -nr) || nr % 2 ? 1 : nr - 1) {
        struct page *const none = (struct page *)page;

        page[nr] = none;
        assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, NUMA_NO_NODE, nr, page), nr);
        assert_ptr_equal(page[nr], none);
        for (unsigned long i = 0; i < nr; i++)
            zm_free(m, page[i], 0);
    }
    zm_end(m);
}

/* What lies behind the last zone is neither written nor counted, whatever it looks like. */
static void behind_the_last_zone_there_is_none(void **state)
{
    struct zm_spec spec = {.pages = 4096, .level = 1, .min_free_kbytes = 400};
    struct zm *m = zm_boot(&spec);
    static struct zone other;
    static struct test_console console;
    char words[768] = "";
    struct qr_text text = {words, sizeof(words), 0};
    struct qr_request request;
    struct page *page;

    (void)state;
    assert_int_equal(m->zones.nr_zones, 1);
    m->zones.zone[1] = m->zones.zone[0];
    m->zones.zone[1].index = 1;
    m->zones.zone[1].type = ZONE_DMA;
    m->zones.zone[1].name = "None";
    m->zones.zone[1].watermark[QR_WMARK_LOW] = 7;
    m->zones.zone[1].free_pages = m->zones.zone[1].warm_pages = 1u << 20;
    other = m->zones.zone[1];
    assert_int_equal(qr_free_pages_total(&m->zones), m->zones.zone[0].free_pages);
    qr_zones_set_watermarks(&m->zones);
    assert_int_equal(m->zones.zone[0].watermark[QR_WMARK_MIN], 100);
    page = zm_alloc(m, GFP_KERNEL, 0);
    zm_free(m, page, 0);
    qr_pcp_init_cpu(&m->zones, zm_cpu(m));
    assert_int_equal(zm_cpu(m)->pcp[1].limit, 0);
    zm_cpu(m)->pcp[1].pages = 5;
    assert_int_equal(qr_pcp_drain_all(&m->zones), 64);
    assert_int_equal(zm_cpu(m)->pcp[1].pages, 5);
    zm_cpu(m)->pcp[1].pages = 0;
    assert_int_equal(qr_zones_check(&m->zones), 0);
    assert_true(qr_request_init(&request, &m->zones, GFP_KERNEL, 0, NUMA_NO_NODE));
    qr_request_explain(&request, &text);
    assert_null(strstr(words, "None"));
    test_console_begin(&console);
    qr_show_mem(&m->zones);
    test_console_end(&console);
    assert_non_null(strstr(console.text, "Node 0 Normal free:"));
    assert_null(strstr(console.text, "None"));
    assert_memory_equal(&m->zones.zone[1], &other, sizeof(other));
    zm_end(m);
}

/* Pages of another node are as good, unless the mask says otherwise. */
static void a_bulk_goes_on_in_the_next_zone(void **state)
{
    static const struct quarry_region region[] = {
        {.size = 2048 * PAGE_SIZE},
        {.start = 2048 * PAGE_SIZE, .size = 2048 * PAGE_SIZE, .nid = 1},
    };
    struct zm_spec spec = {.regions = region, .nr_regions = 2, .min_free_kbytes = 16};
    struct zm *m = zm_boot(&spec);
    static struct page *page[3000];
    unsigned long elsewhere = 0;

    (void)state;
    assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, 0, 3000, page), 3000);
    assert_int_equal(counted(m, QR_EV_PCP_REFILL), 0);
    assert_int_equal(m->zones.zone[0].free_pages, m->zones.zone[0].watermark[QR_WMARK_LOW]);
    for (unsigned int i = 0; i < 3000; i++) {
        elsewhere += zm_pfn(m, page[i]) >= 2048;
        zm_free(m, page[i], 0);
    }
    assert_int_equal(elsewhere,
                     3000 - (m->zones.zone[0].managed - m->zones.zone[0].watermark[QR_WMARK_LOW]));
    zm_end(m);
}

/* Blocks of a page block have lists; what these shed is as warm as what never was on them. */
static void shed_page_blocks_lose_their_backing_when_there_are_many(void **state)
{
    struct zm *m = bench();
    struct zone *zone = &m->zones.zone[0];
    static struct page *page[110];
    u64 most = 0;

    (void)state;
    for (unsigned int i = 0; i < 110; i++)
        page[i] = zm_alloc(m, GFP_KERNEL, QR_BLOCK_ORDER);
    for (unsigned int i = 0; i < 110; i++) {
        zm_free(m, page[i], QR_BLOCK_ORDER);
        most = QR_MAX(most, zone->warm_pages);
    }
    assert_true(110 * QR_BLOCK_PAGES > zone->warm_limit + 40 * QR_BLOCK_PAGES);
    assert_true(most > zone->warm_limit / 2 && most <= zone->warm_limit + 4 * QR_BLOCK_PAGES);
    assert_true(zone->warm_pages <= zone->warm_limit);
    zm_end(m);
}

static void a_bulk_asks_for_each_page_while_faults_are_armed(void **state)
{
    struct quarry_fault ninth = {.nth = 9};
    struct zm *m = bench();
    struct page *page[64];

    (void)state;
    assert_int_equal(qr_fault_set(&m->faults, QUARRY_FAIL_PAGE_ALLOC, &ninth), 0);
    qr_zones_update_hooks(&m->zones);
    assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, NUMA_NO_NODE, 64, page), 8);
    assert_int_equal(zm_findings(m, QUARRY_OUT_OF_MEMORY), 0); /* eight are an answer */
    assert_int_equal(
        qr_fault_set(&m->faults, QUARRY_FAIL_PAGE_ALLOC, &(struct quarry_fault){.nth = 1}), 0);
    assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, NUMA_NO_NODE, 64, page + 8), 0);
    assert_int_equal(zm_findings(m, QUARRY_OUT_OF_MEMORY), 1); /* none is not */
    for (unsigned long i = 0; i < 8; i++)
        zm_free(m, page[i], 0);
    zm_end(m);
}

/* Free pages are cut only where no block of the right size is left. */
static void a_bulk_takes_the_largest_blocks_that_fit(void **state)
{
    struct zm_spec spec = {.pages = 1600, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    const struct zone *zone = &m->zones.zone[0];
    static struct page *page[1600];
    unsigned long nr = zone->managed - 1; /* the lowest mark is a page */

    (void)state;
    assert_true(qr_buddy_has(zone, 9));
    assert_false(qr_buddy_has(zone, 10));
    assert_int_equal(
        qr_alloc_pages_bulk(&m->zones, GFP_NOWAIT | __GFP_NOWARN, NUMA_NO_NODE, nr, page), nr);
    assert_int_equal(zone->free_pages + listed(m), 1);
    for (unsigned long i = 0; i < nr; i++)
        zm_free(m, page[i], 0);
    zm_end(m);
}

static void a_zone_has_blocks_if_any_list_has_or_fresh_ones_are_left(void **state)
{
    struct zm *m = bench();
    struct zone *zone = &m->zones.zone[0], empty = *zone;

    (void)state;
    assert_true(zone->nr_fresh > 0);
    assert_true(qr_buddy_has(zone, MAX_PAGE_ORDER));
    empty.nr_fresh = 0;
    memset(empty.nonempty, 0, sizeof(empty.nonempty));
    assert_false(qr_buddy_has(&empty, 0));
    empty.nr_fresh = 1;
    assert_true(qr_buddy_has(&empty, 0));
    assert_true(qr_buddy_has(&empty, MAX_PAGE_ORDER));
    empty.nr_fresh = 0;
    for (unsigned int mobility = 0; mobility < MIGRATE_TYPES; mobility++) {
        empty.nonempty[mobility] = 1u << 4;
        assert_true(qr_buddy_has(&empty, 4));
        assert_true(qr_buddy_has(&empty, 0));
        assert_false(qr_buddy_has(&empty, 5));
        empty.nonempty[mobility] = 0;
    }
    zm_end(m);
}

/* ---- where a block ends ---------------------------------------------------------------------- */

static bool filled_with(struct zm *m, struct page *page, unsigned char value)
{
    const unsigned char *p = qr_page_virt(&m->map, page);

    for (size_t i = 0; i < PAGE_SIZE; i++)
        if (p[i] != value)
            return false;
    return true;
}

/* Eight pages in a row, each its own, filled: the third and the fourth come back as one free block, which is
 * what a request for two gets next. */
static struct page *between_neighbours(struct zm *m)
{
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_SKIP_ZERO, 3);

    memset(qr_page_virt(&m->map, page), 0x3c, 8 * PAGE_SIZE);
    qr_split_page(&m->zones, page, 3);
    zm_free(m, page + 2, 0);
    zm_free(m, page + 3, 0);
    qr_pcp_drain_local(&m->zones);
    return page;
}

static void release_neighbours(struct zm *m, struct page *page)
{
    for (unsigned int i = 0; i < 8; i++)
        if (i < 2 || i > 3) {
            assert_true(filled_with(m, page + i, 0x3c));
            assert_int_equal(page[i].flags, m->zones.zone[0].place | PGF_OWNED | PGF_EXACT);
            assert_int_equal(page_ref_count(page + i), 1);
            zm_free(m, page + i, 0);
        }
}

static void a_block_is_cleared_marked_and_poisoned_to_its_end_and_no_further(void **state)
{
    static const struct {
        gfp_t gfp;
        bool init_on_alloc, init_on_free, poison;
        int out, in; /* what it is filled with; -1: as before */
    } how[] = {
        {0, false, false, false, 0x3c, 0x55},       {__GFP_COMP, false, false, false, 0x3c, 0x55},
        {__GFP_ZERO, false, false, false, 0, 0x55}, {0, true, false, false, 0, 0x55},
        {__GFP_COMP, false, true, false, 0, 0},     {0, false, false, true, 0xaa, 0xaa},
        {__GFP_ZERO, false, false, true, 0, 0xaa},  {__GFP_COMP, true, true, false, 0, 0},
    };

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(how); i++) {
        struct zm_spec spec = {.pages = 4096,
                               .min_free_kbytes = 4,
                               .init_on_alloc = how[i].init_on_alloc,
                               .init_on_free = how[i].init_on_free,
                               .poison = how[i].poison};
        struct zm *m = zm_boot(&spec);
        struct page *page = between_neighbours(m), *block = zm_alloc(m, GFP_KERNEL | how[i].gfp, 1);

        assert_ptr_equal(block, page + 2);
        for (unsigned int k = 0; k < 2; k++)
            if (!filled_with(m, block + k, (unsigned char)how[i].out))
                fail_msg("way %u, out, page %u", i, k);
        assert_int_equal((block->flags & PGF_HEAD) != 0, (how[i].gfp & __GFP_COMP) != 0);
        assert_int_equal((block[1].flags & PGF_TAIL) != 0, (how[i].gfp & __GFP_COMP) != 0);
        memset(qr_page_virt(&m->map, block), 0x55, 2 * PAGE_SIZE);
        zm_free(m, block, 1);
        qr_pcp_drain_local(&m->zones);
        for (unsigned int k = 0; k < 2; k++)
            if (!filled_with(m, block + k, (unsigned char)how[i].in))
                fail_msg("way %u, in, page %u", i, k);
        assert_int_equal(block[1].flags & (PGF_TAIL | PGF_OWNED), 0);
        release_neighbours(m, page);
        assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
        zm_end(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_counted_on_its_way_out_and_in),
        cmocka_unit_test(a_request_that_fails_is_not_counted),
        cmocka_unit_test(a_refill_leaves_the_rest_of_64_pages_on_the_list),
        cmocka_unit_test(blocks_of_a_refill_are_of_the_order_and_mobility_asked_for),
        cmocka_unit_test(a_list_that_is_full_gives_back_a_batch),
        cmocka_unit_test(the_list_that_grew_sheds_first_and_then_the_largest_blocks),
        cmocka_unit_test(draining_gives_everything_back_and_says_how_much),
        cmocka_unit_test(g_w5_the_marks_follow_from_what_there_is),
        cmocka_unit_test(from_eight_pages_on_a_bulk_comes_from_the_zone_in_one_run),
        cmocka_unit_test(a_bulk_gives_exactly_as_many_as_there_is_room_for),
        cmocka_unit_test(behind_the_last_zone_there_is_none),
        cmocka_unit_test(a_bulk_goes_on_in_the_next_zone),
        cmocka_unit_test(shed_page_blocks_lose_their_backing_when_there_are_many),
        cmocka_unit_test(a_bulk_asks_for_each_page_while_faults_are_armed),
        cmocka_unit_test(a_bulk_takes_the_largest_blocks_that_fit),
        cmocka_unit_test(a_zone_has_blocks_if_any_list_has_or_fresh_ones_are_left),
        cmocka_unit_test(a_block_is_cleared_marked_and_poisoned_to_its_end_and_no_further),
    };
    return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
