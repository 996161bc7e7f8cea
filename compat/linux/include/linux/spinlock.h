/* SPDX-License-Identifier: MIT */
/* Spin locks and reader-writer spin locks. While one is held the context is atomic. Taking one that
 * this task already holds, and letting go of one it does not hold, is reported with both sites. */
#ifndef QUARRY_LINUX_SPINLOCK_H
#define QUARRY_LINUX_SPINLOCK_H

#include <linux/bottom_half.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/spinlock_types.h>
#include <asm/processor.h>

QUARRY_EXTERN_C_BEGIN

/* Context: any. */
QUARRY_API void spin_lock(spinlock_t *lock);
QUARRY_API int spin_trylock(spinlock_t *lock);
QUARRY_API void spin_unlock(spinlock_t *lock);
QUARRY_API void read_lock(rwlock_t *lock);
QUARRY_API int read_trylock(rwlock_t *lock);
QUARRY_API void read_unlock(rwlock_t *lock);
QUARRY_API void write_lock(rwlock_t *lock);
QUARRY_API int write_trylock(rwlock_t *lock);
QUARRY_API void write_unlock(rwlock_t *lock);

static inline void spin_lock_init(spinlock_t *lock)
{
    *lock = (spinlock_t){0};
}
static inline void rwlock_init(rwlock_t *lock)
{
    *lock = (rwlock_t){0};
}
static inline int spin_is_locked(spinlock_t *lock)
{
    return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) != 0;
}
QUARRY_API int quarry_spin_held(spinlock_t *lock);

QUARRY_EXTERN_C_END

#define assert_spin_locked(lock) WARN_ON(!spin_is_locked(lock))
#define lockdep_assert_held(lock) ((void)(lock))
#define lockdep_assert_not_held(lock) ((void)(lock))
#define spin_lock_nested(lock, subclass) spin_lock(lock)
#define spin_lock_irqsave_nested(lock, flags, subclass) spin_lock_irqsave(lock, flags)

#define QUARRY_LOCK_FORMS(take, lock, flags, off)                                                  \
    do {                                                                                           \
        off;                                                                                       \
        take(lock);                                                                                \
    } while (0)
#define spin_lock_irq(lock) QUARRY_LOCK_FORMS(spin_lock, lock, , local_irq_disable())
#define spin_lock_bh(lock) QUARRY_LOCK_FORMS(spin_lock, lock, , local_bh_disable())
#define spin_lock_irqsave(lock, flags)                                                             \
    QUARRY_LOCK_FORMS(spin_lock, lock, flags, local_irq_save(flags))
#define read_lock_irq(lock) QUARRY_LOCK_FORMS(read_lock, lock, , local_irq_disable())
#define read_lock_bh(lock) QUARRY_LOCK_FORMS(read_lock, lock, , local_bh_disable())
#define read_lock_irqsave(lock, flags)                                                             \
    QUARRY_LOCK_FORMS(read_lock, lock, flags, local_irq_save(flags))
#define write_lock_irq(lock) QUARRY_LOCK_FORMS(write_lock, lock, , local_irq_disable())
#define write_lock_bh(lock) QUARRY_LOCK_FORMS(write_lock, lock, , local_bh_disable())
#define write_lock_irqsave(lock, flags)                                                            \
    QUARRY_LOCK_FORMS(write_lock, lock, flags, local_irq_save(flags))

#define QUARRY_UNLOCK_FORMS(release, lock, on)                                                     \
    do {                                                                                           \
        release(lock);                                                                             \
        on;                                                                                        \
    } while (0)
#define spin_unlock_irq(lock) QUARRY_UNLOCK_FORMS(spin_unlock, lock, local_irq_enable())
#define spin_unlock_bh(lock) QUARRY_UNLOCK_FORMS(spin_unlock, lock, local_bh_enable())
#define spin_unlock_irqrestore(lock, flags)                                                        \
    QUARRY_UNLOCK_FORMS(spin_unlock, lock, local_irq_restore(flags))
#define read_unlock_irq(lock) QUARRY_UNLOCK_FORMS(read_unlock, lock, local_irq_enable())
#define read_unlock_bh(lock) QUARRY_UNLOCK_FORMS(read_unlock, lock, local_bh_enable())
#define read_unlock_irqrestore(lock, flags)                                                        \
    QUARRY_UNLOCK_FORMS(read_unlock, lock, local_irq_restore(flags))
#define write_unlock_irq(lock) QUARRY_UNLOCK_FORMS(write_unlock, lock, local_irq_enable())
#define write_unlock_bh(lock) QUARRY_UNLOCK_FORMS(write_unlock, lock, local_bh_enable())
#define write_unlock_irqrestore(lock, flags)                                                       \
    QUARRY_UNLOCK_FORMS(write_unlock, lock, local_irq_restore(flags))

#define spin_trylock_irqsave(lock, flags)                                                          \
    ({                                                                                             \
        local_irq_save(flags);                                                                     \
        int __got = spin_trylock(lock);                                                            \
        if (!__got)                                                                                \
            local_irq_restore(flags);                                                              \
        __got;                                                                                     \
    })
#define spin_trylock_irq(lock)                                                                     \
    ({                                                                                             \
        local_irq_disable();                                                                       \
        int __got = spin_trylock(lock);                                                            \
        if (!__got)                                                                                \
            local_irq_enable();                                                                    \
        __got;                                                                                     \
    })
#define spin_trylock_bh(lock)                                                                      \
    ({                                                                                             \
        local_bh_disable();                                                                        \
        int __got = spin_trylock(lock);                                                            \
        if (!__got)                                                                                \
            local_bh_enable();                                                                     \
        __got;                                                                                     \
    })

#define raw_spin_lock_init spin_lock_init
#define raw_spin_lock spin_lock
#define raw_spin_trylock spin_trylock
#define raw_spin_unlock spin_unlock
#define raw_spin_lock_irq spin_lock_irq
#define raw_spin_unlock_irq spin_unlock_irq
#define raw_spin_lock_irqsave spin_lock_irqsave
#define raw_spin_unlock_irqrestore spin_unlock_irqrestore

#include <linux/cleanup.h>
DEFINE_GUARD(spinlock, spinlock_t *, spin_lock(_T), spin_unlock(_T))
DEFINE_GUARD(spinlock_irq, spinlock_t *, spin_lock_irq(_T), spin_unlock_irq(_T))
DEFINE_GUARD(spinlock_bh, spinlock_t *, spin_lock_bh(_T), spin_unlock_bh(_T))

/* Drop the last reference with the lock taken: 1 and locked, or 0. */
#define atomic_dec_and_lock(counter, lock)                                                         \
    ({                                                                                             \
        int __last = 0;                                                                            \
        if (!atomic_add_unless((counter), -1, 1)) {                                                \
            spin_lock(lock);                                                                       \
            __last = atomic_dec_and_test(counter);                                                 \
            if (!__last)                                                                           \
                spin_unlock(lock);                                                                 \
        }                                                                                          \
        __last;                                                                                    \
    })

#endif
