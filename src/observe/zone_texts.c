/* SPDX-License-Identifier: MIT */
/* observe/zone_texts: buddyinfo, pagetypeinfo and zoneinfo, in the formats that proc(5) and the
 * documentation of /proc show.
 *
 * Zones appear in the order of their nodes and, in a node, from low to high. Every text is made of
 * lines that name node and zone first, since that is what its readers look for:
 *
 *     Node 0, zone      DMA      1      0      1 ...     buddyinfo: free blocks by order
 *
 * Locks: each zone's, for a copy of its counts; nothing is formatted under a lock. Never sleeps. */
#include "observe.h"

size_t qr_buddyinfo_text(struct quarry *q, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};

    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        struct zone *zone = &q->zones.zone[i];
        struct qr_zone_view view;

        qr_zone_view(zone, &view);
        qr_text_add(&text, "Node %u, zone %8s ", zone->nid, zone->name);
        for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
            unsigned long blocks = 0;

            for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
                blocks += view.blocks[order][type];
            qr_text_add(&text, "%6lu ", blocks);
        }
        qr_text_add(&text, "\n");
    }
    return text.length;
}

/* ---- pagetypeinfo --------------------------------------------------------------------------- */

static const char *const mobility_name[MIGRATE_TYPES] = {
    [MIGRATE_UNMOVABLE] = "Unmovable",
    [MIGRATE_MOVABLE] = "Movable",
    [MIGRATE_RECLAIMABLE] = "Reclaimable",
};

static void pagetype_add_free(struct qr_text *text, struct zone *zone)
{
    struct qr_zone_view view;

    qr_zone_view(zone, &view);
    for (unsigned int type = 0; type < MIGRATE_TYPES; type++) {
        qr_text_add(text, "Node %4u, zone %8s, type %12s ", zone->nid, zone->name,
                    mobility_name[type]);
        for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
            qr_text_add(text, "%6lu ", (unsigned long)view.blocks[order][type]);
        qr_text_add(text, "\n");
    }
}

/* Count the page blocks of a zone by mobility; a block belongs to the zone that has its first
 * existing frame in the zone's span. Two runs may share a block, which counts once. */
static void pagetype_count_blocks(const struct qr_map *map, const struct zone *zone,
                                  unsigned long blocks[MIGRATE_TYPES])
{
    u64 next = 0; /* the first frame behind the last block counted */

    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        u64 pfn = QR_MAX(QR_MAX(run->start, zone->start_pfn), next);
        u64 end = QR_MIN(run->end, zone->end_pfn);

        if (run->nid != zone->nid)
            continue;
        for (; pfn < end; pfn = next) {
            blocks[qr_block_mobility(map, pfn)]++;
            next = QR_ALIGN_DOWN(pfn, QR_BLOCK_PAGES) + QR_BLOCK_PAGES;
        }
    }
}

static void pagetype_add_blocks(struct qr_text *text, const struct qr_map *map,
                                const struct zone *zone)
{
    unsigned long blocks[MIGRATE_TYPES] = {0};

    pagetype_count_blocks(map, zone, blocks);
    qr_text_add(text, "Node %u, zone %8s ", zone->nid, zone->name);
    for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
        qr_text_add(text, "%12lu ", blocks[type]);
    qr_text_add(text, "\n");
}

size_t qr_pagetypeinfo_text(struct quarry *q, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};

    qr_text_add(&text, "Page block order: %d\nPages per block:  %lu\n\n", QR_BLOCK_ORDER,
                QR_BLOCK_PAGES);
    qr_text_add(&text, "%-43s ", "Free pages count per migrate type at order");
    for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
        qr_text_add(&text, "%6u ", order);
    qr_text_add(&text, "\n");
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        pagetype_add_free(&text, &q->zones.zone[i]);
    qr_text_add(&text, "\n%-21s ", "Number of blocks type");
    for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
        qr_text_add(&text, "%12s ", mobility_name[type]);
    qr_text_add(&text, "\n");
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        pagetype_add_blocks(&text, &q->map, &q->zones.zone[i]);
    return text.length;
}

/* ---- zoneinfo ------------------------------------------------------------------------------- */

const char *const qr_absent_zone_stats[] = {"nr_zone_inactive_anon",
                                            "nr_zone_active_anon",
                                            "nr_zone_inactive_file",
                                            "nr_zone_active_file",
                                            "nr_zone_unevictable",
                                            "nr_zone_write_pending",
                                            "nr_mlock",
                                            "nr_free_cma",
                                            NULL};

const char *const qr_absent_node_stats[] = {"nr_inactive_anon",
                                            "nr_active_anon",
                                            "nr_inactive_file",
                                            "nr_active_file",
                                            "nr_unevictable",
                                            "nr_isolated_anon",
                                            "nr_isolated_file",
                                            "nr_anon_pages",
                                            "nr_mapped",
                                            "nr_file_pages",
                                            "nr_dirty",
                                            "nr_writeback",
                                            "nr_shmem",
                                            "nr_kernel_stack",
                                            "nr_page_table_pages",
                                            NULL};

static void zoneinfo_add_stat(struct qr_text *text, const char *name, u64 value)
{
    qr_text_add(text, "\n      %-12s %lu", name, (unsigned long)value);
}

static u64 zoneinfo_node_sum(const struct qr_zones *zones, u32 nid, enum qr_zone_stat stat)
{
    u64 sum = 0;

    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        if (zones->zone[i].nid == nid)
            sum += __atomic_load_n(&zones->zone[i].stat[stat], __ATOMIC_RELAXED);
    }
    return sum;
}

/* Once a node, in its first zone. */
static void zoneinfo_add_node(struct qr_text *text, const struct qr_zones *zones, u32 nid)
{
    qr_text_add(text, "\n  per-node stats");
    for (const char *const *name = qr_absent_node_stats; *name; name++)
        zoneinfo_add_stat(text, *name, 0);
    zoneinfo_add_stat(text, "nr_slab_reclaimable",
                      zoneinfo_node_sum(zones, nid, QR_ZS_SLAB_RECLAIMABLE));
    zoneinfo_add_stat(text, "nr_slab_unreclaimable",
                      zoneinfo_node_sum(zones, nid, QR_ZS_SLAB_UNRECLAIMABLE));
}

static void zoneinfo_add_pages(struct qr_text *text, const struct zone *zone)
{
    qr_text_add(
        text,
        "\n  pages free     %lu"
        "\n        boost    0"
        "\n        min      %lu"
        "\n        low      %lu"
        "\n        high     %lu"
        "\n        spanned  %lu"
        "\n        present  %lu"
        "\n        managed  %lu"
        "\n        cma      0",
        (unsigned long)qr_zone_free_pages(zone), (unsigned long)zone->watermark[QR_WMARK_MIN],
        (unsigned long)zone->watermark[QR_WMARK_LOW], (unsigned long)zone->watermark[QR_WMARK_HIGH],
        (unsigned long)(zone->end_pfn - zone->start_pfn), (unsigned long)zone->present,
        (unsigned long)zone->managed);
    for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
        qr_text_add(text, "%s%lu", type ? ", " : "\n        protection: (",
                    (unsigned long)zone->lowmem_reserve[type]);
    qr_text_add(text, ")");
}

static void zoneinfo_add_counts(struct qr_text *text, const struct zone *zone)
{
    zoneinfo_add_stat(text, "nr_free_pages", qr_zone_free_pages(zone));
    for (const char *const *name = qr_absent_zone_stats; *name; name++)
        zoneinfo_add_stat(text, *name, 0);
    zoneinfo_add_stat(text, "nr_vmalloc",
                      __atomic_load_n(&zone->stat[QR_ZS_VMALLOC], __ATOMIC_RELAXED));
    zoneinfo_add_stat(text, "nr_kmalloc_large",
                      __atomic_load_n(&zone->stat[QR_ZS_KMALLOC_LARGE], __ATOMIC_RELAXED));
}

/* How many pages a CPU's lists exchange with the zone at once: a quarter of what they hold at most,
 * and no more than 256 KiB. */
static u32 zoneinfo_batch(u32 limit)
{
    return QR_MIN(QR_MAX(limit / 4, 1u), 64u);
}

static void zoneinfo_add_pagesets(struct qr_text *text, const struct quarry *q,
                                  const struct zone *zone)
{
    qr_text_add(text, "\n  pagesets");
    for (unsigned int id = 0; id < q->cpus.nr_max; id++) {
        const struct qr_cpu *cpu = __atomic_load_n(&q->cpus.area[id], __ATOMIC_ACQUIRE);
        struct qr_pcp_view view;

        if (!cpu)
            continue;
        view = qr_pcp_view(cpu, zone->index);
        qr_text_add(text,
                    "\n    cpu: %u"
                    "\n              count:    %u"
                    "\n              high:     %u"
                    "\n              batch:    %u"
                    "\n  vm stats threshold: 0",
                    id, view.pages, view.limit, zoneinfo_batch(view.limit));
    }
}

size_t qr_zoneinfo_text(struct quarry *q, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};
    u32 last_nid = ~0u;

    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        const struct zone *zone = &q->zones.zone[i];

        qr_text_add(&text, "Node %u, zone %8s", zone->nid, zone->name);
        if (zone->nid != last_nid)
            zoneinfo_add_node(&text, &q->zones, zone->nid);
        last_nid = zone->nid;
        zoneinfo_add_pages(&text, zone);
        zoneinfo_add_counts(&text, zone);
        zoneinfo_add_pagesets(&text, q, zone);
        qr_text_add(&text, "\n  node_unreclaimable:  0\n  start_pfn:           %lu\n",
                    (unsigned long)zone->start_pfn);
    }
    return text.length;
}
