/* SPDX-License-Identifier: MIT */
/* ports/template: the inline duties, where a new port begins.
 *
 * Copy this folder to ports/<name>, build with -DQUARRY_PORT=<name>, and replace one body after the
 * other; include/quarry/port.h says what each must do, docs/design/port.md in which order to go and
 * how the existing ports do it. Until then every duty ends in qp_panic with its own name, so that
 * the core compiles and links from the first minute on and always says what it needs next.
 *
 * Inline, because all of these lie on the way of every allocation. Keep qp_percpu_enter and
 * qp_percpu_leave free of calls and atomic instructions: at most a load of this CPU's data from a
 * register-relative address and, where interrupts allocate too, what keeps them out. */
#ifndef QUARRY_TEMPLATE_PORT_H
#define QUARRY_TEMPLATE_PORT_H

/* Say 1 once qp_may_sleep() knows interrupts, locks and sections. */
#define QP_CAN_CHECK_CONTEXT 0
/* Whether a race detector watches this program. */
#define QP_OBSERVED() 0

/* Optional: #define QP_STACK_POINTER() for the leak scan, and QP_CAN_GUARD 1 for guard pages; see port.h. */

#define TEMPLATE_DUTY(name) qp_panic("quarry: this port must supply " name "()\n")

static inline unsigned long qp_percpu_enter(const struct qr_cpus *cpus, struct qr_cpu **cpu)
{
    (void)cpus;
    (void)cpu;
    TEMPLATE_DUTY("qp_percpu_enter");
}

static inline void qp_percpu_leave(unsigned long state)
{
    (void)state;
    TEMPLATE_DUTY("qp_percpu_leave");
}

static inline unsigned long qp_lock(qp_lock_t *lock)
{
    (void)lock;
    TEMPLATE_DUTY("qp_lock");
}

static inline bool qp_trylock(qp_lock_t *lock, unsigned long *state)
{
    (void)lock;
    (void)state;
    TEMPLATE_DUTY("qp_trylock");
}

static inline void qp_unlock(qp_lock_t *lock, unsigned long state)
{
    (void)lock;
    (void)state;
    TEMPLATE_DUTY("qp_unlock");
}

static inline unsigned long qp_irq_save(void)
{
    TEMPLATE_DUTY("qp_irq_save");
}

static inline void qp_irq_restore(unsigned long state)
{
    (void)state;
    TEMPLATE_DUTY("qp_irq_restore");
}

static inline struct qp_task *qp_task(void)
{
    TEMPLATE_DUTY("qp_task");
}

static inline bool qp_may_sleep(void)
{
    TEMPLATE_DUTY("qp_may_sleep");
}

static inline void qp_atomic_enter(void)
{
    TEMPLATE_DUTY("qp_atomic_enter");
}

static inline void qp_atomic_leave(void)
{
    TEMPLATE_DUTY("qp_atomic_leave");
}

static inline void *qp_virt(uintptr_t offset, phys_addr_t phys)
{
    (void)offset;
    (void)phys;
    TEMPLATE_DUTY("qp_virt");
}

static inline phys_addr_t qp_phys(uintptr_t offset, const volatile void *virt)
{
    (void)offset;
    (void)virt;
    TEMPLATE_DUTY("qp_phys");
}

static inline void qp_relax(void)
{
    TEMPLATE_DUTY("qp_relax");
}

static inline void qp_hand_over(const void *address, size_t size)
{
    (void)address;
    (void)size;
    TEMPLATE_DUTY("qp_hand_over");
}

static inline void qp_take_over(const void *address, size_t size)
{
    (void)address;
    (void)size;
    TEMPLATE_DUTY("qp_take_over");
}

#endif
