/* SPDX-License-Identifier: MIT */
/* A machine's address space as a list of ranges: what `quarry layout` prints, draws and writes. */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include "zones.h"

#define LAYOUT_RANGES 24

enum layout_kind {
    LAYOUT_DIRECT,
    LAYOUT_MEM_MAP,
    LAYOUT_HOLE,
    LAYOUT_VMALLOC,
    LAYOUT_KMAP,
    LAYOUT_FIXED
};

/* [from, to) of virtual addresses. */
struct layout_range {
    uint64_t from, to;
    enum layout_kind kind;
    const char *name;
    char note[80];
};

struct layout {
    const char *profile;
    uint64_t ram;
    unsigned int nodes;
    uint64_t page_offset, direct_end, map_start, map_frames;
    uint64_t vmalloc_start, vmalloc_end, pkmap_start, pkmap_end, fixed_start, fixed_top;
    struct layout_range range[LAYOUT_RANGES]; /* by rising address, without gaps */
    size_t nr;
    struct zones_text zones;
};

/* svg.c: the same as a drawing. False: said why. */
bool layout_svg(const struct layout *layout, const char *path);

#endif
