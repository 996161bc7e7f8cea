/* SPDX-License-Identifier: MIT */
/* task: who runs driver code, sleeping and waking, signals, kernel threads.
 *
 * Problem. Drivers sleep and are woken by changing a task's state and giving the processor away;
 * signals end some of these sleeps. A thread of a process offers condition variables.
 *
 * Idea. A task has the kernel's state word and a condition variable of its own. Sleeping means: while
 * the state is not TASK_RUNNING and no signal counts, wait. Waking means: set TASK_RUNNING and
 * signal, under the task's lock. Since the sleeper sets its state before it looks at its condition,
 * and the waker changes the condition before it looks at the state, no wake-up is lost.
 *
 * Invariants. T1: only the task itself makes its state other than TASK_RUNNING. T2: tasks come from a
 * free list and are never unmapped, so waking a task that has just ended is harmless.
 *
 * Locks. task state's lock innermost of all; task_pool_lock alone. What may sleep: schedule() and its
 * kin, kthread_stop(). */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/capability.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uidgid.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t task_pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct qlx_task_state *task_pool;
static __thread struct task_struct *task_self;
static pthread_key_t task_key; /* frees the kernel task of a thread that ends */
static pthread_once_t task_once = PTHREAD_ONCE_INIT;

QUARRY_API struct user_namespace init_user_ns;

void qlx_word_lock(u32 *word)
{
    unsigned int spins = 0;
    while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE)) {
        if (++spins % 64 == 0)
            sched_yield(); /* the holder may be off the processor */
        else
            cpu_relax();
    }
}

void qlx_word_unlock(u32 *word)
{
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static struct qlx_task_state *task_state_new(void)
{
    struct qlx_task_state *state;
    pthread_condattr_t monotonic;
    pthread_mutex_lock(&task_pool_lock);
    state = task_pool;
    if (state)
        task_pool = state->next_free;
    pthread_mutex_unlock(&task_pool_lock);
    if (state)
        return state;
    state = calloc(1, sizeof(*state));
    if (!state)
        abort();
    pthread_mutex_init(&state->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&state->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return state;
}

static void task_identity(struct task_struct *task, const struct qlx_client *client)
{
    struct cred *cred = &task->quarry_cred;
    task->uid = task->euid = client ? client->uid : 0;
    task->gid = task->egid = client ? client->gid : 0;
    cred->uid = cred->suid = cred->euid = cred->fsuid = KUIDT_INIT(task->uid);
    cred->gid = cred->sgid = cred->egid = cred->fsgid = KGIDT_INIT(task->gid);
    task->cred = task->real_cred = cred;
    if (client) {
        task->pid = client->pid;
        task->tgid = client->tgid ? client->tgid : client->pid;
        task->mm = &task->quarry_mm;
    } else {
        task->pid = task->tgid = (pid_t)syscall(SYS_gettid);
        task->flags = PF_KTHREAD;
    }
    snprintf(task->comm, sizeof(task->comm), "%s",
             client && client->comm ? client->comm
             : client               ? "client"
                                    : "kthread");
}

struct task_struct *qlx_task_new(const struct qlx_client *client)
{
    struct qlx_task_state *state = task_state_new();
    struct task_struct *task = &state->task;
    pthread_mutex_lock(&state->lock);
    memset(task, 0, sizeof(*task));
    state->signalled = state->fatal = state->kernel_segment = state->entered = false;
    state->client_pid = client ? (client->tgid ? client->tgid : client->pid) : 0;
    state->nr_ranges = 0;
    state->mutexes = 0;
    state->guard = NULL;
    state->outer = NULL;
    state->kthread = NULL;
    task->quarry = state;
    init_rwsem(&task->quarry_mm.mmap_lock);
    task_identity(task, client);
    task->parent = task->real_parent = task->group_leader = task;
    pthread_mutex_unlock(&state->lock);
    return task;
}

void qlx_task_free(struct task_struct *task)
{
    struct qlx_task_state *state = task->quarry;
    pthread_mutex_lock(&task_pool_lock);
    state->next_free = task_pool;
    task_pool = state;
    pthread_mutex_unlock(&task_pool_lock);
}

static void task_thread_ends(void *task)
{
    task_self = NULL;
    qlx_task_free(task);
}

static void task_make_key(void)
{
    pthread_key_create(&task_key, task_thread_ends);
}

struct task_struct *qlx_task_set(struct task_struct *task)
{
    struct task_struct *before = task_self;
    task_self = task;
    return before;
}

QUARRY_API struct task_struct *quarry_current(void)
{
    if (likely(task_self))
        return task_self;
    pthread_once(&task_once, task_make_key);
    task_self = qlx_task_new(NULL);
    pthread_setspecific(task_key, task_self);
    return task_self;
}

/* ---- clients ------------------------------------------------------------------------------- */

struct qlx_task *qlx_client_enter(const struct qlx_client *client)
{
    struct task_struct *task = qlx_task_new(client);
    task->quarry->entered = true;
    task->quarry->outer = qlx_task_set(task);
    return (struct qlx_task *)task;
}

void qlx_client_leave(void)
{
    struct task_struct *task = task_self;
    if (!task || !task->quarry->entered)
        return; /* this thread's own task: nobody entered */
    qlx_task_set(task->quarry->outer);
    qlx_task_free(task);
}

static void task_signal(struct task_struct *task, bool fatal)
{
    struct qlx_task_state *state = task->quarry;
    pthread_mutex_lock(&state->lock);
    state->signalled = true;
    state->fatal = state->fatal || fatal;
    pthread_cond_broadcast(&state->wake);
    pthread_mutex_unlock(&state->lock);
}

void qlx_interrupt(struct qlx_task *task, int signal)
{
    task_signal((struct task_struct *)task, signal == 9);
}

QUARRY_API int signal_pending(struct task_struct *task)
{
    return __atomic_load_n(&task->quarry->signalled, __ATOMIC_RELAXED);
}

QUARRY_API int fatal_signal_pending(struct task_struct *task)
{
    return __atomic_load_n(&task->quarry->fatal, __ATOMIC_RELAXED);
}

QUARRY_API int send_sig(int signal, struct task_struct *task, int priv)
{
    task_signal(task, signal == 9);
    return 0;
}

QUARRY_API void flush_signals(struct task_struct *task)
{
    pthread_mutex_lock(&task->quarry->lock);
    task->quarry->signalled = false;
    pthread_mutex_unlock(&task->quarry->lock);
}

QUARRY_API bool capable(int cap)
{
    return __kuid_val(quarry_current()->cred->euid) == 0;
}

/* ---- sleeping and waking ------------------------------------------------------------------- */

QUARRY_API void quarry_set_state(unsigned int value)
{
    __atomic_store_n(&quarry_current()->__state, value, __ATOMIC_SEQ_CST);
    mb(); /* before the sleeper looks at what it waits for */
}

QUARRY_API int wake_up_state(struct task_struct *task, unsigned int mode)
{
    struct qlx_task_state *state = task->quarry;
    int woke = 0;
    pthread_mutex_lock(&state->lock);
    if (__atomic_load_n(&task->__state, __ATOMIC_SEQ_CST) & mode) {
        __atomic_store_n(&task->__state, TASK_RUNNING, __ATOMIC_SEQ_CST);
        pthread_cond_broadcast(&state->wake);
        woke = 1;
    }
    pthread_mutex_unlock(&state->lock);
    return woke;
}

QUARRY_API int wake_up_process(struct task_struct *task)
{
    return wake_up_state(task, TASK_NORMAL);
}

u64 qlx_deadline(long timeout)
{
    u64 ns;
    if (timeout < 0)
        timeout = 0;
    if (timeout == MAX_SCHEDULE_TIMEOUT || __builtin_mul_overflow((u64)timeout, NS_PER_JIFFY, &ns))
        return 0;
    return (u64)ktime_get() + ns + 1;
}

static bool task_must_sleep(struct task_struct *task)
{
    unsigned int state = __atomic_load_n(&task->__state, __ATOMIC_SEQ_CST);
    return state != TASK_RUNNING && !signal_pending_state(state, task);
}

void qlx_task_sleep(u64 deadline_ns)
{
    struct task_struct *task = quarry_current();
    struct qlx_task_state *state = task->quarry;
    struct timespec until = {(time_t)(deadline_ns / NSEC_PER_SEC),
                             (long)(deadline_ns % NSEC_PER_SEC)};
    qlx_print_flush();
    pthread_mutex_lock(&state->lock);
    while (task_must_sleep(task)) {
        if (!deadline_ns)
            pthread_cond_wait(&state->wake, &state->lock);
        else if (pthread_cond_timedwait(&state->wake, &state->lock, &until) == ETIMEDOUT)
            break;
    }
    __atomic_store_n(&task->__state, TASK_RUNNING, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&state->lock);
}

QUARRY_API void schedule(void)
{
    quarry_might_sleep("schedule");
    if (task_must_sleep(quarry_current()))
        qlx_task_sleep(0);
    else
        yield();
}

QUARRY_API long schedule_timeout(long timeout)
{
    u64 deadline = qlx_deadline(timeout), now;
    quarry_might_sleep("schedule_timeout");
    qlx_task_sleep(deadline);
    if (!deadline)
        return timeout;
    now = (u64)ktime_get();
    return now >= deadline ? 0 : (long)DIV_ROUND_UP(deadline - now, NS_PER_JIFFY);
}

QUARRY_API long schedule_timeout_interruptible(long timeout)
{
    quarry_set_state(TASK_INTERRUPTIBLE);
    return schedule_timeout(timeout);
}

QUARRY_API long schedule_timeout_killable(long timeout)
{
    quarry_set_state(TASK_KILLABLE);
    return schedule_timeout(timeout);
}

QUARRY_API long schedule_timeout_uninterruptible(long timeout)
{
    quarry_set_state(TASK_UNINTERRUPTIBLE);
    return schedule_timeout(timeout);
}

QUARRY_API void io_schedule(void)
{
    schedule();
}

QUARRY_API long io_schedule_timeout(long timeout)
{
    return schedule_timeout(timeout);
}

QUARRY_API void yield(void)
{
    __atomic_store_n(&quarry_current()->__state, TASK_RUNNING, __ATOMIC_SEQ_CST);
    sched_yield();
}

QUARRY_API int cond_resched(void)
{
    quarry_might_sleep("cond_resched");
    return 0;
}

QUARRY_API int quarry_processor_id(void)
{
    return (int)quarry_cpu();
}

/* ---- threads ------------------------------------------------------------------------------- */

struct qlx_thread {
    char name[16];
    void *(*run)(void *);
    void *arg;
};

static void *task_thread(void *start)
{
    struct qlx_thread thread = *(struct qlx_thread *)start;
    free(start);
    pthread_setname_np(pthread_self(), thread.name);
    memcpy(quarry_current()->comm, thread.name, sizeof(thread.name));
    return thread.run(thread.arg);
}

int qlx_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
    struct qlx_thread *start = calloc(1, sizeof(*start));
    if (!start)
        return -EAGAIN;
    snprintf(start->name, sizeof(start->name), "%s", name);
    start->run = run;
    start->arg = arg;
    if (pthread_create(thread, NULL, task_thread, start) == 0)
        return 0;
    free(start);
    return -EAGAIN;
}

/* A kernel thread. It lives until both sides are done with it: its function has returned, and
 * kthread_stop() (or the end of the runtime) has collected it. */
struct qlx_kthread {
    struct list_head list;
    struct task_struct *task;
    pthread_t thread;
    int (*function)(void *);
    void *data;
    void *memory; /* Quarry's, for what a kernel would allocate; freed when the function is over */
    bool go, stop, done, exits;
    bool park;   /* kthread_park() wants it to stand still */
    bool parked; /* it does */
    int result;
    struct completion started, ended, standing;
};

static pthread_mutex_t kthread_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(kthread_list);

static void *kthread_main(void *arg)
{
    struct qlx_kthread *kthread = arg;
    struct task_struct *self = quarry_current();
    int result = -EINTR;
    self->quarry->kthread = kthread;
    kthread->task = self;
    quarry_set_state(TASK_UNINTERRUPTIBLE);
    complete(&kthread->started);
    while (!__atomic_load_n(&kthread->go, __ATOMIC_ACQUIRE) &&
           !__atomic_load_n(&kthread->stop, __ATOMIC_ACQUIRE)) {
        qlx_task_sleep(0);
        /* The first wake-up of any kind starts it. */
        __atomic_store_n(&kthread->go, true, __ATOMIC_RELEASE);
    }
    quarry_set_state(TASK_RUNNING);
    kthread_parkme();
    if (!__atomic_load_n(&kthread->stop, __ATOMIC_ACQUIRE))
        QLX_CALL_DRIVER(result, kthread->function(kthread->data), -EFAULT);
    if (!kthread->exits)
        kthread->result = result;
    kfree(kthread->memory);
    qlx_left_remove(QLX_LEFT_KTHREAD, self); /* one that ends by itself is not left behind */
    complete(&kthread->standing);            /* whoever wants to park it need not wait */
    __atomic_store_n(&kthread->done, true, __ATOMIC_RELEASE);
    complete_all(&kthread->ended);
    return NULL;
}

QUARRY_API void complete_and_exit(struct completion *x, long code)
{
    struct qlx_kthread *kthread = quarry_current()->quarry->kthread;
    if (kthread) {
        kthread->exits = true;
        kthread->result = (int)code;
        kfree(kthread->memory); /* whoever waits for @x may be the module's exit */
        kthread->memory = NULL;
        qlx_left_remove(QLX_LEFT_KTHREAD, kthread->task);
    }
    if (x)
        complete(x);
    qlx_guard_escape();
}

QUARRY_API struct task_struct *quarry_kthread_create(int (*function)(void *), void *data, bool run,
                                                     const char *format, ...)
{
    struct qlx_kthread *kthread = calloc(1, sizeof(*kthread));
    char name[TASK_COMM_LEN];
    va_list args;
    if (!kthread)
        return ERR_PTR(-ENOMEM);
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    kthread->function = function;
    kthread->data = data;
    kthread->memory = kmalloc(sizeof(struct task_struct), GFP_KERNEL);
    if (!kthread->memory) {
        free(kthread);
        return ERR_PTR(-ENOMEM);
    }
    init_completion(&kthread->started);
    init_completion(&kthread->ended);
    init_completion(&kthread->standing);
    if (qlx_thread_start(&kthread->thread, name, kthread_main, kthread)) {
        kfree(kthread->memory);
        free(kthread);
        return ERR_PTR(-ENOMEM);
    }
    wait_for_completion(&kthread->started);
    pthread_mutex_lock(&kthread_lock);
    list_add_tail(&kthread->list, &kthread_list);
    pthread_mutex_unlock(&kthread_lock);
    qlx_left_add(QLX_LEFT_KTHREAD, kthread->task, name);
    if (run)
        wake_up_process(kthread->task);
    return kthread->task;
}

static struct qlx_kthread *kthread_find(struct task_struct *task)
{
    struct qlx_kthread *kthread, *found = NULL;
    pthread_mutex_lock(&kthread_lock);
    list_for_each_entry (kthread, &kthread_list, list) {
        if (kthread->task == task)
            found = kthread;
    }
    if (found)
        list_del(&found->list);
    pthread_mutex_unlock(&kthread_lock);
    return found;
}

QUARRY_API bool kthread_should_stop(void)
{
    struct qlx_kthread *kthread = quarry_current()->quarry->kthread;
    return kthread && __atomic_load_n(&kthread->stop, __ATOMIC_ACQUIRE);
}

/* ---- parking --------------------------------------------------------------------------------- */

QUARRY_API bool kthread_should_park(void)
{
    struct qlx_kthread *kthread = quarry_current()->quarry->kthread;
    return kthread && __atomic_load_n(&kthread->park, __ATOMIC_ACQUIRE);
}

QUARRY_API void kthread_parkme(void)
{
    struct task_struct *self = quarry_current();
    struct qlx_kthread *kthread = self->quarry->kthread;
    if (!kthread)
        return;
    while (__atomic_load_n(&kthread->park, __ATOMIC_ACQUIRE)) {
        quarry_set_state(TASK_PARKED);
        if (!__atomic_exchange_n(&kthread->parked, true, __ATOMIC_ACQ_REL))
            complete(&kthread->standing);
        if (__atomic_load_n(&kthread->park, __ATOMIC_ACQUIRE))
            qlx_task_sleep(0);
    }
    quarry_set_state(TASK_RUNNING);
    __atomic_store_n(&kthread->parked, false, __ATOMIC_RELEASE);
}

static struct qlx_kthread *kthread_of(struct task_struct *task)
{
    struct qlx_kthread *kthread = task->quarry->kthread;
    if (!kthread)
        qlx_find("registration", NULL, NULL, "this task is not a kernel thread");
    return kthread;
}

/* A thread that has not begun is sent on its way: it looks whether to park before anything else. */
QUARRY_API int kthread_park(struct task_struct *task)
{
    struct qlx_kthread *kthread = kthread_of(task);
    quarry_might_sleep("kthread_park");
    if (!kthread || __atomic_load_n(&kthread->done, __ATOMIC_ACQUIRE))
        return -ENOSYS;
    if (__atomic_load_n(&kthread->park, __ATOMIC_ACQUIRE))
        return -EBUSY;
    reinit_completion(&kthread->standing);
    __atomic_store_n(&kthread->park, true, __ATOMIC_RELEASE);
    if (task == quarry_current())
        return 0;
    wake_up_process(task);
    wait_for_completion(&kthread->standing);
    return __atomic_load_n(&kthread->parked, __ATOMIC_ACQUIRE) ? 0 : -ENOSYS;
}

QUARRY_API void kthread_unpark(struct task_struct *task)
{
    struct qlx_kthread *kthread = kthread_of(task);
    if (!kthread || !__atomic_exchange_n(&kthread->park, false, __ATOMIC_ACQ_REL))
        return;
    wake_up_state(task, TASK_PARKED);
}

QUARRY_API void *kthread_data(struct task_struct *task)
{
    struct qlx_kthread *kthread = kthread_of(task);
    return kthread ? kthread->data : NULL;
}

QUARRY_API void *kthread_func(struct task_struct *task)
{
    struct qlx_kthread *kthread = task->quarry->kthread;
    return kthread ? (void *)kthread->function : NULL;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void kthread_ask(struct qlx_kthread *kthread)
{
    __atomic_store_n(&kthread->stop, true, __ATOMIC_RELEASE);
    if (__atomic_exchange_n(&kthread->park, false, __ATOMIC_ACQ_REL) &&
        !__atomic_load_n(&kthread->done, __ATOMIC_ACQUIRE))
        wake_up_state(kthread->task, TASK_PARKED);
    if (!__atomic_load_n(&kthread->done, __ATOMIC_ACQUIRE))
        wake_up_state(kthread->task, TASK_ALL);
}

static int kthread_collect(struct qlx_kthread *kthread)
{
    int result;
    wait_for_completion(&kthread->ended);
    pthread_join(kthread->thread, NULL);
    result = kthread->result;
    free(kthread);
    return result;
}

QUARRY_API int kthread_stop(struct task_struct *task)
{
    struct qlx_kthread *kthread = kthread_find(task);
    quarry_might_sleep("kthread_stop");
    if (!kthread) {
        qlx_find("registration", NULL, NULL,
                 "kthread_stop of a thread that is not running or was stopped before");
        return -EINTR;
    }
    qlx_left_remove(QLX_LEFT_KTHREAD, task);
    kthread_ask(kthread);
    return kthread_collect(kthread);
}

/* End the threads that a module left behind: with a signal too, since nobody wakes their queues any
 * more. One that does not react in two seconds is let go, for its code may be stuck for ever. Returns
 * whether all have ended. */
bool qlx_kthreads_stop(void)
{
    bool all = true;
    for (;;) {
        struct qlx_kthread *kthread;
        pthread_mutex_lock(&kthread_lock);
        kthread = list_first_entry_or_null(&kthread_list, struct qlx_kthread, list);
        if (kthread)
            list_del(&kthread->list);
        pthread_mutex_unlock(&kthread_lock);
        if (!kthread)
            return all;
        task_signal(kthread->task, true);
        kthread_ask(kthread);
        if (wait_for_completion_timeout(&kthread->ended, 2 * HZ)) {
            kthread_collect(kthread);
        } else {
            pthread_detach(kthread->thread);
            all = false;
        }
    }
}
