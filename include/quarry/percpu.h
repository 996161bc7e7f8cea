/* SPDX-License-Identifier: MIT */
/* Per-CPU memory: one instance of a block for each CPU.
 *
 *     struct counts *counts = alloc_percpu(struct counts);       every instance reads as zero
 *     this_cpu_inc(counts->packets);                             on whatever CPU this is
 *     for (cpu = 0; cpu < quarry_nr_cpus(); cpu++)
 *         sum += per_cpu_ptr(counts, cpu)->packets;
 *     free_percpu(counts);
 *
 * What alloc_percpu returns is a token, not an address: it may be compared and moved to a member
 * (&counts->packets), but only per_cpu_ptr() and its kin make an address of it. The token lies in
 * a range of addresses where nothing is mapped, so that using it directly faults.
 *
 * CPUs. Numbers run from 0 to quarry_nr_cpus() - 1. The last one stands for all threads that have no
 * CPU of their own, since there are more threads than the machine has CPUs; they share its instance, one at
 * a time while in atomic context (context.h: preemption off, a spin lock held, …). An
 * instance begins to take memory when its CPU comes into being, or is asked for. See
 * docs/design/percpu.md. */
#ifndef QUARRY_PERCPU_H
#define QUARRY_PERCPU_H

#include <quarry/gfp.h>
#include <quarry/types.h>

#define PCPU_MIN_ALLOC_SIZE 8            /* bytes: instances take a multiple of it */
#define PCPU_MIN_UNIT_SIZE (32UL << 10)  /* bytes: the largest instance */
#define PERCPU_MAX_ALIGNMENT (1UL << 12) /* bytes */

QUARRY_EXTERN_C_BEGIN

/* Make a block of @size bytes, aligned to @align, for each CPU.
 * Units:   bytes; size 1 … PCPU_MIN_UNIT_SIZE, align a power of two up to PERCPU_MAX_ALIGNMENT.
 * Context: __alloc_percpu may sleep (G-C3); the other by @gfp.
 * Returns: a token; every instance is zero. NULL when memory is short, or when size or alignment is out
 *          of range (reported).
 * Cost:    of every CPU that exists, one instance; a look over the chunks with a lock held. */
QUARRY_API void *__alloc_percpu(size_t size, size_t align);
QUARRY_API void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp);
#define alloc_percpu(type) ((__typeof__(type) *)__alloc_percpu(sizeof(type), __alignof__(type)))
#define alloc_percpu_gfp(type, gfp)                                                                \
    ((__typeof__(type) *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), (gfp)))

/* Free all instances. NULL is ignored; a token that is none is reported and nothing changes.
 * Context: any (G-C4). */
QUARRY_API void free_percpu(void *token);

/* The instance of CPU @cpu, or of this CPU, by token or by the address of a static per-CPU variable.
 * What is neither is reported and comes back as it is. An instance that takes no memory yet is made
 * now; that cannot fail (if need be from the emergency reserves), but see docs/design/percpu.md.
 * Context: any. Cost: three loads and, for this CPU, a section. */
QUARRY_API void *quarry_per_cpu_ptr(const volatile void *token, unsigned int cpu);
QUARRY_API void *quarry_this_cpu_ptr(const volatile void *token);
#define per_cpu_ptr(ptr, cpu) ((__typeof__(*(ptr)) *)quarry_per_cpu_ptr((ptr), (unsigned int)(cpu)))
#define this_cpu_ptr(ptr) ((__typeof__(*(ptr)) *)quarry_this_cpu_ptr(ptr))
#define raw_cpu_ptr(ptr) this_cpu_ptr(ptr)
/* This CPU's number, in per-CPU memory; how many numbers there are; whether a CPU of this number has
 * come into being. Context: any. */
QUARRY_API unsigned int quarry_cpu(void);
QUARRY_API unsigned int quarry_nr_cpus(void);
QUARRY_API bool quarry_cpu_exists(unsigned int cpu);
/* Physical address of an address in an instance. Context: any. */
QUARRY_API phys_addr_t per_cpu_ptr_to_phys(void *address);

/* Static per-CPU variables: the variables in [start, start + size) are what every instance begins with,
 * and their addresses are tokens from now on. Registering a range again counts; unregistering it as
 * often forgets it and frees the instances. May come before the machine is booted.
 * Returns 0, -ENOSPC (64 ranges at most), -EINVAL (it overlaps another range). Context: any. */
QUARRY_API int quarry_percpu_register(const void *start, size_t size);
QUARRY_API void quarry_percpu_unregister(const void *start);

QUARRY_EXTERN_C_END

/* Operations on this CPU's instance of a scalar. Each is one atomic operation without ordering: threads
 * may share an instance, and another CPU may be reading it. */
#define this_cpu_read(var) __atomic_load_n(this_cpu_ptr(&(var)), __ATOMIC_RELAXED)
#define this_cpu_write(var, val) __atomic_store_n(this_cpu_ptr(&(var)), (val), __ATOMIC_RELAXED)
#define this_cpu_add_return(var, val)                                                              \
    __atomic_add_fetch(this_cpu_ptr(&(var)), (val), __ATOMIC_RELAXED)
#define this_cpu_sub_return(var, val)                                                              \
    __atomic_sub_fetch(this_cpu_ptr(&(var)), (val), __ATOMIC_RELAXED)
#define this_cpu_inc_return(var) this_cpu_add_return(var, 1)
#define this_cpu_dec_return(var) this_cpu_sub_return(var, 1)
#define this_cpu_add(var, val) ((void)this_cpu_add_return(var, val))
#define this_cpu_sub(var, val) ((void)this_cpu_sub_return(var, val))
#define this_cpu_inc(var) this_cpu_add(var, 1)
#define this_cpu_dec(var) this_cpu_sub(var, 1)
#define this_cpu_and(var, val)                                                                     \
    ((void)__atomic_and_fetch(this_cpu_ptr(&(var)), (val), __ATOMIC_RELAXED))
#define this_cpu_or(var, val)                                                                      \
    ((void)__atomic_or_fetch(this_cpu_ptr(&(var)), (val), __ATOMIC_RELAXED))
#define this_cpu_xchg(var, val) __atomic_exchange_n(this_cpu_ptr(&(var)), (val), __ATOMIC_RELAXED)
/* The value before: equal to @old when the exchange was made. */
#define this_cpu_cmpxchg(var, old, new_value)                                                      \
    __extension__({                                                                                \
        __typeof__(var) quarry_old_ = (old);                                                       \
        (void)__atomic_compare_exchange_n(this_cpu_ptr(&(var)), &quarry_old_, (new_value), false,  \
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED);                     \
        quarry_old_;                                                                               \
    })
#define raw_cpu_read(var) this_cpu_read(var)
#define raw_cpu_write(var, val) this_cpu_write(var, val)
#define raw_cpu_add(var, val) this_cpu_add(var, val)
#define raw_cpu_inc(var) this_cpu_inc(var)
#define raw_cpu_dec(var) this_cpu_dec(var)
#define __this_cpu_read(var) this_cpu_read(var)
#define __this_cpu_write(var, val) this_cpu_write(var, val)
#define __this_cpu_add(var, val) this_cpu_add(var, val)
#define __this_cpu_sub(var, val) this_cpu_sub(var, val)
#define __this_cpu_inc(var) this_cpu_inc(var)
#define __this_cpu_dec(var) this_cpu_dec(var)
#define __this_cpu_inc_return(var) this_cpu_inc_return(var)
#define __this_cpu_add_return(var, val) this_cpu_add_return(var, val)
#define __this_cpu_xchg(var, val) this_cpu_xchg(var, val)

#endif
