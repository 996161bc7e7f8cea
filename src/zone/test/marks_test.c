/* SPDX-License-Identifier: MIT */
/* The numbers that zones begin with, to the page: borders, marks, reserves, lists, and the table of the fast
 * way, against what the rules say of the same machine. */
#include "zone_machine.h"

#define PAGES(n) ((phys_addr_t)(n) << PAGE_SHIFT)

/* Two nodes with all five types, of different sizes; a hole, and a reserved run. */
static const struct quarry_region wide[] = {
    {.start = 0, .size = PAGES(7000)},
    {.start = PAGES(7100), .size = PAGES(9000)},
    {.start = PAGES(3000), .size = PAGES(40), .flags = QUARRY_REGION_RESERVED},
    {.start = PAGES(16384), .size = PAGES(5000), .nid = 1},
};

static struct zm *wide_machine(u64 min_free_kbytes)
{
    struct zm_spec spec = {.regions = wide,
                           .nr_regions = QR_ARRAY_SIZE(wide),
                           .dma_limit = PAGES(1000),
                           .dma32_limit = PAGES(4100),
                           .low_limit = PAGES(8200),
                           .movable_from = PAGES(12300),
                           .min_free_kbytes = min_free_kbytes};
    return zm_boot(&spec);
}

/* ---- borders --------------------------------------------------------------------------------- */

static void zones_have_their_names_places_and_frames(void **state)
{
    static const struct {
        const char *name;
        u32 type, nid;
        u64 start, end, present, seam;
        bool whole;
    } zone[] = {
        {"DMA", ZONE_DMA, 0, 0, 1000, 1000, 0, true},
        {"DMA32", ZONE_DMA32, 0, 1000, 4100, 3100, 0, true},
        {"Normal", ZONE_NORMAL, 0, 4100, 8200, 4000, 0, false},
        {"HighMem", ZONE_HIGHMEM, 0, 8200, 12300, 4100, 0, true},
        {"Movable", ZONE_MOVABLE, 0, 12300, 16100, 3800, 0, true},
        {"Movable", ZONE_MOVABLE, 1, 16384, 21384, 5000, 0, true},
    };
    struct zm *m = wide_machine(4);
    u64 managed = 0;

    (void)state;
    assert_int_equal(m->zones.nr_zones, QR_ARRAY_SIZE(zone));
    assert_int_equal(m->zones.nr_nodes, 2);
    for (u32 i = 0; i < QR_ARRAY_SIZE(zone); i++) {
        const struct zone *is = &m->zones.zone[i];

        assert_string_equal(is->name, zone[i].name);
        assert_int_equal(is->index, i);
        assert_int_equal(is->type, zone[i].type);
        assert_int_equal(is->nid, zone[i].nid);
        assert_int_equal(is->start_pfn, zone[i].start);
        assert_int_equal(is->end_pfn, zone[i].end);
        assert_int_equal(is->present, zone[i].present);
        assert_int_equal(is->seam, zone[i].seam);
        assert_int_equal(is->whole, zone[i].whole);
        assert_int_equal(is->place,
                         (zone[i].type + 1) << PGF_ZONE_SHIFT | zone[i].nid << PGF_NODE_SHIFT);
        assert_int_equal(m->zones.place_zone[is->place >> PGF_ZONE_SHIFT], i);
        assert_ptr_equal(qr_page_zone(&m->zones, qr_page(&m->map, zone[i].start)), is);
        assert_ptr_equal(qr_page_zone(&m->zones, qr_page(&m->map, zone[i].end - 1)), is);
        assert_int_equal(is->free_pages, is->managed);
        managed += is->managed;
    }
    /* Frame 0, the reserved frames, and those of the descriptors are nobody's. */
    assert_int_equal(m->zones.zone[0].managed, 999);
    assert_int_equal(m->zones.zone[1].managed, 3060);
    assert_int_equal(m->zones.zone[2].managed, 4000 - m->map.nr_map);
    assert_int_equal(m->zones.totalram, managed);
    assert_int_equal(m->zones.totalhigh, 4100 + 3800 + 5000);
    zm_end(m);
}

static void a_page_block_with_frames_of_two_zones_is_known(void **state)
{
    /* Frames 1000, 4100, 8200 and 12300 are borders, each inside a page block. */
    static const u64 shared[] = {512, 4096, 8192, 12288};
    struct zm *m = wide_machine(4);

    (void)state;
    for (u64 pfn = 0; pfn < 21384; pfn += QR_BLOCK_PAGES) {
        bool is = false;
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(shared); i++)
            is |= shared[i] == pfn;
        if (qr_pfn_valid(&m->map, pfn) && qr_block_shared(&m->map, pfn) != is)
            fail_msg("the page block at %llu", (unsigned long long)pfn);
    }
    zm_end(m);
}

/* The page block of frames 2048 … 2559 is of both nodes; the one at 3584 ends early. */
static void a_page_block_with_frames_of_two_nodes_is_known(void **state)
{
    static const struct quarry_region region[] = {
        {.start = 0, .size = PAGES(2100)},
        {.start = PAGES(2100), .size = PAGES(1740), .nid = 1},
    };
    struct zm_spec spec = {.regions = region, .nr_regions = 2, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);

    (void)state;
    for (u64 pfn = 0; pfn < 3840; pfn += QR_BLOCK_PAGES)
        assert_int_equal(qr_block_shared(&m->map, pfn), pfn == 2048);
    zm_end(m);
}

static void a_zone_over_the_end_of_the_direct_map_has_a_seam_there(void **state)
{
    struct zm_spec spec = {.pages = 4096, .low_limit = PAGES(2000), .movable_from = PAGES(1500)};
    struct zm *m = zm_boot(&spec);

    (void)state;
    assert_int_equal(zm_zone(m, ZONE_MOVABLE)->seam, 2000);
    assert_int_equal(zm_zone(m, ZONE_NORMAL)->seam, 0);
    assert_int_equal(m->zones.totalhigh, 2096);
    assert_null(zm_zone(m, ZONE_HIGHMEM));
    zm_end(m);
    spec.movable_from = PAGES(2000); /* beginning there is not crossing it */
    m = zm_boot(&spec);
    assert_int_equal(zm_zone(m, ZONE_MOVABLE)->seam, 0);
    zm_end(m);
}

/* An eighth of it, and 32 MiB at least. */
static void a_zone_may_keep_an_eighth_warm(void **state)
{
    struct zm *m = zm_pages(8192);

    (void)state;
    assert_int_equal(m->zones.zone[0].warm_limit, 8192);
    zm_end(m);
    m = zm_pages(80000);
    assert_int_equal(m->zones.zone[0].warm_limit, m->zones.zone[0].managed / 8);
    assert_true(m->zones.zone[0].warm_limit > 8192);
    zm_end(m);
}

static void a_machine_that_is_all_map_is_told_how_large_that_is(void **state)
{
    struct zm_spec spec = {.pages = 2};
    struct zm m;

    (void)state;
    assert_int_equal(zm_try(&m, &spec), -QR_ENOMEM);
    assert_string_equal(m.why,
                        "the machine is too small: no frame is left after 1 for the memory map");
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* A zone without a page that can be had serves nobody. */
static void a_zone_of_reserved_frames_is_on_no_list(void **state)
{
    static const struct quarry_region region[] = {
        {.start = 0, .size = PAGES(4096)},
        {.start = 0, .size = PAGES(512), .flags = QUARRY_REGION_RESERVED},
    };
    struct zm_spec spec = {
        .regions = region, .nr_regions = 2, .dma_limit = PAGES(512), .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    const struct zone *dma = zm_zone(m, ZONE_DMA);

    (void)state;
    assert_int_equal(dma->present, 512);
    assert_int_equal(dma->managed, 0);
    assert_int_equal(m->zones.list[0][ZONE_DMA].nr, 0);
    assert_int_equal(m->zones.list[0][ZONE_NORMAL].nr, 1);
    assert_int_equal(m->zones.fast_zone[0][__GFP_DMA & QR_FAST_BITS], QR_NO_FAST_ZONE);
    zm_end(m);
}

static void the_fast_way_knows_the_first_zone_of_every_sane_mask(void **state)
{
    struct zm *m = wide_machine(4);

    (void)state;
    for (u32 nid = 0; nid < 2; nid++) {
        for (gfp_t bits = 0; bits <= QR_FAST_BITS; bits++) {
            unsigned int zones =
                !!(bits & __GFP_DMA) + !!(bits & __GFP_DMA32) + !!(bits & __GFP_HIGHMEM);
            bool both = (bits & __GFP_MOVABLE) && (bits & __GFP_RECLAIMABLE);
            u32 type = bits & __GFP_DMA          ? ZONE_DMA
                       : bits & __GFP_DMA32      ? ZONE_DMA32
                       : !(bits & __GFP_HIGHMEM) ? ZONE_NORMAL
                       : bits & __GFP_MOVABLE    ? ZONE_MOVABLE
                                                 : ZONE_HIGHMEM;
            /* Node 1 has movable memory alone. */
            u32 expected = zones > 1 || both      ? QR_NO_FAST_ZONE
                           : nid == 0             ? type
                           : type == ZONE_MOVABLE ? 5
                                                  : QR_NO_FAST_ZONE;

            if (m->zones.fast_zone[nid][bits] != expected)
                fail_msg("node %u, bits %#x: %u", nid, bits, m->zones.fast_zone[nid][bits]);
        }
    }
    zm_end(m);
}

static void hooks_are_on_for_what_asks_for_them_alone(void **state)
{
    struct quarry_fault third = {.nth = 3};
    struct zm *m = zm_pages(1024);
    struct qr_zones *zones = &m->zones;
    struct qr_owner *owner = calloc(1024, sizeof(*owner));
    struct qr_site *sites = calloc(64, sizeof(*sites));
    const u32 always = zones->hooks;

    (void)state;
    assert_int_equal(always & ~QR_HOOK_OBSERVED, 0); /* a race detector always asks */
#define ASSERT_HOOKS(expected)                                                                     \
    do {                                                                                           \
        qr_zones_update_hooks(zones);                                                              \
        assert_int_equal(zones->hooks, always | (expected));                                       \
    } while (0)
    m->check.level = 1;
    ASSERT_HOOKS(QR_HOOK_CONTEXT);
    m->check.level = 0;
    assert_int_equal(qr_fault_set(&m->faults, QUARRY_FAILSLAB, &third), 0);
    ASSERT_HOOKS(0);
    assert_int_equal(qr_fault_set(&m->faults, QUARRY_FAIL_PAGE_ALLOC, &third), 0);
    ASSERT_HOOKS(QR_HOOK_FAULT);
    assert_int_equal(qr_fault_set(&m->faults, QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    zones->init_on_alloc = true;
    ASSERT_HOOKS(QR_HOOK_INIT_ALLOC);
    zones->init_on_alloc = false;
    zones->init_on_free = true;
    ASSERT_HOOKS(QR_HOOK_INIT_FREE);
    zones->init_on_free = false;
    zones->poison = true;
    ASSERT_HOOKS(QR_HOOK_DEBUG);
    zones->poison = false;
    zones->owner = owner;
    ASSERT_HOOKS(QR_HOOK_DEBUG);
    zones->owner = NULL;
    qr_sites_init(&m->check.sites, sites, 64 * sizeof(*sites));
    ASSERT_HOOKS(QR_HOOK_PROFILE);
    memset(&m->check.sites, 0, sizeof(m->check.sites));
    ASSERT_HOOKS(0);
#undef ASSERT_HOOKS
    free(owner);
    free(sites);
    zm_end(m);
}

/* ---- marks ----------------------------------------------------------------------------------- */

static u64 lowmem_of(const struct zm *m)
{
    u64 frames = 0;

    for (unsigned int i = 0; i < m->zones.nr_zones; i++)
        frames += m->zones.zone[i].type <= ZONE_NORMAL ? m->zones.zone[i].managed : 0;
    return frames;
}

static u64 clamp(u64 least, u64 x, u64 most)
{
    return x < least ? least : x > most ? most : x;
}

/* G-W5, of @min pages in all. */
static void assert_marks(const struct zm *m, u64 min)
{
    u64 factor = m->zones.watermark_scale_factor;

    for (unsigned int i = 0; i < m->zones.nr_zones; i++) {
        const struct zone *zone = &m->zones.zone[i];
        u64 own = zone->type <= ZONE_NORMAL ? min * zone->managed / lowmem_of(m)
                  : zone->managed / 8 < 32  ? zone->managed / 8
                                            : clamp(32, zone->managed / 1024, 128);
        u64 part = zone->managed * factor / 10000, step = part > own / 4 ? part : own / 4;

        assert_int_equal(zone->watermark[QR_WMARK_MIN], own);
        assert_int_equal(zone->watermark[QR_WMARK_LOW], own + step);
        assert_int_equal(zone->watermark[QR_WMARK_HIGH], factor ? own + 2 * step : own + own / 2);
        assert_int_equal(zone->below_low, zone->free_pages < own + step);
        assert_int_equal(zone->reclaim_floor,
                         m->zones.reserve_for_reclaim_pages * zone->managed / m->zones.totalram);
    }
}

static void g_w5_the_marks_of_every_zone_follow_from_the_settings(void **state)
{
    static const u32 factor[] = {0, 1, 40, 3000};
    static const u64 min_kib[] = {4, 1001, 4000, 20000};
    struct zm *m = wide_machine(0);

    (void)state;
    for (unsigned int i = 0; i < 16; i++) {
        m->zones.min_free_kbytes = min_kib[i / 4];
        m->zones.watermark_scale_factor = factor[i % 4];
        m->zones.reserve_for_reclaim_pages = i * 100;
        qr_zones_set_watermarks(&m->zones);
        assert_marks(m, min_kib[i / 4] / 4);
    }
    m->zones.min_free_kbytes = 4;
    m->zones.watermark_scale_factor = 0;
    m->zones.reserve_for_reclaim_pages = 0;
    qr_zones_set_watermarks(&m->zones);
    zm_end(m);
}

/* 4·√KiB KiB of n² pages, which are 4·n² KiB, are 2·n pages. */
static void g_w5_min_is_four_times_the_root_to_the_page(void **state)
{
    static const struct {
        u64 lowmem, min;
    } of[] = {
        {8, 4},               /* half of it */
        {63, 31},             /* still half */
        {64, 32},             /* 128 KiB */
        {256, 32},            /* 4·√1024 = 128 KiB as well */
        {1000, 63},           /* 4·63 KiB */
        {1024, 64},           /* 4·64 KiB */
        {1000000, 2000},      /* 4·2000 KiB */
        {999999, 1999},       /* just not */
        {1073741824, 65536},  /* 256 MiB */
        {1073741823, 65535},  /* just not */
        {4294967295u, 65536}, /* no more, however large */
    };
    struct zm *m = zm_pages(64);
    struct zone *zone = &m->zones.zone[0];

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(of); i++) {
        zone->managed = of[i].lowmem; /* no such machines here: it is what the rule looks at */
        qr_zones_set_watermarks(&m->zones);
        if (zone->watermark[QR_WMARK_MIN] != of[i].min)
            fail_msg("of %llu pages: %llu", (unsigned long long)of[i].lowmem,
                     (unsigned long long)zone->watermark[QR_WMARK_MIN]);
    }
    zone->managed = m->zones.totalram;
    qr_zones_set_watermarks(&m->zones);
    zm_end(m);
}

/* What requests of type @type could have had above @zone on its node. */
static u64 above(const struct zm *m, const struct zone *zone, u32 type)
{
    u64 frames = 0;

    for (unsigned int i = 0; i < m->zones.nr_zones; i++) {
        const struct zone *other = &m->zones.zone[i];
        if (other->nid == zone->nid && other->type > zone->type && other->type <= type)
            frames += other->managed;
    }
    return frames;
}

static void g_z6_the_reserves_of_every_zone_follow_from_the_ratios(void **state)
{
    static const u32 ratio[3][MAX_NR_ZONES] = {
        {256, 256, 32, 0, 0}, {1, 1, 1, 1, 1}, {1, 0, 9, 5, 2}};
    struct zm *m = wide_machine(4);

    (void)state;
    for (unsigned int r = 0; r < QR_ARRAY_SIZE(ratio); r++) {
        if (r) /* the first are what they are without being asked for */
            memcpy(m->zones.lowmem_ratio, ratio[r], sizeof(ratio[r]));
        qr_zones_set_watermarks(&m->zones);
        for (unsigned int i = 0; i < m->zones.nr_zones; i++) {
            const struct zone *zone = &m->zones.zone[i];
            for (u32 type = 0; type < MAX_NR_ZONES; type++)
                assert_int_equal(zone->lowmem_reserve[type],
                                 ratio[r][zone->type] ? above(m, zone, type) / ratio[r][zone->type]
                                                      : 0);
        }
    }
    zm_end(m);
}

/* Whoever names one ratio names all: the others are 0. */
static void g_z6_a_ratio_that_is_set_replaces_all_defaults(void **state)
{
    for (unsigned int set = 0; set < MAX_NR_ZONES; set++) {
        struct quarry_region region = {.size = PAGES(4096)};
        struct qp_machine machine = {.regions = &region, .nr_regions = 1};
        struct zm *m = zm_pages(4096);

        (void)state;
        memset(m->zones.lowmem_ratio, 0, sizeof(m->zones.lowmem_ratio));
        m->zones.lowmem_ratio[set] = 7;
        memset(m->map.mobility, 0, 8);
        assert_int_equal(qr_zones_init(&m->zones, &machine, m->why, sizeof(m->why)), 0);
        for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
            assert_int_equal(m->zones.lowmem_ratio[i], i == set ? 7 : 0);
        hosted_cpus_forget(&m->cpus);
        hosted_ram_destroy(&m->ram);
        for (unsigned int i = 0; i < ZM_MAX_CPUS; i++)
            free(m->area[i]);
        free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_have_their_names_places_and_frames),
        cmocka_unit_test(a_page_block_with_frames_of_two_zones_is_known),
        cmocka_unit_test(a_page_block_with_frames_of_two_nodes_is_known),
        cmocka_unit_test(a_zone_over_the_end_of_the_direct_map_has_a_seam_there),
        cmocka_unit_test(a_zone_may_keep_an_eighth_warm),
        cmocka_unit_test(a_machine_that_is_all_map_is_told_how_large_that_is),
        cmocka_unit_test(a_zone_of_reserved_frames_is_on_no_list),
        cmocka_unit_test(the_fast_way_knows_the_first_zone_of_every_sane_mask),
        cmocka_unit_test(hooks_are_on_for_what_asks_for_them_alone),
        cmocka_unit_test(g_w5_the_marks_of_every_zone_follow_from_the_settings),
        cmocka_unit_test(g_w5_min_is_four_times_the_root_to_the_page),
        cmocka_unit_test(g_z6_the_reserves_of_every_zone_follow_from_the_ratios),
        cmocka_unit_test(g_z6_a_ratio_that_is_set_replaces_all_defaults),
    };
    return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
