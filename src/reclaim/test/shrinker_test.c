/* SPDX-License-Identifier: MIT */
/* The protocol with the callers' shrinkers (G-I5), asked directly. */
#include <pthread.h>
#include <sched.h>
#include "machine.h"

#define LIGHT QR_EFFORT_LIGHT
#define ALL QR_EFFORT_ALL

/* A cache of so many objects, and how it was asked. */
struct cache {
    struct shrinker shrinker; /* first */
    unsigned long objects;    /* what count says; scan takes them off */
    unsigned long answer; /* instead, when not 0: SHRINK_EMPTY, or the count for "skip me" below */
    bool skip, stop;      /* count says 0; scan says SHRINK_STOP */
    unsigned long calls, looked_at, largest, counted;
    gfp_t mask;
    int nid, last_nid;
};

static unsigned long cache_count(struct shrinker *shrinker, struct shrink_control *control)
{
    struct cache *cache = (struct cache *)shrinker;
    cache->counted++;
    cache->mask = control->gfp_mask;
    cache->last_nid = control->nid;
    if (cache->skip)
        return 0;
    return cache->answer ? cache->answer : cache->objects;
}

static unsigned long cache_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    struct cache *cache = (struct cache *)shrinker;
    unsigned long gone;
    cache->calls++;
    assert_int_equal(control->nr_scanned, control->nr_to_scan);
    if (cache->stop)
        return SHRINK_STOP;
    cache->looked_at += control->nr_to_scan;
    cache->largest = QR_MAX(cache->largest, control->nr_to_scan);
    gone = QR_MIN(control->nr_to_scan, cache->objects);
    cache->objects -= gone;
    return gone;
}

static void cache_init(struct cache *cache, unsigned long objects)
{
    memset(cache, 0, sizeof(*cache));
    cache->shrinker.count_objects = cache_count;
    cache->shrinker.scan_objects = cache_scan;
    cache->objects = objects;
}

static void cache_add(struct quarry *q, struct cache *cache, unsigned long objects)
{
    cache_init(cache, objects);
    assert_int_equal(qr_shrinker_register(&q->reclaim, &cache->shrinker), 0);
}

static void cache_remove(struct quarry *q, struct cache *cache)
{
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &cache->shrinker), 0);
}

static unsigned long ask(struct quarry *q, unsigned int effort)
{
    return qr_shrinkers_run(&q->reclaim, GFP_KERNEL, NUMA_NO_NODE, effort);
}

static void g_i5_objects_are_scanned_in_batches_of_128(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 1000);
    assert_int_equal(ask(q, ALL), 1000);
    assert_int_equal(cache.largest, 128);
    assert_int_equal(cache.calls, 8);
    assert_int_equal(cache.looked_at, 1000);
    cache_remove(q, &cache);
    test_end(q);
}

static void g_i5_a_shrinker_may_choose_its_batch(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 100);
    cache.shrinker.batch = 10;
    assert_int_equal(ask(q, ALL), 100);
    assert_int_equal(cache.largest, 10);
    assert_int_equal(cache.calls, 10);
    cache_remove(q, &cache);
    test_end(q);
}

static void g_i5_a_light_round_asks_for_an_eighth(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 8 * 1280);
    assert_int_equal(ask(q, LIGHT), 1280);
    cache_remove(q, &cache);
    test_end(q);
}

static void g_i5_costly_objects_are_asked_for_less(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cheap, costly;
    cache_add(q, &cheap, 8 * 1280);
    cache_add(q, &costly, 8 * 1280);
    costly.shrinker.seeks = 2 * DEFAULT_SEEKS;
    ask(q, LIGHT);
    assert_int_equal(cheap.looked_at, 1280);
    assert_int_equal(costly.looked_at, 640);
    cache_remove(q, &cheap);
    cache_remove(q, &costly);
    test_end(q);
}

static void g_i5_zero_means_skip_me_and_keeps_the_debt(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 1000); /* an eighth is less than a batch: it is put down as debt */
    assert_int_equal(ask(q, LIGHT), 0);
    assert_int_equal(cache.calls, 0);
    assert_int_equal(cache.shrinker.nr_deferred, 125);
    cache.skip = true;
    assert_int_equal(ask(q, ALL), 0);
    assert_int_equal(cache.calls, 0);
    assert_int_equal(cache.shrinker.nr_deferred, 125);
    cache.skip = false;
    assert_int_equal(ask(q, LIGHT), 128); /* 125 + 125, one batch of it */
    assert_int_equal(cache.shrinker.nr_deferred, 122);
    cache_remove(q, &cache);
    test_end(q);
}

static void g_i5_shrink_empty_cancels_the_debt(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 1000);
    ask(q, LIGHT);
    assert_int_equal(cache.shrinker.nr_deferred, 125);
    cache.answer = SHRINK_EMPTY;
    assert_int_equal(ask(q, ALL), 0);
    assert_int_equal(cache.calls, 0);
    assert_int_equal(cache.shrinker.nr_deferred, 0);
    cache_remove(q, &cache);
    test_end(q);
}

static void g_i5_shrink_stop_ends_only_this_shrinkers_part(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache first, second;
    cache_add(q, &first, 1000);
    cache_add(q, &second, 1000);
    first.stop = true;
    assert_int_equal(ask(q, ALL), 1000);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.looked_at, 1000);
    first.stop = false; /* and only of this round: the next one asks again, debt included */
    assert_int_equal(first.shrinker.nr_deferred, 1000);
    assert_int_equal(ask(q, LIGHT), 1000);
    cache_remove(q, &first);
    cache_remove(q, &second);
    test_end(q);
}

static void g_i5_the_debt_never_exceeds_twice_what_there_is(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 1000);
    cache.stop = true;
    for (int i = 0; i < 10; i++)
        ask(q, ALL);
    assert_int_equal(cache.shrinker.nr_deferred, 2000);
    cache_remove(q, &cache);
    test_end(q);
}

/* Where twice as many have no number, all numbers are the bound. */
static void g_i5_no_debt_is_too_large_to_be_counted(void **state)
{
    static const unsigned long count[][2] = {
        {~0ul / 2 - 1, ~0ul - 3}, {~0ul / 2, ~0ul - 1}, {~0ul / 2 + 1, ~0ul}, {~0ul - 2, ~0ul}};
    struct quarry *q = test_boot(256);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(count); i++) {
        struct cache cache;
        cache_add(q, &cache, 1);
        cache.answer = count[i][0];
        cache.stop = true;
        ask(q, ALL);
        assert_true(cache.shrinker.nr_deferred == count[i][0]);
        for (int again = 0; again < 3; again++) {
            ask(q, ALL);
            assert_true(cache.shrinker.nr_deferred == count[i][1]);
        }
        cache_remove(q, &cache);
    }
    test_end(q);
}

static void g_i5_a_small_cache_is_not_spared_for_ever(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 40);
    for (int i = 0; i < 7; i++) /* five each time: the debt grows to all that there is */
        assert_int_equal(ask(q, LIGHT), 0);
    assert_int_equal(cache.calls, 0);
    assert_int_equal(cache.shrinker.nr_deferred, 35);
    assert_int_equal(ask(q, LIGHT), 40);
    assert_int_equal(cache.objects, 0);
    assert_int_equal(cache.shrinker.nr_deferred, 0);
    cache_remove(q, &cache);
    test_end(q);
}

/* A scan that looks at fewer than asked, or at none, still ends. */
static unsigned long lazy_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    struct cache *cache = (struct cache *)shrinker;
    cache->calls++;
    control->nr_scanned = cache->stop ? 0 : 32;
    return 0;
}

static void g_i5_a_scan_that_looks_at_fewer_is_asked_again(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 256);
    cache.shrinker.scan_objects = lazy_scan;
    assert_int_equal(ask(q, ALL), 0);
    assert_int_equal(cache.calls, 8);
    cache.stop = true;
    cache.calls = 0;
    assert_int_equal(ask(q, ALL), 0);
    assert_int_equal(cache.calls, 2);
    cache_remove(q, &cache);
    test_end(q);
}

static void g_i1_a_shrinker_gets_the_requests_mask(void **state)
{
    static const gfp_t masks[] = {GFP_KERNEL, GFP_NOFS, GFP_NOIO, GFP_HIGHUSER};
    struct quarry *q = test_boot(256);
    struct cache cache;
    cache_add(q, &cache, 10);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(masks); i++) {
        qr_shrinkers_run(&q->reclaim, masks[i], NUMA_NO_NODE, LIGHT);
        assert_int_equal(cache.mask, masks[i]);
    }
    cache_remove(q, &cache);
    test_end(q);
}

static void a_shrinker_that_knows_nodes_is_asked_on_each(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);
    struct cache cache;
    cache_add(q, &cache, 10);
    ask(q, LIGHT);
    assert_int_equal(cache.counted, 1);
    cache.shrinker.flags = SHRINKER_NUMA_AWARE;
    ask(q, LIGHT);
    assert_int_equal(cache.counted, 3);
    assert_int_equal(cache.last_nid, 1);
    qr_shrinkers_run(&q->reclaim, GFP_KERNEL, 0, LIGHT);
    assert_int_equal(cache.counted, 4);
    assert_int_equal(cache.last_nid, 0);
    cache.shrinker.nr_deferred = 0;
    cache.objects = 80;
    cache.answer = 50; /* on either node */
    assert_int_equal(ask(q, ALL), 80);
    assert_int_equal(cache.looked_at, 100);
    cache.objects = 50;
    assert_int_equal(qr_shrinkers_run(&q->reclaim, GFP_KERNEL, 1, ALL), 50);
    cache_remove(q, &cache);
    test_end(q);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void misuse_is(struct quarry *q, enum quarry_finding kind, unsigned long nr,
                      const struct shrinker *shrinker, const char *what)
{
    char text[256];
    snprintf(text, sizeof(text), "shrinker %p: %s", (const void *)shrinker, what);
    assert_string_equal(test_last_report, text);
    assert_int_equal(test_findings(q, kind), nr);
}

static void misuse_of_a_shrinker_is_told_with_its_address(void **state)
{
    const char *unset = "registered without count_objects and scan_objects; set both first";
    struct quarry *q = test_boot(256);
    struct shrinker half = {.count_objects = cache_count};
    struct cache cache;
    assert_int_equal(qr_shrinker_register(&q->reclaim, &half), -QR_EINVAL);
    misuse_is(q, QUARRY_BAD_REQUEST, 1, &half, unset);
    half.count_objects = NULL;
    half.scan_objects = cache_scan;
    assert_int_equal(qr_shrinker_register(&q->reclaim, &half), -QR_EINVAL);
    misuse_is(q, QUARRY_BAD_REQUEST, 2, &half, unset);
    cache_add(q, &cache, 10);
    assert_int_equal(qr_shrinker_register(&q->reclaim, &cache.shrinker), -QR_EEXIST);
    misuse_is(q, QUARRY_BAD_REQUEST, 3, &cache.shrinker, "registered twice; it stays in service");
    qp_task()->reclaims++;
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &cache.shrinker), -QR_EBUSY);
    qp_task()->reclaims--;
    misuse_is(
        q, QUARRY_BAD_CONTEXT, 1, &cache.shrinker,
        "taken out of service from inside reclaim, where waiting for running calls would wait "
        "for the caller itself; it stays in service");
    cache_remove(q, &cache);
    cache.shrinker.nr_deferred = 77; /* whatever its memory holds */
    cache.shrinker.users = 3;
    assert_int_equal(qr_shrinker_register(&q->reclaim, &cache.shrinker), 0);
    assert_int_equal(cache.shrinker.nr_deferred, 0);
    assert_int_equal(cache.shrinker.users, 0);
    cache_remove(q, &cache);
    test_end(q);
}

static void a_shrinker_without_callbacks_and_a_second_registration_are_refused(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache cache;
    struct shrinker empty;
    memset(&empty, 0, sizeof(empty));
    assert_int_equal(qr_shrinker_register(&q->reclaim, &empty), -QR_EINVAL);
    assert_int_equal(qr_shrinker_register(&q->reclaim, NULL), -QR_EINVAL);
    cache_add(q, &cache, 10);
    assert_int_equal(qr_shrinker_register(&q->reclaim, &cache.shrinker), -QR_EEXIST);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 3);
    ask(q, ALL);
    assert_int_equal(cache.counted, 1);
    cache_remove(q, &cache);
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &cache.shrinker), -QR_ENOENT);
    ask(q, ALL);
    assert_int_equal(cache.counted, 1);
    test_end(q);
}

/* Whether it is in service is read off the list; one that is leaving is as good as gone. */
static void only_a_shrinker_in_service_can_be_taken_out(void **state)
{
    struct quarry *q = test_boot(256);
    struct cache in, out;
    cache_add(q, &in, 10);
    out = in; /* as it would be if somebody copied it */
    qr_list_init(&out.shrinker.list);
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &out.shrinker), -QR_ENOENT);
    in.shrinker.state++; /* somebody else waits to take it out */
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &in.shrinker), -QR_ENOENT);
    in.shrinker.state--;
    ask(q, ALL);
    assert_int_equal(in.counted, 1);
    cache_remove(q, &in);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

/* A scan that stays inside until it is let go. */
struct gate {
    struct shrinker shrinker; /* first */
    struct quarry *q;
    int inside, open, left, error;
};

static unsigned long gate_count(struct shrinker *shrinker, struct shrink_control *control)
{
    return 1000;
}

static unsigned long gate_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    struct gate *gate = (struct gate *)shrinker;
    __atomic_store_n(&gate->inside, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&gate->open, __ATOMIC_SEQ_CST))
        sched_yield();
    return SHRINK_STOP;
}

static void *gate_run(void *data)
{
    struct gate *gate = data;
    ask(gate->q, ALL);
    return NULL;
}

static void *gate_unregister(void *data)
{
    struct gate *gate = data;
    gate->error = qr_shrinker_unregister(&gate->q->reclaim, &gate->shrinker);
    __atomic_store_n(&gate->left, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void unregistering_waits_for_the_call_in_progress(void **state)
{
    struct quarry *q = test_boot(256);
    struct gate gate = {.shrinker = {.count_objects = gate_count, .scan_objects = gate_scan},
                        .q = q};
    pthread_t runner, leaver;
    assert_int_equal(qr_shrinker_register(&q->reclaim, &gate.shrinker), 0);
    pthread_create(&runner, NULL, gate_run, &gate);
    while (!__atomic_load_n(&gate.inside, __ATOMIC_SEQ_CST))
        sched_yield();
    pthread_create(&leaver, NULL, gate_unregister, &gate);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    assert_int_equal(__atomic_load_n(&gate.left, __ATOMIC_SEQ_CST), 0);
    __atomic_store_n(&gate.open, 1, __ATOMIC_SEQ_CST);
    pthread_join(runner, NULL);
    pthread_join(leaver, NULL);
    assert_int_equal(gate.error, 0);
    test_end(q);
}

static unsigned long inner_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    struct gate *gate = (struct gate *)shrinker;
    gate->error = qr_shrinker_unregister(&gate->q->reclaim, shrinker);
    return SHRINK_STOP;
}

static void unregistering_from_inside_reclaim_is_refused(void **state)
{
    struct quarry *q = test_boot(256);
    struct gate gate = {.shrinker = {.count_objects = gate_count, .scan_objects = inner_scan},
                        .q = q};
    assert_int_equal(qr_shrinker_register(&q->reclaim, &gate.shrinker), 0);
    qr_reclaim_round(&q->reclaim, GFP_KERNEL, 1000, NUMA_NO_NODE, ALL);
    assert_int_equal(gate.error, -QR_EBUSY);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &gate.shrinker), 0);
    test_end(q);
}

/* Several tasks may be inside one shrinker at once: its counters are its own business. */
static unsigned long churn_count(struct shrinker *shrinker, struct shrink_control *control)
{
    return __atomic_load_n((unsigned long *)shrinker->private_data, __ATOMIC_RELAXED);
}

static unsigned long churn_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    __atomic_add_fetch((unsigned long *)shrinker->private_data, 1, __ATOMIC_RELAXED);
    return 1;
}

static void *churn_main(void *data)
{
    struct quarry *q = data;
    for (int i = 0; i < 300; i++) {
        struct shrinker *shrinker = calloc(1, sizeof(*shrinker));
        unsigned long *objects = malloc(sizeof(*objects));
        *objects = 300;
        shrinker->count_objects = churn_count;
        shrinker->scan_objects = churn_scan;
        shrinker->private_data = objects;
        if (qr_shrinker_register(&q->reclaim, shrinker))
            return data;
        ask(q, i % 4);
        if (qr_shrinker_unregister(&q->reclaim, shrinker))
            return data;
        memset(shrinker, 0xff, sizeof(*shrinker)); /* who still used it would crash */
        free(shrinker);
        free(objects);
    }
    return NULL;
}

static void shrinkers_come_and_go_while_others_run(void **state)
{
    struct quarry *q = test_boot(256);
    pthread_t thread[6];
    for (int i = 0; i < 6; i++)
        pthread_create(&thread[i], NULL, churn_main, q);
    for (int i = 0; i < 6; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_true(qr_list_empty(&q->reclaim.shrinkers));
    test_end(q);
}

static void g_i5_shares_are_exact(void **state)
{
    static const struct {
        unsigned long objects;
        int seeks;
        unsigned int effort;
        unsigned long share;
    } want[] = {
        {1000, 0, 0, 125},  {1000, 0, 1, 250},
        {1000, 0, 2, 500},  {1000, 0, 3, 1000},
        {1000, 0, 9, 1000}, {1000, 1, 0, 250},
        {1000, 3, 0, 83},   {1001, 4, 1, 125},
        {1000, 7, 2, 142},  {7, 0, 0, 0},
        {8, 0, 0, 1},       {16, 3, 0, 1},
        {1000, -5, 0, 125}, {~0ul >> 1, 0, 2, ~0ul >> 2},
    };
    struct quarry *q = test_boot(256);

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct cache cache;
        cache_add(q, &cache, want[i].objects);
        cache.shrinker.seeks = want[i].seeks;
        cache.stop = true; /* nothing of the share is used up: it is the debt */
        cache.shrinker.batch = want[i].objects == ~0ul >> 1 ? 1 : 0;
        ask(q, want[i].effort);
        if (cache.shrinker.nr_deferred != want[i].share)
            fail_msg("row %u: %lu", i, cache.shrinker.nr_deferred);
        cache_remove(q, &cache);
    }
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_i5_objects_are_scanned_in_batches_of_128),
        cmocka_unit_test(g_i5_a_shrinker_may_choose_its_batch),
        cmocka_unit_test(g_i5_a_light_round_asks_for_an_eighth),
        cmocka_unit_test(g_i5_costly_objects_are_asked_for_less),
        cmocka_unit_test(g_i5_zero_means_skip_me_and_keeps_the_debt),
        cmocka_unit_test(g_i5_shrink_empty_cancels_the_debt),
        cmocka_unit_test(g_i5_shrink_stop_ends_only_this_shrinkers_part),
        cmocka_unit_test(g_i5_the_debt_never_exceeds_twice_what_there_is),
        cmocka_unit_test(g_i5_no_debt_is_too_large_to_be_counted),
        cmocka_unit_test(only_a_shrinker_in_service_can_be_taken_out),
        cmocka_unit_test(g_i5_a_small_cache_is_not_spared_for_ever),
        cmocka_unit_test(g_i5_a_scan_that_looks_at_fewer_is_asked_again),
        cmocka_unit_test(g_i1_a_shrinker_gets_the_requests_mask),
        cmocka_unit_test(a_shrinker_that_knows_nodes_is_asked_on_each),
        cmocka_unit_test(misuse_of_a_shrinker_is_told_with_its_address),
        cmocka_unit_test(a_shrinker_without_callbacks_and_a_second_registration_are_refused),
        cmocka_unit_test(unregistering_waits_for_the_call_in_progress),
        cmocka_unit_test(unregistering_from_inside_reclaim_is_refused),
        cmocka_unit_test(shrinkers_come_and_go_while_others_run),
        cmocka_unit_test(g_i5_shares_are_exact),
    };
    return cmocka_run_group_tests_name("shrinker", tests, NULL, NULL);
}
