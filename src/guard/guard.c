/* SPDX-License-Identifier: MIT */
/* guard: sampled guard pages.
 *
 * Problem. The checks that see every wrong access cost a factor; those that cost nothing see few.
 * Programs that run for weeks meet bugs that no test run met, and should be able to afford a check.
 *
 * Idea. One request in very many is served from a small pool in which every object has a page of its
 * own between pages that are not there. An access beyond the page faults at the very instruction,
 * and so does any access after free, because a freed object's page is unmapped until the pool needs
 * it again. The object lies at the left or at the right edge of its page, by lot; the rest of the
 * page holds canaries, which are looked at when it is freed. (The scheme is that of KFENCE, and
 * reports have its layout.)
 *
 *      guard      place 0         guard      place 1         guard      place 2        guard
 *     |  no  |canary..[object]|  no  |[object]..canary|  no  |  freed: no    |  no  |
 *
 * The pool is a piece of the direct map, so that an object's physical address means what it does
 * elsewhere; its frames are reserved and no slab, so that no fast way takes them for objects: every
 * free of one comes the slow way by itself.
 *
 * Sampling. By time (kfence.sample_interval): a timer opens a gate, the next suitable request of the
 * machine goes through and shuts it. While the gate is shut nothing is asked of anybody: requests
 * come the slow way only because slab sets a bit in each CPU's slots when the gate opens. By count
 * (kfence.every): all requests come the slow way and each Nth is taken, which tests can rely on.
 * Without tasks there is no timer, and whoever comes the slow way looks at the clock.
 *
 * Faults. The port recognises a fault in the pool and calls qr_guard_hit, which reports and maps
 * the page, so that the program goes on, as it would without the pool. Whatever was mapped so is
 * unmapped again when the object is freed or its place used anew.
 *
 * Invariants. G1: a place is idle, busy (one CPU is changing it) or live; only idle ones are on the
 * list. G2: an idle place's page is unmapped unless `open`. G3: what a place says of its last object
 * stays until the next one.
 *
 * Locks. guards->lock, for states and lists; only check's locks are taken inside it, nothing is
 * mapped or reported under it. Nothing sleeps.
 *
 * Limits. System calls do not fault but answer with an error (EFAULT). An access that jumps over the
 * whole guard page is not seen. Requests above a page, for a zone or a node, and of caches that
 * readers use without a lock (SLAB_TYPESAFE_BY_RCU) are never taken. */
#include "guard.h"

/* ---- places ---------------------------------------------------------------------------------- */

static char *guard_page(const struct qr_guards *guards, u32 page)
{
    return (char *)guards->start + ((size_t)page << PAGE_SHIFT);
}

/* Page numbers in the pool: guards are even, places odd. */
static char *guard_place_page(const struct qr_guards *guards, u32 index)
{
    return guard_page(guards, 2 * index + 1);
}

static bool guard_map_page(const struct qr_guards *guards, char *page)
{
    return qp_map(guards->offset, page, qp_phys(guards->offset, page), 1) == 0;
}

static void guard_unmap_page(const struct qr_guards *guards, char *page)
{
    qp_unmap(guards->offset, page, 1);
    qp_flush(guards->offset, page, 1);
}

/* Unlike in neighbouring bytes, so that a shifted copy is not taken for whole. */
static u8 guard_canary(const char *at)
{
    return (u8)(0xaa ^ ((uintptr_t)at & 7));
}

static void guard_fill(char *from, const char *end)
{
    for (; from < end; from++)
        *from = (char)guard_canary(from);
}

static struct qr_guard_place *guard_take_idle(struct qr_guards *guards)
{
    unsigned long state = qp_lock(&guards->lock);
    struct qr_guard_place *place = NULL;

    if (guards->oldest) {
        place = &guards->place[guards->oldest - 1];
        guards->oldest = place->next;
        place->state = QR_GUARD_BUSY;
        guards->nr_allocated++;
    } else {
        guards->nr_skipped++;
    }
    qp_unlock(&guards->lock, state);
    return place;
}

static void guard_put_idle_locked(struct qr_guards *guards, struct qr_guard_place *place)
{
    u32 link = (u32)(place - guards->place) + 1;

    place->state = QR_GUARD_IDLE;
    place->next = 0;
    if (guards->oldest)
        guards->place[guards->newest - 1].next = link;
    else
        guards->oldest = link;
    guards->newest = link;
}

/* Unmap what faults had opened, of a place and around it. Its state is busy. */
static void guard_close(struct qr_guards *guards, struct qr_guard_place *place)
{
    u32 index = (u32)(place - guards->place);
    unsigned long state = qp_lock(&guards->lock);
    bool open[3] = {place->open_guard[0], place->open, place->open_guard[1]};

    place->open = place->open_guard[0] = place->open_guard[1] = false;
    qp_unlock(&guards->lock, state);
    for (u32 i = 0; i < 3; i++)
        if (open[i])
            guard_unmap_page(guards, guard_page(guards, 2 * index + i));
}

/* ---- allocation ------------------------------------------------------------------------------ */

/* The left or the right edge of a page; at the right one alignment may leave a gap. */
static char *guard_choose(struct qr_guards *guards, char *page,
                          const struct qr_guard_request *request)
{
    unsigned long state = qp_lock(&guards->lock);
    bool right = (qr_random(&guards->seed) >> 32) & 1;

    qp_unlock(&guards->lock, state);
    return right ? page + ((PAGE_SIZE - request->size) & ~(request->align - 1)) : page;
}

void *qr_guard_alloc(struct qr_guards *guards, const struct qr_guard_request *request)
{
    struct qr_guard_place *place = guard_take_idle(guards);
    unsigned long state;
    char *page, *object;

    if (!place)
        return NULL;
    page = guard_place_page(guards, (u32)(place - guards->place));
    guard_close(guards, place);
    if (!guard_map_page(guards, page)) {
        state = qp_lock(&guards->lock);
        guards->nr_allocated--;
        guards->nr_skipped++;
        guard_put_idle_locked(guards, place);
        qp_unlock(&guards->lock, state);
        return NULL;
    }
    object = guard_choose(guards, page, request);
    guard_fill(page, page + PAGE_SIZE);
    if (request->zero)
        memset(object, 0, request->size);
    place->used = true;
    place->leak = QR_LEAK_REACHED;
    place->object = object;
    place->size = (u32)request->size;
    place->gfp = request->gfp;
    qr_strcpy(place->name, sizeof(place->name), request->name);
    memset(&place->freed, 0, sizeof(place->freed));
    qr_owner_set(guards->check, &place->allocated, request->gfp, qp_task_id());
    state = qp_lock(&guards->lock);
    place->cache = request->cache;
    place->state = QR_GUARD_LIVE;
    qp_unlock(&guards->lock, state);
    return object;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* The place whose page an address lies in; NULL: it lies in a guard page. */
static struct qr_guard_place *guard_place_of(struct qr_guards *guards, const void *address)
{
    size_t page = ((uintptr_t)address - guards->start) >> PAGE_SHIFT;

    return page & 1 ? &guards->place[page / 2] : NULL;
}

bool qr_guard_find(struct qr_guards *guards, const void *object, struct qr_guard_found *found)
{
    struct qr_guard_place *place = guard_place_of(guards, object);
    unsigned long state = qp_lock(&guards->lock);
    bool live = place && place->state == QR_GUARD_LIVE && place->object == object;

    if (live)
        *found = (struct qr_guard_found){place->cache, place->name, place->size};
    qp_unlock(&guards->lock, state);
    return live;
}

bool qr_guard_for_each_live(struct qr_guards *guards, const void *cache,
                            bool (*visit)(const struct quarry_live *, void *), void *data)
{
    bool go_on = true;
    unsigned long state;

    if (!qr_guards_are_on(guards))
        return true;
    state = qp_lock(&guards->lock);
    for (u32 i = 0; go_on && i < guards->nr; i++) {
        const struct qr_guard_place *place = &guards->place[i];
        struct quarry_live live = {.kind = QUARRY_LIVE_OBJECT,
                                   .address = place->object,
                                   .size = place->size,
                                   .cache = place->name,
                                   .gfp = place->gfp,
                                   .sequence = place->allocated.sequence,
                                   .when_ns = place->allocated.when_ns,
                                   .lost = qr_leak_is_lost(place->leak)};
        if (place->state != QR_GUARD_LIVE || (cache && place->cache != cache))
            continue;
        if (place->allocated.trace)
            qr_trace_load(guards->check, place->allocated.trace, &live.allocated);
        go_on = visit(&live, data);
    }
    qp_unlock(&guards->lock, state);
    return go_on;
}

static struct qr_leak_block guard_leak_block(struct qr_guard_place *place)
{
    return (struct qr_leak_block){
        .start = place->object, .size = place->size, .word = &place->leak};
}

bool qr_guard_leak_find(struct qr_guards *guards, const void *address, struct qr_leak_block *block)
{
    struct qr_guard_place *place = guard_place_of(guards, address);
    unsigned long state;
    bool found;

    if (!place)
        return false;
    state = qp_lock(&guards->lock);
    found = place->state == QR_GUARD_LIVE &&
            (uintptr_t)address - (uintptr_t)place->object < place->size;
    if (found)
        *block = guard_leak_block(place);
    qp_unlock(&guards->lock, state);
    return found;
}

bool qr_guard_leak_each(struct qr_guards *guards, qr_leak_visit visit, void *data)
{
    unsigned long state = qp_lock(&guards->lock);
    bool go_on = true;

    for (u32 i = 0; go_on && qr_guards_are_on(guards) && i < guards->nr; i++) {
        struct qr_leak_block block = guard_leak_block(&guards->place[i]);
        if (guards->place[i].state == QR_GUARD_LIVE)
            go_on = visit(&block, data);
    }
    qp_unlock(&guards->lock, state);
    return go_on;
}

static bool guard_count_one(const struct quarry_live *live, void *data)
{
    ++*(unsigned long *)data;
    return live != NULL;
}

unsigned long qr_guard_count(struct qr_guards *guards, const void *cache)
{
    unsigned long nr = 0;

    qr_guard_for_each_live(guards, cache, guard_count_one, &nr);
    return nr;
}

void qr_guard_describe(struct qr_guards *guards, const void *address, char *text, size_t size)
{
    struct qr_guard_place *place = guard_place_of(guards, address);
    u32 index = place ? (u32)(place - guards->place) : 0;

    if (!place)
        qr_snprintf(text, size, "a guard page of the pool of sampled objects");
    else if (!place->used)
        qr_snprintf(text, size, "kfence-#%u of the pool of sampled objects, never used", index);
    else
        qr_snprintf(text, size,
                    "byte %ld of kfence-#%u, a sampled object at %p, %u bytes, cache %s, %s",
                    (long)((const char *)address - place->object), index, (void *)place->object,
                    place->size, place->name, place->state == QR_GUARD_LIVE ? "live" : "freed");
}

void qr_guard_sites(struct qr_guards *guards, const void *address, struct quarry_trace *allocated,
                    struct quarry_trace *freed)
{
    const struct qr_guard_place *place = guard_place_of(guards, address);

    if (place && allocated)
        qr_trace_load(guards->check, place->allocated.trace, allocated);
    if (place && freed)
        qr_trace_load(guards->check, place->freed.trace, freed);
}

/* ---- free ------------------------------------------------------------------------------------ */

/* The first canary of [from, end) that is not what it should be, or NULL. */
static const char *guard_broken(const char *from, const char *end)
{
    for (; from < end; from++)
        if ((u8)*from != guard_canary(from))
            return from;
    return NULL;
}

static void guard_check_canaries(struct qr_guards *guards, const struct qr_guard_place *place,
                                 const char *what)
{
    u32 index = (u32)(place - guards->place);
    const char *page = guard_place_page(guards, index), *end = page + PAGE_SIZE;
    const char *behind = place->object + place->size;
    const char *bad = guard_broken(page, place->object);
    struct qr_guard_finding finding = {
        .bug = QR_GUARD_CORRUPTION, .what = what, .index = index, .place = *place};

    if (bad)
        end = place->object;
    else
        bad = guard_broken(behind, end);
    if (QR_LIKELY(!bad))
        return;
    memset(&finding.place.freed, 0, sizeof(finding.place.freed)); /* this very free finds it */
    finding.address = bad;
    for (; bad < end && finding.nr_bytes < QR_ARRAY_SIZE(finding.bytes); bad++) {
        finding.same[finding.nr_bytes] = (u8)*bad == guard_canary(bad);
        finding.bytes[finding.nr_bytes++] = (u8)*bad;
    }
    qr_guard_report(guards, &finding);
}

static void guard_report_free(struct qr_guards *guards, struct qr_guard_place *place,
                              const void *object, const char *what)
{
    struct qr_guard_finding finding = {
        .bug = QR_GUARD_INVALID_FREE, .address = object, .what = what, .index = ~0u};

    if (place && place->used) {
        finding.index = (u32)(place - guards->place);
        finding.place = *place;
    }
    qr_guard_report(guards, &finding);
}

bool qr_guard_free(struct qr_guards *guards, void *object, const char *what)
{
    struct qr_guard_place *place = guard_place_of(guards, object);
    struct qr_owner freed;
    unsigned long state;
    bool live;

    qr_owner_set(guards->check, &freed, 0, qp_task_id());
    state = qp_lock(&guards->lock);
    live = place && place->state == QR_GUARD_LIVE && place->object == object;
    if (live) {
        place->state = QR_GUARD_BUSY;
        place->cache = NULL;
        place->freed = freed;
    }
    qp_unlock(&guards->lock, state);
    if (QR_UNLIKELY(!live)) {
        guard_report_free(guards, place, object, what);
        return false;
    }
    guard_check_canaries(guards, place, what);
    guard_close(guards, place);
    guard_unmap_page(guards, guard_place_page(guards, (u32)(place - guards->place)));
    state = qp_lock(&guards->lock);
    guards->nr_freed++;
    guard_put_idle_locked(guards, place);
    qp_unlock(&guards->lock, state);
    return true;
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Of a guard page's two neighbours the one that is live, or else was, and nearer; NULL: neither was
 * ever used. */
static struct qr_guard_place *guard_nearest(struct qr_guards *guards, const char *address)
{
    size_t page = ((uintptr_t)address - guards->start) >> PAGE_SHIFT;
    struct qr_guard_place *best = NULL;
    size_t best_distance = 0;
    bool best_lives = false;

    for (size_t side = 0; side < 2; side++) {
        size_t index = page / 2 - side; /* the place behind, then the one before */
        struct qr_guard_place *place;
        size_t distance;
        bool lives;
        if (index >= guards->nr || !guards->place[index].used)
            continue;
        place = &guards->place[index];
        distance = side ? (size_t)(address - (place->object + place->size))
                        : (size_t)(place->object - address);
        lives = place->state == QR_GUARD_LIVE;
        if (!best || (lives == best_lives ? distance < best_distance : lives)) {
            best = place;
            best_distance = distance;
            best_lives = lives;
        }
    }
    return best;
}

/* Whether a fault has opened a guard page, or is about to. */
static bool guard_is_open(const struct qr_guards *guards, size_t page)
{
    size_t behind = page / 2;

    return (behind < guards->nr && guards->place[behind].open_guard[0]) ||
           (behind && guards->place[behind - 1].open_guard[1]);
}

/* An access to a guard page; false: another fault is opening it, and the access only needs to be
 * made again. The place that notes it closes it: the nearest, or where none was used yet any. */
static bool guard_fault_beside(struct qr_guards *guards, const char *address,
                               struct qr_guard_finding *finding)
{
    size_t page = ((uintptr_t)address - guards->start) >> PAGE_SHIFT;
    unsigned long state = qp_lock(&guards->lock);
    struct qr_guard_place *place = guard_nearest(guards, address);
    bool fresh = !guard_is_open(guards, page);

    finding->bug = QR_GUARD_INVALID_ACCESS;
    if (place) {
        finding->index = (u32)(place - guards->place);
        finding->place = *place;
        if (place->state == QR_GUARD_LIVE)
            finding->bug = QR_GUARD_OUT_OF_BOUNDS;
    } else {
        place = &guards->place[page / 2 < guards->nr ? page / 2 : guards->nr - 1];
    }
    if (fresh)
        place->open_guard[page / 2 != (size_t)(place - guards->place)] = true;
    qp_unlock(&guards->lock, state);
    return fresh;
}

/* An access to an object's page; false: it is mapped by now, and the access only needs to be made
 * again. */
static bool guard_fault_inside(struct qr_guards *guards, struct qr_guard_place *place,
                               struct qr_guard_finding *finding)
{
    unsigned long state = qp_lock(&guards->lock);
    bool bad = place->state != QR_GUARD_LIVE && !place->open;

    if (bad) {
        finding->bug = place->used ? QR_GUARD_USE_AFTER_FREE : QR_GUARD_INVALID_ACCESS;
        finding->index = place->used ? (u32)(place - guards->place) : ~0u;
        finding->place = *place;
        place->open = true;
    }
    qp_unlock(&guards->lock, state);
    return bad;
}

bool qr_guard_hit(struct qr_guards *guards, const void *address, enum qr_access access,
                  const struct quarry_trace *now)
{
    struct qr_guard_finding finding = {
        .access = access, .address = address, .now = now, .index = ~0u};
    struct qr_guard_place *place;

    if (!qr_guard_owns(guards, address))
        return false;
    place = guard_place_of(guards, address);
    if (place ? !guard_fault_inside(guards, place, &finding)
              : !guard_fault_beside(guards, address, &finding))
        return true;
    qr_guard_report(guards, &finding);
    return guard_map_page(guards, (char *)((uintptr_t)address & PAGE_MASK));
}

/* ---- start ----------------------------------------------------------------------------------- */

void qr_guards_init(struct qr_guards *guards, const struct qr_guard_wish *wish, void *pool,
                    void *records)
{
    guards->start = (uintptr_t)pool;
    guards->bytes = qr_guard_pool_bytes(wish->objects);
    guards->nr = (u32)wish->objects;
    guards->every = wish->every;
    guards->interval_ns = wish->interval_ms * 1000000;
    guards->place = records;
    qp_unmap(guards->offset, pool, guards->bytes >> PAGE_SHIFT);
    qp_flush(guards->offset, pool, guards->bytes >> PAGE_SHIFT);
    for (u32 i = 0; i < guards->nr; i++)
        guard_put_idle_locked(guards, &guards->place[i]);
}

/* Nothing else runs. The direct map is whole again: take away what must not be there. */
void qr_guards_after_fork(struct qr_guards *guards)
{
    if (!qr_guards_are_on(guards))
        return;
    for (u32 i = 0; i < guards->nr; i++) {
        struct qr_guard_place *place = &guards->place[i];
        guard_unmap_page(guards, guard_page(guards, 2 * i));
        place->open = place->open_guard[0] = place->open_guard[1] = false;
        /* A busy one was being changed by a CPU that is not here any more: it stays out of use. */
        if (place->state != QR_GUARD_LIVE)
            guard_unmap_page(guards, guard_place_page(guards, i));
    }
    guard_unmap_page(guards, guard_page(guards, 2 * guards->nr));
    qr_guards_start(guards);
}
