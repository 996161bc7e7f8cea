/* SPDX-License-Identifier: MIT */
/* Per-CPU variables. They lie in a section of their own in the module, which is what each CPU's instance
 * begins with; a variable's address is the token by which its instances are found. Every file that
 * includes this announces the module's section; the library counts. */
#ifndef QUARRY_LINUX_PERCPU_DEFS_H
#define QUARRY_LINUX_PERCPU_DEFS_H

#include <linux/preempt.h>
#include <linux/types.h>
#include <quarry/percpu.h>

#ifndef __percpu
#define __percpu
#endif

#define QUARRY_PERCPU_SECTION __attribute__((section("quarry_percpu")))
#define DECLARE_PER_CPU(type, name) extern QUARRY_PERCPU_SECTION __typeof__(type) name
#define DEFINE_PER_CPU(type, name) QUARRY_PERCPU_SECTION __typeof__(type) name
#define DECLARE_PER_CPU_ALIGNED(type, name) DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_ALIGNED(type, name)                                                         \
    DEFINE_PER_CPU(type, name) __attribute__((__aligned__(64)))
#define DECLARE_PER_CPU_SHARED_ALIGNED(type, name) DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_SHARED_ALIGNED(type, name) DEFINE_PER_CPU_ALIGNED(type, name)
#define DECLARE_PER_CPU_PAGE_ALIGNED(type, name) DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_PAGE_ALIGNED(type, name)                                                    \
    DEFINE_PER_CPU(type, name) __attribute__((__aligned__(4096)))
#define DECLARE_PER_CPU_READ_MOSTLY(type, name) DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_READ_MOSTLY(type, name) DEFINE_PER_CPU(type, name)
#define EXPORT_PER_CPU_SYMBOL(var) EXPORT_SYMBOL(var)
#define EXPORT_PER_CPU_SYMBOL_GPL(var) EXPORT_SYMBOL_GPL(var)

#define per_cpu(var, cpu) (*per_cpu_ptr(&(var), cpu))
#define __get_cpu_var(var) (*this_cpu_ptr(&(var)))
/* This CPU's instance, with preemption off until put_cpu_var or put_cpu_ptr. */
#define get_cpu_ptr(ptr)                                                                           \
    ({                                                                                             \
        preempt_disable();                                                                         \
        this_cpu_ptr(ptr);                                                                         \
    })
#define put_cpu_ptr(ptr)                                                                           \
    do {                                                                                           \
        (void)(ptr);                                                                               \
        preempt_enable();                                                                          \
    } while (0)
#define get_cpu_var(var) (*get_cpu_ptr(&(var)))
#define put_cpu_var(var) put_cpu_ptr(&(var))

/* The linker's names for the ends of the section; NULL in a module without such variables. */
extern char __start_quarry_percpu[] __attribute__((weak, visibility("hidden")));
extern char __stop_quarry_percpu[] __attribute__((weak, visibility("hidden")));

static __attribute__((constructor)) void quarry_percpu_announce(void)
{
    if (__start_quarry_percpu)
        (void)quarry_percpu_register(__start_quarry_percpu, (uintptr_t)__stop_quarry_percpu -
                                                                (uintptr_t)__start_quarry_percpu);
}
static __attribute__((destructor)) void quarry_percpu_renounce(void)
{
    if (__start_quarry_percpu)
        quarry_percpu_unregister(__start_quarry_percpu);
}

#endif
