/* SPDX-License-Identifier: MIT */
/* zone: the door. The page allocator: flags → zone list → watermarks → per-CPU lists → buddy.
 *
 * Files: buddy.c free blocks of one zone (mechanism) · zone.c zones, zone lists and watermarks ·
 * pcp.c per-CPU page lists · page_alloc.c a request's way (policy) · page_free.c references and
 * wrong frees · prepare.c what is done to a block on its way out and in · exact.c, bulk.c shapes of
 * requests · owner.c who has what · show.c, explain.c, check.c. */
#ifndef QR_ZONE_H
#define QR_ZONE_H

#include <quarry/explain.h>
#include <quarry/gfp.h>
#include <quarry/stat.h>
#include "../base/base.h"
#include "../base/percpu.h"
#include "../check/check.h"
#include "../fault/fault.h"
#include "../map/map.h"

#define QR_MAX_ZONES (QR_MAX_NODES * MAX_NR_ZONES)
#define QR_FAST_BITS (GFP_ZONEMASK | GFP_MOVABLE_MASK)
#define QR_NO_FAST_ZONE 0xffu

enum qr_watermark { QR_WMARK_MIN, QR_WMARK_LOW, QR_WMARK_HIGH, QR_NR_WMARK };

/* Free blocks of one order: circular lists by mobility through page->quarry_free. */
struct qr_free_area {
    u32 head[MIGRATE_TYPES]; /* frame number of the first block, 0 = none */
    u32 nr[MIGRATE_TYPES];
};

/* What is known of a block in a caller's hands, by its head's frame. */
struct qr_page_note {
    u32 site; /* of the allocation, for profiling */
    u32 leak; /* QR_LEAK_* */
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
    /* Read by every request, written rarely. */
    u32 index; /* in qr_zones.zone[] and qr_cpu.pcp[] */
    u32 type;  /* enum zone_type */
    u32 nid;
    u32 place;        /* the PGF_PLACE_MASK bits of its frames */
    u32 below_low;    /* from falling below low until back at high: per-CPU lists are bypassed.
                       * Kept under the lock, read without */
    bool whole;       /* every frame of the span exists (maybe in another zone) */
    const char *name; /* "Normal", as zoneinfo writes it */
    u64 start_pfn, end_pfn; /* spanned */
    u64 seam; /* end of the direct map inside the zone, which no block may cross; 0: none */
    u64 present, managed; /* frames that exist; that the allocator ever had */
    u64 watermark[QR_NR_WMARK];
    u64 lowmem_reserve[MAX_NR_ZONES];
    u64 reclaim_floor; /* its share of reserve_for_reclaim_pages (G-W3) */
    u64 warm_limit;    /* more free pages than this in big blocks go back to the host */
    unsigned long stat[QR_NR_ZONE_STATS];
    char apart[64]; /* what follows is written often: keep it off the line of what is read often */
    qp_lock_t lock; /* guards what follows and the mobility of the zone's blocks */
    u32 nonempty[MIGRATE_TYPES]; /* bit per order */
    u64 free_pages; /* in free blocks, fresh ones included; read also without the lock */
    u64 warm_pages; /* in free blocks of a page block or more that still have backing */
    /* Blocks of the largest order that were free at boot and are not listed yet: they count as free
     * (free_pages, nr_fresh), but nothing was written for them (buddy.c). */
    u64 fresh_pfn; /* the next one is at or after this frame */
    u32 nr_fresh;
    struct qr_free_area free_area[NR_PAGE_ORDERS]; /* use qr_zone_free_blocks() to count */
};

/* What reclaim registers (reclaim/ is beside this layer and calls into it). */
struct qr_reclaim_hooks {
    void *data;
    /* Free pages for a request that may sleep; @effort 0 = one light round. Pages freed. */
    unsigned long (*direct)(void *data, gfp_t gfp, unsigned int order, int nid,
                            unsigned int effort);
    /* A zone is below low. Called often while it is; context: any. */
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
    u32 hooks; /* != 0: every request takes the checked way; see qr_zones_update_hooks */
    unsigned int nr_zones, nr_nodes;
    u8 place_zone[64]; /* (flags & PGF_PLACE_MASK) >> PGF_ZONE_SHIFT: index of the zone */
    u64 border[MAX_NR_ZONES + 1]; /* frames of type t lie in [border[t], border[t + 1]) */
    u8 reach[MAX_NR_ZONES]; /* gfp_zone() to the highest type really allowed: NORMAL for DMA or
                             * DMA32 on a machine that names no such limit */
    struct qr_zonelist list[QR_MAX_NODES][MAX_NR_ZONES]; /* by node and gfp_zone() */
    /* By node and the five lowest mask bits (zone and mobility): the first zone of the list, or
     * QR_NO_FAST_ZONE when the bits contradict each other or no zone of the node is on the list. */
    u8 fast_zone[QR_MAX_NODES][QR_FAST_BITS + 1];
    u32 nr_online; /* CPUs with lists, as last counted: they share the limit of pcp.c */
    bool init_on_alloc, init_on_free, poison;
    u64 totalram, totalhigh;        /* managed frames; of them without a direct-map address */
    u64 min_free_kbytes;            /* 0: computed (G-W5) */
    u32 watermark_scale_factor;     /* of 10,000; 0: the default steps */
    u32 lowmem_ratio[MAX_NR_ZONES]; /* all zero at boot: the defaults of G-Z6 */
    u64 reserve_for_reclaim_pages;  /* G-W3 */
    struct qr_owner *owner;         /* by pfn - map->min_pfn, or NULL (page_owner) */
    struct qr_page_note *note;      /* the same for check level 1 and for profiling, or NULL */
    unsigned long live_pages;       /* in blocks noted by qr_pages_note */
    /* Registered by vm/: clear a page that has no direct-map address. NULL: requests for cleared
     * pages stay out of high memory. */
    void (*clear_high)(void *data, struct page *page);
    void *clear_high_data;
    /* Registered from above: what an address is ("in a vmalloc area", "object 3 of cache dentry"),
     * for reports; leaves @text empty when it does not know. */
    void (*describe)(void *data, const void *address, struct qr_text *text);
    void *describe_data;
    u32 waiters; /* requests that wait for pages; whoever frees wakes `freed` */
    struct qp_event freed;
    struct zone zone[QR_MAX_ZONES];
};

/* ---- boot and settings ---------------------------------------------------------------------- */

/* Boot: zones from the map's runs, free blocks, watermarks, zone lists. Fields named as settings may
 * be set before. Returns 0, or -ENOMEM with the reason. */
int qr_zones_init(struct qr_zones *zones, const struct qp_machine *machine, char *why,
                  size_t why_size);
/* Watermarks and reserves from the settings (G-W5, G-Z6); at boot, and after a setting changed. */
void qr_zones_set_watermarks(struct qr_zones *zones);
/* Whether free pages hold a pattern (page_poison). */
static inline bool qr_poisoning(const struct qr_zones *zones)
{
    return QR_CHECKS && zones->poison;
}
/* Whether requests need the checked way (check level, faults, init_on_*, poison, owners, a race
 * detector); after one of these changed. */
void qr_zones_update_hooks(struct qr_zones *zones);

/* ---- pages ---------------------------------------------------------------------------------- */

/* alloc_pages by all rules. nid NUMA_NO_NODE: this CPU's node. Inner layers add their own flags.
 * The block has one reference. Context: by @gfp. Returns NULL on failure, reported unless
 * __GFP_NOWARN. */
struct page *qr_alloc_pages(struct qr_zones *zones, gfp_t gfp, unsigned int order, int nid);
/* Up to @nr single pages into @pages[]; how many: all of them unless memory is short, and then as
 * many as there are (0: not one, reported). Takes zone locks once a batch; long physical runs, in
 * ascending order, where there are any. */
unsigned long qr_alloc_pages_bulk(struct qr_zones *zones, gfp_t gfp, int nid, unsigned long nr,
                                  struct page **pages);
/* Drop a reference; the last one frees (G-S9). Checks order and state (G-S8). @what names the
 * public call for reports. Context: any. */
void qr_put_pages(struct qr_zones *zones, struct page *page, unsigned int order, const char *what);
/* The same for put_page: @page may be a tail, the order is the block's own. */
void qr_put_page(struct qr_zones *zones, struct page *page, const char *what);
/* Take a reference; reported and without effect on a page that is nobody's. */
void qr_get_page(struct qr_zones *zones, struct page *page, const char *what);
/* Drop the layer's own reference on a block it allocated, marks of slabs cleared before or not: the
 * way for the layers above. Frees it if nobody else holds it, else the last put does. */
void qr_free_block(struct qr_zones *zones, struct page *page, unsigned int order);
void qr_split_page(struct qr_zones *zones, struct page *page, unsigned int order);
void *qr_alloc_pages_exact(struct qr_zones *zones, size_t size, gfp_t gfp, int nid);
void qr_free_pages_exact(struct qr_zones *zones, void *virt, size_t size);
/* Report @address as wrongly freed by @what, with what it really is (G-S8). */
void qr_report_bad_free(struct qr_zones *zones, const void *address, const char *what);

/* What an address is, as the end of a sentence that begins "it is". */
void qr_zones_describe(struct qr_zones *zones, const void *address, struct qr_text *text);

struct zone *qr_page_zone(struct qr_zones *zones, const struct page *page);
/* The request's mask after the task's scopes (G-C5); in interrupt unchanged. */
gfp_t qr_scoped_gfp(gfp_t gfp);

/* ---- who has what --------------------------------------------------------------------------- */

/* A block (or single page) is now in the hands of a caller outside the core: counted in live_pages
 * and recorded in the owner table until it is freed. The public calls do this while hooks != 0. */
void qr_pages_note(struct qr_zones *zones, struct page *page, unsigned int order, gfp_t gfp);
/* The record of a frame, NULL: no table. */
const struct qr_owner *qr_pages_owner(const struct qr_zones *zones, const struct page *page);
/* Visit the noted blocks; needs the owner table. False from @visit ends the walk. */
void qr_pages_for_each_live(struct qr_zones *zones,
                            bool (*visit)(const struct quarry_live *, void *), void *data);

/* The leak scan's view. The noted block that @page belongs to: false when it belongs to none. Every
 * block in use outside slabs and vmalloc areas, those of the core itself without a word. */
bool qr_pages_leak_find(struct qr_zones *zones, struct page *page, struct qr_leak_block *block);
bool qr_pages_leak_each(struct qr_zones *zones, qr_leak_visit visit, void *data);
/* kmemleak_update_trace: the record of a noted block says "allocated here, now". */
void qr_pages_retrace(struct qr_zones *zones, struct page *page);

/* ---- per-CPU lists -------------------------------------------------------------------------- */

/* Drain those of @cpu (owner only, or nobody runs on it) / of every CPU that can be reached, asking
 * the others to do it at their next slow path; the latter also gives big free blocks back to the
 * host. Returns pages returned at once. */
unsigned long qr_pcp_drain_cpu(struct qr_zones *zones, struct qr_cpu *cpu);
unsigned long qr_pcp_drain_all(struct qr_zones *zones);
/* Of a CPU that is new: its data is zeros. */
void qr_pcp_init_cpu(struct qr_zones *zones, struct qr_cpu *cpu);
/* Give the backing of free blocks of a page block or more back to the host, but for @keep pages of
 * the zone; pages given. Context: any; no locks held. */
u64 qr_zone_discard(struct qr_zones *zones, struct zone *zone, u64 keep);

/* ---- numbers -------------------------------------------------------------------------------- */

/* Free pages in all zones. */
u64 qr_free_pages_total(const struct qr_zones *zones);
static inline u64 qr_zone_free_pages(const struct zone *zone)
{
    return __atomic_load_n(&zone->free_pages, __ATOMIC_RELAXED);
}
static inline u64 qr_zone_warm_pages(const struct zone *zone)
{
    return __atomic_load_n(&zone->warm_pages, __ATOMIC_RELAXED);
}
static inline u64 qr_zone_watermark(const struct zone *zone, enum qr_watermark which)
{
    return __atomic_load_n(&zone->watermark[which], __ATOMIC_RELAXED);
}
/* Free blocks of one order and mobility, fresh ones included. Exact under the zone's lock. */
static inline u32 qr_zone_free_blocks(const struct zone *zone, unsigned int order,
                                      enum migratetype mobility)
{
    u32 nr = __atomic_load_n(&zone->free_area[order].nr[mobility], __ATOMIC_RELAXED);
    if (order == MAX_PAGE_ORDER && mobility == MIGRATE_MOVABLE)
        nr += __atomic_load_n(&zone->nr_fresh, __ATOMIC_RELAXED);
    return nr;
}
static inline void qr_zone_count(struct zone *zone, enum qr_zone_stat stat, long nr)
{
    __atomic_fetch_add(&zone->stat[stat], (unsigned long)nr, __ATOMIC_RELAXED);
}
/* Pages that a request below the low mark must leave free in a zone of min watermark @min (G-W2, G-W3). */
static inline u64 qr_mark_of(gfp_t gfp, u64 min)
{
    if (!(gfp & __GFP_HIGH))
        return min;
    return gfp & __GFP_DIRECT_RECLAIM ? min / 2 : 0;
}

/* How far a zone came towards serving a request: it stops at the first step it cannot take. */
enum qr_shortfall {
    QR_SHORT_FORBIDDEN, /* by mask or node */
    QR_SHORT_EMPTY,     /* fewer pages free than asked for */
    QR_SHORT_MARK,      /* below what the mask must leave */
    QR_SHORT_RESERVE,   /* kept for requests that have no other zone */
    QR_SHORT_BLOCK,     /* no free block is large enough */
    QR_SHORT_PASSED     /* nothing is missing, by now */
};

/* Why a request failed. Begin with gfp and order alone, add every zone, then read the text. */
struct qr_verdict {
    gfp_t gfp;
    unsigned int order;
    enum qr_shortfall step;             /* of the zone that came furthest */
    struct quarry_zone_state nearest;   /* that zone */
    struct quarry_zone_state elsewhere; /* a forbidden zone with plenty; free 0: none */
    u64 free, managed;                  /* of the zones that are allowed */
};
void qr_verdict_add(struct qr_verdict *verdict, const struct quarry_zone_state *zone);
/* The three lines of quarry_explain_failure. */
void qr_verdict_text(const struct qr_verdict *verdict, struct qr_text *text);

/* "Node 0 DMA free:…kB min:…kB …" and the free blocks, to the console (G-E6, show_mem). */
void qr_show_mem(struct qr_zones *zones);
/* Re-derive every count from the lists; contradictions are reported; how many. */
unsigned long qr_zones_check(struct qr_zones *zones);

#endif
