/* SPDX-License-Identifier: MIT */
/* map/check: re-derive what map.c promised (M1 to M5) from the runs alone.
 *
 * Each contradiction is a line on the console and adds one to the result; the map layer lies below
 * the reports' users and keeps no findings. Context: any; takes no lock, since the runs never change
 * after boot. */
#include "../check/check.h"
#include "map.h"

static unsigned long map_check_wrong(const char *rule, u64 where)
{
    qr_print("quarry: memory map: %s is broken at frame %#llx\n", rule, (unsigned long long)where);
    return 1;
}

/* Whether [start, end) lies in reserved runs, gap-free. */
static bool map_check_reserved(const struct qr_map *map, u64 start, u64 end)
{
    for (unsigned int i = 0; i < map->nr_runs && start < end; i++) {
        const struct qr_run *run = &map->run[i];
        if (run->start <= start && start < run->end) {
            if (!run->reserved)
                return false;
            start = run->end;
        }
    }
    return start >= end;
}

/* The frames that hold the descriptors of [start, end) (M3). */
static bool map_check_described(const struct qr_map *map, const struct qr_run *run)
{
    u64 first = qp_phys(map->offset, qr_page(map, run->start)) >> PAGE_SHIFT;
    u64 last = qp_phys(map->offset, (char *)qr_page(map, run->end) - 1) >> PAGE_SHIFT;
    return last < map->low_end && map_check_reserved(map, first, last + 1);
}

unsigned long qr_map_check(const struct qr_map *map)
{
    unsigned long wrong = 0;
    u64 present = 0;
    for (unsigned int i = 0; i < map->nr_runs; i++) {
        const struct qr_run *run = &map->run[i], *next = run + 1;
        present += run->end - run->start;
        if (run->start >= run->end)
            wrong += map_check_wrong("M1 (runs are not empty)", run->start);
        if (i + 1 < map->nr_runs && run->end > next->start)
            wrong += map_check_wrong("M1 (runs are sorted and disjoint)", next->start);
        if (i + 1 < map->nr_runs && run->end == next->start && run->nid == next->nid &&
            run->reserved == next->reserved && run->end != map->low_end)
            wrong += map_check_wrong("M2 (runs that touch differ)", next->start);
        if (!map_check_described(map, run))
            wrong += map_check_wrong("M3 (descriptors lie in reserved low memory)", run->start);
        if (run->start == 0 && !run->reserved)
            wrong += map_check_wrong("M4 (frame 0 is reserved)", 0);
    }
    if (present != map->nr_present)
        wrong += map_check_wrong("M5 (nr_present is the sum of the runs)", present);
    return wrong;
}
