/* SPDX-License-Identifier: MIT */
/* ports/sim/context: sections, locks, interrupts off and on. */
#include "world.h"

/* Interrupts as they were: what came meanwhile comes now. */
void sim_enable(unsigned long state, enum sim_point kind, const void *object)
{
    sim_here.off = (unsigned int)state;
    if (__builtin_expect(--sim_here.left <= 0 || (sim_here.pending && state == 0), 0))
        sim_look(kind, object);
}

unsigned long sim_percpu_enter(const struct qr_cpus *cpus, struct qr_cpu **cpu)
{
    struct qr_cpu *own = NULL;

    if (sim_here.cpu < cpus->nr_max)
        own = cpus->area[sim_here.cpu];
    *cpu = own ? own : cpus->none;
    return sim_here.off++;
}

unsigned long sim_lock(qp_lock_t *lock)
{
    unsigned long state;

    sim_point(SIM_POINT_LOCK, lock);
    state = sim_here.off++;
    while (lock->word)
        sim_spin(lock);
    lock->word = 1;
    sim_lock_taken(lock);
    return state;
}

bool sim_trylock(qp_lock_t *lock, unsigned long *state)
{
    sim_point(SIM_POINT_LOCK, lock);
    *state = sim_here.off;
    if (lock->word)
        return false;
    sim_here.off++;
    lock->word = 1;
    sim_lock_taken(lock);
    return true;
}

void sim_unlock(qp_lock_t *lock, unsigned long state)
{
    lock->word = 0;
    sim_lock_dropped(lock);
    sim_enable(state, SIM_POINT_UNLOCK, lock);
}

unsigned long sim_irq_save(void)
{
    return sim_here.off++;
}

struct qp_task *sim_task_record(void)
{
    return sim_here.task;
}

bool sim_may_sleep(void)
{
    return (sim_here.off | sim_here.locks | sim_here.atomic | sim_here.interrupt |
            sim_here.task->readers) == 0;
}

void sim_atomic(int change)
{
    sim_here.atomic += (unsigned int)change;
}

void sim_relax(void)
{
    sim_here.left--;
    sim_look(SIM_POINT_RELAX, NULL);
}
