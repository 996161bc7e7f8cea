/* SPDX-License-Identifier: MIT */
/* Execution contexts of the hosted machine: a thread is a CPU, and these calls say what it is
 * doing, so that a request made "in interrupt" or "under a spin lock" meets the rules of that
 * context. compat/linux builds local_irq_save(), spin_lock(), … on them. */
#ifndef QUARRY_CONTEXT_H
#define QUARRY_CONTEXT_H

#include <quarry/types.h>

enum quarry_context {
    QUARRY_CTX_PREEMPT_OFF,
    QUARRY_CTX_BH_OFF,
    QUARRY_CTX_IRQ_OFF,
    QUARRY_CTX_SPINLOCK,
    QUARRY_CTX_RCU_READ,
    QUARRY_CTX_KMAP_ATOMIC,
    QUARRY_CTX_SOFTIRQ,
    QUARRY_CTX_HARDIRQ,
    QUARRY_CONTEXTS
};

QUARRY_EXTERN_C_BEGIN

/* Enter and leave; they nest, each kind by itself. The innermost entry's site is kept for reports.
 * Leaving what was not entered is reported. */
QUARRY_API void quarry_context_enter(enum quarry_context what);
QUARRY_API void quarry_context_leave(enum quarry_context what);
/* How deep this thread is in a kind. */
QUARRY_API unsigned int quarry_context_depth(enum quarry_context what);
/* Interrupts off, and back to what they were. Pending interrupts are delivered on the way back. */
QUARRY_API unsigned long quarry_irq_save(void);
QUARRY_API void quarry_irq_restore(unsigned long flags);

QUARRY_API bool quarry_in_interrupt(void); /* hard or soft interrupt, or bottom halves off */
QUARRY_API bool quarry_in_hardirq(void);
QUARRY_API bool quarry_in_atomic(void);
QUARRY_API bool quarry_irqs_disabled(void);
/* Report when the caller may not sleep here. */
QUARRY_API void quarry_might_sleep(const char *what);

/* Deliver an interrupt to this CPU now (or, when its interrupts are off, when they come back on):
 * the handler runs in hard-interrupt context. A soft interrupt runs after hard ones, with them on.
 */
QUARRY_API void quarry_raise_irq(void (*handler)(void *), void *data);
QUARRY_API void quarry_raise_softirq(void (*handler)(void *), void *data);

QUARRY_EXTERN_C_END

#endif
