/* SPDX-License-Identifier: MIT */
/* Sleeping locks with one owner, served in order of arrival. */
#ifndef QUARRY_LINUX_MUTEX_H
#define QUARRY_LINUX_MUTEX_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

struct mutex {
    struct task_struct *owner; /* NULL: free */
    u32 guard;                 /* guards the rest */
    struct list_head waiters;
    const void *where; /* it was locked */
};
#define __MUTEX_INITIALIZER(name)                                                                  \
    {                                                                                              \
        .waiters = LIST_HEAD_INIT((name).waiters)                                                  \
    }
#define DEFINE_MUTEX(name) struct mutex name = __MUTEX_INITIALIZER(name)

QUARRY_EXTERN_C_BEGIN

QUARRY_API void mutex_init(struct mutex *lock);
QUARRY_API void mutex_destroy(struct mutex *lock);
/* Context: may sleep. interruptible: -EINTR when a signal came first; killable: only a fatal one. */
QUARRY_API void mutex_lock(struct mutex *lock);
QUARRY_API int __must_check mutex_lock_interruptible(struct mutex *lock);
QUARRY_API int __must_check mutex_lock_killable(struct mutex *lock);
/* 1 when it was free and is now ours. */
QUARRY_API int mutex_trylock(struct mutex *lock);
QUARRY_API void mutex_unlock(struct mutex *lock);
static inline bool mutex_is_locked(struct mutex *lock)
{
    return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != NULL;
}

QUARRY_EXTERN_C_END

#define mutex_lock_nested(lock, subclass) mutex_lock(lock)
#define mutex_lock_interruptible_nested(lock, subclass) mutex_lock_interruptible(lock)
#define mutex_lock_io(lock) mutex_lock(lock)
#ifndef lockdep_assert_held
#define lockdep_assert_held(lock) ((void)(lock))
#endif

#include <linux/cleanup.h>
DEFINE_GUARD(mutex, struct mutex *, mutex_lock(_T), mutex_unlock(_T))

#endif
