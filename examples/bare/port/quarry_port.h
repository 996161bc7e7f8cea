/* SPDX-License-Identifier: MIT */
/* A port for the simplest machine there is: one CPU, no interrupts, memory at fixed addresses, no page
 * tables to change. Everything that would keep others out has nobody to keep out. */
#ifndef BARE_PORT_H
#define BARE_PORT_H

#define QP_CAN_CHECK_CONTEXT 0 /* no interrupts, no tasks: nothing is ever atomic */
#define QP_OBSERVED() 0

extern struct qp_task bare_task;

static inline unsigned long qp_percpu_enter(const struct qr_cpus *cpus, struct qr_cpu **cpu)
{
    *cpu = cpus->area && cpus->area[0] ? cpus->area[0] : cpus->none;
    return 0;
}

static inline void qp_percpu_leave(unsigned long state)
{
    (void)state;
}

static inline unsigned long qp_lock(qp_lock_t *lock)
{
    if (lock->word)
        qp_panic("bare: a lock is taken twice\n");
    lock->word = 1;
    return 0;
}

static inline bool qp_trylock(qp_lock_t *lock, unsigned long *state)
{
    *state = 0;
    if (lock->word)
        return false;
    lock->word = 1;
    return true;
}

static inline void qp_unlock(qp_lock_t *lock, unsigned long state)
{
    (void)state;
    lock->word = 0;
}

static inline unsigned long qp_irq_save(void)
{
    return 0;
}

static inline void qp_irq_restore(unsigned long state)
{
    (void)state;
}

static inline struct qp_task *qp_task(void)
{
    return &bare_task;
}

static inline bool qp_may_sleep(void)
{
    return true;
}

static inline void qp_atomic_enter(void)
{
}

static inline void qp_atomic_leave(void)
{
}

static inline void *qp_virt(uintptr_t offset, phys_addr_t phys)
{
    return (void *)(offset + (uintptr_t)phys);
}

static inline phys_addr_t qp_phys(uintptr_t offset, const volatile void *virt)
{
    return (phys_addr_t)((uintptr_t)virt - offset);
}

static inline void qp_relax(void)
{
}

static inline void qp_hand_over(const void *address, size_t size)
{
    (void)address;
    (void)size;
}

static inline void qp_take_over(const void *address, size_t size)
{
    (void)address;
    (void)size;
}

#endif
