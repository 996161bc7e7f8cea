/* SPDX-License-Identifier: MIT */
/* Read-copy-update: readers mark a section in which what they found stays valid; a writer waits for
 * the sections that began before its change. */
#ifndef QUARRY_LINUX_RCUPDATE_H
#define QUARRY_LINUX_RCUPDATE_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/types.h>
#include <quarry/rcu.h>

QUARRY_EXTERN_C_BEGIN
QUARRY_API void rcu_read_lock(void);
QUARRY_API void rcu_read_unlock(void);
/* Wait until every section that has begun is over. Context: may sleep. */
QUARRY_API void synchronize_rcu(void);
/* Call back after that, in soft-interrupt context. Context: any. */
QUARRY_API void call_rcu(struct rcu_head *head, rcu_callback_t function);
/* Wait until all callbacks asked for so far have run. Context: may sleep. */
QUARRY_API void rcu_barrier(void);
QUARRY_API int rcu_read_lock_held(void);
QUARRY_EXTERN_C_END

#define synchronize_net() synchronize_rcu()
#define synchronize_rcu_expedited() synchronize_rcu()
#define synchronize_sched() synchronize_rcu()
#define rcu_read_lock_bh() rcu_read_lock()
#define rcu_read_unlock_bh() rcu_read_unlock()
#define rcu_dereference(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_dereference_check(p, condition) rcu_dereference(p)
#define rcu_dereference_protected(p, condition) (p)
#define rcu_dereference_raw(p) rcu_dereference(p)
#define rcu_access_pointer(p) READ_ONCE(p)
#define rcu_assign_pointer(p, value) __atomic_store_n(&(p), (value), __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, value) ((p) = (value))
#define rcu_replace_pointer(p, value, condition)                                                   \
    __atomic_exchange_n(&(p), (value), __ATOMIC_ACQ_REL)
/* kfree_rcu() and its kin are in quarry/rcu.h. Objects given to them so far are free after: */
#define kvfree_rcu_barrier() ((void)quarry_rcu_barrier())

#endif
