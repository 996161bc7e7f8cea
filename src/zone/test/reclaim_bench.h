/* SPDX-License-Identifier: MIT */
/* A zone machine with a reclaim that does what the test says, and zones of known marks. */
#ifndef RECLAIM_BENCH_H
#define RECLAIM_BENCH_H

#include "zone_machine.h"

/* ---- a reclaim that does what the test says ------------------------------------------------- */

static struct {
    struct zm *m;
    struct zm_hoard *hoard; /* pages it can give back */
    unsigned long give;     /* each round */
    unsigned long lie;      /* pages it claims beyond those */
    unsigned long rounds, wakes, ooms;
    unsigned long oom_give, oom_lie;
    unsigned int max_effort;
    gfp_t gfp;
    struct zone *woken;
    bool allocates; /* each round also allocates, as a swap-out might */
    struct page *got;
} rc;

static inline unsigned long rc_give(unsigned long nr)
{
    unsigned long given = 0;
    while (given < nr && rc.hoard && rc.hoard->nr) {
        zm_free(rc.m, rc.hoard->page[--rc.hoard->nr], 0);
        given++;
    }
    return given;
}

static inline unsigned long rc_direct(void *data, gfp_t gfp, unsigned int order, int nid,
                                      unsigned int effort)
{
    (void)data;
    (void)order;
    (void)nid;
    rc.rounds++;
    rc.gfp = gfp;
    rc.max_effort = effort > rc.max_effort ? effort : rc.max_effort;
    assert_true(qp_may_sleep());
    if (rc.allocates) {
        unsigned long rounds = rc.rounds;
        rc.got = zm_alloc(rc.m, GFP_KERNEL | __GFP_NOWARN, 0);
        assert_int_equal(rc.rounds, rounds); /* never again from inside */
    }
    return rc_give(rc.give) + rc.lie;
}

static inline void rc_wake(void *data, struct zone *zone, gfp_t gfp, unsigned int order)
{
    (void)data;
    (void)gfp;
    (void)order;
    rc.wakes++;
    rc.woken = zone;
}

static inline unsigned long rc_oom(void *data, gfp_t gfp, unsigned int order)
{
    (void)data;
    (void)gfp;
    (void)order;
    __atomic_fetch_add(&rc.ooms, 1, __ATOMIC_RELAXED);
    return rc_give(rc.oom_give) + rc.oom_lie;
}

/* A machine of one zone with this min, low, high: 200, 250, 300 pages. */
static inline struct zm *bench_with(struct zm_spec spec)
{
    struct zm *m;
    spec.pages = spec.pages ? spec.pages : 4096;
    spec.min_free_kbytes = 800;
    m = zm_boot(&spec);
    memset(&rc, 0, sizeof(rc));
    rc.m = m;
    m->zones.reclaim =
        (struct qr_reclaim_hooks){.data = &rc, .direct = rc_direct, .wake = rc_wake, .oom = rc_oom};
    return m;
}

static inline struct zm *bench(void)
{
    return bench_with((struct zm_spec){0});
}

/* Take pages until exactly @left are free, with no list holding any. */
static inline struct zm_hoard *leave(struct zm *m, u64 left)
{
    struct zm_hoard *hoard = malloc(sizeof(*hoard));
    hoard->nr = 0;
    qr_pcp_drain_all(&m->zones);
    while (qr_free_pages_total(&m->zones) > left) {
        hoard->page[hoard->nr] = zm_alloc(m, __GFP_MEMALLOC, 0);
        assert_non_null(hoard->page[hoard->nr++]);
        if (qr_free_pages_total(&m->zones) <= left)
            qr_pcp_drain_all(&m->zones);
    }
    assert_int_equal(qr_free_pages_total(&m->zones), left);
    rc.wakes = rc.rounds = rc.ooms = 0;
    return hoard;
}

static inline u64 free_of(struct zm *m)
{
    return qr_free_pages_total(&m->zones);
}

#endif
