/* SPDX-License-Identifier: MIT */
/* Memory pools over an element allocator whose every answer the test decides. */
#include <pthread.h>
#include <sched.h>
#include "machine.h"

#define ELEMENTS 64

/* An allocator of numbered elements that notes how it was asked. */
struct source {
    int left;         /* answers until it fails; -1: no end */
    int calls, freed; /* so far (atomics) */
    int out;          /* elements out of it now (atomic) */
    gfp_t mask[8];    /* of the first calls since source_reset */
    int nr_masks;
    pthread_mutex_t lock;
};

static void *source_alloc(gfp_t gfp, void *data)
{
    struct source *source = data;
    void *element = NULL;
    pthread_mutex_lock(&source->lock);
    source->calls++;
    if (source->nr_masks < 8)
        source->mask[source->nr_masks++] = gfp;
    if (source->left != 0) {
        source->left -= source->left > 0;
        source->out++;
        element = calloc(1, 64);
    }
    pthread_mutex_unlock(&source->lock);
    return element;
}

static void source_free(void *element, void *data)
{
    struct source *source = data;
    pthread_mutex_lock(&source->lock);
    source->freed++;
    source->out--;
    pthread_mutex_unlock(&source->lock);
    free(element);
}

static void source_init(struct source *source, int left)
{
    memset(source, 0, sizeof(*source));
    source->left = left;
    pthread_mutex_init(&source->lock, NULL);
}

static void source_reset(struct source *source, int left)
{
    source->left = left;
    source->nr_masks = 0;
    source->calls = 0;
}

static void pool_make(struct quarry *q, mempool_t *pool, struct source *source, int nr)
{
    assert_int_equal(qr_mempool_init(&q->kmalloc, pool, nr, source_alloc, source_free, source,
                                     GFP_KERNEL, NUMA_NO_NODE),
                     0);
    assert_int_equal(pool->curr_nr, nr);
}

/* ---- the four steps -------------------------------------------------------------------------- */

static void g_m1_the_allocator_is_asked_first_without_waiting_or_reserves(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 2);
    source_reset(&source, -1);
    void *element = qr_mempool_alloc(&q->check, &pool, GFP_KERNEL | __GFP_HIGH | __GFP_MEMALLOC);
    assert_non_null(element);
    assert_int_equal(source.calls, 1);
    assert_int_equal(pool.curr_nr, 2);
    gfp_t mask = source.mask[0];
    assert_int_equal(mask & (__GFP_DIRECT_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC), 0);
    assert_int_equal(mask & (__GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_NORETRY),
                     __GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_NORETRY);
    qr_mempool_free(&pool, element);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

static void g_m1_the_reserve_is_second_and_the_callers_mask_third(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    source_reset(&source, 0);
    void *first = qr_mempool_alloc(&q->check, &pool, GFP_KERNEL);
    assert_non_null(first);
    assert_int_equal(source.calls, 1);
    assert_int_equal(pool.curr_nr, 0);
    source_reset(&source, 0);
    assert_null(qr_mempool_alloc(&q->check, &pool, GFP_ATOMIC));
    assert_int_equal(source.calls, 2);
    assert_int_equal(source.mask[1], GFP_ATOMIC);
    qr_mempool_free(&pool, first);
    assert_int_equal(pool.curr_nr, 1);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

static void g_m1_gfp_zero_is_reported_and_dropped(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    source_reset(&source, -1);
    void *element = qr_mempool_alloc(&q->check, &pool, GFP_KERNEL | __GFP_ZERO);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_int_equal(source.mask[0] & __GFP_ZERO, 0);
    qr_mempool_free(&pool, element);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

static void g_m1_a_free_refills_the_reserve_before_the_allocator(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    void *element[4];
    source_init(&source, -1);
    pool_make(q, &pool, &source, 2);
    source_reset(&source, 2);
    for (int i = 0; i < 4; i++)
        assert_non_null(element[i] = qr_mempool_alloc(&q->check, &pool, GFP_NOWAIT));
    assert_int_equal(pool.curr_nr, 0);
    for (int i = 0; i < 4; i++)
        qr_mempool_free(&pool, element[i]);
    assert_int_equal(pool.curr_nr, 2);
    assert_int_equal(source.freed, 2);
    qr_mempool_free(&pool, NULL);
    assert_int_equal(pool.curr_nr, 2);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

static void the_reserve_alone_can_be_asked(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    source_reset(&source, -1);
    void *element = qr_mempool_take_reserved(&pool);
    assert_non_null(element);
    assert_null(qr_mempool_take_reserved(&pool));
    assert_int_equal(source.calls, 0);
    qr_mempool_free(&pool, element);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct waiter {
    struct quarry *q;
    mempool_t *pool;
    pthread_t thread;
    void *element;
    int turn; /* when it was served: 1, 2, … */
};
static int waiters_served;

static void *waiter_main(void *data)
{
    struct waiter *waiter = data;
    waiter->element = qr_mempool_alloc(&waiter->q->check, waiter->pool, GFP_NOIO);
    waiter->turn = __atomic_add_fetch(&waiters_served, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

struct quarry_pool_waiter {
    struct quarry_pool_waiter *next;
};

static int pool_line_length(mempool_t *pool)
{
    unsigned long state = qp_lock((qp_lock_t *)(void *)&pool->quarry_lock);
    int nr = 0;
    for (struct quarry_pool_waiter *at = pool->quarry_first; at; at = at->next)
        nr++;
    qp_unlock((qp_lock_t *)(void *)&pool->quarry_lock, state);
    return nr;
}

static void g_m1_every_waiter_is_served_in_turn_and_no_newcomer_before_it(void **state)
{
    enum { WAITERS = 24 };
    struct quarry *q = test_boot(256);
    struct waiter waiter[WAITERS];
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    source_reset(&source, 0);
    void *element = qr_mempool_alloc(&q->check, &pool, GFP_NOWAIT);
    waiters_served = 0;
    for (int i = 0; i < WAITERS; i++) {
        waiter[i] = (struct waiter){.q = q, .pool = &pool};
        assert_int_equal(pthread_create(&waiter[i].thread, NULL, waiter_main, &waiter[i]), 0);
        while (pool_line_length(&pool) != i + 1)
            sched_yield();
    }
    for (int i = 0; i < WAITERS; i++) {
        qr_mempool_free(&pool, element);
        /* A newcomer asks before the waiter has even woken up. */
        assert_null(qr_mempool_alloc(&q->check, &pool, GFP_NOWAIT));
        pthread_join(waiter[i].thread, NULL);
        assert_ptr_equal(waiter[i].element, element);
        assert_int_equal(waiter[i].turn, i + 1);
        assert_int_equal(pool_line_length(&pool), WAITERS - i - 1);
    }
    qr_mempool_free(&pool, element);
    assert_int_equal(pool.curr_nr, 1);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

static void g_m1_a_waiter_asks_the_allocator_again_by_itself(void **state)
{
    struct quarry *q = test_boot(256);
    struct waiter waiter = {.q = q};
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    source_reset(&source, 0);
    void *element = qr_mempool_alloc(&q->check, &pool, GFP_NOWAIT);
    waiter.pool = &pool;
    pthread_create(&waiter.thread, NULL, waiter_main, &waiter);
    while (pool_line_length(&pool) != 1)
        sched_yield();
    pthread_mutex_lock(&source.lock);
    source.left = -1; /* memory is back, but nobody frees an element: five seconds */
    pthread_mutex_unlock(&source.lock);
    pthread_join(waiter.thread, NULL);
    assert_non_null(waiter.element);
    assert_ptr_not_equal(waiter.element, element);
    assert_int_equal(pool_line_length(&pool), 0);
    qr_mempool_free(&pool, waiter.element);
    qr_mempool_free(&pool, element);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

/* An allocator that fails, and meanwhile (in its second answer) somebody else gives an element back. */
static struct {
    mempool_t *pool;
    void *element;
    int calls;
} meanwhile;

static void *fail_meanwhile(gfp_t gfp, void *data)
{
    (void)gfp;
    (void)data;
    if (++meanwhile.calls == 2)
        qr_mempool_free(meanwhile.pool, meanwhile.element);
    return NULL;
}

static void g_m1_an_element_that_came_back_meanwhile_is_taken_without_a_wait(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    (void)state;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    meanwhile.pool = &pool;
    meanwhile.calls = 0;
    pool.alloc = fail_meanwhile;
    meanwhile.element = qr_mempool_alloc(&q->check, &pool, GFP_NOWAIT);
    assert_non_null(meanwhile.element);
    assert_int_equal(meanwhile.calls, 1); /* the reserve came second */
    meanwhile.calls = 0;
    assert_ptr_equal(qr_mempool_alloc(&q->check, &pool, GFP_KERNEL), meanwhile.element);
    assert_int_equal(meanwhile.calls, 2);
    qr_mempool_free(&pool, meanwhile.element);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

static void g_m1_a_pool_without_a_reserve_still_serves_who_may_wait(void **state)
{
    struct quarry *q = test_boot(256);
    struct waiter waiter = {.q = q};
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 0);
    assert_true(mempool_initialized(&pool));
    void *element = qr_mempool_alloc(&q->check, &pool, GFP_KERNEL);
    source_reset(&source, 0);
    waiter.pool = &pool;
    pthread_create(&waiter.thread, NULL, waiter_main, &waiter);
    while (pool_line_length(&pool) != 1)
        sched_yield();
    qr_mempool_free(&pool, element);
    pthread_join(waiter.thread, NULL);
    assert_ptr_equal(waiter.element, element);
    qr_mempool_free(&pool, element);
    assert_int_equal(source.out, 0);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

static void *crowd_main(void *data)
{
    struct waiter *waiter = data;
    for (int i = 0; i < 3000; i++) {
        int *element = qr_mempool_alloc(&waiter->q->check, waiter->pool, GFP_NOIO);
        if (!element || element[0])
            return data; /* NULL, or somebody else's */
        element[0] = 1;
        if (i % 64 == 0)
            sched_yield();
        element[0] = 0;
        qr_mempool_free(waiter->pool, element);
    }
    return NULL;
}

static void g_m1_a_crowd_shares_a_small_reserve_and_all_come_through(void **state)
{
    enum { CROWD = 16 };
    struct quarry *q = test_boot(256);
    struct waiter waiter[CROWD];
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 3);
    source_reset(&source, 0);
    for (int i = 0; i < CROWD; i++) {
        waiter[i] = (struct waiter){.q = q, .pool = &pool};
        pthread_create(&waiter[i].thread, NULL, crowd_main, &waiter[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        void *failed;
        pthread_join(waiter[i].thread, &failed);
        assert_null(failed);
    }
    assert_int_equal(pool.curr_nr, 3);
    assert_int_equal(pool_line_length(&pool), 0);
    assert_int_equal(source.out, 3);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

/* ---- making and resizing --------------------------------------------------------------------- */

static void g_m1_a_pool_whose_allocator_fails_half_way_leaves_nothing(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    for (int left = 0; left < 5; left++) {
        source_init(&source, left);
        assert_int_equal(qr_mempool_init(&q->kmalloc, &pool, 5, source_alloc, source_free, &source,
                                         GFP_KERNEL, NUMA_NO_NODE),
                         -QR_ENOMEM);
        assert_int_equal(source.out, 0);
        assert_false(mempool_initialized(&pool));
    }
    test_end(q);
}

static void a_senseless_reserve_is_refused(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    assert_int_equal(qr_mempool_init(&q->kmalloc, &pool, -1, source_alloc, source_free, &source,
                                     GFP_KERNEL, NUMA_NO_NODE),
                     -QR_EINVAL);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_int_equal(qr_mempool_init(&q->kmalloc, &pool, 1, NULL, source_free, &source, GFP_KERNEL,
                                     NUMA_NO_NODE),
                     -QR_EINVAL);
    pool_make(q, &pool, &source, 2);
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, -3), -QR_EINVAL);
    assert_int_equal(pool.min_nr, 2);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

static void the_reserve_itself_lies_where_the_mask_says(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct source source;
    mempool_t pool;

    (void)state;
    source_init(&source, -1);
    assert_int_equal(qr_mempool_init(&q->kmalloc, &pool, 2, source_alloc, source_free, &source,
                                     GFP_KERNEL | __GFP_DMA, NUMA_NO_NODE),
                     0);
    assert_int_equal(qr_page_zone(&q->zones, qr_virt_page(&q->map, pool.elements))->type, ZONE_DMA);
    qr_mempool_exit(&q->kmalloc, &pool);
    pool_make(q, &pool, &source, 2);
    assert_int_equal(qr_page_zone(&q->zones, qr_virt_page(&q->map, pool.elements))->type,
                     ZONE_NORMAL);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

static void a_resize_changes_the_reserve_both_ways(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 3);
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, ELEMENTS), 0);
    assert_int_equal(pool.curr_nr, ELEMENTS);
    assert_int_equal(source.out, ELEMENTS);
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 0), 0);
    assert_int_equal(source.out, 0);
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 2), 0);
    assert_int_equal(source.out, 2);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

static void a_resize_that_fails_half_way_leaves_the_pool_as_it_was(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 3);
    for (int left = 0; left < 4; left++) {
        source_reset(&source, left);
        void **before = pool.elements;
        assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 7), -QR_ENOMEM);
        assert_int_equal(pool.min_nr, 3);
        assert_int_equal(pool.curr_nr, 3);
        assert_ptr_equal(pool.elements, before);
        assert_int_equal(source.out, 3);
    }
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

static void growing_a_pool_serves_those_who_wait(void **state)
{
    struct quarry *q = test_boot(256);
    struct waiter waiter = {.q = q};
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    source_reset(&source, 0);
    void *element = qr_mempool_alloc(&q->check, &pool, GFP_NOWAIT);
    waiter.pool = &pool;
    pthread_create(&waiter.thread, NULL, waiter_main, &waiter);
    while (pool_line_length(&pool) != 1)
        sched_yield();
    pthread_mutex_lock(&source.lock);
    source.left = 2;
    pthread_mutex_unlock(&source.lock);
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 3), 0);
    pthread_join(waiter.thread, NULL);
    assert_non_null(waiter.element);
    assert_int_equal(pool.curr_nr, 1);
    qr_mempool_free(&pool, waiter.element);
    qr_mempool_free(&pool, element);
    assert_int_equal(pool.curr_nr, 3);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.out, 0);
    test_end(q);
}

/* ---- contexts -------------------------------------------------------------------------------- */

static void g_c3_making_and_resizing_a_pool_in_atomic_context_is_reported(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    pool_make(q, &pool, &source, 1);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_non_null(strstr(test_last_report, "mempool_create"));
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 2), 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 2);
    assert_non_null(strstr(test_last_report, "mempool_resize"));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

static void g_c1_a_request_that_may_sleep_does_not_wait_in_atomic_context(void **state)
{
    struct quarry *q = test_boot(256);
    struct source source;
    mempool_t pool;
    source_init(&source, -1);
    pool_make(q, &pool, &source, 1);
    source_reset(&source, 0);
    void *element = qr_mempool_alloc(&q->check, &pool, GFP_NOWAIT);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_null(qr_mempool_alloc(&q->check, &pool, GFP_KERNEL));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    qr_mempool_free(&pool, element);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

/* So many places and no more: what kmalloc keeps for them says so. */
static void a_reserve_takes_a_place_for_each_element(void **state)
{
    static const int nr[] = {0, 1, 2, 8, 16};
    static const size_t bytes[] = {8, 8, 16, 64, 128};
    struct quarry *q = test_boot(1024);
    struct source source;

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(nr); i++) {
        mempool_t pool;
        source_init(&source, 100);
        pool_make(q, &pool, &source, nr[i]);
        assert_int_equal(qr_ksize(&q->kmalloc, pool.elements), bytes[i]);
        qr_mempool_exit(&q->kmalloc, &pool);
    }
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_m1_the_allocator_is_asked_first_without_waiting_or_reserves),
        cmocka_unit_test(g_m1_the_reserve_is_second_and_the_callers_mask_third),
        cmocka_unit_test(g_m1_gfp_zero_is_reported_and_dropped),
        cmocka_unit_test(g_m1_a_free_refills_the_reserve_before_the_allocator),
        cmocka_unit_test(the_reserve_alone_can_be_asked),
        cmocka_unit_test(g_m1_every_waiter_is_served_in_turn_and_no_newcomer_before_it),
        cmocka_unit_test(g_m1_a_waiter_asks_the_allocator_again_by_itself),
        cmocka_unit_test(g_m1_an_element_that_came_back_meanwhile_is_taken_without_a_wait),
        cmocka_unit_test(g_m1_a_pool_without_a_reserve_still_serves_who_may_wait),
        cmocka_unit_test(g_m1_a_crowd_shares_a_small_reserve_and_all_come_through),
        cmocka_unit_test(g_m1_a_pool_whose_allocator_fails_half_way_leaves_nothing),
        cmocka_unit_test(a_senseless_reserve_is_refused),
        cmocka_unit_test(the_reserve_itself_lies_where_the_mask_says),
        cmocka_unit_test(a_resize_changes_the_reserve_both_ways),
        cmocka_unit_test(a_resize_that_fails_half_way_leaves_the_pool_as_it_was),
        cmocka_unit_test(growing_a_pool_serves_those_who_wait),
        cmocka_unit_test(g_c3_making_and_resizing_a_pool_in_atomic_context_is_reported),
        cmocka_unit_test(g_c1_a_request_that_may_sleep_does_not_wait_in_atomic_context),
        cmocka_unit_test(a_reserve_takes_a_place_for_each_element),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
