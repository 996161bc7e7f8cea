/* SPDX-License-Identifier: MIT */
/* The address-space picture as a drawing (SVG).
 *
 * Two columns: virtual addresses on the left, physical memory on the right, the direct map joined to
 * what it maps. Heights grow with the logarithm of a range's size: 4 KiB and 64 GiB fit one page, and what
 * is larger is drawn larger, though not in proportion; each range has its size written in it. */
#include "layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SVG_LEFT 190
#define SVG_WIDTH 300
#define SVG_RIGHT 700
#define SVG_TOP 60

static const char *const svg_colour[] = {
    [LAYOUT_DIRECT] = "#cfe3f7",  [LAYOUT_MEM_MAP] = "#f7d9a8", [LAYOUT_HOLE] = "#eeeeee",
    [LAYOUT_VMALLOC] = "#d5f0d0", [LAYOUT_KMAP] = "#ecd6f5",    [LAYOUT_FIXED] = "#f5d0d6",
};

static unsigned int svg_height(uint64_t bytes)
{
    unsigned int bits = 0;

    while (bytes >> bits && bits < 63)
        bits++;
    return bits > 12 ? 30 + (bits - 12) * 3 : 30;
}

static void svg_text(FILE *file, int x, int y, const char *anchor, const char *text)
{
    fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void svg_box(FILE *file, int x, int y, int height, const char *colour)
{
    fprintf(file,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#444\"/>\n", x,
            y, SVG_WIDTH, height, colour);
}

/* Top down from the highest address; returns where the column ends and, in @direct, the top of the direct
 * map. */
static int svg_virtual(FILE *file, const struct layout *layout, int *direct)
{
    char text[160], size[48];
    int y = SVG_TOP;

    snprintf(text, sizeof(text), "%#" PRIx64, layout->range[layout->nr - 1].to);
    svg_text(file, SVG_LEFT - 8, y + 4, "end", text);
    *direct = y;
    for (size_t i = layout->nr; i-- > 0;) {
        const struct layout_range *range = &layout->range[i];
        int height = (int)svg_height(range->to - range->from);
        svg_box(file, SVG_LEFT, y, height, svg_colour[range->kind]);
        snprintf(text, sizeof(text), "%s, %s%s%s", range->name,
                 cli_bytes(size, sizeof(size), range->to - range->from), range->note[0] ? ", " : "",
                 range->note);
        svg_text(file, SVG_LEFT + SVG_WIDTH / 2, y + height / 2 + 4, "middle", text);
        if (range->to == layout->direct_end)
            *direct = y;
        y += height;
        snprintf(text, sizeof(text), "%#" PRIx64, range->from);
        svg_text(file, SVG_LEFT - 8, y + 4, "end", text);
    }
    return y;
}

static int svg_physical(FILE *file, const struct layout *layout, int bottom, int direct)
{
    char text[160], size[48];
    int y = bottom, low = bottom;

    svg_text(file, SVG_RIGHT + SVG_WIDTH + 8, y + 4, "start", "0x0");
    for (size_t i = 0; i < layout->zones.nr; i++) {
        const struct zone_text *zone = &layout->zones.zone[i];
        uint64_t end = (uint64_t)(zone->start_pfn + zone->spanned) << 12;
        int height = (int)svg_height((uint64_t)zone->spanned << 12);
        bool mapped = layout->page_offset + end <= layout->direct_end;
        y -= height;
        svg_box(file, SVG_RIGHT, y, height, mapped ? svg_colour[LAYOUT_DIRECT] : "#ffffff");
        snprintf(text, sizeof(text), "zone %s (node %d), %s", zone->name, zone->node,
                 cli_bytes(size, sizeof(size), (uint64_t)zone->present << 12));
        svg_text(file, SVG_RIGHT + SVG_WIDTH / 2, y + height / 2 + 4, "middle", text);
        snprintf(text, sizeof(text), "%#" PRIx64 " (%s)", end, cli_bytes(size, sizeof(size), end));
        svg_text(file, SVG_RIGHT + SVG_WIDTH + 8, y + 4, "start", text);
        if (mapped)
            low = y;
    }
    fprintf(file,
            "<path d=\"M%d %d L%d %d M%d %d L%d %d\" stroke=\"#888\" stroke-dasharray=\"4 3\"/>\n",
            SVG_LEFT + SVG_WIDTH, direct, SVG_RIGHT, low, SVG_LEFT + SVG_WIDTH, bottom, SVG_RIGHT,
            bottom);
    return y;
}

bool layout_svg(const struct layout *layout, const char *path)
{
    FILE *file = fopen(path, "we");
    unsigned int height = SVG_TOP + 40;
    char size[48];
    int bottom, direct;

    if (!file) {
        cli_say("cannot write %s: %s", path, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < layout->nr; i++)
        height += svg_height(layout->range[i].to - layout->range[i].from);
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"%u\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"1200\" height=\"%u\" fill=\"white\"/>\n"
            "<text x=\"20\" y=\"28\" font-size=\"16\">%s machine, %s of memory</text>\n",
            height, height, layout->profile, cli_bytes(size, sizeof(size), layout->ram));
    svg_text(file, SVG_LEFT + SVG_WIDTH / 2, SVG_TOP - 10, "middle", "virtual addresses");
    svg_text(file, SVG_RIGHT + SVG_WIDTH / 2, SVG_TOP - 10, "middle", "physical memory");
    bottom = svg_virtual(file, layout, &direct);
    svg_physical(file, layout, bottom, direct);
    fprintf(file, "</svg>\n");
    if (fclose(file) != 0) {
        cli_say("cannot write %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}
