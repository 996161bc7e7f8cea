/* SPDX-License-Identifier: MIT */
/* ports/sim/access: every access to memory is a point.
 *
 * A compiler asked for thread-sanitizer instrumentation calls a function before each access to memory
 * and in place of each atomic one. Here these functions are the port's own: they count points, so that
 * the scheduler may switch between any two accesses of the core. What they do not do is look for races:
 * a lost update is found by what it destroys.
 *
 * Only the core is compiled this way; the port and the programs are not. All atomic operations are done
 * as they stand, one after the other: an order of memory that only real processors show is not shown. */
#include "world.h"

/* Counted also where only hand-overs are looked at: the numbers of points stay the same. */
static void access_plain(enum sim_point kind, const void *address)
{
    if (sim_here.handovers)
        sim_here.left--;
    else
        sim_point(kind, address);
}

#define ACCESS_PLAIN(name, kind)                                                                   \
    void name(void *address);                                                                      \
    void name(void *address)                                                                       \
    {                                                                                              \
        access_plain(kind, address);                                                               \
    }

#define ACCESS_SIZE(size)                                                                          \
    ACCESS_PLAIN(__tsan_read##size, SIM_POINT_READ)                                                \
    ACCESS_PLAIN(__tsan_write##size, SIM_POINT_WRITE)                                              \
    ACCESS_PLAIN(__tsan_volatile_read##size, SIM_POINT_READ)                                       \
    ACCESS_PLAIN(__tsan_volatile_write##size, SIM_POINT_WRITE)                                     \
    ACCESS_PLAIN(__tsan_unaligned_read##size, SIM_POINT_READ)                                      \
    ACCESS_PLAIN(__tsan_unaligned_write##size, SIM_POINT_WRITE)                                    \
    ACCESS_PLAIN(__tsan_read_write##size, SIM_POINT_WRITE)

ACCESS_SIZE(1)
ACCESS_SIZE(2)
ACCESS_SIZE(4)
ACCESS_SIZE(8)
ACCESS_SIZE(16)

void __tsan_read_range(void *address, size_t size);
void __tsan_read_range(void *address, size_t size)
{
    (void)size;
    sim_point(SIM_POINT_READ, address);
}

void __tsan_write_range(void *address, size_t size);
void __tsan_write_range(void *address, size_t size)
{
    (void)size;
    sim_point(SIM_POINT_WRITE, address);
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

void __tsan_init(void);
void __tsan_init(void)
{
}

/* ---- atomic operations ---------------------------------------------------------------------- */

#define ACCESS_FETCH(bits, type, name, builtin)                                                    \
    type __tsan_atomic##bits##_##name(volatile type *address, type value, int order);              \
    type __tsan_atomic##bits##_##name(volatile type *address, type value, int order)               \
    {                                                                                              \
        (void)order;                                                                               \
        type before;                                                                               \
        sim_point(SIM_POINT_ATOMIC, (const void *)(uintptr_t)address);                             \
        before = builtin(address, value, __ATOMIC_SEQ_CST);                                        \
        sim_point(SIM_POINT_ATOMIC, (const void *)(uintptr_t)address);                             \
        return before;                                                                             \
    }

#define ACCESS_EXCHANGE(bits, type, name)                                                          \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *address, type *expected,      \
                                                      type value, int success, int failure);       \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *address, type *expected,      \
                                                      type value, int success, int failure)        \
    {                                                                                              \
        (void)success;                                                                             \
        (void)failure;                                                                             \
        int done;                                                                                  \
        sim_point(SIM_POINT_ATOMIC, (const void *)(uintptr_t)address);                             \
        done = __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST,      \
                                           __ATOMIC_SEQ_CST);                                      \
        sim_point(SIM_POINT_ATOMIC, (const void *)(uintptr_t)address);                             \
        return done;                                                                               \
    }

#define ACCESS_ATOMIC(bits, type)                                                                  \
    type __tsan_atomic##bits##_load(const volatile type *address, int order);                      \
    type __tsan_atomic##bits##_load(const volatile type *address, int order)                       \
    {                                                                                              \
        (void)order;                                                                               \
        access_plain(SIM_POINT_READ, (const void *)(uintptr_t)address);                            \
        return __atomic_load_n(address, __ATOMIC_SEQ_CST);                                         \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *address, type value, int order);               \
    void __tsan_atomic##bits##_store(volatile type *address, type value, int order)                \
    {                                                                                              \
        (void)order;                                                                               \
        sim_point(SIM_POINT_WRITE, (const void *)(uintptr_t)address);                              \
        __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                        \
        sim_point(SIM_POINT_ATOMIC, (const void *)(uintptr_t)address);                             \
    }                                                                                              \
    ACCESS_FETCH(bits, type, exchange, __atomic_exchange_n)                                        \
    ACCESS_FETCH(bits, type, fetch_add, __atomic_fetch_add)                                        \
    ACCESS_FETCH(bits, type, fetch_sub, __atomic_fetch_sub)                                        \
    ACCESS_FETCH(bits, type, fetch_and, __atomic_fetch_and)                                        \
    ACCESS_FETCH(bits, type, fetch_or, __atomic_fetch_or)                                          \
    ACCESS_FETCH(bits, type, fetch_xor, __atomic_fetch_xor)                                        \
    ACCESS_EXCHANGE(bits, type, strong)                                                            \
    ACCESS_EXCHANGE(bits, type, weak)

ACCESS_ATOMIC(8, uint8_t)
ACCESS_ATOMIC(16, uint16_t)
ACCESS_ATOMIC(32, uint32_t)
ACCESS_ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    (void)order;
    sim_point(SIM_POINT_ATOMIC, NULL);
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
