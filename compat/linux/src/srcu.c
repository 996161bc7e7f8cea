/* SPDX-License-Identifier: MIT */
/* srcu: read-copy-update with domains and readers that may sleep. Two counters a domain, as in rcu.c; a
 * writer switches the side and waits for the old one, twice. What init_srcu_struct() has to allocate in a
 * kernel comes from Quarry, so a domain that is not cleaned up is a leak. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/slab.h>
#include <linux/srcu.h>
#include <sched.h>
#include <time.h>

struct quarry_srcu_counts {
    unsigned long readers[2];
};

#define SRCU_HELD 8
static __thread struct srcu_struct *srcu_held[SRCU_HELD]; /* domains this thread reads in */
static __thread unsigned int srcu_nr_held;

static unsigned long *srcu_readers(struct srcu_struct *srcu)
{
    return srcu->counts ? srcu->counts->readers : srcu->fixed;
}

QUARRY_API int init_srcu_struct(struct srcu_struct *srcu)
{
    *srcu = (struct srcu_struct){.side = 0};
    mutex_init(&srcu->writer);
    srcu->counts = kzalloc(sizeof(*srcu->counts), GFP_KERNEL);
    return srcu->counts ? 0 : -ENOMEM;
}

QUARRY_API void cleanup_srcu_struct(struct srcu_struct *srcu)
{
    unsigned long *readers = srcu_readers(srcu);
    if (__atomic_load_n(&readers[0], __ATOMIC_SEQ_CST) ||
        __atomic_load_n(&readers[1], __ATOMIC_SEQ_CST))
        qlx_find("lock", NULL, NULL, "cleanup_srcu_struct while somebody reads in it");
    kfree(srcu->counts);
    srcu->counts = NULL;
}

QUARRY_API int srcu_read_lock(struct srcu_struct *srcu)
{
    unsigned int side = __atomic_load_n(&srcu->side, __ATOMIC_SEQ_CST) & 1;
    __atomic_fetch_add(&srcu_readers(srcu)[side], 1, __ATOMIC_SEQ_CST);
    if (srcu_nr_held < SRCU_HELD)
        srcu_held[srcu_nr_held++] = srcu;
    return (int)side;
}

QUARRY_API void srcu_read_unlock(struct srcu_struct *srcu, int side)
{
    if (__atomic_load_n(&srcu_readers(srcu)[side & 1], __ATOMIC_SEQ_CST) == 0) {
        qlx_find("lock", NULL, NULL,
                 "srcu_read_unlock without srcu_read_lock, or of another number");
        return;
    }
    for (unsigned int i = srcu_nr_held; i-- > 0;) {
        if (srcu_held[i] == srcu) {
            srcu_held[i] = srcu_held[--srcu_nr_held];
            break;
        }
    }
    __atomic_fetch_sub(&srcu_readers(srcu)[side & 1], 1, __ATOMIC_SEQ_CST);
}

static void srcu_wait_side(struct srcu_struct *srcu)
{
    unsigned int old = __atomic_fetch_add(&srcu->side, 1, __ATOMIC_SEQ_CST) & 1, looks = 0;
    while (__atomic_load_n(&srcu_readers(srcu)[old], __ATOMIC_SEQ_CST)) {
        struct timespec nap = {0, 50000};
        if (++looks < 100)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
}

QUARRY_API void synchronize_srcu(struct srcu_struct *srcu)
{
    quarry_might_sleep("synchronize_srcu");
    for (unsigned int i = 0; i < srcu_nr_held; i++) {
        if (srcu_held[i] == srcu) {
            qlx_find(
                "lock", NULL, NULL,
                "synchronize_srcu inside srcu_read_lock of the same domain: this would hang for "
                "ever");
            qlx_die("deadlock: synchronize_srcu inside srcu_read_lock",
                    __builtin_return_address(0));
        }
    }
    mutex_lock(&srcu->writer);
    srcu_wait_side(srcu);
    srcu_wait_side(srcu);
    mutex_unlock(&srcu->writer);
}
