/* SPDX-License-Identifier: MIT */
/* Waiting for a bit of a word to be clear, or for a condition on a variable, with wait queues found by the
 * address. Who changes it wakes the waiters: wake_up_bit() after clear_bit() and smp_mb__after_atomic(), or
 * clear_and_wake_up_bit(). Results as the wait_event forms, but -EINTR for a signal. Context: may sleep;
 * waking: any. */
#ifndef QUARRY_LINUX_WAIT_BIT_H
#define QUARRY_LINUX_WAIT_BIT_H

#include <linux/bitops.h>
#include <linux/sched.h>
#include <linux/wait.h>

QUARRY_EXTERN_C_BEGIN
/* 0, or -EINTR after a signal that @mode (TASK_*) gives way to. */
QUARRY_API int wait_on_bit(unsigned long *word, int bit, unsigned int mode);
/* -EAGAIN when @timeout jiffies went by. */
QUARRY_API int wait_on_bit_timeout(unsigned long *word, int bit, unsigned int mode,
                                   unsigned long timeout);
/* Wait until it is clear and set it. */
QUARRY_API int wait_on_bit_lock(unsigned long *word, int bit, unsigned int mode);
QUARRY_API void wake_up_bit(unsigned long *word, int bit);
QUARRY_API void clear_and_wake_up_bit(int bit, unsigned long *word);
QUARRY_API void wake_up_var(void *var);
QUARRY_API struct wait_queue_head *__var_waitqueue(void *var);
QUARRY_EXTERN_C_END
#define wait_on_bit_io(word, bit, mode) wait_on_bit((word), (bit), (mode))
#define wait_on_bit_lock_io(word, bit, mode) wait_on_bit_lock((word), (bit), (mode))
#define bit_waitqueue(word, bit) __var_waitqueue((unsigned long *)(word) + (bit) / BITS_PER_LONG)
#define wait_var_event(var, condition) wait_event(*__var_waitqueue(var), condition)
#define wait_var_event_killable(var, condition)                                                    \
    wait_event_killable(*__var_waitqueue(var), condition)
#define wait_var_event_interruptible(var, condition)                                               \
    wait_event_interruptible(*__var_waitqueue(var), condition)
#define wait_var_event_timeout(var, condition, timeout)                                            \
    wait_event_timeout(*__var_waitqueue(var), condition, timeout)

#endif
