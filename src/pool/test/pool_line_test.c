/* SPDX-License-Identifier: MIT */
/* The line of those who wait for an element, step by step: the port's qp_wait is linked through a wrapper,
 * in which a test does what other tasks would do meanwhile. */
#include "machine.h"
#include "pool/pool.h"

void __real_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);

static _Thread_local void (*meanwhile)(void); /* instead of sleeping; NULL: sleep */

void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    if (meanwhile)
        meanwhile();
    else
        __real_qp_wait(event, seen, timeout_ns);
}

static int element[8];
static int refusals; /* calls of the allocator that fail before one succeeds */
static int given, taken_back;
static void (*while_answering)(void); /* once */

static void *source_alloc(gfp_t gfp, void *data)
{
    void (*also)(void) = while_answering;
    (void)gfp;
    (void)data;
    if (refusals-- > 0)
        return NULL;
    while_answering = NULL;
    if (also)
        also();
    return &element[given++];
}

static void source_free(void *gone, void *data)
{
    (void)data;
    assert_non_null(gone);
    taken_back++;
}

static struct quarry *machine;
static mempool_t pool;
static void *held;

/* A pool whose reserve of one is out. */
static void begin(void)
{
    machine = test_boot(256);
    given = taken_back = refusals = 0;
    while_answering = NULL;
    assert_int_equal(qr_mempool_init(&machine->kmalloc, &pool, 1, source_alloc, source_free, NULL,
                                     GFP_KERNEL, NUMA_NO_NODE),
                     0);
    held = qr_mempool_take_reserved(&pool);
    assert_ptr_equal(held, &element[0]);
}

static void end(void)
{
    meanwhile = NULL;
    assert_null(pool.quarry_first);
    assert_null(pool.quarry_last);
    qr_mempool_exit(&machine->kmalloc, &pool);
    test_end(machine);
}

/* ---- leaving from the middle ----------------------------------------------------------------- */

static void nothing_happens(void)
{
}

static void *second_got;

/* Another task comes, stands behind the first, and the allocator has something for it. */
static void another_comes_and_goes(void)
{
    struct quarry_pool_waiter *first = pool.quarry_first;
    assert_non_null(first);
    assert_ptr_equal(pool.quarry_last, first);
    meanwhile = nothing_happens;
    refusals = 2;
    second_got = qr_mempool_alloc(&machine->check, &pool, GFP_KERNEL);
    assert_ptr_equal(pool.quarry_first, first);
    assert_ptr_equal(pool.quarry_last, first);
}

static void who_is_served_by_the_allocator_leaves_the_line_from_behind(void **state)
{
    void *first_got;
    (void)state;
    begin();
    refusals = 2;
    meanwhile = another_comes_and_goes;
    first_got = qr_mempool_alloc(&machine->check, &pool, GFP_KERNEL);
    meanwhile = NULL;
    assert_ptr_equal(second_got, &element[1]);
    assert_ptr_equal(first_got, &element[2]);
    qr_mempool_free(&pool, held);
    qr_mempool_free(&pool, first_got);
    qr_mempool_free(&pool, second_got);
    assert_int_equal(taken_back, 2); /* the reserve is one */
    end();
}

/* ---- served twice ---------------------------------------------------------------------------- */

static void the_held_one_comes_back(void)
{
    qr_mempool_free(&pool, held);
    assert_null(pool.quarry_first); /* it was handed over */
    assert_int_equal(pool.curr_nr, 0);
}

static void who_is_served_twice_keeps_one(void **state)
{
    void *got;
    (void)state;
    begin();
    refusals = 2;
    meanwhile = nothing_happens;
    while_answering = the_held_one_comes_back;
    got = qr_mempool_alloc(&machine->check, &pool, GFP_KERNEL);
    meanwhile = NULL;
    assert_ptr_equal(got, &element[1]);
    assert_int_equal(pool.curr_nr, 1);
    assert_ptr_equal(qr_mempool_take_reserved(&pool), held);
    qr_mempool_free(&pool, held);
    qr_mempool_free(&pool, got);
    assert_int_equal(taken_back, 1);
    end();
}

static void who_is_served_before_the_allocator_is_asked_asks_no_more(void **state)
{
    void *got;
    (void)state;
    begin();
    refusals = 2;
    meanwhile = the_held_one_comes_back;
    got = qr_mempool_alloc(&machine->check, &pool, GFP_KERNEL);
    meanwhile = NULL;
    assert_ptr_equal(got, held);
    assert_int_equal(given, 1);
    qr_mempool_free(&pool, got);
    end();
}

/* ---- odd requests ---------------------------------------------------------------------------- */

static void pools_without_functions_or_elements_are_refused(void **state)
{
    mempool_t bad;
    (void)state;
    begin();
    assert_int_equal(qr_mempool_init(&machine->kmalloc, &bad, 1, NULL, source_free, NULL,
                                     GFP_KERNEL, NUMA_NO_NODE),
                     -QR_EINVAL);
    assert_int_equal(qr_mempool_init(&machine->kmalloc, &bad, 1, source_alloc, NULL, NULL,
                                     GFP_KERNEL, NUMA_NO_NODE),
                     -QR_EINVAL);
    assert_int_equal(qr_mempool_resize(&machine->kmalloc, &bad, 2), -QR_EINVAL); /* never set up */
    assert_int_equal(qr_mempool_resize(&machine->kmalloc, &pool, -1), -QR_EINVAL);
    assert_int_equal(pool.min_nr, 1);
    qr_mempool_free(&pool, held);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_served_by_the_allocator_leaves_the_line_from_behind),
        cmocka_unit_test(who_is_served_twice_keeps_one),
        cmocka_unit_test(who_is_served_before_the_allocator_is_asked_asks_no_more),
        cmocka_unit_test(pools_without_functions_or_elements_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
