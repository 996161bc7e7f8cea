/* SPDX-License-Identifier: MIT */
/* Counters that several CPUs change. Operations that return a value order memory fully, the others
 * do not order it; _relaxed, _acquire and _release forms exist where drivers use them. */
#ifndef QUARRY_LINUX_ATOMIC_H
#define QUARRY_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

static inline int atomic_read(const atomic_t *v)
{
    return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}
static inline int atomic_read_acquire(const atomic_t *v)
{
    return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);
}
static inline void atomic_set(atomic_t *v, int i)
{
    __atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
}
static inline void atomic_set_release(atomic_t *v, int i)
{
    __atomic_store_n(&v->counter, i, __ATOMIC_RELEASE);
}
static inline void atomic_add(int i, atomic_t *v)
{
    __atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);
}
static inline int atomic_fetch_add(int i, atomic_t *v)
{
    return __atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic_sub(int i, atomic_t *v)
{
    __atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED);
}
static inline int atomic_fetch_sub(int i, atomic_t *v)
{
    return __atomic_fetch_sub(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic_or(int i, atomic_t *v)
{
    __atomic_fetch_or(&v->counter, i, __ATOMIC_RELAXED);
}
static inline int atomic_fetch_or(int i, atomic_t *v)
{
    return __atomic_fetch_or(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic_and(int i, atomic_t *v)
{
    __atomic_fetch_and(&v->counter, i, __ATOMIC_RELAXED);
}
static inline int atomic_fetch_and(int i, atomic_t *v)
{
    return __atomic_fetch_and(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic_xor(int i, atomic_t *v)
{
    __atomic_fetch_xor(&v->counter, i, __ATOMIC_RELAXED);
}
static inline int atomic_fetch_xor(int i, atomic_t *v)
{
    return __atomic_fetch_xor(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline int atomic_add_return(int i, atomic_t *v)
{
    return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline int atomic_sub_return(int i, atomic_t *v)
{
    return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic_inc(atomic_t *v)
{
    atomic_add(1, v);
}
static inline int atomic_inc_return(atomic_t *v)
{
    return atomic_add_return(1, v);
}
static inline int atomic_fetch_inc(atomic_t *v)
{
    return atomic_fetch_add(1, v);
}
static inline bool atomic_inc_and_test(atomic_t *v)
{
    return atomic_add_return(1, v) == 0;
}
static inline void atomic_dec(atomic_t *v)
{
    atomic_sub(1, v);
}
static inline int atomic_dec_return(atomic_t *v)
{
    return atomic_sub_return(1, v);
}
static inline int atomic_fetch_dec(atomic_t *v)
{
    return atomic_fetch_sub(1, v);
}
static inline bool atomic_dec_and_test(atomic_t *v)
{
    return atomic_sub_return(1, v) == 0;
}
static inline bool atomic_sub_and_test(int i, atomic_t *v)
{
    return atomic_sub_return(i, v) == 0;
}
static inline bool atomic_add_negative(int i, atomic_t *v)
{
    return atomic_add_return(i, v) < 0;
}
static inline int atomic_xchg(atomic_t *v, int value)
{
    return __atomic_exchange_n(&v->counter, value, __ATOMIC_SEQ_CST);
}
/* Returns what was there: equal to @old if @value was stored. */
static inline int atomic_cmpxchg(atomic_t *v, int old, int value)
{
    __atomic_compare_exchange_n(&v->counter, &old, value, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return old;
}
static inline bool atomic_try_cmpxchg(atomic_t *v, int *old, int value)
{
    return __atomic_compare_exchange_n(&v->counter, old, value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
/* Add unless it is @u; returns what it was. */
static inline int atomic_fetch_add_unless(atomic_t *v, int a, int u)
{
    int was = atomic_read(v);
    while (was != u && !atomic_try_cmpxchg(v, &was, was + a))
        ;
    return was;
}
static inline bool atomic_add_unless(atomic_t *v, int a, int u)
{
    return atomic_fetch_add_unless(v, a, u) != u;
}
static inline bool atomic_inc_not_zero(atomic_t *v)
{
    return atomic_add_unless(v, 1, 0);
}
static inline int atomic_dec_if_positive(atomic_t *v)
{
    int was = atomic_read(v);
    while (was > 0 && !atomic_try_cmpxchg(v, &was, was - 1))
        ;
    return was - 1;
}
static inline s64 atomic64_read(const atomic64_t *v)
{
    return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}
static inline s64 atomic64_read_acquire(const atomic64_t *v)
{
    return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);
}
static inline void atomic64_set(atomic64_t *v, s64 i)
{
    __atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
}
static inline void atomic64_set_release(atomic64_t *v, s64 i)
{
    __atomic_store_n(&v->counter, i, __ATOMIC_RELEASE);
}
static inline void atomic64_add(s64 i, atomic64_t *v)
{
    __atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);
}
static inline s64 atomic64_fetch_add(s64 i, atomic64_t *v)
{
    return __atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic64_sub(s64 i, atomic64_t *v)
{
    __atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED);
}
static inline s64 atomic64_fetch_sub(s64 i, atomic64_t *v)
{
    return __atomic_fetch_sub(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic64_or(s64 i, atomic64_t *v)
{
    __atomic_fetch_or(&v->counter, i, __ATOMIC_RELAXED);
}
static inline s64 atomic64_fetch_or(s64 i, atomic64_t *v)
{
    return __atomic_fetch_or(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic64_and(s64 i, atomic64_t *v)
{
    __atomic_fetch_and(&v->counter, i, __ATOMIC_RELAXED);
}
static inline s64 atomic64_fetch_and(s64 i, atomic64_t *v)
{
    return __atomic_fetch_and(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic64_xor(s64 i, atomic64_t *v)
{
    __atomic_fetch_xor(&v->counter, i, __ATOMIC_RELAXED);
}
static inline s64 atomic64_fetch_xor(s64 i, atomic64_t *v)
{
    return __atomic_fetch_xor(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline s64 atomic64_add_return(s64 i, atomic64_t *v)
{
    return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline s64 atomic64_sub_return(s64 i, atomic64_t *v)
{
    return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline void atomic64_inc(atomic64_t *v)
{
    atomic64_add(1, v);
}
static inline s64 atomic64_inc_return(atomic64_t *v)
{
    return atomic64_add_return(1, v);
}
static inline s64 atomic64_fetch_inc(atomic64_t *v)
{
    return atomic64_fetch_add(1, v);
}
static inline bool atomic64_inc_and_test(atomic64_t *v)
{
    return atomic64_add_return(1, v) == 0;
}
static inline void atomic64_dec(atomic64_t *v)
{
    atomic64_sub(1, v);
}
static inline s64 atomic64_dec_return(atomic64_t *v)
{
    return atomic64_sub_return(1, v);
}
static inline s64 atomic64_fetch_dec(atomic64_t *v)
{
    return atomic64_fetch_sub(1, v);
}
static inline bool atomic64_dec_and_test(atomic64_t *v)
{
    return atomic64_sub_return(1, v) == 0;
}
static inline bool atomic64_sub_and_test(s64 i, atomic64_t *v)
{
    return atomic64_sub_return(i, v) == 0;
}
static inline bool atomic64_add_negative(s64 i, atomic64_t *v)
{
    return atomic64_add_return(i, v) < 0;
}
static inline s64 atomic64_xchg(atomic64_t *v, s64 value)
{
    return __atomic_exchange_n(&v->counter, value, __ATOMIC_SEQ_CST);
}
/* Returns what was there: equal to @old if @value was stored. */
static inline s64 atomic64_cmpxchg(atomic64_t *v, s64 old, s64 value)
{
    __atomic_compare_exchange_n(&v->counter, &old, value, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return old;
}
static inline bool atomic64_try_cmpxchg(atomic64_t *v, s64 *old, s64 value)
{
    return __atomic_compare_exchange_n(&v->counter, old, value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
/* Add unless it is @u; returns what it was. */
static inline s64 atomic64_fetch_add_unless(atomic64_t *v, s64 a, s64 u)
{
    s64 was = atomic64_read(v);
    while (was != u && !atomic64_try_cmpxchg(v, &was, was + a))
        ;
    return was;
}
static inline bool atomic64_add_unless(atomic64_t *v, s64 a, s64 u)
{
    return atomic64_fetch_add_unless(v, a, u) != u;
}
static inline bool atomic64_inc_not_zero(atomic64_t *v)
{
    return atomic64_add_unless(v, 1, 0);
}
static inline s64 atomic64_dec_if_positive(atomic64_t *v)
{
    s64 was = atomic64_read(v);
    while (was > 0 && !atomic64_try_cmpxchg(v, &was, was - 1))
        ;
    return was - 1;
}

#define atomic_long_read atomic64_read
#define atomic_long_set atomic64_set
#define atomic_long_add atomic64_add
#define atomic_long_sub atomic64_sub
#define atomic_long_inc atomic64_inc
#define atomic_long_dec atomic64_dec
#define atomic_long_inc_return atomic64_inc_return
#define atomic_long_dec_return atomic64_dec_return
#define atomic_long_add_return atomic64_add_return
#define atomic_long_sub_return atomic64_sub_return
#define atomic_long_inc_and_test atomic64_inc_and_test
#define atomic_long_dec_and_test atomic64_dec_and_test
#define atomic_long_xchg atomic64_xchg
#define atomic_long_cmpxchg atomic64_cmpxchg
#define atomic_long_add_unless atomic64_add_unless
#define atomic_long_inc_not_zero atomic64_inc_not_zero
#define atomic_long_fetch_add atomic64_fetch_add
#define atomic_long_fetch_sub atomic64_fetch_sub
#define atomic_long_fetch_inc atomic64_fetch_inc
#define atomic_long_fetch_dec atomic64_fetch_dec
#define atomic_xchg_relaxed atomic_xchg
#define atomic_xchg_acquire atomic_xchg
#define atomic_xchg_release atomic_xchg
#define atomic_cmpxchg_relaxed atomic_cmpxchg
#define atomic_cmpxchg_acquire atomic_cmpxchg
#define atomic_cmpxchg_release atomic_cmpxchg
#define atomic_inc_return_relaxed atomic_inc_return
#define atomic_inc_return_acquire atomic_inc_return
#define atomic_inc_return_release atomic_inc_return
#define atomic_dec_return_relaxed atomic_dec_return
#define atomic_dec_return_acquire atomic_dec_return
#define atomic_dec_return_release atomic_dec_return
#define atomic_add_return_relaxed atomic_add_return
#define atomic_add_return_acquire atomic_add_return
#define atomic_add_return_release atomic_add_return
#define atomic_sub_return_relaxed atomic_sub_return
#define atomic_sub_return_acquire atomic_sub_return
#define atomic_sub_return_release atomic_sub_return

#define xchg(ptr, value) __atomic_exchange_n((ptr), (value), __ATOMIC_SEQ_CST)
#define cmpxchg(ptr, old, value)                                                                   \
    ({                                                                                             \
        __typeof__(*(ptr)) __old = (old);                                                          \
        __atomic_compare_exchange_n((ptr), &__old, (value), false, __ATOMIC_SEQ_CST,               \
                                    __ATOMIC_SEQ_CST);                                             \
        __old;                                                                                     \
    })
#define try_cmpxchg(ptr, old, value)                                                               \
    __atomic_compare_exchange_n((ptr), (old), (value), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#endif
