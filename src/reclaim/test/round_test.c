/* SPDX-License-Identifier: MIT */
/* What one round asks for, exactly: of whom, how much, in which order, and what it counts as freed. The
 * machine's own sources are put aside, so that those of the test are all there is. */
#include <pthread.h>
#include <sched.h>
#include "machine.h"

#define LIGHT QR_EFFORT_LIGHT
#define ALL QR_EFFORT_ALL

/* ---- sources that remember how they were asked ----------------------------------------------- */

struct asked {
    struct qr_source source; /* first */
    unsigned long answer;    /* of each call … */
    struct page *page[64];   /* … or so many of these are given back first */
    unsigned long nr_pages;
    unsigned long calls, pages[8]; /* how many were wanted, call by call */
    unsigned int sleepless, reclaims, tidied;
    struct quarry *q;
};

static unsigned long asked_shrink(void *data, unsigned long nr_pages, bool may_sleep)
{
    struct asked *asked = data;
    if (asked->calls < QR_ARRAY_SIZE(asked->pages))
        asked->pages[asked->calls] = nr_pages;
    asked->sleepless += !may_sleep;
    asked->reclaims = qp_task()->reclaims;
    for (unsigned long i = 0; i < asked->answer && asked->nr_pages; i++)
        qr_free_block(&asked->q->zones, asked->page[--asked->nr_pages], 0);
    __atomic_add_fetch(&asked->calls, 1, __ATOMIC_RELEASE);
    return asked->answer;
}

static void asked_tidy(void *data)
{
    struct asked *asked = data;
    __atomic_add_fetch(&asked->tidied, 1, __ATOMIC_RELEASE);
}

static void asked_add(struct quarry *q, struct asked *asked, unsigned long answer)
{
    memset(asked, 0, sizeof(*asked));
    asked->q = q;
    asked->answer = answer;
    asked->source = (struct qr_source){.shrink = asked_shrink, .tidy = asked_tidy, .data = asked};
    qr_reclaim_add_source(&q->reclaim, &asked->source);
}

static struct qr_source *kept_sources;

/* Without a worker, without the machine's own sources, and with nothing on the CPUs' lists. */
static struct quarry *bare_boot(const struct test_spec *spec)
{
    struct quarry *q = test_boot_with(spec);
    qr_reclaim_stop(&q->reclaim);
    kept_sources = q->reclaim.sources;
    q->reclaim.sources = NULL;
    qr_pcp_drain_all(&q->zones);
    return q;
}

static void bare_end(struct quarry *q)
{
    qr_reclaim_stop(&q->reclaim);
    q->reclaim.sources = kept_sources;
    test_end(q);
}

static const struct test_spec small = {.pages = 512};

static unsigned long kernel_round(struct quarry *q, unsigned long nr_pages, unsigned int effort)
{
    return qr_reclaim_round(&q->reclaim, GFP_KERNEL, nr_pages, NUMA_NO_NODE, effort);
}

/* ---- a caller's cache that gives pages back -------------------------------------------------- */

struct cache {
    struct shrinker shrinker; /* first */
    struct quarry *q;
    struct page *page[64];
    unsigned long nr, counted, nids; /* nids: a bit for each node it was asked on */
    bool lies;                       /* says that objects went, though no page came back */
    u32 reclaims;
};

static unsigned long cache_count(struct shrinker *shrinker, struct shrink_control *control)
{
    struct cache *cache = (struct cache *)shrinker;
    cache->counted++;
    cache->nids |= 1ul << control->nid;
    cache->reclaims = qp_task()->reclaims;
    return cache->lies ? 100 : cache->nr;
}

static unsigned long cache_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    struct cache *cache = (struct cache *)shrinker;
    unsigned long gone = 0;
    if (cache->lies)
        return control->nr_to_scan;
    for (; gone < control->nr_to_scan && cache->nr; gone++)
        qr_free_block(&cache->q->zones, cache->page[--cache->nr], 0);
    return gone;
}

/* Holds @nr pages of order 0, none of them on a list. */
static void cache_add(struct quarry *q, struct cache *cache, unsigned long nr)
{
    memset(cache, 0, sizeof(*cache));
    cache->q = q;
    cache->shrinker.count_objects = cache_count;
    cache->shrinker.scan_objects = cache_scan;
    for (; cache->nr < nr; cache->nr++)
        assert_non_null(cache->page[cache->nr] =
                            qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE));
    qr_pcp_drain_all(&q->zones);
    assert_int_equal(qr_shrinker_register(&q->reclaim, &cache->shrinker), 0);
}

static void cache_remove(struct quarry *q, struct cache *cache)
{
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &cache->shrinker), 0);
    while (cache->nr)
        qr_free_block(&q->zones, cache->page[--cache->nr], 0);
}

/* ---- sources --------------------------------------------------------------------------------- */

static void each_source_is_asked_for_what_those_before_it_left(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct asked a, b, c, d;
    struct cache cache;
    unsigned long before = q->reclaim.reclaimed, rounds = q->reclaim.rounds;
    asked_add(q, &a, 10);
    asked_add(q, &b, 7);
    asked_add(q, &c, 23);
    asked_add(q, &d, 1);
    cache_add(q, &cache, 8);
    assert_int_equal(kernel_round(q, 40, LIGHT), 40);
    assert_int_equal(a.pages[0], 40);
    assert_int_equal(b.pages[0], 30);
    assert_int_equal(c.pages[0], 23);
    assert_int_equal(a.calls + b.calls + c.calls, 3);
    assert_int_equal(d.calls, 0); /* nothing is missing any more … */
    assert_int_equal(cache.counted, 0);
    assert_int_equal(a.sleepless, 0);
    assert_int_equal(a.reclaims, 1);
    assert_int_equal(qp_task()->reclaims, 0);
    assert_int_equal(q->reclaim.reclaimed - before, 40);
    assert_int_equal(q->reclaim.rounds - rounds, 1);
    cache_remove(q, &cache);
    bare_end(q);
}

static void a_round_asks_for_thirty_two_pages_at_least(void **state)
{
    static const unsigned long wanted[][2] = {{0, 32}, {1, 32}, {32, 32}, {33, 33}, {500, 500}};
    struct quarry *q = bare_boot(&small);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(wanted); i++) {
        struct asked a;
        q->reclaim.sources = NULL;
        asked_add(q, &a, 0);
        kernel_round(q, wanted[i][0], LIGHT);
        assert_int_equal(a.pages[0], wanted[i][1]);
    }
    bare_end(q);
}

static void only_the_hardest_round_asks_for_everything_and_of_everybody(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct asked a, b;
    asked_add(q, &a, 32);
    asked_add(q, &b, 5);
    assert_int_equal(kernel_round(q, 1, ALL - 1), 32);
    assert_int_equal(a.pages[0], 32);
    assert_int_equal(b.calls, 0);
    assert_int_equal(kernel_round(q, 1, ALL), 37);
    assert_true(a.pages[1] == ~0ul);
    assert_true(b.pages[0] == ~0ul);
    bare_end(q);
}

static void a_direct_request_asks_for_twice_its_size(void **state)
{
    static const unsigned long wanted[][2] = {{0, 32}, {4, 32}, {5, 64}, {9, 1024}};
    struct quarry *q = bare_boot(&small);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(wanted); i++) {
        struct asked a;
        q->reclaim.sources = NULL;
        asked_add(q, &a, 3);
        assert_int_equal(q->zones.reclaim.direct(q->zones.reclaim.data, GFP_KERNEL,
                                                 (unsigned int)wanted[i][0], NUMA_NO_NODE, LIGHT),
                         3);
        assert_int_equal(a.pages[0], wanted[i][1]);
    }
    bare_end(q);
}

/* ---- shrinkers ------------------------------------------------------------------------------- */

static void after_the_shrinkers_the_sources_are_asked_for_what_is_still_missing(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct asked a;
    struct cache cache;
    asked_add(q, &a, 10);
    cache_add(q, &cache, 12);
    cache.shrinker.batch = 1; /* an eighth of twelve is one page, more than once */
    assert_int_equal(kernel_round(q, 40, LIGHT), 10 + 1 + 10);
    assert_int_equal(a.calls, 2);
    assert_int_equal(a.pages[0], 40);
    assert_int_equal(a.pages[1], 29);
    assert_int_equal(cache.nr, 11);
    assert_int_equal(cache.reclaims, 1);
    cache_remove(q, &cache);
    bare_end(q);
}

static void pages_of_shrinkers_count_once(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct cache cache;
    u64 before;
    cache_add(q, &cache, 20);
    before = qr_free_pages_total(&q->zones);
    assert_int_equal(kernel_round(q, 40, ALL), 20);
    assert_int_equal(qr_free_pages_total(&q->zones) - before, 20);
    cache_remove(q, &cache);
    bare_end(q);
}

static void shrinkers_that_freed_nothing_change_nothing(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct asked a;
    struct cache cache;
    asked_add(q, &a, 2);
    cache_add(q, &cache, 0); /* counts none */
    assert_int_equal(kernel_round(q, 40, LIGHT), 2);
    assert_int_equal(cache.counted, 1);
    assert_int_equal(a.calls, 1); /* not again */
    cache.lies = true;            /* objects went, and no page with them */
    assert_int_equal(kernel_round(q, 40, ALL), 4);
    assert_int_equal(cache.counted, 2);
    assert_int_equal(a.calls, 3);
    cache_remove(q, &cache);
    bare_end(q);
}

static void shrinkers_are_told_the_node_of_the_request(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "nodes"};
    struct quarry *q = bare_boot(&spec);
    struct cache aware, plain;
    cache_add(q, &aware, 0);
    cache_add(q, &plain, 0);
    aware.shrinker.flags = SHRINKER_NUMA_AWARE;
    for (int nid = NUMA_NO_NODE; nid < 2; nid++) {
        unsigned long nodes = nid == NUMA_NO_NODE ? 3 : 1ul << nid;
        aware.nids = plain.nids = 0;
        qr_reclaim_round(&q->reclaim, GFP_KERNEL, 1, nid, LIGHT);
        assert_int_equal(aware.nids, nodes);
        assert_int_equal(plain.nids, 1);
        aware.nids = 0;
        q->zones.reclaim.direct(q->zones.reclaim.data, GFP_KERNEL, 0, nid, LIGHT);
        assert_int_equal(aware.nids, nodes);
    }
    cache_remove(q, &aware);
    cache_remove(q, &plain);
    bare_end(q);
}

/* ---- page lists ------------------------------------------------------------------------------ */

static void pages_of_lists_are_progress_for_a_light_round_alone(void **state)
{
    struct quarry *q = bare_boot(&small);
    for (unsigned int effort = LIGHT; effort <= ALL; effort++) {
        struct page *page[8];
        for (unsigned int i = 0; i < 8; i++)
            page[i] = qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE);
        qr_pcp_drain_all(&q->zones);
        u64 before = qr_free_pages_total(&q->zones);
        for (unsigned int i = 0; i < 8; i++)
            qr_free_block(&q->zones, page[i], 0);
        assert_int_equal(qr_free_pages_total(&q->zones), before);
        assert_int_equal(kernel_round(q, 1, effort), effort == LIGHT ? 8 : 0);
        assert_int_equal(qr_free_pages_total(&q->zones), before + 8);
    }
    bare_end(q);
}

/* ---- the worker ------------------------------------------------------------------------------ */

/* Take pages that wake nobody until the zone is below low; they are the source's to give back. */
static void starve(struct quarry *q, struct page **page, unsigned long *nr)
{
    struct zone *zone = &q->zones.zone[0];
    *nr = 0;
    while (qr_zone_free_pages(zone) >= zone->watermark[QR_WMARK_LOW]) {
        page[*nr] = qr_alloc_pages(&q->zones, GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM, 0, NUMA_NO_NODE);
        assert_non_null(page[(*nr)++]);
    }
    qr_pcp_drain_all(&q->zones);
    while (qr_zone_free_pages(zone) >= zone->watermark[QR_WMARK_LOW]) {
        page[*nr] = qr_alloc_pages(&q->zones, GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM, 0, NUMA_NO_NODE);
        assert_non_null(page[(*nr)++]);
        qr_pcp_drain_all(&q->zones);
    }
}

static void feed(struct quarry *q, struct page **page, unsigned long nr)
{
    while (nr)
        qr_free_block(&q->zones, page[--nr], 0);
}

static void wake_for(struct quarry *q, u32 index)
{
    q->zones.reclaim.wake(q->zones.reclaim.data, &q->zones.zone[index], GFP_NOWAIT, 0);
}

/* Until the worker has given the zone up, or brought it above high. */
static void wait_for_worker(struct quarry *q)
{
    while (__atomic_load_n(&q->reclaim.busy, __ATOMIC_ACQUIRE) |
           __atomic_load_n(&q->reclaim.wanted, __ATOMIC_ACQUIRE))
        sched_yield();
}

static struct page *starved[2048];

static void the_worker_tries_each_effort_once_and_then_rests(void **state)
{
    struct test_spec spec = {.pages = 2048};
    struct quarry *q = bare_boot(&spec);
    struct zone *zone = &q->zones.zone[0];
    struct asked gap, everything;
    unsigned long nr, rounds, missing;
    asked_add(q, &gap, 0);
    asked_add(q, &everything, 0);
    everything.source.empty_below_low = true;
    starve(q, starved, &nr);
    qr_reclaim_start(&q->reclaim);
    missing = (unsigned long)(zone->watermark[QR_WMARK_HIGH] - qr_zone_free_pages(zone));
    rounds = q->reclaim.rounds;
    wake_for(q, 0);
    wait_for_worker(q); /* its rest is over, and nobody asked again */
    assert_int_equal(__atomic_load_n(&q->reclaim.rounds, __ATOMIC_RELAXED) - rounds, 4);
    assert_int_equal(gap.calls, 4);
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(gap.pages[i], QR_MAX(missing, 32ul));
        assert_true(everything.pages[i] == ~0ul);
    }
    assert_int_equal(gap.sleepless, 0);
    assert_true(__atomic_load_n(&gap.tidied, __ATOMIC_ACQUIRE) > 0);
    wake_for(q, 0); /* given up for that time only */
    wait_for_worker(q);
    assert_int_equal(__atomic_load_n(&q->reclaim.rounds, __ATOMIC_RELAXED) - rounds, 8);
    feed(q, starved, nr);
    bare_end(q);
}

static void the_worker_goes_on_gently_while_something_comes_back(void **state)
{
    struct test_spec spec = {.pages = 8192};
    struct quarry *q = bare_boot(&spec);
    struct zone *zone = &q->zones.zone[0];
    struct asked source;
    struct cache cache;
    static struct page *page[8192];
    unsigned long nr, missing, rounds = q->reclaim.rounds;
    asked_add(q, &source, 4);
    starve(q, page, &nr);
    cache_add(q, &cache, 0); /* asked on every node, and never hard */
    cache.shrinker.flags = SHRINKER_NUMA_AWARE;
    missing = (unsigned long)(zone->watermark[QR_WMARK_HIGH] - qr_zone_free_pages(zone));
    assert_true(missing > 6 * 4 && missing < QR_ARRAY_SIZE(source.page));
    for (unsigned long i = 0; i < QR_ARRAY_SIZE(source.page); i++)
        source.page[source.nr_pages++] = page[--nr];
    qr_reclaim_start(&q->reclaim);
    wake_for(q, 0);
    wait_for_worker(q);
    assert_true(qr_zone_free_pages(zone) >= zone->watermark[QR_WMARK_HIGH]);
    assert_true(qr_zone_free_pages(zone) < zone->watermark[QR_WMARK_HIGH] + 8);
    for (unsigned int i = 0; i < 6; i++) /* never for everything: no source here is to be emptied */
        assert_true(source.pages[i] < 1000);
    assert_true(__atomic_load_n(&q->reclaim.rounds, __ATOMIC_RELAXED) - rounds >= missing / 8);
    cache_remove(q, &cache);
    feed(q, source.page, source.nr_pages);
    feed(q, page, nr);
    bare_end(q);
}

/* ---- waking it ------------------------------------------------------------------------------- */

struct gate {
    struct qr_source source; /* first */
    int in_tidy, in_shrink;  /* is inside */
    int open_tidy, open_shrink;
};

static void gate_pass(int *inside, const int *open)
{
    __atomic_store_n(inside, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(open, __ATOMIC_SEQ_CST))
        sched_yield();
}

static void gate_tidy(void *data)
{
    struct gate *gate = data;
    gate_pass(&gate->in_tidy, &gate->open_tidy);
}

static unsigned long gate_shrink(void *data, unsigned long nr_pages, bool may_sleep)
{
    struct gate *gate = data;
    gate_pass(&gate->in_shrink, &gate->open_shrink);
    return 0;
}

static void await(const int *flag)
{
    while (!__atomic_load_n(flag, __ATOMIC_SEQ_CST))
        sched_yield();
}

static u32 moves(struct quarry *q)
{
    return __atomic_load_n(&q->reclaim.wake.moves, __ATOMIC_SEQ_CST);
}

static void a_zone_wakes_the_worker_once_until_it_has_seen_to_it(void **state)
{
    struct quarry *q = bare_boot(&small);
    static struct gate gate;
    unsigned long nr;
    u32 seen;
    memset(&gate, 0, sizeof(gate));
    gate.source = (struct qr_source){.shrink = gate_shrink, .tidy = gate_tidy, .data = &gate};
    qr_reclaim_add_source(&q->reclaim, &gate.source);
    starve(q, starved, &nr);
    qr_reclaim_start(&q->reclaim);
    await(&gate.in_tidy); /* its first turn, for nobody */
    seen = moves(q);
    wake_for(q, 0);
    assert_int_equal(moves(q), seen + 1);
    wake_for(q, 0); /* still to be seen to */
    assert_int_equal(moves(q), seen + 1);
    __atomic_store_n(&gate.open_tidy, 1, __ATOMIC_SEQ_CST);
    await(&gate.in_shrink); /* at it */
    assert_int_equal(__atomic_load_n(&q->reclaim.wanted, __ATOMIC_SEQ_CST), 0);
    assert_int_equal(__atomic_load_n(&q->reclaim.busy, __ATOMIC_SEQ_CST), 1);
    wake_for(q, 0);
    assert_int_equal(moves(q), seen + 1);
    assert_int_equal(__atomic_load_n(&q->reclaim.wanted, __ATOMIC_SEQ_CST), 0);
    __atomic_store_n(&gate.open_shrink, 1, __ATOMIC_SEQ_CST);
    feed(q, starved, nr);
    bare_end(q);
}

/* Zones are asked for by their bits, and what they miss is added up. */
static void the_worker_sees_to_the_zones_that_asked_and_to_no_other(void **state)
{
    static const u64 missing[] = {150, 70}; /* pages of each of the two */
    struct test_spec spec = {.pages = 2048, .profile = "nodes"};
    for (u32 wanted = 1; wanted < 4; wanted++) {
        struct quarry *q = bare_boot(&spec);
        static struct gate gate;
        struct asked a;
        memset(&gate, 0, sizeof(gate));
        gate.source = (struct qr_source){.shrink = gate_shrink, .data = &gate};
        assert_int_equal(q->zones.nr_zones, 2);
        for (u32 i = 0; i < 2; i++)
            q->zones.zone[i].watermark[QR_WMARK_HIGH] = q->zones.zone[i].free_pages + missing[i];
        asked_add(q, &a, 0);
        qr_reclaim_add_source(&q->reclaim, &gate.source);
        qr_reclaim_start(&q->reclaim);
        qr_reclaim_pause(&q->reclaim);
        for (u32 i = 0; i < 2; i++)
            if (wanted & (1u << i))
                wake_for(q, i);
        assert_int_equal(__atomic_load_n(&q->reclaim.wanted, __ATOMIC_SEQ_CST), wanted);
        qr_reclaim_resume(&q->reclaim);
        while (!__atomic_load_n(&gate.in_shrink, __ATOMIC_SEQ_CST) &&
               __atomic_load_n(&q->reclaim.wanted, __ATOMIC_SEQ_CST) |
                   __atomic_load_n(&q->reclaim.busy, __ATOMIC_SEQ_CST))
            sched_yield();
        assert_int_equal(__atomic_load_n(&q->reclaim.busy, __ATOMIC_SEQ_CST), wanted);
        assert_int_equal(__atomic_load_n(&q->reclaim.wanted, __ATOMIC_SEQ_CST), 0);
        assert_int_equal(a.pages[0], (wanted & 1) * missing[0] + (wanted / 2) * missing[1]);
        __atomic_store_n(&gate.open_shrink, 1, __ATOMIC_SEQ_CST);
        bare_end(q);
    }
}

static void a_kick_reaches_the_worker_or_says_that_there_is_none(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct asked a;
    unsigned int before;
    asked_add(q, &a, 0);
    assert_false(qr_reclaim_kick(&q->reclaim));
    assert_int_equal(a.tidied, 0);
    qr_reclaim_start(&q->reclaim);
    while (!(before = __atomic_load_n(&a.tidied, __ATOMIC_ACQUIRE)))
        sched_yield();
    assert_true(qr_reclaim_kick(&q->reclaim));
    while (__atomic_load_n(&a.tidied, __ATOMIC_ACQUIRE) == before)
        sched_yield();
    qr_reclaim_stop(&q->reclaim);
    assert_int_equal(q->reclaim.running, 0);
    assert_false(qr_reclaim_kick(&q->reclaim));
    assert_int_equal(a.calls, 0); /* no zone was short */
    bare_end(q);
}

static void without_a_worker_only_a_request_that_may_sleep_helps_itself(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct zone *zone = &q->zones.zone[0];
    struct qr_reclaim_hooks *hooks = &q->zones.reclaim;
    struct asked a;
    asked_add(q, &a, 1);
    hooks->wake(hooks->data, zone, GFP_NOWAIT, 0);
    qp_atomic_enter();
    hooks->wake(hooks->data, zone, GFP_KERNEL, 0);
    qp_atomic_leave();
    qp_task()->reclaims = 1;
    hooks->wake(hooks->data, zone, GFP_KERNEL, 0);
    qp_task()->reclaims = 0;
    assert_int_equal(a.calls + a.tidied, 0);
    hooks->wake(hooks->data, zone, GFP_KERNEL, 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.tidied, 1);
    assert_int_equal(a.pages[0], 32);
    assert_int_equal(q->reclaim.wanted, 0);
    bare_end(q);
}

/* ---- the out-of-memory hook ------------------------------------------------------------------ */

struct policy {
    int inside, open;
    unsigned int calls, reclaims;
    unsigned long answer, waited;
    gfp_t gfp;
    unsigned int order;
    struct quarry *q;
};

static unsigned long policy_hook(gfp_t gfp, unsigned int order, void *data)
{
    struct policy *policy = data;
    policy->calls++;
    policy->reclaims = qp_task()->reclaims;
    policy->gfp = gfp;
    policy->order = order;
    gate_pass(&policy->inside, &policy->open);
    return policy->answer;
}

static unsigned long out_of_memory(struct quarry *q)
{
    return q->zones.reclaim.oom(q->zones.reclaim.data, GFP_KERNEL, 0);
}

static void the_hook_answers_for_the_request_and_runs_inside_reclaim(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct policy first = {.answer = 77, .open = 1}, second = {.answer = 5, .open = 1};
    assert_int_equal(out_of_memory(q), 0);
    assert_null(qr_oom_set(&q->reclaim, policy_hook, &first));
    assert_int_equal(out_of_memory(q), 77);
    assert_int_equal(first.reclaims, 1);
    assert_int_equal(first.gfp, GFP_KERNEL);
    assert_int_equal(first.order, 0);
    q->zones.reclaim.oom(q->zones.reclaim.data, GFP_HIGHUSER, 3);
    assert_int_equal(first.gfp, GFP_HIGHUSER);
    assert_int_equal(first.order, 3);
    assert_int_equal(qp_task()->reclaims, 0);
    assert_ptr_equal(qr_oom_set(&q->reclaim, policy_hook, &second), policy_hook);
    assert_int_equal(out_of_memory(q), 5);
    assert_int_equal(first.calls, 2);
    assert_int_equal(second.calls, 1);
    bare_end(q);
}

static void *policy_other(void *data)
{
    struct policy *policy = data;
    unsigned long answer = out_of_memory(policy->q);
    __atomic_store_n(&policy->waited, answer, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *policy_one(void *data)
{
    return (void *)out_of_memory(((struct policy *)data)->q);
}

static void who_waits_for_another_s_hook_is_told_of_progress(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct policy policy = {.q = q, .answer = 9};
    pthread_t one, other;
    void *answer;
    assert_null(qr_oom_set(&q->reclaim, policy_hook, &policy));
    pthread_create(&one, NULL, policy_one, &policy);
    await(&policy.inside);
    pthread_create(&other, NULL, policy_other, &policy);
    for (int i = 0; i < 2000; i++)
        sched_yield();
    assert_int_equal(__atomic_load_n(&policy.waited, __ATOMIC_SEQ_CST), 0);
    __atomic_store_n(&policy.open, 1, __ATOMIC_SEQ_CST);
    pthread_join(one, &answer);
    pthread_join(other, NULL);
    assert_int_equal((unsigned long)answer, 9);
    /* Told of progress; or it came so late that the hook was free again. */
    assert_true(policy.waited == 1 || (policy.waited == 9 && policy.calls == 2));
    assert_false(q->reclaim.oom_runs);
    bare_end(q);
}

/* ---- a copy of the machine ------------------------------------------------------------------- */

static void a_copy_forgets_what_its_tasks_were_doing_and_has_a_worker(void **state)
{
    struct quarry *q = bare_boot(&small);
    struct policy policy = {.q = q, .answer = 9, .open = 1};
    struct cache stays, leaves;
    struct asked a;
    asked_add(q, &a, 0);
    cache_add(q, &stays, 0);
    cache_add(q, &leaves, 0);
    qr_oom_set(&q->reclaim, policy_hook, &policy);
    /* As a fork finds it: the worker at work, a task in the hook, one in each shrinker, one that waits
     * to take the second out, one that keeps the worker asleep. */
    q->reclaim.oom_runs = q->reclaim.working = true;
    q->reclaim.paused = 2;
    q->reclaim.wanted = q->reclaim.busy = 1;
    q->reclaim.stop = 1;
    stays.shrinker.users = leaves.shrinker.users = 1;
    qr_shrinkers_run(&q->reclaim, GFP_KERNEL, NUMA_NO_NODE, ALL);
    assert_int_equal(leaves.counted, 1);
    leaves.shrinker.state++; /* leaving: no new calls */
    qr_shrinkers_run(&q->reclaim, GFP_KERNEL, NUMA_NO_NODE, ALL);
    assert_int_equal(leaves.counted, 1);
    qr_reclaim_after_fork(&q->reclaim);
    while (!__atomic_load_n(&a.tidied, __ATOMIC_ACQUIRE)) /* it works, and is not asked to pause */
        sched_yield();
    assert_int_equal(out_of_memory(q), 9);
    assert_int_equal(__atomic_load_n(&q->reclaim.wanted, __ATOMIC_ACQUIRE) |
                         __atomic_load_n(&q->reclaim.busy, __ATOMIC_ACQUIRE),
                     0);
    qr_shrinkers_run(&q->reclaim, GFP_KERNEL, NUMA_NO_NODE, ALL);
    assert_int_equal(leaves.counted, 1);
    assert_int_equal(stays.counted, 3);
    assert_int_equal(qr_shrinker_unregister(&q->reclaim, &leaves.shrinker), -QR_ENOENT);
    assert_int_equal(qr_shrinker_register(&q->reclaim, &leaves.shrinker), 0);
    cache_remove(q, &leaves);
    cache_remove(q, &stays); /* nobody is inside: it does not wait */
    bare_end(q);
}

static void a_copy_pauses_its_worker_without_waiting_for_the_original_s(void **state)
{
    struct quarry *q = bare_boot(&small);
    q->reclaim.working = true;
    qr_reclaim_after_fork(&q->reclaim);
    qr_reclaim_pause(&q->reclaim);
    assert_false(q->reclaim.working);
    assert_int_equal(q->reclaim.paused, 1);
    qr_reclaim_resume(&q->reclaim);
    bare_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_is_asked_for_what_those_before_it_left),
        cmocka_unit_test(a_round_asks_for_thirty_two_pages_at_least),
        cmocka_unit_test(only_the_hardest_round_asks_for_everything_and_of_everybody),
        cmocka_unit_test(a_direct_request_asks_for_twice_its_size),
        cmocka_unit_test(after_the_shrinkers_the_sources_are_asked_for_what_is_still_missing),
        cmocka_unit_test(pages_of_shrinkers_count_once),
        cmocka_unit_test(shrinkers_that_freed_nothing_change_nothing),
        cmocka_unit_test(shrinkers_are_told_the_node_of_the_request),
        cmocka_unit_test(pages_of_lists_are_progress_for_a_light_round_alone),
        cmocka_unit_test(the_worker_tries_each_effort_once_and_then_rests),
        cmocka_unit_test(the_worker_goes_on_gently_while_something_comes_back),
        cmocka_unit_test(a_zone_wakes_the_worker_once_until_it_has_seen_to_it),
        cmocka_unit_test(the_worker_sees_to_the_zones_that_asked_and_to_no_other),
        cmocka_unit_test(a_kick_reaches_the_worker_or_says_that_there_is_none),
        cmocka_unit_test(without_a_worker_only_a_request_that_may_sleep_helps_itself),
        cmocka_unit_test(the_hook_answers_for_the_request_and_runs_inside_reclaim),
        cmocka_unit_test(who_waits_for_another_s_hook_is_told_of_progress),
        cmocka_unit_test(a_copy_forgets_what_its_tasks_were_doing_and_has_a_worker),
        cmocka_unit_test(a_copy_pauses_its_worker_without_waiting_for_the_original_s),
    };
    return cmocka_run_group_tests_name("round", tests, NULL, NULL);
}
