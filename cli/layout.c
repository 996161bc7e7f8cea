/* SPDX-License-Identifier: MIT */
/* quarry layout: the address-space picture of a machine.
 *
 * The machine is booted and asked: every number below is one that kmalloc(), vmalloc() and kmap() of that
 * machine work with. The ranges are cut where something begins or ends: the direct map at the zones'
 * borders and around mem_map, then the hole, vmalloc, the kmap window and the fixed mappings. */
#include "layout.h"
#include "help.h"
#include "options.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quarry/boot.h>
#include <quarry/page.h>
#include <quarry/stat.h>

struct layout_options {
    struct quarry_machine machine;
    const char *svg;
    bool json;
};

static const char *const layout_known[] = {"--profile", "--ram",  "--cpus", "--nodes", "--svg",
                                           "--json",    "--help", "-h",     NULL};

static void layout_parse(struct layout_options *options, int argc, char **argv)
{
    memset(options, 0, sizeof(*options));
    for (int i = 1; i < argc; i++) {
        if (options_machine(&options->machine, argc, argv, &i))
            continue;
        if (options_is(argv[i], "--svg")) {
            options->svg = options_value(argc, argv, &i);
        } else if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help_layout();
            exit(CLI_CLEAN);
        } else if (argv[i][0] == '-') {
            options_unknown("layout", argv[i], layout_known);
        } else {
            cli_die(CLI_USAGE, "layout takes no file: \"%s\"; see `quarry layout --help`", argv[i]);
        }
    }
}

/* ---- from the live machine --------------------------------------------------------------------- */

static struct layout_range *layout_add(struct layout *layout, uint64_t from, uint64_t to,
                                       enum layout_kind kind, const char *name)
{
    struct layout_range *range = &layout->range[layout->nr];

    if (from >= to || layout->nr == LAYOUT_RANGES)
        return NULL;
    layout->nr++;
    *range = (struct layout_range){.from = from, .to = to, .kind = kind, .name = name};
    return range;
}

/* One zone's part of the direct map, mem_map cut out of it where it lies there. */
static void layout_add_direct(struct layout *layout, uint64_t from, uint64_t to, const char *zone)
{
    uint64_t map = layout->map_start, end = map + layout->map_frames * sizeof(struct page);
    struct layout_range *range;

    if (map >= from && map < to) {
        if (end > to)
            end = to;
        range = layout_add(layout, from, map, LAYOUT_DIRECT, "direct map");
        if (range)
            snprintf(range->note, sizeof(range->note), "zone %s", zone);
        range = layout_add(layout, map, end, LAYOUT_MEM_MAP, "mem_map");
        if (range)
            snprintf(range->note, sizeof(range->note), "%" PRIu64 " descriptors of %zu bytes",
                     layout->map_frames, sizeof(struct page));
        from = end;
    }
    range = layout_add(layout, from, to, LAYOUT_DIRECT, "direct map");
    if (range)
        snprintf(range->note, sizeof(range->note), "zone %s", zone);
}

static void layout_direct(struct layout *layout)
{
    uint64_t at = layout->page_offset;

    for (size_t i = 0; i < layout->zones.nr; i++) {
        const struct zone_text *zone = &layout->zones.zone[i];
        uint64_t end = layout->page_offset + ((uint64_t)(zone->start_pfn + zone->spanned) << 12);
        if (end > layout->direct_end)
            end = layout->direct_end;
        if (end <= at)
            continue;
        layout_add_direct(layout, at, end, zone->name);
        at = end;
    }
    if (at < layout->direct_end)
        layout_add_direct(layout, at, layout->direct_end, "?");
}

static void layout_upper(struct layout *layout)
{
    /* On a machine whose addresses end at 4 GiB the last 128 KiB are kept for fixed mappings; what lies
     * before them belongs to kmap_local. */
    const uint64_t end = 1ull << 32, last = end - (128 << 10);
    uint64_t local_end = layout->fixed_top;
    struct layout_range *range;

    layout_add(layout, layout->direct_end, layout->vmalloc_start, LAYOUT_HOLE, "hole");
    layout_add(layout, layout->vmalloc_start, layout->vmalloc_end, LAYOUT_VMALLOC, "vmalloc");
    if (layout->pkmap_end <= layout->pkmap_start)
        return; /* all memory is mapped directly */
    layout_add(layout, layout->vmalloc_end, layout->pkmap_start, LAYOUT_HOLE, "hole");
    layout_add(layout, layout->pkmap_start, layout->pkmap_end, LAYOUT_KMAP, "kmap window");
    layout_add(layout, layout->pkmap_end, layout->fixed_start, LAYOUT_HOLE, "hole");
    if (layout->fixed_top <= end && layout->fixed_top > last)
        local_end = last;
    layout_add(layout, layout->fixed_start, local_end, LAYOUT_KMAP, "kmap_local slots");
    if (local_end == last) {
        range = layout_add(layout, last, end, LAYOUT_FIXED, "fixed mappings");
        if (range)
            snprintf(range->note, sizeof(range->note), "FIXADDR_TOP %" PRIX64, layout->fixed_top);
    }
}

static void layout_read(struct layout *layout, const struct quarry_machine *machine)
{
    size_t room = 64 << 10;
    char *text = cli_alloc(room);

    quarry_text(QUARRY_ZONEINFO, text, room);
    zones_read_zoneinfo(&layout->zones, text);
    free(text);
    layout->profile = machine->profile           ? machine->profile
                      : getenv("QUARRY_PROFILE") ? getenv("QUARRY_PROFILE")
                                                 : "modern";
    layout->nodes = machine->nodes ? machine->nodes : 1;
    layout->ram = (uint64_t)get_num_physpages() << PAGE_SHIFT;
    layout->page_offset = quarry_layout(QUARRY_PAGE_OFFSET);
    layout->direct_end = quarry_layout(QUARRY_HIGH_MEMORY);
    layout->map_start = quarry_layout(QUARRY_MEM_MAP);
    layout->map_frames = quarry_layout(QUARRY_MAX_MAPNR);
    layout->vmalloc_start = quarry_layout(QUARRY_VMALLOC_START);
    layout->vmalloc_end = quarry_layout(QUARRY_VMALLOC_END);
    layout->pkmap_start = quarry_layout(QUARRY_PKMAP_BASE);
    layout->pkmap_end = quarry_layout(QUARRY_PKMAP_END);
    layout->fixed_start = quarry_layout(QUARRY_FIXADDR_START);
    layout->fixed_top = quarry_layout(QUARRY_FIXADDR_TOP);
    layout_direct(layout);
    layout_upper(layout);
}

/* ---- as text ----------------------------------------------------------------------------------- */

/* What begins at this address. */
static const char *layout_border(const struct layout *layout, uint64_t address)
{
    if (address == layout->page_offset)
        return "PAGE_OFFSET";
    if (address == layout->direct_end)
        return "high_memory";
    if (address == layout->vmalloc_start)
        return "VMALLOC_START";
    if (address == layout->vmalloc_end)
        return "VMALLOC_END";
    if (address == layout->map_start)
        return "mem_map";
    if (layout->pkmap_end > layout->pkmap_start) {
        if (address == layout->pkmap_start)
            return "PKMAP_BASE";
        if (address == layout->fixed_start)
            return "FIXADDR_START";
        if (address == layout->fixed_top)
            return "FIXADDR_TOP";
    }
    return "";
}

static void layout_print_border(const struct layout *layout, uint64_t address, int digits)
{
    printf("  %0*" PRIX64
           "  +----------------------------------------------------------------+ %s\n",
           digits, address, layout_border(layout, address));
}

static void layout_print_zones(const struct layout *layout)
{
    printf("\nphysical memory\n  %-6s %-8s %14s %14s %12s %12s\n", "node", "zone", "from", "to",
           "present", "managed");
    for (size_t i = 0; i < layout->zones.nr; i++) {
        const struct zone_text *zone = &layout->zones.zone[i];
        char size[48], managed[48];
        printf("  %-6d %-8s %#14" PRIx64 " %#14" PRIx64 " %12s %12s\n", zone->node, zone->name,
               (uint64_t)zone->start_pfn << 12, (uint64_t)(zone->start_pfn + zone->spanned) << 12,
               cli_bytes(size, sizeof(size), (uint64_t)zone->present << 12),
               cli_bytes(managed, sizeof(managed), (uint64_t)zone->managed << 12));
    }
}

static void layout_print(const struct layout *layout)
{
    int digits = layout->range[layout->nr - 1].to > 1ull << 32 ? 12 : 8;
    char size[48];

    printf("%s machine, %s of memory, %u node%s\n\nvirtual addresses\n", layout->profile,
           cli_bytes(size, sizeof(size), layout->ram), layout->nodes,
           layout->nodes == 1 ? "" : "s");
    layout_print_border(layout, layout->range[layout->nr - 1].to, digits);
    for (size_t i = layout->nr; i-- > 0;) {
        const struct layout_range *range = &layout->range[i];
        printf("  %*s  | %-17s %10s  %-33s|\n", digits, "", range->name,
               cli_bytes(size, sizeof(size), range->to - range->from), range->note);
        layout_print_border(layout, range->from, digits);
    }
    layout_print_zones(layout);
}

/* ---- as JSON ----------------------------------------------------------------------------------- */

static json_t *layout_json_ranges(const struct layout *layout)
{
    json_t *list = json_array();

    for (size_t i = 0; i < layout->nr; i++) {
        const struct layout_range *range = &layout->range[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "name", range->name, "note",
                                              range->note, "from", (json_int_t)range->from, "to",
                                              (json_int_t)range->to));
    }
    return list;
}

static json_t *layout_json_zones(const struct layout *layout)
{
    json_t *list = json_array();

    for (size_t i = 0; i < layout->zones.nr; i++) {
        const struct zone_text *zone = &layout->zones.zone[i];
        json_array_append_new(list, json_pack("{s:i, s:s, s:I, s:I, s:I, s:I}", "node", zone->node,
                                              "name", zone->name, "from",
                                              (json_int_t)zone->start_pfn << 12, "to",
                                              (json_int_t)(zone->start_pfn + zone->spanned) << 12,
                                              "present", (json_int_t)zone->present << 12, "managed",
                                              (json_int_t)zone->managed << 12));
    }
    return list;
}

static void layout_json(const struct layout *layout)
{
    json_t *top = json_pack(
        "{s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "profile",
        layout->profile, "ram", (json_int_t)layout->ram, "nodes", (int)layout->nodes, "PAGE_OFFSET",
        (json_int_t)layout->page_offset, "high_memory", (json_int_t)layout->direct_end, "mem_map",
        (json_int_t)layout->map_start, "max_mapnr", (json_int_t)layout->map_frames, "VMALLOC_START",
        (json_int_t)layout->vmalloc_start, "VMALLOC_END", (json_int_t)layout->vmalloc_end,
        "PKMAP_BASE", (json_int_t)layout->pkmap_start, "PKMAP_END", (json_int_t)layout->pkmap_end,
        "FIXADDR_START", (json_int_t)layout->fixed_start, "FIXADDR_TOP",
        (json_int_t)layout->fixed_top);

    json_object_set_new(top, "ranges", layout_json_ranges(layout));
    json_object_set_new(top, "zones", layout_json_zones(layout));
    json_dumpf(top, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(top);
}

int cmd_layout(int argc, char **argv)
{
    static struct layout layout;
    struct layout_options options;

    layout_parse(&options, argc, argv);
    if (quarry_boot(&options.machine) != 0)
        exit(CLI_FAILED); /* quarry_boot() has said why */
    layout_read(&layout, &options.machine);
    if (!layout.nr)
        cli_die(CLI_FAILED, "the machine has no memory to draw");
    if (options.json)
        layout_json(&layout);
    else
        layout_print(&layout);
    if (options.svg && !layout_svg(&layout, options.svg))
        return CLI_FAILED;
    return CLI_CLEAN;
}
