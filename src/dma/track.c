/* SPDX-License-Identifier: MIT */
/* dma/track: which buffers are in devices' hands.
 *
 * Problem. A mapping that is never taken back, taken back twice, or with another size works on most machines
 * and fails on the one with an I/O memory unit. Nothing in the driver's own data shows it.
 *
 * Idea. With checks on (level 1 and above) each mapping has a record: device, address, size, direction, who
 * made it, and whether anybody asked if it failed. They hang in a table by address. An unmap looks for
 * the record that fits best: the same device and address, then the same size. What is left when a driver goes
 * is listed with the other live memory.
 *
 * A record that could not be had is counted; from then on an unknown mapping may be one of those, and is not
 * reported.
 *
 * Invariants. D1: a record is in the bucket of its handle. D2: nr is the number of records.
 *
 * Locks: dma->lock for the table; reports are made after it is let go. Nothing sleeps. */
#include "dma.h"

struct qr_dma_record {
    struct qr_dma_record *next;
    const void *dev;
    const void *address; /* the buffer, where the caller named it by address */
    struct qr_dma_range range;
    bool asked;
    struct qr_owner owner;
};

static const char *const track_kind[] = {
    [QR_DMA_SINGLE] = "dma_map_single",
    [QR_DMA_PAGE] = "dma_map_page",
    [QR_DMA_SG] = "dma_map_sg",
    [QR_DMA_COHERENT] = "dma_alloc_coherent",
};

static struct qr_dma_record **track_bucket(struct qr_dma *dma, dma_addr_t handle)
{
    u64 seed = handle;
    return &dma->bucket[qr_random(&seed) % QR_DMA_BUCKETS];
}

int qr_dma_init(struct qr_dma *dma, char *why, size_t why_size)
{
    const struct qr_cache_params params = {.name = "dma_mapping",
                                           .size = sizeof(struct qr_dma_record),
                                           .align = sizeof(u64),
                                           .internal = true,
                                           .slot_id = QR_NO_SLOT};
    dma->record_cache = qr_cache_create(dma->slabs, &params);
    if (dma->record_cache)
        return 0;
    qr_snprintf(why, why_size, "the machine is too small: no memory for DMA's records");
    return -QR_ENOMEM;
}

void qr_dma_note(struct qr_dma *dma, const struct qr_dma_dev *dev, const struct qr_dma_range *range,
                 const void *address)
{
    struct qr_dma_record *record, **bucket;
    unsigned long state;

    if (!qr_check_level(dma->check))
        return;
    record = qr_cache_alloc_slow(dma->record_cache, GFP_ATOMIC | __GFP_NOWARN, NUMA_NO_NODE);
    if (!record) {
        __atomic_fetch_add(&dma->missed, 1, __ATOMIC_RELAXED);
        return;
    }
    memset(record, 0, sizeof(*record));
    record->dev = dev->id;
    record->address = address;
    record->range = *range;
    record->asked = range->kind == QR_DMA_SG || range->kind == QR_DMA_COHERENT;
    qr_owner_set(dma->check, &record->owner, 0, 0);
    if (range->kind == QR_DMA_COHERENT)
        qr_live_add(dma->check, range->size);
    bucket = track_bucket(dma, range->handle);
    state = qp_lock(&dma->lock);
    record->next = *bucket;
    *bucket = record;
    dma->nr++;
    qp_unlock(&dma->lock, state);
}

/* How well a record fits: 0 not at all, 3 in everything. Page and single mappings are one kind to a
 * device. */
static unsigned int track_fit(const struct qr_dma_record *record, const struct qr_dma_dev *dev,
                              const struct qr_dma_range *range)
{
    bool coherent = range->kind == QR_DMA_COHERENT;

    if (record->dev != dev->id || record->range.handle != range->handle ||
        (record->range.kind == QR_DMA_COHERENT) != coherent)
        return 0;
    return 1u + (record->range.size == range->size) +
           (record->range.direction == range->direction && record->range.kind == range->kind);
}

static struct qr_dma_record **track_find_locked(struct qr_dma *dma, const struct qr_dma_dev *dev,
                                                const struct qr_dma_range *range)
{
    struct qr_dma_record **link = track_bucket(dma, range->handle), **best = NULL;
    unsigned int best_fit = 0;

    for (; *link; link = &(*link)->next) {
        unsigned int fit = track_fit(*link, dev, range);
        if (fit > best_fit) {
            best = link;
            best_fit = fit;
        }
    }
    return best;
}

/* Say what is wrong with an unmap; @record is the mapping it comes nearest to, or NULL. */
static QR_COLD void track_report(struct qr_dma *dma, const struct qr_dma_dev *dev,
                                 const struct qr_dma_range *range,
                                 const struct qr_dma_record *record, enum quarry_finding kind,
                                 const char *what, const char *wrong)
{
    struct quarry_trace before = {.nr = 0};
    struct quarry_report report = {.kind = kind, .rule = "G-S8", .size = range->size};

    if (record) {
        qr_trace_load(dma->check, record->owner.trace, &before);
        report.address = record->address;
    }
    if (before.nr) {
        report.before = &before;
        report.before_is = "mapped by";
    }
    qr_report(dma->check, &report, "%s(%s, %#llx, %zu bytes): %s", what,
              dev->name ? dev->name : "device", (unsigned long long)range->handle, range->size,
              wrong);
}

static const char *track_mismatch(const struct qr_dma_record *record,
                                  const struct qr_dma_range *range)
{
    const struct qr_dma_range *was = &record->range;

    if (was->kind != range->kind)
        return "it was mapped by another call of the family: each dma_map_… has its own "
               "dma_unmap_…";
    if (was->direction != range->direction)
        return "it was mapped for another direction";
    if (!record->asked)
        return "nobody asked dma_mapping_error() whether the mapping had failed: ask after each "
               "map";
    return NULL;
}

bool qr_dma_forget(struct qr_dma *dma, const struct qr_dma_dev *dev,
                   const struct qr_dma_range *range, const char *what)
{
    struct qr_dma_record record = {.next = NULL}, *found = NULL, **link;
    bool wrong_size = false, coherent = range->kind == QR_DMA_COHERENT;
    const char *mismatch;
    unsigned long state;
    char text[160];

    if (!qr_check_level(dma->check))
        return true;
    state = qp_lock(&dma->lock);
    link = track_find_locked(dma, dev, range);
    if (link) {
        record = **link;
        wrong_size = record.range.size != range->size;
        if (!wrong_size) { /* else it stays mapped */
            found = *link;
            *link = found->next;
            dma->nr--;
        }
    }
    qp_unlock(&dma->lock, state);
    if (!link) {
        if (__atomic_load_n(&dma->missed, __ATOMIC_RELAXED))
            return true;
        track_report(
            dma, dev, range, NULL, QUARRY_DOUBLE_FREE, what,
            coherent ? "this device has no such memory: it was freed before, or another device's"
                     : "this device has no such mapping: it was unmapped before, or never mapped");
        return false;
    }
    if (wrong_size) {
        qr_snprintf(text, sizeof(text), "%s with %zu bytes; nothing is changed",
                    coherent ? "it was allocated" : "it was mapped", record.range.size);
        track_report(dma, dev, range, &record, QUARRY_BAD_FREE, what, text);
        return false;
    }
    if (coherent)
        qr_live_remove(dma->check, record.range.size);
    qr_cache_free_slow(dma->slabs, dma->record_cache, found, what);
    mismatch = track_mismatch(&record, range);
    if (mismatch)
        track_report(dma, dev, range, &record, QUARRY_BAD_REQUEST, what, mismatch);
    return true;
}

void qr_dma_asked(struct qr_dma *dma, const struct qr_dma_dev *dev, dma_addr_t handle)
{
    struct qr_dma_record *record;
    unsigned long state;

    if (!qr_check_level(dma->check) || handle == DMA_MAPPING_ERROR)
        return;
    state = qp_lock(&dma->lock);
    for (record = *track_bucket(dma, handle); record; record = record->next)
        if (record->dev == dev->id && record->range.handle == handle)
            record->asked = true;
    qp_unlock(&dma->lock, state);
}

/* Whether one of the records from @record on is a mapping that holds the whole range. */
static bool track_covers(const struct qr_dma_record *record, const struct qr_dma_dev *dev,
                         const struct qr_dma_range *range)
{
    for (; record; record = record->next) {
        const struct qr_dma_range *has = &record->range;
        if (record->dev == dev->id && range->handle >= has->handle &&
            range->handle - has->handle <= has->size &&
            range->size <= has->size - (range->handle - has->handle))
            return true;
    }
    return false;
}

/* A sync may name a part of a mapping: all records are looked at when those of its first byte do not hold it.
 * Syncs are made where checks are on only. */
static bool track_is_mapped_locked(struct qr_dma *dma, const struct qr_dma_dev *dev,
                                   const struct qr_dma_range *range)
{
    bool mapped = track_covers(*track_bucket(dma, range->handle), dev, range);

    for (unsigned int i = 0; i < QR_DMA_BUCKETS && !mapped; i++)
        mapped = track_covers(dma->bucket[i], dev, range);
    return mapped;
}

void qr_dma_expect(struct qr_dma *dma, const struct qr_dma_dev *dev,
                   const struct qr_dma_range *range, const char *what)
{
    unsigned long state;
    bool mapped;

    if (!qr_check_level(dma->check))
        return;
    state = qp_lock(&dma->lock);
    mapped = track_is_mapped_locked(dma, dev, range);
    qp_unlock(&dma->lock, state);
    if (!mapped && !__atomic_load_n(&dma->missed, __ATOMIC_RELAXED))
        track_report(dma, dev, range, NULL, QUARRY_BAD_REQUEST, what,
                     "the range is not mapped for this device");
}

/* ---- walks ----------------------------------------------------------------------------------- */

unsigned long qr_dma_count(struct qr_dma *dma, const void *dev, bool all)
{
    unsigned long state = qp_lock(&dma->lock), nr = 0;

    for (unsigned int i = 0; i < QR_DMA_BUCKETS; i++)
        for (const struct qr_dma_record *record = dma->bucket[i]; record; record = record->next)
            nr += all || record->dev == dev;
    qp_unlock(&dma->lock, state);
    return nr;
}

void qr_dma_for_each_live(struct qr_dma *dma, bool (*visit)(const struct quarry_live *, void *),
                          void *data)
{
    unsigned long state = qp_lock(&dma->lock);
    bool on = true;

    for (unsigned int i = 0; i < QR_DMA_BUCKETS && on; i++) {
        const struct qr_dma_record *record = dma->bucket[i];
        for (; record && on; record = record->next) {
            struct quarry_live live = {.kind = QUARRY_LIVE_DMA,
                                       .address = record->address,
                                       .size = record->range.size,
                                       .cache = track_kind[record->range.kind],
                                       .sequence = record->owner.sequence,
                                       .when_ns = record->owner.when_ns};
            qr_trace_load(dma->check, record->owner.trace, &live.allocated);
            on = visit(&live, data);
        }
    }
    qp_unlock(&dma->lock, state);
}

unsigned long qr_dma_check(struct qr_dma *dma)
{
    struct quarry_report report = {.kind = QUARRY_CORRUPTION};
    unsigned long state = qp_lock(&dma->lock), nr = 0, wrong = 0;

    for (unsigned int i = 0; i < QR_DMA_BUCKETS; i++) {
        for (const struct qr_dma_record *record = dma->bucket[i]; record; record = record->next) {
            nr++;
            wrong += track_bucket(dma, record->range.handle) != &dma->bucket[i];
        }
    }
    wrong += nr != dma->nr;
    qp_unlock(&dma->lock, state);
    if (wrong)
        qr_report(dma->check, &report, "DMA: %lu contradictions in the table of mappings", wrong);
    return wrong;
}
