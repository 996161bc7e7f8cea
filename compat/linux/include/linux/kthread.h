/* SPDX-License-Identifier: MIT */
/* Kernel threads. */
#ifndef QUARRY_LINUX_KTHREAD_H
#define QUARRY_LINUX_KTHREAD_H

#include <linux/err.h>
#include <linux/sched.h>

QUARRY_EXTERN_C_BEGIN
/* A thread that waits for its first wake_up_process(); ERR_PTR(-ENOMEM). */
__printf(4, 5) QUARRY_API
    struct task_struct *quarry_kthread_create(int (*function)(void *), void *data, bool run,
                                              const char *format, ...);
QUARRY_API bool kthread_should_stop(void);
/* Ask it to stop, wake it, wait for its end: what it returned (-EINTR when it never ran). */
QUARRY_API int kthread_stop(struct task_struct *task);
QUARRY_EXTERN_C_END
#define kthread_create(function, data, ...)                                                        \
    quarry_kthread_create((function), (data), false, __VA_ARGS__)
#define kthread_create_on_node(function, data, node, ...)                                          \
    ((void)(node), kthread_create(function, data, __VA_ARGS__))
#define kthread_run(function, data, ...)                                                           \
    quarry_kthread_create((function), (data), true, __VA_ARGS__)
#define kthread_bind(task, cpu) ((void)(task))
#define kthread_freezable_should_stop(was) kthread_should_stop()
#define set_freezable() ((void)0)
#define try_to_freeze() 0

#endif
