/* SPDX-License-Identifier: MIT */
/* percpu/unit: where the instances lie, and the way from a token to one.
 *
 * Problem. The bound on CPUs is a thousand and more, most of which never come into being; an instance
 * for each would be memory for nobody. But whoever loops over all CPUs to set up their instances must
 * meet, for each number, the very memory that its CPU finds later.
 *
 * Idea. A chunk has a *unit* per CPU, and a unit comes when it is first needed: for CPUs that exist,
 * when something is allocated in the chunk; for later ones, at the first access by or for them. Units
 * hang below the chunk by groups of 64 CPUs. A unit that was made stays until the chunk goes, so that
 * an address once given out stays right when a thread ends and another takes its number.
 *
 *     token ── chunk number ──► table[n] ──► group[id / 64] ──► [id % 64] ──► unit + offset
 *
 * An access cannot fail, so a unit that comes late takes its memory from wherever there is some: who
 * may sleep waits, others reach into all reserves; when even those are empty, that is the end.
 *
 * Static variables: the range that holds them is the image of a chunk of its own, made at the first
 * access.
 *
 * Invariants. U1: a pointer to a group or unit is written once, by compare and exchange, after what it
 * points to is complete. U2: a unit is zero, or equal to the image, when it is published.
 *
 * Locks: none to find an instance; percpu->lock for the list of ranges. What may sleep: making a unit, by
 * the mask. */
#include "internal.h"

/* Page faults injected into a request that cannot fail are ridden out. */
#define UNIT_LATE_TRIES 1000u

/* ---- chunks and units ------------------------------------------------------------------------ */

struct qr_percpu_chunk *qr_percpu_chunk_new(struct qr_percpu *percpu, u32 unit_bytes, gfp_t gfp)
{
    struct qr_percpu_chunk *chunk =
        qr_cache_alloc_slow(percpu->chunk_cache, gfp & ~__GFP_ZERO, NUMA_NO_NODE);
    u32 groups = percpu->cpus->nr_max / PERCPU_GROUP + 1; /* the shared one's number is nr_max */

    if (!chunk)
        return NULL;
    memset(chunk, 0, sizeof(*chunk) + groups * sizeof(chunk->group[0]));
    chunk->unit_bytes = unit_bytes;
    chunk->nr_groups = groups;
    return chunk;
}

static void unit_free(struct qr_percpu *percpu, const struct qr_percpu_chunk *chunk, void *unit)
{
    if (chunk->unit_bytes <= PERCPU_SHARED_UNIT)
        qr_cache_free_slow(percpu->slabs, percpu->unit_cache, unit, "free_percpu");
    else
        qr_free_block(percpu->zones, qr_virt_page(percpu->zones->map, unit),
                      (unsigned int)get_order(chunk->unit_bytes));
}

void qr_percpu_chunk_delete(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk)
{
    for (u32 i = 0; i < chunk->nr_groups; i++) {
        void **group = chunk->group[i];
        for (u32 j = 0; group && j < PERCPU_GROUP; j++)
            if (group[j])
                unit_free(percpu, chunk, group[j]);
        if (group)
            qr_cache_free_slow(percpu->slabs, percpu->group_cache, group, "free_percpu");
    }
    qr_cache_free_slow(percpu->slabs, percpu->chunk_cache, chunk, "free_percpu");
}

/* On the CPU's own node, where it is known. */
static int unit_node(const struct qr_percpu *percpu, unsigned int id)
{
    const struct qr_cpu *cpu = id < percpu->cpus->nr_max
                                   ? __atomic_load_n(&percpu->cpus->area[id], __ATOMIC_ACQUIRE)
                                   : NULL;
    return cpu ? (int)cpu->nid : NUMA_NO_NODE;
}

/* A unit for nobody yet, as U2 wants it. */
static void *unit_alloc(struct qr_percpu *percpu, const struct qr_percpu_chunk *chunk,
                        unsigned int id, gfp_t gfp)
{
    int nid = unit_node(percpu, id);
    struct page *page;
    void *unit;

    if (chunk->unit_bytes <= PERCPU_SHARED_UNIT) {
        unit = qr_cache_alloc_slow(percpu->unit_cache, gfp, nid);
    } else {
        page = qr_alloc_pages(percpu->zones, gfp, (unsigned int)get_order(chunk->unit_bytes), nid);
        unit = page ? qr_page_virt(percpu->zones->map, page) : NULL;
    }
    if (!unit)
        return NULL;
    memset(unit, 0, chunk->unit_bytes);
    if (chunk->image)
        memcpy(unit, chunk->image, chunk->image_bytes);
    return unit;
}

static void **unit_group(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk, unsigned int id,
                         gfp_t gfp)
{
    void ***place = &chunk->group[id / PERCPU_GROUP];
    void **group = __atomic_load_n(place, __ATOMIC_ACQUIRE), **fresh;

    if (group)
        return group;
    fresh = qr_cache_alloc_slow(percpu->group_cache, gfp, NUMA_NO_NODE);
    if (!fresh)
        return NULL;
    memset(fresh, 0, PERCPU_GROUP * sizeof(*fresh));
    if (__atomic_compare_exchange_n(place, &group, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    qr_cache_free_slow(percpu->slabs, percpu->group_cache, fresh, "alloc_percpu");
    return group;
}

void *qr_percpu_unit(const struct qr_percpu_chunk *chunk, unsigned int id)
{
    void **group = __atomic_load_n(&chunk->group[id / PERCPU_GROUP], __ATOMIC_ACQUIRE);
    return group ? __atomic_load_n(&group[id % PERCPU_GROUP], __ATOMIC_ACQUIRE) : NULL;
}

void *qr_percpu_unit_make(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk, unsigned int id,
                          gfp_t gfp)
{
    void **group = unit_group(percpu, chunk, id, gfp), *unit, *fresh;

    if (!group)
        return NULL;
    unit = __atomic_load_n(&group[id % PERCPU_GROUP], __ATOMIC_ACQUIRE);
    if (unit)
        return unit;
    fresh = unit_alloc(percpu, chunk, id, gfp);
    if (!fresh)
        return NULL;
    if (__atomic_compare_exchange_n(&group[id % PERCPU_GROUP], &unit, fresh, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    unit_free(percpu, chunk, fresh);
    return unit;
}

static gfp_t unit_late_gfp(void)
{
    return qp_may_sleep() ? GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN
                          : GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN;
}

/* The unit of a CPU that came after the allocation. */
static QR_COLD void *unit_late(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk,
                               unsigned int id)
{
    char text[160];

    for (unsigned int i = 0; i < UNIT_LATE_TRIES; i++) {
        void *unit = qr_percpu_unit_make(percpu, chunk, id, unit_late_gfp());
        if (unit)
            return unit;
        qp_relax();
    }
    qr_snprintf(
        text, sizeof(text),
        "quarry: CPU %u needs its per-CPU memory (%u bytes), and not even the reserves have "
        "any: give the machine more RAM\n",
        id, chunk->unit_bytes);
    qp_panic(text);
}

/* ---- from a token to an instance ------------------------------------------------------------- */

/* The chunk of a static range, made now if need be. */
static struct qr_percpu_chunk *unit_static_chunk(struct qr_percpu *percpu,
                                                 struct qr_percpu_static *range)
{
    struct qr_percpu_chunk *chunk = __atomic_load_n(&range->chunk, __ATOMIC_ACQUIRE), *fresh = NULL;
    u32 bytes = PERCPU_SHARED_UNIT;

    if (chunk)
        return chunk;
    if (range->size > bytes)
        bytes = (u32)(PAGE_SIZE << get_order(range->size));
    for (unsigned int i = 0; i < UNIT_LATE_TRIES && !fresh; i++)
        fresh = qr_percpu_chunk_new(percpu, bytes, unit_late_gfp());
    if (!fresh)
        qp_panic("quarry: no memory is left for the static per-CPU variables of a module: give the "
                 "machine more RAM\n");
    fresh->image = (const void *)range->start;
    fresh->image_bytes = (u32)range->size;
    if (__atomic_compare_exchange_n(&range->chunk, &chunk, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    qr_percpu_chunk_delete(percpu, fresh);
    return chunk;
}

/* Whether a static range holds @token, and where. Without a lock, while entries may be used again for
 * others: the start and the size that are read must be of the same range. */
static bool unit_range_holds(const struct qr_percpu_static *range, uintptr_t token, size_t *offset)
{
    u32 changes;
    size_t size;

    for (;;) {
        changes = __atomic_load_n(&range->changes, __ATOMIC_ACQUIRE);
        size = __atomic_load_n(&range->size, __ATOMIC_ACQUIRE);
        *offset = token - __atomic_load_n(&range->start, __ATOMIC_ACQUIRE);
        if (QR_LIKELY(!(changes & 1) &&
                      __atomic_load_n(&range->changes, __ATOMIC_RELAXED) == changes))
            break;
        qp_relax();
    }
    return *offset < size;
}

/* Write both; percpu->lock is held. The lock keeps this CPU's
 * interrupts off, so that none waits here for an even count. */
static void unit_range_set_locked(struct qr_percpu_static *range, uintptr_t start, size_t size)
{
    u32 changes = range->changes;

    __atomic_store_n(&range->changes, changes + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&range->start, start, __ATOMIC_RELEASE);
    __atomic_store_n(&range->size, size, __ATOMIC_RELEASE);
    __atomic_store_n(&range->changes, changes + 2, __ATOMIC_RELEASE);
}

/* The chunk a token belongs to and the offset in its units, or NULL. */
static struct qr_percpu_chunk *unit_find(struct qr_percpu *percpu, uintptr_t token, size_t *offset)
{
    u32 nr = __atomic_load_n(&percpu->nr_chunks, __ATOMIC_ACQUIRE);

    if (nr && token - percpu->base < (uintptr_t)nr * PERCPU_SPAN) {
        struct qr_percpu_chunk *chunk =
            __atomic_load_n(&percpu->table[(token - percpu->base) / PERCPU_SPAN], __ATOMIC_ACQUIRE);
        *offset = (token - percpu->base) % PERCPU_SPAN;
        return chunk && *offset < chunk->unit_bytes ? chunk : NULL;
    }
    for (unsigned int i = 0; i < QR_PERCPU_STATICS; i++) {
        struct qr_percpu_static *range = &percpu->range[i];
        if (unit_range_holds(range, token, offset))
            return unit_static_chunk(percpu, range);
    }
    return NULL;
}

static QR_COLD void unit_report(struct qr_percpu *percpu, const volatile void *token,
                                const char *wrong)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST,
                                   .address = (const void *)(uintptr_t)token};
    qr_report_once(percpu->check, &report, "per_cpu_ptr(%p): %s", (void *)(uintptr_t)token, wrong);
}

void *qr_percpu_ptr(struct qr_percpu *percpu, const volatile void *token, unsigned int id)
{
    size_t offset;
    struct qr_percpu_chunk *chunk = unit_find(percpu, (uintptr_t)token, &offset);
    void *unit;

    if (QR_UNLIKELY(!chunk)) {
        unit_report(
            percpu, token,
            "this is no per-CPU memory: it was freed, or it never came from alloc_percpu or "
            "DEFINE_PER_CPU");
        return (void *)(uintptr_t)token;
    }
    if (QR_UNLIKELY(id > qr_percpu_shared_id(percpu))) {
        unit_report(percpu, token, "there is no CPU of that number; CPU 0's instance is given");
        id = 0;
    }
    unit = qr_percpu_unit(chunk, id);
    if (QR_UNLIKELY(!unit))
        unit = unit_late(percpu, chunk, id);
    return (char *)unit + offset;
}

/* ---- which CPU this is ----------------------------------------------------------------------- */

static bool unit_here_known(const struct qr_percpu *percpu, unsigned int *id)
{
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(percpu->cpus, &cpu);
    bool known = qr_cpu_known(cpu);

    if (known)
        *id = cpu->id;
    qp_percpu_leave(section);
    return known;
}

unsigned int qr_percpu_here(struct qr_percpu *percpu)
{
    unsigned int id = qr_percpu_shared_id(percpu);

    if (QR_LIKELY(unit_here_known(percpu, &id)))
        return id;
    qp_claim_cpu(percpu->cpus);
    unit_here_known(percpu, &id);
    return id;
}

/* ---- static variables ------------------------------------------------------------------------ */

int qr_percpu_register(struct qr_percpu *percpu, const void *start, size_t size)
{
    struct qr_percpu_static *unused = NULL;
    uintptr_t from = (uintptr_t)start;
    unsigned long state;
    int error = 0;

    if (!size)
        return 0;
    if (size > PAGE_SIZE << MAX_PAGE_ORDER)
        return -QR_EINVAL;
    state = qp_lock(&percpu->lock);
    for (unsigned int i = 0; i < QR_PERCPU_STATICS; i++) {
        struct qr_percpu_static *range = &percpu->range[i];
        if (!range->size) {
            unused = unused ? unused : range;
        } else if (range->start == from && range->size == size) {
            range->users++;
            goto out;
        } else if (from < range->start + range->size && range->start < from + size) {
            error = -QR_EINVAL;
            goto out;
        }
    }
    if (unused) {
        unused->users = 1;
        unused->chunk = NULL;
        unit_range_set_locked(unused, from, size);
    } else {
        error = -QR_ENOSPC;
    }
out:
    qp_unlock(&percpu->lock, state);
    return error;
}

void qr_percpu_unregister(struct qr_percpu *percpu, const void *start)
{
    struct qr_percpu_chunk *chunk = NULL;
    unsigned long state = qp_lock(&percpu->lock);

    for (unsigned int i = 0; i < QR_PERCPU_STATICS; i++) {
        struct qr_percpu_static *range = &percpu->range[i];
        if (!range->size || range->start != (uintptr_t)start || --range->users)
            continue;
        unit_range_set_locked(range, 0, 0);
        chunk = range->chunk;
        range->chunk = NULL;
    }
    qp_unlock(&percpu->lock, state);
    if (chunk)
        qr_percpu_chunk_delete(percpu, chunk);
}

void qr_percpu_clear(struct qr_percpu *percpu)
{
    struct qr_percpu_static range[QR_PERCPU_STATICS];

    memcpy(range, percpu->range, sizeof(range));
    memset(percpu, 0, sizeof(*percpu));
    for (unsigned int i = 0; i < QR_PERCPU_STATICS; i++)
        range[i].chunk = NULL;
    memcpy(percpu->range, range, sizeof(range));
}
