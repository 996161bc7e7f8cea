/* SPDX-License-Identifier: MIT */
/* zone/page_alloc: the policy. A request's way from its flags to a block.
 *
 * Problem. One call serves an interrupt handler that must have an answer now, and a program that
 * would rather wait than fail. What each may take, and how long each tries, is what the flags say.
 *
 * Idea. Four depths of reserve, tried from the shallowest; between them whatever the caller's flags
 * allow.
 *
 *     fast:   this CPU's list of the first zone, while that zone is not short          (no lock)
 *       |  empty, short, unusual flags, or any hook
 *       v
 *     slow:   LOW       all zones of the list down to `low`; those below it wake background reclaim
 *             MIN       down to what the flags allow: min, min/2, nothing          (G-W2, G-W3)
 *                       or ALL: everything, for reclaim itself                        (G-W4)
 *             drain     the per-CPU lists, and again
 *       |  only who may wait:
 *       v
 *     retry:  direct reclaim, MIN; again while it frees; harder, after a wait; then the
 *             out-of-memory policy; then fail, or, with __GFP_NOFAIL, RESERVE and on for ever
 *
 * Blocks that only lack contiguity could be had by moving pages; this allocator does not move any,
 * so a high-order request succeeds when what reclaim frees happens to merge (request_round is where
 * moving belongs).
 *
 * Invariants. A1: a zone gives a page only if afterwards at least request_floor pages stay free.
 * A2: a request that must not wait calls neither reclaim nor qp_wait. A3: nothing is reclaimed from
 * inside reclaim. A4: every loop but __GFP_NOFAIL's ends: each turn frees pages, raises the effort,
 * or counts against a bound.
 *
 * Locks: none held over reclaim, waits or reports. May sleep: what G-C1 says.
 * Not here: the mechanism (buddy.c), per-CPU lists (pcp.c), content (prepare.c). */
#include "internal.h"

/* Flags that need a look before anything else: unknown ones, and "never fail". */
#define ALLOC_UNUSUAL (~__GFP_BITS_MASK | __GFP_NOFAIL)
#define ALLOC_ZONE_BITS (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)
#define ALLOC_COSTLY_ORDER 3u  /* G-E1, G-E2 */
#define ALLOC_MAX_EFFORT 3u    /* how hard direct reclaim is asked to try */
#define ALLOC_MAX_ROUNDS 64u   /* rounds that free pages but not ours */
#define ALLOC_MAX_OOM 16u      /* out-of-memory policies that free pages but not ours */
#define ALLOC_WAIT_NS 1000000u /* between rounds that freed nothing: 1, 2, 3 ms */

enum alloc_depth { DEPTH_LOW, DEPTH_MIN, DEPTH_RESERVE, DEPTH_ALL };

gfp_t qr_scoped_gfp(gfp_t gfp)
{
    const struct qp_task *task = qp_task();
    return (gfp & ~task->scope_clear) | task->scope_set;
}

/* The values of enum migratetype are chosen so that the two mobility bits are one; 3: both set. */
static QR_ALWAYS_INLINE unsigned int alloc_mobility(gfp_t gfp)
{
    return (gfp / __GFP_MOVABLE) & 3u;
}
_Static_assert(MIGRATE_MOVABLE == 1 && MIGRATE_RECLAIMABLE == 2 &&
                   __GFP_RECLAIMABLE == 2 * __GFP_MOVABLE,
               "mobility bits are the mobility");

/* Nobody could clear the answer if it were high memory: the machine has some, and no windows to it. */
static QR_ALWAYS_INLINE bool alloc_cannot_clear(const struct qr_zones *zones, gfp_t gfp)
{
    return (gfp & (__GFP_HIGHMEM | __GFP_ZERO)) == (__GFP_HIGHMEM | __GFP_ZERO) &&
           zones->totalhigh && !zones->clear_high;
}

/* ---- a sane request ------------------------------------------------------------------------- */

/* @right: the mask that would have been right; @gfp itself where it is not the mask that is wrong. */
static QR_COLD void alloc_report(struct qr_zones *zones, const char *rule, gfp_t gfp, gfp_t right,
                                 unsigned int order, const char *wrong)
{
    char names[192], better[192];
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = rule};
    qr_gfp_names(gfp, names, sizeof(names));
    qr_gfp_names(right, better, sizeof(better));
    qr_report_once(zones->check, &report, "page request of order %u with %s (%#x): %s%s%s", order,
                   names, gfp, wrong, right == gfp ? "" : "; say ", right == gfp ? "" : better);
}

/* Of several zone bits the lowest zone's. */
static gfp_t alloc_one_zone(gfp_t gfp)
{
    if (gfp & __GFP_DMA)
        return gfp & ~(__GFP_DMA32 | __GFP_HIGHMEM);
    return gfp & ~__GFP_HIGHMEM;
}

static QR_COLD gfp_t alloc_sane_mask(struct qr_zones *zones, gfp_t gfp, unsigned int order)
{
    gfp_t zone_bits = gfp & ALLOC_ZONE_BITS;
    if (gfp & ~__GFP_BITS_MASK) {
        alloc_report(zones, NULL, gfp, gfp & __GFP_BITS_MASK, order,
                     "unknown flag bits are ignored; use the names of gfp.h");
        gfp &= __GFP_BITS_MASK;
    }
    if (zone_bits & (zone_bits - 1)) {
        alloc_report(zones, "G-Z10", gfp, alloc_one_zone(gfp), order,
                     "several zones asked for; the lowest is taken");
        gfp = alloc_one_zone(gfp);
    }
    if (alloc_mobility(gfp) == 3u) {
        alloc_report(zones, "G-E10", gfp, gfp & ~__GFP_MOVABLE, order,
                     "both movable and reclaimable; taken as reclaimable");
        gfp &= ~__GFP_MOVABLE;
    }
    if ((gfp & __GFP_NOFAIL) && !(gfp & __GFP_DIRECT_RECLAIM))
        alloc_report(zones, "G-E5", gfp, gfp | __GFP_DIRECT_RECLAIM, order,
                     "__GFP_NOFAIL without __GFP_DIRECT_RECLAIM: who cannot wait may fail; check "
                     "the result or, where waiting is allowed");
    else if ((gfp & __GFP_NOFAIL) && order > 1)
        alloc_report(zones, "G-E5", gfp, gfp, order,
                     "__GFP_NOFAIL for more than two pages may take for ever; use kvmalloc");
    return gfp;
}

static bool alloc_order_ok(struct qr_zones *zones, gfp_t gfp, unsigned int order)
{
    if (QR_LIKELY(order <= MAX_PAGE_ORDER))
        return true;
    if (!(gfp & __GFP_NOWARN))
        alloc_report(zones, "G-S7", gfp, gfp, order,
                     "the largest order is " QR_STRING(MAX_PAGE_ORDER) "; use vmalloc");
    return false;
}

static int alloc_node(struct qr_zones *zones, gfp_t gfp, unsigned int order, int nid)
{
    struct qr_cpu *cpu;
    unsigned long section;
    if (nid >= 0 && (unsigned int)nid < zones->nr_nodes)
        return nid;
    if (nid != NUMA_NO_NODE)
        alloc_report(zones, "G-Z9", gfp, gfp, order, "no such node; the caller's is taken");
    section = qp_percpu_enter(zones->cpus, &cpu);
    nid = (int)cpu->nid;
    qp_percpu_leave(section);
    return nid;
}

bool qr_request_init(struct qr_request *request, struct qr_zones *zones, gfp_t gfp,
                     unsigned int order, int nid)
{
    const struct qp_task *task = qp_task();
    enum zone_type type;
    gfp_t asked;

    if (!alloc_order_ok(zones, gfp, order))
        return false;
    asked = alloc_sane_mask(zones, gfp, order);
    gfp = qr_scoped_gfp(asked);
    if (alloc_cannot_clear(zones, gfp))
        gfp &= ~__GFP_HIGHMEM;
    type = gfp_zone(gfp);
    *request = (struct qr_request){.zones = zones,
                                   .gfp = gfp,
                                   .order = order,
                                   .nid = alloc_node(zones, gfp, order, nid),
                                   .mobility = (enum migratetype)alloc_mobility(gfp),
                                   .highest = (enum zone_type)zones->reach[type]};
    request->list = &zones->list[request->nid][type];
    request->may_sleep = qr_may_block(zones->check, asked, "alloc_pages");
    request->may_block = request->may_sleep && (gfp & __GFP_DIRECT_RECLAIM) != 0 && !task->reclaims;
    request->ignore_marks = ((gfp & __GFP_MEMALLOC) || task->reclaims) && !(gfp & __GFP_NOMEMALLOC);
    return true;
}

/* ---- zones and marks ------------------------------------------------------------------------ */

/* Pages that must stay free in a zone when this request has been served (G-W1 … G-W4, G-Z6). */
static u64 request_floor(const struct qr_request *request, const struct zone *zone,
                         enum alloc_depth depth)
{
    u64 mark = 0;
    if (depth == DEPTH_ALL)
        return 0;
    if (depth == DEPTH_LOW)
        mark = qr_zone_watermark(zone, QR_WMARK_LOW);
    else if (depth == DEPTH_MIN)
        mark = qr_mark_of(request->may_block ? request->gfp : request->gfp & ~__GFP_DIRECT_RECLAIM,
                          qr_zone_watermark(zone, QR_WMARK_MIN));
    return QR_MAX(mark, zone->reclaim_floor) + zone->lowmem_reserve[request->highest];
}

u64 qr_request_floor_low(const struct qr_request *request, const struct zone *zone)
{
    return request_floor(request, zone, DEPTH_LOW);
}

/* G-W1: a zone below low (or that this request would bring below) wants background reclaim. */
static void request_wake(const struct qr_request *request, struct zone *zone)
{
    struct qr_zones *zones = request->zones;
    u64 need = qr_zone_watermark(zone, QR_WMARK_LOW) + (1u << request->order);
    if (!(request->gfp & __GFP_KSWAPD_RECLAIM) || qr_zone_free_pages(zone) >= need)
        return;
    if (zones->reclaim.wake)
        zones->reclaim.wake(zones->reclaim.data, zone, request->gfp, request->order);
}

/* One pass over the zone list. */
static struct page *request_try(const struct qr_request *request, enum alloc_depth depth)
{
    struct qr_zones *zones = request->zones;
    for (unsigned int i = 0; i < request->list->nr; i++) {
        struct zone *zone = &zones->zone[request->list->zone[i]];
        u64 floor = request_floor(request, zone, depth);
        struct page *page = NULL;
        if ((request->gfp & __GFP_THISNODE) && zone->nid != (u32)request->nid)
            continue;
        /* What this CPU keeps on its lists is the zone's as soon as the zone is short. */
        if (qr_zone_free_pages(zone) >= floor + (1u << request->order) ||
            qr_pcp_drain_zone(zones, zone))
            page = qr_zone_take(zones, zone, request->order, request->mobility,
                                (request->gfp & __GFP_COLD) != 0, floor);
        if (page)
            return page;
        if (depth == DEPTH_LOW)
            request_wake(request, zone);
    }
    return NULL;
}

/* ---- waiting requests ----------------------------------------------------------------------- */

static void request_count(const struct qr_request *request, enum qr_event event)
{
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(request->zones->cpus, &cpu);
    qr_count(cpu, event, 1);
    qp_percpu_leave(section);
}

/* Direct reclaim, once. What it allocates meets G-W4 (task->reclaims). */
static unsigned long request_round(const struct qr_request *request, unsigned int effort)
{
    struct qr_zones *zones = request->zones;
    unsigned long freed = 0;
    request_count(request, QR_EV_ALLOCSTALL);
    if (zones->reclaim.direct) {
        qp_task()->reclaims++;
        freed = zones->reclaim.direct(zones->reclaim.data, request->gfp, request->order,
                                      request->nid, effort);
        qp_task()->reclaims--;
    }
    qr_pcp_drain_all(zones); /* no progress by itself, or it would be one for ever */
    return freed;
}

/* Wait for somebody to free a page, but not long: nobody may be going to. Who waits counts itself, passes by
 * each zone's lock and looks once more: a free that this look does not see takes its lock after that, and
 * then sees the count. Returns what the look found. */
static struct page *request_wait(const struct qr_request *request, enum alloc_depth depth,
                                 u64 timeout_ns)
{
    struct qr_zones *zones = request->zones;
    u32 seen = __atomic_load_n(&zones->freed.moves, __ATOMIC_ACQUIRE);
    struct page *page;
    __atomic_fetch_add(&zones->waiters, 1, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < zones->nr_zones; i++)
        qp_unlock(&zones->zone[i].lock, qp_lock(&zones->zone[i].lock));
    page = request_try(request, depth);
    if (!page)
        qp_wait(&zones->freed, seen, timeout_ns);
    __atomic_fetch_sub(&zones->waiters, 1, __ATOMIC_RELAXED);
    return page;
}

/* G-E1 … G-E4: who the out-of-memory policy may run for. */
static bool request_may_oom(const struct qr_request *request)
{
    if (!request->zones->reclaim.oom)
        return false;
    if (request->order > ALLOC_COSTLY_ORDER || request->highest < ZONE_NORMAL)
        return false;
    if (request->gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_THISNODE))
        return false;
    return (request->gfp & __GFP_FS) != 0;
}

static bool request_oom(const struct qr_request *request)
{
    struct qr_zones *zones = request->zones;
    unsigned long freed;
    request_count(request, QR_EV_OOM);
    qp_task()->reclaims++;
    freed = zones->reclaim.oom(zones->reclaim.data, request->gfp, request->order);
    qp_task()->reclaims--;
    return freed + qr_pcp_drain_all(zones) != 0;
}

/* How deep it may go at last (G-W2, G-W4), but for what NOFAIL gets. */
static enum alloc_depth request_depth(const struct qr_request *request)
{
    return request->ignore_marks ? DEPTH_ALL : DEPTH_MIN;
}

/* Reclaim and try again as long as the flags say. */
static struct page *request_retry(const struct qr_request *request)
{
    bool nofail = (request->gfp & __GFP_NOFAIL) != 0;
    unsigned int effort = 0, rounds = 0, ooms = 0;

    for (;;) {
        unsigned long freed = request_round(request, effort);
        struct page *page = request_try(request, request_depth(request));
        if (page)
            return page;
        if ((request->gfp & __GFP_NORETRY) && !nofail)
            return NULL;
        if (freed && ++rounds < ALLOC_MAX_ROUNDS)
            continue;
        rounds = 0;
        if (effort < ALLOC_MAX_EFFORT && request->zones->reclaim.direct) {
            effort++;
            page = request_wait(request, request_depth(request), ALLOC_WAIT_NS * (u64)effort);
            if (page)
                return page;
            continue;
        }
        if (request_may_oom(request) && (nofail || ooms++ < ALLOC_MAX_OOM) &&
            request_oom(request)) {
            effort = 0;
            continue;
        }
        if (!nofail)
            return NULL;
        page = request_wait(request, DEPTH_RESERVE, ALLOC_WAIT_NS * 10);
        if (page)
            return page;
    }
}

struct page *qr_request_serve(struct qr_request *request)
{
    enum alloc_depth depth = request_depth(request);
    struct page *page = request_try(request, DEPTH_LOW);
    if (!page)
        page = request_try(request, depth);
    if (!page && request->may_block)
        return request_retry(request);
    if (!page && qr_pcp_drain_all(request->zones))
        page = request_try(request, depth);
    /* "Never fail" from inside reclaim: nothing to do but to wait for somebody else's free. */
    while (!page && (request->gfp & __GFP_NOFAIL) && request->may_sleep)
        page = request_wait(request, depth, ALLOC_WAIT_NS * 10);
    return page;
}

/* ---- the two ways --------------------------------------------------------------------------- */

void qr_request_failed(const struct qr_request *request)
{
    struct qr_zones *zones = request->zones;
    char names[192], words[768];
    struct qr_text text = {words, sizeof(words), 0};
    struct quarry_report report = {.kind = QUARRY_OUT_OF_MEMORY,
                                   .rule = "G-E6",
                                   .size = PAGE_SIZE << request->order,
                                   .explanation = words};
    if ((request->gfp & __GFP_NOWARN) || !qr_warn_allowed(zones->check))
        return;
    qr_gfp_names(request->gfp, names, sizeof(names));
    qr_request_explain(request, &text);
    if (qr_report(
            zones->check, &report,
            "page allocation failure: order:%u, mode:%#x(%s), node:%d; %llu of %llu pages free",
            request->order, request->gfp, names, request->nid,
            (unsigned long long)qr_free_pages_total(zones), (unsigned long long)zones->totalram)) {
        qr_show_mem(zones);
        qp_write(words, QR_MIN(text.length, sizeof(words) - 1));
    }
}

/* This CPU has no lists yet: ask for them once. */
static void alloc_claim_cpu(struct qr_zones *zones)
{
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(zones->cpus, &cpu);
    bool known = qr_cpu_known(cpu);
    qp_percpu_leave(section);
    if (!known)
        qp_claim_cpu(zones->cpus);
}

static QR_NOINLINE struct page *alloc_slow(struct qr_zones *zones, gfp_t gfp, unsigned int order,
                                           int nid)
{
    struct qr_request request;
    struct page *page = NULL;

    if (!qr_request_init(&request, zones, gfp, order, nid))
        return NULL;
    alloc_claim_cpu(zones);
    if (QR_LIKELY(!qr_fault_armed(zones->faults, QUARRY_FAIL_PAGE_ALLOC)) ||
        !qr_fault_hit(zones->faults, QUARRY_FAIL_PAGE_ALLOC, request.gfp, PAGE_SIZE << order, NULL))
        page = qr_request_serve(&request);
    if (!page) {
        qr_request_failed(&request);
        return NULL;
    }
    return qr_block_out(zones, page, order, request.gfp);
}

/* A pop from this CPU's list of the first zone that the flags name. No lock, no atomic, nothing but
 * this CPU's data and the block itself. NULL: take the slow way. */
static QR_ALWAYS_INLINE struct page *alloc_fast(struct qr_zones *zones, gfp_t gfp,
                                                unsigned int order, int nid)
{
    int index = qr_pcp_index(order);
    struct page *page = NULL;
    unsigned long section;
    struct qr_cpu *cpu;

    if (QR_UNLIKELY((gfp & ALLOC_UNUSUAL) || index < 0 || nid < NUMA_NO_NODE ||
                    nid >= (int)zones->nr_nodes))
        return NULL;
    if (QR_UNLIKELY(alloc_cannot_clear(zones, gfp)))
        return NULL;
    section = qp_percpu_enter(zones->cpus, &cpu);
    if (QR_LIKELY(qr_cpu_known(cpu))) {
        u32 at = zones->fast_zone[nid < 0 ? cpu->nid : (unsigned int)nid][gfp & QR_FAST_BITS];
        if (QR_LIKELY(at != QR_NO_FAST_ZONE &&
                      !__atomic_load_n(&zones->zone[at].below_low, __ATOMIC_RELAXED)))
            page = qr_pcp_pop(zones->map, &cpu->pcp[at], (unsigned int)index,
                              (enum migratetype)alloc_mobility(gfp), (gfp & __GFP_COLD) != 0);
        if (QR_LIKELY(page))
            qr_count(cpu, QR_EV_PGALLOC, 1u << order);
    }
    qp_percpu_leave(section);
    return page;
}

struct page *qr_alloc_pages(struct qr_zones *zones, gfp_t gfp, unsigned int order, int nid)
{
    if (QR_LIKELY(!__atomic_load_n(&zones->hooks, __ATOMIC_RELAXED))) {
        struct page *page = alloc_fast(zones, gfp, order, nid);
        if (QR_LIKELY(page))
            return qr_block_out(zones, page, order, gfp);
    }
    return alloc_slow(zones, gfp, order, nid);
}
