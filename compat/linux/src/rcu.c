/* SPDX-License-Identifier: MIT */
/* rcu: read-copy-update with two counters.
 *
 * Readers count themselves in one of two counters, the one that `rcu_side` names when they begin.
 * A writer waits for the readers of both sides: it switches the side, so that new readers count
 * elsewhere, and waits until the old counter is zero; twice, because a reader may have read the side
 * just before it was switched and counted itself just after.
 *
 * Callbacks are collected in a list; a thread waits for the readers, frees what only needs freeing, and
 * hands the rest to the soft-interrupt thread, where it runs, in order. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/completion.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

static unsigned long rcu_readers[2];
static unsigned int rcu_side;
static __thread unsigned int rcu_depth, rcu_my_side;

struct rcu_entry {
    struct list_head list;
    struct rcu_head *head;
    rcu_callback_t function;    /* to call, or … */
    const void *object;         /* … to free, or … */
    struct completion *barrier; /* … whom to tell */
};

static pthread_mutex_t rcu_lock = PTHREAD_MUTEX_INITIALIZER; /* lists and the thread */
static pthread_mutex_t rcu_writer = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rcu_there = PTHREAD_COND_INITIALIZER;
static LIST_HEAD(rcu_waiting); /* for readers */
static LIST_HEAD(rcu_ready);   /* to run */
static pthread_t rcu_thread;
static bool rcu_up, rcu_quit;
static bool rcu_busy; /* the thread holds a batch */

QUARRY_API void rcu_read_lock(void)
{
    if (rcu_depth++ == 0) {
        rcu_my_side = __atomic_load_n(&rcu_side, __ATOMIC_SEQ_CST) & 1;
        __atomic_fetch_add(&rcu_readers[rcu_my_side], 1, __ATOMIC_SEQ_CST);
    }
    quarry_context_enter(QUARRY_CTX_RCU_READ);
}

QUARRY_API void rcu_read_unlock(void)
{
    if (rcu_depth == 0) {
        qlx_find("lock", NULL, NULL, "rcu_read_unlock without rcu_read_lock");
        return;
    }
    quarry_context_leave(QUARRY_CTX_RCU_READ);
    if (--rcu_depth == 0)
        __atomic_fetch_sub(&rcu_readers[rcu_my_side], 1, __ATOMIC_SEQ_CST);
}

QUARRY_API int rcu_read_lock_held(void)
{
    return rcu_depth != 0;
}

static void rcu_wait_side(void)
{
    unsigned int old = __atomic_fetch_add(&rcu_side, 1, __ATOMIC_SEQ_CST) & 1;
    unsigned int looks = 0;
    while (__atomic_load_n(&rcu_readers[old], __ATOMIC_SEQ_CST)) {
        struct timespec nap = {0, 50000};
        if (++looks < 100)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
}

static void rcu_wait_readers(void)
{
    pthread_mutex_lock(&rcu_writer);
    rcu_wait_side();
    rcu_wait_side();
    pthread_mutex_unlock(&rcu_writer);
}

QUARRY_API void synchronize_rcu(void)
{
    quarry_might_sleep("synchronize_rcu");
    if (rcu_depth) {
        qlx_find("lock", NULL, NULL,
                 "synchronize_rcu inside rcu_read_lock: this would hang for ever");
        qlx_die("deadlock: synchronize_rcu inside rcu_read_lock", __builtin_return_address(0));
    }
    rcu_wait_readers();
}

/* ---- callbacks ----------------------------------------------------------------------------- */

static void *rcu_main(void *arg)
{
    pthread_mutex_lock(&rcu_lock);
    while (!rcu_quit) {
        struct rcu_entry *entry, *next;
        LIST_HEAD(batch);
        if (list_empty(&rcu_waiting)) {
            pthread_cond_wait(&rcu_there, &rcu_lock);
            continue;
        }
        list_splice_init(&rcu_waiting, &batch);
        rcu_busy = true;
        pthread_mutex_unlock(&rcu_lock);
        rcu_wait_readers();
        list_for_each_entry_safe (entry, next, &batch, list) {
            if (!entry->object)
                continue;
            list_del(&entry->list);
            kvfree(entry->object);
            free(entry);
        }
        pthread_mutex_lock(&rcu_lock);
        list_splice_tail(&batch, &rcu_ready);
        rcu_busy = false;
        pthread_mutex_unlock(&rcu_lock);
        qlx_softirq_kick();
        pthread_mutex_lock(&rcu_lock);
    }
    pthread_mutex_unlock(&rcu_lock);
    return NULL;
}

static int rcu_call(struct rcu_entry *entry)
{
    if (entry->function)
        entry->function(entry->head);
    return 0;
}

static void rcu_run_ready(void *unused)
{
    for (;;) {
        struct rcu_entry *entry;
        int ignored;
        pthread_mutex_lock(&rcu_lock);
        entry = list_first_entry_or_null(&rcu_ready, struct rcu_entry, list);
        if (entry)
            list_del(&entry->list);
        pthread_mutex_unlock(&rcu_lock);
        if (!entry)
            return;
        QLX_CALL_DRIVER(ignored, rcu_call(entry), 0);
        (void)ignored;
        if (entry->barrier)
            complete(entry->barrier);
        free(entry);
    }
}

void qlx_rcu_run(void)
{
    quarry_raise_softirq(rcu_run_ready, NULL);
}

static void rcu_queue(const struct rcu_entry *from)
{
    struct rcu_entry *entry = malloc(sizeof(*entry));
    if (!entry)
        abort();
    *entry = *from;
    pthread_mutex_lock(&rcu_lock);
    if (!rcu_up) {
        rcu_quit = false;
        rcu_up = qlx_thread_start(&rcu_thread, "rcu", rcu_main, NULL) == 0;
    }
    list_add_tail(&entry->list, &rcu_waiting);
    pthread_cond_signal(&rcu_there);
    pthread_mutex_unlock(&rcu_lock);
}

QUARRY_API void call_rcu(struct rcu_head *head, rcu_callback_t function)
{
    rcu_queue(&(struct rcu_entry){.head = head, .function = function});
}

QUARRY_API void quarry_kfree_rcu(const void *object, struct rcu_head *head)
{
    rcu_queue(&(struct rcu_entry){.head = head, .object = object});
}

QUARRY_API void quarry_kfree_rcu_now(const void *object)
{
    synchronize_rcu();
    kvfree(object);
}

QUARRY_API void rcu_barrier(void)
{
    DECLARE_COMPLETION(barrier);
    quarry_might_sleep("rcu_barrier");
    rcu_queue(&(struct rcu_entry){.barrier = &barrier});
    wait_for_completion(&barrier);
}

/* Wait for kfree_rcu() calls made so far, if there are any that wait. */
QUARRY_API void quarry_rcu_drain(void)
{
    bool waiting;
    pthread_mutex_lock(&rcu_lock);
    waiting = rcu_up && (!list_empty(&rcu_waiting) || !list_empty(&rcu_ready) || rcu_busy);
    pthread_mutex_unlock(&rcu_lock);
    if (waiting)
        rcu_barrier();
}

/* What waits is forgotten: kfree_rcu's objects then show up as leaks of the module that did not call
 * rcu_barrier() before it went. */
void qlx_rcu_stop(void)
{
    struct rcu_entry *entry, *next;
    bool up;
    pthread_mutex_lock(&rcu_lock);
    up = rcu_up;
    rcu_quit = true;
    pthread_cond_signal(&rcu_there);
    pthread_mutex_unlock(&rcu_lock);
    if (up)
        pthread_join(rcu_thread, NULL);
    pthread_mutex_lock(&rcu_lock);
    rcu_up = false;
    list_splice_tail_init(&rcu_ready, &rcu_waiting);
    list_for_each_entry_safe (entry, next, &rcu_waiting, list) {
        list_del(&entry->list);
        free(entry);
    }
    pthread_mutex_unlock(&rcu_lock);
}
