/* SPDX-License-Identifier: MIT */
/* Memory pools to the letter: with which mask the allocator is asked each time, which element comes and goes
 * when, how long a wait is, and what of a pool is left. */
#include "machine.h"
#include "pool/pool.h"

void __real_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);

static struct {
    unsigned int nr;
    uint64_t timeout_ns;
    uint32_t seen, moves; /* what the wait was told of, and what there was */
} waits;
static _Thread_local bool mine; /* a wait of the pool's, which does not sleep here */

void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    if (!mine) {
        __real_qp_wait(event, seen, timeout_ns);
        return;
    }
    waits.nr++;
    waits.timeout_ns = timeout_ns;
    waits.seen = seen;
    waits.moves = event->moves;
}

/* ---- an allocator that notes all ------------------------------------------------------------- */

static int element[64];
static struct {
    unsigned int calls, given; /* so far: calls, elements */
    int succeed, refuse;       /* so many of the next calls succeed, then so many fail */
    gfp_t mask[8];
    unsigned int backed[8]; /* whether faults were told that the pool stands behind the request */
    int freed[64], nr_freed;
    void *data;
} source;

static void *give_one(gfp_t gfp, void *data)
{
    unsigned int call = source.calls++;

    source.data = data;
    if (call < 8) {
        source.mask[call] = gfp;
        source.backed[call] = qp_task()->backed;
    }
    if (source.succeed) {
        source.succeed--;
    } else if (source.refuse) {
        source.refuse--;
        return NULL;
    }
    return &element[source.given++];
}

static void take_back(void *gone, void *data)
{
    source.data = data;
    source.freed[source.nr_freed++] = (int)((int *)gone - element);
}

static struct quarry *begin(mempool_t *pool, int min_nr)
{
    struct quarry *q = test_boot(256);

    memset(&source, 0, sizeof(source));
    memset(&waits, 0, sizeof(waits));
    assert_int_equal(qr_mempool_init(&q->kmalloc, pool, min_nr, give_one, take_back, &source,
                                     GFP_KERNEL, NUMA_NO_NODE),
                     0);
    return q;
}

static void *ask(struct quarry *q, mempool_t *pool, gfp_t gfp)
{
    void *got;

    mine = true;
    got = qr_mempool_alloc(&q->check, pool, gfp);
    mine = false;
    return got;
}

/* ---- masks ----------------------------------------------------------------------------------- */

static void g_m1_each_try_has_its_mask(void **state)
{
    static const gfp_t asked[] = {GFP_KERNEL,
                                  GFP_NOIO | __GFP_NOFAIL,
                                  GFP_ATOMIC | __GFP_MEMALLOC,
                                  GFP_ATOMIC | __GFP_NOFAIL,
                                  GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_COLD | __GFP_ACCOUNT,
                                  GFP_NOWAIT | __GFP_DMA,
                                  0};
    const gfp_t effort = __GFP_DIRECT_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_MEMALLOC |
                         __GFP_NOFAIL | __GFP_RETRY_MAYFAIL;
    struct quarry *q;
    mempool_t pool;

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(asked); i++) {
        bool sleeps = (asked[i] & __GFP_DIRECT_RECLAIM) != 0;
        gfp_t second = asked[i];
        void *got;
        q = begin(&pool, 0);
        if (sleeps) {
            second &= ~(__GFP_NOFAIL | __GFP_RETRY_MAYFAIL);
            second |= __GFP_NORETRY | __GFP_NOWARN;
        }
        source.refuse = 4;
        got = ask(q, &pool, asked[i]);
        assert_int_equal(source.mask[0],
                         (asked[i] & ~effort) | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN);
        assert_int_equal(source.mask[1], second);
        assert_int_equal(source.calls, sleeps ? 5 : 2);
        for (unsigned int call = 0; call < source.calls; call++) {
            assert_int_equal(source.backed[call], sleeps);
            if (call > 1)
                assert_int_equal(source.mask[call], second);
        }
        assert_ptr_equal(got, sleeps ? &element[0] : NULL);
        assert_int_equal(qp_task()->backed, 0);
        assert_int_equal(waits.nr, sleeps ? 3 : 0);
        assert_ptr_equal(source.data, &source);
        assert_null(pool.quarry_first);
        qr_mempool_exit(&q->kmalloc, &pool);
        test_end(q);
    }
}

static void g_m1_a_request_under_a_lock_is_told_and_does_not_wait(void **state)
{
    mempool_t pool;
    struct quarry *q = begin(&pool, 0);

    (void)state;
    source.refuse = 8;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_null(ask(q, &pool, GFP_KERNEL | __GFP_NOFAIL));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_int_equal(source.calls, 2);
    assert_int_equal(source.mask[1], GFP_KERNEL & ~__GFP_DIRECT_RECLAIM);
    assert_int_equal(source.backed[1], 0);
    assert_int_equal(waits.nr, 0);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

/* Five seconds; what woke it since it looked is not slept over. */
static void a_wait_ends_with_a_free_or_after_five_seconds(void **state)
{
    mempool_t pool;
    struct quarry *q = begin(&pool, 0);

    (void)state;
    source.refuse = 3;
    assert_non_null(ask(q, &pool, GFP_NOFS));
    assert_int_equal(waits.nr, 2);
    assert_int_equal(waits.timeout_ns, 5000000000ull);
    assert_int_equal(waits.seen, waits.moves);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

static char told_rule[16];

static bool note_rule(const struct quarry_report *report, void *data)
{
    (void)data;
    snprintf(told_rule, sizeof(told_rule), "%s", report->rule ? report->rule : "none");
    snprintf(test_last_report, sizeof(test_last_report), "%s", report->text);
    return false;
}

static void mistakes_are_told_by_name_and_rule(void **state)
{
    mempool_t pool, bad;
    struct quarry *q = begin(&pool, 1);

    (void)state;
    q->check.hook = note_rule;
    memset(&bad, 0xff, sizeof(bad));
    assert_int_equal(
        qr_mempool_init(&q->kmalloc, &bad, -7, give_one, take_back, NULL, GFP_KERNEL, NUMA_NO_NODE),
        -QR_EINVAL);
    assert_string_equal(test_last_report, "mempool_create with a reserve of -7 elements");
    assert_string_equal(told_rule, "G-M1");
    assert_null(bad.elements); /* and nothing else of it is anything */
    assert_null(bad.quarry_first);
    assert_int_equal(bad.curr_nr, 0);
    told_rule[0] = 0;
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, -2), -QR_EINVAL);
    assert_string_equal(test_last_report, "mempool_resize with a reserve of -2 elements");
    assert_string_equal(told_rule, "G-M1");
    told_rule[0] = 0;
    qr_mempool_free(&pool, ask(q, &pool, GFP_KERNEL | __GFP_ZERO));
    assert_string_equal(test_last_report,
                        "mempool_alloc with __GFP_ZERO: elements from the reserve "
                        "are not cleared; clear it yourself");
    assert_string_equal(told_rule, "G-M1");
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 3);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

/* ---- elements -------------------------------------------------------------------------------- */

static void the_reserve_is_taken_from_its_end(void **state)
{
    mempool_t pool;
    struct quarry *q = begin(&pool, 3);
    void *got[3];

    (void)state;
    assert_int_equal(source.calls, 3);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(source.mask[i], GFP_KERNEL);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(got[i] = qr_mempool_take_reserved(&pool), &element[2 - i]);
        assert_int_equal(pool.curr_nr, 2 - i);
    }
    assert_null(qr_mempool_take_reserved(&pool));
    assert_int_equal(pool.curr_nr, 0);
    qr_mempool_free(&pool, got[1]);
    qr_mempool_free(&pool, got[0]);
    qr_mempool_free(&pool, got[2]);
    assert_ptr_equal(pool.elements[0], got[1]);
    assert_ptr_equal(pool.elements[1], got[0]);
    assert_ptr_equal(pool.elements[2], got[2]);
    qr_mempool_free(&pool, &element[9]); /* one more than it keeps */
    assert_int_equal(source.nr_freed, 1);
    assert_int_equal(source.freed[0], 9);
    qr_mempool_exit(&q->kmalloc, &pool);
    assert_int_equal(source.nr_freed, 4);
    assert_int_equal(source.freed[1], 0);
    assert_int_equal(source.freed[2], 2);
    assert_int_equal(source.freed[3], 1);
    assert_int_equal(pool.curr_nr, 0);
    assert_int_equal(pool.min_nr, 0);
    assert_null(pool.elements);
    qr_mempool_exit(&q->kmalloc, &pool); /* twice is well */
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void a_pool_that_grows_keeps_what_it_had_and_adds_the_rest(void **state)
{
    mempool_t pool;
    struct quarry *q = begin(&pool, 3);
    void *out[2] = {qr_mempool_take_reserved(&pool), qr_mempool_take_reserved(&pool)};

    (void)state;
    source.calls = 0;
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 5), 0);
    assert_int_equal(source.calls, 2);
    assert_int_equal(source.mask[0], GFP_KERNEL);
    assert_int_equal(pool.min_nr, 5);
    assert_int_equal(pool.curr_nr, 3);
    assert_ptr_equal(pool.elements[0], &element[0]);
    assert_ptr_equal(pool.elements[1], &element[3]);
    assert_ptr_equal(pool.elements[2], &element[4]);
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 5), 0); /* as large as it is */
    assert_int_equal(source.calls, 2);
    qr_mempool_free(&pool, out[0]);
    qr_mempool_free(&pool, out[1]);
    assert_int_equal(pool.curr_nr, 5);
    assert_int_equal(source.nr_freed, 0);
    assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 2), 0);
    assert_int_equal(pool.min_nr, 2);
    assert_int_equal(pool.curr_nr, 2);
    assert_int_equal(source.nr_freed, 3);
    assert_int_equal(source.freed[0], 1); /* the one that came last goes first */
    assert_int_equal(source.freed[1], 2);
    assert_int_equal(source.freed[2], 4);
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

/* One of those for the growth is not to be had: the others go back, the last first. */
static void a_growth_that_fails_gives_back_what_it_got(void **state)
{
    mempool_t pool;
    struct quarry *q = begin(&pool, 1);

    (void)state;
    for (int had = 0; had < 3; had++) {
        source.nr_freed = 0;
        source.given = 10;
        source.succeed = had;
        source.refuse = 1;
        assert_int_equal(qr_mempool_resize(&q->kmalloc, &pool, 4), -QR_ENOMEM);
        assert_int_equal(source.nr_freed, had);
        for (int i = 0; i < had; i++)
            assert_int_equal(source.freed[i], 10 + had - 1 - i);
        assert_int_equal(pool.min_nr, 1);
        assert_int_equal(pool.curr_nr, 1);
        assert_ptr_equal(pool.elements[0], &element[0]);
    }
    qr_mempool_exit(&q->kmalloc, &pool);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_m1_each_try_has_its_mask),
        cmocka_unit_test(g_m1_a_request_under_a_lock_is_told_and_does_not_wait),
        cmocka_unit_test(a_wait_ends_with_a_free_or_after_five_seconds),
        cmocka_unit_test(mistakes_are_told_by_name_and_rule),
        cmocka_unit_test(the_reserve_is_taken_from_its_end),
        cmocka_unit_test(a_pool_that_grows_keeps_what_it_had_and_adds_the_rest),
        cmocka_unit_test(a_growth_that_fails_gives_back_what_it_got),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
