/* SPDX-License-Identifier: MIT */
/* Pools at the ends of their ranges, and what each refusal says: the whole report, and nothing changed. */
#include "heard.h"

#define BASE 0x7000000000ul /* an address where nothing is */

#define genpool_said(kind, rule, address, ...) heard_is(kind, rule, (void *)(address), __VA_ARGS__)

static struct quarry *boot_pools(struct qr_genpools *pools, const char *options)
{
    const struct test_spec spec = {.pages = 512, .options = options};
    struct quarry *q = test_boot_with(&spec);

    *pools = (struct qr_genpools){.vm = &q->vm, .check = &q->check};
    q->check.hook = heard_hook;
    heard.nr = 0;
    return q;
}

static int add_range(const struct qr_genpools *pools, struct gen_pool *pool, unsigned long virt,
                     size_t size)
{
    return qr_genpool_add(pools, pool, virt, 0x1000, size, NUMA_NO_NODE, NULL);
}

static unsigned long take_block(const struct qr_genpools *pools, struct gen_pool *pool, size_t size)
{
    return qr_genpool_alloc(pools, pool, size, pool->algo, pool->data, NULL);
}

static void a_refused_range_says_why(void **state)
{
    struct qr_genpools pools;
    struct quarry *q = boot_pools(&pools, NULL);
    struct gen_pool *pool = qr_genpool_create(&pools, 5, NUMA_NO_NODE);

    assert_null(qr_genpool_create(&pools, 31, NUMA_NO_NODE));
    genpool_said(QUARRY_BAD_REQUEST, "", 0, 0,
                 "gen_pool_create with a granule of 2^31 bytes: the order is 0 to 30");
    assert_null(qr_genpool_create(&pools, -1, NUMA_NO_NODE));
    genpool_said(QUARRY_BAD_REQUEST, "", 0, 0,
                 "gen_pool_create with a granule of 2^-1 bytes: the order is 0 to 30");
    assert_int_equal(add_range(&pools, pool, BASE, 31), -QR_EINVAL);
    genpool_said(QUARRY_BAD_REQUEST, "", BASE, 31,
                 "gen_pool_add of 31 bytes at 0x7000000000 to pool (no name): it is smaller than "
                 "the pool's granule");
    pool->name = "sram";
    assert_int_equal(add_range(&pools, pool, ~0ul - 62, 64), -QR_EINVAL);
    genpool_said(QUARRY_BAD_REQUEST, "", ~0ul - 62, 64,
                 "gen_pool_add of 64 bytes at 0xffffffffffffffc1 to pool sram: it runs past the "
                 "last address");
    assert_int_equal(add_range(&pools, pool, 0, 64), -QR_EINVAL);
    genpool_said(QUARRY_BAD_REQUEST, "", 0, 64,
                 "gen_pool_add of 64 bytes at 0 to pool sram: a block at address 0 could not be "
                 "told from a failed allocation: add the range with an offset");
    assert_int_equal(add_range(&pools, pool, BASE, 64), 0);
    assert_int_equal(add_range(&pools, pool, BASE + 63, 95), -QR_EINVAL);
    genpool_said(QUARRY_BAD_REQUEST, "", BASE + 63, 64, /* of whole granules */
                 "gen_pool_add of 64 bytes at 0x700000003f to pool sram: it overlaps a range that "
                 "the pool has already");
    assert_int_equal(add_range(&pools, pool, BASE - 63, 64), -QR_EINVAL);
    heard.nr = 0;
    assert_int_equal(add_range(&pools, pool, BASE + 64, 64), 0); /* behind it and before it */
    assert_int_equal(add_range(&pools, pool, BASE - 64, 64), 0);
    assert_int_equal(qr_genpool_size(pool), 192);
    assert_int_equal(heard.nr, 0);
    qr_genpool_destroy(&pools, pool);
    test_end(q);
}

static void ranges_may_be_as_small_as_a_granule_and_as_high_as_addresses_go(void **state)
{
    struct qr_genpools pools;
    struct quarry *q = boot_pools(&pools, NULL);
    struct gen_pool *pool = qr_genpool_create(&pools, 5, NUMA_NO_NODE);
    struct gen_pool *large = qr_genpool_create(&pools, 30, NUMA_NO_NODE);

    assert_int_equal(add_range(&pools, pool, ~0ul - 63, 64), 0);
    assert_int_equal(add_range(&pools, pool, BASE, 63), 0); /* one granule of it */
    assert_int_equal(qr_genpool_size(pool), 96);
    assert_int_equal(qr_genpool_avail(pool), 96);
    assert_int_equal(take_block(&pools, pool, 64), ~0ul - 63);
    assert_int_equal(take_block(&pools, pool, 32), BASE);
    assert_int_equal(take_block(&pools, pool, 1), 0);
    assert_int_equal(qr_genpool_avail(pool), 0);
    assert_true(qr_genpool_has(pool, ~0ul - 63, 64));
    assert_true(qr_genpool_has(pool, ~0ul, 1));
    assert_false(qr_genpool_has(pool, ~0ul, 2));
    assert_false(qr_genpool_has(pool, BASE, 33));
    assert_true(qr_genpool_has(pool, BASE, 32));
    assert_false(qr_genpool_has(pool, BASE, 0));
    assert_false(qr_genpool_has(pool, BASE - 1, 1));
    assert_int_equal(qr_genpool_phys(pool, ~0ul), 0x1000 + 63);
    assert_int_equal(qr_genpool_phys(pool, BASE + 31), 0x1000 + 31);
    assert_true(qr_genpool_phys(pool, BASE + 32) == (phys_addr_t)-1);
    qr_genpool_free(&pools, pool, ~0ul - 63, 33, NULL); /* whole granules */
    qr_genpool_free(&pools, pool, BASE, 1, NULL);
    assert_int_equal(qr_genpool_avail(pool), 96);
    assert_int_equal(add_range(&pools, large, 1ul << 40, 3ul << 30), 0);
    assert_int_equal(take_block(&pools, large, (1ul << 30) + 1), 1ul << 40);
    assert_int_equal(qr_genpool_avail(large), 1ul << 30);
    for (unsigned long size = ~0ul; size > ~0ul - (1ul << 31); size -= (1ul << 30) - 1) {
        assert_int_equal(take_block(&pools, large, size), 0); /* more than there is, not nothing */
        assert_int_equal(take_block(&pools, pool, size), 0);
    }
    qr_genpool_free(&pools, large, 1ul << 40, 2ul << 30, NULL);
    qr_genpool_destroy(&pools, pool);
    qr_genpool_destroy(&pools, large);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

static void a_refused_free_says_what_is_there(void **state)
{
    struct qr_genpools pools;
    struct quarry *q = boot_pools(&pools, NULL);
    struct gen_pool *pool = qr_genpool_create(&pools, 5, NUMA_NO_NODE);
    unsigned long block, next;
    void *owner = q;

    pool->name = "sram";
    assert_int_equal(qr_genpool_add(&pools, pool, BASE, 0, 256, NUMA_NO_NODE, (void *)7), 0);
    block = take_block(&pools, pool, 96);
    next = take_block(&pools, pool, 32);
    assert_int_equal(next, BASE + 96);
#define REFUSED_FREE(kind, address, size, ...)                                                     \
    do {                                                                                           \
        owner = q;                                                                                 \
        qr_genpool_free(&pools, pool, address, size, &owner);                                      \
        genpool_said(kind, "G-S8", address, size, __VA_ARGS__);                                    \
        assert_string_equal(heard.cache, "sram");                                                  \
        assert_null(owner);                                                                        \
        assert_int_equal(qr_genpool_avail(pool), 128);                                             \
    } while (0)
    REFUSED_FREE(QUARRY_BAD_FREE, block, 64,
                 "gen_pool_free(0x7000000000, 64 bytes): the block has another size; nothing is "
                 "freed (it has 96 bytes, in granules of 32)");
    REFUSED_FREE(QUARRY_BAD_FREE, block, 97,
                 "gen_pool_free(0x7000000000, 97 bytes): the block has another size; nothing is "
                 "freed (it has 96 bytes, in granules of 32)");
    REFUSED_FREE(QUARRY_BAD_FREE, next, 0,
                 "gen_pool_free(0x7000000060, 0 bytes): the block has another size; nothing is "
                 "freed (it has 32 bytes, in granules of 32)");
    REFUSED_FREE(QUARRY_BAD_FREE, block + 32, 64,
                 "gen_pool_free(0x7000000020, 64 bytes): the address lies inside a block, not at "
                 "its start");
    REFUSED_FREE(QUARRY_BAD_FREE, block + 31, 96,
                 "gen_pool_free(0x700000001f, 96 bytes): the address is not the start of a block");
    REFUSED_FREE(QUARRY_BAD_FREE, BASE + 256, 32,
                 "gen_pool_free(0x7000000100, 32 bytes): the address lies in no range of the pool");
    REFUSED_FREE(QUARRY_DOUBLE_FREE, BASE + 224, 32,
                 "gen_pool_free(0x70000000e0, 32 bytes): nothing is allocated there: it was freed "
                 "before, or never taken");
    qr_genpool_free(&pools, pool, block, 96, &owner);
    assert_ptr_equal(owner, (void *)7);
    qr_genpool_free(&pools, pool, next, 32, NULL);
    assert_int_equal(heard.nr, 0);
    qr_genpool_destroy(&pools, pool);
    test_end(q);
}

static void a_pool_with_blocks_left_names_the_first_of_all_ranges(void **state)
{
    static const char *const options[] = {NULL, "check=1"};

    for (unsigned int level = 0; level < 2; level++) {
        struct qr_genpools pools;
        struct quarry *q = boot_pools(&pools, options[level]);
        struct gen_pool *pool = qr_genpool_create(&pools, 5, NUMA_NO_NODE);
        unsigned long first;
        assert_int_equal(add_range(&pools, pool, BASE, 64), 0);
        assert_int_equal(add_range(&pools, pool, BASE + 4096, 320), 0);
        assert_int_equal(add_range(&pools, pool, BASE + 8192, 64), 0);
        first = take_block(&pools, pool, 64);
        assert_int_equal(take_block(&pools, pool, 96), BASE + 4096);
        assert_int_equal(take_block(&pools, pool, 96), BASE + 4096 + 96);
        assert_int_equal(take_block(&pools, pool, 128), BASE + 4096 + 192);
        assert_int_equal(take_block(&pools, pool, 64), BASE + 8192);
        qr_genpool_free(&pools, pool, first, 64, NULL);
        qr_genpool_free(&pools, pool, BASE + 4096, 96, NULL);
        qr_genpool_destroy(&pools, pool);
        genpool_said(QUARRY_LEAK, "", BASE + 4096 + 96, 96 + 128 + 64,
                     "gen_pool_destroy: 3 blocks (288 bytes) of pool (no name) were not freed, the "
                     "first at 0x7000001060: free each with gen_pool_free before");
        assert_string_equal(heard.before_is, level ? "the first was allocated by" : "");
        test_end(q);
    }
}

static unsigned long choose_what_data_says(unsigned long *map, unsigned long size,
                                           unsigned long start, unsigned int nr, void *data,
                                           struct gen_pool *pool, unsigned long start_addr)
{
    return *(unsigned long *)data;
}

static void an_algorithm_is_believed_only_where_the_place_is_free(void **state)
{
    struct qr_genpools pools;
    struct quarry *q = boot_pools(&pools, NULL);
    struct gen_pool *pool = qr_genpool_create(&pools, 5, NUMA_NO_NODE);
    unsigned long bit = 7;
    void *owner = q;

    assert_int_equal(add_range(&pools, pool, BASE, 256), 0);
    qr_genpool_set_algo(pool, choose_what_data_says, &bit);
    assert_int_equal(take_block(&pools, pool, 32), BASE + 7 * 32);
    bit = 8; /* none */
    assert_int_equal(take_block(&pools, pool, 32), 0);
    assert_int_equal(heard.nr, 0);
    bit = 6; /* the second of two is taken */
    assert_int_equal(qr_genpool_alloc(&pools, pool, 64, pool->algo, pool->data, &owner), 0);
    genpool_said(QUARRY_BAD_REQUEST, "", 0, 64,
                 "gen_pool_alloc of 64 bytes: the algorithm chose granules that are taken, or "
                 "beyond the range; they are not given out");
    assert_null(owner);
    assert_int_equal(qr_genpool_avail(pool), 224);
    bit = 5;
    assert_int_equal(take_block(&pools, pool, 64), BASE + 5 * 32);
    qr_genpool_set_algo(pool, NULL, &bit); /* the first fit, and its data all the same */
    assert_ptr_equal(pool->data, &bit);
    assert_ptr_equal(pool->algo, gen_pool_first_fit);
    assert_int_equal(take_block(&pools, pool, 5 * 32), BASE);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, NULL, NULL, NULL), 0);
    qr_genpool_free(&pools, pool, BASE, 5 * 32, NULL);
    assert_int_equal(qr_genpool_alloc(&pools, pool, 32, NULL, NULL, NULL), BASE);
    qr_genpool_free(&pools, pool, BASE, 32, NULL);
    qr_genpool_free(&pools, pool, BASE + 5 * 32, 64, NULL);
    qr_genpool_free(&pools, pool, BASE + 7 * 32, 32, NULL);
    qr_genpool_destroy(&pools, pool);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

static void an_algorithm_that_reaches_over_the_end_gets_nothing(void **state)
{
    struct qr_genpools pools;
    struct quarry *q = boot_pools(&pools, NULL);
    struct gen_pool *pool = qr_genpool_create(&pools, 5, NUMA_NO_NODE);
    unsigned long bit = 7;

    assert_int_equal(add_range(&pools, pool, BASE, 256), 0);
    qr_genpool_set_algo(pool, choose_what_data_says, &bit);
    assert_int_equal(take_block(&pools, pool, 64), 0); /* the second of two lies behind it */
    assert_int_equal(heard.nr, 1);
    assert_int_equal(qr_genpool_avail(pool), 256);
    qr_genpool_destroy(&pools, pool);
    assert_int_equal(heard.nr, 1);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_range_says_why),
        cmocka_unit_test(ranges_may_be_as_small_as_a_granule_and_as_high_as_addresses_go),
        cmocka_unit_test(a_refused_free_says_what_is_there),
        cmocka_unit_test(a_pool_with_blocks_left_names_the_first_of_all_ranges),
        cmocka_unit_test(an_algorithm_that_reaches_over_the_end_gets_nothing),
        cmocka_unit_test(an_algorithm_is_believed_only_where_the_place_is_free),
    };
    return cmocka_run_group_tests_name("reports of pools over ranges", tests, NULL, NULL);
}
