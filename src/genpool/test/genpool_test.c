/* SPDX-License-Identifier: MIT */
/* Pools over ranges that nobody may touch: places, sizes, refusals, and a comparison with a plain model. */
#include "machine.h"

#define BASE 0x7000000000ul /* an address where nothing is */
#define GRANULE 32u

static struct gen_pool *make(struct quarry *q, struct qr_genpools *pools, size_t size)
{
    struct gen_pool *pool;
    *pools = (struct qr_genpools){.vm = &q->vm, .check = &q->check};
    pool = qr_genpool_create(pools, 5, NUMA_NO_NODE);
    assert_non_null(pool);
    if (size)
        assert_int_equal(qr_genpool_add(pools, pool, BASE, 0x1000, size, NUMA_NO_NODE, (void *)7),
                         0);
    return pool;
}

static unsigned long take(const struct qr_genpools *pools, struct gen_pool *pool, size_t size)
{
    return qr_genpool_alloc(pools, pool, size, pool->algo, pool->data, NULL);
}

/* ---- taking and giving ----------------------------------------------------------------------- */

static void blocks_are_whole_granules_from_the_front(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 1024);
    void *owner = NULL;
    assert_int_equal(take(&pools, pool, 1), BASE);
    assert_int_equal(take(&pools, pool, 33), BASE + 32);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, pool->algo, NULL, &owner), BASE + 96);
    assert_ptr_equal(owner, (void *)7);
    assert_int_equal(qr_genpool_avail(pool), 1024 - 128);
    assert_int_equal(qr_genpool_size(pool), 1024);
    qr_genpool_free(&pools, pool, BASE + 32, 33, &owner);
    assert_int_equal(take(&pools, pool, 96), BASE + 128);
    assert_int_equal(take(&pools, pool, 64), BASE + 32);
    assert_int_equal(take(&pools, pool, 0), 0);
    qr_genpool_free(&pools, pool, BASE, 1, NULL);
    qr_genpool_free(&pools, pool, BASE + 32, 64, NULL);
    qr_genpool_free(&pools, pool, BASE + 96, 32, NULL);
    qr_genpool_free(&pools, pool, BASE + 128, 96, NULL);
    assert_int_equal(qr_genpool_avail(pool), 1024);
    qr_genpool_destroy(&pools, pool);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static size_t asked[8];
static unsigned int nr_asked;

static bool note_size(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAILSLAB && nr_asked < QR_ARRAY_SIZE(asked))
        asked[nr_asked++] = request->size;
    return false;
}

/* A record, two bits a granule in whole words, and with checks a trace a granule. */
static void a_pool_takes_what_it_needs_and_gives_all_of_it_back(void **state)
{
    static const struct {
        unsigned int granules, words;
    } range[] = {{1, 1}, {64, 1}, {65, 2}, {128, 2}, {129, 3}};

    for (unsigned int checks = 0; checks < 2; checks++) {
        const struct test_spec spec = {.pages = 512, .options = checks ? "check=1" : NULL};
        struct quarry *q = test_boot_with(&spec);
        struct qr_genpools pools;
        unsigned long live = q->check.live_bytes;
        struct gen_pool *pool;
        qr_fault_set_hook(&q->faults, note_size, NULL);
        nr_asked = 0;
        pool = make(q, &pools, 0);
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(range); i++)
            assert_int_equal(qr_genpool_add(&pools, pool, BASE + i * 65536, 0,
                                            (size_t)range[i].granules * GRANULE, NUMA_NO_NODE,
                                            NULL),
                             0);
        assert_int_equal(nr_asked, 1 + QR_ARRAY_SIZE(range));
        assert_int_equal(asked[0], sizeof(struct gen_pool));
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(range); i++)
            assert_int_equal(asked[1 + i], sizeof(struct gen_pool_chunk) +
                                               2 * range[i].words * sizeof(long) +
                                               checks * range[i].granules * sizeof(u32));
        if (checks)
            assert_true(q->check.live_bytes > live);
        qr_genpool_destroy(&pools, pool);
        assert_int_equal(q->check.live_bytes, live);
        test_end(q);
    }
}

static u32 node_of(struct quarry *q, const void *block)
{
    return qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, block)));
}

static void a_pool_and_its_ranges_lie_on_their_nodes(void **state)
{
    const struct test_spec spec = {.pages = 2048, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);
    const struct qr_genpools pools = {.vm = &q->vm, .check = &q->check};

    for (int nid = 0; nid < 2; nid++) {
        struct gen_pool *pool = qr_genpool_create(&pools, 5, nid);
        assert_int_equal(node_of(q, pool), nid);
        assert_int_equal(qr_genpool_add(&pools, pool, BASE, 0, 4096, !nid, NULL), 0);
        assert_int_equal(node_of(q, pool->chunks.next), !nid);
        qr_genpool_destroy(&pools, pool);
    }
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void a_second_range_serves_when_the_first_is_full(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 128);
    assert_int_equal(
        qr_genpool_add(&pools, pool, BASE + 128, (phys_addr_t)-1, 128, NUMA_NO_NODE, NULL), 0);
    assert_int_equal(take(&pools, pool, 100), BASE);
    assert_int_equal(take(&pools, pool, 100), BASE + 128);
    assert_int_equal(take(&pools, pool, 100), 0);
    assert_int_equal(take(&pools, pool, 256), 0); /* not across two ranges */
    assert_true(qr_genpool_has(pool, BASE + 127, 1));
    assert_false(qr_genpool_has(pool, BASE + 127, 2));
    assert_false(qr_genpool_has(pool, BASE + 256, 1));
    assert_int_equal(qr_genpool_phys(pool, BASE + 5), 0x1005);
    assert_true(qr_genpool_phys(pool, BASE + 130) == (phys_addr_t)-1);
    assert_true(qr_genpool_phys(pool, BASE + 1300) == (phys_addr_t)-1);
    qr_genpool_free(&pools, pool, BASE, 100, NULL);
    qr_genpool_free(&pools, pool, BASE + 128, 100, NULL);
    qr_genpool_destroy(&pools, pool);
    test_end(q);
}

/* ---- algorithms ------------------------------------------------------------------------------ */

static void best_fit_takes_the_smallest_gap(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 32 * 32);
    unsigned long block[32];
    for (unsigned int i = 0; i < 32; i++)
        block[i] = take(&pools, pool, 32);
    /* Gaps of four, two and three granules. */
    static const unsigned int gap[] = {2, 3, 4, 5, 10, 11, 20, 21, 22};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(gap); i++)
        qr_genpool_free(&pools, pool, block[gap[i]], 32, NULL);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 96, gen_pool_best_fit, NULL, NULL),
                     BASE + 20 * 32);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, gen_pool_best_fit, NULL, NULL),
                     BASE + 10 * 32);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, gen_pool_best_fit, NULL, NULL),
                     BASE + 2 * 32);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 96, gen_pool_best_fit, NULL, NULL), 0);
    qr_genpool_destroy(&pools, pool);
    assert_int_equal(test_findings(q, QUARRY_LEAK), 1);
    test_end(q);
}

static void aligned_fits_look_at_addresses(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 0);
    struct genpool_data_align align = {.align = 256};
    unsigned long block;
    /* The range begins 96 bytes behind a multiple of 256. */
    assert_int_equal(qr_genpool_add(&pools, pool, BASE + 96, 0, 2048, NUMA_NO_NODE, NULL), 0);
    block = qr_genpool_alloc(&pools, pool, 40, gen_pool_first_fit_align, &align, NULL);
    assert_int_equal(block, BASE + 256);
    align.align = 8;
    assert_int_equal(qr_genpool_alloc(&pools, pool, 40, gen_pool_first_fit_align, &align, NULL),
                     BASE + 96);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 1, gen_pool_first_fit_align, NULL, NULL),
                     BASE + 96 + 64);
    qr_genpool_free(&pools, pool, BASE + 96 + 64, 1, NULL);
    align.align = 3;
    assert_int_equal(qr_genpool_alloc(&pools, pool, 40, gen_pool_first_fit_align, &align, NULL), 0);
    /* Five granules, aligned to eight, counted from the range's start; the first eight hold a block. */
    assert_int_equal(
        qr_genpool_alloc(&pools, pool, 5 * 32, gen_pool_first_fit_order_align, NULL, NULL),
        BASE + 96 + 8 * 32);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, gen_pool_first_fit_order_align, NULL, NULL),
                     BASE + 96 + 2 * 32);
    qr_genpool_destroy(&pools, pool);
    test_end(q);
}

static void fixed_places_are_had_once(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 1024);
    struct genpool_data_fixed fixed = {.offset = 512};
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, gen_pool_fixed_alloc, &fixed, NULL),
                     BASE + 512);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, gen_pool_fixed_alloc, &fixed, NULL), 0);
    fixed.offset = 480;
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, gen_pool_fixed_alloc, &fixed, NULL), 0);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, gen_pool_fixed_alloc, &fixed, NULL),
                     BASE + 480); /* an odd granule is a place like any */
    qr_genpool_free(&pools, pool, BASE + 480, 32, NULL);
    fixed.offset = 481;
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, gen_pool_fixed_alloc, &fixed, NULL), 0);
    fixed.offset = 0;
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, gen_pool_fixed_alloc, &fixed, NULL), BASE);
    qr_genpool_free(&pools, pool, BASE, 32, NULL);
    assert_int_equal(gen_pool_fixed_alloc(
                         QR_LIST_ENTRY(pool->chunks.next, struct gen_pool_chunk, next_chunk)->bits,
                         32, 1, 1, &fixed, pool, BASE),
                     32); /* before where the search begins */
    fixed.offset = 1024;
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, gen_pool_fixed_alloc, &fixed, NULL), 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0);
    fixed.offset = 4096;
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, gen_pool_fixed_alloc, &fixed, NULL), 0);
    qr_genpool_free(&pools, pool, BASE + 512, 64, NULL);
    qr_genpool_set_algo(pool, gen_pool_best_fit, NULL);
    assert_ptr_equal(pool->algo, gen_pool_best_fit);
    qr_genpool_set_algo(pool, NULL, NULL);
    assert_ptr_equal(pool->algo, gen_pool_first_fit);
    qr_genpool_destroy(&pools, pool);
    assert_int_equal(test_findings(q, QUARRY_LEAK), 0);
    test_end(q);
}

static unsigned long always_the_front(unsigned long *map, unsigned long size, unsigned long start,
                                      unsigned int nr, void *data, struct gen_pool *pool,
                                      unsigned long start_addr)
{
    return 0;
}

static void an_algorithm_that_errs_does_not_give_a_block_twice(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 1024);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, always_the_front, NULL, NULL), BASE);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, always_the_front, NULL, NULL), 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    qr_genpool_free(&pools, pool, BASE, 64, NULL);
    qr_genpool_destroy(&pools, pool);
    test_end(q);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void overlapping_and_senseless_ranges_are_refused(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 1024);
    assert_int_equal(qr_genpool_add(&pools, pool, BASE + 992, 0, 64, NUMA_NO_NODE, NULL),
                     -QR_EINVAL);
    assert_non_null(strstr(test_last_report, "overlaps"));
    assert_int_equal(qr_genpool_add(&pools, pool, BASE - 32, 0, 64, NUMA_NO_NODE, NULL),
                     -QR_EINVAL);
    assert_int_equal(qr_genpool_add(&pools, pool, BASE - 32, 0, 4096, NUMA_NO_NODE, NULL),
                     -QR_EINVAL);
    assert_int_equal(qr_genpool_add(&pools, pool, BASE + 4096, 0, 31, NUMA_NO_NODE, NULL),
                     -QR_EINVAL);
    assert_int_equal(qr_genpool_add(&pools, pool, ~0ul - 63, 0, 128, NUMA_NO_NODE, NULL),
                     -QR_EINVAL);
    assert_int_equal(qr_genpool_add(&pools, pool, 0, 0, 128, NUMA_NO_NODE, NULL), -QR_EINVAL);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 6);
    assert_int_equal(qr_genpool_size(pool), 1024);
    assert_null(qr_genpool_create(&pools, 31, NUMA_NO_NODE));
    assert_null(qr_genpool_create(&pools, -1, NUMA_NO_NODE));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 8);
    qr_genpool_destroy(&pools, pool);
    qr_genpool_destroy(&pools, NULL);
    test_end(q);
}

static void wrong_frees_change_nothing(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 1024);
    void *owner = pool;
    unsigned long a = take(&pools, pool, 128), b = take(&pools, pool, 32);
    qr_genpool_free(&pools, pool, a, 64, NULL); /* smaller */
    assert_non_null(strstr(test_last_report, ", 64 bytes): "));
    assert_non_null(strstr(test_last_report, "it has 128 bytes, in granules of 32"));
    qr_genpool_free(&pools, pool, a, 160, NULL);     /* larger: into the next block */
    qr_genpool_free(&pools, pool, a + 32, 96, NULL); /* inside */
    qr_genpool_free(&pools, pool, a + 1, 128, NULL);
    qr_genpool_free(&pools, pool, BASE + 5000, 32, &owner);
    assert_null(owner);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 5);
    assert_int_equal(qr_genpool_avail(pool), 1024 - 160);
    qr_genpool_free(&pools, pool, a, 128, NULL);
    qr_genpool_free(&pools, pool, a, 128, NULL);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    qr_genpool_free(&pools, pool, b, 32, NULL);
    assert_int_equal(qr_genpool_avail(pool), 1024);
    qr_genpool_destroy(&pools, pool);
    test_end(q);
}

static struct quarry_report left_report;
static unsigned int left_trace;

static bool left_hook(const struct quarry_report *report, void *data)
{
    left_report = *report;
    left_trace = report->before ? report->before->nr : 0;
    snprintf(test_last_report, sizeof(test_last_report), "%s", report->text);
    return false;
}

static void a_pool_destroyed_with_blocks_names_them(void **state)
{
    const struct test_spec spec = {.pages = 512, .options = "check=1"};
    struct quarry *q = test_boot_with(&spec);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 1024);
    unsigned long a = take(&pools, pool, 64);
    assert_int_equal(take(&pools, pool, 100), BASE + 64);
    assert_int_equal(take(&pools, pool, 32), BASE + 192);
    qr_genpool_free(&pools, pool, a, 64, NULL);
    pool->name = "sram";
    q->check.hook = left_hook;
    qr_genpool_destroy(&pools, pool);
    assert_int_equal(left_report.kind, QUARRY_LEAK);
    assert_string_equal(left_report.before_is, "the first was allocated by");
    assert_int_equal(left_report.size, 160);
    assert_ptr_equal(left_report.address, (void *)(BASE + 64));
    assert_non_null(strstr(test_last_report, "2 blocks (160 bytes) of pool sram"));
    assert_true(left_trace > 0);
    test_end(q);
}

static void failing_to_make_records_leaves_nothing(void **state)
{
    const struct quarry_fault spec = {.nth = 1};
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 0);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, &spec);
    assert_int_equal(qr_genpool_add(&pools, pool, BASE, 0, 1024, NUMA_NO_NODE, NULL), -QR_ENOMEM);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, &spec);
    assert_null(qr_genpool_create(&pools, 5, NUMA_NO_NODE));
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL);
    assert_int_equal(qr_genpool_size(pool), 0);
    assert_int_equal(qr_genpool_add(&pools, pool, BASE, 0, 1024, NUMA_NO_NODE, NULL), 0);
    qr_genpool_destroy(&pools, pool);
    test_end(q);
}

/* ---- against a model ------------------------------------------------------------------------- */

#define MODEL_GRANULES 200u

struct model {
    unsigned char taken[MODEL_GRANULES]; /* 0, or 1 + number of the block */
};

static unsigned int model_first_fit(const struct model *model, unsigned int nr)
{
    for (unsigned int at = 0; at + nr <= MODEL_GRANULES; at++) {
        unsigned int n = 0;
        while (n < nr && !model->taken[at + n])
            n++;
        if (n == nr)
            return at;
    }
    return MODEL_GRANULES;
}

static void first_fit_agrees_with_a_plain_model(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, MODEL_GRANULES * GRANULE);
    struct model model = {{0}};
    struct {
        unsigned int at, nr;
    } block[100] = {{0, 0}};
    u64 seed = 20240601;
    for (unsigned int step = 0; step < 20000; step++) {
        unsigned int i = (unsigned int)(qr_random(&seed) % 100);
        if (block[i].nr) {
            qr_genpool_free(&pools, pool, BASE + block[i].at * GRANULE, block[i].nr * GRANULE,
                            NULL);
            memset(model.taken + block[i].at, 0, block[i].nr);
            block[i].nr = 0;
        } else {
            unsigned int nr = 1 + (unsigned int)(qr_random(&seed) % 9);
            unsigned int at = model_first_fit(&model, nr);
            unsigned long address = take(&pools, pool, nr * GRANULE);
            assert_int_equal(address, at < MODEL_GRANULES ? BASE + at * GRANULE : 0);
            if (!address)
                continue;
            memset(model.taken + at, 1, nr);
            block[i].at = at;
            block[i].nr = nr;
        }
    }
    for (unsigned int i = 0; i < 100; i++)
        if (block[i].nr)
            qr_genpool_free(&pools, pool, BASE + block[i].at * GRANULE, block[i].nr * GRANULE,
                            NULL);
    assert_int_equal(qr_genpool_avail(pool), MODEL_GRANULES * GRANULE);
    qr_genpool_destroy(&pools, pool);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

/* ---- at the end of a range ------------------------------------------------------------------- */

/* Granules at the end that are too few for the block, which would fit one beyond. */
static void no_algorithm_reaches_over_the_end_of_a_range(void **state)
{
    struct genpool_data_align align = {.align = 4 * GRANULE};
    struct genpool_data_fixed fixed = {.offset = 12 * GRANULE};
    const struct {
        genpool_algo_t algo;
        void *data;
    } ways[] = {{gen_pool_first_fit, NULL},
                {gen_pool_first_fit_align, &align},
                {gen_pool_first_fit_order_align, NULL},
                {gen_pool_best_fit, NULL},
                {gen_pool_fixed_alloc, &fixed}};
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 15 * GRANULE);

    assert_ptr_equal(pool->algo, gen_pool_first_fit);
    assert_int_equal(take(&pools, pool, 12 * GRANULE), BASE);
    qr_genpool_free(&pools, pool, BASE, 12 * GRANULE, NULL);
    for (unsigned int i = 0; i < 12; i++) /* three granules are left at the end, one in front */
        assert_int_equal(take(&pools, pool, GRANULE), BASE + i * GRANULE);
    qr_genpool_free(&pools, pool, BASE + 5 * GRANULE, GRANULE, NULL);
    assert_int_equal(qr_genpool_avail(pool), 4 * GRANULE);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(ways); i++) {
        unsigned long block;
        assert_int_equal(
            qr_genpool_alloc(&pools, pool, 4 * GRANULE, ways[i].algo, ways[i].data, NULL), 0);
        block = qr_genpool_alloc(&pools, pool, 3 * GRANULE, ways[i].algo, ways[i].data, NULL);
        assert_int_equal(block, BASE + 12 * GRANULE); /* to the last granule */
        qr_genpool_free(&pools, pool, block, 3 * GRANULE, NULL);
    }
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0);
    test_abandon(q);
}

static void the_first_block_left_is_named_also_at_the_front(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 1024);
    assert_int_equal(qr_genpool_add(&pools, pool, BASE + 4096, 0, 1024, NUMA_NO_NODE, NULL), 0);
    assert_int_equal(take(&pools, pool, 1000), BASE);
    assert_int_equal(take(&pools, pool, 992), BASE + 4096);
    q->check.hook = left_hook;
    qr_genpool_destroy(&pools, pool);
    assert_ptr_equal(left_report.address, (void *)BASE);
    assert_int_equal(left_report.size, 1024 + 992);
    assert_null(left_report.before); /* nobody kept who it was */
    assert_non_null(strstr(test_last_report, "2 blocks (2016 bytes) of pool (no name)"));
    test_end(q);
}

static u64 pages_had(struct quarry *q)
{
    qr_pcp_drain_all(&q->zones);
    return q->zones.totalram - qr_free_pages_total(&q->zones);
}

/* Fifteen pages of each kind of bit, and a head: no more than a block of 32 pages holds. */
static void the_record_of_a_range_has_two_bits_a_granule(void **state)
{
    struct quarry *q = test_boot(1024);
    struct qr_genpools pools;
    struct gen_pool *pool = make(q, &pools, 0);
    const u64 granules = 8 * 15 * PAGE_SIZE, before = pages_had(q);

    assert_int_equal(qr_genpool_add(&pools, pool, BASE, 0, granules * GRANULE, NUMA_NO_NODE, NULL),
                     0);
    assert_in_range(pages_had(q) - before, 31, 34);
    assert_int_equal(qr_genpool_avail(pool), granules * GRANULE);
    assert_int_equal(take(&pools, pool, GRANULE * (granules - 1)), BASE);
    assert_int_equal(take(&pools, pool, GRANULE), BASE + GRANULE * (granules - 1));
    assert_int_equal(take(&pools, pool, GRANULE), 0);
    test_abandon(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_whole_granules_from_the_front),
        cmocka_unit_test(a_pool_takes_what_it_needs_and_gives_all_of_it_back),
        cmocka_unit_test(a_pool_and_its_ranges_lie_on_their_nodes),
        cmocka_unit_test(a_second_range_serves_when_the_first_is_full),
        cmocka_unit_test(best_fit_takes_the_smallest_gap),
        cmocka_unit_test(aligned_fits_look_at_addresses),
        cmocka_unit_test(fixed_places_are_had_once),
        cmocka_unit_test(an_algorithm_that_errs_does_not_give_a_block_twice),
        cmocka_unit_test(overlapping_and_senseless_ranges_are_refused),
        cmocka_unit_test(wrong_frees_change_nothing),
        cmocka_unit_test(a_pool_destroyed_with_blocks_names_them),
        cmocka_unit_test(failing_to_make_records_leaves_nothing),
        cmocka_unit_test(first_fit_agrees_with_a_plain_model),
        cmocka_unit_test(no_algorithm_reaches_over_the_end_of_a_range),
        cmocka_unit_test(the_first_block_left_is_named_also_at_the_front),
        cmocka_unit_test(the_record_of_a_range_has_two_bits_a_granule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
