/* SPDX-License-Identifier: MIT */
/* grace: the door. When readers are done, and what waits for that. */
#ifndef QR_GRACE_H
#define QR_GRACE_H

#include <quarry/rcu.h>
#include "../base/base.h"
#include "../base/percpu.h"
#include "../check/check.h"
#include "../reclaim/reclaim.h"

/* Something to do after a grace period. Owned by who asks; free again when @fn begins. */
struct qr_grace_call {
    struct qr_grace_call *next;
    void (*fn)(struct qr_grace_call *call); /* context: any; no lock held */
};

struct qr_grace_list {
    struct qr_grace_call *first, **last;
    u64 nr;
};

struct qr_grace {
    struct qr_check *check;
    struct qr_cpus *cpus;
    struct qr_reclaim *reclaim;
    const struct quarry_grace_period *how, *chosen; /* in force; the port's. NULL: nobody knows */
    struct qr_source source;
    struct qr_readers shared; /* sections of CPUs without data */
    qp_lock_t lock;           /* guards everything below */
    u32 side;                 /* new sections count themselves here; read without the lock */
    u32 awaited;              /* the side a period waits for, plus one; read without the lock */
    u32 phase;                /* 0: no period runs; counted readers: 1, 2; other providers: 3 */
    bool running;             /* calls are being made: by one task at a time */
    u32 told;                 /* that there is no provider (a word: not all CPUs exchange bytes) */
    u64 completed;            /* periods */
    struct qr_grace_list next, waiting,
        doing;             /* for the period to come, for this one; being made */
    u64 asked, done;       /* calls */
    struct qp_event moved; /* a section that is waited for, a period or a call ended */
};

void qr_grace_init(struct qr_grace *grace, const struct quarry_grace_period *how);
/* 0; -EINVAL. May sleep. */
int qr_grace_set(struct qr_grace *grace, const struct quarry_grace_period *how);
void qr_grace_enter(struct qr_grace *grace);
void qr_grace_leave(struct qr_grace *grace);
/* Have call->fn called after a grace period. Context: any, no lock held. */
void qr_grace_call(struct qr_grace *grace, struct qr_grace_call *call);
/* Its first half, for who keeps a list that the call is for: the call is asked for, and nothing is moved
 * on. Under the lock of that list (R4); qr_grace_nudge follows when that is given back. Context: any. */
void qr_grace_ask(struct qr_grace *grace, struct qr_grace_call *call);
/* Do what can be done without waiting, where there is no worker to do it. Context: any, no lock held. */
void qr_grace_nudge(struct qr_grace *grace);
/* 0, -EDEADLK, -ENOSYS: see quarry/rcu.h. @what names the caller in reports. May sleep. */
int qr_grace_wait(struct qr_grace *grace, const char *what);
/* The same until every call asked for so far has been made; 0 when there is none. */
int qr_grace_barrier(struct qr_grace *grace, const char *what);
/* Like a barrier, but not longer than a moment, and silent: whether it was reached. */
bool qr_grace_settle(struct qr_grace *grace);
void qr_grace_after_fork(struct qr_grace *grace);

#endif
