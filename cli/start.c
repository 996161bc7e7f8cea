/* SPDX-License-Identifier: MIT */
/* --start: the run begins on a machine that really is in a bad state.
 *
 * Problem. Injected failures come one by one to requests that would have been served. A machine short of
 * memory fails in other places: after retries, after reclaim, in the slow ways of every layer at once.
 *
 * Idea. Before the module is loaded, take memory by the public calls until the state is there, and ask
 * the machine's own buddyinfo and zoneinfo whether it is. Nothing is simulated: every later request
 * meets the watermarks and free lists as they are.
 *
 *     exhausted       everything that an ordinary request gets (down to min), of every zone
 *     reserve-empty   and then the reserves, as who has __GFP_MEMALLOC gets them
 *     dma-full        every page of the DMA zone
 *     fragmented=N    every block of order N - 1, and then the upper half of each pair goes
 *                     back: half of memory is free, and no two free blocks can be joined
 *
 * Blocks are taken from the largest order down, so that few calls take much. Afterwards all goes back,
 * and the machine must have as many free pages more as were held, and be sound. */
#include "start.h"
#include "zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quarry/gfp.h>
#include <quarry/page.h>
#include <quarry/stat.h>

struct held {
    struct page *page;
    unsigned int order;
};

static struct held *held_blocks;
static size_t nr_held, held_room;
static uint64_t held_pages;

/* ---- what is asked for ------------------------------------------------------------------------- */

static bool start_state(const char *text, struct start *start)
{
    static const struct {
        const char *name;
        enum start_state state;
    } table[] = {{"exhausted", START_EXHAUSTED},
                 {"reserve-empty", START_RESERVE_EMPTY},
                 {"dma-full", START_DMA_FULL}};
    char rest;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        start->state = table[i].state;
        if (strcmp(text, table[i].name) == 0)
            return true;
    }
    start->state = START_FRAGMENTED;
    return sscanf(text, "fragmented=%u%c", &start->order, &rest) == 1 && start->order >= 1 &&
           start->order <= MAX_PAGE_ORDER;
}

struct start start_parse(const char *text)
{
    struct start start = {0};
    char *copy = cli_copy(text), *comma = strchr(copy, ',');
    bool known;

    if (comma) {
        *comma = '\0';
        start.after_init = strcmp(comma + 1, "after-init") == 0;
    }
    known = start_state(copy, &start) && (!comma || start.after_init);
    free(copy);
    if (!known)
        cli_die(CLI_USAGE,
                "--start: \"%s\" is none of exhausted, fragmented=ORDER (1 to %d), reserve-empty, "
                "dma-full, with or without \",after-init\"",
                text, MAX_PAGE_ORDER);
    return start;
}

/* ---- taking and giving ------------------------------------------------------------------------- */

static void held_add(struct page *page, unsigned int order)
{
    held_blocks = cli_grow(held_blocks, &held_room, nr_held + 1, sizeof(*held_blocks));
    held_blocks[nr_held++] = (struct held){page, order};
    held_pages += 1ull << order;
}

static int held_compare(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    return (x->page > y->page) - (x->page < y->page);
}

/* What reaches this zone first. */
static gfp_t zone_flags(const struct zone_text *zone)
{
    static const struct {
        const char *name;
        gfp_t flags;
    } table[] = {{"DMA", __GFP_DMA},
                 {"DMA32", __GFP_DMA32},
                 {"HighMem", __GFP_HIGHMEM},
                 {"Movable", __GFP_HIGHMEM | __GFP_MOVABLE}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(zone->name, table[i].name) == 0)
            return table[i].flags;
    }
    return 0;
}

/* All blocks of one order that such a request gets. */
static bool held_take(const struct zone_text *zone, gfp_t more, unsigned int order)
{
    gfp_t gfp = zone_flags(zone) | more | __GFP_NOWARN | __GFP_THISNODE;
    struct page *page;
    bool any = false;

    while ((page = alloc_pages_node(zone->node, gfp, order)) != NULL) {
        held_add(page, order);
        any = true;
    }
    return any;
}

/* Everything, largest first; again, until nothing comes out of the CPUs' lists any more. */
static void held_take_all(const struct zone_text *zone, gfp_t more)
{
    bool any;

    do {
        any = false;
        for (unsigned int order = MAX_PAGE_ORDER + 1; order-- > 0;)
            any |= held_take(zone, more, order);
        /* What caches keep for later use is no use to anybody else: it goes too. */
        any |= held_take(zone, more | __GFP_RECLAIM | __GFP_RETRY_MAYFAIL, 0);
        drain_all_pages();
    } while (any);
}

/* Give back the block at @i; the last one takes its place. */
static void held_give(size_t i)
{
    __free_pages(held_blocks[i].page, held_blocks[i].order);
    held_pages -= 1ull << held_blocks[i].order;
    held_blocks[i] = held_blocks[--nr_held];
}

/* ---- the machine, as it says itself ------------------------------------------------------------ */

static void machine_read(struct zones_text *zones)
{
    size_t room = 1 << 20;
    char *text = cli_alloc(room);

    memset(zones, 0, sizeof(*zones));
    quarry_text(QUARRY_ZONEINFO, text, room);
    zones_read_zoneinfo(zones, text);
    quarry_text(QUARRY_BUDDYINFO, text, room);
    zones_read_buddyinfo(zones, text);
    free(text);
}

static unsigned long machine_free(const struct zones_text *zones)
{
    unsigned long pages = 0;

    for (size_t i = 0; i < zones->nr; i++)
        pages += zone_free_pages(&zones->zone[i]);
    return pages;
}

static bool zone_is_dma(const struct zone_text *zone)
{
    return strcmp(zone->name, "DMA") == 0;
}

/* Whether the zone is as the state says. */
static bool zone_is_in(const struct zone_text *zone, const struct start *start)
{
    unsigned long pages = zone_free_pages(zone);
    unsigned int order = start->order;

    switch (start->state) {
    case START_EXHAUSTED:
        return pages <= zone->min;
    case START_RESERVE_EMPTY:
        return pages == 0;
    case START_DMA_FULL:
        return !zone_is_dma(zone) || pages == 0;
    case START_FRAGMENTED:
        while (order < zone->nr_orders && zone->free[order] == 0)
            order++;
        return order >= zone->nr_orders;
    default:
        return true;
    }
}

/* ---- states ------------------------------------------------------------------------------------ */

static void start_fragment(const struct zones_text *zones, unsigned int order)
{
    for (size_t i = zones->nr; i-- > 0;) {
        bool any = true;
        while (any) {
            any = held_take(&zones->zone[i], __GFP_MEMALLOC, order - 1);
            drain_all_pages();
        }
    }
    for (size_t i = nr_held; i-- > 0;) {
        if ((page_to_pfn(held_blocks[i].page) >> (order - 1)) & 1)
            held_give(i);
    }
    drain_all_pages();
}

static bool start_take(const struct zones_text *zones, const struct start *start)
{
    bool dma = false;

    if (start->state == START_FRAGMENTED) {
        start_fragment(zones, start->order);
        return true;
    }
    for (size_t i = zones->nr; i-- > 0;) { /* from the highest: each falls back to those below */
        const struct zone_text *zone = &zones->zone[i];
        dma |= zone_is_dma(zone);
        if (start->state == START_DMA_FULL && !zone_is_dma(zone))
            continue;
        held_take_all(zone, start->state == START_EXHAUSTED ? 0 : __GFP_MEMALLOC);
    }
    if (start->state == START_DMA_FULL && !dma)
        cli_say("--start dma-full: this machine has no DMA zone");
    return dma || start->state != START_DMA_FULL;
}

bool start_begin(const struct start *start, bool quiet)
{
    struct zones_text *zones;
    bool good;

    if (start->state == START_FRESH)
        return true;
    zones = cli_alloc(sizeof(*zones));
    machine_read(zones);
    good = start_take(zones, start);
    machine_read(zones);
    for (size_t i = 0; i < zones->nr && good; i++) {
        good = zone_is_in(&zones->zone[i], start);
        if (!good)
            cli_say("--start: zone %s of node %d does not come into that state: %lu pages are free",
                    zones->zone[i].name, zones->zone[i].node, zone_free_pages(&zones->zone[i]));
    }
    if (nr_held)
        qsort(held_blocks, nr_held, sizeof(*held_blocks), held_compare);
    if (good && !quiet)
        cli_say("start: %llu pages are held, %lu are free", (unsigned long long)held_pages,
                machine_free(zones));
    free(zones);
    return good;
}

bool start_end(void)
{
    struct zones_text *zones;
    uint64_t held = held_pages;
    unsigned long before, after;

    if (!nr_held)
        return true;
    zones = cli_alloc(sizeof(*zones));
    drain_all_pages();
    machine_read(zones);
    before = machine_free(zones);
    while (nr_held)
        held_give(nr_held - 1);
    drain_all_pages();
    machine_read(zones);
    after = machine_free(zones);
    free(zones);
    if (after - before == held && quarry_check_all() == 0)
        return true;
    cli_say("--start: %llu pages were given back, and %lu became free", (unsigned long long)held,
            after - before);
    return false;
}

bool start_holds(const void *address)
{
    struct held wanted = {NULL, 0};

    if (!nr_held || !virt_addr_valid(address))
        return false;
    wanted.page = virt_to_page(address);
    return bsearch(&wanted, held_blocks, nr_held, sizeof(wanted), held_compare) != NULL;
}

uint64_t start_held(void)
{
    return held_pages << PAGE_SHIFT;
}
