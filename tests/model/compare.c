/* SPDX-License-Identifier: MIT */
/* tests/model/compare: all counts agree.
 *
 * Each zone is walked frame by frame. A frame is in a free block, on a CPU's list, in a slab, a caller's (the
 * model knows), or the core's own; each of these is counted here and must be what the implementation says,
 * and together they are the managed frames:
 *
 *     free + listed + slabs + callers + the core's own = managed
 *
 * A block the model has must be a block of that order in a caller's hands. The core's own pages are what is
 * left; when the program has ended and everything is freed and drained, they are again what they were, but
 * for a stated number (compare_end). quarry_check_all() then walks the lists the other way round. */
#include "model.h"
#include "instance.h"
#include "observe/observe.h"
#include "slab/internal.h"
#include <quarry/stat.h>

struct compare_zone {
    uint64_t free, listed, slabs, callers, areas, core, managed;
};

static void compare_block(const struct m_zone *zone, struct compare_zone *sum, uint64_t pfn,
                          uint32_t flags, uint64_t pages)
{
    const struct m_range *range;

    (void)zone;
    if (flags & PGF_BUDDY) {
        sum->free += pages;
    } else if (flags & PGF_PCP) {
        sum->listed += pages;
    } else if (flags & PGF_SLAB) {
        sum->slabs += pages;
    } else if (flags & PGF_VMALLOC) {
        sum->areas += pages;
    } else {
        range = m_ranges_find(&model.physical, pfn << PAGE_SHIFT);
        if (range && model.thing[range->owner].kind >= M_PLAIN &&
            model.thing[range->owner].kind <= M_EXACT)
            sum->callers += pages;
        else
            sum->core += pages;
    }
}

/* The frames of a block from @pfn on, and what it is; 0: of no block, so the frame is lost. */
static uint64_t compare_frames(const struct m_zone *zone, uint64_t pfn, uint64_t end,
                               uint32_t *flags)
{
    const uint64_t largest = 1ull << MAX_PAGE_ORDER;

    *flags = pfn_to_page(pfn)->flags;
    if (!(*flags & PGF_TAIL) && (*flags & (PGF_SLAB | PGF_BUDDY | PGF_PCP | PGF_OWNED)))
        return 1ull << (*flags & PGF_ORDER_MASK);
    if (zone->real->nr_fresh && pfn >= zone->real->fresh_pfn && pfn % largest == 0 &&
        pfn + largest <= end) {
        *flags = PGF_BUDDY;
        return largest;
    }
    return 0;
}

static void compare_walk(struct compare_zone *sums)
{
    const struct qr_map *map = &quarry_default.map;

    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        uint64_t pfn = run->start;
        while (!run->reserved && pfn < run->end) {
            struct m_zone *zone = m_zone_of(pfn);
            uint64_t end = run->end < zone->real->end_pfn ? run->end : zone->real->end_pfn;
            uint32_t flags;
            uint64_t pages = compare_frames(zone, pfn, end, &flags);
            if (!pages)
                m_wrong("counts", "frame %#lx is in no block", (unsigned long)pfn);
            compare_block(zone, &sums[zone - model.zone], pfn, flags, pages);
            sums[zone - model.zone].managed += pages;
            pfn += pages;
        }
    }
}

static void compare_equal(const struct m_zone *zone, const char *what, uint64_t walked,
                          uint64_t said)
{
    if (walked != said)
        m_wrong("counts", "zone %u of node %d: %s: %lu pages by walking, %lu by counting",
                zone->type, zone->nid, what, (unsigned long)walked, (unsigned long)said);
}

static void compare_zone(const struct m_zone *zone, const struct compare_zone *sum)
{
    const struct zone *real = zone->real;
    struct m_state state;
    struct qr_zone_view view;
    uint64_t by_order = 0;

    m_look(&state);
    qr_zone_view(zone->real, &view);
    for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
            by_order += (uint64_t)view.blocks[order][m] << order;
    }
    compare_equal(zone, "free", sum->free, real->free_pages);
    compare_equal(zone, "free, by order", by_order, view.free_pages);
    compare_equal(zone, "listed", sum->listed, state.zone[zone - model.zone].listed);
    compare_equal(zone, "slabs", sum->slabs,
                  real->stat[QR_ZS_SLAB_UNRECLAIMABLE] + real->stat[QR_ZS_SLAB_RECLAIMABLE]);
    compare_equal(zone, "callers", sum->callers, model.caller_pages[zone - model.zone]);
    compare_equal(zone, "all", sum->managed, real->managed);
}

/* Live objects are the model's; each object in a slab was constructed once and is not destructed yet. Slabs
 * that wait for readers are no slabs of the cache any more, but their objects are not destructed. */
static void compare_cache(const struct m_cache *own)
{
    struct quarry_cache_stat stat;

    if (!own->cache)
        return;
    qr_cache_stat(own->cache, &stat);
    if (stat.active != own->live)
        m_wrong("counts", "a cache of %lu bytes has %lu live objects, says %lu of %lu",
                (unsigned long)own->size, own->live, stat.active, stat.total);
    if (own->counted &&
        (own->typesafe ? own->made - own->gone < stat.total : own->made - own->gone != stat.total))
        m_wrong("G-S11", "%lu objects constructed, %lu destructed, %lu in slabs", own->made,
                own->gone, stat.total);
}

static void compare_areas(const struct compare_zone *sums)
{
    const struct qr_vm *vm = &quarry_default.vm;
    uint64_t walked = 0;

    for (unsigned int i = 0; i < model.nr_zones; i++)
        walked += sums[i].areas;
    if (vm->nr_pages != model.area_pages || vm->nr_areas != model.areas)
        m_wrong("counts", "%lu areas of %lu pages live, not %lu of %lu", vm->nr_areas, vm->nr_pages,
                (unsigned long)model.areas, (unsigned long)model.area_pages);
    if (walked < vm->nr_pages + vm->cached.pages)
        m_wrong("counts", "%lu pages in areas, not %lu live and %lu kept", (unsigned long)walked,
                vm->nr_pages, vm->cached.pages);
}

static void compare_zones(struct compare_zone *sums)
{
    qp_hold_others();
    model.quiet = true;
    for (unsigned int i = 0; i < model.nr_zones; i++)
        sums[i] = (struct compare_zone){0};
    compare_walk(sums);
    for (unsigned int i = 0; i < model.nr_zones; i++)
        compare_zone(&model.zone[i], &sums[i]);
    compare_areas(sums);
    for (unsigned int i = 0; i < M_CACHES; i++)
        compare_cache(&model.cache[i]);
    model.quiet = false;
    qp_let_in();
}

void m_compare_counts(void)
{
    struct compare_zone sums[M_ZONES];

    compare_zones(sums);
    model.quiet = true;
    if (quarry_check_all() != 0)
        m_wrong("counts", "the implementation contradicts itself");
    model.quiet = false;
}

/* kmalloc objects that are neither on stacks nor in slabs, all that is idle given back. */
static unsigned long compare_settle(void)
{
    unsigned long live = 0;

    for (int type = 0; type < NR_KMALLOC_TYPES; type++) {
        for (unsigned int i = 1; i <= QUARRY_KMALLOC_CLASSES; i++) {
            struct kmem_cache *cache = kmalloc_caches[type][i];
            struct quarry_cache_stat stat;
            if (!cache)
                continue;
            kmem_cache_shrink(cache);
            qr_cache_stat(cache, &stat);
            live += stat.active;
        }
    }
    vm_unmap_aliases();
    drain_all_pages();
    return live;
}

static uint64_t compare_kept(void)
{
    struct compare_zone sums[M_ZONES];
    uint64_t pages = 0;

    compare_zones(sums);
    for (unsigned int i = 0; i < model.nr_zones; i++)
        pages += sums[i].core + sums[i].slabs + sums[i].areas;
    return pages;
}

void m_compare_begin(void)
{
    model.start_blocks = compare_settle();
    model.start_pages = compare_kept();
}

/* What stays: tables of stacks, the stacks themselves and their slabs, caches of kmalloc's other families. */
#define COMPARE_STAYS 64u

void m_compare_end(void)
{
    unsigned long blocks = compare_settle();

    if (model.physical.nr || model.virtual.nr)
        m_wrong("model", "%lu ranges are left",
                (unsigned long)(model.physical.nr + model.virtual.nr));
    if (blocks != model.start_blocks)
        m_wrong("counts", "%lu kmalloc blocks are live at the end, %lu at first", blocks,
                model.start_blocks);
    model.end_pages = compare_kept();
    if (model.end_pages > model.start_pages + COMPARE_STAYS)
        m_wrong("counts", "%lu pages stay in the core's hands at the end, %lu at first",
                (unsigned long)model.end_pages, (unsigned long)model.start_pages);
}
