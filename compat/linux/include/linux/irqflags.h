/* SPDX-License-Identifier: MIT */
/* This CPU's interrupts, off and on. */
#ifndef QUARRY_LINUX_IRQFLAGS_H
#define QUARRY_LINUX_IRQFLAGS_H

#include <linux/types.h>
#include <quarry/context.h>

QUARRY_EXTERN_C_BEGIN
/* The unnested forms: off whatever it was, on whatever it was. */
QUARRY_API void local_irq_disable(void);
QUARRY_API void local_irq_enable(void);
QUARRY_EXTERN_C_END

#define local_irq_save(flags) ((void)((flags) = quarry_irq_save()))
#define local_irq_restore(flags) quarry_irq_restore(flags)
#define irqs_disabled() quarry_irqs_disabled()
#define local_save_flags(flags) ((void)((flags) = irqs_disabled()))
#define save_flags(flags) local_save_flags(flags)
#define cli() local_irq_disable()
#define sti() local_irq_enable()

#endif
