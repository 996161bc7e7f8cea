/* SPDX-License-Identifier: MIT */
/* workqueue: work done later, in process context.
 *
 * Each queue has its own list of pending work and up to max_active threads, started when work waits
 * and none is free. A worker takes the first piece that is not running on another worker, so one
 * piece never runs twice at a time. The list's entries are from libc's memory (see left.c).
 *
 * Delayed work is a timer that queues the work when it fires; `quarry_pending` covers both.
 *
 * Invariants. W1: a piece is in one list at most, and then pending. W2: nr_idle + nr_busy threads
 * exist. Locks: work_lock for all queues, held over no call into driver code. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/workqueue.h>
#include <quarry/slab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORK_THREADS 4u /* most threads of one queue */

struct work_entry {
    struct list_head list;
    struct work_struct *work;
    const void *where;
    u64 number; /* of queueing, in its queue */
};

struct worker {
    struct list_head list;
    struct workqueue_struct *wq;
    pthread_t thread;
    struct work_struct *running;
    u64 number; /* of what runs */
};

/* The part with threads is not in the caller's allocation: a leaked queue must not be freed under
 * its workers. */
struct workqueue_struct {
    char name[24];
    unsigned int max_active;
    struct list_head list; /* of all queues */
    struct list_head pending, workers;
    unsigned int nr_idle, nr_threads;
    u64 next_number;
    bool quit;
    void *leaks_if_forgotten; /* what the kernel would have allocated: from Quarry */
};

static pthread_mutex_t work_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_there = PTHREAD_COND_INITIALIZER; /* for workers */
static pthread_cond_t work_done = PTHREAD_COND_INITIALIZER;  /* for those who flush */
static LIST_HEAD(work_queues);
static bool work_closed; /* what is queued is forgotten: the queues are going */
static struct workqueue_struct *work_system;

static int work_call(struct work_struct *work)
{
    if (work->quarry_is_old)
        work->quarry_old(work->quarry_data);
    else
        work->quarry_new(work);
    return 0;
}

static bool work_runs(struct workqueue_struct *wq, const struct work_struct *work)
{
    struct worker *worker;
    list_for_each_entry (worker, &wq->workers, list) {
        if (worker->running == work)
            return true;
    }
    return false;
}

static struct work_entry *work_next(struct workqueue_struct *wq)
{
    struct work_entry *entry;
    list_for_each_entry (entry, &wq->pending, list) {
        if (!work_runs(wq, entry->work))
            return entry;
    }
    return NULL;
}

/* With work_lock held, which is let go meanwhile. */
static void worker_run(struct worker *worker, struct work_entry *entry)
{
    struct work_struct *work = entry->work;
    int ignored;
    list_del(&entry->list);
    worker->running = work;
    worker->number = entry->number;
    __atomic_store_n(&work->quarry_pending, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&work_lock);
    free(entry);
    QLX_CALL_DRIVER(ignored, work_call(work), 0);
    (void)ignored;
    pthread_mutex_lock(&work_lock);
    worker->running = NULL; /* the work's own memory may be gone by now */
    pthread_cond_broadcast(&work_done);
    pthread_cond_broadcast(&work_there); /* the same piece may wait to run again */
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct workqueue_struct *wq = worker->wq;
    pthread_mutex_lock(&work_lock);
    for (;;) {
        struct work_entry *entry = work_next(wq);
        if (entry) {
            worker_run(worker, entry);
            continue;
        }
        if (wq->quit)
            break;
        wq->nr_idle++;
        pthread_cond_wait(&work_there, &work_lock);
        wq->nr_idle--;
    }
    pthread_mutex_unlock(&work_lock);
    return NULL;
}

static void worker_add(struct workqueue_struct *wq)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return;
    worker->wq = wq;
    if (qlx_thread_start(&worker->thread, wq->name, worker_main, worker)) {
        free(worker);
        return;
    }
    wq->nr_threads++;
    list_add_tail(&worker->list, &wq->workers);
}

static struct workqueue_struct *work_queue_new(const char *name, unsigned int flags, int max_active)
{
    struct workqueue_struct *wq = calloc(1, sizeof(*wq));
    if (!wq)
        return NULL;
    snprintf(wq->name, sizeof(wq->name), "%s", name);
    wq->max_active = flags & QUARRY_WQ_ORDERED ? 1 : WORK_THREADS;
    if (max_active > 0 && (unsigned int)max_active < wq->max_active)
        wq->max_active = (unsigned int)max_active;
    INIT_LIST_HEAD(&wq->pending);
    INIT_LIST_HEAD(&wq->workers);
    pthread_mutex_lock(&work_lock);
    list_add_tail(&wq->list, &work_queues);
    pthread_mutex_unlock(&work_lock);
    return wq;
}

QUARRY_API struct workqueue_struct *quarry_system_wq(void)
{
    struct workqueue_struct *wq = __atomic_load_n(&work_system, __ATOMIC_ACQUIRE), *none = NULL;
    if (wq)
        return wq;
    wq = work_queue_new("events", 0, 0);
    if (!wq)
        abort();
    if (__atomic_compare_exchange_n(&work_system, &none, wq, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return wq;
    pthread_mutex_lock(&work_lock);
    list_del(&wq->list);
    pthread_mutex_unlock(&work_lock);
    free(wq);
    return none;
}

QUARRY_API struct workqueue_struct *alloc_workqueue(const char *format, unsigned int flags,
                                                    int max_active, ...)
{
    struct workqueue_struct *wq;
    void *allocation;
    char name[24];
    va_list args;
    quarry_might_sleep("alloc_workqueue");
    va_start(args, max_active);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    allocation = kzalloc(sizeof(*wq), GFP_KERNEL);
    if (!allocation)
        return NULL;
    wq = work_queue_new(name, flags, max_active);
    if (!wq) {
        kfree(allocation);
        return NULL;
    }
    wq->leaks_if_forgotten = allocation;
    qlx_left_add(QLX_LEFT_WORKQUEUE, wq, name);
    return wq;
}

/* The queue may be gone if work_closed: a timer that was to queue delayed work can be that late. */
static void work_push(struct workqueue_struct *wq, struct work_struct *work, const void *where)
{
    struct work_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        abort();
    entry->work = work;
    entry->where = where;
    pthread_mutex_lock(&work_lock);
    if (!work_closed) {
        entry->number = ++wq->next_number;
        list_add_tail(&entry->list, &wq->pending);
        if (wq->nr_idle == 0 && wq->nr_threads < wq->max_active)
            worker_add(wq);
        pthread_cond_broadcast(&work_there);
        entry = NULL;
    }
    pthread_mutex_unlock(&work_lock);
    free(entry);
}

QUARRY_API void quarry_work_init(struct work_struct *work, quarry_work_new_t func,
                                 quarry_work_old_t old, void *data)
{
    memset(work, 0, sizeof(*work));
    INIT_LIST_HEAD(&work->entry);
    work->quarry_is_old = old != NULL;
    work->quarry_data = data;
    if (old)
        work->quarry_old = old;
    else
        work->quarry_new = func;
}

static bool work_claim(struct work_struct *work)
{
    return __atomic_exchange_n(&work->quarry_pending, 1, __ATOMIC_ACQ_REL) == 0;
}

QUARRY_API bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
    if (!work->func) {
        qlx_find("registration", NULL, NULL, "work queued before INIT_WORK()");
        return false;
    }
    if (!work_claim(work))
        return false;
    work->quarry_wq = wq;
    work_push(wq, work, __builtin_return_address(0));
    return true;
}

/* ---- delayed work -------------------------------------------------------------------------- */

static void work_timer(struct timer_list *timer)
{
    struct work_struct *work = container_of(timer, struct work_struct, timer);
    work_push(work->quarry_wq, work, (const void *)work->func);
}

QUARRY_API bool quarry_queue_delayed(struct workqueue_struct *wq, struct work_struct *work,
                                     unsigned long delay, bool replace)
{
    bool was = !work_claim(work);
    if (was && (!replace || !cancel_work(work) || !work_claim(work)))
        return replace ? was : false;
    work->quarry_wq = wq;
    if (delay == 0) {
        work_push(wq, work, __builtin_return_address(0));
    } else {
        timer_setup(&work->timer, work_timer, 0);
        mod_timer(&work->timer, quarry_jiffies() + delay);
    }
    return replace ? was : true;
}

QUARRY_API bool quarry_flush_delayed(struct work_struct *work)
{
    if (del_timer_sync(&work->timer))
        work_push(work->quarry_wq, work, __builtin_return_address(0));
    return flush_work(work);
}

/* ---- flushing and taking back -------------------------------------------------------------- */

static struct work_entry *work_find(const struct work_struct *work, struct workqueue_struct **where)
{
    struct workqueue_struct *wq;
    struct work_entry *entry;
    list_for_each_entry (wq, &work_queues, list) {
        list_for_each_entry (entry, &wq->pending, list) {
            if (entry->work == work) {
                *where = wq;
                return entry;
            }
        }
    }
    return NULL;
}

static bool work_runs_anywhere(const struct work_struct *work, bool *mine)
{
    struct workqueue_struct *wq;
    struct worker *worker;
    list_for_each_entry (wq, &work_queues, list) {
        list_for_each_entry (worker, &wq->workers, list) {
            if (worker->running != work)
                continue;
            *mine = pthread_equal(worker->thread, pthread_self());
            return true;
        }
    }
    return false;
}

/* Wait until @work neither waits nor runs (or, from within itself, does not wait). */
static bool work_wait(struct work_struct *work, bool also_pending)
{
    struct workqueue_struct *wq;
    bool waited = false, mine = false;
    pthread_mutex_lock(&work_lock);
    while ((also_pending && work_find(work, &wq)) || (work_runs_anywhere(work, &mine) && !mine)) {
        waited = true;
        pthread_cond_wait(&work_done, &work_lock);
    }
    pthread_mutex_unlock(&work_lock);
    return waited;
}

QUARRY_API bool flush_work(struct work_struct *work)
{
    quarry_might_sleep("flush_work");
    return work_wait(work, true);
}

static bool work_cancel(struct work_struct *work)
{
    struct workqueue_struct *wq;
    struct work_entry *entry;
    bool was = del_timer_sync(&work->timer) != 0;
    pthread_mutex_lock(&work_lock);
    entry = work_find(work, &wq);
    if (entry)
        list_del(&entry->list);
    if (entry || was)
        __atomic_store_n(&work->quarry_pending, 0, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&work_done);
    pthread_mutex_unlock(&work_lock);
    free(entry);
    return was || entry;
}

QUARRY_API bool cancel_work(struct work_struct *work)
{
    return work_cancel(work);
}

/* A piece that queues itself again is beaten by looking until it neither waits nor runs. */
QUARRY_API bool cancel_work_sync(struct work_struct *work)
{
    bool was = false;
    quarry_might_sleep("cancel_work_sync");
    do {
        was = work_cancel(work) || was;
        work_wait(work, false);
    } while (work_pending(work) && work_cancel(work));
    return was;
}

QUARRY_API unsigned int work_busy(struct work_struct *work)
{
    bool mine, runs;
    pthread_mutex_lock(&work_lock);
    runs = work_runs_anywhere(work, &mine);
    pthread_mutex_unlock(&work_lock);
    return (work_pending(work) ? 1u : 0u) | (runs ? 2u : 0u);
}

/* Is anything queued up to @number still waiting or running? */
static bool work_before(struct workqueue_struct *wq, u64 number)
{
    struct work_entry *entry;
    struct worker *worker;
    list_for_each_entry (entry, &wq->pending, list) {
        if (entry->number <= number)
            return true;
    }
    list_for_each_entry (worker, &wq->workers, list) {
        if (worker->running && worker->number <= number &&
            !pthread_equal(worker->thread, pthread_self()))
            return true;
    }
    return false;
}

QUARRY_API void flush_workqueue(struct workqueue_struct *wq)
{
    u64 number;
    quarry_might_sleep("flush_workqueue");
    pthread_mutex_lock(&work_lock);
    number = wq->next_number;
    while (work_before(wq, number))
        pthread_cond_wait(&work_done, &work_lock);
    pthread_mutex_unlock(&work_lock);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* @drop: forget pending work instead of running it. */
static void work_queue_end(struct workqueue_struct *wq, bool drop)
{
    struct worker *worker, *next;
    struct work_entry *entry, *after;
    pthread_mutex_lock(&work_lock);
    if (drop) {
        list_for_each_entry_safe (entry, after, &wq->pending, list) {
            list_del(&entry->list);
            free(entry);
        }
    }
    wq->quit = true;
    pthread_cond_broadcast(&work_there);
    pthread_mutex_unlock(&work_lock);
    list_for_each_entry (worker, &wq->workers, list)
        pthread_join(worker->thread, NULL);
    pthread_mutex_lock(&work_lock);
    list_del(&wq->list);
    pthread_mutex_unlock(&work_lock);
    list_for_each_entry_safe (worker, next, &wq->workers, list)
        free(worker);
    free(wq);
}

QUARRY_API void destroy_workqueue(struct workqueue_struct *wq)
{
    void *allocation = wq->leaks_if_forgotten;
    quarry_might_sleep("destroy_workqueue");
    if (!qlx_left_remove(QLX_LEFT_WORKQUEUE, wq)) {
        qlx_find("registration", NULL, NULL, "destroy_workqueue of a queue that does not exist");
        return;
    }
    flush_workqueue(wq);
    work_queue_end(wq, false);
    kfree(allocation);
}

void qlx_workqueues_stop(void)
{
    for (;;) {
        struct workqueue_struct *wq;
        pthread_mutex_lock(&work_lock);
        work_closed = true;
        wq = list_first_entry_or_null(&work_queues, struct workqueue_struct, list);
        pthread_mutex_unlock(&work_lock);
        if (!wq)
            break;
        work_queue_end(wq, true);
    }
    work_system = NULL;
}

void qlx_workqueues_open(void)
{
    pthread_mutex_lock(&work_lock);
    work_closed = false;
    pthread_mutex_unlock(&work_lock);
}

void qlx_workqueues_settle(void)
{
    struct workqueue_struct *wq;
    bool busy = true;
    pthread_mutex_lock(&work_lock);
    while (busy) {
        busy = false;
        list_for_each_entry (wq, &work_queues, list)
            busy = busy || work_before(wq, ~0ull);
        if (busy)
            pthread_cond_wait(&work_done, &work_lock);
    }
    pthread_mutex_unlock(&work_lock);
}

bool qlx_works_left(qlx_left_visit visit, void *data)
{
    struct workqueue_struct *wq;
    struct work_entry *entry;
    bool on = true;
    pthread_mutex_lock(&work_lock);
    list_for_each_entry (wq, &work_queues, list) {
        list_for_each_entry (entry, &wq->pending, list) {
            struct qlx_left left = {.kind = QLX_LEFT_WORK, .object = entry->work};
            left.where.nr = 1;
            left.where.pc[0] = entry->where;
            snprintf(left.name, sizeof(left.name), "work at %px on %s", (void *)entry->work,
                     wq->name);
            on = on && visit(&left, data);
        }
    }
    pthread_mutex_unlock(&work_lock);
    return on;
}
