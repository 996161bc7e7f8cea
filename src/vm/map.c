/* SPDX-License-Identifier: MIT */
/* vm/map: the page tables behind an area, and giving areas back.
 *
 * Idea. Mapping costs by the call more than by the page, so neighbouring frames are mapped with one
 * call: the frames of an area fall into *runs*, each contiguous in physical memory. Giving back goes
 * in three passes over a whole list of areas: all mappings first, then one flush of the look-aside
 * buffers over the span they covered, and only then the pages and the addresses, since a page that
 * somebody else got must not be reachable through an old entry.
 *
 * Invariants. M1: no page is given back, and no range reused, while a mapping of it may linger.
 *
 * Locks: none held over calls to the port. May sleep, as the port's tables may. */
#include "area.h"

/* Frames from @first on that follow each other in physical memory. */
static unsigned int area_run_length(const struct qr_map *map, const struct qr_area *area,
                                    unsigned int first)
{
    u64 pfn = qr_pfn(map, area->frames[first]);
    unsigned int nr = 1;
    while (first + nr < area->nr_frames && qr_pfn(map, area->frames[first + nr]) == pfn + nr)
        nr++;
    return nr;
}

static void *area_page_address(const struct qr_area *area, unsigned int page)
{
    return (char *)area->vm.addr + ((unsigned long)page << PAGE_SHIFT);
}

/* Unmap the first @nr_mapped pages; they may linger until a flush. */
void qr_area_unmap(struct qr_vm *vm, const struct qr_area *area, unsigned int nr_mapped)
{
    if (nr_mapped)
        qp_unmap(vm->zones->map->offset, area->vm.addr, nr_mapped);
}

/* Map all frames of an area, a run at a time. On failure nothing stays mapped. */
bool qr_area_map(struct qr_vm *vm, struct qr_area *area)
{
    const struct qr_map *map = vm->zones->map;
    unsigned int done = 0;
    while (done < area->nr_frames) {
        unsigned int nr = area_run_length(map, area, done);
        if (qp_map(map->offset, area_page_address(area, done),
                   qr_page_phys(map, area->frames[done]), nr)) {
            qr_area_unmap(vm, area, done);
            if (done)
                qp_flush(map->offset, area->vm.addr, done);
            return false;
        }
        done += nr;
    }
    return true;
}

/* Count the first @nr pages of an area in (@sign 1) or out (-1) of their zones' statistics, with one
 * addition for each stretch in one zone. */
void qr_area_count_zones(struct qr_vm *vm, const struct qr_area *area, unsigned int nr, long sign)
{
    struct zone *zone = NULL;
    long in_zone = 0;
    for (unsigned int i = 0; i < nr; i++) {
        struct zone *next = qr_page_zone(vm->zones, area->frames[i]);
        if (next != zone && zone) {
            qr_zone_count(zone, QR_ZS_VMALLOC, sign * in_zone);
            in_zone = 0;
        }
        zone = next;
        in_zone++;
    }
    if (zone)
        qr_zone_count(zone, QR_ZS_VMALLOC, sign * in_zone);
}

/* Drop the area's reference on its first @nr frames. */
void qr_area_release_frames(struct qr_vm *vm, struct qr_area *area, unsigned int nr)
{
    if (area->vm.flags & VM_ALLOC)
        qr_area_count_zones(vm, area, nr, -1);
    for (unsigned int i = 0; i < nr; i++) {
        struct page *page = area->frames[i];
        if (area->vm.flags & VM_ALLOC)
            __atomic_fetch_and(&page->flags, ~PGF_VMALLOC, __ATOMIC_RELAXED);
        qr_put_pages(vm->zones, page, 0, "vfree");
    }
}

/* An array that vmap took over with VM_MAP_PUT_PAGES: kmalloc or vmalloc memory (G-S10). */
static void area_release_callers_array(struct qr_vm *vm, struct page **pages)
{
    if (qr_vm_contains(vm, pages))
        qr_vfree(vm, pages, false);
    else
        qr_kfree_slow(vm->kmalloc, pages, "vfree");
}

/* Unmap and give back a list of areas (linked by `next`) that are no longer live. Returns the pages
 * given back. May sleep. */
unsigned long qr_areas_release(struct qr_vm *vm, struct qr_area *list)
{
    uintptr_t low = UINTPTR_MAX, high = 0, offset = vm->zones->map->offset;
    unsigned long nr = 0;
    struct qr_area *area;
    for (area = list; area; area = area->next) {
        uintptr_t start = (uintptr_t)area->vm.addr;
        qr_area_unmap(vm, area, area->nr_frames);
        low = QR_MIN(low, start);
        high = QR_MAX(high, start + ((uintptr_t)area->nr_frames << PAGE_SHIFT));
    }
    if (low < high)
        qp_flush(offset, (void *)low, (high - low) >> PAGE_SHIFT);
    while ((area = list)) {
        struct page **callers =
            area->release_frames && (area->vm.flags & VM_MAP) ? area->vm.pages : NULL;
        list = area->next;
        if (area->release_frames) {
            qr_area_release_frames(vm, area, area->nr_frames);
            nr += area->nr_frames;
        }
        if (callers)
            area_release_callers_array(vm, callers);
        qr_area_delete(vm, area);
    }
    return nr;
}

/* Map every area anew: the memory behind the addresses is another one now, the windows are empty.
 * Context: no other task runs on the machine. 0 or -ENOMEM. */
int qr_vm_remap_all(struct qr_vm *vm)
{
    const struct qr_range *range;
    for (range = vm->arena.ranges; range; range = qr_range_next(range)) {
        struct qr_area *area = qr_range_owner(range);
        if (area && !qr_area_map(vm, area))
            return -QR_ENOMEM;
    }
    return 0;
}
