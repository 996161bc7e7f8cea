/* SPDX-License-Identifier: MIT */
/* check: the door. Reports, context checks, traces and owner records; under every layer, knows
 * none.
 *
 * Level (QUARRY_CHECK, boot option check=): 0 only what costs nothing; 1 every call's context and
 * every free is checked; 2 also our own bookkeeping at slow paths; 3 also walks of whole
 * structures. */
#ifndef QR_CHECK_H
#define QR_CHECK_H

#include <quarry/report.h>
#include "../base/base.h"

/* Traces are kept once each: a hash table of records in one fixed region, found by a 32-bit handle.
 * 0 is "unknown" (also: the region is full). */
struct qr_traces {
    qp_lock_t lock;
    u32 *bucket;
    u32 bucket_mask;
    u8 *region;
    u32 used, size; /* bytes */
    u32 dropped;
};

/* One place in the program that allocates, by its return address, and what lives of it now. */
struct qr_site {
    const void *pc;   /* NULL: this entry is free */
    u64 bytes, calls; /* relaxed atomics */
};
/* Allocation profiling (boot option mem_profiling): a table of sites, each known by its number. 0 is
 * "not counted"; 1 stands for all sites that found no room. */
struct qr_sites {
    struct qr_site *site; /* NULL: profiling is off */
    u32 mask;             /* entries less one */
};

#define QR_MISUSE_SITES 64

/* All zeros is a valid beginning. */
struct qr_check {
    unsigned int level;
    bool watched;                              /* as the machine (quarry/port.h) … */
    qp_block_fn block;                         /* … and who is told of blocks */
    unsigned long count[QUARRY_FINDING_KINDS]; /* relaxed atomics */
    u64 sequence;                              /* numbers given to tracked allocations so far */
    unsigned long live_bytes, peak_bytes;      /* in callers' hands: tracked ones, all layers */
    qp_lock_t lock; /* guards what follows, but not the traces; nothing is taken inside it */
    quarry_report_fn hook;
    void *hook_data;
    u64 warn_window_ns; /* rate limit of "page allocation failure": start of the window … */
    u32 warn_in_window; /* … and reports in it */
    u32 misuse_next;    /* the entry below that is forgotten next */
    u32 misuse_seen[QR_MISUSE_SITES]; /* call sites already reported by qr_report_once, as hashes */
    struct qr_traces traces;
    struct qr_sites sites;
    quarry_symbol_fn symbol; /* names for addresses, or NULL; guarded by lock */
    void *symbol_data;
};

/* The level; 0 in a build without checks. */
static inline unsigned int qr_check_level(const struct qr_check *check)
{
    return QR_CHECKS ? check->level : 0;
}
/* Whether allocations are counted for their sites. */
static inline bool qr_profiling(const struct qr_check *check)
{
    return QR_CHECKS && check->sites.site;
}
/* Whether a detector in the program is told, exactly, who has which bytes … */
static inline bool qr_watched(const struct qr_check *check)
{
    return QR_CHECKS && check->watched;
}
/* … or at least when memory changes hands. */
static inline bool qr_observed(const struct qr_check *check)
{
    return QR_CHECKS && (QP_OBSERVED() || check->watched);
}

static inline void qr_note_block(const struct qr_check *check, const void *address, size_t size,
                                 enum qp_block what)
{
    if (QR_CHECKS && QR_UNLIKELY(check->block != NULL))
        check->block(address, size, what);
}

/* Report a finding: count it, offer it to the hook, print it. @report may lack text, now and kind's
 * usual fields; @format makes the text. Context: any, also with layers' locks held (it takes only
 * check->lock, and holds it neither over the hook nor over the console). Returns whether it went to
 * the console, so that further lines belong there too. */
bool qr_report(struct qr_check *check, const struct quarry_report *report, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a report whose text, `now` and console form are made already. */
bool qr_report_laid_out(struct qr_check *check, const struct quarry_report *report,
                        const char *console);
/* The same for misuse of one kind at one call site: true the first time (and then reported). */
bool qr_report_once(struct qr_check *check, const struct quarry_report *report, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));
/* Who hears of findings; findings of one kind, or (QUARRY_FINDING_KINDS) of all kinds but
 * QUARRY_OUT_OF_MEMORY. */
void qr_report_set_hook(struct qr_check *check, quarry_report_fn hook, void *data);
unsigned long qr_report_count(const struct qr_check *check, enum quarry_finding kind);
/* A line or a few to the console, no finding; at most 1,023 characters a call. */
void qr_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether another "page allocation failure" may be printed (10 in 5 seconds). */
bool qr_warn_allowed(struct qr_check *check);

/* G-C1: may this request sleep here? Reports a request that says so in atomic context, and then
 * answers false. @what names the call. */
bool qr_may_block(struct qr_check *check, gfp_t gfp, const char *what);
/* G-C3: a call that may sleep. Reports in atomic context; returns false then. */
bool qr_may_sleep_here(struct qr_check *check, const char *what);

/* Save this moment's backtrace; load one. */
u32 qr_trace_save(struct qr_check *check);
void qr_trace_load(struct qr_check *check, u32 handle, struct quarry_trace *trace);
void qr_trace_now(struct quarry_trace *trace);
/* The region for traces: @memory zeroed. */
void qr_traces_init(struct qr_traces *traces, void *memory, size_t size);

/* Names for addresses. Context: as qr_report. */
void qr_symbol_set_hook(struct qr_check *check, quarry_symbol_fn hook, void *data);
/* Up to @max frames at @pc, innermost first; 0: nobody knows. */
size_t qr_symbol_frames(struct qr_check *check, const void *pc, struct quarry_symbol *frames,
                        size_t max);
/* "    0x55d0c2a4 main demo.c:12" and a line for each call that was inlined there. */
void qr_symbol_add_lines(struct qr_check *check, struct qr_text *text, const void *pc);
/* The same to the console. */
void qr_symbol_print(struct qr_check *check, const void *pc);

/* Profiling. qr_sites_init: @memory zeroed, @size bytes; boot. The number of this moment's caller
 * (the return address outside the core), and of a given one; 0 while profiling is off. */
void qr_sites_init(struct qr_sites *sites, void *memory, size_t size);
u32 qr_site_of(struct qr_check *check, const void *pc);
u32 qr_site_here(struct qr_check *check);
/* What lives of a site grew or shrank. Context: any. No effect for site 0. */
void qr_site_count(struct qr_check *check, u32 site, long bytes, long calls);

/* A live allocation in the eyes of the leak scan (leak/): its memory, and a word that lies with its
 * owner's other records. */
struct qr_leak_block {
    void *start; /* NULL: nothing in it can be read */
    size_t size;
    u32 *word; /* QR_LEAK_*; NULL: not tracked, its memory counts as a root */
};
#define QR_LEAK_COLOUR 0x3u
#define QR_LEAK_REACHED 0x0u  /* or newer than the last scan */
#define QR_LEAK_UNSEEN 0x1u   /* nothing that points to it was found */
#define QR_LEAK_QUEUED 0x2u   /* found; its own memory is still to be looked at */
#define QR_LEAK_IS_ROOT 0x4u  /* kmemleak_not_leak: its memory is looked at in any case */
#define QR_LEAK_IGNORE 0x8u   /* kmemleak_ignore: neither reported nor looked at */
#define QR_LEAK_NO_SCAN 0x10u /* kmemleak_no_scan: holds no pointers */
typedef bool (*qr_leak_visit)(const struct qr_leak_block *block, void *data);

/* Whether the last scan found nothing that leads to the owner of this word. */
static inline bool qr_leak_is_lost(u32 word)
{
    return (word & (QR_LEAK_COLOUR | QR_LEAK_IS_ROOT | QR_LEAK_IGNORE)) == QR_LEAK_UNSEEN;
}

/* A number for a tracked allocation: 1, 2, 3, …, since 0 means "unknown". */
static inline u64 qr_next_sequence(struct qr_check *check)
{
    return __atomic_add_fetch(&check->sequence, 1, __ATOMIC_RELAXED);
}
/* The number that the next tracked allocation will get. */
static inline u64 qr_peek_sequence(const struct qr_check *check)
{
    return __atomic_load_n(&check->sequence, __ATOMIC_RELAXED) + 1;
}

/* A tracked allocation came to a caller, or went; every layer that tracks says so. */
static inline void qr_live_add(struct qr_check *check, size_t bytes)
{
    unsigned long now = __atomic_add_fetch(&check->live_bytes, bytes, __ATOMIC_RELAXED);
    unsigned long peak = __atomic_load_n(&check->peak_bytes, __ATOMIC_RELAXED);

    while (now > peak && !__atomic_compare_exchange_n(&check->peak_bytes, &peak, now, true,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}
static inline void qr_live_remove(struct qr_check *check, size_t bytes)
{
    __atomic_fetch_sub(&check->live_bytes, bytes, __ATOMIC_RELAXED);
}

/* Who did something to a block: kept behind debugged objects and, with page_owner, per frame. */
struct qr_owner {
    u32 trace; /* handle */
    u32 task;  /* qp_task_id() */
    u64 when_ns;
    u64 sequence;
    u32 gfp;
    u32 order_or_cpu;
};
void qr_owner_set(struct qr_check *check, struct qr_owner *owner, gfp_t gfp, u32 order_or_cpu);

#endif
