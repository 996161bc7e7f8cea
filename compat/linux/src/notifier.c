/* SPDX-License-Identifier: MIT */
/* notifier: chains of functions by priority. A chain is a list through the callers' blocks; the four kinds
 * differ in who keeps changes and rounds apart. A round reads each block's successor before its
 * function runs, so that a function of a raw chain may take itself off. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/notifier.h>
#include <linux/rcupdate.h>

static int notifier_insert(struct notifier_block **link, struct notifier_block *block)
{
    struct notifier_block **at = NULL;
    for (; *link; link = &(*link)->next) {
        if (*link == block) {
            qlx_find("registration", NULL, NULL,
                     "a notifier block is registered that is on the chain already");
            return -EEXIST;
        }
        if (!at && (*link)->priority < block->priority)
            at = link;
    }
    if (!at)
        at = link;
    block->next = *at;
    rcu_assign_pointer(*at, block);
    return 0;
}

static int notifier_remove(struct notifier_block **link, struct notifier_block *block)
{
    for (; *link; link = &(*link)->next) {
        if (*link == block) {
            rcu_assign_pointer(*link, block->next);
            return 0;
        }
    }
    return -ENOENT;
}

static int notifier_round(struct notifier_block **head, unsigned long action, void *data)
{
    struct notifier_block *block = rcu_dereference(*head), *next;
    int answer = NOTIFY_DONE;
    for (; block && !(answer & NOTIFY_STOP_MASK); block = next) {
        next = rcu_dereference(block->next);
        answer = block->notifier_call(block, action, data);
    }
    return answer;
}

QUARRY_API int raw_notifier_chain_register(struct raw_notifier_head *chain,
                                           struct notifier_block *block)
{
    return notifier_insert(&chain->head, block);
}

QUARRY_API int raw_notifier_chain_unregister(struct raw_notifier_head *chain,
                                             struct notifier_block *block)
{
    return notifier_remove(&chain->head, block);
}

QUARRY_API int raw_notifier_call_chain(struct raw_notifier_head *chain, unsigned long action,
                                       void *data)
{
    return notifier_round(&chain->head, action, data);
}

QUARRY_API int atomic_notifier_chain_register(struct atomic_notifier_head *chain,
                                              struct notifier_block *block)
{
    unsigned long flags;
    int error;
    spin_lock_irqsave(&chain->lock, flags);
    error = notifier_insert(&chain->head, block);
    spin_unlock_irqrestore(&chain->lock, flags);
    return error;
}

QUARRY_API int atomic_notifier_chain_unregister(struct atomic_notifier_head *chain,
                                                struct notifier_block *block)
{
    unsigned long flags;
    int error;
    spin_lock_irqsave(&chain->lock, flags);
    error = notifier_remove(&chain->head, block);
    spin_unlock_irqrestore(&chain->lock, flags);
    synchronize_rcu();
    return error;
}

QUARRY_API int atomic_notifier_call_chain(struct atomic_notifier_head *chain, unsigned long action,
                                          void *data)
{
    int answer;
    rcu_read_lock();
    answer = notifier_round(&chain->head, action, data);
    rcu_read_unlock();
    return answer;
}

QUARRY_API int blocking_notifier_chain_register(struct blocking_notifier_head *chain,
                                                struct notifier_block *block)
{
    int error;
    down_write(&chain->rwsem);
    error = notifier_insert(&chain->head, block);
    up_write(&chain->rwsem);
    return error;
}

QUARRY_API int blocking_notifier_chain_unregister(struct blocking_notifier_head *chain,
                                                  struct notifier_block *block)
{
    int error;
    down_write(&chain->rwsem);
    error = notifier_remove(&chain->head, block);
    up_write(&chain->rwsem);
    return error;
}

QUARRY_API int blocking_notifier_call_chain(struct blocking_notifier_head *chain,
                                            unsigned long action, void *data)
{
    int answer;
    down_read(&chain->rwsem);
    answer = notifier_round(&chain->head, action, data);
    up_read(&chain->rwsem);
    return answer;
}

QUARRY_API void srcu_init_notifier_head(struct srcu_notifier_head *chain)
{
    mutex_init(&chain->mutex);
    chain->head = NULL;
    if (init_srcu_struct(&chain->srcu))
        qlx_die("srcu_init_notifier_head without memory", __builtin_return_address(0));
}

QUARRY_API int srcu_notifier_chain_register(struct srcu_notifier_head *chain,
                                            struct notifier_block *block)
{
    int error;
    mutex_lock(&chain->mutex);
    error = notifier_insert(&chain->head, block);
    mutex_unlock(&chain->mutex);
    return error;
}

QUARRY_API int srcu_notifier_chain_unregister(struct srcu_notifier_head *chain,
                                              struct notifier_block *block)
{
    int error;
    mutex_lock(&chain->mutex);
    error = notifier_remove(&chain->head, block);
    mutex_unlock(&chain->mutex);
    synchronize_srcu(&chain->srcu);
    return error;
}

QUARRY_API int srcu_notifier_call_chain(struct srcu_notifier_head *chain, unsigned long action,
                                        void *data)
{
    int side = srcu_read_lock(&chain->srcu), answer;
    answer = notifier_round(&chain->head, action, data);
    srcu_read_unlock(&chain->srcu, side);
    return answer;
}
