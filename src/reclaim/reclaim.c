/* SPDX-License-Identifier: MIT */
/* reclaim: pages back from where they are only kept, not needed.
 *
 * Problem. An allocator that keeps things ready (page lists per CPU, empty slabs, mapped areas,
 * callers' caches) holds most of memory after a while. When a request finds too little, some of
 * that must come back: gently while there is still some memory, thoroughly before a request fails,
 * and never in a way that the request's own context forbids.
 *
 * Words. A *round* is one pass over everything that could give pages back. Its *effort* says how
 * much it asks for. A *source* is a layer of Quarry itself that keeps pages. *Direct* reclaim runs
 * in the task whose request found too little; the *worker* is a task of its own.
 *
 * Idea. One round is the table of steps below, in order of what they cost the machine. Each step
 * names the mask bits without which it must not run, so that what a mask forbids is decided in one
 * place (G-I1, G-I2):
 *
 *     step                needs     what it does
 *     1 page lists        -         free pages parked on the CPUs' lists go to their zones
 *     2 sources           -         empty slabs, cached vmalloc areas
 *     3 shrinkers         -         the callers' caches, with the request's own mask; then 1 and 2
 *                                   again, since freed objects end on stacks and in empty slabs
 *     (write-back         IO, FS    flush dirty caches to their backing store: its place is behind
 *      swap-out           IO        the shrinkers, since it writes; compaction for orders above 0
 *      compaction         -         comes last, when free pages are enough but lie apart)
 *
 * The three in parentheses have nothing to work on yet: no layer keeps dirty or movable pages.
 * Whoever adds one adds a line to the table.
 *
 * Progress is counted in pages that came back, never in objects: a shrinker that frees objects out
 * of slabs that stay has not helped the request, and one that lies cannot keep it retrying.
 *
 * The worker starts when a zone falls below `low` and runs until it is above `high`, raising the
 * effort while nothing comes. When even all is not enough, it rests for a tenth of a second with
 * the zone still marked, so that a hopeless machine is not also a busy one. A port without tasks
 * has no worker; then the request that finds a zone below `low` runs one light round, if it may
 * sleep.
 *
 * Invariants. R1: inside a round qp_task()->reclaims > 0, which the page allocator reads as "ignore
 * the watermarks and do not reclaim" (G-W4, G-I4), so no round runs inside a round. R2: no lock is held while
 * a source, a shrinker or the out-of-memory hook runs. R3: a request without
 * __GFP_DIRECT_RECLAIM never gets here but through the wake hook, which only notes and wakes (G-C2).
 *
 * Locks: reclaim->lock (shrinkers, hook); see shrinker.c. What may sleep: rounds, start and stop. */
#include "reclaim.h"

/* A round asks for at least this many pages: the work of a round costs more than the pages. */
#define RECLAIM_PORTION 32ul
#define RECLAIM_REST_NS (100ull * 1000 * 1000)

struct reclaim_request {
    struct qr_reclaim *reclaim;
    gfp_t gfp;
    unsigned long nr_pages;
    int nid;
    unsigned int effort;
    bool may_sleep, background;
    unsigned long freed;
};

/* Pages on lists are free already: giving them back counts as progress only in a light round, or a
 * request that needs something else would be told of progress for ever. */
static void reclaim_step_lists(struct reclaim_request *request)
{
    unsigned long drained = qr_pcp_drain_all(request->reclaim->zones);
    if (request->effort == QR_EFFORT_LIGHT)
        request->freed += drained;
}

static void reclaim_step_sources(struct reclaim_request *request)
{
    struct qr_source *source;
    for (source = request->reclaim->sources; source; source = source->next) {
        unsigned long wanted = QR_ABOVE(request->nr_pages, request->freed);
        if (request->background ? source->empty_below_low : request->effort >= QR_EFFORT_ALL)
            wanted = ~0ul;
        if (wanted)
            request->freed += source->shrink(source->data, wanted, request->may_sleep);
    }
}

static void reclaim_step_shrinkers(struct reclaim_request *request)
{
    struct qr_reclaim *reclaim = request->reclaim;
    u64 before, after;
    if (request->freed >= request->nr_pages || !request->may_sleep)
        return;
    before = qr_free_pages_total(reclaim->zones);
    if (!qr_shrinkers_run(reclaim, request->gfp, request->nid, request->effort))
        return;
    qr_pcp_drain_all(reclaim->zones); /* what they freed lies there, and counts as free only now */
    after = qr_free_pages_total(reclaim->zones);
    request->freed += (unsigned long)QR_ABOVE(after, before);
    reclaim_step_sources(request);
}

static const struct reclaim_step {
    gfp_t needs;
    void (*run)(struct reclaim_request *request);
} reclaim_steps[] = {
    {0, reclaim_step_lists},
    {0, reclaim_step_sources},
    {0, reclaim_step_shrinkers},
};

static unsigned long reclaim_run(struct reclaim_request *request)
{
    struct qp_task *task = qp_task();
    task->reclaims++;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(reclaim_steps); i++)
        if ((reclaim_steps[i].needs & ~request->gfp) == 0)
            reclaim_steps[i].run(request);
    task->reclaims--;
    __atomic_fetch_add(&request->reclaim->rounds, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&request->reclaim->reclaimed, request->freed, __ATOMIC_RELAXED);
    return request->freed;
}

static unsigned long reclaim_for(struct qr_reclaim *reclaim, gfp_t gfp, unsigned long nr_pages,
                                 int nid, unsigned int effort)
{
    struct reclaim_request request = {.reclaim = reclaim,
                                      .gfp = gfp,
                                      .nr_pages = QR_MAX(nr_pages, RECLAIM_PORTION),
                                      .nid = nid,
                                      .effort = effort,
                                      .may_sleep = true};
    return reclaim_run(&request);
}

unsigned long qr_reclaim_round(struct qr_reclaim *reclaim, gfp_t gfp, unsigned long nr_pages,
                               int nid, unsigned int effort)
{
    return qp_task()->reclaims ? 0 : reclaim_for(reclaim, gfp, nr_pages, nid, effort);
}

/* zones->reclaim.direct. The page allocator has marked the task before it calls, and calls for no
 * request that is marked already. */
static unsigned long reclaim_direct(void *data, gfp_t gfp, unsigned int order, int nid,
                                    unsigned int effort)
{
    return reclaim_for(data, gfp, 2ul << order, nid, effort);
}

/* ---- the out-of-memory hook ------------------------------------------------------------------ */

/* zones->reclaim.oom. One task at a time runs the hook: it is the caller's policy, and two that
 * choose a victim at once choose two. Who had to wait is told of progress, since the other's victim
 * may have been enough; if not, its turn comes next time. */
static unsigned long reclaim_oom(void *data, gfp_t gfp, unsigned int order)
{
    struct qr_reclaim *reclaim = data;
    struct qp_task *task = qp_task();
    unsigned long freed, state = qp_lock(&reclaim->lock);
    quarry_oom_fn hook = reclaim->oom;
    void *hook_data = reclaim->oom_data;
    if (!hook) {
        qp_unlock(&reclaim->lock, state);
        return 0;
    }
    if (reclaim->oom_runs) {
        u32 seen = __atomic_load_n(&reclaim->oom_ended.moves, __ATOMIC_ACQUIRE);
        qp_unlock(&reclaim->lock, state);
        qp_wait(&reclaim->oom_ended, seen, 0);
        return 1;
    }
    reclaim->oom_runs = true;
    qp_unlock(&reclaim->lock, state);

    task->reclaims++;
    freed = hook(gfp, order, hook_data);
    task->reclaims--;

    state = qp_lock(&reclaim->lock);
    reclaim->oom_runs = false;
    qp_wake(&reclaim->oom_ended);
    qp_unlock(&reclaim->lock, state);
    return freed;
}

quarry_oom_fn qr_oom_set(struct qr_reclaim *reclaim, quarry_oom_fn hook, void *data)
{
    unsigned long state = qp_lock(&reclaim->lock);
    quarry_oom_fn before = reclaim->oom;
    reclaim->oom = hook;
    reclaim->oom_data = data;
    qp_unlock(&reclaim->lock, state);
    return before;
}

_Static_assert(QR_MAX_ZONES <= 64, "one bit a zone");

/* ---- the worker ------------------------------------------------------------------------------ */

/* Pages that zone @index is short of its high mark. */
static unsigned long reclaim_zone_gap(const struct qr_reclaim *reclaim, u32 index)
{
    const struct zone *zone = &reclaim->zones->zone[index];
    u64 nr_free = qr_zone_free_pages(zone), high = zone->watermark[QR_WMARK_HIGH];
    return (unsigned long)QR_ABOVE(high, nr_free);
}

/* Of the zones in @wanted, those still below high; their gap is added up in *@gap. */
static u64 reclaim_zones_short(const struct qr_reclaim *reclaim, u64 wanted, unsigned long *gap)
{
    u64 still = 0;
    *gap = 0;
    for (u32 i = 0; i < reclaim->zones->nr_zones; i++) {
        unsigned long pages = wanted & (1ull << i) ? reclaim_zone_gap(reclaim, i) : 0;
        if (pages)
            still |= 1ull << i;
        *gap += pages;
    }
    return still;
}

/* Raise the wanted zones above their high marks. Returns those that could not be. */
static u64 reclaim_balance(struct qr_reclaim *reclaim, u64 wanted)
{
    unsigned int effort = QR_EFFORT_LIGHT;
    unsigned long gap;
    u64 still;
    while ((still = reclaim_zones_short(reclaim, wanted, &gap)) &&
           !__atomic_load_n(&reclaim->stop, __ATOMIC_ACQUIRE)) {
        struct reclaim_request request = {.reclaim = reclaim,
                                          .gfp = GFP_KERNEL,
                                          .nr_pages = QR_MAX(gap, RECLAIM_PORTION),
                                          .nid = NUMA_NO_NODE,
                                          .effort = effort,
                                          .may_sleep = true,
                                          .background = true};
        if (!reclaim_run(&request) && effort++ == QR_EFFORT_ALL)
            break;
    }
    return still;
}

static void reclaim_tidy(struct qr_reclaim *reclaim)
{
    struct qr_source *source;
    for (source = reclaim->sources; source; source = source->next)
        if (source->tidy)
            source->tidy(source->data);
}

/* One turn of the worker. Returns the zones that could not be helped. */
static u64 reclaim_turn(struct qr_reclaim *reclaim)
{
    u64 wanted = __atomic_load_n(&reclaim->wanted, __ATOMIC_ACQUIRE), hopeless;
    reclaim_tidy(reclaim);
    __atomic_fetch_or(&reclaim->busy, wanted, __ATOMIC_ACQ_REL);
    __atomic_fetch_and(&reclaim->wanted, ~wanted, __ATOMIC_ACQ_REL);
    hopeless = wanted ? reclaim_balance(reclaim, wanted) : 0;
    __atomic_fetch_and(&reclaim->busy, ~(wanted & ~hopeless), __ATOMIC_ACQ_REL);
    return hopeless;
}

/* Begin a turn, unless the worker is to pause; end it. */
static bool reclaim_turn_begin(struct qr_reclaim *reclaim)
{
    unsigned long state = qp_lock(&reclaim->lock);
    bool working;
    working = reclaim->working = !reclaim->paused;
    qp_unlock(&reclaim->lock, state);
    return working;
}

static void reclaim_turn_end(struct qr_reclaim *reclaim)
{
    unsigned long state = qp_lock(&reclaim->lock);
    reclaim->working = false;
    if (reclaim->paused)
        qp_wake(&reclaim->rested);
    qp_unlock(&reclaim->lock, state);
}

static void reclaim_worker(void *arg)
{
    struct qr_reclaim *reclaim = arg;
    while (!__atomic_load_n(&reclaim->stop, __ATOMIC_ACQUIRE)) {
        u32 seen = __atomic_load_n(&reclaim->wake.moves, __ATOMIC_ACQUIRE);
        u64 hopeless = 0;
        if (reclaim_turn_begin(reclaim)) {
            hopeless = reclaim_turn(reclaim);
            reclaim_turn_end(reclaim);
        }
        if (__atomic_load_n(&reclaim->stop, __ATOMIC_ACQUIRE))
            break;
        qp_wait(&reclaim->wake, seen, hopeless ? RECLAIM_REST_NS : 0);
        __atomic_fetch_and(&reclaim->busy, ~hopeless, __ATOMIC_ACQ_REL);
    }
    __atomic_store_n(&reclaim->running, 0, __ATOMIC_RELEASE);
    qp_wake(&reclaim->stopped);
}

void qr_reclaim_pause(struct qr_reclaim *reclaim)
{
    unsigned long state = qp_lock(&reclaim->lock);
    reclaim->paused++;
    while (reclaim->working) {
        u32 seen = __atomic_load_n(&reclaim->rested.moves, __ATOMIC_ACQUIRE);
        qp_unlock(&reclaim->lock, state);
        qp_wait(&reclaim->rested, seen, 0);
        state = qp_lock(&reclaim->lock);
    }
    qp_unlock(&reclaim->lock, state);
}

void qr_reclaim_resume(struct qr_reclaim *reclaim)
{
    unsigned long state = qp_lock(&reclaim->lock);
    bool last = --reclaim->paused == 0;
    qp_unlock(&reclaim->lock, state);
    if (last)
        qp_wake(&reclaim->wake); /* what came in the meantime */
}

/* Without a worker, the request that noticed does a little itself. */
static void reclaim_wake_self(struct qr_reclaim *reclaim, gfp_t gfp)
{
    if (!(gfp & __GFP_DIRECT_RECLAIM) || !qp_may_sleep() || qp_task()->reclaims)
        return; /* a mask that may not sleep, or a request of reclaim's own */
    reclaim_tidy(reclaim);
    qr_reclaim_round(reclaim, gfp, RECLAIM_PORTION, NUMA_NO_NODE, QR_EFFORT_LIGHT);
}

/* zones->reclaim.wake. Context: any, and often; only notes and wakes (R3), and only once until the
 * worker has seen to the zone. */
static void reclaim_wake(void *data, struct zone *zone, gfp_t gfp, unsigned int order)
{
    struct qr_reclaim *reclaim = data;
    u64 bit = 1ull << zone->index;
    if (!__atomic_load_n(&reclaim->running, __ATOMIC_ACQUIRE)) {
        reclaim_wake_self(reclaim, gfp);
        return;
    }
    if (bit & (__atomic_load_n(&reclaim->wanted, __ATOMIC_RELAXED) |
               __atomic_load_n(&reclaim->busy, __ATOMIC_RELAXED)))
        return;
    if (!(__atomic_fetch_or(&reclaim->wanted, bit, __ATOMIC_ACQ_REL) & bit))
        qp_wake(&reclaim->wake);
}

bool qr_reclaim_kick(struct qr_reclaim *reclaim)
{
    if (!__atomic_load_n(&reclaim->running, __ATOMIC_ACQUIRE))
        return false;
    qp_wake(&reclaim->wake);
    return true;
}

/* ---- start and stop -------------------------------------------------------------------------- */

void qr_reclaim_init(struct qr_reclaim *reclaim, struct qr_zones *zones, struct qr_check *check)
{
    memset(reclaim, 0, sizeof(*reclaim));
    reclaim->zones = zones;
    reclaim->check = check;
    qr_list_init(&reclaim->shrinkers);
    zones->reclaim = (struct qr_reclaim_hooks){
        .data = reclaim, .direct = reclaim_direct, .wake = reclaim_wake, .oom = reclaim_oom};
}

/* Boot only: the list is walked without a lock afterwards. The first one added is asked first. */
void qr_reclaim_add_source(struct qr_reclaim *reclaim, struct qr_source *source)
{
    struct qr_source **link = &reclaim->sources;
    while (*link)
        link = &(*link)->next;
    source->next = NULL;
    *link = source;
}

void qr_reclaim_start(struct qr_reclaim *reclaim)
{
    reclaim->stop = 0;
    __atomic_store_n(&reclaim->running, 1, __ATOMIC_RELEASE);
    if (qp_start_worker(reclaim_worker, reclaim))
        __atomic_store_n(&reclaim->running, 0, __ATOMIC_RELEASE);
}

void qr_reclaim_stop(struct qr_reclaim *reclaim)
{
    u32 seen = __atomic_load_n(&reclaim->stopped.moves, __ATOMIC_ACQUIRE);
    if (!__atomic_load_n(&reclaim->running, __ATOMIC_ACQUIRE))
        return;
    __atomic_store_n(&reclaim->stop, 1, __ATOMIC_RELEASE);
    qp_wake(&reclaim->wake);
    while (__atomic_load_n(&reclaim->stopped.moves, __ATOMIC_ACQUIRE) == seen)
        qp_wait(&reclaim->stopped, seen, 0);
}

void qr_reclaim_after_fork(struct qr_reclaim *reclaim)
{
    qr_shrinkers_after_fork(reclaim);
    reclaim->oom_runs = false;
    reclaim->wanted = reclaim->busy = 0;
    reclaim->working = false;
    reclaim->paused = 0;
    qr_reclaim_start(reclaim);
}
