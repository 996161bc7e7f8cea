/* SPDX-License-Identifier: MIT */
/* observe: texts by number, and the walks over everything that is alive.
 *
 * Problem. Tools want to know what a machine holds, by names they know, at any time, without a way
 * to disturb it.
 *
 * Idea. Every layer can count and walk what it owns; here these are joined. Nothing below includes
 * this folder, so a machine without it is complete.
 *
 * Locks: those that each layer's walk takes; none is held from one layer to the next. What may
 * sleep: qr_check_all. */
#include "observe.h"

static const struct {
    const char *name;
    size_t (*write)(struct quarry *q, char *buffer, size_t size);
} observe_text[QUARRY_TEXTS] = {
    [QUARRY_BUDDYINFO] = {"buddyinfo", qr_buddyinfo_text},
    [QUARRY_PAGETYPEINFO] = {"pagetypeinfo", qr_pagetypeinfo_text},
    [QUARRY_ZONEINFO] = {"zoneinfo", qr_zoneinfo_text},
    [QUARRY_VMSTAT] = {"vmstat", qr_vmstat_text},
    [QUARRY_MEMINFO] = {"meminfo", qr_meminfo_text},
    [QUARRY_SLABINFO] = {"slabinfo", qr_slabinfo_text},
    [QUARRY_VMALLOCINFO] = {"vmallocinfo", qr_vmallocinfo_text},
    [QUARRY_ALLOCINFO] = {"allocinfo", qr_allocinfo_text},
    [QUARRY_KMEMLEAK] = {"kmemleak", qr_kmemleak_text},
};

size_t qr_text(struct quarry *q, enum quarry_text which, char *buffer, size_t size)
{
    if (size)
        buffer[0] = 0;
    if ((unsigned int)which >= QUARRY_TEXTS)
        return 0;
    return observe_text[which].write(q, buffer, size);
}

const char *qr_text_name(enum quarry_text which)
{
    return (unsigned int)which < QUARRY_TEXTS ? observe_text[which].name : NULL;
}

/* ---- walks ---------------------------------------------------------------------------------- */

/* So that "stop" ends the walk of all layers, not of one. */
struct observe_walk {
    bool (*visit)(const struct quarry_live *, void *);
    void *data;
    bool stopped;
};

static bool observe_pass_on(const struct quarry_live *live, void *data)
{
    struct observe_walk *walk = data;

    walk->stopped = !walk->visit(live, walk->data);
    return !walk->stopped;
}

void qr_for_each_live(struct quarry *q, bool (*visit)(const struct quarry_live *, void *),
                      void *data)
{
    struct observe_walk walk = {visit, data, false};

    qr_slabs_for_each_live(&q->slabs, observe_pass_on, &walk);
    if (!walk.stopped)
        qr_pages_for_each_live(&q->zones, observe_pass_on, &walk);
    if (!walk.stopped)
        qr_vm_for_each_live(&q->vm, observe_pass_on, &walk);
    if (!walk.stopped)
        qr_percpu_for_each_live(&q->percpu, observe_pass_on, &walk);
    if (!walk.stopped)
        qr_foreign_for_each_live(&q->leaks, observe_pass_on, &walk);
    if (!walk.stopped)
        qr_dma_for_each_live(&q->dma, observe_pass_on, &walk);
}

struct observe_cache_walk {
    bool (*visit)(const struct quarry_cache_stat *, void *);
    void *data;
};

static bool observe_pass_on_cache(struct kmem_cache *cache, void *data)
{
    struct observe_cache_walk *walk = data;
    struct quarry_cache_stat stat;

    qr_cache_stat(cache, &stat);
    return walk->visit(&stat, walk->data);
}

void qr_for_each_cache(struct quarry *q, bool (*visit)(const struct quarry_cache_stat *, void *),
                       void *data)
{
    struct observe_cache_walk walk = {visit, data};

    qr_slabs_for_each_cache(&q->slabs, observe_pass_on_cache, &walk);
}

/* ---- numbers -------------------------------------------------------------------------------- */

u64 qr_live_bytes(struct quarry *q)
{
    return __atomic_load_n(&q->check.live_bytes, __ATOMIC_RELAXED);
}

u64 qr_peak_bytes(struct quarry *q)
{
    return __atomic_load_n(&q->check.peak_bytes, __ATOMIC_RELAXED);
}

u64 qr_sequence(struct quarry *q)
{
    return qr_peek_sequence(&q->check);
}

unsigned long qr_check_all(struct quarry *q)
{
    unsigned long wrong;

    qr_reclaim_pause(&q->reclaim); /* the only thread that is Quarry's own */
    wrong = qr_map_check(&q->map);
    wrong += qr_zones_check(&q->zones);
    wrong += qr_slabs_check(&q->slabs);
    wrong += qr_vm_check(&q->vm);
    wrong += qr_kmaps_check(&q->kmaps);
    wrong += qr_percpu_check(&q->percpu);
    wrong += qr_dma_check(&q->dma);
    qr_reclaim_resume(&q->reclaim);
    return wrong;
}
