/* SPDX-License-Identifier: MIT */
/* base/percpu: what belongs to one CPU alone.
 *
 * Problem. The common allocation and free must touch nothing that another CPU touches.
 *
 * Idea. Each CPU has one block, struct qr_cpu. In it, every object cache has a *slot* and every
 * zone a *page list set*. A slot is the hot end of a stack of object pointers: `top` points one
 * behind the newest object, and the entry below the oldest one is NULL, so that popping is one
 * load, one test against NULL and one store, and pushing a compare with `limit` and two stores. A
 * CPU without data of its own uses the constant `qr_cpu_none`, whose slots are all closed: on them
 * every operation takes the slow way, so that the fast way never asks whether the CPU is known.
 *
 *     struct qr_stack   next | nr | capacity | NULL | obj 0 | obj 1 | ... | obj capacity-1
 *                                              floor    ^                         limit ^
 *     struct qr_slot    top ----------------------------+  (empty: obj 0; full: limit)
 *
 * Invariants. P1: while a stack is loaded in a slot, its population is (top - obj), and stack->nr
 * is stale; anywhere else it is stack->nr. P2: obj[-1] is NULL in every stack. P3: hooks != 0 or
 * top in [obj, limit]. P4: only the owning CPU writes top, limit and the stacks; `hooks` may be set
 * by anyone.
 *
 * Limits. 63 chunks of 64 slots: 4,032 caches have slots; further ones work without (chunk 63 is
 * always closed). */
#ifndef QR_PERCPU_H
#define QR_PERCPU_H

#include <quarry/gfp.h>
#include "base.h"

struct qr_stack {
    struct qr_stack *next; /* on a depot's list */
    u32 nr;
    u32 capacity;
    void *floor; /* always NULL */
    void *object[];
};

/* Reasons for the slow way, in qr_slot.hooks and kmem_cache.hooks. */
#define QR_HOOK_DEBUG (QR_CHECKS * 0x1u)     /* any of F Z P U T */
#define QR_HOOK_INIT_ALLOC 0x2u              /* init_on_alloc */
#define QR_HOOK_INIT_FREE 0x4u               /* init_on_free */
#define QR_HOOK_FAULT (QR_CHECKS * 0x8u)     /* failslab is armed for this cache */
#define QR_HOOK_CONTEXT (QR_CHECKS * 0x10u)  /* check every call's context (QUARRY_CHECK >= 1) */
#define QR_HOOK_OBSERVED (QR_CHECKS * 0x20u) /* a race detector watches */
#define QR_HOOK_SAMPLE                                                                             \
    (QR_CHECKS * 0x100u)      /* the next request may get a guarded object (kfence.*) */
#define QR_HOOK_CLOSED 0x40u  /* no slot: unknown CPU, unknown cache, a cache being destroyed */
#define QR_HOOK_STOPPED 0x80u /* this CPU gives its stacks back at its next slow path */
#define QR_HOOK_PROFILE                                                                            \
    (QR_CHECKS * 0x200u) /* mem_profiling: each allocation counts for its site */

struct qr_slot {
    void **top;
    void **limit;
    u32 hooks;
    u32 misses; /* slow ways since the stack's depth was last reconsidered */
    struct qr_stack *loaded;
    struct qr_stack *spare; /* full or empty, never in between */
    struct kmem_cache *cache;
    unsigned long reserved[2];
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct qr_slot) == 64, "one slot is one cache line");

#define QR_CHUNK_SLOTS 64
#define QR_NR_CHUNKS 64
#define QR_CLOSED_CHUNK (QR_NR_CHUNKS - 1)
/* The number of no slot: a chunk that is there on no CPU, so that whoever asks a CPU for it is told. */
#define QR_NO_SLOT ((u32)QR_CLOSED_CHUNK * QR_CHUNK_SLOTS)

/* One list of free blocks of one order and mobility on one CPU: frame numbers through
 * page->quarry_free, hot end first. */
struct qr_page_list {
    u32 hot, cold; /* frame numbers, 0 = none */
    u32 nr;        /* blocks */
};

/* Orders with per-CPU lists: 0..6 (256 KiB) and the huge-page order 9. */
#define QR_PCP_ORDERS 8
/* One zone's lists on one CPU. */
struct qr_pcp {
    struct qr_page_list list[QR_PCP_ORDERS][MIGRATE_TYPES];
    u32 pages; /* in all of them */
    u32 limit; /* more than this drains */
};

/* Event counters of one CPU, summed by observe/. */
enum qr_event {
    QR_EV_PGALLOC,
    QR_EV_PGFREE,
    QR_EV_PCP_REFILL,
    QR_EV_PCP_DRAIN,
    QR_EV_ALLOCSTALL,
    QR_EV_KSWAPD_WAKE,
    QR_EV_SLAB_MISS,
    QR_EV_DEPOT_SWAP,
    QR_EV_OOM,
    QR_NR_EVENTS
};

/* qr_cpu.owner: who may touch the data. A running CPU alone does; one that sleeps may be drained by
 * another, which claims it by SLEEPING -> DRAINING and gives it back by DRAINING -> SLEEPING. */
#define QR_CPU_RUNNING 0u
#define QR_CPU_SLEEPING 1u
#define QR_CPU_DRAINING 2u

/* qr_cpu.drain_requested: what a running CPU shall give back at its next slow path. Each layer takes
 * down its own bit only. */
#define QR_DRAIN_PAGES 0x1u  /* page lists (zone/) */
#define QR_DRAIN_STACKS 0x2u /* object stacks (slab/) */

/* Read sections of one CPU, by side (grace/grace.c). Atomic: a section may end elsewhere. */
struct qr_readers {
    unsigned long begun[2], ended[2];
};

struct qr_cpu {
    struct qr_slot slot[QR_CHUNK_SLOTS]; /* chunk 0: kmalloc's classes and the first caches */
    struct qr_slot *chunk[QR_NR_CHUNKS]; /* chunk[0] == slot; absent ones are qr_closed_chunk */
    u32 id, nid;
    u32 owner;           /* QR_CPU_RUNNING, _SLEEPING, _DRAINING: who may touch the data */
    u32 drain_requested; /* QR_DRAIN_*, to be honoured at the next slow path */
    unsigned long event[QR_NR_EVENTS];
    struct qr_readers readers;
    u32 nr_pcp;
    u32 reserved;
    struct qr_pcp pcp[]; /* one a zone, in the order of qr_zones.zone[] */
};

extern struct qr_cpu qr_cpu_none;
extern struct qr_slot qr_closed_chunk[QR_CHUNK_SLOTS];

/* The slot with number @id on @cpu: one load and an address. */
static QR_ALWAYS_INLINE struct qr_slot *qr_cpu_slot(struct qr_cpu *cpu, u32 id)
{
    return &cpu->chunk[id / QR_CHUNK_SLOTS][id % QR_CHUNK_SLOTS];
}

static inline bool qr_cpu_known(const struct qr_cpu *cpu)
{
    return cpu != &qr_cpu_none;
}

/* Take over a sleeping CPU's data, and give it back. */
static inline bool qr_cpu_drain_begin(struct qr_cpu *cpu)
{
    u32 asleep = QR_CPU_SLEEPING;
    return __atomic_compare_exchange_n(&cpu->owner, &asleep, QR_CPU_DRAINING, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
static inline void qr_cpu_drain_end(struct qr_cpu *cpu)
{
    __atomic_store_n(&cpu->owner, QR_CPU_SLEEPING, __ATOMIC_RELEASE);
}
/* Ask a CPU that runs to drain; and, on that CPU, whether it was asked (_asked: and the request is taken
 * down). */
static inline void qr_cpu_ask_drain(struct qr_cpu *cpu, u32 what)
{
    __atomic_fetch_or(&cpu->drain_requested, what, __ATOMIC_RELAXED);
}
static inline bool qr_cpu_drain_pending(const struct qr_cpu *cpu, u32 what)
{
    return (__atomic_load_n(&cpu->drain_requested, __ATOMIC_RELAXED) & what) != 0;
}
static inline bool qr_cpu_drain_asked(struct qr_cpu *cpu, u32 what)
{
    if (QR_LIKELY(!qr_cpu_drain_pending(cpu, what)))
        return false;
    __atomic_fetch_and(&cpu->drain_requested, ~what, __ATOMIC_RELAXED);
    return true;
}

/* Count an event on this CPU. The unknown CPU's counters are shared and approximate. */
static inline void qr_count(struct qr_cpu *cpu, enum qr_event event, unsigned long nr)
{
    unsigned long *p = &cpu->event[event];
    __atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + nr, __ATOMIC_RELAXED);
}

#endif
