/* SPDX-License-Identifier: MIT */
/* pool: a reserve of elements kept back, so that whoever must make progress always can.
 *
 * Problem. Writing a page out frees memory but needs a little memory first. When that little comes
 * from an allocator that is empty, the machine stands still. A pool keeps N elements back for such
 * users: as long as each element that is taken comes back, each request is served in the end.
 *
 * Idea (G-M1). A request tries, in this order: the element allocator, without waiting, warning or
 * emergency reserves; the pool's reserve; the allocator with all that the caller's mask allows (but
 * not with the out-of-memory policy: a pool does not need it); and then, if it may sleep, it waits
 * for a free, and tries the allocator again every five seconds, in case memory came back by another
 * way. An element that is freed refills the reserve first.
 *
 * Whoever waits stands in a line, and an element that is freed is handed to the first in it, never
 * put where a newcomer could take it before a task that is just waking up. So each waiter moves
 * one place forward with each free, and none starves however many newcomers there are.
 *
 *     pool -> reserve [e][e][e][ ][ ]          while curr_nr > 0 nobody waits
 *          -> line    waiter -> waiter -> waiter     each on its task's stack, with a place for
 *                                                    the element and an event of its own
 *
 * Invariants. P1: elements[0 .. curr_nr) are the reserve, curr_nr <= min_nr unless a resize has just
 * lowered min_nr. P2: nobody stands in line while the reserve holds something. P3: a waiter leaves
 * the line under the lock, either with an element or by itself; its record is not touched after.
 *
 * Locks: pool->quarry_lock; the element allocator's functions are called without it. A waiter is
 * woken under the lock (P3: it takes the lock before its record goes away). The two counts are
 * read without it where a stale answer does no harm. What may sleep: making,
 * resizing, and allocating with a mask that says so.
 *
 * Limits: elements from the reserve are as they were freed; __GFP_ZERO is reported and dropped. A
 * pool must not go away while tasks stand in its line. */
#include "pool.h"

#define POOL_WAIT_NS (5ull * 1000 * 1000 * 1000)

struct quarry_pool_waiter {
    struct quarry_pool_waiter *next;
    void *element;
    bool in_line;
    struct qp_event served;
};

static unsigned long pool_lock(mempool_t *pool)
{
    return qp_lock((qp_lock_t *)(void *)&pool->quarry_lock);
}

static void pool_unlock(mempool_t *pool, unsigned long state)
{
    qp_unlock((qp_lock_t *)(void *)&pool->quarry_lock, state);
}

/* ---- the line -------------------------------------------------------------------------------- */

/* All of these: the pool's lock is held. */
static void pool_line_join(mempool_t *pool, struct quarry_pool_waiter *waiter)
{
    waiter->next = NULL;
    waiter->in_line = true;
    if (pool->quarry_last)
        pool->quarry_last->next = waiter;
    else
        pool->quarry_first = waiter;
    pool->quarry_last = waiter;
}

static void pool_line_leave(mempool_t *pool, struct quarry_pool_waiter *waiter)
{
    struct quarry_pool_waiter **link = &pool->quarry_first, *before = NULL;
    while (*link != waiter) {
        before = *link;
        link = &before->next;
    }
    *link = waiter->next;
    if (pool->quarry_last == waiter)
        pool->quarry_last = before;
    waiter->in_line = false;
}

/* Keep an element: for the first in line, else in the reserve. False when neither wants it. */
static bool pool_keep(mempool_t *pool, void *element)
{
    struct quarry_pool_waiter *first = pool->quarry_first;
    if (first) {
        pool_line_leave(pool, first);
        first->element = element;
        qp_wake(&first->served);
        return true;
    }
    if (pool->curr_nr >= pool->min_nr)
        return false;
    pool->elements[pool->curr_nr] = element;
    __atomic_store_n(&pool->curr_nr, pool->curr_nr + 1, __ATOMIC_RELAXED);
    return true;
}

static void *pool_pop(mempool_t *pool)
{
    if (pool->curr_nr <= 0)
        return NULL;
    __atomic_store_n(&pool->curr_nr, pool->curr_nr - 1, __ATOMIC_RELAXED);
    return pool->elements[pool->curr_nr];
}

/* ---- making and unmaking --------------------------------------------------------------------- */

static void **pool_array(struct qr_kmalloc *kmalloc, int nr, gfp_t gfp, int nid)
{
    return qr_kmalloc_slow(kmalloc, (size_t)QR_MAX(nr, 1) * sizeof(void *), gfp | __GFP_NOWARN,
                           nid);
}

/* G-C3: reported where sleeping is not allowed, and then served without; so that the allocator does
 * not report the same mistake again. */
static gfp_t pool_making_mask(struct qr_kmalloc *kmalloc, gfp_t gfp, const char *what)
{
    return qr_may_sleep_here(kmalloc->check, what) ? gfp : gfp & ~__GFP_DIRECT_RECLAIM;
}

static bool pool_request_is_sane(struct qr_kmalloc *kmalloc, int min_nr, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-M1"};
    if (min_nr >= 0)
        return true;
    qr_report(kmalloc->check, &report, "%s with a reserve of %d elements", what, min_nr);
    return false;
}

int qr_mempool_init(struct qr_kmalloc *kmalloc, mempool_t *pool, int min_nr, mempool_alloc_t *alloc,
                    mempool_free_t *free, void *pool_data, gfp_t gfp, int nid)
{
    gfp = pool_making_mask(kmalloc, gfp, "mempool_create");
    memset(pool, 0, sizeof(*pool));
    if (!pool_request_is_sane(kmalloc, min_nr, "mempool_create") || !alloc || !free)
        return -QR_EINVAL;
    pool->elements = pool_array(kmalloc, min_nr, gfp, nid);
    if (!pool->elements)
        return -QR_ENOMEM;
    pool->min_nr = min_nr;
    pool->pool_data = pool_data;
    pool->alloc = alloc;
    pool->free = free;
    while (pool->curr_nr < min_nr) {
        void *element = alloc(gfp, pool_data);
        if (!element) {
            qr_mempool_exit(kmalloc, pool);
            return -QR_ENOMEM;
        }
        pool->elements[pool->curr_nr++] = element;
    }
    return 0;
}

void qr_mempool_exit(struct qr_kmalloc *kmalloc, mempool_t *pool)
{
    while (pool->curr_nr > 0)
        pool->free(pool_pop(pool), pool->pool_data);
    if (pool->elements)
        qr_kfree_slow(kmalloc, pool->elements, "mempool_exit");
    pool->elements = NULL;
    pool->min_nr = 0;
}

/* ---- resizing -------------------------------------------------------------------------------- */

/* Lower the reserve: what is too much goes back to the allocator, one by one. */
static void pool_shrink(mempool_t *pool, int new_min_nr)
{
    unsigned long state = pool_lock(pool);
    __atomic_store_n(&pool->min_nr, new_min_nr, __ATOMIC_RELAXED);
    while (pool->curr_nr > pool->min_nr) {
        void *element = pool_pop(pool);
        pool_unlock(pool, state);
        pool->free(element, pool->pool_data);
        state = pool_lock(pool);
    }
    pool_unlock(pool, state);
}

/* Elements for the growth of the reserve; all or none. */
static bool pool_prefill(mempool_t *pool, void **fresh, int nr, gfp_t gfp)
{
    for (int i = 0; i < nr; i++) {
        fresh[i] = pool->alloc(gfp, pool->pool_data);
        if (fresh[i])
            continue;
        while (i-- > 0)
            pool->free(fresh[i], pool->pool_data);
        return false;
    }
    return true;
}

/* Raise the reserve. The new array is filled from its end with elements that are in nobody's hands
 * yet, so that a failure leaves the pool as it was. */
static int pool_grow(struct qr_kmalloc *kmalloc, mempool_t *pool, int new_min_nr, gfp_t gfp)
{
    int more = new_min_nr - pool->min_nr;
    void **array = pool_array(kmalloc, new_min_nr, gfp, NUMA_NO_NODE), **old;
    unsigned long state;
    if (!array)
        return -QR_ENOMEM;
    if (!pool_prefill(pool, array + new_min_nr - more, more, gfp)) {
        qr_kfree_slow(kmalloc, array, "mempool_resize");
        return -QR_ENOMEM;
    }
    state = pool_lock(pool);
    old = pool->elements;
    memcpy(array, old, (size_t)pool->curr_nr * sizeof(*array));
    pool->elements = array;
    __atomic_store_n(&pool->min_nr, new_min_nr, __ATOMIC_RELAXED);
    /* The reserve is at most as long as the old one, so it ends before the fresh elements; each is
     * read before its place can be written. */
    for (int i = new_min_nr - more; i < new_min_nr; i++)
        pool_keep(pool, array[i]);
    pool_unlock(pool, state);
    qr_kfree_slow(kmalloc, old, "mempool_resize");
    return 0;
}

int qr_mempool_resize(struct qr_kmalloc *kmalloc, mempool_t *pool, int new_min_nr)
{
    gfp_t gfp = pool_making_mask(kmalloc, GFP_KERNEL, "mempool_resize");
    if (!pool->elements || !pool_request_is_sane(kmalloc, new_min_nr, "mempool_resize"))
        return -QR_EINVAL;
    if (new_min_nr > pool->min_nr)
        return pool_grow(kmalloc, pool, new_min_nr, gfp);
    pool_shrink(pool, new_min_nr);
    return 0;
}

/* ---- taking and giving ----------------------------------------------------------------------- */

void *qr_mempool_take_reserved(mempool_t *pool)
{
    unsigned long state = pool_lock(pool);
    void *element = pool_pop(pool);
    pool_unlock(pool, state);
    return element;
}

/* Step 1 of G-M1: without waiting, warning or emergency reserves. */
static gfp_t pool_first_mask(gfp_t gfp)
{
    gfp &= ~(__GFP_DIRECT_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_MEMALLOC |
             __GFP_NOFAIL | __GFP_RETRY_MAYFAIL);
    return gfp | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
}

/* Step 3. A caller that may sleep needs neither the last effort nor a warning: it can wait. */
static gfp_t pool_second_mask(gfp_t gfp)
{
    if (!(gfp & __GFP_DIRECT_RECLAIM))
        return gfp;
    return (gfp & ~(__GFP_NOFAIL | __GFP_RETRY_MAYFAIL)) | __GFP_NORETRY | __GFP_NOWARN;
}

/* Step 4: stand in line until an element comes by one way or the other. */
static void *pool_wait(mempool_t *pool, gfp_t gfp)
{
    struct quarry_pool_waiter self = {.element = NULL};
    unsigned long state = pool_lock(pool);
    void *element = pool_pop(pool); /* it may have come back since step 2 */
    if (!element)
        pool_line_join(pool, &self);
    while (self.in_line) {
        u32 seen = __atomic_load_n(&self.served.moves, __ATOMIC_ACQUIRE);
        pool_unlock(pool, state);
        qp_wait(&self.served, seen, POOL_WAIT_NS);
        if (__atomic_load_n(&self.served.moves, __ATOMIC_ACQUIRE) == seen)
            element = pool->alloc(gfp, pool->pool_data);
        state = pool_lock(pool);
        if (element && self.in_line)
            pool_line_leave(pool, &self);
    }
    pool_unlock(pool, state);
    if (!element)
        return self.element;
    if (self.element) /* served while the allocator answered: one is enough */
        qr_mempool_free(pool, self.element);
    return element;
}

void *qr_mempool_alloc(struct qr_check *check, mempool_t *pool, gfp_t gfp)
{
    void *element;
    if (QR_UNLIKELY(gfp & __GFP_ZERO)) {
        struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-M1"};
        qr_report_once(check, &report,
                       "mempool_alloc with __GFP_ZERO: elements from the reserve "
                       "are not cleared; clear it yourself");
        gfp &= ~__GFP_ZERO;
    }
    if ((gfp & __GFP_DIRECT_RECLAIM) && !qr_may_block(check, gfp, "mempool_alloc"))
        gfp &= ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL);
    if (gfp & __GFP_DIRECT_RECLAIM)
        qp_task()->backed++; /* whoever injects faults shall know that this request is served */
    element = pool->alloc(pool_first_mask(gfp), pool->pool_data);
    if (!element)
        element = qr_mempool_take_reserved(pool);
    if (!element)
        element = pool->alloc(pool_second_mask(gfp), pool->pool_data);
    if (!element && (gfp & __GFP_DIRECT_RECLAIM))
        element = pool_wait(pool, pool_second_mask(gfp));
    else if (!element)
        element = qr_mempool_take_reserved(pool);
    if (gfp & __GFP_DIRECT_RECLAIM)
        qp_task()->backed--;
    return element;
}

/* A pool without a reserve is never full: its frees are for those in line. */
static bool pool_looks_full(const mempool_t *pool)
{
    int min_nr = __atomic_load_n(&pool->min_nr, __ATOMIC_RELAXED);
    return min_nr > 0 && __atomic_load_n(&pool->curr_nr, __ATOMIC_RELAXED) >= min_nr;
}

void qr_mempool_free(mempool_t *pool, void *element)
{
    unsigned long state;
    bool kept = false;
    if (!element)
        return;
    /* Most frees find the reserve full, which needs no lock to see: whoever took an element from
     * the reserve did so before it came into this caller's hands, so the count read here is not
     * older than that. */
    if (!pool_looks_full(pool)) {
        state = pool_lock(pool);
        kept = pool_keep(pool, element);
        pool_unlock(pool, state);
    }
    if (!kept)
        pool->free(element, pool->pool_data);
}
