/* SPDX-License-Identifier: MIT */
/* api/rcu: the public calls of quarry/rcu.h, over the default machine. See grace/grace.c for when readers
 * are done and vm/kvfree_rcu.c for what is freed then. */
#include "../instance.h"

int quarry_set_grace_period(const struct quarry_grace_period *how)
{
    return qr_grace_set(&qr_default()->grace, how);
}

void quarry_rcu_read_lock(void)
{
    qr_grace_enter(&qr_default()->grace);
}

void quarry_rcu_read_unlock(void)
{
    qr_grace_leave(&qr_default()->grace);
}

bool quarry_rcu_read_held(void)
{
    return qp_task()->readers != 0;
}

int quarry_rcu_wait(void)
{
    return qr_grace_wait(&qr_default()->grace, "quarry_rcu_wait");
}

int quarry_rcu_barrier(void)
{
    return qr_grace_barrier(&qr_default()->grace, "quarry_rcu_barrier");
}

unsigned long quarry_rcu_pending(void)
{
    return __atomic_load_n(&qr_default()->vm.later.nr, __ATOMIC_RELAXED);
}

void quarry_kvfree_rcu(const void *object, struct callback_head *head)
{
    qr_kvfree_rcu(&qr_default()->vm, object, head);
}

void quarry_kvfree_rcu_mightsleep(const void *object)
{
    qr_kvfree_rcu_mightsleep(&qr_default()->vm, object);
}
