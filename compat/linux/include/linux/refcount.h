/* SPDX-License-Identifier: MIT */
/* Reference counters: an atomic_t that says when it is misused (used after 0, dropped below 0). */
#ifndef QUARRY_LINUX_REFCOUNT_H
#define QUARRY_LINUX_REFCOUNT_H

#include <linux/atomic.h>
#include <linux/bug.h>

typedef struct refcount_struct {
    atomic_t refs;
} refcount_t;
#define REFCOUNT_INIT(n)                                                                           \
    {                                                                                              \
        .refs = ATOMIC_INIT(n)                                                                     \
    }

static inline void refcount_set(refcount_t *r, int n)
{
    atomic_set(&r->refs, n);
}
static inline unsigned int refcount_read(const refcount_t *r)
{
    return (unsigned int)atomic_read(&r->refs);
}
static inline bool refcount_inc_not_zero(refcount_t *r)
{
    return atomic_inc_not_zero(&r->refs);
}
static inline void refcount_inc(refcount_t *r)
{
    WARN(!refcount_inc_not_zero(r), "reference taken on an object that has none left");
}
static inline void refcount_add(int n, refcount_t *r)
{
    WARN(!atomic_add_unless(&r->refs, n, 0), "reference taken on an object that has none left");
}
static inline bool refcount_sub_and_test(int n, refcount_t *r)
{
    int left = atomic_sub_return(n, &r->refs);
    WARN(left < 0, "reference dropped more often than taken");
    return left == 0;
}
static inline bool refcount_dec_and_test(refcount_t *r)
{
    return refcount_sub_and_test(1, r);
}
static inline void refcount_dec(refcount_t *r)
{
    WARN(refcount_dec_and_test(r), "last reference dropped by refcount_dec");
}

#endif
