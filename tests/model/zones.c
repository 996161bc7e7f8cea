/* SPDX-License-Identifier: MIT */
/* tests/model/zones: frames, zones, marks and reserves, from the machine's description.
 *
 * A frame's zone follows from its address alone:
 *
 *     0 ... dma_limit ... dma32_limit ... low_limit ... movable_from ... end
 *        DMA           DMA32         NORMAL        HIGHMEM          MOVABLE
 *
 * a limit of 0 means that there is no such zone. The only number taken from the implementation is how many
 * frames of a zone are managed, since what boot needs for itself is its own affair; marks and reserves are
 * then computed here once more (G-W5, G-Z6) and must be the same. */
#include "model.h"
#include "instance.h"

static const unsigned int zones_ratio[MAX_NR_ZONES] = {256, 256, 32, 0, 0};

static enum zone_type zones_type(phys_addr_t address)
{
    const struct sim_config *config = &model.machine->config;

    if (address < config->dma_limit)
        return ZONE_DMA;
    if (address < config->dma32_limit)
        return ZONE_DMA32;
    if (config->movable_from && address >= config->movable_from)
        return ZONE_MOVABLE;
    if (config->low_limit && address >= config->low_limit)
        return ZONE_HIGHMEM;
    return ZONE_NORMAL;
}

static int zones_node(phys_addr_t address)
{
    for (unsigned int i = 0; i < model.machine->config.nr_regions; i++) {
        const struct quarry_region *region = &model.machine->region[i];
        if (address >= region->start && address < region->start + region->size)
            return region->nid;
    }
    return -1;
}

static struct m_zone *zones_find(enum zone_type type, int nid)
{
    for (unsigned int i = 0; i < model.nr_zones; i++) {
        if (model.zone[i].type == type && model.zone[i].nid == nid)
            return &model.zone[i];
    }
    return NULL;
}

struct m_zone *m_zone_of(uint64_t pfn)
{
    phys_addr_t address = (phys_addr_t)pfn << PAGE_SHIFT;

    return zones_find(zones_type(address), zones_node(address));
}

static uint64_t zones_root(uint64_t x)
{
    uint64_t root = 0;

    while ((root + 1) * (root + 1) <= x)
        root++;
    return root;
}

/* G-W5. High and movable memory serves nobody who cannot wait: 1/1024 of it, 32 to 128 pages, at most an
 * eighth. */
static void zones_marks(uint64_t lowmem)
{
    uint64_t kib = 4 * zones_root(lowmem * 4), min, step;

    kib = kib < 128 ? 128 : kib > 256 << 10 ? 256 << 10 : kib;
    min = kib / 4 < lowmem / 2 ? kib / 4 : lowmem / 2;
    if (model.machine->min_free_kbytes)
        min = model.machine->min_free_kbytes / 4;
    for (unsigned int i = 0; i < model.nr_zones; i++) {
        struct m_zone *zone = &model.zone[i];
        if (zone->type <= ZONE_NORMAL) {
            zone->min = lowmem ? min * zone->managed / lowmem : 0;
        } else {
            uint64_t part = zone->managed / 1024;
            part = part < 32 ? 32 : part > 128 ? 128 : part;
            zone->min = part < zone->managed / 8 ? part : zone->managed / 8;
        }
        step = zone->managed * model.machine->scale_factor / 10000;
        step = model.machine->scale_factor && step > zone->min / 4 ? step : zone->min / 4;
        zone->low = zone->min + step;
        zone->high = model.machine->scale_factor ? zone->min + 2 * step : zone->min + zone->min / 2;
    }
}

/* G-Z6. */
static void zones_reserve(struct m_zone *zone)
{
    for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
        uint64_t above = 0;
        for (unsigned int i = 0; i < model.nr_zones; i++) {
            const struct m_zone *other = &model.zone[i];
            if (other->nid == zone->nid && other->type > zone->type && other->type <= type)
                above += other->managed;
        }
        zone->reserve[type] = zones_ratio[zone->type] ? above / zones_ratio[zone->type] : 0;
    }
}

static void zones_add_frame(uint64_t pfn)
{
    phys_addr_t address = (phys_addr_t)pfn << PAGE_SHIFT;
    enum zone_type type = zones_type(address);
    int nid = zones_node(address);
    struct m_zone *zone;

    if (nid < 0)
        return;
    zone = zones_find(type, nid);
    if (!zone) {
        zone = &model.zone[model.nr_zones++];
        *zone = (struct m_zone){.type = type, .nid = nid};
    }
    if ((unsigned int)nid >= model.nr_nodes)
        model.nr_nodes = (unsigned int)nid + 1;
    zone->existing++;
}

/* The implementation's zones must be these, no more and no fewer, with the same marks and reserves. */
static void zones_compare(void)
{
    const struct qr_zones *zones = &quarry_default.zones;

    if (zones->nr_zones != model.nr_zones)
        m_wrong("zones", "%u zones, not %u", zones->nr_zones, model.nr_zones);
    for (unsigned int i = 0; i < model.nr_zones; i++) {
        const struct m_zone *zone = &model.zone[i];
        const struct zone *real = zone->real;
        if (real->present != zone->existing || real->managed > zone->existing)
            m_wrong("zones", "zone %u of node %d has %lu frames, not %lu", zone->type, zone->nid,
                    (unsigned long)real->present, (unsigned long)zone->existing);
        if (real->watermark[QR_WMARK_MIN] != zone->min ||
            real->watermark[QR_WMARK_LOW] != zone->low ||
            real->watermark[QR_WMARK_HIGH] != zone->high)
            m_wrong("G-W5", "zone %u of node %d has marks %lu, %lu, %lu, not %lu, %lu, %lu",
                    zone->type, zone->nid, (unsigned long)real->watermark[0],
                    (unsigned long)real->watermark[1], (unsigned long)real->watermark[2],
                    (unsigned long)zone->min, (unsigned long)zone->low, (unsigned long)zone->high);
        for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
            if (real->lowmem_reserve[type] != zone->reserve[type])
                m_wrong("G-Z6", "zone %u of node %d keeps %lu from requests of type %u, not %lu",
                        zone->type, zone->nid, (unsigned long)real->lowmem_reserve[type], type,
                        (unsigned long)zone->reserve[type]);
        }
    }
}

void m_zones_describe(void)
{
    struct qr_zones *zones = &quarry_default.zones;
    uint64_t lowmem = 0;

    for (unsigned int i = 0; i < model.machine->config.nr_regions; i++) {
        const struct quarry_region *region = &model.machine->region[i];
        for (uint64_t at = 0; at < region->size; at += PAGE_SIZE)
            zones_add_frame((region->start + at) >> PAGE_SHIFT);
    }
    for (unsigned int i = 0; i < model.nr_zones; i++) {
        struct m_zone *zone = &model.zone[i];
        for (unsigned int j = 0; j < zones->nr_zones; j++) {
            struct zone *real = &zones->zone[j];
            if (real->type == zone->type && (int)real->nid == zone->nid)
                zone->real = real;
        }
        if (!zone->real)
            m_wrong("zones", "no zone %u on node %d", zone->type, zone->nid);
        zone->managed = zone->real->managed;
        if (zone->type <= ZONE_NORMAL)
            lowmem += zone->managed;
    }
    zones_marks(lowmem);
    for (unsigned int i = 0; i < model.nr_zones; i++)
        zones_reserve(&model.zone[i]);
    zones_compare();
}

void m_look(struct m_state *state)
{
    for (unsigned int i = 0; i < model.nr_zones; i++) {
        const struct zone *real = model.zone[i].real;
        struct m_zone_state *seen = &state->zone[i];
        unsigned int orders = 0;
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
            orders |= real->nonempty[m];
        if (real->nr_fresh)
            orders |= 1u << MAX_PAGE_ORDER;
        seen->free = real->free_pages;
        seen->largest = orders ? 31 - __builtin_clz(orders) : -1;
        seen->listed = 0;
        for (unsigned int cpu = 0; cpu < quarry_default.cpus.nr_max; cpu++) {
            const struct qr_cpu *area = quarry_default.cpus.area[cpu];
            if (area)
                seen->listed += area->pcp[real->index].pages;
        }
    }
}
