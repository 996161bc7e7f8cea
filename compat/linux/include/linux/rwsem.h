/* SPDX-License-Identifier: MIT */
/* Sleeping reader-writer locks, fair: a waiting writer holds back later readers. */
#ifndef QUARRY_LINUX_RWSEM_H
#define QUARRY_LINUX_RWSEM_H

#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

struct rw_semaphore {
    u32 guard;  /* guards the rest */
    int active; /* readers inside; -1: a writer */
    struct task_struct *writer;
    struct list_head wait_list;
};
#define __RWSEM_INITIALIZER(name)                                                                  \
    {                                                                                              \
        .wait_list = LIST_HEAD_INIT((name).wait_list)                                              \
    }
#define DECLARE_RWSEM(name) struct rw_semaphore name = __RWSEM_INITIALIZER(name)

QUARRY_EXTERN_C_BEGIN

QUARRY_API void init_rwsem(struct rw_semaphore *sem);
/* Context: may sleep. killable and interruptible: -EINTR. */
QUARRY_API void down_read(struct rw_semaphore *sem);
QUARRY_API int __must_check down_read_interruptible(struct rw_semaphore *sem);
QUARRY_API int __must_check down_read_killable(struct rw_semaphore *sem);
QUARRY_API int down_read_trylock(struct rw_semaphore *sem); /* 1: taken */
QUARRY_API void up_read(struct rw_semaphore *sem);
QUARRY_API void down_write(struct rw_semaphore *sem);
QUARRY_API int __must_check down_write_killable(struct rw_semaphore *sem);
QUARRY_API int down_write_trylock(struct rw_semaphore *sem); /* 1: taken */
QUARRY_API void up_write(struct rw_semaphore *sem);
/* From writer to reader without letting another writer in. */
QUARRY_API void downgrade_write(struct rw_semaphore *sem);
static inline int rwsem_is_locked(struct rw_semaphore *sem)
{
    return __atomic_load_n(&sem->active, __ATOMIC_RELAXED) != 0;
}

QUARRY_EXTERN_C_END

#define down_read_nested(sem, subclass) down_read(sem)
#define down_write_nested(sem, subclass) down_write(sem)
DEFINE_GUARD(rwsem_read, struct rw_semaphore *, down_read(_T), up_read(_T))
DEFINE_GUARD(rwsem_write, struct rw_semaphore *, down_write(_T), up_write(_T))

#endif
