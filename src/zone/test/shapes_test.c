/* SPDX-License-Identifier: MIT */
/* Exact sizes, many pages at once, and what is done to content: clearing, poison, records. */
#include "zone_machine.h"

static struct zm *bench(void)
{
    struct zm_spec spec = {.pages = 8192, .min_free_kbytes = 4};
    return zm_boot(&spec);
}

static u64 free_of(struct zm *m)
{
    qr_pcp_drain_local(&m->zones);
    return qr_free_pages_total(&m->zones);
}

/* ---- exact ---------------------------------------------------------------------------------- */

static void exact_takes_no_more_pages_than_the_size_needs(void **state)
{
    struct zm *m = bench();
    u64 before = free_of(m);
    (void)state;
    for (unsigned long pages = 1; pages <= 1024; pages = pages * 2 + pages / 3 + 1) {
        size_t size = pages * PAGE_SIZE - 7;
        void *virt = qr_alloc_pages_exact(&m->zones, size, GFP_KERNEL, NUMA_NO_NODE);
        assert_non_null(virt);
        assert_int_equal(free_of(m), before - pages);
        memset(virt, 1, size);
        zm_check(m);
        qr_free_pages_exact(&m->zones, virt, size);
        assert_int_equal(free_of(m), before);
    }
    zm_end(m);
}

static void exact_sizes_that_make_no_sense_are_refused(void **state)
{
    static const size_t bad[] = {0, (PAGE_SIZE << MAX_PAGE_ORDER) + 1, SIZE_MAX, SIZE_MAX - 4095};
    struct zm *m = bench();
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++)
        assert_null(qr_alloc_pages_exact(&m->zones, bad[i], GFP_KERNEL, NUMA_NO_NODE));
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1); /* once a call site */
    zm_end(m);
}

static void exact_leaves_out_what_single_pages_cannot_be(void **state)
{
    struct zm *m = zm_pages(4096);
    void *virt;
    struct page *page;
    (void)state;
    assert_null(
        qr_alloc_pages_exact(&m->zones, 0, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE)); /* silently */
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    virt = qr_alloc_pages_exact(&m->zones, 3 * PAGE_SIZE, GFP_KERNEL | __GFP_COMP, NUMA_NO_NODE);
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 1);
    assert_non_null(strstr(zm_last, "__GFP_COMP and __GFP_HIGHMEM are ignored"));
    page = qr_virt_page(&m->map, virt);
    assert_int_equal(page->flags & PGF_HEAD, 0);
    assert_int_equal(page[1].flags & PGF_TAIL, 0);
    assert_int_equal(page[3].flags & PGF_TAIL, 0); /* free again already */
    assert_int_equal(page_ref_count(page + 1), 1);
    qr_free_pages_exact(&m->zones, virt, 3 * PAGE_SIZE);
    zm_end(m);
}

/* The last page before a hole: what would lie behind it is no page at all. */
static void g_s8_exact_frees_into_a_hole_change_nothing(void **state)
{
    static const struct quarry_region region[] = {
        {.size = 600 * PAGE_SIZE},
        {.start = 8192 * PAGE_SIZE, .size = 16 * PAGE_SIZE},
    };
    struct zm_spec spec = {.regions = region, .nr_regions = 2, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    void *virt[700], *last = NULL;
    unsigned int nr = 0;
    (void)state;
    while (nr < QR_ARRAY_SIZE(virt) &&
           (virt[nr] = qr_alloc_pages_exact(
                &m->zones, PAGE_SIZE, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN, NUMA_NO_NODE))) {
        if (qr_pfn(&m->map, qr_virt_page(&m->map, virt[nr])) == 8207)
            last = virt[nr];
        nr++;
    }
    assert_non_null(last);
    qr_free_pages_exact(&m->zones, last, 2 * PAGE_SIZE);
    assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), 1);
    while (nr-- > 0)
        qr_free_pages_exact(&m->zones, virt[nr], PAGE_SIZE);
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 1);
    zm_end(m);
}

static void g_s8_exact_frees_of_other_memory_change_nothing(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 1);
    void *exact = qr_alloc_pages_exact(&m->zones, 3 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
    u64 before = free_of(m);
    u32 flags;
    (void)state;
    qr_free_pages_exact(&m->zones, qr_page_virt(&m->map, page), 2 * PAGE_SIZE);
    qr_free_pages_exact(&m->zones, exact, 4 * PAGE_SIZE); /* longer than it is */
    qr_free_pages_exact(&m->zones, (char *)exact + 8, PAGE_SIZE);
    qr_free_pages_exact(&m->zones, &before, PAGE_SIZE);
    qr_free_pages_exact(&m->zones, exact, 0);
    qr_free_pages_exact(&m->zones, exact, SIZE_MAX);
    assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), 6);
    qr_virt_page(&m->map, exact)[1]._refcount = 0; /* a page of it is gone already */
    qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
    qr_virt_page(&m->map, exact)[1]._refcount = 1;
    assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), 7);
    flags = page->flags;
    page->flags = (flags & PGF_PLACE_MASK) | PGF_SLAB | 5u << PGF_SLOT_SHIFT;
    qr_free_pages_exact(&m->zones, qr_page_virt(&m->map, page), PAGE_SIZE);
    page->flags = flags;
    assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), 8);
    assert_int_equal(free_of(m), before);
    qr_free_pages_exact(&m->zones, NULL, PAGE_SIZE);
    qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
    qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
    assert_int_equal(zm_findings(m, QUARRY_DOUBLE_FREE), 1);
    zm_free(m, page, 1);
    zm_end(m);
}

/* ---- bulk ----------------------------------------------------------------------------------- */

static void bulk_gives_single_pages_in_long_ascending_runs(void **state)
{
    struct zm *m = bench();
    struct page *page[1000];
    unsigned long breaks = 0;
    (void)state;
    assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, NUMA_NO_NODE, 1000, page), 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(page_ref_count(page[i]), 1);
        assert_int_equal(page[i]->flags & PGF_ORDER_MASK, 0);
        breaks += i && page[i] != page[i - 1] + 1;
    }
    assert_true(breaks < 12);
    zm_check(m);
    for (int i = 0; i < 1000; i++)
        zm_free(m, page[i], 0);
    zm_end(m);
}

static void bulk_gives_what_there_is_when_memory_is_short(void **state)
{
    struct zm_spec spec = {.pages = 512, .min_free_kbytes = 400};
    struct zm *m = zm_boot(&spec);
    struct page *page[600];
    unsigned long got =
        qr_alloc_pages_bulk(&m->zones, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE, 600, page);
    (void)state;
    assert_int_equal(got, m->zones.totalram - m->zones.zone[0].watermark[QR_WMARK_MIN]);
    for (unsigned long i = 0; i < got; i++)
        zm_free(m, page[i], 0);
    zm_end(m);
}

static void bulk_clears_and_keeps_to_the_zone(void **state)
{
    struct zm_spec spec = {
        .pages = 8192, .dma_limit = (phys_addr_t)1024 << PAGE_SHIFT, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct page *page[64];
    (void)state;
    for (u64 pfn = 1; pfn < 900; pfn++)
        memset(qr_page_virt(&m->map, qr_page(&m->map, pfn)), 0xee, 64);
    assert_int_equal(
        qr_alloc_pages_bulk(&m->zones, GFP_KERNEL | GFP_DMA | __GFP_ZERO, NUMA_NO_NODE, 64, page),
        64);
    for (int i = 0; i < 64; i++) {
        const unsigned char *p = qr_page_virt(&m->map, page[i]);
        assert_true(zm_pfn(m, page[i]) < 1024);
        for (size_t b = 0; b < PAGE_SIZE; b++)
            assert_int_equal(p[b], 0);
        zm_free(m, page[i], 0);
    }
    zm_end(m);
}

static void bulk_of_nothing_is_nothing(void **state)
{
    struct zm *m = bench();
    (void)state;
    assert_int_equal(qr_alloc_pages_bulk(&m->zones, GFP_KERNEL, NUMA_NO_NODE, 0, NULL), 0);
    zm_end(m);
}

/* ---- content -------------------------------------------------------------------------------- */

static bool all_bytes(struct zm *m, struct page *page, unsigned int order, unsigned char value)
{
    const unsigned char *p = qr_page_virt(&m->map, page);
    for (size_t i = 0; i < PAGE_SIZE << order; i++) {
        if (p[i] != value)
            return false;
    }
    return true;
}

static void g_s12_init_on_alloc_clears_every_page_on_its_way_out(void **state)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4, .init_on_alloc = true};
    struct zm *m = zm_boot(&spec);
    struct page *page = zm_alloc(m, GFP_KERNEL, 2), *again;
    (void)state;
    memset(qr_page_virt(&m->map, page), 0x3c, 4 * PAGE_SIZE);
    zm_free(m, page, 2);
    again = zm_alloc(m, GFP_KERNEL | __GFP_SKIP_ZERO, 2);
    assert_ptr_equal(again, page);
    assert_true(all_bytes(m, again, 2, 0x3c));
    zm_free(m, again, 2);
    again = zm_alloc(m, GFP_KERNEL, 2);
    assert_ptr_equal(again, page);
    assert_true(all_bytes(m, again, 2, 0));
    zm_free(m, again, 2);
    zm_end(m);
}

static void g_s12_init_on_free_clears_every_page_on_its_way_in(void **state)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4, .init_on_free = true};
    struct zm *m = zm_boot(&spec);
    struct page *page = zm_alloc(m, GFP_KERNEL, 2);
    void *exact;
    (void)state;
    memset(qr_page_virt(&m->map, page), 0x3c, 4 * PAGE_SIZE);
    qr_get_page(&m->zones, page, "get_page");
    zm_free(m, page, 2); /* three pages now, the first later */
    assert_true(all_bytes(m, page + 1, 1, 0));
    assert_true(all_bytes(m, page, 0, 0x3c));
    qr_put_page(&m->zones, page, "put_page");
    assert_true(all_bytes(m, page, 2, 0));
    exact = qr_alloc_pages_exact(&m->zones, 3 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
    memset(exact, 1, 3 * PAGE_SIZE);
    page = qr_virt_page(&m->map, exact);
    qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
    assert_true(all_bytes(m, page, 1, 0));
    zm_end(m);
}

static bool heard_before;

static bool hear_before(const struct quarry_report *report, void *data)
{
    heard_before = report->before && report->before->nr && report->before_is &&
                   strcmp(report->before_is, "freed by") == 0;
    return zm_hook(report, data);
}

static void poison_names_who_freed_the_page_where_owners_are_recorded(void **state)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4, .poison = true, .owner = true};
    struct zm *m = zm_boot(&spec);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0), *again;
    (void)state;
    m->check.hook = hear_before;
    heard_before = false;
    qr_pages_note(&m->zones, page, 0, GFP_KERNEL);
    zm_free(m, page, 0);
    ((char *)qr_page_virt(&m->map, page))[77] = 1;
    again = zm_alloc(m, GFP_KERNEL, 0);
    assert_ptr_equal(again, page);
    assert_int_equal(zm_findings(m, QUARRY_USE_AFTER_FREE), 1);
    assert_non_null(strstr(zm_last, "the byte at offset 77 is 0x01"));
    assert_true(heard_before);
    zm_free(m, again, 0); /* not noted: whose free it was is not known */
    ((char *)qr_page_virt(&m->map, page))[77] = 1;
    memset(&m->zones.owner[zm_pfn(m, page) - m->map.min_pfn], 0, sizeof(struct qr_owner));
    again = zm_alloc(m, GFP_KERNEL, 0);
    assert_ptr_equal(again, page);
    assert_int_equal(zm_findings(m, QUARRY_USE_AFTER_FREE), 2);
    assert_false(heard_before);
    zm_free(m, again, 0);
    zm_end(m);
}

/* It has no address to write a pattern to. */
static void high_memory_is_not_poisoned(void **state)
{
    struct zm_spec spec = {.pages = 4096,
                           .min_free_kbytes = 4,
                           .low_limit = (phys_addr_t)2048 << PAGE_SHIFT,
                           .poison = true};
    struct zm *m = zm_boot(&spec);
    struct page *high = zm_alloc(m, GFP_HIGHUSER, 0), *low = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    assert_true(zm_pfn(m, high) >= 2048 && zm_pfn(m, low) < 2048);
    zm_free(m, high, 0);
    zm_free(m, low, 0);
    assert_false(qr_page_flags(high) & PGF_POISONED);
    assert_true(qr_page_flags(low) & PGF_POISONED);
    zm_end(m);
}

static void a_bulk_for_one_node_takes_nothing_elsewhere(void **state)
{
    static const struct quarry_region region[] = {
        {.size = 2048 * PAGE_SIZE},
        {.start = 2048 * PAGE_SIZE, .size = 2048 * PAGE_SIZE, .nid = 1},
    };
    struct zm_spec spec = {.regions = region, .nr_regions = 2, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    static struct page *page[4096];
    const gfp_t gfp = GFP_NOWAIT | __GFP_THISNODE | __GFP_NOWARN;
    (void)state;
    for (int nid = 0; nid < 2; nid++) {
        unsigned long nr = qr_alloc_pages_bulk(&m->zones, gfp, nid, 4096, page);
        assert_true(nr > 1000 && nr <= 2048);
        for (unsigned long i = 0; i < nr; i++)
            assert_int_equal(qr_pfn_node(&m->map, zm_pfn(m, page[i])), nid);
        while (nr-- > 0)
            zm_free(m, page[nr], 0);
    }
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    zm_end(m);
}

static void poison_finds_a_write_after_the_free(void **state)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4, .poison = true};
    struct zm *m = zm_boot(&spec);
    struct page *page = zm_alloc(m, GFP_KERNEL, 3);
    unsigned char *p = qr_page_virt(&m->map, page);
    struct zm_hoard *hoard;
    (void)state;
    assert_int_equal(zm_findings(m, QUARRY_USE_AFTER_FREE), 0);
    zm_free(m, page, 3);
    assert_true(all_bytes(m, page, 3, 0xaa));
    qr_pcp_drain_local(&m->zones);
    p[2 * PAGE_SIZE + 5] = 0;
    hoard = zm_hoard(m, __GFP_MEMALLOC); /* every page, cut up anew */
    assert_int_equal(zm_findings(m, QUARRY_USE_AFTER_FREE), 1);
    assert_non_null(strstr(zm_last, "offset 5"));
    zm_release(m, hoard);
    hoard = zm_hoard(m, __GFP_MEMALLOC);
    assert_int_equal(zm_findings(m, QUARRY_USE_AFTER_FREE), 1);
    zm_release(m, hoard);
    *p = 7; /* the very first byte */
    hoard = zm_hoard(m, __GFP_MEMALLOC);
    assert_int_equal(zm_findings(m, QUARRY_USE_AFTER_FREE), 2);
    assert_non_null(strstr(zm_last, "the byte at offset 0 is 0x07"));
    zm_release(m, hoard);
    memset(p, 0, PAGE_SIZE); /* all bytes alike, but not the right ones */
    hoard = zm_hoard(m, __GFP_MEMALLOC);
    assert_int_equal(zm_findings(m, QUARRY_USE_AFTER_FREE), 3);
    assert_non_null(strstr(zm_last, "the byte at offset 0 is 0x00"));
    zm_release(m, hoard);
    zm_end(m);
}

/* ---- who has what --------------------------------------------------------------------------- */

static struct {
    unsigned long visits;
    struct quarry_live last;
    size_t bytes, known;
} seen;

static bool see(const struct quarry_live *live, void *data)
{
    (void)data;
    seen.visits++;
    seen.last = *live;
    seen.bytes += live->size;
    seen.known += live->gfp == GFP_KERNEL && live->sequence != 0;
    return true;
}

static void noted_blocks_are_counted_and_visited_until_they_are_freed(void **state)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4, .owner = true};
    struct zm *m = zm_boot(&spec);
    struct page *a = zm_alloc(m, GFP_KERNEL, 2), *inner = zm_alloc(m, GFP_KERNEL, 1);
    (void)state;
    qr_pages_note(&m->zones, a, 2, GFP_KERNEL);
    assert_int_equal(m->zones.live_pages, 4);
    memset(&seen, 0, sizeof(seen));
    qr_pages_for_each_live(&m->zones, see, NULL);
    assert_int_equal(seen.visits, 1);
    assert_ptr_equal(seen.last.address, qr_page_virt(&m->map, a));
    assert_int_equal(seen.last.size, 4 * PAGE_SIZE);
    assert_int_equal(seen.last.gfp, GFP_KERNEL);
    assert_true(seen.last.sequence > 0);
    qr_split_page(&m->zones, a, 2);
    memset(&seen, 0, sizeof(seen));
    qr_pages_for_each_live(&m->zones, see, NULL);
    assert_int_equal(seen.visits, 4);
    assert_int_equal(seen.known, 4);
    assert_int_equal(seen.bytes, 4 * PAGE_SIZE);
    for (int i = 0; i < 4; i++)
        zm_free(m, a + i, 0);
    assert_int_equal(m->zones.live_pages, 0);
    memset(&seen, 0, sizeof(seen));
    qr_pages_for_each_live(&m->zones, see, NULL);
    assert_int_equal(seen.visits, 0);
    zm_free(m, inner, 1);
    zm_end(m);
}

static void a_noted_block_cut_short_by_a_holder_stays_counted_as_one_page(void **state)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4, .owner = true};
    struct zm *m = zm_boot(&spec);
    struct page *a = zm_alloc(m, GFP_KERNEL, 3);
    (void)state;
    qr_pages_note(&m->zones, a, 3, GFP_KERNEL);
    qr_get_page(&m->zones, a, "get_page");
    zm_free(m, a, 3);
    assert_int_equal(m->zones.live_pages, 1);
    qr_put_page(&m->zones, a, "put_page");
    assert_int_equal(m->zones.live_pages, 0);
    zm_end(m);
}

static void g_w2_bulk_stops_at_min_like_any_request(void **state)
{
    static struct page *page[5000];
    for (unsigned long pages = 4096; pages < 4800; pages += 90) {
        struct zm_spec spec = {.pages = pages, .min_free_kbytes = 3600}; /* 900, 1125 */
        struct zm *m = zm_boot(&spec);
        unsigned long got =
            qr_alloc_pages_bulk(&m->zones, GFP_NOWAIT | __GFP_NOWARN, NUMA_NO_NODE, 5000, page);
        (void)state;
        assert_int_equal(got, m->zones.totalram - 900);
        while (got)
            zm_free(m, page[--got], 0);
        zm_end(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_takes_no_more_pages_than_the_size_needs),
        cmocka_unit_test(exact_sizes_that_make_no_sense_are_refused),
        cmocka_unit_test(exact_leaves_out_what_single_pages_cannot_be),
        cmocka_unit_test(g_s8_exact_frees_into_a_hole_change_nothing),
        cmocka_unit_test(g_s8_exact_frees_of_other_memory_change_nothing),
        cmocka_unit_test(bulk_gives_single_pages_in_long_ascending_runs),
        cmocka_unit_test(bulk_gives_what_there_is_when_memory_is_short),
        cmocka_unit_test(bulk_clears_and_keeps_to_the_zone),
        cmocka_unit_test(bulk_of_nothing_is_nothing),
        cmocka_unit_test(g_s12_init_on_alloc_clears_every_page_on_its_way_out),
        cmocka_unit_test(g_s12_init_on_free_clears_every_page_on_its_way_in),
        cmocka_unit_test(poison_names_who_freed_the_page_where_owners_are_recorded),
        cmocka_unit_test(high_memory_is_not_poisoned),
        cmocka_unit_test(a_bulk_for_one_node_takes_nothing_elsewhere),
        cmocka_unit_test(poison_finds_a_write_after_the_free),
        cmocka_unit_test(noted_blocks_are_counted_and_visited_until_they_are_freed),
        cmocka_unit_test(a_noted_block_cut_short_by_a_holder_stays_counted_as_one_page),
        cmocka_unit_test(g_w2_bulk_stops_at_min_like_any_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
