/* SPDX-License-Identifier: MIT */
/* ports/sim: the inline duties of the simulated machine.
 *
 * Many virtual CPUs, one thread of the host. Each duty that another CPU or an interrupt could meddle
 * with is a *point* (point.h). They are calls and not inline code, because in the preemptible build
 * (access.c) inline code would be the core's own, and counting points would itself be full of points. */
#ifndef QUARRY_SIM_PORT_H
#define QUARRY_SIM_PORT_H

#define QP_CAN_CHECK_CONTEXT 1
#define QP_OBSERVED() 0 /* one thread: no race detector has anything to see */

enum sim_point {
    SIM_POINT_LEAVE,   /* a section ended */
    SIM_POINT_LOCK,    /* about to take a lock */
    SIM_POINT_UNLOCK,  /* let go of one */
    SIM_POINT_ENABLE,  /* interrupts on */
    SIM_POINT_RELAX,   /* spinning */
    SIM_POINT_WAIT,    /* about to sleep */
    SIM_POINT_WAKE,    /* woke others */
    SIM_POINT_READ,    /* preemptible build: about to read … */
    SIM_POINT_WRITE,   /* … or write memory … */
    SIM_POINT_ATOMIC,  /* … or to do both at once */
    SIM_POINT_PROGRAM, /* between two operations of the program */
    SIM_POINTS
};

unsigned long sim_percpu_enter(const struct qr_cpus *cpus, struct qr_cpu **cpu);
void sim_enable(unsigned long state, enum sim_point kind, const void *object);
unsigned long sim_lock(qp_lock_t *lock);
bool sim_trylock(qp_lock_t *lock, unsigned long *state);
void sim_unlock(qp_lock_t *lock, unsigned long state);
unsigned long sim_irq_save(void);
struct qp_task *sim_task_record(void);
bool sim_may_sleep(void);
void sim_atomic(int change);
void sim_relax(void);

static inline unsigned long qp_percpu_enter(const struct qr_cpus *cpus, struct qr_cpu **cpu)
{
    return sim_percpu_enter(cpus, cpu);
}

static inline void qp_percpu_leave(unsigned long state)
{
    sim_enable(state, SIM_POINT_LEAVE, NULL);
}

static inline unsigned long qp_lock(qp_lock_t *lock)
{
    return sim_lock(lock);
}

static inline bool qp_trylock(qp_lock_t *lock, unsigned long *state)
{
    return sim_trylock(lock, state);
}

static inline void qp_unlock(qp_lock_t *lock, unsigned long state)
{
    sim_unlock(lock, state);
}

static inline unsigned long qp_irq_save(void)
{
    return sim_irq_save();
}

static inline void qp_irq_restore(unsigned long state)
{
    sim_enable(state, SIM_POINT_ENABLE, NULL);
}

static inline struct qp_task *qp_task(void)
{
    return sim_task_record();
}

static inline bool qp_may_sleep(void)
{
    return sim_may_sleep();
}

static inline void qp_atomic_enter(void)
{
    sim_atomic(1);
}

static inline void qp_atomic_leave(void)
{
    sim_atomic(-1);
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
    sim_relax();
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
