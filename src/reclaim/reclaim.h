/* SPDX-License-Identifier: MIT */
/* reclaim: the door. Beside zone/: gets pages back when memory is short. Registered into zone/ as
 * hooks, so zone/ does not know it. */
#ifndef QR_RECLAIM_H
#define QR_RECLAIM_H

#include <quarry/shrinker.h>
#include "../base/base.h"
#include "../zone/zone.h"

/* A layer above that keeps pages it could give back (empty slabs, cached vmalloc areas). Called
 * before the callers' shrinkers; must not sleep unless @may_sleep. Returns pages given back. */
struct qr_source {
    struct qr_source *next;
    const char *name;
    unsigned long (*shrink)(void *data, unsigned long nr_pages, bool may_sleep);
    void *data;
};

struct qr_reclaim {
    struct qr_zones *zones;
    struct qr_check *check;
    struct qr_source *sources;
    qp_lock_t lock; /* guards shrinkers */
    struct list_head shrinkers;
    struct qp_event quiet; /* moves when a shrinker call ends */
    quarry_oom_fn oom;
    void *oom_data;
    struct qp_event wake;    /* the background worker sleeps on it */
    struct qp_event stopped; /* moves when the worker has left */
    u32 wanted;              /* zones below low, as bits by index (low 32) */
    u32 stop, running;
    unsigned long reclaimed, rounds;
};

void qr_reclaim_init(struct qr_reclaim *reclaim, struct qr_zones *zones, struct qr_check *check);
void qr_reclaim_add_source(struct qr_reclaim *reclaim, struct qr_source *source);
/* Start and stop the background worker. */
void qr_reclaim_start(struct qr_reclaim *reclaim);
void qr_reclaim_stop(struct qr_reclaim *reclaim);

/* 0 or a negative errno (already registered). */
int qr_shrinker_register(struct qr_reclaim *reclaim, struct shrinker *shrinker);
/* Take it out and wait until no call is in progress. May sleep. */
void qr_shrinker_unregister(struct qr_reclaim *reclaim, struct shrinker *shrinker);

#endif
