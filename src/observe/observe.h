/* SPDX-License-Identifier: MIT */
/* observe: the door. What the machine holds: texts in Linux's formats, totals, walks. Read only;
 * nobody but api/ includes it. */
#ifndef QR_OBSERVE_H
#define QR_OBSERVE_H

#include <quarry/stat.h>
#include "../instance.h"

/* Each writes its text into @buffer, NUL-terminated and cut at @size, and returns the text's full
 * length. Context: no-interrupt; takes the layers' locks in turn, one at a time. */
size_t qr_buddyinfo_text(struct quarry *q, char *buffer, size_t size);
size_t qr_pagetypeinfo_text(struct quarry *q, char *buffer, size_t size);
size_t qr_zoneinfo_text(struct quarry *q, char *buffer, size_t size);
size_t qr_vmstat_text(struct quarry *q, char *buffer, size_t size);
size_t qr_meminfo_text(struct quarry *q, char *buffer, size_t size);
size_t qr_slabinfo_text(struct quarry *q, char *buffer, size_t size);
size_t qr_vmallocinfo_text(struct quarry *q, char *buffer, size_t size);
size_t qr_allocinfo_text(struct quarry *q, char *buffer, size_t size);
size_t qr_kmemleak_text(struct quarry *q, char *buffer, size_t size);
/* Any of them by its number; an unknown number gives an empty text, and no name. */
size_t qr_text(struct quarry *q, enum quarry_text which, char *buffer, size_t size);
const char *qr_text_name(enum quarry_text which);

/* Sums over all zones and CPUs. Each number is right for a moment, but not all for the same one. */
struct qr_totals {
    u64 total, free, high_total, high_free; /* pages */
    u64 low_marks;                          /* sum of the zones' low watermarks */
    u64 slab_reclaimable, slab_unreclaimable, vmalloc, vmalloc_cached, kmalloc_large;
    u64 percpu_lists; /* pages on per-CPU lists: neither free nor in use */
    u64 cpus;         /* that have data of their own */
    unsigned long event[QR_NR_EVENTS];
};
void qr_totals_read(struct quarry *q, struct qr_totals *totals);
/* Pages on the lists of one CPU for one zone, and how many it may hold. */
struct qr_pcp_view {
    u32 pages, limit;
};
struct qr_pcp_view qr_pcp_view(const struct qr_cpu *cpu, unsigned int zone_index);

/* One zone's free blocks, read under its lock. */
struct qr_zone_view {
    u64 free_pages;
    u32 blocks[NR_PAGE_ORDERS][MIGRATE_TYPES];
};
void qr_zone_view(struct zone *zone, struct qr_zone_view *view);

/* What zoneinfo and vmstat say of things that this machine cannot have: a page cache, user pages,
 * swap. */
extern const char *const qr_absent_zone_stats[], *const qr_absent_node_stats[];

/* Walks and numbers behind quarry/stat.h; see there. */
void qr_for_each_live(struct quarry *q, bool (*visit)(const struct quarry_live *, void *),
                      void *data);
void qr_for_each_cache(struct quarry *q, bool (*visit)(const struct quarry_cache_stat *, void *),
                       void *data);
/* Lost allocations by place: make the groups anew from what the last scan marked; copy out one by its number
 * (a last one sums up what found no group), false behind the end. */
void qr_leaks_group_all(struct quarry *q);
bool qr_leaks_group(struct quarry *q, u32 number, struct qr_leak_group *group);
u64 qr_live_bytes(struct quarry *q);
u64 qr_peak_bytes(struct quarry *q);
u64 qr_sequence(struct quarry *q);
unsigned long qr_check_all(struct quarry *q);
size_t qr_whatis(struct quarry *q, const void *address, char *buffer, size_t size,
                 struct quarry_trace *allocated, struct quarry_trace *freed); /* quarry_whatis */

#endif
