/* SPDX-License-Identifier: MIT */
/* zone: the door. The page allocator: flags → zone list → watermarks → per-CPU lists → buddy. */
#ifndef QR_ZONE_H
#define QR_ZONE_H

#include <quarry/gfp.h>
#include "../base/base.h"
#include "../base/percpu.h"
#include "../check/check.h"
#include "../fault/fault.h"
#include "../map/map.h"

#define QR_MAX_ZONES (QR_MAX_NODES * MAX_NR_ZONES)

enum qr_watermark { QR_WMARK_MIN, QR_WMARK_LOW, QR_WMARK_HIGH, QR_NR_WMARK };

/* Free blocks of one order: circular lists by mobility through page->quarry_free. */
struct qr_free_area {
    u32 head[MIGRATE_TYPES]; /* frame number of the first block, 0 = none */
    u32 nr[MIGRATE_TYPES];
};

/* Counters kept per zone, for vmstat and zoneinfo (relaxed atomics). */
enum qr_zone_stat {
    QR_ZS_SLAB_UNRECLAIMABLE,
    QR_ZS_SLAB_RECLAIMABLE,
    QR_ZS_VMALLOC,
    QR_ZS_KMALLOC_LARGE,
    QR_NR_ZONE_STATS
};

/* One zone of one node. */
struct zone {
    qp_lock_t lock; /* guards free_area, nonempty, free_pages, block mobility */
    u32 index;      /* in qr_zones.zone[] and qr_cpu.pcp[] */
    u32 type;       /* enum zone_type */
    u32 nid;
    const char *name;       /* "Normal", as zoneinfo writes it */
    u64 start_pfn, end_pfn; /* spanned */
    u64 present, managed;   /* frames that exist; that the allocator ever had */
    u64 watermark[QR_NR_WMARK];
    u64 lowmem_reserve[MAX_NR_ZONES];
    u64 free_pages;              /* on the buddy lists; written under the lock, read without */
    u32 nonempty[MIGRATE_TYPES]; /* bit per order */
    struct qr_free_area free_area[NR_PAGE_ORDERS];
    unsigned long stat[QR_NR_ZONE_STATS];
    u32 below_low; /* background reclaim was asked for this zone */
};

/* What reclaim registers (reclaim/ is beside this layer and calls into it). */
struct qr_reclaim_hooks {
    void *data;
    /* Free pages for a request that may sleep; @effort 0 = one light round. Pages freed. */
    unsigned long (*direct)(void *data, gfp_t gfp, unsigned int order, int nid,
                            unsigned int effort);
    /* A zone fell below low. Context: any. */
    void (*wake)(void *data, struct zone *zone, gfp_t gfp, unsigned int order);
    /* Last resort; pages freed. */
    unsigned long (*oom)(void *data, gfp_t gfp, unsigned int order);
};

struct qr_zonelist {
    u8 nr;
    u8 zone[QR_MAX_ZONES]; /* indices, in order of preference */
};

struct qr_zones {
    struct qr_map *map;
    struct qr_check *check;
    struct qr_faults *faults;
    struct qr_cpus *cpus;
    struct qr_reclaim_hooks reclaim;
    unsigned int nr_zones, nr_nodes;
    struct zone zone[QR_MAX_ZONES];
    struct qr_zonelist list[QR_MAX_NODES][MAX_NR_ZONES]; /* by node and gfp_zone() */
    u64 totalram, totalhigh;                             /* managed frames; of them in HIGHMEM */
    u64 min_free_kbytes;                                 /* 0: computed (G-W5) */
    u32 watermark_scale_factor;                          /* of 10,000; 0: the default steps */
    u32 lowmem_ratio[MAX_NR_ZONES];
    u64 reserve_for_reclaim_pages; /* G-W3 */
    bool init_on_alloc, init_on_free, poison;
    u32 hooks; /* != 0: every request takes the checked way (level, faults, owner, init) */
    struct qr_owner *owner;               /* by pfn - map->min_pfn, or NULL (page_owner) */
    unsigned long live_pages, peak_pages; /* in callers' hands; kept while hooks != 0 */
};

/* Boot: zones from the map's runs, free blocks on the lists, watermarks, zone lists. */
int qr_zones_init(struct qr_zones *zones, const struct qp_machine *machine, char *why,
                  size_t why_size);
void qr_zones_set_watermarks(struct qr_zones *zones);

/* alloc_pages by all rules. nid NUMA_NO_NODE: this CPU's node. Inner layers add their own flags.
 * Context: by @gfp. Returns NULL on failure, reported unless __GFP_NOWARN. */
struct page *qr_alloc_pages(struct qr_zones *zones, gfp_t gfp, unsigned int order, int nid);
/* Up to @nr single pages into @pages[]; how many. Takes zone locks once a batch. */
unsigned long qr_alloc_pages_bulk(struct qr_zones *zones, gfp_t gfp, int nid, unsigned long nr,
                                  struct page **pages);
/* Drop a reference; the last one frees (G-S9). Checks order and state (G-S8). @what names the
 * public call for reports. Context: any. */
void qr_put_pages(struct qr_zones *zones, struct page *page, unsigned int order, const char *what);
/* Free a block whose last reference is the caller's: the way for the layers above. */
void qr_free_block(struct qr_zones *zones, struct page *page, unsigned int order);
void qr_split_page(struct qr_zones *zones, struct page *page, unsigned int order);
void *qr_alloc_pages_exact(struct qr_zones *zones, size_t size, gfp_t gfp, int nid);
void qr_free_pages_exact(struct qr_zones *zones, void *virt, size_t size);

struct zone *qr_page_zone(struct qr_zones *zones, const struct page *page);
/* The request's mask after the task's scopes (G-C5); in interrupt unchanged. */
gfp_t qr_scoped_gfp(gfp_t gfp);

/* Per-CPU lists. Drain those of @cpu (owner only, or nobody runs on it) / of every CPU that can be
 * reached, asking the others to do it at their next slow path. Returns pages returned at once. */
unsigned long qr_pcp_drain_cpu(struct qr_zones *zones, struct qr_cpu *cpu);
unsigned long qr_pcp_drain_all(struct qr_zones *zones);
void qr_pcp_init_cpu(struct qr_zones *zones, struct qr_cpu *cpu);

/* Free pages in all zones / in reach of a mask. */
u64 qr_free_pages_total(const struct qr_zones *zones);
static inline void qr_zone_count(struct zone *zone, enum qr_zone_stat stat, long nr)
{
    __atomic_fetch_add(&zone->stat[stat], (unsigned long)nr, __ATOMIC_RELAXED);
}
/* "Node 0 DMA free:…kB min:…kB …" and the free blocks, to the console (G-E6, show_mem). */
void qr_show_mem(struct qr_zones *zones);
/* Re-derive every count from the lists; contradictions are reported; how many. */
unsigned long qr_zones_check(struct qr_zones *zones);

#endif
