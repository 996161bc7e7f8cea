/* SPDX-License-Identifier: MIT */
/* ports/hosted: the inline duties, in a Linux process.
 *
 * A thread is a CPU and a task at once, so that "this CPU's data" is "this thread's data": one load
 * from the thread pointer, and a section needs no protection, since nothing but this thread's own
 * instructions can be inside it. Interrupts exist only as calls that test code makes (context.c);
 * they run between two instructions of that same code, never inside a section or under a lock of
 * the core.
 *
 * Everything a thread must remember lies in one thread-local record, struct qp_self:
 *
 *     cpu          data of this CPU on the default machine; qr_cpu_none until it is claimed
 *     number       small number, unique among living threads: its CPU on every private machine
 *     atomic       how many public contexts are entered (context.h), of all kinds together
 *     locks, irqs  the core's own locks held and interrupt-off sections: these too forbid sleep
 *
 * A lock is one word: 0 free, 1 held, 2 held and somebody may sleep for it. Taking a free lock is
 * one compare-and-swap; a taken one is spun on for a moment and then slept on (futex).
 *
 * Limits. A section is not counted, because counting would be the most expensive part of the fast
 * path; qp_may_sleep() therefore says nothing about sections here. Signal handlers must not call
 * Quarry, as they must not call malloc. */
#ifndef QUARRY_HOSTED_PORT_H
#define QUARRY_HOSTED_PORT_H

#include <quarry/context.h>

#define QP_CAN_CHECK_CONTEXT 1
#define QP_CAN_GUARD 1

#define QP_NO_NUMBER (~0u)

struct qp_self {
    struct qr_cpu *cpu;
    unsigned int number;
    unsigned int atomic;
    unsigned int locks;
    unsigned int irqs;
    unsigned int parked; /* waits in qp_wait or for a boot: changes nothing until a fork is over */
    unsigned int
        inside; /* runs core code that no public function called: a worker, a thread's end */
    unsigned int interrupts; /* depth in hard and soft interrupts: whose task record counts */
    unsigned int depth[QUARRY_CONTEXTS];
    bool seated; /* has no CPU of its own and is in atomic context (context.c) */
    struct qp_task task;
    struct qp_task interrupt_task;
};
extern __thread struct qp_self qp_self
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

void qp_lock_slow(qp_lock_t *lock);
void qp_unlock_slow(qp_lock_t *lock);

static inline unsigned long qp_percpu_enter(const struct qr_cpus *cpus, struct qr_cpu **cpu)
{
    if (cpus == QP_DEFAULT_CPUS) {
        *cpu = qp_self.cpu;
    } else {
        unsigned int number = qp_self.number;
        struct qr_cpu *own = NULL;
        if (number < cpus->nr_max)
            own = __atomic_load_n(&cpus->area[number], __ATOMIC_RELAXED);
        *cpu = own ? own : cpus->none;
    }
    return 0;
}

static inline void qp_percpu_leave(unsigned long state)
{
    (void)state;
}

/* Where the frame of the function that says this ends; ports may leave it out. */
#if defined(__x86_64__)
#define QP_STACK_POINTER()                                                                         \
    __extension__({                                                                                \
        const void *qp_stack;                                                                      \
        __asm__ volatile("mov %%rsp, %0" : "=r"(qp_stack));                                        \
        qp_stack;                                                                                  \
    })
#elif defined(__aarch64__)
#define QP_STACK_POINTER()                                                                         \
    __extension__({                                                                                \
        const void *qp_stack;                                                                      \
        __asm__ volatile("mov %0, sp" : "=r"(qp_stack));                                           \
        qp_stack;                                                                                  \
    })
#endif

static inline void qp_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline unsigned long qp_lock(qp_lock_t *lock)
{
    uint32_t expected = 0;
    qp_self.locks++;
    if (__builtin_expect(!__atomic_compare_exchange_n(&lock->word, &expected, 1, false,
                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
                         0))
        qp_lock_slow(lock);
    return 0;
}

static inline bool qp_trylock(qp_lock_t *lock, unsigned long *state)
{
    uint32_t expected = 0;
    *state = 0;
    if (!__atomic_compare_exchange_n(&lock->word, &expected, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    qp_self.locks++;
    return true;
}

static inline void qp_unlock(qp_lock_t *lock, unsigned long state)
{
    (void)state;
    if (__builtin_expect(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2, 0))
        qp_unlock_slow(lock);
    qp_self.locks--;
}

static inline unsigned long qp_irq_save(void)
{
    return qp_self.irqs++;
}

static inline void qp_irq_restore(unsigned long state)
{
    qp_self.irqs = (unsigned int)state;
}

static inline struct qp_task *qp_task(void)
{
    return __builtin_expect(qp_self.interrupts != 0, 0) ? &qp_self.interrupt_task : &qp_self.task;
}

static inline bool qp_may_sleep(void)
{
    return (qp_self.atomic | qp_self.locks | qp_self.irqs | qp_self.task.readers) == 0;
}

static inline void qp_atomic_enter(void)
{
    quarry_context_enter(QUARRY_CTX_KMAP_ATOMIC);
}

static inline void qp_atomic_leave(void)
{
    quarry_context_leave(QUARRY_CTX_KMAP_ATOMIC);
}

static inline void *qp_virt(uintptr_t offset, phys_addr_t phys)
{
    return (void *)(offset + (uintptr_t)phys);
}

static inline phys_addr_t qp_phys(uintptr_t offset, const volatile void *virt)
{
    return (phys_addr_t)((uintptr_t)virt - offset);
}

/* ThreadSanitizer's runtime, when the program carries it. */
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));
#define QP_OBSERVED() (__tsan_acquire != NULL)

/* AddressSanitizer's; see watch.c. */
extern void __asan_poison_memory_region(void const volatile *address, size_t size)
    __attribute__((weak));
extern void __asan_unpoison_memory_region(void const volatile *address, size_t size)
    __attribute__((weak));

void qp_hand_over_observed(uintptr_t start, uintptr_t end);
void qp_take_over_observed(uintptr_t start, uintptr_t end);

static inline void qp_hand_over(const void *address, size_t size)
{
    qp_hand_over_observed((uintptr_t)address, (uintptr_t)address + size);
}

static inline void qp_take_over(const void *address, size_t size)
{
    qp_take_over_observed((uintptr_t)address, (uintptr_t)address + size);
}

#endif
