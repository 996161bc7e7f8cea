/* SPDX-License-Identifier: MIT */
/* check/trace: backtraces by number, and owner records.
 *
 * Problem. With owner tracking every object keeps two backtraces of up to 16 addresses: 256 bytes
 * behind each. But a program has few different ones.
 *
 * Idea. Each different trace is kept once, in one fixed region, and known by a 32-bit handle: its
 * place in the region in units of 8 bytes. A hash table of chains finds a trace that is there
 * already. Records never move, change or go away, so looking up takes no lock: a record is complete
 * before its bucket shows it.
 *
 *     memory | bucket 0 | bucket 1 | ... | unused 8 bytes | record | record | ...   free        |
 *                                          ^ region, offset 0                ^ used       ^ size
 *     record = next handle in the chain | hash | nr | - | pc[nr]
 *
 * Invariants. T1: a handle is 0 or the offset / 8 of a whole record below `used`. T2: no two
 * records hold the same addresses. T3: records below `used` are never written again.
 *
 * Locks. traces->lock, for adding; nothing is taken inside it. Never sleeps.
 *
 * Limits. When the region is full, new traces are dropped (and counted) and their handle is 0. */
#include "check.h"

struct trace_record {
    u32 next, hash, nr, unused;
    const void *pc[];
};

/* A record has 16 bytes of head and commonly 8 to 12 addresses, about 96 bytes; a bucket for each
 * 128 bytes keeps chains at about one and costs 3 % of the memory. */
#define TRACE_BYTES_PER_BUCKET 128

void qr_trace_now(struct quarry_trace *trace)
{
    trace->nr = qp_backtrace(trace->pc, QUARRY_TRACE_MAX);
}

/* Give @size bytes of zeroed @memory (8-byte aligned) to the depot. Too little memory leaves it
 * without a region: every handle is 0. Context: boot. */
void qr_traces_init(struct qr_traces *traces, void *memory, size_t size)
{
    size_t buckets = 2;

    *traces = (struct qr_traces){0};
    size = QR_MIN(size, (size_t)0xfffffff8u);
    if (size < 1024)
        return;
    while (buckets * 2 * TRACE_BYTES_PER_BUCKET <= size)
        buckets *= 2;
    traces->bucket = memory;
    traces->bucket_mask = (u32)buckets - 1;
    traces->region = (u8 *)memory + buckets * sizeof(u32);
    traces->size = (u32)(size - buckets * sizeof(u32));
    traces->used = 8; /* so that no handle is 0 */
}

static struct trace_record *trace_record_at(const struct qr_traces *traces, u32 handle)
{
    return (struct trace_record *)(void *)(traces->region + (size_t)handle * 8);
}

static u32 trace_hash(const struct quarry_trace *trace)
{
    u64 hash = trace->nr;

    for (unsigned int i = 0; i < trace->nr; i++) {
        hash ^= (uintptr_t)trace->pc[i];
        hash = qr_random(&hash);
    }
    return (u32)hash;
}

static u32 trace_find(const struct qr_traces *traces, const struct quarry_trace *trace, u32 hash)
{
    u32 handle = __atomic_load_n(&traces->bucket[hash & traces->bucket_mask], __ATOMIC_ACQUIRE);

    while (handle) {
        const struct trace_record *record = trace_record_at(traces, handle);

        if (record->hash == hash && record->nr == trace->nr &&
            !memcmp(record->pc, trace->pc, trace->nr * sizeof(trace->pc[0])))
            break;
        handle = record->next;
    }
    return handle;
}

static u32 trace_add_locked(struct qr_traces *traces, const struct quarry_trace *trace, u32 hash)
{
    u32 *bucket = &traces->bucket[hash & traces->bucket_mask];
    size_t bytes = sizeof(struct trace_record) + trace->nr * sizeof(trace->pc[0]);
    struct trace_record *record;
    u32 handle;

    bytes = QR_ALIGN_UP(bytes, (size_t)8);
    if (bytes > traces->size - traces->used) {
        traces->dropped++;
        return 0;
    }
    handle = traces->used / 8;
    record = trace_record_at(traces, handle);
    record->next = *bucket;
    record->hash = hash;
    record->nr = trace->nr;
    memcpy(record->pc, trace->pc, trace->nr * sizeof(trace->pc[0]));
    __atomic_store_n(&traces->used, traces->used + (u32)bytes, __ATOMIC_RELAXED);
    __atomic_store_n(bucket, handle, __ATOMIC_RELEASE);
    return handle;
}

/* Keep this moment's backtrace.
 * Context: any. Returns: its handle; 0 when it is unknown, or there is no room.
 * Cost: the backtrace and a hash look-up; a lock only for a trace never seen before. */
u32 qr_trace_save(struct qr_check *check)
{
    struct qr_traces *traces = &check->traces;
    struct quarry_trace trace;
    unsigned long state;
    u32 hash, handle;

    if (!QR_CHECKS || !traces->bucket)
        return 0;
    qr_trace_now(&trace);
    if (!trace.nr)
        return 0;
    hash = trace_hash(&trace);
    handle = trace_find(traces, &trace, hash);
    if (handle)
        return handle;
    state = qp_lock(&traces->lock);
    handle = trace_find(traces, &trace, hash);
    if (!handle)
        handle = trace_add_locked(traces, &trace, hash);
    qp_unlock(&traces->lock, state);
    return handle;
}

/* The trace behind a handle; none for 0 and for a handle that no record can have (an owner record
 * behind an object may have been overwritten). Context: any. */
void qr_trace_load(struct qr_check *check, u32 handle, struct quarry_trace *trace)
{
    const struct qr_traces *traces = &check->traces;
    u64 used = __atomic_load_n(&traces->used, __ATOMIC_RELAXED);
    const struct trace_record *record;

    trace->nr = 0;
    if (!QR_CHECKS || !handle || (u64)handle * 8 + sizeof(*record) > used)
        return;
    record = trace_record_at(traces, handle);
    if (record->nr > QUARRY_TRACE_MAX ||
        (u64)handle * 8 + sizeof(*record) + record->nr * sizeof(record->pc[0]) > used)
        return;
    trace->nr = record->nr;
    memcpy(trace->pc, record->pc, record->nr * sizeof(record->pc[0]));
}

/* Note who does something to a block, here and now. Context: any. */
void qr_owner_set(struct qr_check *check, struct qr_owner *owner, gfp_t gfp, u32 order_or_cpu)
{
    owner->trace = qr_trace_save(check);
    owner->task = qp_task_id();
    owner->when_ns = qp_now_ns();
    owner->sequence = qr_next_sequence(check);
    owner->gfp = gfp;
    owner->order_or_cpu = order_or_cpu;
}
