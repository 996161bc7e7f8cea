/* SPDX-License-Identifier: MIT */
/* Wait queues: sleep until a condition holds, woken by whoever may have made it true. The condition
 * is always looked at again between queueing and sleeping, so no wake-up is lost. */
#ifndef QUARRY_LINUX_WAIT_H
#define QUARRY_LINUX_WAIT_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct wait_queue_entry;
typedef int (*wait_queue_func_t)(struct wait_queue_entry *entry, unsigned int mode, int flags,
                                 void *key);

#define WQ_FLAG_EXCLUSIVE 0x01u
#define WQ_FLAG_WOKEN 0x02u

struct wait_queue_entry {
    unsigned int flags;
    void *private; /* the task that sleeps */
    wait_queue_func_t func;
    union {
        struct list_head entry;
        struct list_head task_list;
    };
};
typedef struct wait_queue_entry wait_queue_entry_t;
typedef struct wait_queue_entry wait_queue_t;

struct wait_queue_head {
    spinlock_t lock;
    union {
        struct list_head head;
        struct list_head task_list;
    };
};
typedef struct wait_queue_head wait_queue_head_t;

#define __WAIT_QUEUE_HEAD_INITIALIZER(name)                                                        \
    {                                                                                              \
        .lock = __SPIN_LOCK_UNLOCKED(name.lock), .head = LIST_HEAD_INIT((name).head)               \
    }
#define DECLARE_WAIT_QUEUE_HEAD(name)                                                              \
    struct wait_queue_head name = __WAIT_QUEUE_HEAD_INITIALIZER(name)
#define DECLARE_WAIT_QUEUE_HEAD_ONSTACK(name) DECLARE_WAIT_QUEUE_HEAD(name)
#define __WAITQUEUE_INITIALIZER(name, task)                                                        \
    {                                                                                              \
        .private = (task), .func = default_wake_function                                           \
    }
#define DECLARE_WAITQUEUE(name, task)                                                              \
    struct wait_queue_entry name = __WAITQUEUE_INITIALIZER(name, task)
#define DEFINE_WAIT_FUNC(name, function)                                                           \
    struct wait_queue_entry name = {                                                               \
        .private = quarry_current(), .func = (function), .entry = LIST_HEAD_INIT((name).entry)}
#define DEFINE_WAIT(name) DEFINE_WAIT_FUNC(name, autoremove_wake_function)

QUARRY_EXTERN_C_BEGIN

QUARRY_API struct task_struct *quarry_current(void);
QUARRY_API void init_waitqueue_head(struct wait_queue_head *queue);
QUARRY_API void init_waitqueue_entry(struct wait_queue_entry *entry, struct task_struct *task);
QUARRY_API void init_waitqueue_func_entry(struct wait_queue_entry *entry, wait_queue_func_t func);
QUARRY_API void add_wait_queue(struct wait_queue_head *queue, struct wait_queue_entry *entry);
QUARRY_API void add_wait_queue_exclusive(struct wait_queue_head *queue,
                                         struct wait_queue_entry *entry);
QUARRY_API void remove_wait_queue(struct wait_queue_head *queue, struct wait_queue_entry *entry);
QUARRY_API void prepare_to_wait(struct wait_queue_head *queue, struct wait_queue_entry *entry,
                                int state);
QUARRY_API void prepare_to_wait_exclusive(struct wait_queue_head *queue,
                                          struct wait_queue_entry *entry, int state);
/* 0, or -ERESTARTSYS when a signal is pending that this state gives way to. */
QUARRY_API long prepare_to_wait_event(struct wait_queue_head *queue, struct wait_queue_entry *entry,
                                      int state);
QUARRY_API void finish_wait(struct wait_queue_head *queue, struct wait_queue_entry *entry);
QUARRY_API int default_wake_function(struct wait_queue_entry *entry, unsigned int mode, int flags,
                                     void *key);
QUARRY_API int autoremove_wake_function(struct wait_queue_entry *entry, unsigned int mode,
                                        int flags, void *key);
QUARRY_API int woken_wake_function(struct wait_queue_entry *entry, unsigned int mode, int flags,
                                   void *key);
QUARRY_API long wait_woken(struct wait_queue_entry *entry, unsigned int mode, long timeout);
/* Wake tasks in the states @mode; all that are not exclusive and @nr exclusive ones (0: all).
 * Context: any. */
QUARRY_API void __wake_up(struct wait_queue_head *queue, unsigned int mode, int nr, void *key);
QUARRY_API void __wake_up_locked(struct wait_queue_head *queue, unsigned int mode, int nr,
                                 void *key);
static inline int waitqueue_active(struct wait_queue_head *queue)
{
    return !list_empty(&queue->head);
}
static inline bool wq_has_sleeper(struct wait_queue_head *queue)
{
    smp_mb();
    return waitqueue_active(queue);
}

/* One wait_event() in progress. */
struct quarry_wait {
    struct wait_queue_head *queue;
    struct wait_queue_entry entry;
    int state;
    long left; /* jiffies */
};
QUARRY_API void quarry_wait_begin(struct quarry_wait *wait, struct wait_queue_head *queue,
                                  int state, bool exclusive, long limit);
/* Queue up and say whether to give up: 0 or -ERESTARTSYS. */
QUARRY_API long quarry_wait_queue(struct quarry_wait *wait, bool locked);
QUARRY_API void quarry_wait_sleep(struct quarry_wait *wait);
QUARRY_API void quarry_wait_end(struct quarry_wait *wait, bool locked);

QUARRY_EXTERN_C_END

#define TASK_RUNNING 0x0000
#define TASK_INTERRUPTIBLE 0x0001
#define TASK_UNINTERRUPTIBLE 0x0002
#define TASK_WAKEKILL 0x0100
#define TASK_PARKED 0x0040
#define TASK_NOLOAD 0x0400
#define TASK_KILLABLE (TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)
#define TASK_IDLE (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)
#define TASK_NORMAL (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)
#define TASK_ALL (TASK_NORMAL | TASK_WAKEKILL)
#define MAX_SCHEDULE_TIMEOUT LONG_MAX
#ifndef LONG_MAX
#define LONG_MAX __LONG_MAX__
#endif

#define wake_up(q) __wake_up((q), TASK_NORMAL, 1, NULL)
#define wake_up_nr(q, nr) __wake_up((q), TASK_NORMAL, (nr), NULL)
#define wake_up_all(q) __wake_up((q), TASK_NORMAL, 0, NULL)
#define wake_up_interruptible(q) __wake_up((q), TASK_INTERRUPTIBLE, 1, NULL)
#define wake_up_interruptible_nr(q, nr) __wake_up((q), TASK_INTERRUPTIBLE, (nr), NULL)
#define wake_up_interruptible_all(q) __wake_up((q), TASK_INTERRUPTIBLE, 0, NULL)
#define wake_up_interruptible_sync(q) wake_up_interruptible(q)
#define wake_up_sync(q) wake_up(q)
#define wake_up_locked(q) __wake_up_locked((q), TASK_NORMAL, 1, NULL)
#define wake_up_all_locked(q) __wake_up_locked((q), TASK_NORMAL, 0, NULL)
#define wake_up_poll(q, events) __wake_up((q), TASK_NORMAL, 1, (void *)(uintptr_t)(events))
#define wake_up_interruptible_poll(q, events)                                                      \
    __wake_up((q), TASK_INTERRUPTIBLE, 1, (void *)(uintptr_t)(events))
#define wake_up_interruptible_sync_poll(q, events) wake_up_interruptible_poll(q, events)

/* The one loop behind every wait_event form. The result is the jiffies left (at least 1) when the
 * condition came true, 0 when the time was over first, -ERESTARTSYS after a signal. @release and
 * @regain run around the sleep. */
#define quarry_wait_event(wq, condition, state, exclusive, limit, locked, release, regain)         \
    ({                                                                                             \
        struct quarry_wait __qw;                                                                   \
        long __qw_result;                                                                          \
        quarry_wait_begin(&__qw, &(wq), (state), (exclusive), (limit));                            \
        for (;;) {                                                                                 \
            long __qw_error = quarry_wait_queue(&__qw, (locked));                                  \
            if (condition) {                                                                       \
                __qw_result = __qw.left ? __qw.left : 1;                                           \
                break;                                                                             \
            }                                                                                      \
            if (__qw_error || !__qw.left) {                                                        \
                __qw_result = __qw_error;                                                          \
                break;                                                                             \
            }                                                                                      \
            release;                                                                               \
            quarry_wait_sleep(&__qw);                                                              \
            regain;                                                                                \
        }                                                                                          \
        quarry_wait_end(&__qw, (locked));                                                          \
        __qw_result;                                                                               \
    })
#define quarry_wait_plain(wq, condition, state, exclusive, limit)                                  \
    quarry_wait_event(wq, condition, state, exclusive, limit, false, , )
#define quarry_wait_result(value)                                                                  \
    ({                                                                                             \
        long __qw_r = (value);                                                                     \
        __qw_r < 0 ? (int)__qw_r : 0;                                                              \
    })

#define wait_event(wq, condition)                                                                  \
    ((void)quarry_wait_plain(wq, condition, TASK_UNINTERRUPTIBLE, false, MAX_SCHEDULE_TIMEOUT))
#define wait_event_exclusive_cmd(wq, condition, before, after)                                     \
    ((void)quarry_wait_event(wq, condition, TASK_UNINTERRUPTIBLE, true, MAX_SCHEDULE_TIMEOUT,      \
                             false, before, after))
#define wait_event_cmd(wq, condition, before, after)                                               \
    ((void)quarry_wait_event(wq, condition, TASK_UNINTERRUPTIBLE, false, MAX_SCHEDULE_TIMEOUT,     \
                             false, before, after))
#define wait_event_timeout(wq, condition, timeout)                                                 \
    quarry_wait_plain(wq, condition, TASK_UNINTERRUPTIBLE, false, timeout)
#define wait_event_idle(wq, condition) wait_event(wq, condition)
#define wait_event_interruptible(wq, condition)                                                    \
    quarry_wait_result(                                                                            \
        quarry_wait_plain(wq, condition, TASK_INTERRUPTIBLE, false, MAX_SCHEDULE_TIMEOUT))
#define wait_event_interruptible_exclusive(wq, condition)                                          \
    quarry_wait_result(                                                                            \
        quarry_wait_plain(wq, condition, TASK_INTERRUPTIBLE, true, MAX_SCHEDULE_TIMEOUT))
#define wait_event_interruptible_timeout(wq, condition, timeout)                                   \
    quarry_wait_plain(wq, condition, TASK_INTERRUPTIBLE, false, timeout)
#define wait_event_killable(wq, condition)                                                         \
    quarry_wait_result(quarry_wait_plain(wq, condition, TASK_KILLABLE, false, MAX_SCHEDULE_TIMEOUT))
#define wait_event_killable_timeout(wq, condition, timeout)                                        \
    quarry_wait_plain(wq, condition, TASK_KILLABLE, false, timeout)
#define wait_event_freezable(wq, condition) wait_event_interruptible(wq, condition)
/* wq.lock is held, and dropped while asleep. */
#define wait_event_interruptible_locked(wq, condition)                                             \
    quarry_wait_result(quarry_wait_event(wq, condition, TASK_INTERRUPTIBLE, false,                 \
                                         MAX_SCHEDULE_TIMEOUT, true, spin_unlock(&(wq).lock),      \
                                         spin_lock(&(wq).lock)))
#define wait_event_interruptible_locked_irq(wq, condition)                                         \
    quarry_wait_result(quarry_wait_event(wq, condition, TASK_INTERRUPTIBLE, false,                 \
                                         MAX_SCHEDULE_TIMEOUT, true, spin_unlock_irq(&(wq).lock),  \
                                         spin_lock_irq(&(wq).lock)))
/* @lock, some other spin lock, is held with interrupts off, and dropped while asleep. */
#define wait_event_lock_irq(wq, condition, lock)                                                   \
    ((void)quarry_wait_event(wq, condition, TASK_UNINTERRUPTIBLE, false, MAX_SCHEDULE_TIMEOUT,     \
                             false, spin_unlock_irq(&(lock)), spin_lock_irq(&(lock))))
#define wait_event_interruptible_lock_irq(wq, condition, lock)                                     \
    quarry_wait_result(quarry_wait_event(wq, condition, TASK_INTERRUPTIBLE, false,                 \
                                         MAX_SCHEDULE_TIMEOUT, false, spin_unlock_irq(&(lock)),    \
                                         spin_lock_irq(&(lock))))

QUARRY_EXTERN_C_BEGIN
/* The old way, which can lose a wake-up: kept for the drivers that have it. */
QUARRY_API void interruptible_sleep_on(struct wait_queue_head *queue);
QUARRY_API void sleep_on(struct wait_queue_head *queue);
QUARRY_EXTERN_C_END

#endif
