/* SPDX-License-Identifier: MIT */
/* vm/vm: the layer as a whole: start, reclaim's requests, walks, the check.
 *
 * The files: arena.c hands out addresses; area.c keeps the records and finds them; map.c maps,
 * unmaps and gives back; vmalloc.c and vmap.c make areas; vfree.c takes them back; cache.c keeps
 * some of them mapped; describe.c says what an address is; kmap.c is the window for high memory,
 * which shares nothing with the rest but the port's page tables.
 *
 * Locks: vm->lock, held for look-ups and list work only; never over the page allocator, the slab
 * layer or the port. */
#include "area.h"

/* The cache may keep a 64th of RAM: 8 MiB of 512, what a driver that maps and unmaps megabyte
 * buffers needs, and little enough that no one misses it. */
#define VM_CACHE_SHARE 64

static void *vm_tag_alloc(void *data, gfp_t gfp)
{
    struct qr_vm *vm = data;
    return qr_cache_alloc_slow(vm->range_cache, gfp, NUMA_NO_NODE);
}

/* Reclaim asks for pages. */
static unsigned long vm_shrink(void *data, unsigned long nr_pages, bool may_sleep)
{
    struct qr_vm *vm = data;
    if (!may_sleep)
        return 0;
    qr_vm_finish_deferred(vm);
    return qr_area_cache_shrink(vm, nr_pages);
}

static void vm_tidy(void *data)
{
    qr_vm_finish_deferred(data);
}

unsigned long qr_vm_purge(struct qr_vm *vm)
{
    qr_vm_finish_deferred(vm);
    return qr_area_cache_shrink(vm, ~0ul);
}

static bool vm_cache_create(struct qr_vm *vm, struct kmem_cache **cache, const char *name,
                            size_t size)
{
    const struct qr_cache_params params = {.name = name,
                                           .size = size,
                                           .align = sizeof(void *),
                                           .internal = true,
                                           .slot_id = QR_NO_SLOT};
    *cache = qr_cache_create(vm->kmalloc->slabs, &params);
    return *cache != NULL;
}

/* Off in every debugging mode, so that a use after vfree faults, and where freed memory must be
 * cleared. */
static unsigned long vm_cache_limit(const struct qr_vm *vm)
{
    const struct qr_zones *zones = vm->zones;
    const struct qr_slabs *slabs = vm->kmalloc->slabs;
    if (qr_check_level(vm->check) || zones->init_on_alloc || zones->init_on_free ||
        qr_poisoning(zones) || slabs->debug_all)
        return 0;
    return vm->cached.limit == ~0ul ? (unsigned long)(zones->totalram / VM_CACHE_SHARE)
                                    : vm->cached.limit;
}

int qr_vm_init(struct qr_vm *vm, const struct qp_machine *machine, char *why, size_t why_size)
{
    int error;
    qr_list_init(&vm->cached.lru);
    vm->cached.limit = vm_cache_limit(vm);
    if (!vm_cache_create(vm, &vm->area_cache, "vm_area", sizeof(struct qr_area)) ||
        !vm_cache_create(vm, &vm->range_cache, "vm_range", qr_range_size()) ||
        !vm_cache_create(vm, &vm->frames_cache[0], "vm_frames-16", 16 * sizeof(struct page *)) ||
        !vm_cache_create(vm, &vm->frames_cache[1], "vm_frames-64", 64 * sizeof(struct page *)))
        goto no_memory;
    vm->kmalloc->describe = qr_vm_describe_short;
    vm->kmalloc->describe_data = vm;
    vm->zones->describe = qr_vm_describe;
    vm->zones->describe_data = vm;
    vm->source = (struct qr_source){
        .shrink = vm_shrink, .data = vm, .empty_below_low = true, .tidy = vm_tidy};
    qr_reclaim_add_source(vm->reclaim, &vm->source);
    if (machine->vmalloc_start == machine->vmalloc_end)
        return 0; /* a machine without page tables: every vmalloc fails, with a report */
    vm->arena.tag_alloc = vm_tag_alloc;
    vm->arena.tag_data = vm;
    error = qr_arena_init(&vm->arena, machine->vmalloc_start, machine->vmalloc_end, GFP_NOWAIT);
    if (error == -QR_EINVAL)
        qr_snprintf(why, why_size, "the vmalloc area 0x%lx to 0x%lx is no range of whole pages",
                    (unsigned long)machine->vmalloc_start, (unsigned long)machine->vmalloc_end);
    if (error == -QR_ENOMEM)
        goto no_memory;
    vm->start = machine->vmalloc_start;
    vm->end = machine->vmalloc_end;
    return error;
no_memory:
    qr_snprintf(why, why_size, "the machine is too small: no memory for vmalloc's records");
    return -QR_ENOMEM;
}

/* ---- walks ----------------------------------------------------------------------------------- */

static const char *vm_area_kind(const struct qr_area *area)
{
    if (area->vm.flags & VM_ALLOC)
        return area->vm.flags & VM_USERMAP ? "vmalloc user" : "vmalloc";
    if (area->vm.flags & VM_MAP)
        return area->map_ram ? "vm_map_ram" : "vmap";
    return area->vm.flags & VM_IOREMAP ? "ioremap" : "reserved";
}

/* The next live area of a caller at or behind @range; NULL at the end. */
static const struct qr_area *vm_next_live(const struct qr_range **range)
{
    for (; *range; *range = qr_range_next(*range)) {
        const struct qr_area *area = qr_range_owner(*range);
        if (area && area->state == QR_AREA_LIVE && !area->internal)
            return area;
    }
    return NULL;
}

void qr_vm_for_each_area(struct qr_vm *vm, bool (*visit)(const struct qr_area_info *, void *),
                         void *data)
{
    unsigned long state = qp_lock(&vm->lock);
    const struct qr_range *range = vm->arena.ranges;
    const struct qr_area *area;
    while ((area = vm_next_live(&range))) {
        const struct qr_area_info info = {.area = &area->vm,
                                          .frames = area->frames,
                                          .nr_frames = area->nr_frames,
                                          .kind = vm_area_kind(area)};
        if (!visit(&info, data))
            break;
        range = qr_range_next(range);
    }
    qp_unlock(&vm->lock, state);
}

void qr_vm_for_each_live(struct qr_vm *vm, bool (*visit)(const struct quarry_live *, void *),
                         void *data)
{
    unsigned long state = qp_lock(&vm->lock);
    const struct qr_range *range = vm->arena.ranges;
    const struct qr_area *area;
    while ((area = vm_next_live(&range))) {
        struct quarry_live live = {.kind = QUARRY_LIVE_VMALLOC,
                                   .address = area->vm.addr,
                                   .size = area->asked,
                                   .gfp = area->gfp,
                                   .sequence = area->owner.sequence,
                                   .when_ns = area->owner.when_ns,
                                   .lost = qr_leak_is_lost(area->leak)};
        qr_trace_load(vm->check, area->owner.trace, &live.allocated);
        if (!visit(&live, data))
            break;
        range = qr_range_next(range);
    }
    qp_unlock(&vm->lock, state);
}

/* ---- the leak scan's view ------------------------------------------------------------------- */

/* What an area's addresses show are its frames; reserved addresses show nothing. */
static struct qr_leak_block vm_leak_block(struct qr_area *area)
{
    return (struct qr_leak_block){.start = area->nr_frames ? area->vm.addr : NULL,
                                  .size = (size_t)area->nr_frames << PAGE_SHIFT,
                                  .word = area->internal ? NULL : &area->leak};
}

bool qr_vm_leak_find(struct qr_vm *vm, const void *address, struct qr_leak_found_area *found)
{
    struct qr_object object;
    unsigned long state;
    struct qr_area *area = NULL;
    bool live;
    if (!qr_vm_contains(vm, address)) { /* the record that find_vm_area and get_vm_area give */
        if (!qr_object_find(vm->kmalloc->slabs, address, &object) || !object.allocated ||
            object.cache != vm->area_cache)
            return false;
        area = object.start;
        address = area->vm.addr;
    }
    state = qp_lock(&vm->lock);
    area = qr_area_at(vm, address);
    live = area && area->state == QR_AREA_LIVE && !area->internal;
    if (live)
        *found = (struct qr_leak_found_area){
            .block = vm_leak_block(area),
            .frames = area->vm.flags & VM_ALLOC ? NULL : area->frames,
            .nr_frames = area->nr_frames,
        };
    qp_unlock(&vm->lock, state);
    return live;
}

bool qr_vm_leak_each(struct qr_vm *vm, qr_leak_visit visit, void *data)
{
    unsigned long state = qp_lock(&vm->lock);
    const struct qr_range *range;
    bool go_on = true;
    for (range = vm->arena.ranges; go_on && range; range = qr_range_next(range)) {
        struct qr_area *area = qr_range_owner(range);
        if (area && area->state == QR_AREA_LIVE) {
            struct qr_leak_block block = vm_leak_block(area);
            go_on = visit(&block, data);
        }
    }
    qp_unlock(&vm->lock, state);
    return go_on;
}

void qr_vm_retrace(struct qr_vm *vm, const void *address)
{
    unsigned long state = qp_lock(&vm->lock);
    struct qr_area *area = qr_area_at(vm, address);
    if (area && qr_check_level(vm->check) >= 1)
        qr_owner_set(vm->check, &area->owner, area->gfp, 0);
    qp_unlock(&vm->lock, state);
}

/* ---- the check ------------------------------------------------------------------------------- */

static unsigned long vm_check_finding(struct qr_vm *vm, unsigned long wrong, const char *where)
{
    struct quarry_report report = {.kind = QUARRY_CORRUPTION};
    if (wrong)
        qr_report(vm->check, &report, "vmalloc: %lu contradictions in %s", wrong, where);
    return wrong;
}

/* Live areas and their pages against the counters; each page marked and held. */
static unsigned long vm_check_counts(const struct qr_vm *vm)
{
    unsigned long nr_live = 0, nr_pages = 0, wrong = 0;
    const struct qr_range *range;
    for (range = vm->arena.ranges; range; range = qr_range_next(range)) {
        const struct qr_area *area = qr_range_owner(range);
        if (!area || area->state == QR_AREA_LEAVING)
            continue; /* nobody's; or its owner, perhaps the worker, is taking it apart just now */
        for (unsigned int i = 0; i < area->nr_frames; i++)
            wrong += (area->vm.flags & VM_ALLOC) && (!(area->frames[i]->flags & PGF_VMALLOC) ||
                                                     page_ref_count(area->frames[i]) < 1);
        if (area->state != QR_AREA_LIVE || area->internal)
            continue;
        nr_live++;
        if (area->vm.flags & VM_ALLOC)
            nr_pages += area->nr_frames;
    }
    return wrong + (nr_live != vm->nr_areas) + (nr_pages != vm->nr_pages);
}

unsigned long qr_vm_check(struct qr_vm *vm)
{
    unsigned long arena, tree, cache, counts, state = qp_lock(&vm->lock);
    arena = qr_arena_check(&vm->arena);
    tree = qr_area_tree_check(vm);
    cache = qr_area_cache_check(vm);
    counts = vm_check_counts(vm);
    qp_unlock(&vm->lock, state);
    return vm_check_finding(vm, arena, "the arena") +
           vm_check_finding(vm, tree, "the tree of areas") +
           vm_check_finding(vm, cache, "the cache of areas") +
           vm_check_finding(vm, counts, "the counters");
}
