/* SPDX-License-Identifier: MIT */
/* reclaim/shrinker: the callers' own caches, asked to give something up.
 *
 * Problem. The largest reclaimable caches belong to the callers: only they know which objects can
 * go. They must be asked evenly, in small portions, and may say no.
 *
 * Words. A shrinker is two callbacks, count and scan. A *round* asks each shrinker once. Its *share*
 * is the part of its objects that this round wants looked at: an eighth at the lightest effort, all
 * at the hardest, less for objects that are costly to remake (seeks).
 *
 * Idea (G-I5). count says how many objects could go; 0 means "skip me this time", SHRINK_EMPTY "I
 * have nothing". scan is then called for one batch after the other (128 objects, unless the shrinker
 * says otherwise) until the share is used up or it answers SHRINK_STOP, which ends this shrinker's
 * part of this round only. What is left of a share, because it is smaller than a batch or the
 * shrinker stopped, is not lost: it waits in nr_deferred and is added to the next round's share, so
 * that a cache of a hundred objects is not spared for ever, and one that must refuse GFP_NOFS
 * requests pays at the next GFP_KERNEL one. "Skip me" keeps that debt, "nothing" cancels it. The
 * debt never exceeds twice what the shrinker has.
 *
 * Invariants. S1: a shrinker on the list is not freed while users > 0. S2: callbacks run with no
 * lock held. S3: a leaving shrinker gets no new calls.
 *
 * Locks: reclaim->lock guards the list, users and state; it is dropped around every callback. A
 * walker keeps its place by the shrinker it holds. What may sleep: the callbacks, and unregistering.
 *
 * Limits: unregistering from inside a shrinker would wait for itself; it is refused and reported. */
#include "reclaim.h"

#define SHRINKER_BATCH 128ul

enum shrinker_state { SHRINKER_OUT, SHRINKER_IN, SHRINKER_LEAVING };

static bool shrinker_listed(const struct qr_reclaim *reclaim, const struct shrinker *shrinker)
{
    struct list_head *pos;
    QR_LIST_FOR_EACH (pos, &reclaim->shrinkers)
        if (QR_LIST_ENTRY(pos, struct shrinker, list) == shrinker)
            return true;
    return false;
}

static void shrinker_misuse(struct qr_reclaim *reclaim, const struct shrinker *shrinker,
                            enum quarry_finding kind, const char *what)
{
    struct quarry_report report = {.kind = kind, .rule = "G-I5", .address = shrinker};
    qr_report(reclaim->check, &report, "shrinker %p: %s", (const void *)shrinker, what);
}

/* Put a shrinker into service. Its private fields need no earlier initialisation: whether it is
 * registered is read off the list, not off the caller's storage. Context: any. */
int qr_shrinker_register(struct qr_reclaim *reclaim, struct shrinker *shrinker)
{
    unsigned long state;
    bool listed;
    if (!shrinker || !shrinker->count_objects || !shrinker->scan_objects) {
        shrinker_misuse(reclaim, shrinker, QUARRY_BAD_REQUEST,
                        "registered without count_objects and scan_objects; set both first");
        return -QR_EINVAL;
    }
    state = qp_lock(&reclaim->lock);
    listed = shrinker_listed(reclaim, shrinker);
    if (!listed) {
        shrinker->nr_deferred = 0;
        shrinker->users = 0;
        shrinker->state = SHRINKER_IN;
        qr_list_add_tail(&shrinker->list, &reclaim->shrinkers);
    }
    qp_unlock(&reclaim->lock, state);
    if (!listed)
        return 0;
    shrinker_misuse(reclaim, shrinker, QUARRY_BAD_REQUEST, "registered twice; it stays in service");
    return -QR_EEXIST;
}

int qr_shrinker_unregister(struct qr_reclaim *reclaim, struct shrinker *shrinker)
{
    unsigned long state;
    if (qp_task()->reclaims) {
        shrinker_misuse(reclaim, shrinker, QUARRY_BAD_CONTEXT,
                        "taken out of service from inside reclaim, where waiting for running calls "
                        "would wait for the caller itself; it stays in service");
        return -QR_EBUSY;
    }
    state = qp_lock(&reclaim->lock);
    if (!shrinker_listed(reclaim, shrinker) || shrinker->state != SHRINKER_IN) {
        qp_unlock(&reclaim->lock, state);
        return -QR_ENOENT;
    }
    shrinker->state = SHRINKER_LEAVING;
    while (shrinker->users) {
        u32 seen = __atomic_load_n(&reclaim->quiet.moves, __ATOMIC_ACQUIRE);
        qp_unlock(&reclaim->lock, state);
        qp_wait(&reclaim->quiet, seen, 0);
        state = qp_lock(&reclaim->lock);
    }
    qr_list_del(&shrinker->list);
    shrinker->state = SHRINKER_OUT;
    qp_unlock(&reclaim->lock, state);
    return 0;
}

/* How many of @count objects this round wants looked at. */
static unsigned long shrinker_share(const struct shrinker *shrinker, unsigned long count,
                                    unsigned int effort)
{
    unsigned long seeks = shrinker->seeks > 0 ? (unsigned long)shrinker->seeks : DEFAULT_SEEKS;
    unsigned long part;
    if (effort >= QR_EFFORT_ALL)
        return count;
    part = count >> (QR_EFFORT_ALL - effort);
    return part / seeks * DEFAULT_SEEKS + part % seeks * DEFAULT_SEEKS / seeks;
}

/* The scan calls for @total objects; what is left of it in *@total. */
static unsigned long shrinker_scan(struct shrinker *shrinker, struct shrink_control *control,
                                   unsigned long count, unsigned long *total, bool all)
{
    unsigned long batch = shrinker->batch > 0 ? (unsigned long)shrinker->batch : SHRINKER_BATCH;
    unsigned long freed = 0;
    while (*total >= batch || (*total && (all || *total >= count))) {
        unsigned long now = QR_MIN(batch, *total), gone;
        control->nr_to_scan = control->nr_scanned = now;
        gone = shrinker->scan_objects(shrinker, control);
        if (gone == SHRINK_STOP)
            break;
        freed += gone;
        /* A shrinker may look at fewer than asked, or at none; the portion is used up all the same
         * when it reports none, or this loop would not end. */
        if (control->nr_scanned)
            now = QR_MIN(now, control->nr_scanned);
        *total -= now;
    }
    return freed;
}

/* One shrinker's part of a round, on one node. */
static unsigned long shrinker_ask(struct shrinker *shrinker, gfp_t gfp, int nid,
                                  unsigned int effort)
{
    struct shrink_control control = {.gfp_mask = gfp, .nid = nid};
    unsigned long count = shrinker->count_objects(shrinker, &control);
    unsigned long total, freed, cap;
    if (!count)
        return 0;
    total = __atomic_exchange_n(&shrinker->nr_deferred, 0, __ATOMIC_RELAXED);
    if (count == SHRINK_EMPTY)
        return 0;
    cap = count > SHRINK_STOP / 2 ? SHRINK_STOP : 2 * count;
    if (__builtin_add_overflow(total, shrinker_share(shrinker, count, effort), &total))
        total = cap;
    total = QR_MIN(total, cap);
    freed = shrinker_scan(shrinker, &control, count, &total, effort >= QR_EFFORT_ALL);
    __atomic_fetch_add(&shrinker->nr_deferred, total, __ATOMIC_RELAXED);
    return freed;
}

/* A shrinker that knows nodes is asked on the request's node, or on each; others once. */
static unsigned long shrinker_ask_nodes(struct qr_reclaim *reclaim, struct shrinker *shrinker,
                                        gfp_t gfp, int nid, unsigned int effort)
{
    unsigned long freed = 0;
    if (!(shrinker->flags & SHRINKER_NUMA_AWARE))
        return shrinker_ask(shrinker, gfp, 0, effort);
    if (nid >= 0)
        return shrinker_ask(shrinker, gfp, nid, effort);
    for (unsigned int node = 0; node < reclaim->zones->nr_nodes; node++)
        freed += shrinker_ask(shrinker, gfp, (int)node, effort);
    return freed;
}

unsigned long qr_shrinkers_run(struct qr_reclaim *reclaim, gfp_t gfp, int nid, unsigned int effort)
{
    unsigned long freed = 0, state = qp_lock(&reclaim->lock);
    struct list_head *pos = reclaim->shrinkers.next;
    while (pos != &reclaim->shrinkers) {
        struct shrinker *shrinker = QR_LIST_ENTRY(pos, struct shrinker, list);
        if (shrinker->state == SHRINKER_IN) {
            shrinker->users++;
            qp_unlock(&reclaim->lock, state);
            freed += shrinker_ask_nodes(reclaim, shrinker, gfp, nid, effort);
            state = qp_lock(&reclaim->lock);
            pos = pos->next; /* still on the list: users kept it there (S1) */
            if (--shrinker->users == 0 && shrinker->state == SHRINKER_LEAVING)
                qp_wake(&reclaim->quiet);
            continue;
        }
        pos = pos->next;
    }
    qp_unlock(&reclaim->lock, state);
    return freed;
}

/* Callers that were inside a callback are gone, and who was taking a shrinker out will not finish:
 * nobody calls it any more. */
void qr_shrinkers_after_fork(struct qr_reclaim *reclaim)
{
    struct list_head *pos, *next;
    QR_LIST_FOR_EACH_SAFE (pos, next, &reclaim->shrinkers) {
        struct shrinker *shrinker = QR_LIST_ENTRY(pos, struct shrinker, list);
        shrinker->users = 0;
        if (shrinker->state == SHRINKER_LEAVING) {
            qr_list_del(&shrinker->list);
            shrinker->state = SHRINKER_OUT;
        }
    }
}
