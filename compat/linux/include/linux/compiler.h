/* SPDX-License-Identifier: MIT */
/* Names for what the compiler can be told, and for single reads and writes of shared variables. */
#ifndef QUARRY_LINUX_COMPILER_H
#define QUARRY_LINUX_COMPILER_H

#include <linux/version.h>

/* Marks for the kernel's own checker: no meaning for a compiler. */
#define __user
#define __kernel
#define __iomem
#define __percpu
#define __rcu
#define __force
#define __nocast
#define __safe
#define __private
#ifndef __bitwise
#define __bitwise
#endif
#define __must_hold(x)
#define __acquires(x)
#define __releases(x)
#define __acquire(x) (void)0
#define __release(x) (void)0
#define __chk_user_ptr(x) (void)(x)
#define __visible
#define __latent_entropy
#define __randomize_layout
#define __no_randomize_layout
#define randomized_struct_fields_start
#define randomized_struct_fields_end
#define __nosavedata
#define __kprobes
#define notrace
#define asmlinkage
#define __cpuidle
#define __sched
#define __lockfunc
#define __cacheline_in_smp

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#define noinline __attribute__((__noinline__))
#define noinline_for_stack noinline
#define __maybe_unused __attribute__((__unused__))
#define __always_unused __attribute__((__unused__))
#define __used __attribute__((__used__))
#define __must_check __attribute__((__warn_unused_result__))
#ifndef __attribute_const__
#define __attribute_const__ __attribute__((__const__))
#endif
#define __packed __attribute__((__packed__))
#define __aligned(x) __attribute__((__aligned__(x)))
#define __aligned_largest __attribute__((__aligned__))
#define __printf(a, b) __attribute__((__format__(printf, a, b)))
#define __scanf(a, b) __attribute__((__format__(scanf, a, b)))
#define __noreturn __attribute__((__noreturn__))
#define __cold __attribute__((__cold__))
#define __pure __attribute__((__pure__))
#define __weak __attribute__((__weak__))
#define __alias(symbol) __attribute__((__alias__(#symbol)))
#define __section(name) __attribute__((__section__(name)))
#define __malloc __attribute__((__malloc__))
#define __mode(x) __attribute__((__mode__(x)))
#define __deprecated
#define __gnu_inline __attribute__((__gnu_inline__))
#define __counted_by(member)
#ifndef fallthrough
#define fallthrough __attribute__((__fallthrough__))
#endif
#ifndef unreachable
#define unreachable() __builtin_unreachable()
#endif
#define uninitialized_var(x) x = x
#define __same_type(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define __must_be_array(a) (sizeof(char[1 - 2 * !!__same_type((a), &(a)[0])]) - 1)
#define __is_constexpr(x) (sizeof(int) == sizeof(*(8 ? ((void *)((long)(x)*0l)) : (int *)8)))
#define __stringify_1(...) #__VA_ARGS__
#define __stringify(...) __stringify_1(__VA_ARGS__)
#define ___PASTE(a, b) a##b
#define __PASTE(a, b) ___PASTE(a, b)
#define __UNIQUE_ID(prefix) __PASTE(__PASTE(__UNIQUE_ID_, prefix), __COUNTER__)
#define OPTIMIZER_HIDE_VAR(var) __asm__("" : "=r"(var) : "0"(var))
#define _RET_IP_ ((unsigned long)__builtin_return_address(0))
#define _THIS_IP_                                                                                  \
    ({                                                                                             \
        __label__ here;                                                                            \
    here:                                                                                          \
        (unsigned long)&&here;                                                                     \
    })

#define barrier() __asm__ __volatile__("" : : : "memory")
#define barrier_data(ptr) __asm__ __volatile__("" : : "r"(ptr) : "memory")

/* One access, no more and no less, not torn, of a number or a pointer. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value) __atomic_store_n(&(x), (value), __ATOMIC_RELAXED)
#define ACCESS_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define data_race(expr) (expr)

#include <asm/barrier.h>

#endif
