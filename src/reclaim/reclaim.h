/* SPDX-License-Identifier: MIT */
/* reclaim: the door. Beside zone/: gets pages back when memory is short. Registered into zone/ as
 * hooks, so zone/ does not know it. */
#ifndef QR_RECLAIM_H
#define QR_RECLAIM_H

#include <quarry/shrinker.h>
#include "../base/base.h"
#include "../zone/zone.h"

/* Efforts of one round of reclaim: from "an eighth of what there is" to "all there is". Greater
 * ones mean QR_EFFORT_ALL. */
#define QR_EFFORT_LIGHT 0u
#define QR_EFFORT_ALL 3u

/* A layer above that keeps pages it could give back (empty slabs, cached vmalloc areas). Called
 * before the callers' shrinkers and, when these freed something, again after them; must not sleep
 * unless @may_sleep. Returns pages given back. Zero in the last fields is the ordinary case. */
struct qr_source {
    struct qr_source *next;
    unsigned long (*shrink)(void *data, unsigned long nr_pages, bool may_sleep);
    void *data;
    bool empty_below_low;     /* the worker asks it for everything, not for what is missing */
    void (*tidy)(void *data); /* or NULL: put-off work, done by the worker; may sleep */
};

struct qr_reclaim {
    struct qr_zones *zones;
    struct qr_check *check;
    struct qr_source *sources;
    qp_lock_t lock; /* guards shrinkers, the oom fields */
    struct list_head shrinkers;
    struct qp_event quiet; /* moves when a shrinker call ends */
    quarry_oom_fn oom;
    void *oom_data;
    bool oom_runs;             /* one task at a time calls the hook … */
    struct qp_event oom_ended; /* … and the others wait for this to move */
    struct qp_event wake;      /* the background worker sleeps on it */
    struct qp_event stopped;   /* moves when the worker has left */
    u64 wanted;                /* zones that fell below low, as bits by index … */
    u64 busy;                  /* … and those the worker is at, or has given up for a moment */
    u32 stop, running;
    u32 paused;             /* qr_reclaim_pause calls in force; with `working`, under the lock */
    bool working;           /* the worker is not asleep */
    struct qp_event rested; /* moves when the worker goes to sleep while it is to pause */
    unsigned long reclaimed, rounds; /* pages given back; rounds run (relaxed atomics) */
};

void qr_reclaim_init(struct qr_reclaim *reclaim, struct qr_zones *zones, struct qr_check *check);
void qr_reclaim_add_source(struct qr_reclaim *reclaim, struct qr_source *source);
/* Start and stop the background worker. */
void qr_reclaim_start(struct qr_reclaim *reclaim);
void qr_reclaim_stop(struct qr_reclaim *reclaim);
/* Keep the worker asleep: returns when it is; and let it go on. For whoever walks structures that
 * must not change meanwhile. Pauses nest. May sleep; not from inside reclaim. */
void qr_reclaim_pause(struct qr_reclaim *reclaim);
void qr_reclaim_resume(struct qr_reclaim *reclaim);
/* In the copy of a machine after fork: forget calls in progress in tasks that are gone, and start
 * the worker again. */
void qr_reclaim_after_fork(struct qr_reclaim *reclaim);
/* There is put-off work: let the worker run the sources' tidy functions soon. False when there is
 * no worker, and the caller must find another time itself. Context: any. */
bool qr_reclaim_kick(struct qr_reclaim *reclaim);
/* One round for a request, whatever the watermarks say; pages freed. May sleep. */
unsigned long qr_reclaim_round(struct qr_reclaim *reclaim, gfp_t gfp, unsigned long nr_pages,
                               int nid, unsigned int effort);

/* 0, -EINVAL (a callback is missing) or -EEXIST (already registered), both reported. */
int qr_shrinker_register(struct qr_reclaim *reclaim, struct shrinker *shrinker);
/* Take it out and wait until no call is in progress. 0; -ENOENT when it was not registered; -EBUSY
 * when the caller is inside reclaim itself and would wait for itself: reported, nothing changed.
 * May sleep. */
int qr_shrinker_unregister(struct qr_reclaim *reclaim, struct shrinker *shrinker);
/* Ask every shrinker for a share of what it has (G-I5); objects freed. Called by reclaim.c alone. */
unsigned long qr_shrinkers_run(struct qr_reclaim *reclaim, gfp_t gfp, int nid, unsigned int effort);
void qr_shrinkers_after_fork(struct qr_reclaim *reclaim);

/* Replace the out-of-memory hook; returns the earlier one. */
quarry_oom_fn qr_oom_set(struct qr_reclaim *reclaim, quarry_oom_fn hook, void *data);

#endif
