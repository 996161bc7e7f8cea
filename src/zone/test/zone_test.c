/* SPDX-License-Identifier: MIT */
/* Zones, zone lists, watermarks and reserves: which zone serves which request. */
#include "zone_machine.h"
#include "console.h"

#define PAGES(n) ((phys_addr_t)(n) << PAGE_SHIFT)

/* DMA below 1,024 frames, DMA32 below 4,096, NORMAL below 8,192, then HIGHMEM, and MOVABLE from
 * 12,288 on. */
static struct zm *all_zones(u64 min_free_kbytes)
{
    struct zm_spec spec = {.pages = 16384,
                           .dma_limit = PAGES(1024),
                           .dma32_limit = PAGES(4096),
                           .low_limit = PAGES(8192),
                           .movable_from = PAGES(12288),
                           .min_free_kbytes = min_free_kbytes};
    return zm_boot(&spec);
}

static void assert_list(struct zm *m, int nid, enum zone_type type, const char *expected)
{
    const struct qr_zonelist *list = &m->zones.list[nid][type];
    char text[200] = "";
    for (unsigned int i = 0; i < list->nr; i++) {
        const struct zone *zone = &m->zones.zone[list->zone[i]];
        size_t length = strlen(text);
        snprintf(text + length, sizeof(text) - length, "%s%s%u", i ? " " : "", zone->name,
                 zone->nid);
    }
    assert_string_equal(text, expected);
}

/* ---- which zones ---------------------------------------------------------------------------- */

static void every_frame_is_in_the_zone_that_the_limits_say(void **state)
{
    struct zm *m = all_zones(0);
    static const struct {
        u64 pfn;
        u32 type;
    } at[] = {{1, ZONE_DMA},         {1023, ZONE_DMA},      {1024, ZONE_DMA32},
              {4096, ZONE_NORMAL},   {8191, ZONE_NORMAL},   {8192, ZONE_HIGHMEM},
              {12287, ZONE_HIGHMEM}, {12288, ZONE_MOVABLE}, {16383, ZONE_MOVABLE}};
    (void)state;
    assert_int_equal(m->zones.nr_zones, 5);
    for (size_t i = 0; i < QR_ARRAY_SIZE(at); i++)
        assert_int_equal(qr_page_zone(&m->zones, qr_page(&m->map, at[i].pfn))->type, at[i].type);
    assert_int_equal(m->zones.totalhigh, 8192);
    zm_end(m);
}

static void g_z1_dma_memory_lies_below_the_limit(void **state)
{
    struct zm *m = all_zones(4);
    struct zm_hoard *hoard = zm_hoard(m, GFP_ATOMIC | GFP_DMA);
    (void)state;
    assert_list(m, 0, ZONE_DMA, "DMA0");
    assert_true(hoard->nr > 900);
    for (unsigned long i = 0; i < hoard->nr; i++)
        assert_true(qr_page_phys(&m->map, hoard->page[i]) + PAGE_SIZE <= PAGES(1024));
    assert_true(qr_free_pages_total(&m->zones) > 14000);
    zm_release(m, hoard);
    zm_end(m);
}

static void g_z1_a_machine_without_memory_below_its_dma_limit_has_no_dma_memory(void **state)
{
    struct quarry_region region = {.start = PAGES(2048), .size = PAGES(2048)};
    struct zm_spec spec = {.regions = &region, .nr_regions = 1, .dma_limit = PAGES(1024)};
    struct zm *m = zm_boot(&spec);
    (void)state;
    assert_null(zm_alloc(m, GFP_KERNEL | GFP_DMA | __GFP_NOWARN, 0));
    zm_end(m);
}

static void g_z1_a_machine_without_a_dma_limit_serves_dma_from_everywhere(void **state)
{
    struct zm *m = zm_pages(4096);
    struct page *page = zm_alloc(m, GFP_KERNEL | GFP_DMA, 0);
    (void)state;
    assert_non_null(page);
    zm_free(m, page, 0);
    zm_end(m);
}

static void g_z2_dma32_takes_dma32_then_dma(void **state)
{
    struct zm *m = all_zones(4);
    struct zm_hoard *hoard = zm_hoard(m, GFP_ATOMIC | GFP_DMA32);
    (void)state;
    assert_list(m, 0, ZONE_DMA32, "DMA320 DMA0");
    for (unsigned long i = 0; i < hoard->nr; i++)
        assert_true(qr_page_phys(&m->map, hoard->page[i]) < PAGES(4096));
    assert_true(qr_page_phys(&m->map, hoard->page[0]) >= PAGES(1024));
    zm_release(m, hoard);
    zm_end(m);
}

static void g_z2_without_a_dma32_zone_dma32_is_an_ordinary_request(void **state)
{
    struct zm_spec spec = {.pages = 4096, .dma_limit = PAGES(1024), .low_limit = PAGES(3072)};
    struct zm *m = zm_boot(&spec);
    (void)state;
    assert_list(m, 0, ZONE_DMA32, "Normal0 DMA0");
    zm_end(m);
}

static void g_z3_no_zone_flag_takes_normal_then_dma32_then_dma(void **state)
{
    (void)state;
    for (unsigned int level = 0; level < 2; level++) { /* the fast way, and the checked one */
        struct zm_spec spec = {.pages = 8192,
                               .dma_limit = PAGES(1024),
                               .dma32_limit = PAGES(4096),
                               .min_free_kbytes = 400,
                               .level = level};
        struct zm *m = zm_boot(&spec);
        struct zm_hoard *hoard = zm_hoard(m, GFP_NOWAIT);
        u32 last = ZONE_NORMAL;
        unsigned long back = 0;
        assert_list(m, 0, ZONE_NORMAL, "Normal0 DMA320 DMA0");
        for (unsigned long i = 0; i < hoard->nr; i++) {
            u32 type = qr_page_zone(&m->zones, hoard->page[i])->type;
            back += type > last;
            last = type;
        }
        assert_int_equal(last, ZONE_DMA);
        /* Down to low through all zones, then once more down to min. */
        assert_int_equal(back, 1);
        zm_release(m, hoard);
        zm_end(m);
    }
}

static void g_z4_highmem_takes_highmem_first(void **state)
{
    struct zm *m = all_zones(4);
    struct page *page = zm_alloc(m, GFP_HIGHUSER, 0);
    (void)state;
    assert_list(m, 0, ZONE_HIGHMEM, "HighMem0 Normal0 DMA320 DMA0");
    assert_int_equal(qr_page_zone(&m->zones, page)->type, ZONE_HIGHMEM);
    zm_free(m, page, 0);
    zm_end(m);
}

static void g_z5_movable_high_requests_take_movable_first(void **state)
{
    struct zm *m = all_zones(4);
    struct page *page = zm_alloc(m, GFP_HIGHUSER_MOVABLE, 0);
    (void)state;
    assert_list(m, 0, ZONE_MOVABLE, "Movable0 HighMem0 Normal0 DMA320 DMA0");
    assert_int_equal(qr_page_zone(&m->zones, page)->type, ZONE_MOVABLE);
    zm_free(m, page, 0);
    zm_end(m);
}

/* MOVABLE in the direct map, no high memory and so no windows to clear it through. */
static void g_z5_cleared_requests_take_movable_first_too(void **state)
{
    struct zm *m = zm_boot(&(struct zm_spec){.pages = 4096, .movable_from = PAGES(2048)});
    (void)state;
    for (unsigned int order = 0; order < 8; order += 7) { /* with a per-CPU list, and without */
        struct page *page = zm_alloc(m, GFP_HIGHUSER_MOVABLE | __GFP_ZERO, order);
        assert_int_equal(qr_page_zone(&m->zones, page)->type, ZONE_MOVABLE);
        assert_int_equal(*(u64 *)qr_page_virt(&m->map, page), 0);
        zm_free(m, page, order);
    }
    zm_end(m);
}

static void g_z10_movable_alone_sets_mobility_only(void **state)
{
    struct zm *m = all_zones(4);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_MOVABLE, 0);
    (void)state;
    assert_int_equal(qr_page_zone(&m->zones, page)->type, ZONE_NORMAL);
    assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, page)), MIGRATE_MOVABLE);
    zm_free(m, page, 0);
    zm_end(m);
}

static void g_z10_of_several_zones_the_lowest_wins_and_it_is_reported(void **state)
{
    static const struct {
        gfp_t gfp;
        u32 type;
    } several[] = {{__GFP_DMA | __GFP_DMA32, ZONE_DMA},
                   {__GFP_DMA | __GFP_HIGHMEM, ZONE_DMA},
                   {__GFP_DMA32 | __GFP_HIGHMEM, ZONE_DMA32},
                   {__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | __GFP_MOVABLE, ZONE_DMA}};
    struct zm *m = all_zones(4);
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(several); i++) {
        struct page *page = zm_alloc(m, GFP_KERNEL | several[i].gfp, 0);
        assert_int_equal(qr_page_zone(&m->zones, page)->type, several[i].type);
        zm_free(m, page, 0);
    }
    assert_true(zm_findings(m, QUARRY_BAD_REQUEST) >= 1);
    assert_non_null(strstr(zm_last, "lowest"));
    zm_end(m);
}

static void g_z10_contradictions_are_reported_also_while_lists_are_full(void **state)
{
    static const gfp_t odd[] = {__GFP_DMA | __GFP_HIGHMEM, __GFP_MOVABLE | __GFP_RECLAIMABLE};
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(odd); i++) {
        struct zm *m = all_zones(4);
        struct page *page = zm_alloc(m, GFP_KERNEL | (odd[i] & __GFP_DMA), 0);
        zm_free(m, page, 0);
        page = zm_alloc(m, GFP_KERNEL | (odd[i] & __GFP_DMA) | __GFP_RECLAIMABLE, 0);
        zm_free(m, page, 0);
        assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 0);
        page = zm_alloc(m, GFP_KERNEL | odd[i], 0);
        assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
        zm_free(m, page, 0);
        zm_end(m);
    }
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static struct zm *three_nodes(void)
{
    static const struct quarry_region region[] = {
        {.start = 0, .size = PAGES(2048), .nid = 0},
        {.start = PAGES(2048), .size = PAGES(2048), .nid = 1},
        {.start = PAGES(4096), .size = PAGES(2048), .nid = 2},
    };
    struct zm_spec spec = {.regions = region, .nr_regions = 3, .min_free_kbytes = 4};
    return zm_boot(&spec);
}

static void g_z9_thisnode_takes_the_named_node_or_fails(void **state)
{
    struct zm *m = three_nodes();
    struct page *page[4096];
    unsigned long nr = 0;
    (void)state;
    while ((page[nr] = qr_alloc_pages(&m->zones, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN, 0,
                                      1)) != NULL) {
        assert_int_equal(qr_page_zone(&m->zones, page[nr])->nid, 1);
        nr++;
    }
    assert_true(nr > 1900);
    assert_true(qr_free_pages_total(&m->zones) > 3900);
    while (nr)
        zm_free(m, page[--nr], 0);
    zm_end(m);
}

/* Pages of the other node's zone that lie ready on this CPU's list are no answer either. */
static void g_z9_thisnode_fails_where_the_node_has_no_such_zone(void **state)
{
    static const struct quarry_region region[] = {{0, PAGES(2048), 0, 0},
                                                  {PAGES(2048), PAGES(2048), 1, 0}};
    struct zm_spec spec = {.regions = region, .nr_regions = 2, .dma_limit = PAGES(1024)};
    struct zm *m = zm_boot(&spec);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_DMA, 0);
    (void)state;
    zm_free(m, page, 0);
    assert_null(
        qr_alloc_pages(&m->zones, GFP_ATOMIC | __GFP_DMA | __GFP_THISNODE | __GFP_NOWARN, 0, 1));
    page = qr_alloc_pages(&m->zones, GFP_ATOMIC | __GFP_DMA, 0, 1);
    assert_int_equal(qr_page_zone(&m->zones, page)->type, ZONE_DMA);
    zm_free(m, page, 0);
    zm_end(m);
}

static void g_z9_without_thisnode_nodes_follow_by_distance(void **state)
{
    struct zm *m = three_nodes();
    struct page *page = qr_alloc_pages(&m->zones, GFP_KERNEL, 0, 2);
    (void)state;
    assert_int_equal(qr_page_zone(&m->zones, page)->nid, 2);
    assert_list(m, 0, ZONE_NORMAL, "Normal0 Normal1 Normal2");
    assert_list(m, 2, ZONE_NORMAL, "Normal2 Normal1 Normal0");
    zm_free(m, page, 0);
    page = qr_alloc_pages(&m->zones, GFP_KERNEL, 0, 7);
    assert_non_null(page);
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
    zm_free(m, page, 0);
    zm_end(m);
}

/* ---- watermarks and reserves ---------------------------------------------------------------- */

static u64 sum_of_min(struct zm *m)
{
    u64 sum = 0;
    for (unsigned int i = 0; i < m->zones.nr_zones; i++) {
        if (m->zones.zone[i].type <= ZONE_NORMAL)
            sum += m->zones.zone[i].watermark[QR_WMARK_MIN];
    }
    return sum;
}

static void g_w5_min_is_four_times_the_root_of_lowmem(void **state)
{
    struct zm *m = zm_pages(65536); /* 256 MiB: 4·√262,144 KiB = 2,048 KiB, but for the map */
    struct zone *zone = &m->zones.zone[0];
    (void)state;
    assert_in_range(zone->watermark[QR_WMARK_MIN], 508, 512);
    assert_int_equal(zone->watermark[QR_WMARK_LOW],
                     zone->watermark[QR_WMARK_MIN] + zone->watermark[QR_WMARK_MIN] / 4);
    assert_int_equal(zone->watermark[QR_WMARK_HIGH],
                     zone->watermark[QR_WMARK_MIN] + zone->watermark[QR_WMARK_MIN] / 2);
    zm_end(m);
}

static void g_w5_min_is_at_least_128_kib(void **state)
{
    struct zm *m = zm_pages(75); /* 300 KiB: 4·√300 = 69 KiB */
    (void)state;
    assert_int_equal(m->zones.zone[0].watermark[QR_WMARK_MIN], 32);
    zm_end(m);
}

static void g_w5_min_is_at_most_256_mib(void **state)
{
    struct zm *m = zm_pages(64);
    (void)state;
    /* No machine of 4 TiB here: pretend that the zone has so many pages. */
    m->zones.zone[0].managed = 1ull << 31;
    qr_zones_set_watermarks(&m->zones);
    assert_int_equal(m->zones.zone[0].watermark[QR_WMARK_MIN], (256ull << 20) >> PAGE_SHIFT);
    m->zones.zone[0].managed = m->zones.totalram;
    zm_end(m);
}

static void g_w5_min_is_split_over_the_zones_by_size(void **state)
{
    struct zm *m = all_zones(1024);
    struct zone *dma = zm_zone(m, ZONE_DMA), *dma32 = zm_zone(m, ZONE_DMA32);
    (void)state;
    assert_in_range(sum_of_min(m), 253, 256);
    assert_in_range(dma->watermark[QR_WMARK_MIN] * 3, dma32->watermark[QR_WMARK_MIN] - 3,
                    dma32->watermark[QR_WMARK_MIN] + 3);
    zm_end(m);
}

static void g_w5_marks_can_be_set_at_run_time(void **state)
{
    struct zm *m = zm_pages(16384);
    struct zone *zone = &m->zones.zone[0];
    (void)state;
    m->zones.min_free_kbytes = 4096;
    m->zones.watermark_scale_factor = 1000; /* 10 % */
    qr_zones_set_watermarks(&m->zones);
    assert_int_equal(zone->watermark[QR_WMARK_MIN], 1024);
    assert_int_equal(zone->watermark[QR_WMARK_LOW], 1024 + zone->managed / 10);
    assert_int_equal(zone->watermark[QR_WMARK_HIGH], 1024 + 2 * (zone->managed / 10));
    zm_end(m);
}

static void g_z6_the_reserve_of_a_zone_is_what_lies_above_it_divided_by_its_ratio(void **state)
{
    struct zm *m = all_zones(4);
    struct zone *dma = zm_zone(m, ZONE_DMA), *dma32 = zm_zone(m, ZONE_DMA32);
    struct zone *normal = zm_zone(m, ZONE_NORMAL), *high = zm_zone(m, ZONE_HIGHMEM);
    struct zone *movable = zm_zone(m, ZONE_MOVABLE);
    (void)state;
    assert_int_equal(dma->lowmem_reserve[ZONE_DMA], 0);
    assert_int_equal(dma->lowmem_reserve[ZONE_DMA32], dma32->managed / 256);
    assert_int_equal(dma->lowmem_reserve[ZONE_NORMAL], (dma32->managed + normal->managed) / 256);
    assert_int_equal(normal->lowmem_reserve[ZONE_HIGHMEM], high->managed / 32);
    assert_int_equal(normal->lowmem_reserve[ZONE_MOVABLE], (high->managed + movable->managed) / 32);
    assert_int_equal(high->lowmem_reserve[ZONE_MOVABLE], 0);
    zm_end(m);
}

static void g_z6_a_fallback_leaves_the_reserve_to_those_who_need_the_zone(void **state)
{
    struct zm_spec spec = {
        .pages = 16384, .dma_limit = PAGES(2048), .low_limit = PAGES(4096), .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct zone *dma, *normal;
    struct zm_hoard *high, *low, *none;
    (void)state;
    m->zones.lowmem_ratio[ZONE_DMA] = 16;
    qr_zones_set_watermarks(&m->zones);
    dma = zm_zone(m, ZONE_DMA);
    normal = zm_zone(m, ZONE_NORMAL);
    high = zm_hoard(m, GFP_ATOMIC | __GFP_HIGHMEM);
    assert_int_equal(dma->free_pages, dma->lowmem_reserve[ZONE_HIGHMEM]);
    assert_int_equal(normal->free_pages, normal->lowmem_reserve[ZONE_HIGHMEM]);
    low = zm_hoard(m, GFP_ATOMIC);
    assert_int_equal(normal->free_pages, 0);
    assert_int_equal(dma->free_pages, dma->lowmem_reserve[ZONE_NORMAL]);
    none = zm_hoard(m, GFP_ATOMIC | GFP_DMA);
    assert_int_equal(dma->free_pages, 0);
    assert_true(none->nr > 0);
    zm_release(m, none);
    zm_release(m, low);
    zm_release(m, high);
    zm_end(m);
}

/* ---- odd machines --------------------------------------------------------------------------- */

static void the_min_of_high_memory_is_a_thousandth_of_it_within_bounds(void **state)
{
    static const unsigned long pages[] = {160, 16384, 65536, 262144};
    static const u64 min[] = {20, 32, 64, 128}; /* an eighth; the least; 1/1024; the most */
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(pages); i++) {
        struct zm_spec spec = {.pages = 4096 + pages[i], .low_limit = PAGES(4096)};
        struct zm *m = zm_boot(&spec);
        struct zone *high = zm_zone(m, ZONE_HIGHMEM);
        assert_int_equal(high->managed, pages[i]);
        assert_int_equal(high->watermark[QR_WMARK_MIN], min[i]);
        zm_end(m);
    }
}

/* Frames that were never handed out bear no mark of their zone: it is looked up. */
static void a_frame_between_those_of_another_node_is_in_its_own_nodes_zone(void **state)
{
    static const u64 frame[] = {0, 1, 1023, 1024, 2047, 2048, 3071};
    (void)state;
    for (int outer = 0; outer < 2; outer++) {
        const struct quarry_region region[] = {{0, PAGES(1024), outer, 0},
                                               {PAGES(1024), PAGES(1024), !outer, 0},
                                               {PAGES(2048), PAGES(1024), outer, 0}};
        struct zm_spec spec = {.regions = region, .nr_regions = 3, .min_free_kbytes = 4};
        struct zm *m = zm_boot(&spec);
        for (size_t i = 0; i < QR_ARRAY_SIZE(frame); i++) {
            struct page *page = qr_page(&m->map, frame[i]);
            u32 flags = page->flags;
            page->flags &= ~PGF_PLACE_MASK;
            assert_int_equal(qr_page_zone(&m->zones, page)->nid,
                             frame[i] >= 1024 && frame[i] < 2048 ? !outer : outer);
            page->flags = flags;
        }
        assert_null(qr_page_zone(&m->zones, qr_page(&m->map, 3072))); /* there is none */
        zm_end(m);
    }
}

static void a_machine_of_300_kib_serves_requests(void **state)
{
    struct zm *m = zm_pages(75);
    struct page *page = zm_alloc(m, GFP_KERNEL, 2);
    (void)state;
    assert_non_null(page);
    zm_free(m, page, 2);
    zm_end(m);
}

static void a_machine_without_free_frames_is_refused(void **state)
{
    struct zm_spec spec = {.pages = 2}; /* frame 0, and one for the descriptors */
    struct zm m;
    (void)state;
    assert_int_equal(zm_try(&m, &spec), -QR_ENOMEM);
    assert_non_null(strstr(m.why, "too small"));
}

static void zones_with_ragged_borders_and_holes_keep_every_page(void **state)
{
    static const struct quarry_region region[] = {
        {.start = PAGES(3), .size = PAGES(700)},
        {.start = PAGES(900), .size = PAGES(333)},
        {.start = PAGES(1300), .size = PAGES(1), .nid = 1},
        {.start = PAGES(1301), .size = PAGES(999)},
        {.start = PAGES(3000), .size = PAGES(77), .nid = 1},
    };
    struct zm_spec spec = {.regions = region,
                           .nr_regions = 5,
                           .dma_limit = PAGES(1111),
                           .low_limit = PAGES(2001),
                           .movable_from = PAGES(2222),
                           .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct zm_hoard *hoard = zm_hoard(m, __GFP_MEMALLOC | __GFP_HIGHMEM | __GFP_MOVABLE);
    (void)state;
    assert_int_equal(hoard->nr, m->zones.totalram);
    zm_check(m);
    zm_release(m, hoard);
    zm_end(m);
}

static void a_movable_zone_over_the_end_of_the_direct_map_has_no_block_across_it(void **state)
{
    /* The descriptors go to the top of the larger run before the gap. */
    static const struct quarry_region region[] = {{.start = 0, .size = PAGES(1400)},
                                                  {.start = PAGES(1401), .size = PAGES(2695)}};
    struct zm_spec spec = {.regions = region,
                           .nr_regions = 2,
                           .low_limit = PAGES(2000),
                           .movable_from = PAGES(1500),
                           .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct zm_hoard *hoard = zm_hoard(m, __GFP_MEMALLOC | __GFP_HIGHMEM | __GFP_MOVABLE);
    (void)state;
    zm_release(m, hoard);
    for (unsigned int i = 0; i < ZM_MAX_CPUS; i++) {
        if (m->area[i])
            qr_pcp_drain_cpu(&m->zones, m->area[i]);
    }
    for (u64 pfn = 1; pfn < 2000; pfn++) {
        u32 flags = qr_page_flags(qr_page(&m->map, pfn));
        if (flags & PGF_BUDDY)
            assert_true(pfn + (1ull << (flags & PGF_ORDER_MASK)) <= 2000);
    }
    zm_end(m);
}

static void a_movable_border_below_the_others_only_takes_what_is_ordinary(void **state)
{
    struct zm_spec spec = {.pages = 4096,
                           .dma_limit = PAGES(1024),
                           .dma32_limit = PAGES(2048),
                           .movable_from = PAGES(512),
                           .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    (void)state;
    assert_int_equal(qr_page_zone(&m->zones, qr_page(&m->map, 600))->type, ZONE_DMA);
    assert_int_equal(qr_page_zone(&m->zones, qr_page(&m->map, 2000))->type, ZONE_DMA32);
    assert_int_equal(qr_page_zone(&m->zones, qr_page(&m->map, 3000))->type, ZONE_MOVABLE);
    zm_end(m);
}

/* Else slabs would lie in frames that nothing maps. */
static void limits_of_dma_beyond_the_direct_map_end_with_it(void **state)
{
    struct zm_spec spec = {.pages = 4096,
                           .dma_limit = PAGES(1500),
                           .dma32_limit = PAGES(3000),
                           .low_limit = PAGES(1000),
                           .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    (void)state;
    assert_int_equal(qr_page_zone(&m->zones, qr_page(&m->map, 999))->type, ZONE_DMA);
    assert_int_equal(qr_page_zone(&m->zones, qr_page(&m->map, 1000))->type, ZONE_HIGHMEM);
    assert_int_equal(qr_page_zone(&m->zones, qr_page(&m->map, 2999))->type, ZONE_HIGHMEM);
    zm_end(m);
}

/* ---- the console ----------------------------------------------------------------------------- */

/* The line of @zone's blocks: each order's count is what the zone has of it, its letters are the
 * mobilities that have any, and the sum is the sum. */
static void assert_blocks_shown(struct zone *zone, const char *text)
{
    static const char letter[] = "UMR";
    char head[40];
    unsigned long long sum = 0, shown;
    const char *at;

    snprintf(head, sizeof(head), "Node %u %s: ", zone->nid, zone->name);
    at = strstr(text, head);
    assert_non_null(at);
    at += strlen(head);
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        char expected[80], which[MIGRATE_TYPES + 1] = "";
        unsigned long nr = 0;
        int length;
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++) {
            unsigned long blocks = qr_zone_free_blocks(zone, order, (enum migratetype)m);
            nr += blocks;
            if (blocks)
                strncat(which, letter + m, 1);
        }
        length = snprintf(expected, sizeof(expected), nr ? "%lu*%lukB (%s) " : "%lu*%lukB ", nr,
                          (PAGE_SIZE << order) / 1024, which);
        if (strncmp(at, expected, (size_t)length) != 0)
            fail_msg("%s: \"%s\" is expected where \"%.60s\" stands", head, expected, at);
        at += length;
        sum += nr * (PAGE_SIZE << order) / 1024;
    }
    assert_int_equal(sscanf(at, "= %llukB", &shown), 1);
    assert_int_equal(shown, sum);
}

static void the_state_of_every_zone_is_shown_as_it_is(void **state)
{
    struct zm *m = all_zones(0);
    struct page *one = zm_alloc(m, GFP_KERNEL, 0), *two = zm_alloc(m, GFP_HIGHUSER, 3);
    static struct test_console console;
    char expected[160];

    (void)state;
    for (unsigned int i = 0; i < ZM_MAX_CPUS; i++) {
        if (m->area[i])
            qr_pcp_drain_cpu(&m->zones, m->area[i]);
    }
    test_console_begin(&console);
    qr_show_mem(&m->zones);
    test_console_end(&console);
    snprintf(expected, sizeof(expected),
             "Mem-Info: %llu pages of RAM, %llu free, %llu in high memory\n",
             (unsigned long long)m->zones.totalram, (unsigned long long)m->zones.totalram - 9,
             (unsigned long long)m->zones.totalhigh);
    assert_non_null(strstr(console.text, expected));
    for (unsigned int i = 0; i < m->zones.nr_zones; i++) {
        struct zone *zone = &m->zones.zone[i];
        snprintf(expected, sizeof(expected), "Node 0 %s free:%llukB min:%llukB ", zone->name,
                 (unsigned long long)qr_zone_free_pages(zone) * 4,
                 (unsigned long long)qr_zone_watermark(zone, QR_WMARK_MIN) * 4);
        assert_non_null(strstr(console.text, expected));
        snprintf(expected, sizeof(expected), " present:%llukB managed:%llukB\n",
                 (unsigned long long)zone->present * 4, (unsigned long long)zone->managed * 4);
        assert_non_null(strstr(console.text, expected));
        assert_blocks_shown(zone, console.text);
    }
    zm_free(m, one, 0);
    zm_free(m, two, 3);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_in_the_zone_that_the_limits_say),
        cmocka_unit_test(g_z1_dma_memory_lies_below_the_limit),
        cmocka_unit_test(g_z1_a_machine_without_memory_below_its_dma_limit_has_no_dma_memory),
        cmocka_unit_test(g_z1_a_machine_without_a_dma_limit_serves_dma_from_everywhere),
        cmocka_unit_test(g_z2_dma32_takes_dma32_then_dma),
        cmocka_unit_test(g_z2_without_a_dma32_zone_dma32_is_an_ordinary_request),
        cmocka_unit_test(g_z3_no_zone_flag_takes_normal_then_dma32_then_dma),
        cmocka_unit_test(g_z4_highmem_takes_highmem_first),
        cmocka_unit_test(g_z5_movable_high_requests_take_movable_first),
        cmocka_unit_test(g_z5_cleared_requests_take_movable_first_too),
        cmocka_unit_test(g_z10_movable_alone_sets_mobility_only),
        cmocka_unit_test(g_z10_of_several_zones_the_lowest_wins_and_it_is_reported),
        cmocka_unit_test(g_z10_contradictions_are_reported_also_while_lists_are_full),
        cmocka_unit_test(g_z9_thisnode_takes_the_named_node_or_fails),
        cmocka_unit_test(g_z9_thisnode_fails_where_the_node_has_no_such_zone),
        cmocka_unit_test(g_z9_without_thisnode_nodes_follow_by_distance),
        cmocka_unit_test(g_w5_min_is_four_times_the_root_of_lowmem),
        cmocka_unit_test(g_w5_min_is_at_least_128_kib),
        cmocka_unit_test(g_w5_min_is_at_most_256_mib),
        cmocka_unit_test(g_w5_min_is_split_over_the_zones_by_size),
        cmocka_unit_test(g_w5_marks_can_be_set_at_run_time),
        cmocka_unit_test(g_z6_the_reserve_of_a_zone_is_what_lies_above_it_divided_by_its_ratio),
        cmocka_unit_test(g_z6_a_fallback_leaves_the_reserve_to_those_who_need_the_zone),
        cmocka_unit_test(the_min_of_high_memory_is_a_thousandth_of_it_within_bounds),
        cmocka_unit_test(a_frame_between_those_of_another_node_is_in_its_own_nodes_zone),
        cmocka_unit_test(a_machine_of_300_kib_serves_requests),
        cmocka_unit_test(a_machine_without_free_frames_is_refused),
        cmocka_unit_test(zones_with_ragged_borders_and_holes_keep_every_page),
        cmocka_unit_test(a_movable_zone_over_the_end_of_the_direct_map_has_no_block_across_it),
        cmocka_unit_test(a_movable_border_below_the_others_only_takes_what_is_ordinary),
        cmocka_unit_test(limits_of_dma_beyond_the_direct_map_end_with_it),
        cmocka_unit_test(the_state_of_every_zone_is_shown_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
