/* SPDX-License-Identifier: MIT */
/* fault: should this request fail?
 *
 * Problem. Code that handles a failed allocation is hardly ever run, because allocations hardly
 * ever fail.
 *
 * Idea. Four points (object caches, blocks of the page allocator, vmalloc, and copies to user
 * memory, made above the core) ask one question each before they serve a request, but only while
 * somebody armed them. An armed point first decides whether the request matches (size, cache,
 * caller), counts it if so, and then fails it by any of three modes: the nth (once, or
 * persistently from then on), every nth, or with a probability whose random numbers come from a
 * seed. A point armed without a mode only counts, which tells a failure loop how many requests
 * there are to fail. A hook, if there is one, is asked first and about every request, so that a tool
 * can fail the requests of one source line.
 *
 * Invariants. U1: a request that must not fail (__GFP_NOFAIL and able to wait) neither fails nor
 * counts. U2: failed <= seen; both start at 0 when the point is armed. U3: with one thread the same
 * spec fails the same requests again.
 *
 * Locks. point->lock, innermost; backtraces are taken before it. faults->lock keeps the hook and its data
 * together, innermost too. Never sleeps. faults->changed and the hook are called without locks. */
#include <quarry/gfp.h>
#include "fault.h"

/* An exact name, or a beginning with a star behind it. */
static bool fault_name_matches(const char *pattern, const char *name)
{
    size_t length = qr_strlen(pattern);

    if (length && pattern[length - 1] == '*')
        return !qr_strncmp(pattern, name, length - 1);
    return !qr_strcmp(pattern, name);
}

static bool fault_caller_matches(const struct quarry_fault *spec, const void *caller)
{
    if (!spec->caller_from && !spec->caller_to)
        return true;
    return caller >= spec->caller_from && caller < spec->caller_to;
}

static bool fault_matches(const struct quarry_fault *spec, size_t size, const char *cache,
                          const void *caller)
{
    if (size < spec->min_size || (spec->max_size && size > spec->max_size))
        return false;
    if (spec->cache && (!cache || !fault_name_matches(spec->cache, cache)))
        return false;
    return fault_caller_matches(spec, caller);
}

/* Count a matching request and decide. */
static bool fault_decide_locked(struct qr_fault_point *point)
{
    const struct quarry_fault *spec = &point->spec;
    bool fails = false;

    point->seen++;
    if (spec->nth)
        fails = spec->persistent ? point->seen >= spec->nth : point->seen == spec->nth;
    if (spec->every)
        fails |= point->seen % spec->every == 0;
    /* The number is drawn for every matching request, so that other modes do not shift it. */
    if (spec->prob)
        fails |= qr_random(&point->random) % 100 < spec->prob;
    point->failed += fails;
    return fails;
}

/* The rule by which this request cannot fail, or NULL. */
static const char *fault_rule(gfp_t gfp)
{
    if ((gfp & __GFP_NOFAIL) && (gfp & __GFP_DIRECT_RECLAIM))
        return "G-E5";
    return qp_task()->backed ? "G-M1" : NULL;
}

static bool fault_ask(struct qr_faults *faults, const struct quarry_fault_request *request)
{
    unsigned long state = qp_lock(&faults->lock);
    quarry_fault_fn hook = faults->hook;
    void *data = faults->hook_data;

    qp_unlock(&faults->lock, state);
    return hook && hook(request, data) && !request->rule;
}

bool qr_fault_hit(struct qr_faults *faults, enum quarry_fault_point which, gfp_t gfp, size_t size,
                  const char *cache)
{
    struct qr_fault_point *point = &faults->point[which];
    struct quarry_fault_request request = {which, gfp, size, cache, NULL};
    const void *caller = NULL;
    unsigned long state;
    bool fails;

    if (!qr_fault_armed(faults, which))
        return false;
    request.rule = fault_rule(gfp);
    fails = fault_ask(faults, &request);
    if ((gfp & __GFP_NOFAIL) && (gfp & __GFP_DIRECT_RECLAIM))
        return false;
    if (!qp_backtrace(&caller, 1))
        caller = NULL;
    state = qp_lock(&point->lock);
    if (point->specified && fault_matches(&point->spec, size, cache, caller))
        fails |= fault_decide_locked(point);
    qp_unlock(&point->lock, state);
    return fails;
}

static bool fault_spec_is_sane(const struct quarry_fault *spec)
{
    if (spec->prob > 100 || (spec->persistent && !spec->nth))
        return false;
    if (spec->max_size && spec->max_size < spec->min_size)
        return false;
    if ((spec->caller_from || spec->caller_to) && spec->caller_from >= spec->caller_to)
        return false;
    return !spec->cache ||
           qr_strlen(spec->cache) < sizeof(((struct qr_fault_point *)0)->cache_name);
}

/* Arm a point, or disarm it with NULL. What @spec points at is copied.
 * Context: any. Returns: 0; -EINVAL for an unknown point or a spec that contradicts itself; -ENOSYS for
 * any spec in a build without checks. */
int qr_fault_set(struct qr_faults *faults, enum quarry_fault_point which,
                 const struct quarry_fault *spec)
{
    struct qr_fault_point *point;
    unsigned long state;

    if ((unsigned int)which >= QUARRY_FAULT_POINTS || (spec && !fault_spec_is_sane(spec)))
        return -QR_EINVAL;
    if (!QR_CHECKS)
        return spec ? -QR_ENOSYS : 0;
    point = &faults->point[which];
    state = qp_lock(&point->lock);
    if (spec) {
        point->spec = *spec;
        if (spec->cache) {
            qr_strcpy(point->cache_name, sizeof(point->cache_name), spec->cache);
            point->spec.cache = point->cache_name;
        }
        point->seen = point->failed = 0;
        point->random = spec->seed;
    }
    point->specified = spec != NULL;
    __atomic_store_n(&point->armed, spec || __atomic_load_n(&faults->hook, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
    qp_unlock(&point->lock, state);
    if (faults->changed)
        faults->changed(faults->changed_data, which);
    return 0;
}

void qr_fault_set_hook(struct qr_faults *faults, quarry_fault_fn hook, void *data)
{
    unsigned long hooked = qp_lock(&faults->lock);

    __atomic_store_n(&faults->hook, hook,
                     __ATOMIC_RELAXED); /* armed or not is asked without the lock */
    faults->hook_data = data;
    qp_unlock(&faults->lock, hooked);
    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++) {
        struct qr_fault_point *point = &faults->point[i];
        unsigned long state = qp_lock(&point->lock);

        __atomic_store_n(&point->armed, point->specified || hook, __ATOMIC_RELAXED);
        qp_unlock(&point->lock, state);
        if (faults->changed)
            faults->changed(faults->changed_data, (enum quarry_fault_point)i);
    }
}

static unsigned long fault_read(struct qr_faults *faults, enum quarry_fault_point which,
                                bool failed)
{
    struct qr_fault_point *point;
    unsigned long state, value;

    if ((unsigned int)which >= QUARRY_FAULT_POINTS)
        return 0;
    point = &faults->point[which];
    state = qp_lock(&point->lock);
    value = failed ? point->failed : point->seen;
    qp_unlock(&point->lock, state);
    return value;
}

unsigned long qr_fault_seen(struct qr_faults *faults, enum quarry_fault_point which)
{
    return fault_read(faults, which, false);
}

unsigned long qr_fault_failed(struct qr_faults *faults, enum quarry_fault_point which)
{
    return fault_read(faults, which, true);
}
