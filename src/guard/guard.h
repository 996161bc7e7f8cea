/* SPDX-License-Identifier: MIT */
/* guard: the door. Sampled guard pages: now and then an object lies alone in a page, against a page
 * that is not there. guard.c has the theory.
 *
 * Words. A *place* is one object page of the pool. It is *live* when a caller has the object in it,
 * *idle* when its page is unmapped: never used, or freed and waiting to be used again. */
#ifndef QR_GUARD_H
#define QR_GUARD_H

#include <quarry/port.h>
#include <quarry/stat.h>
#include "../base/base.h"
#include "../check/check.h"
#include "../map/map.h"

#define QR_GUARD_DEFAULT_OBJECTS 255u
#define QR_GUARD_MAX_OBJECTS 65535u

enum qr_guard_state { QR_GUARD_IDLE, QR_GUARD_BUSY, QR_GUARD_LIVE };

struct qr_guard_place {
    u32 next;           /* idle ones: index + 1 of the one freed after it, 0: none */
    u8 state;           /* enum qr_guard_state */
    bool used;          /* an object was here */
    bool open;          /* its page was mapped again after a use after free */
    bool open_guard[2]; /* the guard page before, behind it was mapped after an access */
    u32 size;           /* bytes asked for */
    char *object;       /* the last one here, kept when it is freed */
    const void *cache;  /* whose object; NULL when idle. Only compared, never followed */
    char name[64];      /* of the cache */
    gfp_t gfp;
    u32 leak; /* QR_LEAK_* */
    struct qr_owner allocated, freed;
};

struct qr_guards {
    uintptr_t start; /* of the pool: guard, place 0, guard, place 1, …, guard */
    size_t bytes;    /* 0: off */
    u32 nr;          /* places */
    u64 every;       /* each so many'th request; 0: by time */
    u64 interval_ns;
    struct qr_check *check;
    uintptr_t offset; /* direct map */
    struct qr_guard_place *place;
    u64 requests; /* relaxed */
    u32 gate;     /* the next request is taken; relaxed */
    u32 running;  /* the timer */
    u32 stop;
    u64 next_ns; /* without a timer: when the gate opens */
    struct qp_event wake, stopped;
    /* Registered by slab: requests shall come the slow way (the gate is open), or no longer. */
    void (*gate_changed)(void *data, bool open);
    void *gate_data;
    qp_lock_t lock;     /* guards what follows, and the places' states */
    u32 oldest, newest; /* idle places, index + 1, in the order in which they were freed */
    u64 seed;
    u64 nr_allocated, nr_freed, nr_skipped, nr_reports;
};

/* What the machine's options ask for. */
struct qr_guard_wish {
    u64 interval_ms, every, objects; /* both of the first 0: off */
};

/* Bytes a pool of so many places takes, and its records. */
static inline u64 qr_guard_pool_bytes(u64 objects)
{
    return (2 * objects + 1) << PAGE_SHIFT;
}
static inline u64 qr_guard_record_bytes(u64 objects)
{
    return PAGE_ALIGN(objects * sizeof(struct qr_guard_place));
}
/* Take @pool (direct-map pages that nobody else uses) and zeroed @records; all pages of the pool
 * are unmapped. Context: boot. */
void qr_guards_init(struct qr_guards *guards, const struct qr_guard_wish *wish, void *pool,
                    void *records);
/* Start and stop the timer; in a forked child, unmap anew and start it again. May sleep. */
void qr_guards_start(struct qr_guards *guards);
void qr_guards_stop(struct qr_guards *guards);
void qr_guards_after_fork(struct qr_guards *guards);

/* Whether there is a pool. */
static inline bool qr_guards_are_on(const struct qr_guards *guards)
{
    return QR_CHECKS && guards->bytes != 0;
}
/* Whether an address lies in the pool. */
static inline bool qr_guard_owns(const struct qr_guards *guards, const void *address)
{
    return QR_CHECKS && (uintptr_t)address - guards->start < guards->bytes;
}
/* Whether this request is to be taken; says yes once for each opening of the gate. Context: any. */
bool qr_guard_sample(struct qr_guards *guards);

struct qr_guard_request {
    const void *cache;
    const char *name;
    size_t size, align; /* at most a page each */
    gfp_t gfp;
    bool zero;
};
/* An object, its page filled with canaries around it; NULL: all places are live, or the host has no
 * room. Context: any, no lock held. */
void *qr_guard_alloc(struct qr_guards *guards, const struct qr_guard_request *request);

/* The live object that starts at @object: its cache and size; false: none does. */
struct qr_guard_found {
    const void *cache;
    const char *name;
    size_t size;
};
bool qr_guard_find(struct qr_guards *guards, const void *object, struct qr_guard_found *found);
/* Give the object that starts at @object back: its page is checked and unmapped. False: there is no
 * such object, which is reported. Of two frees of one object one is told false. Context: any. */
bool qr_guard_free(struct qr_guards *guards, void *object, const char *what);
/* Visit the live objects of a cache (NULL: of all); false when @visit ended the walk. The lock is
 * held. */
bool qr_guard_for_each_live(struct qr_guards *guards, const void *cache,
                            bool (*visit)(const struct quarry_live *, void *), void *data);
/* The leak scan's view: the live object that holds an address, and all of them. */
bool qr_guard_leak_find(struct qr_guards *guards, const void *address, struct qr_leak_block *block);
bool qr_guard_leak_each(struct qr_guards *guards, qr_leak_visit visit, void *data);
/* Live objects of a cache. */
unsigned long qr_guard_count(struct qr_guards *guards, const void *cache);
/* See qr_guard_fault in quarry/port.h. */
bool qr_guard_hit(struct qr_guards *guards, const void *address, enum qr_access access,
                  const struct quarry_trace *now);
/* What an address of the pool is, in words: "byte 3 of kfence-#7, …". */
void qr_guard_describe(struct qr_guards *guards, const void *address, char *text, size_t size);
/* Who allocated and who freed the last object in that address's page; either may be NULL. */
void qr_guard_sites(struct qr_guards *guards, const void *address, struct quarry_trace *allocated,
                    struct quarry_trace *freed);

/* ---- report.c, for guard.c ------------------------------------------------------------------- */

enum qr_guard_bug {
    QR_GUARD_OUT_OF_BOUNDS,
    QR_GUARD_USE_AFTER_FREE,
    QR_GUARD_CORRUPTION,
    QR_GUARD_INVALID_FREE,
    QR_GUARD_INVALID_ACCESS
};

struct qr_guard_finding {
    enum qr_guard_bug bug;
    enum qr_access access;
    const void *address;
    const struct quarry_trace *now; /* NULL: here */
    const char *what;               /* the call, for frees */
    u32 index;                      /* of the place; ~0u: none */
    struct qr_guard_place place;    /* as it was when it was found */
    u8 bytes[16];                   /* corrupted memory … */
    bool same[16];                  /* … and which of it is as it should be */
    u32 nr_bytes;
};
void qr_guard_report(struct qr_guards *guards, struct qr_guard_finding *finding);

#endif
