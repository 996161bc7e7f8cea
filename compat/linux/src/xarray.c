/* SPDX-License-Identifier: MIT */
/* xarray: the sparse array (radix.c) under a spin lock of its own.
 *
 * Every change is decided under the lock; when the tree needs nodes for it, they are got with the lock let
 * go (if the caller's mask may sleep) and the change is decided anew. So one failed allocation is
 * one failed call, which has changed nothing.
 *
 * A reserved index holds XA_ZERO_ENTRY: occupied for those who look for a free one, NULL for the rest. */
#define _GNU_SOURCE
#include "internal.h"
#include "radix.h"
#include <linux/xarray.h>

static void *xa_shown(void *entry)
{
    return xa_is_zero(entry) ? NULL : entry;
}

static unsigned int xa_map(xa_mark_t filter)
{
    return filter == XA_PRESENT ? RADIX_PRESENT : filter;
}

static bool xa_mark_ok(xa_mark_t mark)
{
    return !WARN_ON(mark > XA_MARK_MAX);
}

static bool xa_may_store(const void *entry)
{
    if (!xa_is_advanced(entry))
        return true;
    qlx_find("registration", NULL, NULL,
             "%px is no entry for an xarray: pointers must be aligned to 4, integers go through "
             "xa_mk_value",
             entry);
    return false;
}

/* ---- looking --------------------------------------------------------------------------------- */

QUARRY_API void *xa_load(struct xarray *xa, unsigned long index)
{
    void *entry;
    rcu_read_lock();
    qlx_radix_load(&xa->xa_head, index, &entry);
    rcu_read_unlock();
    return xa_shown(entry);
}

QUARRY_API bool xa_marked(const struct xarray *xa, xa_mark_t mark)
{
    unsigned long index = 0;
    bool marked;
    void *entry;
    if (!xa_mark_ok(mark))
        return false;
    rcu_read_lock();
    marked = qlx_radix_next(&xa->xa_head, &index, ~0ul, mark, &entry);
    rcu_read_unlock();
    return marked;
}

QUARRY_API bool xa_get_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
    bool marked;
    if (!xa_mark_ok(mark))
        return false;
    rcu_read_lock();
    marked = qlx_radix_marked(&xa->xa_head, index, mark);
    rcu_read_unlock();
    return marked;
}

QUARRY_API void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
                         xa_mark_t filter)
{
    unsigned long at = *index;
    void *entry, *found = NULL;
    rcu_read_lock();
    while (qlx_radix_next(&xa->xa_head, &at, max, xa_map(filter), &entry)) {
        found = xa_shown(entry);
        if (found) {
            *index = at;
            break;
        }
        if (at++ == max)
            break;
    }
    rcu_read_unlock();
    return found;
}

QUARRY_API void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
                               xa_mark_t filter)
{
    unsigned long at = *index + 1;
    void *entry = at ? xa_find(xa, &at, max, filter) : NULL;
    if (entry)
        *index = at;
    return entry;
}

QUARRY_API unsigned int xa_extract(struct xarray *xa, void **to, unsigned long start,
                                   unsigned long max, unsigned int n, xa_mark_t filter)
{
    unsigned int done = 0;
    void *entry = n ? xa_find(xa, &start, max, filter) : NULL;
    while (entry) {
        to[done++] = entry;
        entry = done < n ? xa_find_after(xa, &start, max, filter) : NULL;
    }
    return done;
}

/* ---- changing, with the lock held ------------------------------------------------------------ */

static void xa_let_go(struct xarray *xa)
{
    if (xa->xa_flags & XA_FLAGS_LOCK_IRQ)
        xa_unlock_irq(xa);
    else if (xa->xa_flags & XA_FLAGS_LOCK_BH)
        xa_unlock_bh(xa);
    else
        xa_unlock(xa);
}

static void xa_take(struct xarray *xa)
{
    if (xa->xa_flags & XA_FLAGS_LOCK_IRQ)
        xa_lock_irq(xa);
    else if (xa->xa_flags & XA_FLAGS_LOCK_BH)
        xa_lock_bh(xa);
    else
        xa_lock(xa);
}

static int xa_feed(struct xarray *xa, struct radix_spares *spares, unsigned int need, gfp_t gfp)
{
    int error;
    if (!(gfp & __GFP_DIRECT_RECLAIM))
        return qlx_radix_feed(spares, need, gfp);
    xa_let_go(xa);
    error = qlx_radix_feed(spares, need, gfp);
    xa_take(xa);
    return error;
}

/* A change: what decides whether and where, what is stored, what was there. */
struct xa_change {
    unsigned long index;
    void *entry, *old;
    int (*decide)(struct xarray *xa, struct xa_change *change); /* 0: store; else: the answer */
    void *compare;
    u32 min, max;
};

static int xa_change(struct xarray *xa, struct xa_change *change, gfp_t gfp)
{
    struct radix_spares spares = {0};
    int error;
    for (;;) {
        unsigned int need;
        qlx_radix_load(&xa->xa_head, change->index, &change->old);
        error = change->decide ? change->decide(xa, change) : 0;
        if (error)
            break;
        need = change->entry ? qlx_radix_need(xa->xa_head, change->index) : 0;
        if (need <= spares.nr) {
            void *ignored;
            if (change->entry)
                qlx_radix_store(&xa->xa_head, change->index, change->entry, &spares);
            else
                qlx_radix_erase(&xa->xa_head, change->index, &ignored);
            break;
        }
        error = xa_feed(xa, &spares, need, gfp);
        if (error)
            break;
    }
    qlx_radix_discard(&spares);
    return error;
}

QUARRY_API void *__xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
    struct xa_change change = {.index = index, .entry = entry};
    int error;
    if (!xa_may_store(entry))
        return XA_ERROR(-EINVAL);
    if (!entry && (xa->xa_flags & XA_FLAGS_TRACK_FREE))
        change.entry = XA_ZERO_ENTRY;
    error = xa_change(xa, &change, gfp);
    return error ? XA_ERROR(error) : xa_shown(change.old);
}

QUARRY_API void *__xa_erase(struct xarray *xa, unsigned long index)
{
    void *old;
    qlx_radix_erase(&xa->xa_head, index, &old);
    return xa_shown(old);
}

static int xa_decide_same(struct xarray *xa, struct xa_change *change)
{
    return xa_shown(change->old) == change->compare ? 0 : 1;
}

QUARRY_API void *__xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry,
                              gfp_t gfp)
{
    struct xa_change change = {
        .index = index, .entry = entry, .compare = old, .decide = xa_decide_same};
    int error;
    if (!xa_may_store(entry))
        return XA_ERROR(-EINVAL);
    error = xa_change(xa, &change, gfp);
    return error < 0 ? XA_ERROR(error) : xa_shown(change.old);
}

static int xa_decide_empty(struct xarray *xa, struct xa_change *change)
{
    return change->old ? -EBUSY : 0;
}

QUARRY_API int __xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
    struct xa_change change = {
        .index = index, .entry = entry ? entry : XA_ZERO_ENTRY, .decide = xa_decide_empty};
    return xa_may_store(entry) ? xa_change(xa, &change, gfp) : -EINVAL;
}

static int xa_decide_free(struct xarray *xa, struct xa_change *change)
{
    change->index = change->min;
    return qlx_radix_next_free(&xa->xa_head, &change->index, change->max) ? 0 : -EBUSY;
}

QUARRY_API int __xa_alloc(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit, gfp_t gfp)
{
    struct xa_change change = {.entry = entry ? entry : XA_ZERO_ENTRY,
                               .min = limit.min,
                               .max = limit.max,
                               .decide = xa_decide_free};
    int error;
    if (!xa_may_store(entry))
        return -EINVAL;
    if (WARN(!(xa->xa_flags & XA_FLAGS_TRACK_FREE), "xa_alloc of an xarray without XA_FLAGS_ALLOC"))
        return -EINVAL;
    if (change.min == 0 && (xa->xa_flags & XA_FLAGS_ZERO_BUSY))
        change.min = 1;
    error = xa_change(xa, &change, gfp);
    if (!error)
        *id = (u32)change.index;
    return error;
}

QUARRY_API int __xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit,
                                 u32 *next, gfp_t gfp)
{
    u32 first = limit.min;
    int error, wrapped = 0;
    limit.min = max(first, *next);
    error = __xa_alloc(xa, id, entry, limit, gfp);
    if (error == 0 && (xa->xa_flags & XA_FLAGS_ALLOC_WRAPPED)) {
        xa->xa_flags &= ~XA_FLAGS_ALLOC_WRAPPED;
        wrapped = 1;
    }
    if (error == -EBUSY && limit.min > first) {
        limit.min = first;
        error = __xa_alloc(xa, id, entry, limit, gfp);
        wrapped = 1;
    }
    if (error)
        return error;
    *next = *id + 1;
    if (*next == 0)
        xa->xa_flags |= XA_FLAGS_ALLOC_WRAPPED; /* the next one starts over, and says so */
    return wrapped;
}

QUARRY_API void __xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
    if (xa_mark_ok(mark))
        qlx_radix_mark(xa->xa_head, index, mark, true);
}

QUARRY_API void __xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
    if (xa_mark_ok(mark))
        qlx_radix_mark(xa->xa_head, index, mark, false);
}

/* ---- changing, with the lock taken here ------------------------------------------------------ */

QUARRY_API void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
    return quarry_xa_locked(void *, xa, , __xa_store(__xa, index, entry, gfp));
}

QUARRY_API void *xa_erase(struct xarray *xa, unsigned long index)
{
    return quarry_xa_locked(void *, xa, , __xa_erase(__xa, index));
}

QUARRY_API void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
    xa_lock(xa);
    __xa_set_mark(xa, index, mark);
    xa_unlock(xa);
}

QUARRY_API void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
    xa_lock(xa);
    __xa_clear_mark(xa, index, mark);
    xa_unlock(xa);
}

QUARRY_API void xa_release(struct xarray *xa, unsigned long index)
{
    unsigned long flags;
    void *entry;
    xa_lock_irqsave(xa, flags);
    qlx_radix_load(&xa->xa_head, index, &entry);
    if (xa_is_zero(entry))
        __xa_erase(xa, index);
    xa_unlock_irqrestore(xa, flags);
}

QUARRY_API void xa_destroy(struct xarray *xa)
{
    unsigned long flags;
    xa_lock_irqsave(xa, flags);
    qlx_radix_destroy(&xa->xa_head);
    xa_unlock_irqrestore(xa, flags);
}

/* ---- the advanced interface ------------------------------------------------------------------ */

QUARRY_API void *xas_load(struct xa_state *xas)
{
    void *entry;
    if (xas->quarry_error)
        return NULL;
    xas->quarry_walked = true;
    qlx_radix_load(&xas->xa->xa_head, xas->xa_index, &entry);
    return entry;
}

QUARRY_API void *xas_store(struct xa_state *xas, void *entry)
{
    struct radix_spares spares = {xas->quarry_spare, xas->quarry_nr};
    unsigned int need = entry ? qlx_radix_need(xas->xa->xa_head, xas->xa_index) : 0;
    void *old = NULL;
    if (xas->quarry_error)
        return NULL;
    if (qlx_radix_feed(&spares, need, GFP_NOWAIT)) {
        xas->quarry_need = need;
        xas->quarry_error = -ENOMEM;
    } else if (entry) {
        qlx_radix_load(&xas->xa->xa_head, xas->xa_index, &old);
        qlx_radix_store(&xas->xa->xa_head, xas->xa_index, entry, &spares);
        xas->quarry_walked = true;
    } else {
        qlx_radix_erase(&xas->xa->xa_head, xas->xa_index, &old);
        xas->quarry_walked = true;
    }
    xas->quarry_spare = spares.first;
    xas->quarry_nr = spares.nr;
    return old;
}

QUARRY_API void xas_destroy(struct xa_state *xas)
{
    struct radix_spares spares = {xas->quarry_spare, xas->quarry_nr};
    qlx_radix_discard(&spares);
    xas->quarry_spare = NULL;
    xas->quarry_nr = 0;
}

QUARRY_API bool xas_nomem(struct xa_state *xas, gfp_t gfp)
{
    struct radix_spares spares = {xas->quarry_spare, xas->quarry_nr};
    int error;
    if (xas->quarry_error != -ENOMEM) {
        xas_destroy(xas);
        return false;
    }
    error = qlx_radix_feed(&spares, xas->quarry_need, gfp);
    xas->quarry_spare = spares.first;
    xas->quarry_nr = spares.nr;
    if (error) {
        xas_destroy(xas);
        return false;
    }
    xas_reset(xas);
    return true;
}

static void *xas_search(struct xa_state *xas, unsigned long max, unsigned int map)
{
    unsigned long at = xas->xa_index;
    void *entry;
    if (xas->quarry_error)
        return NULL;
    if (xas->quarry_walked && at++ >= max)
        return NULL;
    if (!qlx_radix_next(&xas->xa->xa_head, &at, max, map, &entry)) {
        xas->xa_index = max; /* a search from here finds nothing either */
        xas->quarry_walked = true;
        return NULL;
    }
    xas->xa_index = at;
    xas->quarry_walked = true;
    return entry;
}

QUARRY_API void *xas_find(struct xa_state *xas, unsigned long max)
{
    return xas_search(xas, max, RADIX_PRESENT);
}

QUARRY_API void *xas_find_marked(struct xa_state *xas, unsigned long max, xa_mark_t mark)
{
    return xa_mark_ok(mark) ? xas_search(xas, max, mark) : NULL;
}

QUARRY_API void *xas_next(struct xa_state *xas)
{
    if (xas->quarry_walked)
        xas->xa_index++;
    return xas_load(xas);
}

QUARRY_API void *xas_prev(struct xa_state *xas)
{
    if (xas->quarry_walked)
        xas->xa_index--;
    return xas_load(xas);
}

QUARRY_API void xas_pause(struct xa_state *xas)
{
    if (xas->quarry_error || !xas->quarry_walked || xas->xa_index == ~0ul)
        return;
    xas->xa_index++;
    xas->quarry_walked = false;
}

QUARRY_API bool xas_get_mark(const struct xa_state *xas, xa_mark_t mark)
{
    return !xas->quarry_error && xa_mark_ok(mark) &&
           qlx_radix_marked(&xas->xa->xa_head, xas->xa_index, mark);
}

QUARRY_API void xas_set_mark(const struct xa_state *xas, xa_mark_t mark)
{
    if (!xas->quarry_error)
        __xa_set_mark(xas->xa, xas->xa_index, mark);
}

QUARRY_API void xas_clear_mark(const struct xa_state *xas, xa_mark_t mark)
{
    if (!xas->quarry_error)
        __xa_clear_mark(xas->xa, xas->xa_index, mark);
}

QUARRY_API void xas_init_marks(const struct xa_state *xas)
{
    for (xa_mark_t mark = 0; mark <= XA_MARK_MAX; mark++)
        xas_clear_mark(xas, mark);
}
