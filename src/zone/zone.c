/* SPDX-License-Identifier: MIT */
/* zone: from the map's runs to zones, zone lists and watermarks.
 *
 * Problem. Devices reach only low addresses, the processor's direct map only some of the rest; what
 * is scarce must not be used up by those that could use something else. And a little memory must
 * stay free at all times, for requests that cannot wait.
 *
 * Idea. The machine's limits cut physical memory into five types, and the nodes cut again: each
 * non-empty piece is a zone. For each node and each kind of request a list of zones is made once,
 * in the order in which they are tried: the node's own from the highest that is allowed downwards,
 * then those of the other nodes, nearest number first. Each zone keeps `min` pages for requests that
 * may not fail lightly, has two marks above for background reclaim, and keeps lowmem_reserve[t]
 * further pages from requests of type t that could have used a higher zone.
 *
 *     border[]   0        DMA        DMA32       NORMAL       HIGHMEM      MOVABLE      end
 *                |---------|-----------|------------|------------|------------|
 *
 * Invariants. Z1: each frame lies in at most one zone; page_zone finds it by two fields of its
 * flags, or by its number while those are not written. Z2: zones of a node are numbered upwards by
 * type. Z3: managed <= present <= end_pfn - start_pfn.
 *
 * Locks: marks are written under each zone's lock and read without. May sleep: nothing.
 * Limits: 8 nodes, 40 zones. Distance between nodes is the difference of their numbers.
 * Not here: taking pages (page_alloc.c). */
#include "internal.h"

static const char *const zone_name[MAX_NR_ZONES] = {"DMA", "DMA32", "Normal", "HighMem", "Movable"};

/* G-Z6: DMA and DMA32 256, NORMAL 32, HIGHMEM and MOVABLE none. */
static const u32 zone_default_ratio[MAX_NR_ZONES] = {256, 256, 32, 0, 0};

/* ---- zones ---------------------------------------------------------------------------------- */

static u64 zone_frame(phys_addr_t limit, u64 max)
{
    return QR_MIN(limit >> PAGE_SHIFT, max);
}

/* Borders of the types; an absent type has an empty interval. Only HIGHMEM and MOVABLE have frames without a
 * direct-map address: limits of DMA and DMA32 beyond the end of the direct map end with it. */
static void zone_borders(struct qr_zones *zones, const struct qp_machine *machine)
{
    u64 max = zones->map->max_pfn, low = zones->map->low_end;
    u64 *border = zones->border;
    /* The zones begin as zeros, and so does ZONE_DMA. */
    border[ZONE_DMA32] = zone_frame(machine->dma_limit, low);
    border[ZONE_NORMAL] = QR_MAX(border[ZONE_DMA32], zone_frame(machine->dma32_limit, low));
    border[ZONE_MOVABLE] = machine->movable_from ? zone_frame(machine->movable_from, max) : max;
    border[ZONE_MOVABLE] = QR_MAX(border[ZONE_MOVABLE], border[ZONE_NORMAL]);
    border[ZONE_HIGHMEM] = QR_MIN(low, border[ZONE_MOVABLE]);
    border[MAX_NR_ZONES] = max;
}

/* The part of a run that lies in [start, end); false: none. */
static bool zone_overlap(const struct qr_run *run, u64 *start, u64 *end)
{
    *start = QR_MAX(*start, run->start);
    *end = QR_MIN(*end, run->end);
    return *start < *end;
}

/* Frames of all nodes that exist in a zone's span. */
static u64 zone_existing(const struct qr_map *map, const struct zone *zone)
{
    u64 existing = 0;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        u64 start = zone->start_pfn, end = zone->end_pfn;
        if (zone_overlap(&map->run[i], &start, &end))
            existing += end - start;
    }
    return existing;
}

/* Add the zone of one node and type, if it has frames. */
static void zone_add(struct qr_zones *zones, u32 nid, u32 type)
{
    const struct qr_map *map = zones->map;
    struct zone *zone = &zones->zone[zones->nr_zones];

    memset(zone, 0, sizeof(*zone));
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        u64 start = zones->border[type], end = zones->border[type + 1];
        if (run->nid != nid || !zone_overlap(run, &start, &end))
            continue;
        if (!zone->present)
            zone->start_pfn = start;
        zone->end_pfn = end;
        zone->present += end - start;
        if (run->reserved)
            continue;
        zone->managed += end - start;
        if (end > map->low_end)
            zones->totalhigh += end - QR_MAX(start, map->low_end);
    }
    if (!zone->present)
        return;
    zone->index = zones->nr_zones++;
    zone->type = type;
    zone->nid = nid;
    zone->name = zone_name[type];
    zone->place = (type + 1) << PGF_ZONE_SHIFT | nid << PGF_NODE_SHIFT;
    if (zone->start_pfn < map->low_end && map->low_end < zone->end_pfn)
        zone->seam = map->low_end;
    zone->whole = zone_existing(map, zone) == zone->end_pfn - zone->start_pfn;
    zones->place_zone[zone->place >> PGF_ZONE_SHIFT] = (u8)zone->index;
    zones->totalram += zone->managed;
    zones->nr_nodes = QR_MAX(zones->nr_nodes, nid + 1);
}

/* Whether a page block has frames of another zone than @zone. */
static bool zone_block_foreign(const struct qr_zones *zones, const struct zone *zone, u64 pfn)
{
    const struct qr_map *map = zones->map;
    u64 first = QR_ALIGN_DOWN(pfn, QR_BLOCK_PAGES);
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        u64 start = first, end = first + QR_BLOCK_PAGES;
        if (!zone_overlap(run, &start, &end))
            continue;
        if (run->nid != zone->nid || start < zones->border[zone->type] ||
            end > zones->border[zone->type + 1])
            return true;
    }
    return false;
}

/* Mark the page blocks at the ends of a zone's runs that other zones have frames in (B7). */
static void zone_mark_shared(struct qr_zones *zones, const struct zone *zone, u64 start, u64 end)
{
    u64 edge[2] = {start, end - 1};
    for (unsigned int i = 0; i < 2; i++) {
        if (zone_block_foreign(zones, zone, edge[i]))
            *qr_block_byte(zones->map, edge[i]) |= QR_BLOCK_SHARED;
    }
}

static void zone_fill(struct qr_zones *zones, struct zone *zone)
{
    const struct qr_map *map = zones->map;
    zone->fresh_pfn = zone->start_pfn;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        u64 start = zone->start_pfn, end = zone->end_pfn;
        if (run->nid != zone->nid || !zone_overlap(run, &start, &end))
            continue;
        zone_mark_shared(zones, zone, start, end);
        if (!run->reserved)
            qr_buddy_add_run(zones->map, zone, start, end);
    }
}

struct zone *qr_page_zone(struct qr_zones *zones, const struct page *page)
{
    u32 place = qr_page_flags(page) & PGF_PLACE_MASK;
    u64 pfn;
    if (QR_LIKELY(place & PGF_ZONE_MASK))
        return &zones->zone[zones->place_zone[place >> PGF_ZONE_SHIFT]];
    pfn = qr_pfn(zones->map, page);
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        struct zone *zone = &zones->zone[i];
        if (pfn >= zone->start_pfn && pfn < zone->end_pfn &&
            (zones->nr_nodes == 1 || qr_pfn_node(zones->map, pfn) == zone->nid))
            return zone;
    }
    return NULL;
}

/* ---- zone lists ----------------------------------------------------------------------------- */

/* Append the zones of one node, from @type downwards. */
static void zonelist_add_node(struct qr_zones *zones, struct qr_zonelist *list, u32 nid, u32 type)
{
    for (unsigned int i = zones->nr_zones; i-- > 0;) {
        const struct zone *zone = &zones->zone[i];
        if (zone->nid == nid && zone->managed && zone->type <= type)
            list->zone[list->nr++] = (u8)zone->index;
    }
}

/* Nodes by distance from @nid: itself, nid ± 1, nid ± 2, … */
static void zonelist_make(struct qr_zones *zones, u32 nid, u32 type)
{
    struct qr_zonelist *list = &zones->list[nid][type];
    list->nr = 0;
    for (u32 distance = 0; distance < zones->nr_nodes; distance++) {
        if (nid + distance < zones->nr_nodes)
            zonelist_add_node(zones, list, nid + distance, zones->reach[type]);
        if (distance && distance <= nid)
            zonelist_add_node(zones, list, nid - distance, zones->reach[type]);
    }
}

/* The table by which the fast way goes from a mask to a zone in one step. It does not look at
 * __GFP_THISNODE, so it stays on the node. */
static void zonelist_fast(struct qr_zones *zones, u32 nid)
{
    for (gfp_t bits = 0; bits <= QR_FAST_BITS; bits++) {
        gfp_t zone_bits = bits & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);
        const struct qr_zonelist *list = &zones->list[nid][gfp_zone(bits)];
        bool odd = (zone_bits & (zone_bits - 1)) || (bits & GFP_MOVABLE_MASK) == GFP_MOVABLE_MASK;
        bool own = list->nr && zones->zone[list->zone[0]].nid == nid;
        zones->fast_zone[nid][bits] = own && !odd ? list->zone[0] : QR_NO_FAST_ZONE;
    }
}

/* A machine that names no DMA or DMA32 limit has no such zone, and every address is reachable:
 * requests for it are then ordinary ones. One that names a limit but has no memory below it cannot
 * serve them (G-Z1). */
static void zonelists_init(struct qr_zones *zones, const struct qp_machine *machine)
{
    for (u32 type = 0; type < MAX_NR_ZONES; type++) {
        bool absent = (type == ZONE_DMA && !machine->dma_limit) ||
                      (type == ZONE_DMA32 && !machine->dma32_limit);
        zones->reach[type] = (u8)(absent ? (u32)ZONE_NORMAL : type);
        for (u32 nid = 0; nid < zones->nr_nodes; nid++)
            zonelist_make(zones, nid, type);
    }
    for (u32 nid = 0; nid < zones->nr_nodes; nid++)
        zonelist_fast(zones, nid);
}

/* ---- watermarks ----------------------------------------------------------------------------- */

/* The integer square root. */
static u64 zone_root(u64 x)
{
    u64 root = 0;
    for (u64 bit = 1ull << 31; bit; bit >>= 1) {
        if ((root + bit) * (root + bit) <= x)
            root += bit;
    }
    return root;
}

/* Managed frames of the zones in the direct map: what G-W5 calls lowmem. */
static u64 zone_lowmem(const struct qr_zones *zones)
{
    u64 frames = 0;
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        if (zones->zone[i].type <= ZONE_NORMAL)
            frames += zones->zone[i].managed;
    }
    return frames;
}

/* G-W5: 4·√(lowmem KiB) KiB, 128 KiB … 256 MiB; so that a machine of less than 256 KiB can still be
 * used, no more than half of it. A set value is taken as it is. */
static u64 zone_min_pages(const struct qr_zones *zones, u64 lowmem)
{
    u64 kib = 4 * zone_root(lowmem << (PAGE_SHIFT - 10));
    if (zones->min_free_kbytes)
        return zones->min_free_kbytes >> (PAGE_SHIFT - 10);
    kib = QR_MIN(QR_MAX(kib, 128u), 256u << 10);
    return QR_MIN(kib >> (PAGE_SHIFT - 10), lowmem / 2);
}

/* High and movable memory serves no request that cannot wait: it needs only room for reclaim to
 * work in, 1/1024 of it, 32 … 128 pages, and never more than an eighth. */
static u64 zone_min_high(const struct zone *zone)
{
    u64 pages = QR_MIN(QR_MAX(zone->managed / 1024, 32u), 128u);
    return QR_MIN(pages, zone->managed / 8);
}

/* @part of @whole of @total, without overflow: all are below 2^32 frames. */
static u64 zone_share(u64 total, u64 part, u64 whole)
{
    return whole ? total * part / whole : 0;
}

static void zone_set_marks(struct qr_zones *zones, struct zone *zone, u64 min, u64 lowmem)
{
    u64 own =
        zone->type <= ZONE_NORMAL ? zone_share(min, zone->managed, lowmem) : zone_min_high(zone);
    u64 step = zones->watermark_scale_factor
                   ? QR_MAX(own / 4, zone->managed * zones->watermark_scale_factor / 10000)
                   : own / 4;
    unsigned long state = qp_lock(&zone->lock);
    __atomic_store_n(&zone->watermark[QR_WMARK_MIN], own, __ATOMIC_RELAXED);
    __atomic_store_n(&zone->watermark[QR_WMARK_LOW], own + step, __ATOMIC_RELAXED);
    __atomic_store_n(&zone->watermark[QR_WMARK_HIGH],
                     zones->watermark_scale_factor ? own + 2 * step : own + own / 2,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&zone->below_low, zone->free_pages < zone->watermark[QR_WMARK_LOW],
                     __ATOMIC_RELAXED);
    zone->reclaim_floor =
        zone_share(zones->reserve_for_reclaim_pages, zone->managed, zones->totalram);
    qp_unlock(&zone->lock, state);
}

/* G-Z6: what requests of type j must leave in this zone, by the managed pages of the node's zones
 * above it up to j. */
static void zone_set_reserve(struct qr_zones *zones, struct zone *zone)
{
    for (u32 type = 0; type < MAX_NR_ZONES; type++) {
        u32 ratio = zones->lowmem_ratio[zone->type];
        u64 above = 0;
        for (unsigned int i = 0; i < zones->nr_zones; i++) {
            const struct zone *other = &zones->zone[i];
            if (other->nid == zone->nid && other->type > zone->type && other->type <= type)
                above += other->managed;
        }
        zone->lowmem_reserve[type] = ratio ? above / ratio : 0;
    }
}

void qr_zones_set_watermarks(struct qr_zones *zones)
{
    u64 lowmem = zone_lowmem(zones), min = zone_min_pages(zones, lowmem);
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        zone_set_marks(zones, &zones->zone[i], min, lowmem);
        zone_set_reserve(zones, &zones->zone[i]);
    }
}

/* ---- boot ----------------------------------------------------------------------------------- */

static void zone_default_ratios(struct qr_zones *zones)
{
    for (unsigned int i = 0; i < MAX_NR_ZONES; i++) {
        if (zones->lowmem_ratio[i])
            return;
    }
    memcpy(zones->lowmem_ratio, zone_default_ratio, sizeof(zone_default_ratio));
}

int qr_zones_init(struct qr_zones *zones, const struct qp_machine *machine, char *why,
                  size_t why_size)
{
    zones->nr_zones = zones->nr_nodes = 0;
    zones->totalram = zones->totalhigh = 0;
    zone_borders(zones, machine);
    zone_default_ratios(zones);
    for (u32 nid = 0; nid < QR_MAX_NODES; nid++) {
        for (u32 type = 0; type < MAX_NR_ZONES; type++)
            zone_add(zones, nid, type);
    }
    if (zones->totalram == zones->totalhigh) {
        qr_snprintf(why, why_size,
                    "the machine is too small: no frame is left after %llu for the memory map",
                    (unsigned long long)zones->map->nr_map);
        return -QR_ENOMEM;
    }
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        struct zone *zone = &zones->zone[i];
        zone_fill(zones, zone);
        /* An eighth of a zone, at least 32 MiB, may keep its backing while free: less would make a
         * program that frees and allocates the same memory again pay for the pages each time. */
        zone->warm_limit = QR_MAX(zone->managed / 8, (32ull << 20) >> PAGE_SHIFT);
    }
    zonelists_init(zones, machine);
    qr_zones_set_watermarks(zones);
    qr_zones_update_hooks(zones);
    return 0;
}

void qr_zones_update_hooks(struct qr_zones *zones)
{
    u32 hooks = 0;
    if (qr_check_level(zones->check) >= 1)
        hooks |= QR_HOOK_CONTEXT;
    if (qr_fault_armed(zones->faults, QUARRY_FAIL_PAGE_ALLOC))
        hooks |= QR_HOOK_FAULT;
    if (zones->init_on_alloc)
        hooks |= QR_HOOK_INIT_ALLOC;
    if (zones->init_on_free)
        hooks |= QR_HOOK_INIT_FREE;
    if (qr_poisoning(zones) || (QR_CHECKS && zones->owner))
        hooks |= QR_HOOK_DEBUG;
    if (qr_observed(zones->check))
        hooks |= QR_HOOK_OBSERVED;
    if (qr_profiling(zones->check))
        hooks |= QR_HOOK_PROFILE;
    __atomic_store_n(&zones->hooks, hooks, __ATOMIC_RELAXED);
}

u64 qr_free_pages_total(const struct qr_zones *zones)
{
    u64 total = 0;
    for (unsigned int i = 0; i < zones->nr_zones; i++)
        total += qr_zone_free_pages(&zones->zone[i]);
    return total;
}
