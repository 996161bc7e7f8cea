/* SPDX-License-Identifier: MIT */
/* What the tests of object caches share. */
#ifndef SLAB_MACHINE_H
#define SLAB_MACHINE_H

#include "machine.h"
#include "slab/fast.h"
#include "slab/internal.h"

/* A cache with the usual answers to everything but its size. */
static inline struct kmem_cache *make_cache(struct quarry *q, const char *name, size_t size,
                                            slab_flags_t flags)
{
    struct qr_cache_params params = {
        .name = name, .size = size, .flags = flags, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);

    assert_non_null(cache);
    return cache;
}

static inline struct quarry *boot_with(unsigned long pages, const char *options)
{
    struct test_spec spec = {.pages = pages, .options = options};

    return test_boot_with(&spec);
}

static inline void *take(struct kmem_cache *cache)
{
    return qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
}

static inline void give(struct quarry *q, struct kmem_cache *cache, void *object)
{
    qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
}

/* Everything that lies idle goes back; what is left is in use. */
static inline u64 free_pages_when_idle(struct quarry *q)
{
    qr_slabs_drain_all(&q->slabs);
    q->slabs.source.shrink(q->slabs.source.data, ~0ul, true);
    q->slabs.source.shrink(q->slabs.source.data, ~0ul, true);
    qr_pcp_drain_all(&q->zones);
    return qr_free_pages_total(&q->zones);
}

static inline unsigned long cache_active(struct kmem_cache *cache)
{
    struct quarry_cache_stat stat;

    qr_cache_stat(cache, &stat);
    return stat.active;
}

static inline unsigned long cache_total(struct kmem_cache *cache)
{
    struct quarry_cache_stat stat;

    qr_cache_stat(cache, &stat);
    return stat.total;
}

/* This CPU's slot of a cache. */
static inline struct qr_slot *own_slot(struct quarry *q, struct kmem_cache *cache)
{
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(&q->cpus, &cpu);

    qp_percpu_leave(section);
    return qr_cpu_known(cpu) ? qr_slot_of(cache, cpu) : NULL;
}

/* Hooks that an ordinary cache has on this machine: none, unless a race detector watches. */
static inline u32 plain_hooks(void)
{
    return QP_OBSERVED() ? QR_HOOK_OBSERVED : 0;
}

/* The fast way is closed while a race detector watches. */
#define NEEDS_FAST_WAY()                                                                           \
    do {                                                                                           \
        if (QP_OBSERVED())                                                                         \
            skip();                                                                                \
    } while (0)

static inline unsigned long all_findings(struct quarry *q)
{
    return qr_report_count(&q->check, QUARRY_FINDING_KINDS);
}

#endif
