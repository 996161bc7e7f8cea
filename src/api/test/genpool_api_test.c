/* SPDX-License-Identifier: MIT */
/* Every call of quarry/genalloc.h, as a program makes it. The pools themselves: src/genpool/test. */
#undef QUARRY_BUILDING_CORE
#include <quarry/quarry.h>
#include <quarry/genalloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static char *range;

static int setup(void **state)
{
    struct gen_pool *pool = gen_pool_create(5, NUMA_NO_NODE);

    range = (char *)__get_free_pages(GFP_KERNEL, 2);
    memset(range, 0xee, 4 * PAGE_SIZE);
    *state = pool;
    return !pool || gen_pool_add_virt(pool, (unsigned long)range, virt_to_phys(range),
                                      4 * PAGE_SIZE, NUMA_NO_NODE);
}

static int teardown(void **state)
{
    gen_pool_destroy(*state);
    free_pages((unsigned long)range, 2);
    return 0;
}

static void a_pool_counts_and_knows_its_range(void **state)
{
    struct gen_pool *pool = *state;
    unsigned long block = gen_pool_alloc(pool, 100);
    int owner;
    void *whose = NULL;

    assert_int_equal(block, (unsigned long)range);
    assert_int_equal(gen_pool_size(pool), 4 * PAGE_SIZE);
    assert_int_equal(gen_pool_avail(pool), 4 * PAGE_SIZE - 128);
    assert_true(gen_pool_has_addr(pool, block, 100));
    assert_false(gen_pool_has_addr(pool, block, 5 * PAGE_SIZE));
    assert_int_equal(gen_pool_virt_to_phys(pool, block + 8), virt_to_phys(range) + 8);
    gen_pool_free(pool, block, 100);
    assert_int_equal(gen_pool_add_owner(pool, 1ul << 40, (phys_addr_t)-1, 4096, -1, &owner), 0);
    assert_true(gen_pool_add(pool, 1ul << 40, 4096, -1) < 0); /* it is there already */
    block = gen_pool_alloc_owner(pool, 4 * PAGE_SIZE, &whose);
    assert_null(whose);
    block = gen_pool_alloc_algo_owner(pool, 4096, gen_pool_first_fit, NULL, &whose);
    assert_int_equal(block, 1ul << 40);
    assert_ptr_equal(whose, &owner);
    gen_pool_free(pool, block, 4096);
    gen_pool_free(pool, (unsigned long)range, 4 * PAGE_SIZE);
}

/* Behind the bits of the last granule lie those that say where blocks begin. */
static void the_last_block_ends_with_its_range(void **state)
{
    struct gen_pool *pool = *state;
    unsigned long first = gen_pool_alloc(pool, 32), last = gen_pool_alloc(pool, 4 * PAGE_SIZE - 32);

    assert_int_equal(last, (unsigned long)range + 32);
    gen_pool_free(pool, last, 4 * PAGE_SIZE - 32);
    assert_int_equal(gen_pool_avail(pool), 4 * PAGE_SIZE - 32);
    gen_pool_free(pool, first, 32);
    assert_int_equal(gen_pool_avail(pool), 4 * PAGE_SIZE);
}

static void each_algorithm_finds_its_place(void **state)
{
    struct gen_pool *pool = *state;
    struct genpool_data_align align = {.align = 1024};
    struct genpool_data_fixed fixed = {.offset = 4096};
    unsigned long start = (unsigned long)range, small = gen_pool_alloc(pool, 32);

    assert_int_equal(gen_pool_alloc_algo(pool, 32, gen_pool_first_fit_align, &align), start + 1024);
    assert_int_equal(gen_pool_alloc_algo(pool, 32, gen_pool_fixed_alloc, &fixed), start + 4096);
    assert_int_equal(gen_pool_alloc_algo(pool, 64, gen_pool_first_fit_order_align, NULL),
                     start + 64);
    assert_int_equal(gen_pool_alloc_algo(pool, 32, gen_pool_best_fit, NULL), start + 32);
    gen_pool_set_algo(pool, gen_pool_fixed_alloc, &fixed);
    assert_int_equal(gen_pool_alloc(pool, 32), 0);
    gen_pool_free(pool, small, 32);
    gen_pool_free(pool, start + 32, 32);
    gen_pool_free(pool, start + 64, 64);
    gen_pool_free(pool, start + 1024, 32);
    gen_pool_free(pool, start + 4096, 32);
    assert_int_equal(gen_pool_avail(pool), 4 * PAGE_SIZE);
}

/* One of the forms for devices: the block, its address for a device, its content. */
static void check_dma(struct gen_pool *pool, unsigned char *block, const dma_addr_t *dma,
                      int content)
{
    assert_non_null(block);
    assert_int_equal(gen_pool_avail(pool), gen_pool_size(pool) - 64);
    assert_int_equal(*dma, virt_to_phys(block));
    for (int i = 0; i < 64; i++)
        assert_int_equal(block[i], content);
    assert_int_equal(block[64], 0xee); /* the next one's */
    memset(block, 0xee, 64);
    gen_pool_free(pool, (unsigned long)block, 64);
}

static void devices_get_their_address_with_the_block(void **state)
{
    struct gen_pool *pool = *state;
    dma_addr_t dma = 0;

    check_dma(pool, gen_pool_dma_alloc(pool, 64, &dma), &dma, 0xee);
    check_dma(pool, gen_pool_dma_alloc_algo(pool, 64, &dma, gen_pool_best_fit, NULL), &dma, 0xee);
    check_dma(pool, gen_pool_dma_alloc_align(pool, 64, &dma, 256), &dma, 0xee);
    check_dma(pool, gen_pool_dma_zalloc(pool, 64, &dma), &dma, 0);
    check_dma(pool, gen_pool_dma_zalloc_algo(pool, 64, &dma, gen_pool_best_fit, NULL), &dma, 0);
    check_dma(pool, gen_pool_dma_zalloc_align(pool, 64, &dma, 256), &dma, 0);
    dma = 77;
    assert_null(gen_pool_dma_alloc(pool, 5 * PAGE_SIZE, &dma));
    assert_null(gen_pool_dma_zalloc_align(NULL, 64, &dma, 256));
    assert_null(gen_pool_dma_zalloc(NULL, 64, &dma));
    assert_int_equal(dma, 77);          /* as it was */
    for (int way = 0; way < 2; way++) { /* nobody wants to know */
        void *block = way ? gen_pool_dma_zalloc(pool, 64, NULL)
                          : gen_pool_dma_alloc_align(pool, 64, NULL, 256);
        assert_non_null(block);
        memset(block, 0xee, 64);
        gen_pool_free(pool, (unsigned long)block, 64);
    }
}

static void blocks_for_devices_lie_where_their_algorithm_says(void **state)
{
    struct gen_pool *pool = *state;
    struct genpool_data_fixed fixed = {.offset = 4096}, other = {.offset = 8192};
    unsigned long first = gen_pool_alloc(pool, 32);
    char *block[6];

    gen_pool_set_algo(pool, gen_pool_fixed_alloc, &other);
    block[0] = gen_pool_dma_alloc_algo(pool, 64, NULL, gen_pool_fixed_alloc, &fixed);
    assert_ptr_equal(block[0], range + 4096);
    fixed.offset = 4160;
    block[1] = gen_pool_dma_zalloc_algo(pool, 64, NULL, gen_pool_fixed_alloc, &fixed);
    assert_ptr_equal(block[1], range + 4160);
    block[2] = gen_pool_dma_alloc(pool, 64, NULL); /* the pool's own */
    assert_ptr_equal(block[2], range + 8192);
    other.offset = 8256;
    block[3] = gen_pool_dma_zalloc(pool, 64, NULL);
    assert_ptr_equal(block[3], range + 8256);
    block[4] = gen_pool_dma_alloc_align(pool, 64, NULL, 256);
    assert_ptr_equal(block[4], range + 256);
    block[5] = gen_pool_dma_zalloc_align(pool, 64, NULL, 512);
    assert_ptr_equal(block[5], range + 512);
    for (int i = 0; i < 6; i++)
        gen_pool_free(pool, (unsigned long)block[i], 64);
    gen_pool_free(pool, first, 32);
    assert_int_equal(gen_pool_avail(pool), 4 * PAGE_SIZE);
}

static void count_chunk(struct gen_pool *pool, struct gen_pool_chunk *chunk, void *data)
{
    assert_non_null(chunk);
    ++*(int *)data;
}

static void each_chunk_is_visited_once(void **state)
{
    struct gen_pool *pool = *state;
    int nr = 0;

    gen_pool_for_each_chunk(pool, count_chunk, &nr);
    assert_int_equal(nr, 1);
    assert_int_equal(gen_pool_add(pool, 1ul << 40, 4096, -1), 0);
    gen_pool_for_each_chunk(pool, count_chunk, &nr);
    assert_int_equal(nr, 3);
}

struct use_of_pool {
    size_t total, avail;
    int nr;
};

/* All that a walk can want of the pool that it walks; and at the first range, one more. */
static void use_chunk(struct gen_pool *pool, struct gen_pool_chunk *chunk, void *data)
{
    struct use_of_pool *use = data;
    unsigned long block = gen_pool_alloc(pool, 64);

    assert_int_not_equal(block, 0);
    if (!use->nr++)
        assert_int_equal(gen_pool_add(pool, 1ul << 40, 4096, -1), 0);
    assert_true(gen_pool_has_addr(pool, chunk->start_addr, 64));
    use->total = gen_pool_size(pool);
    gen_pool_free(pool, block, 64);
    use->avail = gen_pool_avail(pool);
}

static void a_visit_may_use_the_pool(void **state)
{
    struct gen_pool *pool = *state;
    size_t before = gen_pool_size(pool);
    struct use_of_pool use = {.nr = 0};

    gen_pool_for_each_chunk(pool, use_chunk, &use);
    assert_int_equal(use.nr, 2);
    assert_int_equal(use.total, before + 4096);
    assert_int_equal(use.avail, use.total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pool_counts_and_knows_its_range, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_block_ends_with_its_range, setup, teardown),
        cmocka_unit_test_setup_teardown(each_algorithm_finds_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(devices_get_their_address_with_the_block, setup, teardown),
        cmocka_unit_test_setup_teardown(blocks_for_devices_lie_where_their_algorithm_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(each_chunk_is_visited_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_visit_may_use_the_pool, setup, teardown),
    };

    return cmocka_run_group_tests_name("genpool_api", tests, NULL, NULL);
}
