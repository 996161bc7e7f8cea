/* SPDX-License-Identifier: MIT */
/* lock: spin locks, reader-writer spin locks, mutexes, semaphores, reader-writer semaphores.
 *
 * Spin locks are a word; holding one makes the context atomic (quarry/context.h), which is how the
 * allocator notices GFP_KERNEL under a lock. The owner and the place are kept, so that what would
 * hang a machine (taking a lock twice) ends in a report and an oops instead.
 *
 * Sleeping locks share one scheme: a guard word around a small state and a list of waiters in order of
 * arrival. Whoever lets go hands the lock to the first waiter: it sets `granted` and wakes the task,
 * which finds itself the owner. A waiter that gives up (signal, time) takes itself off the list
 * under the guard, where `granted` tells whether it was too late.
 *
 * Invariants. L1: a free lock has no waiters. L2: a waiter is on the list exactly while !granted. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/bug.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/smp_lock.h>
#include <linux/spinlock.h>
#include <sched.h>

/* ---- spin locks ---------------------------------------------------------------------------- */

#define SPIN_PATIENCE 64

static __noreturn void lock_deadlock(const char *kind, const void *where)
{
    char what[160];
    qlx_find("lock", where, "locked by",
             "%s taken again by the task that holds it: this would hang for ever", kind);
    snprintf(what, sizeof(what), "deadlock: %s taken twice by one task", kind);
    qlx_die(what, __builtin_return_address(0));
}

static void lock_check_word(const void *lock, u32 word, const char *kind)
{
    if (word > 1)
        qlx_find("lock", NULL, NULL,
                 "%s at %px holds %#x: it was never initialised, or its memory was freed", kind,
                 lock, word);
}

static void spin_wait(unsigned int *spins)
{
    if (++*spins % SPIN_PATIENCE == 0)
        sched_yield(); /* the holder is a thread and may be off the processor */
    else
        cpu_relax();
}

static bool spin_take(u32 *word)
{
    u32 free_word = 0;
    return __atomic_compare_exchange_n(word, &free_word, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static void spin_own(spinlock_t *lock, const void *where)
{
    __atomic_store_n(&lock->owner, quarry_current(), __ATOMIC_RELAXED);
    __atomic_store_n(&lock->where, where, __ATOMIC_RELAXED);
}

QUARRY_API void spin_lock(spinlock_t *lock)
{
    unsigned int spins = 0;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    while (!spin_take(&lock->word)) {
        if (spins == 0)
            lock_check_word(lock, __atomic_load_n(&lock->word, __ATOMIC_RELAXED), "spin lock");
        if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == quarry_current())
            lock_deadlock("spin lock", lock->where);
        spin_wait(&spins);
    }
    spin_own(lock, __builtin_return_address(0));
}

QUARRY_API int spin_trylock(spinlock_t *lock)
{
    if (!spin_take(&lock->word))
        return 0;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    spin_own(lock, __builtin_return_address(0));
    return 1;
}

QUARRY_API void spin_unlock(spinlock_t *lock)
{
    if (!spin_is_locked(lock)) {
        qlx_find("lock", lock->where, "last locked by", "spin lock released that is not held");
        return;
    }
    if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != quarry_current())
        qlx_find("lock", lock->where, "locked by",
                 "spin lock released by a task that does not hold it");
    __atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
}

QUARRY_API int quarry_spin_held(spinlock_t *lock)
{
    return spin_is_locked(lock) &&
           __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == quarry_current();
}

/* @readers changes by one, if nobody is in the way. */
static bool rwlock_try(rwlock_t *lock, bool write)
{
    bool got;
    qlx_word_lock(&lock->word);
    got = write ? lock->readers == 0 : lock->readers >= 0;
    if (got) {
        lock->readers = write ? -1 : lock->readers + 1;
        if (write)
            lock->writer = quarry_current();
    }
    qlx_word_unlock(&lock->word);
    return got;
}

static void rwlock_take(rwlock_t *lock, bool write, const void *where)
{
    unsigned int spins = 0;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    while (!rwlock_try(lock, write)) {
        if (__atomic_load_n(&lock->writer, __ATOMIC_RELAXED) == quarry_current())
            lock_deadlock("reader-writer spin lock", lock->where);
        spin_wait(&spins);
    }
    __atomic_store_n(&lock->where, where, __ATOMIC_RELAXED);
}

static void rwlock_release(rwlock_t *lock, bool write)
{
    bool held;
    qlx_word_lock(&lock->word);
    held = write ? lock->readers == -1 : lock->readers > 0;
    if (held) {
        lock->readers = write ? 0 : lock->readers - 1;
        if (write)
            __atomic_store_n(&lock->writer, NULL, __ATOMIC_RELAXED);
    }
    qlx_word_unlock(&lock->word);
    if (held)
        quarry_context_leave(QUARRY_CTX_SPINLOCK);
    else
        qlx_find("lock", lock->where, "last locked by",
                 "reader-writer spin lock released for %s that is not held so",
                 write ? "writing" : "reading");
}

QUARRY_API void read_lock(rwlock_t *lock)
{
    rwlock_take(lock, false, __builtin_return_address(0));
}

QUARRY_API void write_lock(rwlock_t *lock)
{
    rwlock_take(lock, true, __builtin_return_address(0));
}

static int rwlock_trylock(rwlock_t *lock, bool write)
{
    if (!rwlock_try(lock, write))
        return 0;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    return 1;
}

QUARRY_API int read_trylock(rwlock_t *lock)
{
    return rwlock_trylock(lock, false);
}

QUARRY_API int write_trylock(rwlock_t *lock)
{
    return rwlock_trylock(lock, true);
}

QUARRY_API void read_unlock(rwlock_t *lock)
{
    rwlock_release(lock, false);
}

QUARRY_API void write_unlock(rwlock_t *lock)
{
    rwlock_release(lock, true);
}

QUARRY_API void local_irq_disable(void)
{
    (void)quarry_irq_save();
}

QUARRY_API void local_irq_enable(void)
{
    quarry_irq_restore(0);
}

/* ---- waiting in order of arrival ----------------------------------------------------------- */

struct lock_waiter {
    struct list_head list;
    struct task_struct *task;
    bool granted;
    bool write; /* reader-writer semaphores */
};

/* Queue up and sleep until granted: 0, -EINTR, -ETIME. Called and returns with the guard held; after
 * an error the waiter is off the list. */
static int lock_wait(u32 *guard, struct list_head *list, struct lock_waiter *waiter, int state,
                     long limit)
{
    u64 deadline = qlx_deadline(limit);
    int error = 0;
    waiter->task = quarry_current();
    list_add_tail(&waiter->list, list);
    while (!waiter->granted) {
        if (signal_pending_state((unsigned int)state, waiter->task))
            error = -EINTR;
        else if (deadline && (u64)ktime_get() >= deadline)
            error = -ETIME;
        if (error) {
            list_del(&waiter->list);
            return error;
        }
        quarry_set_state((unsigned int)state);
        qlx_word_unlock(guard);
        qlx_task_sleep(deadline);
        qlx_word_lock(guard);
    }
    return 0;
}

/* The waiter may be gone as soon as it is woken and the guard is free. */
static void lock_grant(struct lock_waiter *waiter)
{
    list_del(&waiter->list);
    waiter->granted = true;
    wake_up_state(waiter->task, TASK_ALL);
}

static struct lock_waiter *lock_first(struct list_head *list)
{
    return list_first_entry_or_null(list, struct lock_waiter, list);
}

/* ---- mutexes ------------------------------------------------------------------------------- */

QUARRY_API void mutex_init(struct mutex *lock)
{
    *lock = (struct mutex){.owner = NULL};
    INIT_LIST_HEAD(&lock->waiters);
}

QUARRY_API void mutex_destroy(struct mutex *lock)
{
    if (mutex_is_locked(lock))
        qlx_find("lock", lock->where, "locked by", "mutex destroyed while it is held");
}

/* The task's own count, so that driver code that returns with a mutex held is told so. */
static void mutex_taken(struct task_struct *self, const void *where)
{
    __atomic_fetch_add(&self->quarry->mutexes, 1, __ATOMIC_RELAXED);
    self->quarry->mutex_where = where;
}

static int mutex_take(struct mutex *lock, int state, const char *what, const void *where)
{
    struct task_struct *self = quarry_current();
    struct lock_waiter waiter = {.granted = false};
    int error = 0;
    quarry_might_sleep(what);
    if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == self)
        lock_deadlock("mutex", lock->where);
    qlx_word_lock(&lock->guard);
    if (!lock->waiters.next) {
        qlx_word_unlock(&lock->guard);
        qlx_find("lock", NULL, NULL, "mutex at %px was never initialised: call mutex_init first",
                 lock);
        qlx_word_lock(&lock->guard);
        INIT_LIST_HEAD(&lock->waiters);
    }
    if (lock->owner)
        error = lock_wait(&lock->guard, &lock->waiters, &waiter, state, MAX_SCHEDULE_TIMEOUT);
    if (!error) {
        __atomic_store_n(&lock->owner, self, __ATOMIC_RELAXED);
        lock->where = where;
        mutex_taken(self, where);
    }
    qlx_word_unlock(&lock->guard);
    return error;
}

QUARRY_API void mutex_lock(struct mutex *lock)
{
    mutex_take(lock, TASK_UNINTERRUPTIBLE, "mutex_lock", __builtin_return_address(0));
}

QUARRY_API int mutex_lock_interruptible(struct mutex *lock)
{
    return mutex_take(lock, TASK_INTERRUPTIBLE, "mutex_lock_interruptible",
                      __builtin_return_address(0));
}

QUARRY_API int mutex_lock_killable(struct mutex *lock)
{
    return mutex_take(lock, TASK_KILLABLE, "mutex_lock_killable", __builtin_return_address(0));
}

QUARRY_API int mutex_trylock(struct mutex *lock)
{
    int got;
    qlx_word_lock(&lock->guard);
    got = lock->owner == NULL;
    if (got) {
        __atomic_store_n(&lock->owner, quarry_current(), __ATOMIC_RELAXED);
        lock->where = __builtin_return_address(0);
        mutex_taken(quarry_current(), lock->where);
    }
    qlx_word_unlock(&lock->guard);
    return got;
}

QUARRY_API void mutex_unlock(struct mutex *lock)
{
    struct lock_waiter *next;
    const void *where = lock->where;
    struct task_struct *owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);
    if (!owner) {
        qlx_find("lock", where, "last locked by", "mutex released that is not held");
        return;
    }
    if (owner != quarry_current())
        qlx_find("lock", where, "locked by", "mutex released by a task that does not hold it");
    __atomic_fetch_sub(&owner->quarry->mutexes, 1, __ATOMIC_RELAXED); /* tasks are never unmapped */
    qlx_word_lock(&lock->guard);
    next = lock->waiters.next ? lock_first(&lock->waiters) : NULL;
    /* Handed over while locked, so that nobody overtakes. */
    __atomic_store_n(&lock->owner, next ? next->task : NULL, __ATOMIC_RELAXED);
    if (next)
        lock_grant(next);
    qlx_word_unlock(&lock->guard);
}

static DEFINE_MUTEX(big_kernel_lock);

QUARRY_API void lock_kernel(void)
{
    mutex_lock(&big_kernel_lock);
}

QUARRY_API void unlock_kernel(void)
{
    mutex_unlock(&big_kernel_lock);
}

/* ---- semaphores ---------------------------------------------------------------------------- */

QUARRY_API void sema_init(struct semaphore *sem, int count)
{
    *sem = (struct semaphore){.count = (unsigned int)count};
    INIT_LIST_HEAD(&sem->wait_list);
}

static int sem_take(struct semaphore *sem, int state, long limit, const char *what)
{
    struct lock_waiter waiter = {.granted = false};
    int error = 0;
    quarry_might_sleep(what);
    qlx_word_lock(&sem->guard);
    if (sem->count > 0)
        sem->count--;
    else
        error = lock_wait(&sem->guard, &sem->wait_list, &waiter, state, limit);
    qlx_word_unlock(&sem->guard);
    return error;
}

QUARRY_API void down(struct semaphore *sem)
{
    sem_take(sem, TASK_UNINTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT, "down");
}

QUARRY_API int down_interruptible(struct semaphore *sem)
{
    return sem_take(sem, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT, "down_interruptible");
}

QUARRY_API int down_killable(struct semaphore *sem)
{
    return sem_take(sem, TASK_KILLABLE, MAX_SCHEDULE_TIMEOUT, "down_killable");
}

QUARRY_API int down_timeout(struct semaphore *sem, long limit)
{
    return sem_take(sem, TASK_UNINTERRUPTIBLE, limit, "down_timeout");
}

QUARRY_API int down_trylock(struct semaphore *sem)
{
    int busy;
    qlx_word_lock(&sem->guard);
    busy = sem->count == 0;
    if (!busy)
        sem->count--;
    qlx_word_unlock(&sem->guard);
    return busy;
}

QUARRY_API void up(struct semaphore *sem)
{
    struct lock_waiter *next;
    qlx_word_lock(&sem->guard);
    next = lock_first(&sem->wait_list);
    if (next)
        lock_grant(next);
    else
        sem->count++;
    qlx_word_unlock(&sem->guard);
}

/* ---- reader-writer semaphores -------------------------------------------------------------- */

QUARRY_API void init_rwsem(struct rw_semaphore *sem)
{
    *sem = (struct rw_semaphore){.active = 0};
    INIT_LIST_HEAD(&sem->wait_list);
}

static bool rwsem_admits(const struct rw_semaphore *sem, bool write)
{
    return write ? sem->active == 0 : sem->active >= 0;
}

static void rwsem_enter(struct rw_semaphore *sem, bool write, struct task_struct *task)
{
    sem->active = write ? -1 : sem->active + 1;
    sem->writer = write ? task : NULL;
}

/* Let in as many waiters as fit, from the front. */
static void rwsem_admit(struct rw_semaphore *sem)
{
    struct lock_waiter *next;
    while ((next = lock_first(&sem->wait_list)) && rwsem_admits(sem, next->write)) {
        rwsem_enter(sem, next->write, next->task);
        lock_grant(next);
    }
}

static int rwsem_take(struct rw_semaphore *sem, bool write, int state, const char *what)
{
    struct lock_waiter waiter = {.write = write};
    int error = 0;
    quarry_might_sleep(what);
    qlx_word_lock(&sem->guard);
    if (list_empty(&sem->wait_list) && rwsem_admits(sem, write)) {
        rwsem_enter(sem, write, quarry_current());
    } else if (sem->writer == quarry_current()) {
        qlx_word_unlock(&sem->guard);
        lock_deadlock("reader-writer semaphore", NULL);
    } else {
        error = lock_wait(&sem->guard, &sem->wait_list, &waiter, state, MAX_SCHEDULE_TIMEOUT);
        if (error)
            rwsem_admit(sem); /* readers may have waited behind this one */
    }
    qlx_word_unlock(&sem->guard);
    return error;
}

static int rwsem_try(struct rw_semaphore *sem, bool write)
{
    int got;
    qlx_word_lock(&sem->guard);
    got = list_empty(&sem->wait_list) && rwsem_admits(sem, write);
    if (got)
        rwsem_enter(sem, write, quarry_current());
    qlx_word_unlock(&sem->guard);
    return got;
}

static void rwsem_release(struct rw_semaphore *sem, bool write)
{
    bool held;
    qlx_word_lock(&sem->guard);
    held = write ? sem->active == -1 : sem->active > 0;
    if (held) {
        sem->active = write ? 0 : sem->active - 1;
        sem->writer = NULL;
        rwsem_admit(sem);
    }
    qlx_word_unlock(&sem->guard);
    if (!held)
        qlx_find("lock", NULL, NULL, "reader-writer semaphore released for %s that is not held so",
                 write ? "writing" : "reading");
}

QUARRY_API void down_read(struct rw_semaphore *sem)
{
    rwsem_take(sem, false, TASK_UNINTERRUPTIBLE, "down_read");
}

QUARRY_API int down_read_interruptible(struct rw_semaphore *sem)
{
    return rwsem_take(sem, false, TASK_INTERRUPTIBLE, "down_read_interruptible");
}

QUARRY_API int down_read_killable(struct rw_semaphore *sem)
{
    return rwsem_take(sem, false, TASK_KILLABLE, "down_read_killable");
}

QUARRY_API int down_read_trylock(struct rw_semaphore *sem)
{
    return rwsem_try(sem, false);
}

QUARRY_API void up_read(struct rw_semaphore *sem)
{
    rwsem_release(sem, false);
}

QUARRY_API void down_write(struct rw_semaphore *sem)
{
    rwsem_take(sem, true, TASK_UNINTERRUPTIBLE, "down_write");
}

QUARRY_API int down_write_killable(struct rw_semaphore *sem)
{
    return rwsem_take(sem, true, TASK_KILLABLE, "down_write_killable");
}

QUARRY_API int down_write_trylock(struct rw_semaphore *sem)
{
    return rwsem_try(sem, true);
}

QUARRY_API void up_write(struct rw_semaphore *sem)
{
    rwsem_release(sem, true);
}

QUARRY_API void downgrade_write(struct rw_semaphore *sem)
{
    qlx_word_lock(&sem->guard);
    sem->active = 1;
    sem->writer = NULL;
    rwsem_admit(sem);
    qlx_word_unlock(&sem->guard);
}
