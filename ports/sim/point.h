/* SPDX-License-Identifier: MIT */
/* ports/sim/point: what runs now, and the count-down to the scheduler's next look.
 *
 * At each point a counter goes down by one; when it is used up, schedule.c decides what happens next.
 * Between two points a CPU runs undisturbed, which is what makes a run repeatable. */
#ifndef QUARRY_SIM_POINT_H
#define QUARRY_SIM_POINT_H

#include <quarry/port.h>

/* What runs now, as far as the inline duties look at it. Belongs to the task or interrupt that runs;
 * exchanged by the scheduler. */
struct sim_here {
    long left;              /* points until the scheduler looks */
    unsigned int cpu;       /* this CPU's number */
    unsigned int off;       /* reasons why interrupts are off: sections, locks, qp_irq_save */
    unsigned int locks;     /* spin locks held */
    unsigned int atomic;    /* qp_atomic_enter depth */
    unsigned int interrupt; /* 0: none, 1: soft, 2: hard */
    bool pending;           /* an interrupt waits until `off` is 0 */
    bool handovers;         /* plain accesses are counted and not looked at */
    struct qp_task *task;
};
extern struct sim_here sim_here;

void sim_look(enum sim_point kind, const void *object);

static inline void sim_point(enum sim_point kind, const void *object)
{
    if (__builtin_expect(--sim_here.left <= 0, 0))
        sim_look(kind, object);
}

#endif
