/* SPDX-License-Identifier: MIT */
/* What the machine holds: texts in Linux's format, and walks for tools. Read only. */
#ifndef QUARRY_STAT_H
#define QUARRY_STAT_H

#include <quarry/report.h>
#include <quarry/types.h>

enum quarry_text {
    QUARRY_BUDDYINFO,
    QUARRY_PAGETYPEINFO,
    QUARRY_ZONEINFO,
    QUARRY_VMSTAT,
    QUARRY_MEMINFO,
    QUARRY_SLABINFO, /* version 2.1 */
    QUARRY_VMALLOCINFO,
    QUARRY_ALLOCINFO, /* version 1.0: bytes and calls by place of allocation (mem_profiling=1) */
    QUARRY_KMEMLEAK,  /* what the last quarry_leak_scan() did not reach, by place of allocation */
    QUARRY_TEXTS
};

/* Something allocated and not yet freed. */
enum quarry_live_kind {
    QUARRY_LIVE_OBJECT,
    QUARRY_LIVE_PAGES,
    QUARRY_LIVE_VMALLOC,
    QUARRY_LIVE_PERCPU, /* by its token; size of one instance */
    QUARRY_LIVE_DMA     /* a buffer given to a device and not taken back */
};
struct quarry_live {
    enum quarry_live_kind kind;
    const void *address;
    size_t size;                   /* bytes */
    const char *cache;             /* objects: the cache's name */
    gfp_t gfp;                     /* 0 when unknown */
    uint64_t sequence;             /* grows with every tracked allocation; 0 when unknown */
    uint64_t when_ns;              /* 0 when unknown */
    struct quarry_trace allocated; /* empty without owner tracking */
    bool lost;                     /* the last quarry_leak_scan() found nothing that leads to it */
};

struct quarry_cache_stat {
    const char *name;
    size_t object_size, slot_size;     /* bytes: asked for; taken per object */
    unsigned long active, peak, total; /* objects: in callers' hands, at most so far, in slabs */
    unsigned long slabs, objects_per_slab, pages_per_slab;
    unsigned long allocs, frees; /* counted in checked builds, else 0 */
    struct quarry_trace created; /* who made it; empty below check level 1 */
    const char *undo;            /* the function that takes it away: "kmem_cache_destroy" */
};

QUARRY_EXTERN_C_BEGIN

/* Write the text into @buffer (NUL-terminated, cut at @size); returns its full length. Any context
 * but interrupt; takes each layer's locks in turn, so the text is consistent per zone and cache. */
QUARRY_API size_t quarry_text(enum quarry_text which, char *buffer, size_t size);
/* The name it has under /proc: "buddyinfo", … */
QUARRY_API const char *quarry_text_name(enum quarry_text which);

/* Visit. The callback must not allocate from or free to Quarry; returning false ends the walk.
 * Live pages are known with owner tracking of pages (boot option page_owner=1). */
QUARRY_API void quarry_for_each_live(bool (*visit)(const struct quarry_live *, void *), void *data);
QUARRY_API void quarry_for_each_cache(bool (*visit)(const struct quarry_cache_stat *, void *),
                                      void *data);

/* Bytes in callers' hands now and at most so far (slab objects, page blocks, vmalloc areas). Objects
 * and page blocks are counted where they are tracked: with QUARRY_CHECK >= 1, objects also by
 * slab_debug=, page blocks also by page_owner=1. */
QUARRY_API uint64_t quarry_live_bytes(void);
QUARRY_API uint64_t quarry_peak_bytes(void);
/* The sequence number the next tracked allocation will get. */
QUARRY_API uint64_t quarry_sequence(void);

/* Walk every structure of the machine and count the contradictions found (each is reported). 0 is
 * health. Writes into free objects of debugged caches are reported on the way. For tests and
 * QUARRY_CHECK=3. May sleep. Calls of other threads wait until it is over, as far as the port can hold
 * them back; whoever handles the reports must not fork. */
QUARRY_API unsigned long quarry_check_all(void);

QUARRY_EXTERN_C_END

#endif
