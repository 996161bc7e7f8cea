/* SPDX-License-Identifier: MIT */
/* The buddy mechanism: splitting, merging, mobility of page blocks. On a zone of its own, without
 * per-CPU lists or policy. */
#include "zone_machine.h"

static struct page *take(struct zm *m, unsigned int order, enum migratetype mobility)
{
    struct page *page = qr_buddy_take(&m->map, &m->zones.zone[0], order, mobility);
    if (page) /* as its owner would: no mark of a free block */
        qr_page_set_flags(page, qr_page_flags(page) | PGF_OWNED);
    return page;
}

static void put(struct zm *m, struct page *page, unsigned int order)
{
    struct zone *zone = &m->zones.zone[0];
    qr_page_set_flags(page, zone->place | order);
    qr_buddy_put(&m->map, zone, zm_pfn(m, page), order);
}

static struct zm *bench(unsigned long pages)
{
    struct zm_spec spec = {.pages = pages, .no_cpu = true, .min_free_kbytes = 4};
    return zm_boot(&spec);
}

static void buddy_is_wrong(void *data, const char *what, u64 pfn)
{
    (void)data;
    fail_msg("frame %llu: %s", (unsigned long long)pfn, what);
}

static u32 blocks(struct zm *m, unsigned int order)
{
    u32 nr = 0;
    for (unsigned int i = 0; i < MIGRATE_TYPES; i++)
        nr += qr_zone_free_blocks(&m->zones.zone[0], order, (enum migratetype)i);
    return nr;
}

static void buddy_splits_the_smallest_block_that_is_large_enough(void **state)
{
    struct zm *m =
        bench(64); /* free: 1 [2 3] [4..7] [8..15] [16..31] [32..47] [48..55] [56..59] … */
    struct page *page;
    (void)state;
    assert_int_equal(blocks(m, 4), 2);
    page = take(m, 4, MIGRATE_MOVABLE);
    assert_int_equal(blocks(m, 4), 1);
    assert_int_equal(zm_pfn(m, page) % 16, 0);
    put(m, page, 4);
    zm_end(m);
}

static void buddy_merges_only_with_its_buddy(void **state)
{
    struct zm *m = bench(64);
    struct page *a = take(m, 4, MIGRATE_MOVABLE), *b = take(m, 4, MIGRATE_MOVABLE);
    struct page *quarter[4];
    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    /* 16 … 31 and 32 … 47 touch but are not buddies: freed, they stay two. */
    put(m, a, 4);
    put(m, b, 4);
    assert_int_equal(blocks(m, 5), 0);
    assert_int_equal(blocks(m, 4), 2);
    /* Four order-2 quarters of one order-4 block become one again, in any order of freeing. */
    for (int i = 0; i < 4; i++)
        quarter[i] = qr_page(&m->map, 16 + 4 * (u64)i);
    while (take(m, 4, MIGRATE_MOVABLE))
        ;
    for (int i = 0; i < 4; i++)
        qr_page_set_flags(quarter[i], m->zones.zone[0].place | PGF_OWNED | 2);
    put(m, quarter[2], 2);
    put(m, quarter[0], 2);
    put(m, quarter[3], 2);
    assert_int_equal(blocks(m, 4), 0);
    put(m, quarter[1], 2);
    assert_int_equal(blocks(m, 4), 1);
    qr_buddy_put_range(&m->map, &m->zones.zone[0], 32, 48);
    zm_end(m);
}

/* Of what was a block by itself nothing is left but its place, whichever half came last. */
static void a_half_that_was_merged_is_a_frame_like_any_other(void **state)
{
    struct zm *m = bench(64);
    u32 place = m->zones.zone[0].place;
    (void)state;
    while (take(m, 4, MIGRATE_MOVABLE))
        ;
    for (unsigned int upper_last = 0; upper_last < 2; upper_last++) {
        for (u64 i = 0; i < 4; i++) {
            struct page *quarter = qr_page(&m->map, 16 + 4 * (upper_last ? i : 3 - i));
            qr_page_set_flags(quarter, place | PGF_OWNED | 2);
            put(m, quarter, 2);
        }
        assert_int_equal(qr_page_flags(qr_page(&m->map, 16)), place | PGF_BUDDY | 4);
        for (u64 pfn = 17; pfn < 32; pfn++)
            assert_int_equal(qr_page_flags(qr_page(&m->map, pfn)) & ~place, 0);
        assert_int_equal(zm_pfn(m, take(m, 4, MIGRATE_MOVABLE)), 16);
    }
    qr_buddy_put_range(&m->map, &m->zones.zone[0], 16, 48);
    zm_end(m);
}

static void every_page_can_be_taken_once_and_all_merge_again(void **state)
{
    struct zm *m = bench(3000);
    struct page *page, *chain = NULL;
    unsigned long nr = 0;
    u32 before[NR_PAGE_ORDERS];
    (void)state;
    for (unsigned int o = 0; o <= MAX_PAGE_ORDER; o++)
        before[o] = blocks(m, o);
    while ((page = take(m, 0, MIGRATE_MOVABLE)) != NULL) {
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
        nr++;
    }
    assert_int_equal(nr, m->zones.totalram);
    assert_int_equal(m->zones.zone[0].free_pages, 0);
    while (chain) {
        page = chain;
        chain = (struct page *)(uintptr_t)page->private;
        put(m, page, 0);
    }
    for (unsigned int o = 0; o <= MAX_PAGE_ORDER; o++)
        assert_int_equal(blocks(m, o), before[o]);
    zm_end(m);
}

static void blocks_of_every_order_are_aligned_to_their_size(void **state)
{
    struct zm *m = bench(4096);
    (void)state;
    for (unsigned int o = 0; o <= MAX_PAGE_ORDER; o++) {
        struct page *page = take(m, o, MIGRATE_UNMOVABLE);
        assert_non_null(page);
        assert_int_equal(zm_pfn(m, page) & ((1ull << o) - 1), 0);
        put(m, page, o);
    }
    zm_end(m);
}

static void boot_writes_only_a_few_descriptors(void **state)
{
    struct zm *m = bench(65536);
    unsigned long written = 0;
    (void)state;
    for (u64 pfn = 0; pfn < 65536; pfn++)
        written += qr_page_flags(qr_page(&m->map, pfn)) != 0;
    assert_true(written < 40); /* the ragged ends; 63 whole blocks stay unwritten */
    assert_true(m->zones.zone[0].nr_fresh >= 60);
    zm_end(m);
}

static void listed_blocks_are_used_before_fresh_ones(void **state)
{
    struct zm *m = bench(65536);
    struct page *page = take(m, MAX_PAGE_ORDER, MIGRATE_MOVABLE);
    u32 fresh = m->zones.zone[0].nr_fresh;
    (void)state;
    put(m, page, MAX_PAGE_ORDER);
    assert_ptr_equal(take(m, MAX_PAGE_ORDER, MIGRATE_MOVABLE), page);
    assert_int_equal(m->zones.zone[0].nr_fresh, fresh);
    put(m, page, MAX_PAGE_ORDER);
    zm_end(m);
}

static void a_small_request_takes_over_a_whole_page_block(void **state)
{
    struct zm *m = bench(8192);
    struct page *first = take(m, 0, MIGRATE_UNMOVABLE), *second;
    u64 block = zm_pfn(m, first) & ~(QR_BLOCK_PAGES - 1);
    (void)state;
    assert_int_equal(qr_block_mobility(&m->map, block), MIGRATE_UNMOVABLE);
    /* The next ones come from the same page block, and movable ones from another. */
    for (int i = 0; i < 100; i++) {
        second = take(m, 0, MIGRATE_UNMOVABLE);
        assert_int_equal(zm_pfn(m, second) & ~(QR_BLOCK_PAGES - 1), block);
        put(m, second, 0);
    }
    second = take(m, 0, MIGRATE_MOVABLE);
    assert_true((zm_pfn(m, second) & ~(QR_BLOCK_PAGES - 1)) != block);
    put(m, second, 0);
    put(m, first, 0);
    zm_end(m);
}

static void mobilities_stay_in_separate_page_blocks(void **state)
{
    struct zm *m = bench(16384);
    struct page *page[3][600];
    (void)state;
    for (int i = 0; i < 600; i++) {
        for (int t = 0; t < MIGRATE_TYPES; t++) {
            page[t][i] = take(m, 0, (enum migratetype)t);
            assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, page[t][i])), t);
        }
    }
    zm_check(m);
    for (int i = 0; i < 600; i++) {
        for (int t = 0; t < MIGRATE_TYPES; t++)
            put(m, page[t][i], 0);
    }
    zm_end(m);
}

static void a_half_free_page_block_changes_mobility_with_its_free_blocks(void **state)
{
    struct zm *m = bench(8192);
    struct page *chain = NULL, *page, *kept;
    u64 block;
    (void)state;
    /* All memory in movable single pages; then three quarters of one page block come back. */
    while ((page = take(m, 0, MIGRATE_MOVABLE)) != NULL) {
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
    }
    block = 2 * QR_BLOCK_PAGES;
    for (u64 pfn = block; pfn < block + QR_BLOCK_PAGES; pfn++) {
        if (pfn % 4) {
            struct page **link = &chain;
            while (*link != qr_page(&m->map, pfn))
                link = (struct page **)&(*link)->private;
            *link = (struct page *)(uintptr_t)(*link)->private;
            put(m, qr_page(&m->map, pfn), 0);
        }
    }
    kept = take(m, 0, MIGRATE_RECLAIMABLE);
    assert_int_equal(zm_pfn(m, kept) & ~(QR_BLOCK_PAGES - 1), block);
    assert_int_equal(qr_block_mobility(&m->map, block), MIGRATE_RECLAIMABLE);
    assert_int_equal(m->zones.zone[0].nonempty[MIGRATE_MOVABLE], 0);
    qr_buddy_check(&m->map, &m->zones.zone[0], buddy_is_wrong, NULL);
    put(m, kept, 0);
    while (chain) {
        page = chain;
        chain = (struct page *)(uintptr_t)page->private;
        put(m, page, 0);
    }
    zm_end(m);
}

static void a_nearly_full_page_block_only_lends_a_page(void **state)
{
    struct zm *m = bench(8192);
    struct page *chain = NULL, *page, *lent;
    (void)state;
    while ((page = take(m, 0, MIGRATE_MOVABLE)) != NULL) {
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
    }
    page = chain;
    chain = (struct page *)(uintptr_t)page->private;
    put(m, page, 0);
    lent = take(m, 0, MIGRATE_UNMOVABLE);
    assert_ptr_equal(lent, page);
    assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, lent)), MIGRATE_MOVABLE);
    put(m, lent, 0);
    assert_true(m->zones.zone[0].nonempty[MIGRATE_MOVABLE] & 1);
    while (chain) {
        page = chain;
        chain = (struct page *)(uintptr_t)page->private;
        put(m, page, 0);
    }
    zm_end(m);
}

static void blocks_never_merge_over_a_hole_or_a_reserved_range(void **state)
{
    struct quarry_region region[] = {
        {.start = 0, .size = 1000 * PAGE_SIZE},
        {.start = 1008 * PAGE_SIZE, .size = 1000 * PAGE_SIZE},
        {.start = 512 * PAGE_SIZE, .size = PAGE_SIZE, .flags = QUARRY_REGION_RESERVED},
    };
    struct zm_spec spec = {
        .regions = region, .nr_regions = 3, .no_cpu = true, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct page *page, *chain = NULL;
    (void)state;
    while ((page = take(m, 0, MIGRATE_MOVABLE)) != NULL) {
        u64 pfn = zm_pfn(m, page);
        assert_true(pfn != 512 && (pfn < 1000 || pfn >= 1008));
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
    }
    while (chain) {
        page = chain;
        chain = (struct page *)(uintptr_t)page->private;
        put(m, page, 0);
    }
    zm_end(m);
}

static void blocks_of_two_zones_never_merge_and_their_page_block_keeps_its_mobility(void **state)
{
    struct zm_spec spec = {
        .pages = 64, .dma_limit = 8 * PAGE_SIZE, .no_cpu = true, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct zone *dma = &m->zones.zone[0], *normal = &m->zones.zone[1];
    struct page *a, *b;
    (void)state;
    assert_int_equal(dma->end_pfn, 8);
    a = qr_buddy_take(&m->map, dma, 2, MIGRATE_UNMOVABLE);
    b = qr_buddy_take(&m->map, normal, 3, MIGRATE_RECLAIMABLE);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(zm_pfn(m, a), 4);
    assert_int_equal(qr_block_mobility(&m->map, 4), MIGRATE_MOVABLE);
    qr_buddy_put(&m->map, dma, zm_pfn(m, a), 2);
    qr_buddy_put(&m->map, normal, zm_pfn(m, b), 3);
    zm_end(m);
}

static void an_order_10_block_may_hold_two_mobilities(void **state)
{
    struct zm *m = bench(8192);
    struct page *page = take(m, 0, MIGRATE_UNMOVABLE), *whole;
    u64 pair = zm_pfn(m, page) & ~((1ull << MAX_PAGE_ORDER) - 1);
    (void)state;
    /* Only the page block that is needed changed; its neighbour did not. */
    assert_int_equal(qr_block_mobility(&m->map, pair), MIGRATE_UNMOVABLE);
    assert_int_equal(qr_block_mobility(&m->map, pair + QR_BLOCK_PAGES), MIGRATE_MOVABLE);
    put(m, page, 0);
    zm_check(m);
    whole = take(m, MAX_PAGE_ORDER, MIGRATE_RECLAIMABLE);
    assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, whole)), MIGRATE_RECLAIMABLE);
    assert_int_equal(qr_block_mobility(&m->map, zm_pfn(m, whole) + QR_BLOCK_PAGES),
                     MIGRATE_RECLAIMABLE);
    put(m, whole, MAX_PAGE_ORDER);
    zm_end(m);
}

static void discarded_blocks_are_not_discarded_twice(void **state)
{
    struct zm *m = bench(16384);
    struct zone *zone = &m->zones.zone[0];
    struct page *page = take(m, QR_BLOCK_ORDER, MIGRATE_MOVABLE);
    u64 warm = zone->warm_pages;
    (void)state;
    put(m, page, QR_BLOCK_ORDER);
    assert_true(zone->warm_pages > warm);
    assert_true(qr_zone_discard(&m->zones, zone, 0) >= QR_BLOCK_PAGES);
    assert_int_equal(zone->warm_pages, 0);
    assert_int_equal(qr_zone_discard(&m->zones, zone, 0), 0);
    zm_end(m);
}

/* The host has all of it, and nothing of what lies beside it. */
static void the_whole_of_a_block_is_discarded_and_no_more(void **state)
{
    struct zm *m = bench(16384);
    struct zone *zone = &m->zones.zone[0];
    struct page *block[3];
    unsigned char *at[3];
    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        block[i] = take(m, MAX_PAGE_ORDER, MIGRATE_MOVABLE);
        at[i] = qr_page_virt(&m->map, block[i]);
        memset(at[i], 0xa5, PAGE_SIZE << MAX_PAGE_ORDER);
    }
    put(m, block[1], MAX_PAGE_ORDER);
    assert_true(qr_zone_discard(&m->zones, zone, 0) >= 1u << MAX_PAGE_ORDER);
    for (size_t i = 0; i < PAGE_SIZE << MAX_PAGE_ORDER; i += 64) {
        assert_int_equal(at[0][i], 0xa5);
        assert_int_equal(at[1][i], 0);
        assert_int_equal(at[2][i], 0xa5);
    }
    put(m, block[0], MAX_PAGE_ORDER);
    put(m, block[2], MAX_PAGE_ORDER);
    zm_end(m);
}

/* It looks at the blocks that have been free for longest, and not at many of them: one that waits behind
 * more that are discarded already keeps its backing. */
static void a_discard_looks_for_a_block_with_backing_but_not_for_long(void **state)
{
    static struct page *page[100];
    (void)state;
    for (unsigned int nr = 64; nr <= 65; nr++) {
        struct zm *m = bench((nr + 4) << MAX_PAGE_ORDER);
        struct zone *zone = &m->zones.zone[0];
        for (unsigned int i = 0; i < nr; i++)
            page[i] = take(m, MAX_PAGE_ORDER, MIGRATE_MOVABLE);
        for (unsigned int i = 0; i < nr; i++)
            put(m, page[i], MAX_PAGE_ORDER);
        assert_true(qr_zone_discard(&m->zones, zone, 0) >= nr << MAX_PAGE_ORDER);
        assert_int_equal(zone->warm_pages, 0);
        put(m, take(m, MAX_PAGE_ORDER, MIGRATE_MOVABLE), MAX_PAGE_ORDER); /* the youngest */
        assert_int_equal(zone->warm_pages, 1u << MAX_PAGE_ORDER);
        assert_int_equal(qr_zone_discard(&m->zones, zone, 0), nr <= 64 ? 1u << MAX_PAGE_ORDER : 0);
        zm_end(m);
    }
}

/* Random orders and mobilities; after each hundred steps everything is derived anew. */
static void any_sequence_keeps_every_invariant(void **state)
{
    enum { SLOTS = 400 };
    static const unsigned long sizes[] = {64, 300, 1500, 5000, 20000};
    (void)state;
    for (size_t s = 0; s < QR_ARRAY_SIZE(sizes); s++) {
        struct zm *m = bench(sizes[s]);
        struct page *page[SLOTS] = {NULL};
        unsigned int order[SLOTS];
        u64 seed = 11 + s;
        for (int step = 0; step < 6000; step++) {
            unsigned int i = (unsigned int)(qr_random(&seed) % SLOTS);
            if (page[i]) {
                put(m, page[i], order[i]);
                page[i] = NULL;
            } else {
                order[i] = (unsigned int)qr_ffs64(qr_random(&seed) | 1 << MAX_PAGE_ORDER);
                page[i] = take(m, order[i], (enum migratetype)(qr_random(&seed) % MIGRATE_TYPES));
            }
            if (step % 100 == 0)
                zm_check(m);
        }
        for (int i = 0; i < SLOTS; i++) {
            if (page[i])
                put(m, page[i], order[i]);
        }
        zm_end(m);
    }
}

static void the_check_finds_a_broken_list(void **state)
{
    struct zm *m = bench(64);
    struct zone *zone = &m->zones.zone[0];
    (void)state;
    zone->free_pages++;
    assert_true(qr_zones_check(&m->zones) > 0);
    zone->free_pages--;
    zone->nonempty[MIGRATE_UNMOVABLE] |= 1;
    assert_true(qr_zones_check(&m->zones) > 0);
    zone->nonempty[MIGRATE_UNMOVABLE] &= ~1u;
    qr_page(&m->map, 5)->flags |= PGF_OWNED; /* inside a free block */
    assert_true(qr_zones_check(&m->zones) > 0);
    qr_page(&m->map, 5)->flags &= ~PGF_OWNED;
    zm_end(m);
}

static void what_lies_where_a_hole_would_be_described_is_never_believed(void **state)
{
    /* Ordinary pages lie where the descriptors of the hole would; their owner writes into them what
     * looks like free blocks of every order. */
    struct quarry_region region[] = {
        {.start = 0, .size = 4000 * PAGE_SIZE},               /* its top holds the descriptors */
        {.start = 4001 * PAGE_SIZE, .size = 607 * PAGE_SIZE}, /* up to 4608, nine page blocks */
        {.start = 34048 * PAGE_SIZE, .size = 2000 * PAGE_SIZE},
    };
    struct zm_spec spec = {
        .regions = region, .nr_regions = 3, .no_cpu = true, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct page *page, *chain = NULL;
    u64 lying = 0;
    (void)state;
    assert_false(m->zones.zone[0].whole);
    while ((page = take(m, 0, MIGRATE_MOVABLE)) != NULL) {
        struct page *fake = qr_page_virt(&m->map, page);
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
        for (size_t i = 0; i < PAGE_SIZE / sizeof(*fake); i++) {
            u64 pfn = qr_pfn(&m->map, fake + i);
            fake[i].flags = m->zones.zone[0].place | PGF_BUDDY | (u32)qr_ffs64(pfn | 1 << 10);
            lying += pfn >= 4608 && pfn < 34048;
        }
    }
    assert_true(lying > 20000);
    while (chain) {
        page = chain;
        chain = (struct page *)(uintptr_t)page->private;
        put(m, page, 0);
    }
    zm_end(m);
}

/* Every page taken as @mobility, in single pages; chained. */
static struct page *take_all(struct zm *m, enum migratetype mobility)
{
    struct page *page, *chain = NULL;
    while ((page = take(m, 0, mobility)) != NULL) {
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
    }
    return chain;
}

/* Put back those of the chain with frames in [start, end); the others stay chained. */
static void put_back(struct zm *m, struct page **chain, u64 start, u64 end)
{
    struct page **link = chain;
    while (*link) {
        struct page *page = *link;
        if (zm_pfn(m, page) >= start && zm_pfn(m, page) < end) {
            *link = (struct page *)(uintptr_t)page->private;
            put(m, page, 0);
        } else {
            link = (struct page **)&page->private;
        }
    }
}

/* The same in a page block with a hole: what a caller wrote there is no free part of it. */
static void a_page_block_is_not_taken_over_for_what_lies_in_its_hole(void **state)
{
    enum { BLOCK = 4096, HOLE = BLOCK + 128, HOLE_END = BLOCK + 384 };
    struct quarry_region region[] = {
        {.start = 0, .size = HOLE * PAGE_SIZE},
        {.start = HOLE_END * PAGE_SIZE, .size = (12288 - HOLE_END) * PAGE_SIZE},
    };
    struct zm_spec spec = {
        .regions = region, .nr_regions = 2, .no_cpu = true, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    struct page *chain, *page;
    u32 before[NR_PAGE_ORDERS];
    (void)state;
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++)
        before[order] = blocks(m, order);
    chain = take_all(m, MIGRATE_UNMOVABLE);
    assert_false(m->zones.zone[0].whole);
    for (u64 pfn = HOLE; pfn < HOLE_END; pfn++) {
        struct page *fake = qr_page(&m->map, pfn);
        assert_true(qr_page_flags(qr_virt_page(&m->map, fake)) & PGF_OWNED); /* a caller's memory */
        fake->flags = m->zones.zone[0].place | PGF_BUDDY;
        fake->quarry_free.next = fake->quarry_free.prev = (u32)pfn;
        fake->quarry_free.mobility = MIGRATE_UNMOVABLE;
    }
    put_back(m, &chain, BLOCK, BLOCK + 64); /* an eighth of it */
    page = take(m, 0, MIGRATE_RECLAIMABLE);
    assert_int_equal(zm_pfn(m, page), BLOCK);
    assert_int_equal(qr_block_mobility(&m->map, BLOCK), MIGRATE_UNMOVABLE);
    put(m, page, 0);
    /* At its edges frames join again like any others, whichever comes last. */
    put_back(m, &chain, HOLE - 1, HOLE);
    put_back(m, &chain, HOLE_END, HOLE_END + 1);
    put_back(m, &chain, 0, 12288);
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++)
        assert_int_equal(blocks(m, order), before[order]);
    zm_end(m);
}

static void a_block_is_cold_only_if_both_halves_are(void **state)
{
    struct zm *m = bench(16384);
    struct zone *zone = &m->zones.zone[0];
    struct page *page;
    u64 warm = zone->warm_pages;
    (void)state;
    /* Half of a fresh block is used: the other half has no backing yet. */
    page = take(m, QR_BLOCK_ORDER, MIGRATE_MOVABLE);
    while (zone->nr_fresh > 14)
        page = take(m, QR_BLOCK_ORDER, MIGRATE_MOVABLE);
    page = take(m, 0, MIGRATE_UNMOVABLE);
    warm = zone->warm_pages;
    put(m, page, 0); /* merges to the largest order with a cold half */
    assert_int_equal(zone->warm_pages, warm + (1u << MAX_PAGE_ORDER));
    for (u64 pfn = 1; pfn < 16384; pfn++) {
        if (qr_page_flags(qr_page(&m->map, pfn)) & PGF_OWNED)
            put(m, qr_page(&m->map, pfn), QR_BLOCK_ORDER);
    }
    zm_end(m);
}

static void a_movable_request_takes_over_a_page_block_only_for_a_large_part_of_it(void **state)
{
    struct zm *m = bench(8192);
    struct page *chain = take_all(m, MIGRATE_UNMOVABLE), *page;
    u64 block = 2 * QR_BLOCK_PAGES;
    (void)state;
    for (u64 pfn = block; pfn < block + QR_BLOCK_PAGES; pfn += 16)
        put_back(m, &chain, pfn, pfn + 8); /* half of it, in blocks of order 3 */
    page = take(m, 0, MIGRATE_MOVABLE);
    assert_int_equal(qr_block_mobility(&m->map, block), MIGRATE_UNMOVABLE);
    put(m, page, 0);
    put_back(m, &chain, block, block + 32); /* now there is one of order 5 */
    page = take(m, 0, MIGRATE_MOVABLE);
    assert_int_equal(qr_block_mobility(&m->map, block), MIGRATE_MOVABLE);
    put(m, page, 0);
    put_back(m, &chain, 0, 8192);
    zm_end(m);
}

/* The block that is taken is the last frame of its page block. */
static void a_page_block_changes_by_itself(void **state)
{
    struct zm *m = bench(8192);
    struct page *chain = take_all(m, MIGRATE_UNMOVABLE), *page;
    u64 block = 2 * QR_BLOCK_PAGES;
    (void)state;
    put_back(m, &chain, block - 1, block); /* which are its neighbours' */
    put_back(m, &chain, block + QR_BLOCK_PAGES, block + QR_BLOCK_PAGES + 1);
    for (u64 pfn = block + 1; pfn < block + QR_BLOCK_PAGES - 2; pfn += 2)
        put_back(m, &chain, pfn, pfn + 1);
    page = take(m, 0, MIGRATE_RECLAIMABLE); /* one frame less than half of it is free */
    assert_int_equal(qr_block_mobility(&m->map, block), MIGRATE_UNMOVABLE);
    put(m, page, 0);
    put_back(m, &chain, block + QR_BLOCK_PAGES - 1, block + QR_BLOCK_PAGES);
    page = take(m, 0, MIGRATE_RECLAIMABLE);
    assert_int_equal(zm_pfn(m, page), block + QR_BLOCK_PAGES - 1);
    assert_int_equal(qr_block_mobility(&m->map, block), MIGRATE_RECLAIMABLE);
    assert_int_equal(qr_block_mobility(&m->map, block - 1), MIGRATE_UNMOVABLE);
    assert_int_equal(qr_block_mobility(&m->map, block + QR_BLOCK_PAGES), MIGRATE_UNMOVABLE);
    put(m, page, 0);
    put_back(m, &chain, 0, 8192);
    zm_end(m);
}

static void the_smallest_block_that_will_do_is_lent(void **state)
{
    struct zm *m = bench(8192);
    struct page *chain = take_all(m, MIGRATE_UNMOVABLE), *page;
    (void)state;
    put_back(m, &chain, 1024, 1032);
    put_back(m, &chain, 2049, 2050);
    page = take(m, 0, MIGRATE_MOVABLE);
    assert_int_equal(zm_pfn(m, page), 2049);
    put(m, page, 0);
    put_back(m, &chain, 0, 8192);
    zm_end(m);
}

static void a_zone_that_is_short_keeps_its_backing(void **state)
{
    struct zm *m = bench(16384);
    struct zone *zone = &m->zones.zone[0];
    struct page *page = take(m, MAX_PAGE_ORDER, MIGRATE_MOVABLE);
    (void)state;
    put(m, page, MAX_PAGE_ORDER);
    assert_true(zone->warm_pages > 0);
    m->zones.min_free_kbytes = 48 << 10; /* high = 18,432 pages, more than there are */
    qr_zones_set_watermarks(&m->zones);
    assert_int_equal(qr_zone_discard(&m->zones, zone, 0), 0);
    zone->watermark[QR_WMARK_HIGH] = zone->free_pages - (1u << MAX_PAGE_ORDER);
    assert_int_equal(qr_zone_discard(&m->zones, zone, 0), 0); /* a block above high is needed */
    zone->watermark[QR_WMARK_HIGH]--;
    assert_int_equal(qr_zone_discard(&m->zones, zone, zone->warm_pages), 0); /* all may be kept */
    assert_true(qr_zone_discard(&m->zones, zone, zone->warm_pages - 1) > 0);
    zm_end(m);
}

static void the_mark_of_a_short_zone_goes_when_it_is_back_at_high(void **state)
{
    struct zm_spec spec = {.pages = 8192, .no_cpu = true, .min_free_kbytes = 800};
    struct zm *m = zm_boot(&spec); /* 200, 250, 300 pages */
    struct zone *zone = &m->zones.zone[0];
    struct page *chain = NULL;
    (void)state;
    while (zone->free_pages > 249) {
        struct page *page;
        assert_int_equal(zone->below_low, 0);
        page = take(m, 0, MIGRATE_MOVABLE);
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
    }
    assert_int_equal(zone->below_low, 1);
    while (chain) {
        struct page *page = chain;
        assert_int_equal(zone->below_low, zone->free_pages < 300);
        chain = (struct page *)(uintptr_t)page->private;
        put(m, page, 0);
    }
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buddy_splits_the_smallest_block_that_is_large_enough),
        cmocka_unit_test(buddy_merges_only_with_its_buddy),
        cmocka_unit_test(a_half_that_was_merged_is_a_frame_like_any_other),
        cmocka_unit_test(every_page_can_be_taken_once_and_all_merge_again),
        cmocka_unit_test(blocks_of_every_order_are_aligned_to_their_size),
        cmocka_unit_test(boot_writes_only_a_few_descriptors),
        cmocka_unit_test(listed_blocks_are_used_before_fresh_ones),
        cmocka_unit_test(a_small_request_takes_over_a_whole_page_block),
        cmocka_unit_test(mobilities_stay_in_separate_page_blocks),
        cmocka_unit_test(a_half_free_page_block_changes_mobility_with_its_free_blocks),
        cmocka_unit_test(a_nearly_full_page_block_only_lends_a_page),
        cmocka_unit_test(blocks_never_merge_over_a_hole_or_a_reserved_range),
        cmocka_unit_test(blocks_of_two_zones_never_merge_and_their_page_block_keeps_its_mobility),
        cmocka_unit_test(an_order_10_block_may_hold_two_mobilities),
        cmocka_unit_test(discarded_blocks_are_not_discarded_twice),
        cmocka_unit_test(the_whole_of_a_block_is_discarded_and_no_more),
        cmocka_unit_test(a_discard_looks_for_a_block_with_backing_but_not_for_long),
        cmocka_unit_test(any_sequence_keeps_every_invariant),
        cmocka_unit_test(the_check_finds_a_broken_list),
        cmocka_unit_test(what_lies_where_a_hole_would_be_described_is_never_believed),
        cmocka_unit_test(a_page_block_is_not_taken_over_for_what_lies_in_its_hole),
        cmocka_unit_test(a_block_is_cold_only_if_both_halves_are),
        cmocka_unit_test(a_movable_request_takes_over_a_page_block_only_for_a_large_part_of_it),
        cmocka_unit_test(a_page_block_changes_by_itself),
        cmocka_unit_test(the_smallest_block_that_will_do_is_lent),
        cmocka_unit_test(a_zone_that_is_short_keeps_its_backing),
        cmocka_unit_test(the_mark_of_a_short_zone_goes_when_it_is_back_at_high),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
