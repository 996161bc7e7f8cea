/* SPDX-License-Identifier: MIT */
/* Memory barriers, as fences of the C memory model. */
#ifndef QUARRY_ASM_BARRIER_H
#define QUARRY_ASM_BARRIER_H

#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb() mb()
#define smp_rmb() rmb()
#define smp_wmb() wmb()
#define smp_mb__before_atomic() mb()
#define smp_mb__after_atomic() mb()
#define smp_mb__before_clear_bit() mb()
#define smp_mb__after_clear_bit() mb()
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, value) __atomic_store_n((p), (value), __ATOMIC_RELEASE)
#define smp_store_mb(var, value)                                                                   \
    do {                                                                                           \
        __atomic_store_n(&(var), (value), __ATOMIC_SEQ_CST);                                       \
        mb();                                                                                      \
    } while (0)
#define read_barrier_depends() __asm__ __volatile__("" : : : "memory")
#define smp_read_barrier_depends() read_barrier_depends()
#define set_mb(var, value) smp_store_mb(var, value)
#define cpu_relax() __asm__ __volatile__("" : : : "memory")

#endif
