/* SPDX-License-Identifier: MIT */
/* Counting semaphores, served in order of arrival. */
#ifndef QUARRY_LINUX_SEMAPHORE_H
#define QUARRY_LINUX_SEMAPHORE_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/types.h>

struct semaphore {
    u32 guard; /* guards the rest */
    unsigned int count;
    struct list_head wait_list;
};
#define __SEMAPHORE_INITIALIZER(name, n)                                                           \
    {                                                                                              \
        .count = (n), .wait_list = LIST_HEAD_INIT((name).wait_list)                                \
    }
#define DEFINE_SEMAPHORE(...)                                                                      \
    QUARRY_SEMAPHORE_PICK(__VA_ARGS__, QUARRY_SEM_2, QUARRY_SEM_1, )(__VA_ARGS__)
#define QUARRY_SEMAPHORE_PICK(a1, a2, name, ...) name
#define QUARRY_SEM_1(name) struct semaphore name = __SEMAPHORE_INITIALIZER(name, 1)
#define QUARRY_SEM_2(name, n) struct semaphore name = __SEMAPHORE_INITIALIZER(name, n)
#define DECLARE_MUTEX(name) QUARRY_SEM_2(name, 1)
#define DECLARE_MUTEX_LOCKED(name) QUARRY_SEM_2(name, 0)

QUARRY_EXTERN_C_BEGIN

QUARRY_API void sema_init(struct semaphore *sem, int count);
#define init_MUTEX(sem) sema_init((sem), 1)
#define init_MUTEX_LOCKED(sem) sema_init((sem), 0)
/* Context: may sleep. interruptible: -EINTR on a signal; timeout (jiffies): -ETIME. */
QUARRY_API void down(struct semaphore *sem);
QUARRY_API int __must_check down_interruptible(struct semaphore *sem);
QUARRY_API int __must_check down_killable(struct semaphore *sem);
QUARRY_API int __must_check down_timeout(struct semaphore *sem, long limit);
/* Context: any. 0 when it was taken (the opposite of mutex_trylock). */
QUARRY_API int __must_check down_trylock(struct semaphore *sem);
QUARRY_API void up(struct semaphore *sem);

QUARRY_EXTERN_C_END

#endif
