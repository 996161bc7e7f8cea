/* SPDX-License-Identifier: MIT */
/* What spin locks are made of: a word, and who holds it from where, for reports. Zero is unlocked. */
#ifndef QUARRY_LINUX_SPINLOCK_TYPES_H
#define QUARRY_LINUX_SPINLOCK_TYPES_H

#include <linux/types.h>

struct task_struct;

typedef struct spinlock {
    u32 word; /* 0 free, 1 held */
    struct task_struct *owner;
    const void *where;
} spinlock_t;
typedef spinlock_t raw_spinlock_t;

typedef struct {
    u32 word;    /* guards the rest */
    int readers; /* -1: a writer */
    struct task_struct *writer;
    const void *where;
} rwlock_t;

#define __SPIN_LOCK_UNLOCKED(name)                                                                 \
    {                                                                                              \
        .word = 0                                                                                  \
    }
#define __RAW_SPIN_LOCK_UNLOCKED(name) __SPIN_LOCK_UNLOCKED(name)
#define __RW_LOCK_UNLOCKED(name)                                                                   \
    {                                                                                              \
        .word = 0                                                                                  \
    }
#define SPIN_LOCK_UNLOCKED ((spinlock_t)__SPIN_LOCK_UNLOCKED())
#define RW_LOCK_UNLOCKED ((rwlock_t)__RW_LOCK_UNLOCKED())
#define DEFINE_SPINLOCK(name) spinlock_t name = __SPIN_LOCK_UNLOCKED(name)
#define DEFINE_RAW_SPINLOCK(name) raw_spinlock_t name = __SPIN_LOCK_UNLOCKED(name)
#define DEFINE_RWLOCK(name) rwlock_t name = __RW_LOCK_UNLOCKED(name)

#endif
