/* SPDX-License-Identifier: MIT */
/* timer: the clock, timers, and the thread on which soft interrupts run.
 *
 * One thread, "ksoftirqd", sleeps until the first timer is due or somebody kicks it, then runs due
 * timers, tasklets and RCU callbacks, each in soft-interrupt context (high-resolution timers in hard
 * context, unless they asked otherwise). It is a CPU of its own: spin locks between it and process
 * context are contended for real.
 *
 * Pending timers are entries of a binary heap in libc's memory, not links inside the timers: when a
 * module frees memory with a timer still pending in it, the heap stays whole and the list of what is
 * left can name the timer.
 *
 * Invariants. M1: heap[0] is due first. M2: a timer is in the heap exactly while quarry_pending.
 * Locks: timer_lock, held over no call into driver code. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/timer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct timer_entry {
    u64 due_ns;
    u64 order; /* of insertion, so that equal times keep it */
    void *timer;
    bool high; /* struct hrtimer, else struct timer_list */
    const void *where;
};

static pthread_mutex_t timer_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t timer_moved, timer_ended;
static struct timer_entry *timer_heap;
static size_t timer_nr, timer_room;
static u64 timer_order;
static void *timer_running;    /* its function is being called … */
static pthread_t timer_runner; /* … by this thread */
static bool timer_kicked, timer_quit, timer_up;
static bool timer_closed; /* nothing may be started: the code behind it is going */
static bool timer_busy;   /* the thread is running something */
static pthread_t timer_thread;
static u64 timer_begin_ns;
static pthread_once_t timer_once = PTHREAD_ONCE_INIT;

static u64 timer_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (u64)now.tv_sec * NSEC_PER_SEC + (u64)now.tv_nsec;
}

static void timer_init_once(void)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&timer_moved, &monotonic);
    pthread_cond_init(&timer_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    timer_begin_ns = timer_clock(CLOCK_MONOTONIC);
}

QUARRY_API ktime_t ktime_get(void)
{
    return (ktime_t)timer_clock(CLOCK_MONOTONIC);
}

QUARRY_API ktime_t ktime_get_real(void)
{
    return (ktime_t)timer_clock(CLOCK_REALTIME);
}

QUARRY_API unsigned long quarry_jiffies(void)
{
    pthread_once(&timer_once, timer_init_once);
    return INITIAL_JIFFIES + (unsigned long)(((u64)ktime_get() - timer_begin_ns) / NS_PER_JIFFY);
}

/* The moment at which the tick counter reaches @when; now, if it has. */
static u64 timer_due(unsigned long when)
{
    pthread_once(&timer_once, timer_init_once);
    if (time_after_eq(quarry_jiffies(), when))
        return (u64)ktime_get();
    return timer_begin_ns + (u64)(when - INITIAL_JIFFIES) * NS_PER_JIFFY;
}

/* ---- the heap: all with timer_lock held ---------------------------------------------------- */

static bool heap_before(const struct timer_entry *a, const struct timer_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_up(size_t at)
{
    while (at > 0 && heap_before(&timer_heap[at], &timer_heap[(at - 1) / 2])) {
        swap(timer_heap[at], timer_heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void heap_down(size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= timer_nr)
            return;
        if (child + 1 < timer_nr && heap_before(&timer_heap[child + 1], &timer_heap[child]))
            child++;
        if (!heap_before(&timer_heap[child], &timer_heap[at]))
            return;
        swap(timer_heap[at], timer_heap[child]);
        at = child;
    }
}

static void heap_insert(const struct timer_entry *entry)
{
    if (timer_nr == timer_room) {
        size_t room = timer_room ? timer_room * 2 : 64;
        struct timer_entry *heap = realloc(timer_heap, room * sizeof(*heap));
        if (!heap)
            abort();
        timer_heap = heap;
        timer_room = room;
    }
    timer_heap[timer_nr] = *entry;
    timer_heap[timer_nr].order = timer_order++;
    heap_up(timer_nr++);
}

static void heap_remove(size_t at)
{
    timer_heap[at] = timer_heap[--timer_nr];
    if (at < timer_nr) {
        heap_up(at);
        heap_down(at);
    }
}

static bool heap_drop(const void *timer)
{
    for (size_t i = 0; i < timer_nr; i++) {
        if (timer_heap[i].timer == timer) {
            heap_remove(i);
            return true;
        }
    }
    return false;
}

static void timer_mark(const struct timer_entry *entry, u32 pending)
{
    u32 *mark = entry->high ? &((struct hrtimer *)entry->timer)->quarry_pending
                            : &((struct timer_list *)entry->timer)->quarry_pending;
    __atomic_store_n(mark, pending, __ATOMIC_RELAXED);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static int timer_call(struct timer_list *timer)
{
    if (timer->quarry_old)
        timer->quarry_function_old(timer->data);
    else
        timer->function(timer);
    return 0;
}

static void timer_fire_low(void *timer)
{
    int ignored;
    QLX_CALL_DRIVER(ignored, timer_call(timer), 0);
    (void)ignored;
}

static void timer_fire_high(void *arg)
{
    struct hrtimer *timer = arg;
    ktime_t before = timer->quarry_expires;
    const char *function = (const char *)timer->function; /* read before it may go */
    int again;
    QLX_CALL_DRIVER(again, (int)timer->function(timer), HRTIMER_NORESTART);
    if (again != HRTIMER_RESTART || hrtimer_is_queued(timer))
        return; /* the timer's memory may be gone in the first case: the function may free it */
    if (timer->quarry_expires <= before) {
        qlx_find("context", function + 1, "its function",
                 "HRTIMER_RESTART without hrtimer_forward: the timer would fire for ever");
        return;
    }
    hrtimer_start(timer, timer->quarry_expires,
                  timer->quarry_soft ? HRTIMER_MODE_ABS_SOFT : HRTIMER_MODE_ABS);
}

/* Run the timer that is due first, if any is. Called and returns with timer_lock held. */
static bool timer_run_one(void)
{
    struct timer_entry entry;
    if (timer_nr == 0 || timer_heap[0].due_ns > (u64)ktime_get())
        return false;
    entry = timer_heap[0];
    heap_remove(0);
    timer_mark(&entry, 0);
    timer_running = entry.timer;
    timer_runner = pthread_self();
    pthread_mutex_unlock(&timer_lock);
    if (entry.high && !((struct hrtimer *)entry.timer)->quarry_soft)
        quarry_raise_irq(timer_fire_high, entry.timer);
    else
        quarry_raise_softirq(entry.high ? timer_fire_high : timer_fire_low, entry.timer);
    pthread_mutex_lock(&timer_lock);
    timer_running = NULL;
    pthread_cond_broadcast(&timer_ended);
    return true;
}

static void timer_sleep(void)
{
    struct timespec until;
    if (timer_nr == 0) {
        pthread_cond_wait(&timer_moved, &timer_lock);
        return;
    }
    until.tv_sec = (time_t)(timer_heap[0].due_ns / NSEC_PER_SEC);
    until.tv_nsec = (long)(timer_heap[0].due_ns % NSEC_PER_SEC);
    pthread_cond_timedwait(&timer_moved, &timer_lock, &until);
}

static void *timer_main(void *arg)
{
    pthread_mutex_lock(&timer_lock);
    while (!timer_quit) {
        bool kicked = timer_kicked;
        timer_kicked = false;
        timer_busy = true;
        if (kicked) {
            pthread_mutex_unlock(&timer_lock);
            qlx_tasklets_run();
            qlx_rcu_run();
            pthread_mutex_lock(&timer_lock);
        }
        if (timer_run_one() || timer_kicked)
            continue;
        timer_busy = false;
        pthread_cond_broadcast(&timer_ended);
        if (!timer_quit)
            timer_sleep();
    }
    pthread_mutex_unlock(&timer_lock);
    return NULL;
}

/* With timer_lock held. */
static void timer_start_thread(void)
{
    if (timer_up)
        return;
    timer_quit = false;
    timer_up = qlx_thread_start(&timer_thread, "ksoftirqd", timer_main, NULL) == 0;
}

void qlx_softirq_kick(void)
{
    pthread_once(&timer_once, timer_init_once);
    pthread_mutex_lock(&timer_lock);
    if (!timer_closed) {
        timer_start_thread();
        timer_kicked = true;
        pthread_cond_signal(&timer_moved);
    }
    pthread_mutex_unlock(&timer_lock);
}

void qlx_timers_stop(void)
{
    bool up;
    pthread_once(&timer_once, timer_init_once);
    pthread_mutex_lock(&timer_lock);
    up = timer_up;
    timer_closed = timer_quit = true;
    pthread_cond_signal(&timer_moved);
    pthread_mutex_unlock(&timer_lock);
    if (up)
        pthread_join(timer_thread, NULL);
    pthread_mutex_lock(&timer_lock);
    timer_up = timer_kicked = false;
    timer_nr = 0; /* the timers' memory may be gone: it is not touched */
    pthread_mutex_unlock(&timer_lock);
}

void qlx_timers_open(void)
{
    pthread_mutex_lock(&timer_lock);
    timer_closed = false;
    pthread_mutex_unlock(&timer_lock);
}

/* Until nothing that is due by now is left to do. */
void qlx_timers_settle(void)
{
    u64 now = (u64)ktime_get();
    pthread_once(&timer_once, timer_init_once);
    pthread_mutex_lock(&timer_lock);
    while (timer_up && (timer_busy || timer_kicked || (timer_nr && timer_heap[0].due_ns <= now)))
        pthread_cond_wait(&timer_ended, &timer_lock);
    pthread_mutex_unlock(&timer_lock);
}

bool qlx_timers_left(qlx_left_visit visit, void *data)
{
    bool on = true;
    pthread_mutex_lock(&timer_lock);
    for (size_t i = 0; i < timer_nr && on; i++) {
        struct qlx_left left = {.kind = QLX_LEFT_TIMER, .object = timer_heap[i].timer};
        left.where.nr = 1;
        left.where.pc[0] = timer_heap[i].where;
        snprintf(left.name, sizeof(left.name), "%s at %px",
                 timer_heap[i].high ? "hrtimer" : "timer_list", timer_heap[i].timer);
        on = visit(&left, data);
    }
    pthread_mutex_unlock(&timer_lock);
    return on;
}

/* ---- the calls ----------------------------------------------------------------------------- */

static int timer_queue(struct timer_entry *entry, bool only_pending)
{
    int was;
    pthread_once(&timer_once, timer_init_once);
    pthread_mutex_lock(&timer_lock);
    was = heap_drop(entry->timer);
    if (!timer_closed && (was || !only_pending)) {
        timer_start_thread();
        heap_insert(entry);
        timer_mark(entry, 1);
        pthread_cond_signal(&timer_moved);
    }
    pthread_mutex_unlock(&timer_lock);
    return was;
}

/* 1: it was pending, 0: not; -1: it was not and its function runs, if @sync is not to wait for it. */
static int timer_take_back(struct timer_entry *entry, bool sync)
{
    int was = 0;
    pthread_mutex_lock(&timer_lock);
    for (;;) {
        /* Its function may have started it again while it was waited for: it was pending either time. */
        if (heap_drop(entry->timer)) {
            was = 1;
            timer_mark(entry, 0);
        }
        if (timer_running != entry->timer || pthread_equal(timer_runner, pthread_self()))
            break;
        if (!sync) {
            was = was ? 1 : -1;
            break;
        }
        pthread_cond_wait(&timer_ended, &timer_lock);
    }
    pthread_mutex_unlock(&timer_lock);
    return was;
}

QUARRY_API void quarry_timer_init(struct timer_list *timer, void (*function)(struct timer_list *),
                                  void (*old)(unsigned long), unsigned long data,
                                  unsigned int flags)
{
    unsigned long expires = timer->expires; /* init_timer keeps what was set before */
    memset(timer, 0, sizeof(*timer));
    timer->flags = flags;
    if (function) {
        timer->function = function;
    } else {
        timer->quarry_old = 1;
        timer->quarry_function_old = old;
        timer->data = data;
        timer->expires = expires;
    }
}

static int timer_set(struct timer_list *timer, unsigned long expires, bool only_pending,
                     const void *where)
{
    struct timer_entry entry = {.due_ns = timer_due(expires), .timer = timer, .where = where};
    if (!timer->function) {
        qlx_find("registration", NULL, NULL, "timer started before timer_setup()");
        return 0;
    }
    timer->expires = expires;
    return timer_queue(&entry, only_pending);
}

QUARRY_API void add_timer(struct timer_list *timer)
{
    if (timer_pending(timer))
        qlx_find("registration", NULL, NULL, "add_timer of a timer that is pending: use mod_timer");
    timer_set(timer, timer->expires, false, __builtin_return_address(0));
}

QUARRY_API int mod_timer(struct timer_list *timer, unsigned long expires)
{
    return timer_set(timer, expires, false, __builtin_return_address(0));
}

QUARRY_API int mod_timer_pending(struct timer_list *timer, unsigned long expires)
{
    return timer_set(timer, expires, true, __builtin_return_address(0));
}

QUARRY_API int del_timer(struct timer_list *timer)
{
    struct timer_entry entry = {.timer = timer};
    int was = timer_take_back(&entry, false);
    return was > 0;
}

QUARRY_API int try_to_del_timer_sync(struct timer_list *timer)
{
    struct timer_entry entry = {.timer = timer};
    return timer_take_back(&entry, false);
}

QUARRY_API int del_timer_sync(struct timer_list *timer)
{
    struct timer_entry entry = {.timer = timer};
    if (quarry_in_hardirq())
        qlx_find("context", NULL, NULL, "del_timer_sync in hard interrupt can hang");
    return timer_take_back(&entry, true);
}

QUARRY_API int timer_shutdown_sync(struct timer_list *timer)
{
    int was = del_timer_sync(timer);
    timer->function = NULL;
    return was;
}

QUARRY_API unsigned long round_jiffies(unsigned long j)
{
    return roundup(j, (unsigned long)HZ);
}

QUARRY_API unsigned long round_jiffies_relative(unsigned long j)
{
    unsigned long now = quarry_jiffies();
    return round_jiffies(now + j) - now;
}

/* ---- high-resolution timers ---------------------------------------------------------------- */

QUARRY_API void hrtimer_init(struct hrtimer *timer, int clock, enum hrtimer_mode mode)
{
    memset(timer, 0, sizeof(*timer));
    timer->quarry_soft = (mode & HRTIMER_MODE_SOFT) != 0;
    timer->quarry_real = clock == CLOCK_REALTIME;
}

QUARRY_API void hrtimer_setup(struct hrtimer *timer,
                              enum hrtimer_restart (*function)(struct hrtimer *), int clock,
                              enum hrtimer_mode mode)
{
    hrtimer_init(timer, clock, mode);
    timer->function = function;
}

QUARRY_API void hrtimer_start(struct hrtimer *timer, ktime_t when, enum hrtimer_mode mode)
{
    struct timer_entry entry = {.timer = timer, .high = true, .where = __builtin_return_address(0)};
    ktime_t base = timer->quarry_real ? ktime_get_real() : ktime_get();
    if (!timer->function) {
        qlx_find("registration", NULL, NULL, "hrtimer started before it has a function");
        return;
    }
    timer->quarry_expires = mode & HRTIMER_MODE_REL ? base + when : when;
    entry.due_ns = (u64)(ktime_get() + (timer->quarry_expires - base));
    timer_queue(&entry, false);
}

QUARRY_API int hrtimer_cancel(struct hrtimer *timer)
{
    struct timer_entry entry = {.timer = timer, .high = true};
    return timer_take_back(&entry, true);
}

QUARRY_API int hrtimer_try_to_cancel(struct hrtimer *timer)
{
    struct timer_entry entry = {.timer = timer, .high = true};
    return timer_take_back(&entry, false);
}

QUARRY_API int hrtimer_callback_running(const struct hrtimer *timer)
{
    int running;
    pthread_mutex_lock(&timer_lock);
    running = timer_running == timer;
    pthread_mutex_unlock(&timer_lock);
    return running;
}

QUARRY_API bool hrtimer_active(const struct hrtimer *timer)
{
    return hrtimer_is_queued(timer) || hrtimer_callback_running(timer);
}

QUARRY_API int schedule_hrtimeout(ktime_t *expires, enum hrtimer_mode mode)
{
    u64 until = expires ? (u64)*expires : 0;
    quarry_might_sleep("schedule_hrtimeout");
    if (expires && (mode & HRTIMER_MODE_REL))
        until += (u64)ktime_get();
    qlx_task_sleep(expires && !until ? 1 : until);
    return expires && (u64)ktime_get() >= until ? 0 : -EINTR;
}

QUARRY_API u64 hrtimer_forward(struct hrtimer *timer, ktime_t now, ktime_t interval)
{
    u64 steps;
    if (now < timer->quarry_expires || interval <= 0)
        return 0;
    steps = (u64)((now - timer->quarry_expires) / interval) + 1;
    timer->quarry_expires += (ktime_t)steps * interval;
    return steps;
}

QUARRY_API ktime_t hrtimer_get_remaining(const struct hrtimer *timer)
{
    return timer->quarry_expires - (timer->quarry_real ? ktime_get_real() : ktime_get());
}

/* ---- delays -------------------------------------------------------------------------------- */

QUARRY_API void ndelay(unsigned long ns)
{
    u64 until = (u64)ktime_get() + ns;
    while ((u64)ktime_get() < until)
        cpu_relax();
}

QUARRY_API void udelay(unsigned long us)
{
    ndelay(us * 1000);
}

QUARRY_API void mdelay(unsigned long ms)
{
    ndelay(ms * 1000000);
}

QUARRY_API void msleep(unsigned int ms)
{
    u64 until = (u64)ktime_get() + (u64)ms * NSEC_PER_MSEC;
    quarry_might_sleep("msleep");
    while ((u64)ktime_get() < until) {
        quarry_set_state(TASK_UNINTERRUPTIBLE);
        qlx_task_sleep(until);
    }
}

QUARRY_API unsigned long msleep_interruptible(unsigned int ms)
{
    u64 until = (u64)ktime_get() + (u64)ms * NSEC_PER_MSEC, now;
    quarry_might_sleep("msleep_interruptible");
    while ((now = (u64)ktime_get()) < until && !signal_pending(quarry_current())) {
        quarry_set_state(TASK_INTERRUPTIBLE);
        qlx_task_sleep(until);
    }
    return now >= until ? 0 : (unsigned long)((until - now) / NSEC_PER_MSEC) + 1;
}

QUARRY_API void usleep_range(unsigned long least, unsigned long most)
{
    u64 until = (u64)ktime_get() + (u64)least * NSEC_PER_USEC;
    quarry_might_sleep("usleep_range");
    while ((u64)ktime_get() < until) {
        quarry_set_state(TASK_UNINTERRUPTIBLE);
        qlx_task_sleep(until);
    }
}
