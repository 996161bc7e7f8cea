/* SPDX-License-Identifier: MIT */
/* Chains of functions to be told of an event, highest priority first, in order of arrival among equals.
 *
 *     atomic     told under rcu_read_lock(): functions must not sleep; unregistering waits for callers
 *     blocking   told under a read semaphore: functions may sleep
 *     srcu       told under an SRCU section: functions may sleep, telling is cheap
 *     raw        the caller serializes
 *
 * Each function answers NOTIFY_DONE, NOTIFY_OK, or with NOTIFY_STOP_MASK to end the round; a round
 * returns the last answer. Registering a block that is on the chain already is reported, -EEXIST. */
#ifndef QUARRY_LINUX_NOTIFIER_H
#define QUARRY_LINUX_NOTIFIER_H

#include <linux/errno.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>

struct notifier_block;
typedef int (*notifier_fn_t)(struct notifier_block *block, unsigned long action, void *data);
struct notifier_block {
    notifier_fn_t notifier_call;
    struct notifier_block *next;
    int priority;
};
struct atomic_notifier_head {
    spinlock_t lock;
    struct notifier_block *head;
};
struct blocking_notifier_head {
    struct rw_semaphore rwsem;
    struct notifier_block *head;
};
struct raw_notifier_head {
    struct notifier_block *head;
};
struct srcu_notifier_head {
    struct mutex mutex;
    struct srcu_struct srcu;
    struct notifier_block *head;
};
#define ATOMIC_NOTIFIER_INIT(name)                                                                 \
    {                                                                                              \
        .lock = __SPIN_LOCK_UNLOCKED((name).lock), .head = NULL                                    \
    }
#define BLOCKING_NOTIFIER_INIT(name)                                                               \
    {                                                                                              \
        .rwsem = __RWSEM_INITIALIZER((name).rwsem), .head = NULL                                   \
    }
#define RAW_NOTIFIER_INIT(name)                                                                    \
    {                                                                                              \
        .head = NULL                                                                               \
    }
#define SRCU_NOTIFIER_INIT(name)                                                                   \
    {                                                                                              \
        .mutex = __MUTEX_INITIALIZER((name).mutex), .srcu = QUARRY_SRCU_INIT((name).srcu)          \
    }
#define ATOMIC_NOTIFIER_HEAD(name) struct atomic_notifier_head name = ATOMIC_NOTIFIER_INIT(name)
#define BLOCKING_NOTIFIER_HEAD(name)                                                               \
    struct blocking_notifier_head name = BLOCKING_NOTIFIER_INIT(name)
#define RAW_NOTIFIER_HEAD(name) struct raw_notifier_head name = RAW_NOTIFIER_INIT(name)
#define SRCU_NOTIFIER_HEAD(name) struct srcu_notifier_head name = SRCU_NOTIFIER_INIT(name)
#define SRCU_NOTIFIER_HEAD_STATIC(name) static SRCU_NOTIFIER_HEAD(name)
#define ATOMIC_INIT_NOTIFIER_HEAD(chain)                                                           \
    do {                                                                                           \
        spin_lock_init(&(chain)->lock);                                                            \
        (chain)->head = NULL;                                                                      \
    } while (0)
#define BLOCKING_INIT_NOTIFIER_HEAD(chain)                                                         \
    do {                                                                                           \
        init_rwsem(&(chain)->rwsem);                                                               \
        (chain)->head = NULL;                                                                      \
    } while (0)
#define RAW_INIT_NOTIFIER_HEAD(chain) ((void)((chain)->head = NULL))
#define srcu_cleanup_notifier_head(chain) cleanup_srcu_struct(&(chain)->srcu)

#define NOTIFY_DONE 0x0000
#define NOTIFY_OK 0x0001
#define NOTIFY_STOP_MASK 0x8000
#define NOTIFY_BAD (NOTIFY_STOP_MASK | 0x0002)
#define NOTIFY_STOP (NOTIFY_OK | NOTIFY_STOP_MASK)
/* A negative errno as an answer that ends the round, and back. */
static inline int notifier_from_errno(int error)
{
    return error ? NOTIFY_STOP_MASK | (NOTIFY_OK - error) : NOTIFY_OK;
}
static inline int notifier_to_errno(int answer)
{
    answer &= ~NOTIFY_STOP_MASK;
    return answer > NOTIFY_OK ? NOTIFY_OK - answer : 0;
}

QUARRY_EXTERN_C_BEGIN
/* Register: 0, -EEXIST (another function: also -EBUSY of _unique_prio). Unregister: 0, -ENOENT. */
QUARRY_API int atomic_notifier_chain_register(struct atomic_notifier_head *chain,
                                              struct notifier_block *block);
QUARRY_API int atomic_notifier_chain_unregister(struct atomic_notifier_head *chain,
                                                struct notifier_block *block);
QUARRY_API int atomic_notifier_call_chain(struct atomic_notifier_head *chain, unsigned long action,
                                          void *data);
QUARRY_API int blocking_notifier_chain_register(struct blocking_notifier_head *chain,
                                                struct notifier_block *block);
QUARRY_API int blocking_notifier_chain_unregister(struct blocking_notifier_head *chain,
                                                  struct notifier_block *block);
QUARRY_API int blocking_notifier_call_chain(struct blocking_notifier_head *chain,
                                            unsigned long action, void *data);
QUARRY_API int raw_notifier_chain_register(struct raw_notifier_head *chain,
                                           struct notifier_block *block);
QUARRY_API int raw_notifier_chain_unregister(struct raw_notifier_head *chain,
                                             struct notifier_block *block);
QUARRY_API int raw_notifier_call_chain(struct raw_notifier_head *chain, unsigned long action,
                                       void *data);
QUARRY_API void srcu_init_notifier_head(struct srcu_notifier_head *chain);
QUARRY_API int srcu_notifier_chain_register(struct srcu_notifier_head *chain,
                                            struct notifier_block *block);
QUARRY_API int srcu_notifier_chain_unregister(struct srcu_notifier_head *chain,
                                              struct notifier_block *block);
QUARRY_API int srcu_notifier_call_chain(struct srcu_notifier_head *chain, unsigned long action,
                                        void *data);
QUARRY_EXTERN_C_END

#endif
