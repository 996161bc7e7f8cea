/* SPDX-License-Identifier: MIT */
/* rcu: read-copy-update over the library's grace periods (quarry/rcu.h).
 *
 * Sections, waiting and kfree_rcu() are the library's. Here is what only kernel code has: callbacks. They
 * are collected in a list; a thread waits for the readers and hands them to the soft-interrupt thread,
 * where they run, in order. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/completion.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <stdlib.h>

struct rcu_entry {
    struct list_head list;
    struct rcu_head *head;
    rcu_callback_t function;    /* to call, or … */
    struct completion *barrier; /* … whom to tell */
};

static pthread_mutex_t rcu_lock = PTHREAD_MUTEX_INITIALIZER; /* lists and the thread */
static pthread_cond_t rcu_there = PTHREAD_COND_INITIALIZER;
static LIST_HEAD(rcu_waiting); /* for readers */
static LIST_HEAD(rcu_ready);   /* to run */
static pthread_t rcu_thread;
static bool rcu_up, rcu_quit;
static bool rcu_busy;    /* the thread holds a batch */
static bool rcu_running; /* a callback that is on no list any more */

QUARRY_API void rcu_read_lock(void)
{
    quarry_rcu_read_lock();
    quarry_context_enter(QUARRY_CTX_RCU_READ);
}

QUARRY_API void rcu_read_unlock(void)
{
    if (!quarry_rcu_read_held()) {
        qlx_find("lock", NULL, NULL, "rcu_read_unlock without rcu_read_lock");
        return;
    }
    quarry_context_leave(QUARRY_CTX_RCU_READ);
    quarry_rcu_read_unlock();
}

QUARRY_API int rcu_read_lock_held(void)
{
    return quarry_rcu_read_held();
}

QUARRY_API void synchronize_rcu(void)
{
    quarry_might_sleep("synchronize_rcu");
    if (quarry_rcu_read_held()) {
        qlx_find("lock", NULL, NULL,
                 "synchronize_rcu inside rcu_read_lock: this would hang for ever");
        qlx_die("deadlock: synchronize_rcu inside rcu_read_lock", __builtin_return_address(0));
    }
    quarry_rcu_wait();
}

/* ---- callbacks ----------------------------------------------------------------------------- */

static void *rcu_main(void *arg)
{
    pthread_mutex_lock(&rcu_lock);
    while (!rcu_quit) {
        LIST_HEAD(batch);
        if (list_empty(&rcu_waiting)) {
            pthread_cond_wait(&rcu_there, &rcu_lock);
            continue;
        }
        list_splice_init(&rcu_waiting, &batch);
        rcu_busy = true;
        pthread_mutex_unlock(&rcu_lock);
        quarry_rcu_wait();
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
        rcu_running = entry != NULL;
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

QUARRY_API void rcu_barrier(void)
{
    DECLARE_COMPLETION(barrier);
    quarry_might_sleep("rcu_barrier");
    rcu_queue(&(struct rcu_entry){.barrier = &barrier});
    wait_for_completion(&barrier);
    quarry_rcu_barrier();
}

void qlx_rcu_drain(void)
{
    bool waiting;
    pthread_mutex_lock(&rcu_lock);
    waiting =
        rcu_up && (!list_empty(&rcu_waiting) || !list_empty(&rcu_ready) || rcu_busy || rcu_running);
    pthread_mutex_unlock(&rcu_lock);
    if (waiting)
        rcu_barrier();
    else
        quarry_rcu_barrier();
}

/* Callbacks that wait are forgotten. */
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
