/* SPDX-License-Identifier: MIT */
/* What context this is, and preemption off and on. */
#ifndef QUARRY_LINUX_PREEMPT_H
#define QUARRY_LINUX_PREEMPT_H

#include <linux/types.h>
#include <quarry/context.h>

#define preempt_disable() quarry_context_enter(QUARRY_CTX_PREEMPT_OFF)
#define preempt_enable() quarry_context_leave(QUARRY_CTX_PREEMPT_OFF)
#define preempt_enable_no_resched() preempt_enable()
#define preempt_disable_notrace() preempt_disable()
#define preempt_enable_notrace() preempt_enable()
#define preempt_count()                                                                            \
    ((int)(quarry_context_depth(QUARRY_CTX_PREEMPT_OFF) +                                          \
           quarry_context_depth(QUARRY_CTX_SPINLOCK)))
#define preemptible() (!quarry_in_atomic())
#define in_interrupt() quarry_in_interrupt()
#define in_hardirq() quarry_in_hardirq()
#define in_irq() quarry_in_hardirq()
#define in_softirq()                                                                               \
    (quarry_context_depth(QUARRY_CTX_SOFTIRQ) != 0 || quarry_context_depth(QUARRY_CTX_BH_OFF) != 0)
#define in_serving_softirq() (quarry_context_depth(QUARRY_CTX_SOFTIRQ) != 0)
#define in_atomic() quarry_in_atomic()
#define in_task() (!quarry_in_hardirq() && quarry_context_depth(QUARRY_CTX_SOFTIRQ) == 0)
#define in_nmi() 0

#endif
