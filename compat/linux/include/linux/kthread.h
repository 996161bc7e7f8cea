/* SPDX-License-Identifier: MIT */
/* Kernel threads. */
#ifndef QUARRY_LINUX_KTHREAD_H
#define QUARRY_LINUX_KTHREAD_H

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/timer.h>

QUARRY_EXTERN_C_BEGIN
/* A thread that waits for its first wake_up_process(); ERR_PTR(-ENOMEM). */
__printf(4, 5) QUARRY_API
    struct task_struct *quarry_kthread_create(int (*function)(void *), void *data, bool run,
                                              const char *format, ...);
QUARRY_API bool kthread_should_stop(void);
/* Ask it to stop, wake it, wait for its end: what it returned (-EINTR when it never ran). */
QUARRY_API int kthread_stop(struct task_struct *task);
/* Have it stand still in kthread_parkme() until unparked: 0, -EBUSY (it does already), -ENOSYS (it has
 * ended). Context: may sleep; unpark: any. */
QUARRY_API int kthread_park(struct task_struct *task);
QUARRY_API void kthread_unpark(struct task_struct *task);
QUARRY_API bool kthread_should_park(void);
QUARRY_API void kthread_parkme(void);
/* What it was created with. */
QUARRY_API void *kthread_data(struct task_struct *task);
QUARRY_API void *kthread_func(struct task_struct *task);
QUARRY_EXTERN_C_END
#define kthread_exit(code) complete_and_exit(NULL, (code))
#define kthread_stop_put(task) kthread_stop(task)
#define kthread_create_on_cpu(function, data, cpu, ...)                                            \
    ((void)(cpu), kthread_create(function, data, __VA_ARGS__))
#define kthread_run_on_cpu(function, data, cpu, ...)                                               \
    ((void)(cpu), kthread_run(function, data, __VA_ARGS__))
#define kthread_create(function, data, ...)                                                        \
    quarry_kthread_create((function), (data), false, __VA_ARGS__)
#define kthread_create_on_node(function, data, node, ...)                                          \
    ((void)(node), kthread_create(function, data, __VA_ARGS__))
#define kthread_run(function, data, ...)                                                           \
    quarry_kthread_create((function), (data), true, __VA_ARGS__)
#define kthread_bind(task, cpu) ((void)(task))
#define kthread_bind_mask(task, mask) ((void)(task))
#define kthread_freezable_should_stop(was) kthread_should_stop()
#define set_freezable() ((void)0)
#define try_to_freeze() 0

/* ---- workers: a thread that does what is queued, in order ------------------------------------ */

struct kthread_work;
typedef void (*kthread_work_func_t)(struct kthread_work *work);

struct kthread_worker {
    unsigned int flags;
    spinlock_t lock;
    struct list_head work_list;
    struct task_struct *task;
    struct kthread_work *current_work;
};
struct kthread_work {
    struct list_head node;
    kthread_work_func_t func;
    struct kthread_worker *worker;
    int canceling; /* it may not be queued meanwhile */
};
struct kthread_delayed_work {
    struct kthread_work work;
    struct timer_list timer;
};
#define KTW_FREEZABLE 1u
#define KTHREAD_WORKER_INIT(worker)                                                                \
    {                                                                                              \
        .work_list = LIST_HEAD_INIT((worker).work_list)                                            \
    }
#define KTHREAD_WORK_INIT(work, function)                                                          \
    {                                                                                              \
        .node = LIST_HEAD_INIT((work).node), .func = (function)                                    \
    }
#define DEFINE_KTHREAD_WORKER(name) struct kthread_worker name = KTHREAD_WORKER_INIT(name)
#define DEFINE_KTHREAD_WORK(name, function)                                                        \
    struct kthread_work name = KTHREAD_WORK_INIT(name, function)
#define kthread_init_work(work, function)                                                          \
    ((void)(*(work) = (struct kthread_work)KTHREAD_WORK_INIT(*(work), (function))))
#define kthread_init_delayed_work(dwork, function)                                                 \
    do {                                                                                           \
        kthread_init_work(&(dwork)->work, (function));                                             \
        quarry_timer_init(&(dwork)->timer, kthread_delayed_work_timer_fn, NULL, 0, 0);             \
    } while (0)

QUARRY_EXTERN_C_BEGIN
QUARRY_API void kthread_init_worker(struct kthread_worker *worker);
/* The thread's function: kthread_run(kthread_worker_fn, worker, "name"). */
QUARRY_API int kthread_worker_fn(void *worker);
/* A worker with its thread, which runs: ERR_PTR(-ENOMEM). Destroying does what is queued first. */
__printf(2, 3) QUARRY_API
    struct kthread_worker *kthread_create_worker(unsigned int flags, const char *format, ...);
QUARRY_API void kthread_destroy_worker(struct kthread_worker *worker);
/* Whether it was queued now, and was not before. Context: any. */
QUARRY_API bool kthread_queue_work(struct kthread_worker *worker, struct kthread_work *work);
QUARRY_API bool kthread_queue_delayed_work(struct kthread_worker *worker,
                                           struct kthread_delayed_work *dwork, unsigned long delay);
/* Whether it was waiting for its time; that is changed. */
QUARRY_API bool kthread_mod_delayed_work(struct kthread_worker *worker,
                                         struct kthread_delayed_work *dwork, unsigned long delay);
/* Wait until it has been done, or all that was queued so far. Context: may sleep. */
QUARRY_API void kthread_flush_work(struct kthread_work *work);
QUARRY_API void kthread_flush_worker(struct kthread_worker *worker);
/* Take it back, and wait for its function if that runs: whether it was queued. Context: may sleep. */
QUARRY_API bool kthread_cancel_work_sync(struct kthread_work *work);
QUARRY_API bool kthread_cancel_delayed_work_sync(struct kthread_delayed_work *dwork);
QUARRY_API void kthread_delayed_work_timer_fn(struct timer_list *timer);
QUARRY_EXTERN_C_END
#define kthread_run_worker(flags, ...) kthread_create_worker((flags), __VA_ARGS__)
#define kthread_create_worker_on_cpu(cpu, flags, ...)                                              \
    ((void)(cpu), kthread_create_worker((flags), __VA_ARGS__))
#define kthread_run_worker_on_cpu(cpu, flags, ...)                                                 \
    ((void)(cpu), kthread_create_worker((flags), __VA_ARGS__))
#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 9, 0)
#define init_kthread_worker(worker) kthread_init_worker(worker)
#define init_kthread_work(work, function) kthread_init_work(work, function)
#define queue_kthread_work(worker, work) kthread_queue_work(worker, work)
#define flush_kthread_work(work) kthread_flush_work(work)
#define flush_kthread_worker(worker) kthread_flush_worker(worker)
#endif

#endif
