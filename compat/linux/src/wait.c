/* SPDX-License-Identifier: MIT */
/* wait: wait queues and completions.
 *
 * A queue holds entries of tasks that want to be woken; waking calls each entry's function, which
 * wakes its task and, for most, takes the entry off the queue. The order that makes this safe: a
 * sleeper queues itself and sets its state before it looks at its condition (see task.c).
 *
 * Locks. queue->lock, taken here as the bare word: it is the driver's spin lock too
 * (wait_event_interruptible_locked), but the context is not made atomic for these few instructions.
 * The entry's function is called with it held, as in a kernel. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/completion.h>
#include <linux/wait.h>

static void wait_lock(struct wait_queue_head *queue)
{
    qlx_word_lock(&queue->lock.word);
}

static void wait_unlock(struct wait_queue_head *queue)
{
    qlx_word_unlock(&queue->lock.word);
}

QUARRY_API void init_waitqueue_head(struct wait_queue_head *queue)
{
    spin_lock_init(&queue->lock);
    INIT_LIST_HEAD(&queue->head);
}

QUARRY_API void init_waitqueue_entry(struct wait_queue_entry *entry, struct task_struct *task)
{
    *entry = (struct wait_queue_entry){.private = task, .func = default_wake_function};
    INIT_LIST_HEAD(&entry->entry);
}

QUARRY_API void init_waitqueue_func_entry(struct wait_queue_entry *entry, wait_queue_func_t func)
{
    *entry = (struct wait_queue_entry){.func = func};
    INIT_LIST_HEAD(&entry->entry);
}

/* Exclusive entries stand at the end, so that waking meets all others first. */
static void wait_link(struct wait_queue_head *queue, struct wait_queue_entry *entry)
{
    if (entry->flags & WQ_FLAG_EXCLUSIVE)
        list_add_tail(&entry->entry, &queue->head);
    else
        list_add(&entry->entry, &queue->head);
}

QUARRY_API void add_wait_queue(struct wait_queue_head *queue, struct wait_queue_entry *entry)
{
    entry->flags &= ~WQ_FLAG_EXCLUSIVE;
    wait_lock(queue);
    wait_link(queue, entry);
    wait_unlock(queue);
}

QUARRY_API void add_wait_queue_exclusive(struct wait_queue_head *queue,
                                         struct wait_queue_entry *entry)
{
    entry->flags |= WQ_FLAG_EXCLUSIVE;
    wait_lock(queue);
    wait_link(queue, entry);
    wait_unlock(queue);
}

QUARRY_API void remove_wait_queue(struct wait_queue_head *queue, struct wait_queue_entry *entry)
{
    wait_lock(queue);
    list_del_init(&entry->entry);
    wait_unlock(queue);
}

static void wait_prepare(struct wait_queue_head *queue, struct wait_queue_entry *entry, int state,
                         bool locked)
{
    if (!locked)
        wait_lock(queue);
    if (list_empty(&entry->entry))
        wait_link(queue, entry);
    quarry_set_state((unsigned int)state);
    if (!locked)
        wait_unlock(queue);
}

QUARRY_API void prepare_to_wait(struct wait_queue_head *queue, struct wait_queue_entry *entry,
                                int state)
{
    entry->flags &= ~WQ_FLAG_EXCLUSIVE;
    wait_prepare(queue, entry, state, false);
}

QUARRY_API void prepare_to_wait_exclusive(struct wait_queue_head *queue,
                                          struct wait_queue_entry *entry, int state)
{
    entry->flags |= WQ_FLAG_EXCLUSIVE;
    wait_prepare(queue, entry, state, false);
}

QUARRY_API long prepare_to_wait_event(struct wait_queue_head *queue, struct wait_queue_entry *entry,
                                      int state)
{
    wait_prepare(queue, entry, state, false);
    return signal_pending_state((unsigned int)state, quarry_current()) ? -ERESTARTSYS : 0;
}

static void wait_finish(struct wait_queue_head *queue, struct wait_queue_entry *entry, bool locked)
{
    quarry_set_state(TASK_RUNNING);
    if (!locked)
        wait_lock(queue);
    list_del_init(&entry->entry);
    if (!locked)
        wait_unlock(queue);
}

QUARRY_API void finish_wait(struct wait_queue_head *queue, struct wait_queue_entry *entry)
{
    wait_finish(queue, entry, false);
}

QUARRY_API int default_wake_function(struct wait_queue_entry *entry, unsigned int mode, int flags,
                                     void *key)
{
    return wake_up_state(entry->private, mode);
}

QUARRY_API int autoremove_wake_function(struct wait_queue_entry *entry, unsigned int mode,
                                        int flags, void *key)
{
    struct task_struct *task = entry->private;
    /* Off the queue first: a task that runs again may reuse the entry's memory at once. It cannot
     * until its state allows it, and finish_wait() takes the queue's lock, which we hold. */
    int woke = wake_up_state(task, mode);
    if (woke)
        list_del_init(&entry->entry);
    return woke;
}

QUARRY_API int woken_wake_function(struct wait_queue_entry *entry, unsigned int mode, int flags,
                                   void *key)
{
    __atomic_fetch_or(&entry->flags, WQ_FLAG_WOKEN, __ATOMIC_SEQ_CST);
    return default_wake_function(entry, mode, flags, key);
}

QUARRY_API long wait_woken(struct wait_queue_entry *entry, unsigned int mode, long timeout)
{
    quarry_set_state(mode);
    if (!(__atomic_load_n(&entry->flags, __ATOMIC_SEQ_CST) & WQ_FLAG_WOKEN))
        timeout = schedule_timeout(timeout);
    quarry_set_state(TASK_RUNNING);
    __atomic_fetch_and(&entry->flags, ~WQ_FLAG_WOKEN, __ATOMIC_SEQ_CST);
    return timeout;
}

QUARRY_API void __wake_up_locked(struct wait_queue_head *queue, unsigned int mode, int nr,
                                 void *key)
{
    struct wait_queue_entry *entry, *next;
    list_for_each_entry_safe (entry, next, &queue->head, entry) {
        bool exclusive = entry->flags & WQ_FLAG_EXCLUSIVE;
        if (entry->func(entry, mode, 0, key) && exclusive && nr > 0 && --nr == 0)
            break;
    }
}

QUARRY_API void __wake_up(struct wait_queue_head *queue, unsigned int mode, int nr, void *key)
{
    wait_lock(queue);
    __wake_up_locked(queue, mode, nr, key);
    wait_unlock(queue);
}

/* ---- wait_event ---------------------------------------------------------------------------- */

QUARRY_API void quarry_wait_begin(struct quarry_wait *wait, struct wait_queue_head *queue,
                                  int state, bool exclusive, long limit)
{
    quarry_might_sleep("wait_event");
    wait->queue = queue;
    wait->state = state;
    wait->left = limit < 0 ? 0 : limit;
    wait->entry = (struct wait_queue_entry){.flags = exclusive ? WQ_FLAG_EXCLUSIVE : 0,
                                            .private = quarry_current(),
                                            .func = autoremove_wake_function};
    INIT_LIST_HEAD(&wait->entry.entry);
}

QUARRY_API long quarry_wait_queue(struct quarry_wait *wait, bool locked)
{
    wait_prepare(wait->queue, &wait->entry, wait->state, locked);
    return signal_pending_state((unsigned int)wait->state, quarry_current()) ? -ERESTARTSYS : 0;
}

QUARRY_API void quarry_wait_sleep(struct quarry_wait *wait)
{
    wait->left = schedule_timeout(wait->left);
}

QUARRY_API void quarry_wait_end(struct quarry_wait *wait, bool locked)
{
    wait_finish(wait->queue, &wait->entry, locked);
}

static void wait_sleep_on(struct wait_queue_head *queue, int state)
{
    struct wait_queue_entry entry;
    init_waitqueue_entry(&entry, quarry_current());
    quarry_set_state((unsigned int)state);
    add_wait_queue(queue, &entry);
    schedule();
    remove_wait_queue(queue, &entry);
}

QUARRY_API void interruptible_sleep_on(struct wait_queue_head *queue)
{
    wait_sleep_on(queue, TASK_INTERRUPTIBLE);
}

QUARRY_API void sleep_on(struct wait_queue_head *queue)
{
    wait_sleep_on(queue, TASK_UNINTERRUPTIBLE);
}

/* ---- completions --------------------------------------------------------------------------- */

#define COMPLETION_ALL (UINT_MAX / 2) /* complete_all: never used up */

QUARRY_API void init_completion(struct completion *x)
{
    x->done = 0;
    init_waitqueue_head(&x->wait);
}

QUARRY_API void complete(struct completion *x)
{
    wait_lock(&x->wait);
    if (x->done < COMPLETION_ALL)
        x->done++;
    __wake_up_locked(&x->wait, TASK_ALL, 1, NULL);
    wait_unlock(&x->wait);
}

QUARRY_API void complete_all(struct completion *x)
{
    wait_lock(&x->wait);
    x->done = COMPLETION_ALL;
    __wake_up_locked(&x->wait, TASK_ALL, 0, NULL);
    wait_unlock(&x->wait);
}

QUARRY_API bool try_wait_for_completion(struct completion *x)
{
    bool got;
    wait_lock(&x->wait);
    got = x->done != 0;
    if (got && x->done < COMPLETION_ALL)
        x->done--;
    wait_unlock(&x->wait);
    return got;
}

QUARRY_API bool completion_done(struct completion *x)
{
    bool done;
    wait_lock(&x->wait);
    done = x->done != 0;
    wait_unlock(&x->wait);
    return done;
}

static long completion_wait(struct completion *x, int state, long limit)
{
    return quarry_wait_plain(x->wait, try_wait_for_completion(x), state, true, limit);
}

QUARRY_API void wait_for_completion(struct completion *x)
{
    completion_wait(x, TASK_UNINTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
}

QUARRY_API int wait_for_completion_interruptible(struct completion *x)
{
    return quarry_wait_result(completion_wait(x, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT));
}

QUARRY_API int wait_for_completion_killable(struct completion *x)
{
    return quarry_wait_result(completion_wait(x, TASK_KILLABLE, MAX_SCHEDULE_TIMEOUT));
}

QUARRY_API unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout)
{
    return (unsigned long)completion_wait(x, TASK_UNINTERRUPTIBLE, (long)timeout);
}

QUARRY_API long wait_for_completion_interruptible_timeout(struct completion *x,
                                                          unsigned long timeout)
{
    return completion_wait(x, TASK_INTERRUPTIBLE, (long)timeout);
}

QUARRY_API long wait_for_completion_killable_timeout(struct completion *x, unsigned long timeout)
{
    return completion_wait(x, TASK_KILLABLE, (long)timeout);
}
