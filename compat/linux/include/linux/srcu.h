/* SPDX-License-Identifier: MIT */
/* Read-copy-update with domains of their own, whose readers may sleep. */
#ifndef QUARRY_LINUX_SRCU_H
#define QUARRY_LINUX_SRCU_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct quarry_srcu_counts;
struct srcu_struct {
    struct quarry_srcu_counts *counts; /* Quarry's memory, until cleanup_srcu_struct */
    unsigned long fixed[2];            /* of one defined by DEFINE_SRCU */
    unsigned int side;
    struct mutex writer;
};
#define QUARRY_SRCU_INIT(name)                                                                     \
    {                                                                                              \
        .writer = __MUTEX_INITIALIZER((name).writer)                                               \
    }
#define DEFINE_SRCU(name) struct srcu_struct name = QUARRY_SRCU_INIT(name)
#define DEFINE_STATIC_SRCU(name) static struct srcu_struct name = QUARRY_SRCU_INIT(name)

QUARRY_EXTERN_C_BEGIN
/* 0 or -ENOMEM; undone by cleanup, which reports readers that are still there. Context: may sleep. */
QUARRY_API int init_srcu_struct(struct srcu_struct *srcu);
QUARRY_API void cleanup_srcu_struct(struct srcu_struct *srcu);
/* The number goes back into unlock. Context: any. */
QUARRY_API int srcu_read_lock(struct srcu_struct *srcu);
QUARRY_API void srcu_read_unlock(struct srcu_struct *srcu, int side);
/* Wait until the readers that have begun are through. Context: may sleep. */
QUARRY_API void synchronize_srcu(struct srcu_struct *srcu);
QUARRY_EXTERN_C_END
#define synchronize_srcu_expedited(srcu) synchronize_srcu(srcu)
#define srcu_dereference(p, srcu) rcu_dereference(p)
#define srcu_dereference_check(p, srcu, condition) rcu_dereference(p)
#define smp_mb__after_srcu_read_unlock() smp_mb()

#endif
