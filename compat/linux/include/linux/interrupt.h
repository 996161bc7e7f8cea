/* SPDX-License-Identifier: MIT */
/* Interrupt lines, raised by the host program or the driver's own test code, and tasklets. */
#ifndef QUARRY_LINUX_INTERRUPT_H
#define QUARRY_LINUX_INTERRUPT_H

#include <linux/atomic.h>
#include <linux/bottom_half.h>
#include <linux/hardirq.h>
#include <linux/irqflags.h>
#include <linux/irqreturn.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/types.h>

struct pt_regs {
    unsigned long ip;
};
struct device;

#define IRQF_TRIGGER_NONE 0x0ul
#define IRQF_TRIGGER_RISING 0x1ul
#define IRQF_TRIGGER_FALLING 0x2ul
#define IRQF_TRIGGER_HIGH 0x4ul
#define IRQF_TRIGGER_LOW 0x8ul
#define IRQF_SHARED 0x80ul
#define IRQF_ONESHOT 0x2000ul
#define IRQF_NO_SUSPEND 0x4000ul
#define IRQF_DISABLED 0x20ul
#define IRQF_SAMPLE_RANDOM 0x40ul
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 24)
#undef SA_INTERRUPT
#define SA_INTERRUPT IRQF_DISABLED
#define SA_SHIRQ IRQF_SHARED
#define SA_SAMPLE_RANDOM IRQF_SAMPLE_RANDOM
#endif
#define IRQ_NOTCONNECTED (1u << 31)

#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 19)
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev, struct pt_regs *regs);
#define QUARRY_IRQ_FORM 1
#else
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev);
#define QUARRY_IRQ_FORM 0
#endif

QUARRY_EXTERN_C_BEGIN

/* Context: may sleep. 0, -EBUSY (taken and not shared by both), -EINVAL. @form: 1 when the handlers
 * take a third argument. */
QUARRY_API int quarry_request_irq(unsigned int irq, void (*handler)(void), void (*thread)(void),
                                  unsigned long flags, const char *name, void *dev, int form);
#define request_irq(irq, handler, flags, name, dev)                                                \
    quarry_request_irq((irq), (void (*)(void))quarry_irq_handler(handler), NULL, (flags), (name),  \
                       (dev), QUARRY_IRQ_FORM)
#define request_threaded_irq(irq, handler, thread, flags, name, dev)                               \
    quarry_request_irq((irq), (void (*)(void))quarry_irq_handler(handler),                         \
                       (void (*)(void))quarry_irq_handler(thread), (flags), (name), (dev),         \
                       QUARRY_IRQ_FORM)
/* The same, given back with the device's other managed resources. */
QUARRY_API int quarry_devm_request_irq(struct device *device, unsigned int irq,
                                       void (*handler)(void), void (*thread)(void),
                                       unsigned long flags, const char *name, void *dev, int form);
QUARRY_API void devm_free_irq(struct device *device, unsigned int irq, void *dev);
#define devm_request_irq(device, irq, handler, flags, name, dev)                                   \
    quarry_devm_request_irq((device), (irq), (void (*)(void))quarry_irq_handler(handler), NULL,    \
                            (flags), (name), (dev), QUARRY_IRQ_FORM)
#define devm_request_threaded_irq(device, irq, handler, thread, flags, name, dev)                  \
    quarry_devm_request_irq((device), (irq), (void (*)(void))quarry_irq_handler(handler),          \
                            (void (*)(void))quarry_irq_handler(thread), (flags), (name), (dev),    \
                            QUARRY_IRQ_FORM)
static inline irq_handler_t quarry_irq_handler(irq_handler_t handler)
{
    return handler;
}
/* Also waits until its handlers have returned. */
QUARRY_API const void *free_irq(unsigned int irq, void *dev);
QUARRY_API void disable_irq(unsigned int irq);
QUARRY_API void disable_irq_nosync(unsigned int irq);
QUARRY_API void enable_irq(unsigned int irq);
QUARRY_API void synchronize_irq(unsigned int irq);
/* Raise a line, as the hardware would: its handlers run in hard-interrupt context on this CPU, at
 * once or as soon as interrupts are on. 0, or -ENOENT when nobody claimed it. */
QUARRY_API int generic_handle_irq(unsigned int irq);

/* Tasklets: run once per scheduling, in soft-interrupt context, never twice at a time. */
struct tasklet_struct {
    struct tasklet_struct *next;
    unsigned long state;
    atomic_t count; /* not 0: disabled */
    bool use_callback;
    union {
        void (*func)(unsigned long data);
        void (*callback)(struct tasklet_struct *t);
    };
    unsigned long data;
};
#define DECLARE_TASKLET_OLD(name, function) struct tasklet_struct name = {.func = (function)}
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 9, 0)
#define DECLARE_TASKLET(name, function)                                                            \
    struct tasklet_struct name = {.use_callback = true, .callback = (function)}
#define DECLARE_TASKLET_DISABLED(name, function)                                                   \
    struct tasklet_struct name = {                                                                 \
        .count = ATOMIC_INIT(1), .use_callback = true, .callback = (function)}
#else
#define DECLARE_TASKLET(name, function, value)                                                     \
    struct tasklet_struct name = {.func = (function), .data = (value)}
#define DECLARE_TASKLET_DISABLED(name, function, value)                                            \
    struct tasklet_struct name = {.count = ATOMIC_INIT(1), .func = (function), .data = (value)}
#endif
#define from_tasklet(variable, callback_tasklet, field)                                            \
    container_of(callback_tasklet, __typeof__(*variable), field)

QUARRY_API void tasklet_init(struct tasklet_struct *t, void (*func)(unsigned long),
                             unsigned long data);
QUARRY_API void tasklet_setup(struct tasklet_struct *t, void (*callback)(struct tasklet_struct *));
QUARRY_API void tasklet_schedule(struct tasklet_struct *t);
#define tasklet_hi_schedule(t) tasklet_schedule(t)
QUARRY_API void tasklet_disable(struct tasklet_struct *t);
QUARRY_API void tasklet_disable_nosync(struct tasklet_struct *t);
QUARRY_API void tasklet_enable(struct tasklet_struct *t);
/* Wait until it has run for the last time. Context: may sleep. */
QUARRY_API void tasklet_kill(struct tasklet_struct *t);

QUARRY_EXTERN_C_END

#endif
