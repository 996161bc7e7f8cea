/* SPDX-License-Identifier: MIT */
/* map: from the boot loader's list of regions to runs, descriptors and conversions.
 *
 * Problem. A machine says where its memory is as a list of regions: in any order, overlapping, with
 * holes, some of it reserved. The allocator wants to get from a frame number to its descriptor with
 * one addition, and a hole of a terabyte must not cost descriptors for a terabyte.
 *
 * Idea. A sweep over the regions' borders turns them into *runs*: sorted, disjoint, each of one
 * node and either usable or reserved, none across the border of the direct map. The descriptors are
 * one flat array indexed by frame number. It lies in the machine's own memory, at the top of the
 * largest low run; the stretches of the array that would describe only holes are given no memory:
 * the frames that happen to lie there stay ordinary ones.
 *
 *     frames       |run 0 |      hole      | run 1                                       |
 *                                                        ^ [D0][ordinary free memory][D1 ]
 *     descriptors of run 0 are in D0, of run 1 in D1; pages + frame number leads to both
 *
 * The mobility of the page blocks, a byte each, follows the last descriptor.
 *
 * Invariants. M1: runs are sorted, disjoint and not empty. M2: two runs that touch differ in node,
 * in being reserved, or lie on the two sides of low_end. M3: each frame of a run has a descriptor
 * in reserved low memory, zero at boot. M4: frame 0 is in no usable run, since 0 ends lists.
 * M5: nr_present is the sum of the runs.
 *
 * Locks: none; everything here is written at boot only, but for the mobility bytes (map.h).
 * May sleep: nothing.
 * Limits: 128 runs; frame numbers of 32 bits (16 TiB); a partial frame at the border of a usable
 * region is not used, one at the border of a reserved region is reserved.
 * Not here: who uses a frame (zone/). */
#include "map.h"

#define MAP_MAX_FRAMES (1ULL << 32)

/* Frames of a region: a usable one shrinks to whole frames, a reserved one grows. False: none. */
static bool map_region_frames(const struct quarry_region *region, u64 *start, u64 *end)
{
    u64 last = region->start + region->size;
    if (region->size == 0)
        return false;
    if (region->flags & QUARRY_REGION_RESERVED) {
        *start = region->start >> PAGE_SHIFT;
        *end = (last >> PAGE_SHIFT) + ((last & ~PAGE_MASK) != 0);
    } else {
        *start = (region->start >> PAGE_SHIFT) + ((region->start & ~PAGE_MASK) != 0);
        *end = last >> PAGE_SHIFT;
    }
    return *start < *end;
}

static int map_regions_check(const struct qp_machine *machine, char *why, size_t why_size)
{
    for (size_t i = 0; i < machine->nr_regions; i++) {
        const struct quarry_region *region = &machine->regions[i];
        unsigned long long start = region->start, size = region->size;
        if (start + size < start) {
            qr_snprintf(why, why_size, "region %zu wraps around: start %#llx, size %#llx", i, start,
                        size);
            return -QR_EINVAL;
        }
        if ((start + size) >> PAGE_SHIFT >= MAP_MAX_FRAMES) {
            qr_snprintf(why, why_size,
                        "region %zu ends at %#llx, beyond the 16 TiB that a map spans", i,
                        start + size);
            return -QR_EINVAL;
        }
        if (region->nid < 0 || region->nid >= QR_MAX_NODES) {
            qr_snprintf(why, why_size, "region %zu is on node %d; nodes are 0..%d", i, region->nid,
                        QR_MAX_NODES - 1);
            return -QR_EINVAL;
        }
    }
    return 0;
}

/* What the regions say about the frames from @pfn on: whether they exist, as what, and up to which
 * frame that stays so. The first usable region in the list names the node. */
struct map_stretch {
    bool exists, reserved;
    u32 nid;
    u64 end;
};

static struct map_stretch map_stretch_at(const struct qp_machine *machine, u64 pfn)
{
    struct map_stretch at = {.end = MAP_MAX_FRAMES};
    bool usable = false;
    for (size_t i = 0; i < machine->nr_regions; i++) {
        const struct quarry_region *region = &machine->regions[i];
        u64 start, end;
        if (!map_region_frames(region, &start, &end) || end <= pfn)
            continue;
        if (start > pfn) {
            at.end = QR_MIN(at.end, start);
            continue;
        }
        at.end = QR_MIN(at.end, end);
        if (region->flags & QUARRY_REGION_RESERVED) {
            if (!at.exists)
                at.nid = (u32)region->nid;
            at.reserved = true;
        } else if (!usable) {
            at.nid = (u32)region->nid;
            usable = true;
        }
        at.exists = true;
    }
    return at;
}

/* Append [start, end), or extend the last run by it (M1, M2). */
static bool map_run_append(struct qr_map *map, u64 start, u64 end, u32 nid, bool reserved)
{
    struct qr_run *last = map->nr_runs ? &map->run[map->nr_runs - 1] : NULL;
    if (last && last->end == start && last->nid == nid && last->reserved == reserved &&
        start != map->low_end) {
        last->end = end;
        return true;
    }
    if (map->nr_runs == QR_MAX_REGIONS)
        return false;
    map->run[map->nr_runs++] =
        (struct qr_run){.start = start, .end = end, .nid = nid, .reserved = reserved};
    return true;
}

/* The sweep: regions to runs. Frame 0 becomes a reserved run (M4). */
static bool map_runs_make(struct qr_map *map, const struct qp_machine *machine)
{
    u64 pfn = 0;
    while (pfn < MAP_MAX_FRAMES) {
        struct map_stretch at = map_stretch_at(machine, pfn);
        if (pfn == 0)
            at.end = QR_MIN(at.end, 1u);
        if (pfn < map->low_end)
            at.end = QR_MIN(at.end, map->low_end);
        if (at.exists && !map_run_append(map, pfn, at.end, at.nid, at.reserved || pfn == 0))
            return false;
        pfn = at.end;
    }
    return true;
}

/* Mark [start, end), which lies in one usable run, as reserved. False: it would be one run too many. */
static bool map_run_reserve(struct qr_map *map, u64 start, u64 end)
{
    unsigned int i = 0, pieces;
    struct qr_run *run, old;
    while (map->run[i].end < end) {
        i++;
        QR_ASSERT(i < map->nr_runs);
    }
    run = &map->run[i];
    old = *run;
    pieces = 1u + (start > old.start) + (end < old.end);
    if (map->nr_runs + pieces - 1 > QR_MAX_REGIONS)
        return false;
    memmove(run + pieces, run + 1, (map->nr_runs - i - 1) * sizeof(*run));
    map->nr_runs += pieces - 1;
    if (start > old.start) {
        run->end = start;
        run++;
    }
    *run = (struct qr_run){.start = start, .end = end, .nid = old.nid, .reserved = true};
    if (end < old.end)
        run[1] = (struct qr_run){.start = end, .end = old.end, .nid = old.nid};
    return true;
}

/* Neighbours that became alike are one again (M2): carving next to a carved piece. There is a run. */
static void map_runs_join(struct qr_map *map)
{
    unsigned int kept = 0;
    for (unsigned int i = 1; i < map->nr_runs; i++) {
        struct qr_run *to = &map->run[kept], *run = &map->run[i];
        if (to->end == run->start && to->nid == run->nid && to->reserved == run->reserved &&
            run->start != map->low_end)
            to->end = run->end;
        else
            map->run[++kept] = *run;
    }
    map->nr_runs = kept + 1;
}

/* ---- where the descriptors lie -------------------------------------------------------------- */

/* A stretch of the array that describes frames, in whole pages from the array's beginning. */
struct map_piece {
    u64 start, end;
};

/* The stretches of the array in use, by the runs; those that share a page are one. The mobility
 * bytes extend the last. */
static unsigned int map_pieces(const struct qr_map *map, struct map_piece *piece)
{
    u64 frames = map->max_pfn - map->min_pfn;
    u64 blocks = ((map->max_pfn - 1) >> QR_BLOCK_ORDER) - (map->min_pfn >> QR_BLOCK_ORDER) + 1;
    unsigned int nr = 0;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        u64 start = (map->run[i].start - map->min_pfn) * sizeof(struct page);
        u64 end = (map->run[i].end - map->min_pfn) * sizeof(struct page);
        if (i == map->nr_runs - 1)
            end = frames * sizeof(struct page) + blocks;
        start >>= PAGE_SHIFT;
        end = PAGE_ALIGN(end) >> PAGE_SHIFT;
        if (nr && start <= piece[nr - 1].end)
            piece[nr - 1].end = end;
        else
            piece[nr++] = (struct map_piece){start, end};
    }
    return nr;
}

/* The usable low run that holds [start, end), or NULL; then @lower is the end of the nearest one
 * below @end that is long enough, 0 when there is none. */
static const struct qr_run *map_room(const struct qr_map *map, u64 start, u64 end, u64 *lower)
{
    *lower = 0;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        if (run->reserved || run->end > map->low_end)
            continue;
        if (run->start <= start && end <= run->end)
            return run;
        if (run->end < end && run->end - run->start >= end - start)
            *lower = run->end;
    }
    return NULL;
}

/* Slide the array down from where it ends at @top until all its pieces lie in usable low memory.
 * Returns the frame of its beginning, 0 when there is no such place. */
static u64 map_place(const struct qr_map *map, const struct map_piece *piece, unsigned int nr,
                     u64 top)
{
    u64 span = piece[nr - 1].end, base = top - span;
    unsigned int i = 0;
    if (top <= span)
        return 0;
    while (i < nr) {
        u64 lower;
        if (map_room(map, base + piece[i].start, base + piece[i].end, &lower)) {
            i++;
            continue;
        }
        if (lower <= piece[i].end)
            return 0;
        base = lower - piece[i].end;
        i = 0;
    }
    return base;
}

static const struct qr_run *map_largest_low(const struct qr_map *map)
{
    const struct qr_run *best = NULL;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i];
        if (run->reserved || run->end > map->low_end)
            continue;
        if (!best || run->end - run->start > best->end - best->start)
            best = run;
    }
    return best;
}

/* The topmost usable low frame, plus one. */
static u64 map_low_top(const struct qr_map *map)
{
    u64 top = 0;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        if (!map->run[i].reserved && map->run[i].end <= map->low_end)
            top = map->run[i].end;
    }
    return top;
}

/* At the top of the largest low run, which ends at @top, or wherever else there is room. */
static int map_descriptors(struct qr_map *map, const struct qp_machine *machine, u64 top, char *why,
                           size_t why_size)
{
    struct map_piece piece[QR_MAX_REGIONS];
    unsigned int nr = map_pieces(map, piece);
    char *array;
    u64 base;

    QR_ASSERT(nr != 0); /* there is memory: the largest run was found */
    base = map_place(map, piece, nr, top);
    if (!base)
        base = map_place(map, piece, nr, map_low_top(map));
    if (!base) {
        qr_snprintf(why, why_size,
                    "no room for the page descriptors: %llu frames in %u runs need %llu KiB of "
                    "directly mapped memory in the same layout; give more memory or fewer holes",
                    (unsigned long long)map->nr_present, map->nr_runs,
                    (unsigned long long)map->nr_present * sizeof(struct page) >> 10);
        return -QR_ENOMEM;
    }
    array = qp_virt(map->offset, base << PAGE_SHIFT);
    map->pages =
        (struct page *)((uintptr_t)array - (uintptr_t)(map->min_pfn * sizeof(struct page)));
    map->mobility = (u8 *)array + (map->max_pfn - map->min_pfn) * sizeof(struct page);
    for (unsigned int i = 0; i < nr; i++) {
        u64 frames = piece[i].end - piece[i].start;
        if (!machine->ram_is_zero)
            memset(array + (piece[i].start << PAGE_SHIFT), 0, frames << PAGE_SHIFT);
        if (!map_run_reserve(map, base + piece[i].start, base + piece[i].end)) {
            qr_snprintf(why, why_size, "the memory map has more than %d runs", QR_MAX_REGIONS);
            return -QR_EINVAL;
        }
        map->nr_map += frames;
    }
    map_runs_join(map);
    return 0;
}

int qr_map_init(struct qr_map *map, const struct qp_machine *machine, char *why, size_t why_size)
{
    int error = map_regions_check(machine, why, why_size);
    const struct qr_run *largest;
    if (error)
        return error;
    memset(map, 0, sizeof(*map));
    map->offset = machine->offset;
    map->low_end = machine->low_limit ? machine->low_limit >> PAGE_SHIFT : MAP_MAX_FRAMES;
    if (!map_runs_make(map, machine)) {
        qr_snprintf(why, why_size, "the memory map has more than %d runs", QR_MAX_REGIONS);
        return -QR_EINVAL;
    }
    largest = map_largest_low(map);
    if (!largest) {
        qr_snprintf(why, why_size, "the machine has no usable directly mapped memory (%zu regions)",
                    machine->nr_regions);
        return -QR_ENOMEM;
    }
    map->min_pfn = map->run[0].start;
    map->max_pfn = map->run[map->nr_runs - 1].end;
    map->low_end = QR_MIN(map->low_end, map->max_pfn);
    for (unsigned int i = 0; i < map->nr_runs; i++)
        map->nr_present += map->run[i].end - map->run[i].start;
    map->whole = map->nr_present == map->max_pfn - map->min_pfn;
    map->virt_start = (uintptr_t)qp_virt(map->offset, map->min_pfn << PAGE_SHIFT);
    map->virt_end = map->virt_start + (uintptr_t)((map->low_end - map->min_pfn) << PAGE_SHIFT);
    return map_descriptors(map, machine, largest->end, why, why_size);
}

void *qr_map_carve(struct qr_map *map, const struct qp_machine *machine, u64 bytes)
{
    const struct qr_run *run = map_largest_low(map);
    u64 frames = bytes >> PAGE_SHIFT, start;
    void *memory;

    QR_ASSERT((bytes & ~PAGE_MASK) == 0 && bytes != 0);
    if (!run || run->end - run->start < frames)
        return NULL;
    start = run->end - frames;
    if (!map_run_reserve(map, start, run->end))
        return NULL;
    map_runs_join(map);
    memory = qp_virt(map->offset, start << PAGE_SHIFT);
    if (!machine->ram_is_zero)
        memset(memory, 0, bytes);
    return memory;
}

/* ---- questions ------------------------------------------------------------------------------ */

/* The run that holds a frame, by bisection. */
static const struct qr_run *map_run_of(const struct qr_map *map, u64 pfn)
{
    unsigned int low = 0, high = map->nr_runs;
    while (low < high) {
        unsigned int middle = (low + high) / 2;
        if (map->run[middle].end <= pfn)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->nr_runs && map->run[low].start <= pfn ? &map->run[low] : NULL;
}

bool qr_pfn_valid(const struct qr_map *map, u64 pfn)
{
    if (pfn < map->min_pfn || pfn >= map->max_pfn)
        return false;
    return map->whole || map_run_of(map, pfn) != NULL;
}

bool qr_pfn_reserved(const struct qr_map *map, u64 pfn)
{
    const struct qr_run *run = map_run_of(map, pfn);
    return run && run->reserved;
}

struct page *qr_virt_page_checked(const struct qr_map *map, const void *virt)
{
    u64 pfn;
    if (!qr_virt_in_map(map, virt))
        return NULL;
    pfn = qp_phys(map->offset, virt) >> PAGE_SHIFT;
    return qr_pfn_valid(map, pfn) ? qr_page(map, pfn) : NULL;
}

bool qr_page_valid(const struct qr_map *map, const struct page *page)
{
    uintptr_t first = (uintptr_t)qr_page(map, map->min_pfn);
    uintptr_t offset = (uintptr_t)page - first;
    if (offset >= (map->max_pfn - map->min_pfn) * sizeof(struct page) ||
        offset % sizeof(struct page) != 0)
        return false;
    return map->whole || qr_pfn_valid(map, map->min_pfn + offset / sizeof(struct page));
}

unsigned int qr_pfn_node(const struct qr_map *map, u64 pfn)
{
    const struct qr_run *run = map_run_of(map, pfn);
    return run ? run->nid : 0;
}
