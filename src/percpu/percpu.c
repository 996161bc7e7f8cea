/* SPDX-License-Identifier: MIT */
/* percpu/percpu: memory with an instance for each CPU: allocation, free, walks.
 *
 * Problem. Counters that every CPU writes would make one cache line travel between all of them. Each CPU
 * gets an instance of its own; the instances of small blocks must lie together, or each would cost a
 * cache line of every CPU.
 *
 * Idea. Space is given out once, for all CPUs alike. A *chunk* has one *unit* of memory per CPU (unit.c);
 * an allocation takes an *area*, the same piece of every unit, and is named by a token: the chunk's number
 * and the offset, as an address in a range where nothing is mapped. Small areas share chunks of 1 KiB a
 * unit; what is larger has a chunk for itself. First fit along a list by offset: units are small, and who
 * allocates per-CPU memory does it seldom.
 *
 *     token = base + number * 32 KiB + offset
 *
 *     chunk 0     CPU 0's unit [ a . b b b . . c ]      an area is the same
 *                 CPU 1's unit [ a . b b b . . c ]      piece in each unit
 *                 CPU 7's unit      …
 *
 * Failure. An allocation succeeds only if all CPUs that exist have their instances, so that an
 * out-of-memory answer comes from here and not from an access. What comes later is unit.c's matter.
 *
 * Invariants. P1: areas of a chunk do not overlap, lie inside the unit and are in order. P2: a chunk
 * without areas is not in the table. P3: nr_areas is the sum over the chunks' lists.
 *
 * Locks. percpu->lock guards table and lists; nothing is allocated, freed or cleared under it. What may
 * sleep: allocation, by the mask; nothing else.
 *
 * Limits. 512 chunks (fewer where addresses are short); 32 KiB an instance. */
#include "internal.h"

static QR_COLD bool percpu_refuse(struct qr_percpu *percpu, const char *what, size_t size,
                                  size_t align, const char *wrong)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .size = size};
    qr_report(percpu->check, &report, "%s of %zu bytes, align %zu: %s", what, size, align, wrong);
    return false;
}

static bool percpu_request_ok(struct qr_percpu *percpu, const char *what, size_t size, size_t align)
{
    if (!size)
        return percpu_refuse(percpu, what, size, align, "a size of 0 makes no instances");
    if (size > PCPU_MIN_UNIT_SIZE)
        return percpu_refuse(
            percpu, what, size, align,
            "an instance has at most 32 KiB; allocate the large part with kvmalloc "
            "and keep a pointer to it in each instance");
    if (!QR_IS_POWER_OF_TWO(align) || align > PERCPU_MAX_ALIGNMENT)
        return percpu_refuse(percpu, what, size, align,
                             "the alignment is no power of two up to a page");
    return true;
}

static QR_COLD void *percpu_fail(struct qr_percpu *percpu, const char *what, size_t size, gfp_t gfp,
                                 const char *why)
{
    struct quarry_report report = {.kind = QUARRY_OUT_OF_MEMORY, .size = size};
    char names[192];

    if ((gfp & __GFP_NOWARN) || !qr_warn_allowed(percpu->check))
        return NULL;
    qr_gfp_names(gfp, names, sizeof(names));
    qr_report(percpu->check, &report, "%s of %zu bytes a CPU, mode:%#x(%s) failed: %s", what, size,
              gfp, names, why);
    return NULL;
}

/* ---- the first allocation -------------------------------------------------------------------- */

/* Room for tokens. Where there is no vmalloc area, the highest addresses but the last page: nothing that
 * is allocated or static lies there, and error numbers do not look like tokens. */
static uintptr_t percpu_reserve(struct qr_percpu *percpu, u32 *nr, gfp_t gfp)
{
    struct vm_struct *area;

    for (*nr = PERCPU_CHUNKS; *nr >= 16; *nr /= 2) {
        area = qr_vm_reserve(percpu->vm, *nr * PERCPU_SPAN, gfp);
        if (area)
            return (uintptr_t)area->addr;
    }
    *nr = PERCPU_CHUNKS;
    return (uintptr_t)0 - PAGE_SIZE - PERCPU_CHUNKS * PERCPU_SPAN;
}

/* The table and the addresses of tokens; false when memory is short. Of two that come first together, one
 * finds its work done. */
static bool percpu_start(struct qr_percpu *percpu, gfp_t gfp)
{
    struct page *page;
    unsigned long state;
    uintptr_t base;
    bool mine;
    u32 nr;

    if (__atomic_load_n(&percpu->nr_chunks, __ATOMIC_ACQUIRE))
        return true;
    page = qr_alloc_pages(percpu->zones, gfp | __GFP_ZERO,
                          (unsigned int)get_order(PERCPU_CHUNKS * sizeof(percpu->table[0])),
                          NUMA_NO_NODE);
    if (!page)
        return false;
    base = percpu_reserve(percpu, &nr, gfp);
    state = qp_lock(&percpu->lock);
    mine = percpu->nr_chunks == 0;
    if (mine) {
        percpu->table = qr_page_virt(percpu->zones->map, page);
        percpu->base = base;
        __atomic_store_n(&percpu->nr_chunks, nr, __ATOMIC_RELEASE);
    }
    qp_unlock(&percpu->lock, state);
    if (!mine) {
        /* In atomic context the addresses stay reserved: it happens once at most, and costs no memory. */
        struct vm_struct *area = qp_may_sleep() ? qr_find_vm_area(percpu->vm, (void *)base) : NULL;
        if (area)
            qr_free_vm_area(percpu->vm, area);
        qr_free_block(percpu->zones, page,
                      (unsigned int)get_order(PERCPU_CHUNKS * sizeof(percpu->table[0])));
    }
    return true;
}

/* ---- areas ----------------------------------------------------------------------------------- */

/* Put the area into the first gap of the chunk that holds it. */
static bool percpu_place_locked(struct qr_percpu_chunk *chunk, struct qr_percpu_area *area,
                                size_t align)
{
    struct qr_percpu_area **link = &chunk->areas;
    size_t from = 0;

    for (;;) {
        size_t end = *link ? (*link)->offset : chunk->unit_bytes;
        if (from + area->size <= end) {
            area->offset = (u32)from;
            area->next = *link;
            *link = area;
            return true;
        }
        if (!*link)
            return false;
        from = QR_ALIGN_UP((size_t)(*link)->offset + (*link)->size, align);
        link = &(*link)->next;
    }
}

/* A chunk with room for a small area, which is then in it. */
static struct qr_percpu_chunk *percpu_find_room(struct qr_percpu *percpu,
                                                struct qr_percpu_area *area, size_t align)
{
    unsigned long state = qp_lock(&percpu->lock);
    struct qr_percpu_chunk *found = NULL;

    for (u32 i = 0; i < percpu->nr_chunks && !found; i++) {
        struct qr_percpu_chunk *chunk = percpu->table[i];
        if (chunk && chunk->unit_bytes == PERCPU_SHARED_UNIT &&
            percpu_place_locked(chunk, area, align))
            found = chunk;
    }
    percpu->nr_areas += found != NULL;
    qp_unlock(&percpu->lock, state);
    return found;
}

/* A fresh chunk into the table, with its first area; false when the table is full. */
static bool percpu_enrol(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk,
                         struct qr_percpu_area *area)
{
    unsigned long state = qp_lock(&percpu->lock);
    u32 number = 0;

    while (number < percpu->nr_chunks && percpu->table[number])
        number++;
    if (number < percpu->nr_chunks) {
        chunk->number = number;
        chunk->areas = area; /* at its beginning */
        percpu->nr_areas++;
        __atomic_store_n(&percpu->table[number], chunk, __ATOMIC_RELEASE);
    }
    qp_unlock(&percpu->lock, state);
    return number < percpu->nr_chunks;
}

/* Take the area at @offset out, and the chunk too when it was the last one. */
static struct qr_percpu_area *percpu_take_out(struct qr_percpu *percpu, u32 number, size_t offset,
                                              struct qr_percpu_chunk **emptied)
{
    unsigned long state = qp_lock(&percpu->lock);
    struct qr_percpu_chunk *chunk = percpu->table[number];
    struct qr_percpu_area *area = NULL, **link = chunk ? &chunk->areas : NULL;

    *emptied = NULL;
    while (link && *link && (*link)->offset != offset)
        link = &(*link)->next;
    if (link && *link) {
        area = *link;
        *link = area->next;
        percpu->nr_areas--;
        if (!chunk->areas) {
            __atomic_store_n(&percpu->table[number], NULL, __ATOMIC_RELEASE);
            *emptied = chunk;
        }
    }
    qp_unlock(&percpu->lock, state);
    return area;
}

/* ---- allocation ------------------------------------------------------------------------------ */

/* Instances for the CPUs that exist, and for the threads that have none. */
static bool percpu_back(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk, gfp_t gfp)
{
    unsigned int shared = qr_percpu_shared_id(percpu);

    for (unsigned int id = 0; id <= shared; id++) {
        bool exists =
            id == shared || __atomic_load_n(&percpu->cpus->area[id], __ATOMIC_ACQUIRE) != NULL;
        if (exists && !qr_percpu_unit_make(percpu, chunk, id, gfp))
            return false;
    }
    return true;
}

/* The piece in all units there are. Units that come meanwhile are zero by themselves. */
static void percpu_fill(struct qr_percpu *percpu, const struct qr_percpu_chunk *chunk,
                        const struct qr_percpu_area *area, int value)
{
    for (unsigned int id = 0; id <= qr_percpu_shared_id(percpu); id++) {
        char *unit = qr_percpu_unit(chunk, id);
        if (unit)
            memset(unit + area->offset, value, area->size);
    }
}

static void percpu_drop(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk,
                        const struct qr_percpu_area *area)
{
    struct qr_percpu_chunk *emptied;

    percpu_take_out(percpu, chunk->number, area->offset, &emptied);
    if (emptied)
        qr_percpu_chunk_delete(percpu, emptied);
}

/* A place for the area: in a chunk of others, or in a new one. */
static struct qr_percpu_chunk *
percpu_chunk_for(struct qr_percpu *percpu, struct qr_percpu_area *area, size_t align, gfp_t gfp)
{
    bool small = area->size <= PERCPU_SHARED_UNIT && align <= PERCPU_SHARED_UNIT;
    struct qr_percpu_chunk *chunk = small ? percpu_find_room(percpu, area, align) : NULL;
    u32 bytes = PERCPU_SHARED_UNIT;

    if (chunk)
        return chunk;
    if (!small)
        bytes = (u32)(PAGE_SIZE << get_order(area->size));
    chunk = qr_percpu_chunk_new(percpu, bytes, gfp);
    if (!chunk || percpu_enrol(percpu, chunk, area))
        return chunk;
    qr_percpu_chunk_delete(percpu, chunk);
    return NULL;
}

static struct qr_percpu_area *percpu_area_new(struct qr_percpu *percpu, size_t size, gfp_t gfp)
{
    struct qr_percpu_area *area =
        qr_cache_alloc_slow(percpu->area_cache, gfp | __GFP_NOWARN, NUMA_NO_NODE);

    if (!area)
        return NULL;
    *area = (struct qr_percpu_area){.asked = (u32)size,
                                    .size = (u32)QR_ALIGN_UP(size, (size_t)PCPU_MIN_ALLOC_SIZE),
                                    .gfp = gfp};
    qr_owner_set(percpu->check, &area->owner, gfp, 0);
    return area;
}

void *qr_percpu_alloc(struct qr_percpu *percpu, size_t size, size_t align, gfp_t gfp,
                      const char *what)
{
    struct qr_percpu_area *area;
    struct qr_percpu_chunk *chunk;
    gfp_t quiet;

    if (!percpu_request_ok(percpu, what, size, align))
        return NULL;
    gfp = qr_slab_gfp(percpu->slabs, gfp, what) & ~(GFP_ZONEMASK | __GFP_ZERO | __GFP_COMP);
    if (qr_slab_fault(percpu->slabs, "percpu", gfp, size, what))
        return NULL;
    quiet = gfp | __GFP_NOWARN; /* one report, by this call's name */
    if (!percpu_start(percpu, quiet))
        return percpu_fail(percpu, what, size, gfp, "no page for the table of chunks");
    area = percpu_area_new(percpu, size, gfp);
    if (!area)
        return percpu_fail(percpu, what, size, gfp, "no memory for its record");
    chunk = percpu_chunk_for(percpu, area, align, quiet);
    if (!chunk || !percpu_back(percpu, chunk, quiet)) {
        if (chunk)
            percpu_drop(percpu, chunk, area);
        qr_cache_free_slow(percpu->slabs, percpu->area_cache, area, what);
        return percpu_fail(percpu, what, size, gfp,
                           chunk ? "no memory for all the CPUs that exist"
                                 : "no memory for a chunk, or all chunks are in use");
    }
    percpu_fill(percpu, chunk, area, 0);
    qr_live_add(percpu->check, area->asked);
    return (void *)(percpu->base + chunk->number * PERCPU_SPAN + area->offset);
}

/* ---- free ------------------------------------------------------------------------------------ */

static QR_COLD void percpu_bad_free(struct qr_percpu *percpu, const void *token, bool in_range)
{
    struct quarry_report report = {
        .kind = in_range ? QUARRY_DOUBLE_FREE : QUARRY_BAD_FREE, .rule = "G-S8", .address = token};
    qr_report(percpu->check, &report, "free_percpu(%p): %s", (void *)(uintptr_t)token,
              in_range
                  ? "nothing begins there: it was freed before, or this points into an "
                    "allocation and not at its start"
                  : "this did not come from alloc_percpu; what kmalloc gave goes to kfree, one "
                    "CPU's instance is freed with all the others");
}

void qr_percpu_free(struct qr_percpu *percpu, void *token)
{
    u32 nr = __atomic_load_n(&percpu->nr_chunks, __ATOMIC_ACQUIRE), number;
    uintptr_t at = (uintptr_t)token - percpu->base;
    struct qr_percpu_chunk *emptied;
    struct qr_percpu_area *area;

    if (!token)
        return;
    if (!nr || at >= (uintptr_t)nr * PERCPU_SPAN) {
        percpu_bad_free(percpu, token, false);
        return;
    }
    number = (u32)(at / PERCPU_SPAN);
    area = percpu_take_out(percpu, number, at % PERCPU_SPAN, &emptied);
    if (!area) {
        percpu_bad_free(percpu, token, true);
        return;
    }
    qr_live_remove(percpu->check, area->asked);
    if (emptied)
        qr_percpu_chunk_delete(percpu, emptied);
    qr_cache_free_slow(percpu->slabs, percpu->area_cache, area, "free_percpu");
}

/* ---- start, walks, check --------------------------------------------------------------------- */

static struct kmem_cache *percpu_cache(struct qr_percpu *percpu, const char *name, size_t size,
                                       size_t align)
{
    const struct qr_cache_params params = {
        .name = name, .size = size, .align = align, .internal = true, .slot_id = QR_NO_SLOT};
    return qr_cache_create(percpu->slabs, &params);
}

int qr_percpu_init(struct qr_percpu *percpu, char *why, size_t why_size)
{
    u32 groups = percpu->cpus->nr_max / PERCPU_GROUP + 1;

    percpu->area_cache =
        percpu_cache(percpu, "percpu_area", sizeof(struct qr_percpu_area), sizeof(u64));
    percpu->chunk_cache =
        percpu_cache(percpu, "percpu_chunk",
                     sizeof(struct qr_percpu_chunk) + groups * sizeof(void *), sizeof(u64));
    percpu->group_cache =
        percpu_cache(percpu, "percpu_group", PERCPU_GROUP * sizeof(void *), sizeof(u64));
    percpu->unit_cache =
        percpu_cache(percpu, "percpu_unit", PERCPU_SHARED_UNIT, PERCPU_SHARED_UNIT);
    if (percpu->area_cache && percpu->chunk_cache && percpu->group_cache && percpu->unit_cache) {
        percpu->unit_cache->holds_callers = true;
        return 0;
    }
    qr_snprintf(why, why_size, "the machine is too small: no memory for per-CPU memory's records");
    return -QR_ENOMEM;
}

void qr_percpu_for_each_live(struct qr_percpu *percpu,
                             bool (*visit)(const struct quarry_live *, void *), void *data)
{
    unsigned long state = qp_lock(&percpu->lock);
    bool on = true;

    for (u32 i = 0; i < percpu->nr_chunks && on; i++) {
        const struct qr_percpu_chunk *chunk = percpu->table[i];
        const struct qr_percpu_area *area = chunk ? chunk->areas : NULL;
        for (; area && on; area = area->next) {
            struct quarry_live live = {
                .kind = QUARRY_LIVE_PERCPU,
                .address = (const void *)(percpu->base + i * PERCPU_SPAN + area->offset),
                .size = area->asked,
                .gfp = area->gfp,
                .sequence = area->owner.sequence,
                .when_ns = area->owner.when_ns};
            qr_trace_load(percpu->check, area->owner.trace, &live.allocated);
            on = visit(&live, data);
        }
    }
    qp_unlock(&percpu->lock, state);
}

/* P1 and P2 of one chunk; how many areas it has. */
static unsigned long percpu_check_chunk(const struct qr_percpu_chunk *chunk, u32 number,
                                        unsigned long *areas)
{
    unsigned long wrong = chunk->number != number || !chunk->areas;
    size_t from = 0;

    for (const struct qr_percpu_area *area = chunk->areas; area; area = area->next) {
        wrong += area->offset < from || area->asked > area->size ||
                 (size_t)area->offset + area->size > chunk->unit_bytes;
        from = (size_t)area->offset + area->size;
        ++*areas;
    }
    return wrong;
}

unsigned long qr_percpu_check(struct qr_percpu *percpu)
{
    struct quarry_report report = {.kind = QUARRY_CORRUPTION};
    unsigned long state = qp_lock(&percpu->lock), wrong = 0, areas = 0;

    for (u32 i = 0; i < percpu->nr_chunks; i++)
        if (percpu->table[i])
            wrong += percpu_check_chunk(percpu->table[i], i, &areas);
    wrong += areas != percpu->nr_areas;
    qp_unlock(&percpu->lock, state);
    if (wrong)
        qr_report(percpu->check, &report, "per-CPU memory: %lu contradictions in its areas", wrong);
    return wrong;
}
