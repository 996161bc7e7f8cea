/* SPDX-License-Identifier: MIT */
/* Work done later by kernel threads, in process context. One piece of work never runs twice at a
 * time; queued again while it runs, it runs again. */
#ifndef QUARRY_LINUX_WORKQUEUE_H
#define QUARRY_LINUX_WORKQUEUE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/timer.h>
#include <linux/types.h>

struct workqueue_struct;
struct work_struct;
typedef void (*quarry_work_new_t)(struct work_struct *work);
typedef void (*quarry_work_old_t)(void *data);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 20)
typedef quarry_work_new_t work_func_t;
#else
typedef quarry_work_old_t work_func_t;
#endif

struct work_struct {
    atomic_long_t data;
    struct list_head entry;
    union {
        work_func_t func;
        quarry_work_new_t quarry_new;
        quarry_work_old_t quarry_old;
    };
    void *quarry_data;
    u32 quarry_is_old;                  /* the function takes the data */
    u32 quarry_pending;                 /* queued, or its timer runs */
    struct timer_list timer;            /* of delayed work … */
    struct workqueue_struct *quarry_wq; /* … and where it goes then */
};
struct delayed_work {
    struct work_struct work;
};
struct rcu_work {
    struct work_struct work;
};

#define WQ_UNBOUND 0x2u
#define WQ_FREEZABLE 0x4u
#define WQ_MEM_RECLAIM 0x8u
#define WQ_HIGHPRI 0x10u
#define WQ_CPU_INTENSIVE 0x20u
#define WQ_SYSFS 0x40u
#define QUARRY_WQ_ORDERED 0x20000u
#define WQ_MAX_ACTIVE 512
#define WORK_CPU_UNBOUND (-1)

QUARRY_EXTERN_C_BEGIN

QUARRY_API void quarry_work_init(struct work_struct *work, quarry_work_new_t func,
                                 quarry_work_old_t old, void *data);
/* Context: may sleep. NULL when memory is short. max_active 0: as many as wanted (up to 4). */
__printf(1, 4) QUARRY_API
    struct workqueue_struct *alloc_workqueue(const char *format, unsigned int flags, int max_active,
                                             ...);
/* Runs what is queued, then ends. */
QUARRY_API void destroy_workqueue(struct workqueue_struct *wq);
/* Context: any. false (0) when it was pending already. */
QUARRY_API bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
QUARRY_API bool quarry_queue_delayed(struct workqueue_struct *wq, struct work_struct *work,
                                     unsigned long delay, bool replace);
/* Wait until it, or all, has run. Context: may sleep. */
QUARRY_API bool flush_work(struct work_struct *work);
QUARRY_API void flush_workqueue(struct workqueue_struct *wq);
#define __flush_workqueue(wq) flush_workqueue(wq)
#define drain_workqueue(wq) flush_workqueue(wq)
/* Take it back (true: it was pending); _sync also waits until it does not run any more. */
QUARRY_API bool cancel_work(struct work_struct *work);
QUARRY_API bool cancel_work_sync(struct work_struct *work);
QUARRY_API bool quarry_flush_delayed(struct work_struct *work);
QUARRY_API struct workqueue_struct *quarry_system_wq(void);
static inline bool work_pending(const struct work_struct *work)
{
    return __atomic_load_n(&work->quarry_pending, __ATOMIC_RELAXED) != 0;
}
QUARRY_API unsigned int work_busy(struct work_struct *work);

QUARRY_EXTERN_C_END

#define system_wq quarry_system_wq()
#define system_highpri_wq system_wq
#define system_long_wq system_wq
#define system_unbound_wq system_wq
#define system_freezable_wq system_wq
#define system_power_efficient_wq system_wq
#define system_dfl_wq system_wq
#define system_percpu_wq system_wq
#define schedule_work(work) queue_work(system_wq, (work))
#define schedule_work_on(cpu, work) ((void)(cpu), schedule_work(work))
#define queue_work_on(cpu, wq, work) ((void)(cpu), queue_work((wq), (work)))
#define flush_scheduled_work() flush_workqueue(system_wq)
#define alloc_ordered_workqueue(format, flags, ...)                                                \
    alloc_workqueue(format, QUARRY_WQ_ORDERED | (flags), 1, ##__VA_ARGS__)
#define create_workqueue(name) alloc_workqueue("%s", WQ_MEM_RECLAIM, 0, (name))
#define create_freezable_workqueue(name) create_singlethread_workqueue(name)
#define create_singlethread_workqueue(name)                                                        \
    alloc_workqueue("%s", QUARRY_WQ_ORDERED | WQ_MEM_RECLAIM, 1, (name))
#define to_delayed_work(ptr) container_of(ptr, struct delayed_work, work)

#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 20)
#define INIT_WORK(work, function) quarry_work_init((work), (function), NULL, NULL)
#define INIT_WORK_ONSTACK(work, function) INIT_WORK(work, function)
#define destroy_work_on_stack(work) ((void)(work))
#define INIT_DELAYED_WORK(dwork, function) quarry_work_init(&(dwork)->work, (function), NULL, NULL)
#define INIT_DEFERRABLE_WORK(dwork, function) INIT_DELAYED_WORK(dwork, function)
#define __WORK_INITIALIZER(name, function)                                                         \
    {                                                                                              \
        .entry = LIST_HEAD_INIT((name).entry), .func = (function)                                  \
    }
#define DECLARE_WORK(name, function) struct work_struct name = __WORK_INITIALIZER(name, function)
#define DECLARE_DELAYED_WORK(name, function)                                                       \
    struct delayed_work name = {.work = __WORK_INITIALIZER((name).work, function)}
#define queue_delayed_work(wq, dwork, delay)                                                       \
    quarry_queue_delayed((wq), &(dwork)->work, (delay), false)
#define mod_delayed_work(wq, dwork, delay) quarry_queue_delayed((wq), &(dwork)->work, (delay), true)
#define cancel_delayed_work(dwork) cancel_work(&(dwork)->work)
#define cancel_delayed_work_sync(dwork) cancel_work_sync(&(dwork)->work)
#define flush_delayed_work(dwork) quarry_flush_delayed(&(dwork)->work)
#define delayed_work_pending(dwork) work_pending(&(dwork)->work)
#else
#define INIT_WORK(work, function, value) quarry_work_init((work), NULL, (function), (value))
#define PREPARE_WORK(work, function, value)                                                        \
    ((work)->func = (function), (work)->quarry_data = (value))
#define DECLARE_WORK(name, function, value)                                                        \
    struct work_struct name = {.entry = LIST_HEAD_INIT((name).entry),                              \
                               .func = (function),                                                 \
                               .quarry_data = (value),                                             \
                               .quarry_is_old = 1}
#define queue_delayed_work(wq, work, delay) quarry_queue_delayed((wq), (work), (delay), false)
#define cancel_delayed_work(work) cancel_work(work)
#endif
#define schedule_delayed_work(dwork, delay) queue_delayed_work(system_wq, dwork, delay)
#define schedule_delayed_work_on(cpu, dwork, delay)                                                \
    ((void)(cpu), schedule_delayed_work(dwork, delay))

#endif
