/* SPDX-License-Identifier: MIT */
/* Reclaim as requests meet it: who is asked when memory is short, with which mask, and in what
 * order; the background worker; the out-of-memory hook. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include "machine.h"

/* ---- a caller's cache of pages --------------------------------------------------------------- */

#define HOARD_MAX 4096

struct hoard {
    struct shrinker shrinker; /* first */
    struct quarry *q;
    pthread_mutex_t lock;
    struct page *page[HOARD_MAX];
    unsigned long nr;
    gfp_t mask; /* of the last call */
    unsigned long counted, scans, inside, nested;
    bool allocate, refuse;
    unsigned long allocated; /* by the shrinker itself */
};

static unsigned long hoard_count(struct shrinker *shrinker, struct shrink_control *control)
{
    struct hoard *hoard = (struct hoard *)shrinker;
    __atomic_store_n(&hoard->mask, control->gfp_mask, __ATOMIC_RELAXED);
    __atomic_add_fetch(&hoard->counted, 1, __ATOMIC_RELAXED);
    return __atomic_load_n(&hoard->nr, __ATOMIC_RELAXED);
}

static unsigned long hoard_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    struct hoard *hoard = (struct hoard *)shrinker;
    unsigned long gone = 0;
    hoard->scans++;
    if (__atomic_load_n(&hoard->refuse, __ATOMIC_ACQUIRE))
        return SHRINK_STOP;
    hoard->nested += hoard->inside;
    hoard->inside = 1;
    if (hoard->allocate) {
        struct page *page = qr_alloc_pages(&hoard->q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
        if (page) {
            hoard->allocated++;
            qr_free_block(&hoard->q->zones, page, 0);
        }
    }
    pthread_mutex_lock(&hoard->lock);
    while (gone < control->nr_to_scan && hoard->nr) {
        qr_free_block(&hoard->q->zones, hoard->page[--hoard->nr], 0);
        gone++;
    }
    pthread_mutex_unlock(&hoard->lock);
    hoard->inside = 0;
    return gone;
}

static struct hoard *hoard_make(struct quarry *q)
{
    struct hoard *hoard = calloc(1, sizeof(*hoard));
    hoard->q = q;
    hoard->shrinker.count_objects = hoard_count;
    hoard->shrinker.scan_objects = hoard_scan;
    pthread_mutex_init(&hoard->lock, NULL);
    assert_int_equal(qr_shrinker_register(&q->reclaim, &hoard->shrinker), 0);
    return hoard;
}

/* Take pages until @gfp gets none, or the zone has as few free pages as @keep. */
static void hoard_fill(struct hoard *hoard, gfp_t gfp, u64 keep)
{
    struct quarry *q = hoard->q;
    while (hoard->nr < HOARD_MAX && qr_free_pages_total(&q->zones) > keep) {
        struct page *page = qr_alloc_pages(&q->zones, gfp | __GFP_NOWARN, 0, NUMA_NO_NODE);
        if (!page)
            break;
        pthread_mutex_lock(&hoard->lock);
        hoard->page[hoard->nr] = page;
        __atomic_store_n(&hoard->nr, hoard->nr + 1, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&hoard->lock);
    }
}

static void hoard_end(struct hoard *hoard)
{
    struct quarry *q = hoard->q;
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &hoard->shrinker), 0);
    while (hoard->nr)
        qr_free_block(&q->zones, hoard->page[--hoard->nr], 0);
    free(hoard);
}

/* A machine with the background worker out of the way. */
static struct quarry *boot_without_worker(unsigned long pages)
{
    struct quarry *q = test_boot(pages);
    qr_reclaim_stop(&q->reclaim);
    return q;
}

/* ---- direct reclaim -------------------------------------------------------------------------- */

static void g_i1_direct_reclaim_calls_shrinkers_with_the_requests_mask(void **state)
{
    static const gfp_t masks[] = {GFP_KERNEL, GFP_NOFS, GFP_NOIO};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(masks); i++) {
        struct quarry *q = boot_without_worker(512);
        struct hoard *hoard = hoard_make(q);
        hoard_fill(hoard, GFP_NOWAIT, 0);
        unsigned long full = hoard->nr;
        struct page *page = qr_alloc_pages(&q->zones, masks[i], 0, NUMA_NO_NODE);
        assert_non_null(page);
        assert_true(hoard->nr < full);
        assert_int_equal(hoard->mask & GFP_KERNEL, masks[i]);
        qr_free_block(&q->zones, page, 0);
        hoard_end(hoard);
        test_end(q);
    }
}

static void g_i2_a_nofs_scope_reaches_the_shrinkers(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct hoard *hoard = hoard_make(q);
    hoard_fill(hoard, GFP_NOWAIT, 0);
    qp_task()->scope_clear = __GFP_FS;
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    qp_task()->scope_clear = 0;
    assert_non_null(page);
    assert_int_equal(hoard->mask & (__GFP_FS | __GFP_IO), __GFP_IO);
    qr_free_block(&q->zones, page, 0);
    hoard_end(hoard);
    test_end(q);
}

static void g_c2_a_request_that_cannot_sleep_calls_no_shrinker(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct hoard *hoard = hoard_make(q);
    hoard_fill(hoard, GFP_ATOMIC, 0);
    assert_null(qr_alloc_pages(&q->zones, GFP_ATOMIC | __GFP_NOWARN, 0, NUMA_NO_NODE));
    assert_null(qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE));
    assert_int_equal(hoard->counted, 0);
    hoard_end(hoard);
    test_end(q);
}

static void g_i4_a_shrinker_that_allocates_passes_the_marks_and_does_not_recurse(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct hoard *hoard = hoard_make(q);
    hoard_fill(hoard, GFP_NOWAIT, 0); /* down to min: only reclaim itself gets further */
    hoard->allocate = true;
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    assert_non_null(page);
    assert_true(hoard->allocated > 0);
    assert_int_equal(hoard->nested, 0);
    assert_int_equal(qp_task()->reclaims, 0);
    qr_free_block(&q->zones, page, 0);
    hoard_end(hoard);
    test_end(q);
}

static void g_i5_a_shrinker_that_stops_does_not_keep_a_request_for_ever(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct hoard *hoard = hoard_make(q);
    hoard->refuse = true;
    hoard_fill(hoard, GFP_NOWAIT, 0);
    assert_null(qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_NOWARN, 0, NUMA_NO_NODE));
    assert_true(hoard->scans > 0);
    hoard_end(hoard);
    test_end(q);
}

/* ---- sources --------------------------------------------------------------------------------- */

struct test_source {
    struct qr_source source; /* first */
    struct hoard *hoard;
    unsigned long calls, asked, hoard_counted;
    u32 reclaims;
};

static unsigned long test_source_shrink(void *data, unsigned long nr_pages, bool may_sleep)
{
    struct test_source *source = data;
    source->asked = nr_pages;
    if (!source->calls++)
        source->hoard_counted = source->hoard->counted;
    source->reclaims = qp_task()->reclaims;
    return 0;
}

static void quarrys_own_sources_are_asked_before_the_callers_shrinkers(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct hoard *hoard = hoard_make(q);
    static struct test_source source;
    memset(&source, 0, sizeof(source));
    source.hoard = hoard;
    source.source = (struct qr_source){.shrink = test_source_shrink, .data = &source};
    qr_reclaim_add_source(&q->reclaim, &source.source);
    hoard_fill(hoard, GFP_NOWAIT, 0);
    unsigned long freed = qr_reclaim_round(&q->reclaim, GFP_KERNEL, 8, NUMA_NO_NODE, 3);
    assert_int_equal(source.hoard_counted, 0);
    assert_true(source.asked >= 8 && source.calls == 2); /* before and after */
    assert_int_equal(source.reclaims, 1);
    assert_true(hoard->counted > 0);
    assert_true(freed > 0);
    hoard_end(hoard);
    test_end(q);
}

static void a_round_inside_a_round_does_nothing(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct hoard *hoard = hoard_make(q);
    hoard_fill(hoard, GFP_NOWAIT, 0);
    qp_task()->reclaims = 1;
    assert_int_equal(qr_reclaim_round(&q->reclaim, GFP_KERNEL, 8, NUMA_NO_NODE, 3), 0);
    qp_task()->reclaims = 0;
    assert_int_equal(hoard->counted, 0);
    hoard_end(hoard);
    test_end(q);
}

/* ---- the worker ------------------------------------------------------------------------------ */

static u64 zone_free(struct quarry *q)
{
    return qr_zone_free_pages(&q->zones.zone[0]);
}

static void g_w1_the_worker_runs_from_low_until_high(void **state)
{
    struct quarry *q = test_boot(2048);
    struct zone *zone = &q->zones.zone[0];
    struct hoard *hoard = hoard_make(q);
    hoard->refuse = true;
    /* Requests that wake nobody take it below low. */
    hoard_fill(hoard, GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM, zone->watermark[QR_WMARK_LOW] - 2);
    assert_true(zone_free(q) < zone->watermark[QR_WMARK_LOW]);
    hoard->refuse = false;
    struct page *page = qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE);
    assert_non_null(page); /* served at once, and the worker woken */
    while (zone_free(q) < zone->watermark[QR_WMARK_HIGH])
        sched_yield();
    while (__atomic_load_n(&q->reclaim.busy, __ATOMIC_ACQUIRE))
        sched_yield();
    assert_true(hoard->counted > 0);
    assert_int_equal(hoard->mask, GFP_KERNEL);
    /* It stopped near high instead of taking everything. */
    assert_true(hoard->nr > 0);
    qr_free_block(&q->zones, page, 0);
    hoard_end(hoard);
    test_end(q);
}

static unsigned long cached_pages(struct quarry *q)
{
    unsigned long state = qp_lock(&q->vm.lock), pages = q->vm.cached.pages;
    qp_unlock(&q->vm.lock, state);
    return pages;
}

static void the_worker_empties_the_vmalloc_cache_below_low(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=512"};
    struct quarry *q = test_boot_with(&spec);
    struct zone *zone = &q->zones.zone[0];
    struct hoard *hoard = hoard_make(q);
    hoard->refuse = true;
    void *area[4];
    for (int i = 0; i < 4; i++)
        assert_non_null(area[i] = qr_vmalloc(&q->vm, 32 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE,
                                             "vmalloc"));
    for (int i = 0; i < 4; i++)
        qr_vfree(&q->vm, area[i], false);
    assert_int_equal(q->vm.cached.pages, 4 * 32);
    hoard_fill(hoard, GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM, zone->watermark[QR_WMARK_LOW] - 2);
    struct page *page = qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE);
    while (cached_pages(q))
        sched_yield();
    qr_free_block(&q->zones, page, 0);
    hoard_end(hoard);
    test_end(q);
}

static void a_paused_worker_leaves_everything_alone(void **state)
{
    struct quarry *q = test_boot(2048);
    for (int i = 0; i < 50; i++) {
        void *area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
        qr_reclaim_pause(&q->reclaim);
        qr_reclaim_pause(&q->reclaim);
        qr_vfree(&q->vm, area, true);
        qr_reclaim_resume(&q->reclaim);
        usleep(1000);
        assert_non_null(q->vm.deferred);
        qr_reclaim_resume(&q->reclaim);
        while (__atomic_load_n(&q->vm.deferred, __ATOMIC_RELAXED))
            sched_yield();
    }
    test_end(q);
}

struct tidy_gate {
    struct qr_source source; /* first */
    struct quarry *q;
    int inside, open, paused;
};

static unsigned long tidy_gate_shrink(void *data, unsigned long nr_pages, bool may_sleep)
{
    return 0;
}

static void tidy_gate_tidy(void *data)
{
    struct tidy_gate *gate = data;
    __atomic_store_n(&gate->inside, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&gate->open, __ATOMIC_SEQ_CST))
        sched_yield();
}

static void *tidy_gate_pause(void *data)
{
    struct tidy_gate *gate = data;
    qr_reclaim_pause(&gate->q->reclaim);
    __atomic_store_n(&gate->paused, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void a_pause_waits_for_the_turn_in_progress(void **state)
{
    struct quarry *q = test_boot(512);
    static struct tidy_gate gate;
    pthread_t thread;
    memset(&gate, 0, sizeof(gate));
    gate.q = q;
    gate.source =
        (struct qr_source){.shrink = tidy_gate_shrink, .tidy = tidy_gate_tidy, .data = &gate};
    qr_reclaim_stop(&q->reclaim); /* the list of sources is fixed while the worker runs */
    qr_reclaim_add_source(&q->reclaim, &gate.source);
    qr_reclaim_start(&q->reclaim);
    while (!__atomic_load_n(&gate.inside, __ATOMIC_SEQ_CST))
        sched_yield();
    pthread_create(&thread, NULL, tidy_gate_pause, &gate);
    usleep(20000);
    assert_int_equal(__atomic_load_n(&gate.paused, __ATOMIC_SEQ_CST), 0);
    __atomic_store_n(&gate.open, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    qr_reclaim_resume(&q->reclaim);
    test_end(q);
}

static void a_hopeless_zone_does_not_keep_the_worker_busy(void **state)
{
    struct quarry *q = test_boot(512);
    struct hoard *hoard = hoard_make(q);
    hoard->refuse = true;
    hoard_fill(hoard, GFP_NOWAIT, 0);
    while (!__atomic_load_n(&q->reclaim.busy, __ATOMIC_ACQUIRE))
        (void)qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE);
    unsigned long before = __atomic_load_n(&q->reclaim.rounds, __ATOMIC_RELAXED);
    for (int i = 0; i < 20000; i++)
        assert_null(qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE));
    /* 20,000 requests and a few milliseconds: a handful of rounds a tenth of a second, not one a
     * request. */
    assert_true(__atomic_load_n(&q->reclaim.rounds, __ATOMIC_RELAXED) - before < 2000);
    /* It is not given up for ever: once there is something to take, the worker takes it. */
    __atomic_store_n(&hoard->refuse, false, __ATOMIC_RELEASE);
    while (zone_free(q) == 0) {
        struct page *page = qr_alloc_pages(&q->zones, GFP_NOWAIT | __GFP_NOWARN, 0, NUMA_NO_NODE);
        if (page)
            qr_free_block(&q->zones, page, 0);
        sched_yield();
    }
    hoard_end(hoard);
    test_end(q);
}

static void without_a_worker_a_request_below_low_does_a_little_itself(void **state)
{
    struct quarry *q = boot_without_worker(2048);
    struct zone *zone = &q->zones.zone[0];
    struct hoard *hoard = hoard_make(q);
    hoard_fill(hoard, GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM, zone->watermark[QR_WMARK_LOW] - 2);
    assert_int_equal(hoard->counted, 0);
    struct page *page = qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE);
    assert_int_equal(hoard->counted, 0); /* may not sleep */
    qr_free_block(&q->zones, page, 0);
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    assert_true(hoard->counted > 0);
    qr_free_block(&q->zones, page, 0);
    hoard_end(hoard);
    test_end(q);
}

/* ---- the out-of-memory hook ------------------------------------------------------------------ */

struct victim {
    struct quarry *q;
    struct page *page[HOARD_MAX];
    unsigned long nr, calls, inside, together;
    gfp_t gfp;
    unsigned int order;
    unsigned long give;
};

static unsigned long victim_kill(gfp_t gfp, unsigned int order, void *data)
{
    struct victim *victim = data;
    unsigned long gone = 0;
    if (__atomic_fetch_add(&victim->inside, 1, __ATOMIC_SEQ_CST))
        victim->together++;
    victim->calls++;
    victim->gfp = gfp;
    victim->order = order;
    sched_yield();
    while (gone < victim->give && victim->nr) {
        qr_free_block(&victim->q->zones, victim->page[--victim->nr], 0);
        gone++;
    }
    __atomic_fetch_sub(&victim->inside, 1, __ATOMIC_SEQ_CST);
    return gone;
}

static struct victim *victim_make(struct quarry *q, unsigned long give)
{
    struct victim *victim = calloc(1, sizeof(*victim));
    struct page *page;
    victim->q = q;
    victim->give = give;
    while ((page = qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE)))
        victim->page[victim->nr++] = page;
    assert_null(qr_oom_set(&q->reclaim, victim_kill, victim));
    return victim;
}

static void victim_end(struct victim *victim)
{
    struct quarry *q = victim->q;
    assert_ptr_equal(qr_oom_set(&q->reclaim, NULL, NULL), victim_kill);
    while (victim->nr)
        qr_free_block(&q->zones, victim->page[--victim->nr], 0);
    free(victim);
}

static void g_e1_the_hook_runs_when_reclaim_freed_nothing(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct victim *victim = victim_make(q, 64);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    assert_non_null(page);
    assert_int_equal(victim->calls, 1);
    assert_int_equal(victim->gfp & GFP_KERNEL, GFP_KERNEL);
    assert_int_equal(victim->order, 0);
    qr_free_block(&q->zones, page, 0);
    victim_end(victim);
    test_end(q);
}

static void g_e1_a_request_fails_when_the_hook_frees_nothing(void **state)
{
    struct quarry *q = boot_without_worker(512);
    struct victim *victim = victim_make(q, 0);
    assert_null(qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_NOWARN, 0, NUMA_NO_NODE));
    assert_true(victim->calls >= 1);
    victim_end(victim);
    test_end(q);
}

static void *oom_main(void *data)
{
    struct quarry *q = data;
    return qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_NOWARN, 0, NUMA_NO_NODE);
}

static void the_hook_runs_in_one_task_at_a_time(void **state)
{
    enum { TASKS = 8 };
    struct quarry *q = boot_without_worker(512);
    struct victim *victim = victim_make(q, 16);
    pthread_t thread[TASKS];
    for (int i = 0; i < TASKS; i++)
        pthread_create(&thread[i], NULL, oom_main, q);
    for (int i = 0; i < TASKS; i++) {
        void *page;
        pthread_join(thread[i], &page);
        assert_non_null(page);
        qr_free_block(&q->zones, page, 0);
    }
    assert_int_equal(victim->together, 0);
    victim_end(victim);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_i1_direct_reclaim_calls_shrinkers_with_the_requests_mask),
        cmocka_unit_test(g_i2_a_nofs_scope_reaches_the_shrinkers),
        cmocka_unit_test(g_c2_a_request_that_cannot_sleep_calls_no_shrinker),
        cmocka_unit_test(g_i4_a_shrinker_that_allocates_passes_the_marks_and_does_not_recurse),
        cmocka_unit_test(g_i5_a_shrinker_that_stops_does_not_keep_a_request_for_ever),
        cmocka_unit_test(quarrys_own_sources_are_asked_before_the_callers_shrinkers),
        cmocka_unit_test(a_round_inside_a_round_does_nothing),
        cmocka_unit_test(g_w1_the_worker_runs_from_low_until_high),
        cmocka_unit_test(the_worker_empties_the_vmalloc_cache_below_low),
        cmocka_unit_test(a_paused_worker_leaves_everything_alone),
        cmocka_unit_test(a_pause_waits_for_the_turn_in_progress),
        cmocka_unit_test(a_hopeless_zone_does_not_keep_the_worker_busy),
        cmocka_unit_test(without_a_worker_a_request_below_low_does_a_little_itself),
        cmocka_unit_test(g_e1_the_hook_runs_when_reclaim_freed_nothing),
        cmocka_unit_test(g_e1_a_request_fails_when_the_hook_frees_nothing),
        cmocka_unit_test(the_hook_runs_in_one_task_at_a_time),
    };
    return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
