/* SPDX-License-Identifier: MIT */
/* kthread_worker: threads that do what is queued, one piece after another.
 *
 * A piece is in its worker's list, or is the current one, or neither; it may be queued again while it runs.
 * Waiting for a piece means queueing another right behind it that tells when its turn comes.
 *
 * Locks: the worker's spin lock, held over no call out. A worker of kthread_create_worker() is Quarry's
 * memory until it is destroyed. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <stdio.h>

QUARRY_API void kthread_init_worker(struct kthread_worker *worker)
{
    *worker = (struct kthread_worker){.flags = 0};
    spin_lock_init(&worker->lock);
    INIT_LIST_HEAD(&worker->work_list);
}

static struct kthread_work *worker_next(struct kthread_worker *worker)
{
    struct kthread_work *work;
    unsigned long flags;
    spin_lock_irqsave(&worker->lock, flags);
    work = list_first_entry_or_null(&worker->work_list, struct kthread_work, node);
    if (work)
        list_del_init(&work->node);
    worker->current_work = work;
    spin_unlock_irqrestore(&worker->lock, flags);
    return work;
}

/* Who works; whoever queues reads it under the lock. */
static void worker_set_task(struct kthread_worker *worker, struct task_struct *task)
{
    unsigned long flags;
    spin_lock_irqsave(&worker->lock, flags);
    worker->task = task;
    spin_unlock_irqrestore(&worker->lock, flags);
}

QUARRY_API int kthread_worker_fn(void *arg)
{
    struct kthread_worker *worker = arg;
    worker_set_task(worker, current);
    for (;;) {
        struct kthread_work *work;
        set_current_state(TASK_INTERRUPTIBLE); /* before looking: no wake-up is lost */
        if (kthread_should_stop())
            break;
        work = worker_next(worker);
        if (work) {
            __set_current_state(TASK_RUNNING);
            work->func(work); /* which may free it */
        } else {
            schedule();
        }
    }
    __set_current_state(TASK_RUNNING);
    worker_set_task(worker, NULL);
    return 0;
}

QUARRY_API struct kthread_worker *kthread_create_worker(unsigned int flags, const char *format, ...)
{
    struct kthread_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL);
    char name[TASK_COMM_LEN];
    struct task_struct *task;
    va_list args;
    if (!worker)
        return ERR_PTR(-ENOMEM);
    kthread_init_worker(worker);
    worker->flags = flags;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    task = kthread_create(kthread_worker_fn, worker, "%s", name);
    if (IS_ERR(task)) {
        kfree(worker);
        return ERR_CAST(task);
    }
    worker_set_task(worker, task);
    wake_up_process(task);
    return worker;
}

QUARRY_API void kthread_destroy_worker(struct kthread_worker *worker)
{
    struct task_struct *task = worker->task;
    if (!task) {
        qlx_find("registration", NULL, NULL, "kthread_destroy_worker of one that has no thread");
        return;
    }
    kthread_flush_worker(worker);
    kthread_stop(task);
    if (!list_empty(&worker->work_list))
        qlx_find("registration", NULL, NULL,
                 "kthread_destroy_worker while work is being queued: it will not be done");
    kfree(worker);
}

/* With the lock held: put @work behind @prev and have the thread look. */
static void worker_insert(struct kthread_worker *worker, struct kthread_work *work,
                          struct list_head *prev)
{
    list_add(&work->node, prev);
    work->worker = worker;
    if (!worker->current_work && worker->task)
        wake_up_process(worker->task);
}

static bool work_queue_locked(struct kthread_worker *worker, struct kthread_work *work)
{
    if (!list_empty(&work->node) || work->canceling)
        return false;
    if (work->worker && work->worker != worker && work->worker->current_work == work)
        qlx_find("registration", NULL, NULL,
                 "work is queued on a second worker while the first runs it");
    worker_insert(worker, work, worker->work_list.prev);
    return true;
}

QUARRY_API bool kthread_queue_work(struct kthread_worker *worker, struct kthread_work *work)
{
    unsigned long flags;
    bool queued;
    spin_lock_irqsave(&worker->lock, flags);
    queued = work_queue_locked(worker, work);
    spin_unlock_irqrestore(&worker->lock, flags);
    return queued;
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct worker_flush {
    struct kthread_work work;
    struct completion done;
};

static void worker_flushed(struct kthread_work *work)
{
    complete(&container_of(work, struct worker_flush, work)->done);
}

QUARRY_API void kthread_flush_work(struct kthread_work *work)
{
    struct kthread_worker *worker = work->worker;
    struct worker_flush flush;
    unsigned long flags;
    bool waits = true;
    might_sleep();
    if (!worker)
        return; /* never queued */
    kthread_init_work(&flush.work, worker_flushed);
    init_completion(&flush.done);
    spin_lock_irqsave(&worker->lock, flags);
    if (!list_empty(&work->node))
        worker_insert(worker, &flush.work, &work->node);
    else if (worker->current_work == work)
        worker_insert(worker, &flush.work, &worker->work_list);
    else
        waits = false;
    spin_unlock_irqrestore(&worker->lock, flags);
    if (waits)
        wait_for_completion(&flush.done);
}

QUARRY_API void kthread_flush_worker(struct kthread_worker *worker)
{
    struct worker_flush flush;
    kthread_init_work(&flush.work, worker_flushed);
    init_completion(&flush.done);
    might_sleep();
    kthread_queue_work(worker, &flush.work);
    wait_for_completion(&flush.done);
}

/* ---- taking back ----------------------------------------------------------------------------- */

QUARRY_API bool kthread_cancel_work_sync(struct kthread_work *work)
{
    struct kthread_worker *worker = work->worker;
    unsigned long flags;
    bool queued;
    might_sleep();
    if (!worker)
        return false;
    spin_lock_irqsave(&worker->lock, flags);
    queued = !list_empty(&work->node);
    list_del_init(&work->node);
    work->canceling++;
    spin_unlock_irqrestore(&worker->lock, flags);
    kthread_flush_work(work);
    spin_lock_irqsave(&worker->lock, flags);
    work->canceling--;
    spin_unlock_irqrestore(&worker->lock, flags);
    return queued;
}

/* ---- later ----------------------------------------------------------------------------------- */

QUARRY_API void kthread_delayed_work_timer_fn(struct timer_list *timer)
{
    struct kthread_delayed_work *dwork = container_of(timer, struct kthread_delayed_work, timer);
    kthread_queue_work(dwork->work.worker, &dwork->work);
}

QUARRY_API bool kthread_queue_delayed_work(struct kthread_worker *worker,
                                           struct kthread_delayed_work *dwork, unsigned long delay)
{
    unsigned long flags;
    bool queued;
    spin_lock_irqsave(&worker->lock, flags);
    if (delay == 0) {
        queued = !timer_pending(&dwork->timer) && work_queue_locked(worker, &dwork->work);
    } else {
        queued = list_empty(&dwork->work.node) && !dwork->work.canceling &&
                 !timer_pending(&dwork->timer);
        if (queued) {
            dwork->work.worker = worker;
            mod_timer(&dwork->timer, jiffies + delay);
        }
    }
    spin_unlock_irqrestore(&worker->lock, flags);
    return queued;
}

QUARRY_API bool kthread_mod_delayed_work(struct kthread_worker *worker,
                                         struct kthread_delayed_work *dwork, unsigned long delay)
{
    bool was = del_timer_sync(&dwork->timer) != 0;
    unsigned long flags;
    spin_lock_irqsave(&worker->lock, flags);
    if (!list_empty(&dwork->work.node)) {
        list_del_init(&dwork->work.node);
        was = true;
    }
    spin_unlock_irqrestore(&worker->lock, flags);
    kthread_queue_delayed_work(worker, dwork, delay);
    return was;
}

QUARRY_API bool kthread_cancel_delayed_work_sync(struct kthread_delayed_work *dwork)
{
    struct kthread_worker *worker = dwork->work.worker;
    unsigned long flags;
    bool waited;
    if (!worker)
        return false;
    spin_lock_irqsave(&worker->lock, flags);
    dwork->work.canceling++; /* the timer's function does not queue it any more */
    spin_unlock_irqrestore(&worker->lock, flags);
    waited = del_timer_sync(&dwork->timer) != 0;
    waited |= kthread_cancel_work_sync(&dwork->work);
    spin_lock_irqsave(&worker->lock, flags);
    dwork->work.canceling--;
    spin_unlock_irqrestore(&worker->lock, flags);
    return waited;
}
