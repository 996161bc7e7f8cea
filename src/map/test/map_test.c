/* SPDX-License-Identifier: MIT */
/* The memory map: regions to runs, descriptors, conversions. */
#include "../../zone/test/zone_machine.h"
#include "console.h"

#define PAGES(n) ((phys_addr_t)(n) << PAGE_SHIFT)

/* A map alone, over memory that the test provides. The direct map lies there too. */
struct map_bench {
    struct qr_map map;
    struct qp_machine machine;
    char *memory;
    char why[256];
};

/* What a boot loader leaves behind: nothing may be read that was not written. */
static __attribute__((noinline)) void dirty_stack(void)
{
    volatile unsigned char left[16384];
    for (size_t i = 0; i < sizeof(left); i++)
        left[i] = 0xa5;
}

static int bench_init(struct map_bench *b, const struct quarry_region *regions, size_t nr,
                      unsigned long frames, phys_addr_t low_limit)
{
    memset(b, 0, sizeof(*b));
    b->memory = aligned_alloc(PAGE_SIZE, frames << PAGE_SHIFT);
    assert_non_null(b->memory);
    memset(b->memory, 0x5a, frames << PAGE_SHIFT);
    b->machine = (struct qp_machine){.regions = regions,
                                     .nr_regions = nr,
                                     .offset = (uintptr_t)b->memory,
                                     .low_limit = low_limit};
    dirty_stack();
    return qr_map_init(&b->map, &b->machine, b->why, sizeof(b->why));
}

static void bench_end(struct map_bench *b)
{
    free(b->memory);
}

static void assert_run(const struct qr_map *map, unsigned int i, u64 start, u64 end, u32 nid,
                       bool reserved)
{
    assert_true(i < map->nr_runs);
    assert_int_equal(map->run[i].start, start);
    assert_int_equal(map->run[i].end, end);
    assert_int_equal(map->run[i].nid, nid);
    assert_int_equal(map->run[i].reserved, reserved);
}

static void frame_zero_and_the_descriptors_are_reserved(void **state)
{
    struct quarry_region region = {.size = PAGES(64)};
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, &region, 1, 64, 0), 0);
    assert_int_equal(b.map.nr_runs, 3);
    assert_run(&b.map, 0, 0, 1, 0, true);
    assert_run(&b.map, 1, 1, 63, 0, false);
    assert_run(&b.map, 2, 63, 64, 0, true); /* 64 descriptors and a mobility byte */
    assert_int_equal(b.map.nr_present, 64);
    assert_int_equal(b.map.nr_map, 1);
    assert_ptr_equal(b.map.pages, b.memory + PAGES(63));
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void descriptors_join_what_is_reserved_beside_them(void **state)
{
    struct quarry_region region[] = {
        {.size = PAGES(64)},
        {.start = PAGES(62), .size = PAGES(2), .flags = QUARRY_REGION_RESERVED},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, 2, 64, 0), 0);
    assert_int_equal(b.map.nr_runs, 3);
    assert_run(&b.map, 1, 1, 61, 0, false);
    assert_run(&b.map, 2, 61, 64, 0, true);
    assert_ptr_equal(b.map.pages, b.memory + PAGES(61));
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void a_descriptor_is_all_zero_after_boot(void **state)
{
    struct quarry_region region = {.size = PAGES(300)};
    struct page zero;
    struct map_bench b;
    (void)state;
    memset(&zero, 0, sizeof(zero));
    assert_int_equal(bench_init(&b, &region, 1, 300, 0), 0);
    for (u64 pfn = 0; pfn < 300; pfn++)
        assert_memory_equal(qr_page(&b.map, pfn), &zero, sizeof(zero));
    assert_int_equal(qr_block_mobility(&b.map, 5), MIGRATE_MOVABLE);
    bench_end(&b);
}

static void unsorted_and_overlapping_regions_become_sorted_disjoint_runs(void **state)
{
    struct quarry_region region[] = {
        {.start = PAGES(100), .size = PAGES(50)},
        {.start = PAGES(10), .size = PAGES(40)},
        {.start = PAGES(30), .size = PAGES(40)},
        {.start = PAGES(20), .size = PAGES(5), .flags = QUARRY_REGION_RESERVED},
        {.start = PAGES(120), .size = 0},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, 5, 150, 0), 0);
    assert_run(&b.map, 0, 10, 20, 0, false);
    assert_run(&b.map, 1, 20, 25, 0, true);
    assert_run(&b.map, 2, 25, 70, 0, false);
    assert_run(&b.map, 3, 100, 148, 0, false);
    assert_run(&b.map, 4, 148, 150, 0, true); /* 140 descriptors: 4,480 bytes */
    assert_int_equal(b.map.nr_present, 110);
    assert_int_equal(b.map.min_pfn, 10);
    assert_int_equal(b.map.max_pfn, 150);
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void reserved_wins_over_usable_in_either_order(void **state)
{
    for (int swap = 0; swap < 2; swap++) {
        struct quarry_region ram = {.start = PAGES(8), .size = PAGES(56)};
        struct quarry_region rsv = {
            .start = PAGES(16), .size = PAGES(8), .flags = QUARRY_REGION_RESERVED};
        struct quarry_region region[2] = {swap ? rsv : ram, swap ? ram : rsv};
        struct map_bench b;
        (void)state;
        assert_int_equal(bench_init(&b, region, 2, 64, 0), 0);
        assert_false(qr_pfn_reserved(&b.map, 15));
        assert_true(qr_pfn_reserved(&b.map, 16));
        assert_true(qr_pfn_reserved(&b.map, 23));
        assert_false(qr_pfn_reserved(&b.map, 24));
        bench_end(&b);
    }
}

static void partial_frames_are_never_usable(void **state)
{
    struct quarry_region region[] = {
        {.start = PAGES(4) + 1, .size = PAGES(60) - 2},
        {.start = PAGES(20) + 100, .size = 10, .flags = QUARRY_REGION_RESERVED},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, 2, 64, 0), 0);
    assert_false(qr_pfn_valid(&b.map, 4));
    assert_true(qr_pfn_valid(&b.map, 5));
    assert_true(qr_pfn_valid(&b.map, 62));
    assert_false(qr_pfn_valid(&b.map, 63));
    assert_true(qr_pfn_reserved(&b.map, 20));
    assert_false(qr_pfn_reserved(&b.map, 21));
    bench_end(&b);
}

static void descriptors_of_a_hole_take_no_memory(void **state)
{
    /* 1,024 frames, a hole of 15,360, 1,024 frames: descriptors for all would be 512 KiB. */
    struct quarry_region region[] = {
        {.start = PAGES(16384), .size = PAGES(1024)},
        {.start = 0, .size = PAGES(1024)},
    };
    struct map_bench b;
    u64 usable = 0;
    (void)state;
    assert_int_equal(bench_init(&b, region, 2, 17408, 0), 0);
    assert_int_equal(b.map.nr_map, 8 + 9); /* 32 KiB each, and a page for the mobility bytes */
    for (unsigned int i = 0; i < b.map.nr_runs; i++) {
        if (!b.map.run[i].reserved)
            usable += b.map.run[i].end - b.map.run[i].start;
    }
    assert_int_equal(usable, 2048 - 17 - 1);
    assert_false(qr_pfn_valid(&b.map, 1024));
    assert_false(qr_pfn_valid(&b.map, 16383));
    assert_true(qr_pfn_valid(&b.map, 16384));
    for (u64 pfn = 1023; pfn <= 1024; pfn++) { /* a descriptor of the hole would lie in its place */
        assert_int_equal(qr_page_valid(&b.map, qr_page(&b.map, pfn)), pfn < 1024);
        assert_int_equal(qr_page_valid(&b.map, qr_page(&b.map, pfn + 15360)), pfn == 1024);
    }
    assert_false(qr_pfn_reserved(&b.map, 2000)); /* what does not exist is not reserved, either */
    assert_false(qr_pfn_reserved(&b.map, 17408));
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void a_map_that_fits_nowhere_is_refused_with_the_reason(void **state)
{
    /* The array of descriptors would have to span 4 GiB / 128 = 32 MiB of direct map; there are 64
     * frames, then nothing for a million. */
    struct quarry_region region[] = {
        {.start = 0, .size = PAGES(64)},
        {.start = PAGES(1 << 20), .size = PAGES(64)},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, 2, 64, PAGES(64)), -QR_ENOMEM);
    assert_non_null(strstr(b.why, "descriptors"));
    bench_end(&b);
}

static void runs_are_cut_at_the_end_of_the_direct_map(void **state)
{
    struct quarry_region region = {.size = PAGES(128)};
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, &region, 1, 128, PAGES(64)), 0);
    assert_int_equal(b.map.low_end, 64);
    assert_run(&b.map, 3, 64, 128, 0, false);
    assert_true(qr_page_is_low(&b.map, qr_page(&b.map, 63)));
    assert_false(qr_page_is_low(&b.map, qr_page(&b.map, 64)));
    assert_true(qr_virt_in_map(&b.map, b.memory + PAGES(64) - 1));
    assert_false(qr_virt_in_map(&b.map, b.memory + PAGES(64)));
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void nodes_are_kept_apart_and_found_by_frame(void **state)
{
    struct quarry_region region[] = {
        {.start = 0, .size = PAGES(64), .nid = 0},
        {.start = PAGES(64), .size = PAGES(64), .nid = 3},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, 2, 128, 0), 0);
    assert_int_equal(qr_pfn_node(&b.map, 63), 0);
    assert_int_equal(qr_pfn_node(&b.map, 64), 3);
    assert_int_equal(qr_pfn_node(&b.map, 128), 0); /* nobody's */
    assert_non_null(qr_map_carve(&b.map, &b.machine, PAGE_SIZE));
    assert_int_equal(qr_pfn_node(&b.map, 127), 3);
    assert_int_equal(qr_pfn_node(&b.map, 128), 0);
    bench_end(&b);
}

static void conversions_lead_there_and_back(void **state)
{
    struct quarry_region region = {.start = PAGES(8), .size = PAGES(120)};
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, &region, 1, 128, 0), 0);
    for (u64 pfn = 8; pfn < 128; pfn++) {
        struct page *page = qr_page(&b.map, pfn);
        assert_int_equal(qr_pfn(&b.map, page), pfn);
        assert_int_equal(qr_page_phys(&b.map, page), PAGES(pfn));
        assert_ptr_equal(qr_page_virt(&b.map, page), b.memory + PAGES(pfn));
        assert_ptr_equal(qr_virt_page(&b.map, b.memory + PAGES(pfn) + 77), page);
        assert_ptr_equal(qr_virt_page_checked(&b.map, b.memory + PAGES(pfn)), page);
        assert_true(qr_page_valid(&b.map, page));
    }
    assert_null(qr_virt_page_checked(&b.map, b.memory + PAGES(7)));
    assert_null(qr_virt_page_checked(&b.map, b.memory + PAGES(128)));
    assert_null(qr_virt_page_checked(&b.map, &b));
    assert_false(qr_page_valid(&b.map, qr_page(&b.map, 7)));
    assert_false(qr_page_valid(&b.map, qr_page(&b.map, 128)));
    assert_false(qr_page_valid(&b.map, (struct page *)((char *)qr_page(&b.map, 9) + 8)));
    assert_false(qr_page_valid(&b.map, NULL));
    bench_end(&b);
}

static void bad_descriptions_are_refused_with_the_reason(void **state)
{
    struct {
        struct quarry_region region;
        int error;
        const char *says;
    } bad[] = {
        {{.start = ~0ull - 100, .size = 200},
         -QR_EINVAL,
         "region 0 wraps around: start 0xffffffffffffff9b, size 0xc8"},
        {{.start = 1ull << 44, .size = PAGES(1)},
         -QR_EINVAL,
         "region 0 ends at 0x100000001000, beyond the 16 TiB"},
        {{.size = PAGES(64), .nid = 8}, -QR_EINVAL, "region 0 is on node 8; nodes are 0..7"},
        {{.size = PAGES(64), .nid = -1}, -QR_EINVAL, "node -1"},
        {{.size = PAGES(64), .flags = QUARRY_REGION_RESERVED}, -QR_ENOMEM, "no usable"},
        {{.size = 0}, -QR_ENOMEM, "no usable"},
        {{.size = PAGES(1)}, -QR_ENOMEM, "no usable"}, /* frame 0 alone */
    };
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++) {
        struct map_bench b;
        assert_int_equal(bench_init(&b, &bad[i].region, 1, 64, 0), bad[i].error);
        assert_non_null(strstr(b.why, bad[i].says));
        bench_end(&b);
    }
    {
        struct map_bench b;
        assert_int_equal(bench_init(&b, NULL, 0, 1, 0), -QR_ENOMEM);
        bench_end(&b);
    }
}

static void too_many_runs_are_refused(void **state)
{
    static struct quarry_region region[140];
    struct map_bench b;
    (void)state;
    for (unsigned int i = 0; i < 140; i++)
        region[i] = (struct quarry_region){.start = PAGES(2 * i + 2), .size = PAGES(1)};
    assert_int_equal(bench_init(&b, region, 140, 300, 0), -QR_EINVAL);
    assert_non_null(strstr(b.why, "runs"));
    bench_end(&b);
}

/* Regions that touch are one run, however many they are. */
static void regions_that_touch_need_one_run(void **state)
{
    static struct quarry_region region[140];
    struct map_bench b;
    (void)state;
    for (unsigned int i = 0; i < 140; i++)
        region[i] = (struct quarry_region){.start = PAGES(i + 2), .size = PAGES(1)};
    assert_int_equal(bench_init(&b, region, 140, 142, 0), 0);
    assert_int_equal(b.map.nr_runs, 2);
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

/* What nobody may use is no place for descriptors, however large it is. */
static void descriptors_never_lie_in_reserved_memory(void **state)
{
    struct quarry_region region[] = {
        {.size = PAGES(40)},
        {.start = PAGES(40), .size = PAGES(3000), .flags = QUARRY_REGION_RESERVED},
        {.start = PAGES(3040), .size = PAGES(2)},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, 3, 3042, 0), 0);
    assert_true((uintptr_t)qr_page(&b.map, 3041) < (uintptr_t)b.memory + PAGES(40));
    bench_end(&b);
}

/* As many runs as there may be: none is left for what is cut out of one of them. */
static void runs_that_leave_no_room_for_a_cut_are_refused(void **state)
{
    static struct quarry_region region[QR_MAX_REGIONS];
    struct map_bench b;
    (void)state;
    region[0] = (struct quarry_region){.start = PAGES(4), .size = PAGES(12)};
    for (unsigned int i = 1; i < QR_MAX_REGIONS; i++)
        region[i] = (struct quarry_region){.start = PAGES(4 * i + 16), .size = PAGES(2)};
    assert_int_equal(bench_init(&b, region, QR_MAX_REGIONS, 600, 0), -QR_EINVAL);
    assert_non_null(strstr(b.why, "more than 128 runs")); /* with the descriptors' */
    bench_end(&b);
    assert_int_equal(bench_init(&b, region, QR_MAX_REGIONS - 1, 600, 0), 0);
    assert_int_equal(b.map.nr_runs, QR_MAX_REGIONS);
    assert_null(qr_map_carve(&b.map, &b.machine, PAGE_SIZE));
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
    assert_int_equal(bench_init(&b, region, QR_MAX_REGIONS - 2, 600, 0), 0);
    assert_non_null(qr_map_carve(&b.map, &b.machine, PAGE_SIZE));
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void carving_takes_cleared_memory_from_the_top_of_the_largest_run(void **state)
{
    struct quarry_region region = {.size = PAGES(64)};
    struct map_bench b;
    char *first, *second;
    (void)state;
    assert_int_equal(bench_init(&b, &region, 1, 64, 0), 0);
    first = qr_map_carve(&b.map, &b.machine, 2 * PAGE_SIZE);
    *first = 0x33; /* its owner's: not cleared with the next piece */
    second = qr_map_carve(&b.map, &b.machine, PAGE_SIZE);
    assert_ptr_equal(first, b.memory + PAGES(61));
    assert_ptr_equal(second, b.memory + PAGES(60));
    assert_int_equal(second[-1], 0x5a);
    assert_int_equal(*first, 0x33);
    for (size_t i = 1; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(first[i], 0);
    for (size_t i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(second[i], 0);
    assert_true(qr_pfn_reserved(&b.map, 60));
    assert_int_equal(b.map.nr_runs, 3); /* the carved pieces joined the descriptors' */
    assert_null(qr_map_carve(&b.map, &b.machine, PAGES(64)));
    assert_non_null(qr_map_carve(&b.map, &b.machine, PAGES(59)));
    assert_null(qr_map_carve(&b.map, &b.machine, PAGE_SIZE));
    assert_int_equal(qr_map_check(&b.map), 0);
    for (u64 pfn = 64; pfn < 70; pfn++) { /* what was moved together ends where memory ends */
        assert_false(qr_pfn_reserved(&b.map, pfn));
        assert_false(qr_pfn_valid(&b.map, pfn));
    }
    bench_end(&b);
}

/* The check must find something wrong and say that it is @rule. */
static void must_find(const struct qr_map *map, const char *rule)
{
    static struct test_console console;
    unsigned long wrong;
    test_console_begin(&console);
    wrong = qr_map_check(map);
    test_console_end(&console);
    if (wrong == 0 || !strstr(console.text, rule))
        fail_msg("%lu contradictions, and none is \"%s\": %s", wrong, rule, console.text);
}

/* Each contradiction is one line, with the frame where it is. */
static void assert_found(const struct qr_map *map, unsigned long nr, const char *lines)
{
    static struct test_console console;
    unsigned long wrong;
    test_console_begin(&console);
    wrong = qr_map_check(map);
    test_console_end(&console);
    assert_string_equal(console.text, lines);
    assert_int_equal(wrong, nr);
}

static void what_is_broken_is_told_with_its_frame(void **state)
{
    struct quarry_region region = {.size = PAGES(200)};
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, &region, 1, 200, PAGES(150)), 0);
    assert_int_equal(b.map.nr_runs, 4); /* 0, 1 … 148, the descriptors', 150 … 200 */
    assert_found(&b.map, 0, "");
    b.map.run[0].reserved = false;
    assert_found(&b.map, 2,
                 "quarry: memory map: M2 (runs that touch differ) is broken at frame 0x1\n"
                 "quarry: memory map: M4 (frame 0 is reserved) is broken at frame 0\n");
    b.map.run[0].reserved = true;
    b.map.nr_present += 3;
    assert_found(
        &b.map, 1,
        "quarry: memory map: M5 (nr_present is the sum of the runs) is broken at frame 0xc8\n");
    b.map.nr_present = 200;
    b.map.run[3].start -= 2; /* over the descriptors, and two frames twice */
    assert_found(
        &b.map, 2,
        "quarry: memory map: M1 (runs are sorted and disjoint) is broken at frame 0x94\n"
        "quarry: memory map: M5 (nr_present is the sum of the runs) is broken at frame 0xca\n");
    b.map.run[3].start += 2;
    b.map.run[3].reserved = true; /* alike, but on both sides of the end of the direct map */
    assert_found(&b.map, 0, "");
    b.map.run[3].reserved = false;
    b.map.run[1].reserved = true;
    assert_found(&b.map, 2,
                 "quarry: memory map: M2 (runs that touch differ) is broken at frame 0x1\n"
                 "quarry: memory map: M2 (runs that touch differ) is broken at frame 0x94\n");
    b.map.run[1].nid = 1;
    assert_found(&b.map, 0, "");
    b.map.run[1].nid = 0;
    b.map.run[1].reserved = false;
    b.map.run[2].start++; /* the first page of descriptors is nobody's */
    b.map.nr_present--;
    assert_found(
        &b.map, 2,
        "quarry: memory map: M3 (descriptors lie in reserved low memory) is broken at frame 0\n"
        "quarry: memory map: M3 (descriptors lie in reserved low memory) is broken at frame 0x1\n");
    bench_end(&b);
}

static void refusals_are_told_in_full(void **state)
{
    static const struct {
        struct quarry_region region;
        phys_addr_t low_limit;
        const char *why;
    } bad[] = {
        {{.start = ~0ull - 100, .size = 200},
         0,
         "region 1 wraps around: start 0xffffffffffffff9b, size 0xc8"},
        {{.start = PAGES((1ull << 32) - 1), .size = PAGES(1)},
         0,
         "region 1 ends at 0x100000000000, beyond the 16 TiB that a map spans"},
        {{.start = PAGES(1), .nid = 8, .size = 1}, 0, "region 1 is on node 8; nodes are 0..7"},
        {{.start = PAGES(1), .nid = -1, .size = 1}, 0, "region 1 is on node -1; nodes are 0..7"},
        {{.size = PAGES(1)}, 0, "the machine has no usable directly mapped memory (2 regions)"},
        {{.start = PAGES(1 << 20), .size = PAGES(64)},
         PAGES(1 << 20),
         "the machine has no usable directly mapped memory (2 regions)"},
    };
    struct quarry_region far[2] = {{.size = PAGES(64)},
                                   {.start = PAGES(1 << 20), .size = PAGES(192)}};
    struct map_bench b;
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++) {
        struct quarry_region region[2] = {{.size = PAGES(1)}, bad[i].region};
        assert_true(bench_init(&b, region, 2, 64, bad[i].low_limit) < 0);
        assert_string_equal(b.why, bad[i].why);
        bench_end(&b);
    }
    assert_int_equal(bench_init(&b, far, 2, 64, PAGES(64)), -QR_ENOMEM);
    assert_string_equal(b.why,
                        "no room for the page descriptors: 256 frames in 3 runs need 8 KiB of "
                        "directly mapped memory in the same layout; give more memory or fewer "
                        "holes");
    bench_end(&b);
}

/* Where one piece has room, the other has none. */
static void descriptors_that_fit_piece_by_piece_only_are_refused(void **state)
{
    struct quarry_region region[] = {{.size = PAGES(8)}, {.start = PAGES(5120), .size = PAGES(8)}};
    struct map_bench b;

    (void)state;
    assert_int_equal(bench_init(&b, region, 2, 64, 0), -QR_ENOMEM);
    assert_int_equal(strncmp(b.why, "no room for the page descriptors: 16 frames in 3 runs", 53),
                     0);
    bench_end(&b);
}

/* The last frame that has a number, and the last node. */
static void the_ends_of_what_can_be_described_can_be(void **state)
{
    struct quarry_region region[] = {
        {.start = PAGES(2), .size = PAGES(62), .nid = QR_MAX_NODES - 1},
        {.start = PAGES((1ull << 32) - 2), .size = PAGES(1), .flags = QUARRY_REGION_RESERVED},
    };
    struct map_bench b;
    (void)state;
    /* So far away that no array reaches over it: but for that, both are fine. */
    assert_int_equal(bench_init(&b, region, 2, 64, PAGES(64)), -QR_ENOMEM);
    assert_int_equal(strncmp(b.why, "no room for the page descriptors: 63 frames in 2 runs", 53),
                     0);
    bench_end(&b);
    assert_int_equal(bench_init(&b, region, 1, 64, 0), 0);
    assert_int_equal(qr_pfn_node(&b.map, 2), QR_MAX_NODES - 1);
    assert_int_equal(qr_pfn_node(&b.map, 1), 0);
    bench_end(&b);
}

/* Of two regions that overlap the first usable one names the node, and a reserved one only where there is no
 * other. */
static void the_first_usable_region_names_the_node(void **state)
{
    const struct quarry_region region[] = {
        {.start = PAGES(8), .size = PAGES(24), .flags = QUARRY_REGION_RESERVED, .nid = 1},
        {.start = PAGES(16), .size = PAGES(48), .nid = 2},
        {.start = PAGES(24), .size = PAGES(100), .nid = 3},
        {.start = PAGES(40), .size = PAGES(4), .flags = QUARRY_REGION_RESERVED, .nid = 4},
        {.start = PAGES(124), .size = PAGES(4), .flags = QUARRY_REGION_RESERVED, .nid = 5},
        {.start = PAGES(124), .size = PAGES(6), .flags = QUARRY_REGION_RESERVED, .nid = 6},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, QR_ARRAY_SIZE(region), 130, 0), 0);
    assert_run(&b.map, 0, 8, 16, 1, true);
    assert_run(&b.map, 1, 16, 32, 2, true);
    assert_run(&b.map, 2, 32, 40, 2, false);
    assert_run(&b.map, 3, 40, 44, 2, true);
    assert_run(&b.map, 4, 44, 64, 2, false);
    assert_run(&b.map, 5, 64, 123, 3, false);
    assert_run(&b.map, 6, 123, 124, 3, true); /* descriptors */
    assert_run(&b.map, 7, 124, 128, 5, true);
    assert_run(&b.map, 8, 128, 130, 6, true);
    assert_int_equal(b.map.nr_runs, 9);
    assert_int_equal(b.map.nr_present, 122);
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void the_check_finds_broken_runs(void **state)
{
    struct quarry_region region = {.size = PAGES(64)};
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, &region, 1, 64, 0), 0);
    b.map.run[0].reserved = false;
    must_find(&b.map, "M4 (frame 0 is reserved)");
    b.map.run[0].reserved = true;
    b.map.nr_present--;
    must_find(&b.map, "M5 (nr_present is the sum of the runs)");
    b.map.nr_present++;
    b.map.run[2].reserved = false;
    must_find(&b.map, "M3 (descriptors lie in reserved low memory)");
    b.map.run[2].reserved = true;
    b.map.low_end--; /* as if the last frame had no address */
    must_find(&b.map, "M3 (descriptors lie in reserved low memory)");
    b.map.low_end++;
    assert_int_equal(qr_map_check(&b.map), 0);
    b.map.run[1].end++; /* over the start of the next one */
    must_find(&b.map, "M1 (runs are sorted and disjoint)");
    b.map.run[1].end--;
    b.map.run[2].start = b.map.run[2].end; /* nothing is left of it */
    must_find(&b.map, "M1 (runs are not empty)");
    b.map.run[2].start--;
    b.map.run[1].reserved = true; /* three alike that touch */
    must_find(&b.map, "M2 (runs that touch differ)");
    b.map.run[1].reserved = false;
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

static void descriptors_may_lie_in_several_runs_when_no_single_one_holds_them(void **state)
{
    /* The largest run is too short for the whole array; its pieces fit into the first two. */
    struct quarry_region region[] = {
        {.start = 0, .size = PAGES(301)},
        {.start = PAGES(700), .size = PAGES(300)},
        {.start = PAGES(64000), .size = PAGES(200)},
    };
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, region, 3, 64200, 0), 0);
    assert_int_equal(qr_map_check(&b.map), 0);
    /* As high as they can: 3 pages of them up to 296, 3 from 298 to the first's end, 2 in the second. */
    assert_ptr_equal(qr_page(&b.map, 0), b.memory + PAGES(293));
    assert_true(qr_pfn_reserved(&b.map, qp_phys(b.map.offset, qr_page(&b.map, 5)) >> PAGE_SHIFT));
    assert_true(
        qr_pfn_reserved(&b.map, qp_phys(b.map.offset, qr_page(&b.map, 64100)) >> PAGE_SHIFT));
    for (size_t i = 0; i < QR_ARRAY_SIZE(region); i++)
        for (u64 pfn = region[i].start >> PAGE_SHIFT;
             pfn < (region[i].start + region[i].size) >> PAGE_SHIFT; pfn++)
            assert_int_equal(qr_page(&b.map, pfn)->flags, 0); /* each piece was cleared */
    bench_end(&b);
}

static void descriptors_lie_at_the_top_of_the_largest_run(void **state)
{
    /* Of two that are as large the first: frame 0 is in no run. */
    static const unsigned int expected[] = {0, 1, 2, 1};
    for (unsigned int largest = 0; largest < 4; largest++) {
        struct quarry_region region[] = {
            {.start = 0, .size = PAGES(100)},
            {.start = PAGES(200), .size = PAGES(100)},
            {.start = PAGES(400), .size = PAGES(100)},
        };
        struct map_bench b;
        (void)state;
        if (largest < 3)
            region[largest].size += PAGES(2);
        assert_int_equal(bench_init(&b, region, 3, 502, 0), 0);
        /* 500 descriptors: 32 bytes each, and a byte of mobility */
        assert_ptr_equal(qr_page(&b.map, 0),
                         b.memory + PAGES(expected[largest] * 200 + (largest < 3 ? 102 : 100) - 4));
        assert_int_equal(b.map.nr_map, 4);
        assert_int_equal(qr_map_check(&b.map), 0);
        bench_end(&b);
    }
}

/* Room for them, and for nothing else. */
static void descriptors_may_take_all_of_a_run(void **state)
{
    struct quarry_region region = {.size = PAGES(2)};
    struct map_bench b;
    (void)state;
    assert_int_equal(bench_init(&b, &region, 1, 2, 0), 0);
    assert_int_equal(b.map.nr_runs, 1);
    assert_run(&b.map, 0, 0, 2, 0, true);
    assert_ptr_equal(qr_page(&b.map, 0), b.memory + PAGES(1));
    assert_null(qr_map_carve(&b.map, &b.machine, PAGE_SIZE));
    assert_int_equal(qr_map_check(&b.map), 0);
    bench_end(&b);
}

/* The same, where the top of the second is nobody's, or just what they would be laid over: no piece of them
 * lies there. */
static void no_piece_of_the_descriptors_lies_in_reserved_memory(void **state)
{
    static const u64 taken[][2] = {{900, 1000}, {790, 800}},
                     frame[] = {5, 300, 700, 999, 64000, 64199};
    (void)state;
    for (size_t t = 0; t < QR_ARRAY_SIZE(taken); t++) {
        const struct quarry_region region[] = {
            {.start = 0, .size = PAGES(301)},
            {.start = PAGES(700), .size = PAGES(300)},
            {.start = PAGES(taken[t][0]),
             .size = PAGES(taken[t][1] - taken[t][0]),
             .flags = QUARRY_REGION_RESERVED},
            {.start = PAGES(64000), .size = PAGES(200)},
        };
        struct map_bench b;
        assert_int_equal(bench_init(&b, region, 4, 64200, 0), 0);
        for (size_t i = 0; i < QR_ARRAY_SIZE(frame); i++) {
            u64 at = qp_phys(b.map.offset, qr_page(&b.map, frame[i])) >> PAGE_SHIFT;
            assert_true(qr_pfn_reserved(&b.map, at)); /* for them */
            assert_false(at >= taken[t][0] && at < taken[t][1]);
            assert_true(qr_pfn_valid(&b.map, at));
        }
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_zero_and_the_descriptors_are_reserved),
        cmocka_unit_test(descriptors_join_what_is_reserved_beside_them),
        cmocka_unit_test(a_descriptor_is_all_zero_after_boot),
        cmocka_unit_test(unsorted_and_overlapping_regions_become_sorted_disjoint_runs),
        cmocka_unit_test(reserved_wins_over_usable_in_either_order),
        cmocka_unit_test(partial_frames_are_never_usable),
        cmocka_unit_test(descriptors_of_a_hole_take_no_memory),
        cmocka_unit_test(a_map_that_fits_nowhere_is_refused_with_the_reason),
        cmocka_unit_test(runs_are_cut_at_the_end_of_the_direct_map),
        cmocka_unit_test(nodes_are_kept_apart_and_found_by_frame),
        cmocka_unit_test(conversions_lead_there_and_back),
        cmocka_unit_test(bad_descriptions_are_refused_with_the_reason),
        cmocka_unit_test(too_many_runs_are_refused),
        cmocka_unit_test(regions_that_touch_need_one_run),
        cmocka_unit_test(descriptors_never_lie_in_reserved_memory),
        cmocka_unit_test(runs_that_leave_no_room_for_a_cut_are_refused),
        cmocka_unit_test(carving_takes_cleared_memory_from_the_top_of_the_largest_run),
        cmocka_unit_test(the_check_finds_broken_runs),
        cmocka_unit_test(what_is_broken_is_told_with_its_frame),
        cmocka_unit_test(refusals_are_told_in_full),
        cmocka_unit_test(descriptors_that_fit_piece_by_piece_only_are_refused),
        cmocka_unit_test(the_ends_of_what_can_be_described_can_be),
        cmocka_unit_test(the_first_usable_region_names_the_node),
        cmocka_unit_test(descriptors_may_take_all_of_a_run),
        cmocka_unit_test(descriptors_lie_at_the_top_of_the_largest_run),
        cmocka_unit_test(no_piece_of_the_descriptors_lies_in_reserved_memory),
        cmocka_unit_test(descriptors_may_lie_in_several_runs_when_no_single_one_holds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
