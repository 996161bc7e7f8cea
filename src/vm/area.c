/* SPDX-License-Identifier: MIT */
/* vm/area: records of mapped areas, and finding them by any address inside.
 *
 * Problem. vfree gets the first address of an area, vmalloc_to_page any address in it, and both in
 * any context; the areas come and go.
 *
 * Words. An *area* is a run of addresses with pages behind it (or reserved without), followed by a
 * guard page that is never mapped. Its record is struct qr_area; what callers may see of it is the
 * struct vm_struct at its start. Its *frames* are its pages, in order.
 *
 *     addr                                 addr + size
 *     | frame 0 | frame 1 |  ...  | guard |
 *     |<-- one range of the arena ------->|
 *
 * Idea. A treap by start address: a search tree whose shape is fixed by a hash of each address, so
 * that it is balanced whatever the order in which areas come, with no rotations to get wrong:
 * insertion splits the subtree it displaces, removal merges two. Every mapped area is in it, also
 * those that are freed but still mapped (cache.c) and those whose free is put off; `state` tells
 * them apart, so that a second free of such an area is recognised for what it is.
 *
 * The array of frames lies in the record for up to four pages, in one of two small object caches up
 * to 64, else in pages of its own: a block when one is easily had, otherwise an area of Quarry's
 * own.
 *
 * Invariants. V1: left and right subtrees hold lower and higher addresses, and no child has a
 * greater priority than its parent. V2: the arena's range of an area names the area as its owner.
 * V3: live areas are exactly those in the tree with state QR_AREA_LIVE.
 *
 * Locks: vm->lock for the tree and the arena. Records and arrays are allocated without it. */
#include "area.h"

#define AREA_FRAMES_SMALL 16u
#define AREA_FRAMES_LARGE 64u

/* ---- the tree -------------------------------------------------------------------------------- */

/* A hash of the address: priorities must not follow the order of addresses. A multiplication alone does
 * follow it, for hundreds of areas whose distance happens to be a Fibonacci number of pages. */
static u32 area_priority(const void *address)
{
    u64 state = (u64)(uintptr_t)address;
    return (u32)(qr_random(&state) >> 32);
}

static void area_tree_insert(struct qr_area **root, struct qr_area *area)
{
    struct qr_area **link = root, *tree, **lower = &area->left, **higher = &area->right;
    area->priority = area_priority(area->vm.addr);
    while (*link && (*link)->priority >= area->priority)
        link = area->vm.addr < (*link)->vm.addr ? &(*link)->left : &(*link)->right;
    for (tree = *link; tree;) {
        if (tree->vm.addr < area->vm.addr) {
            *lower = tree;
            lower = &tree->right;
            tree = tree->right;
        } else {
            *higher = tree;
            higher = &tree->left;
            tree = tree->left;
        }
    }
    *lower = *higher = NULL;
    *link = area;
}

static void area_tree_remove(struct qr_area **root, struct qr_area *area)
{
    struct qr_area **link = root, *low = area->left, *high = area->right;
    while (*link != area) {
        QR_ASSERT(*link);
        link = area->vm.addr < (*link)->vm.addr ? &(*link)->left : &(*link)->right;
    }
    while (low && high) {
        if (low->priority >= high->priority) {
            *link = low;
            link = &low->right;
            low = low->right;
        } else {
            *link = high;
            link = &high->left;
            high = high->left;
        }
    }
    *link = low ? low : high;
    area->left = area->right = NULL;
}

/* The area whose addresses, its guard page included, hold @address, in whatever state; or NULL.
 * Context: any; vm->lock is held. Cost: O(log areas). */
struct qr_area *qr_area_at(const struct qr_vm *vm, const void *address)
{
    struct qr_area *at = vm->tree, *best = NULL;
    while (at) {
        if ((const void *)at->vm.addr <= address) {
            best = at;
            at = at->right;
        } else {
            at = at->left;
        }
    }
    if (best && (uintptr_t)address - (uintptr_t)best->vm.addr < best->vm.size)
        return best;
    return NULL;
}

/* V1, without recursion: parents are checked on the way down, and the order of addresses follows
 * from each node's interval. Depth is bounded by chance only, so the walk uses the arena's order
 * instead of a stack: each area must be found from the root. */
unsigned long qr_area_tree_check(const struct qr_vm *vm)
{
    unsigned long wrong = 0;
    const struct qr_range *range;
    for (range = vm->arena.ranges; range; range = qr_range_next(range)) {
        const struct qr_area *area = qr_range_owner(range), *at = vm->tree;
        if (!area)
            continue;
        while (at && at != area) {
            const struct qr_area *child = area->vm.addr < at->vm.addr ? at->left : at->right;
            wrong += child && child->priority > at->priority;
            at = child;
        }
        wrong += !at || area->range != range || (uintptr_t)area->vm.addr != qr_range_start(range);
        wrong += (qr_range_pages(range) << PAGE_SHIFT) < area->vm.size;
    }
    return wrong;
}

/* ---- records --------------------------------------------------------------------------------- */

static void *area_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
    return qr_cache_alloc_slow(cache, gfp, NUMA_NO_NODE);
}

/* A large array: a block of pages when one is at hand, else an area of Quarry's own. @gfp has
 * __GFP_NOWARN: a size that no block has is refused without a word. */
static struct page **area_frames_large(struct qr_vm *vm, u64 bytes, gfp_t gfp)
{
    unsigned int order = (unsigned int)get_order((unsigned long)bytes);
    struct page *page = NULL;
    if (order == 0)
        page = qr_alloc_pages(vm->zones, gfp, 0, NUMA_NO_NODE);
    else
        page = qr_alloc_pages(vm->zones,
                              (gfp & ~(__GFP_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL)) |
                                  __GFP_NORETRY,
                              order, NUMA_NO_NODE);
    if (page)
        return qr_page_virt(vm->zones->map, page);
    return order ? qr_vmalloc(vm, (unsigned long)bytes, 0, gfp, 0, NUMA_NO_NODE, NULL) : NULL;
}

static bool area_frames_alloc(struct qr_vm *vm, struct qr_area *area, u64 nr, gfp_t gfp)
{
    area->nr_frames = (unsigned int)nr;
    if (nr <= QR_ARRAY_SIZE(area->inline_frames))
        area->frames = area->inline_frames;
    else if (nr <= AREA_FRAMES_LARGE)
        area->frames = area_cache_alloc(vm->frames_cache[nr > AREA_FRAMES_SMALL], gfp);
    else
        area->frames = area_frames_large(vm, nr * sizeof(struct page *), gfp);
    return area->frames != NULL;
}

static void area_frames_free(struct qr_vm *vm, struct qr_area *area)
{
    u64 nr = area->nr_frames;
    if (!area->frames || area->frames == area->inline_frames)
        return;
    if (nr <= AREA_FRAMES_LARGE)
        qr_cache_free_slow(vm->kmalloc->slabs, vm->frames_cache[nr > AREA_FRAMES_SMALL],
                           area->frames, "vfree");
    else if (qr_vm_contains(vm, area->frames))
        qr_vfree(vm, area->frames, false);
    else
        qr_free_block(vm->zones, qr_virt_page(vm->zones->map, area->frames),
                      (unsigned int)get_order((unsigned long)(nr * sizeof(struct page *))));
}

/* A record with room for @nr_frames frames (0: none), or NULL. */
struct qr_area *qr_area_new(struct qr_vm *vm, u64 nr_frames, gfp_t gfp)
{
    gfp_t inner = (gfp & QR_VM_INNER_GFP) | __GFP_NOWARN;
    struct qr_area *area = area_cache_alloc(vm->area_cache, inner);
    if (!area)
        return NULL;
    memset(area, 0, sizeof(*area));
    area->gfp = gfp;
    qr_list_init(&area->lru);
    if (nr_frames && !area_frames_alloc(vm, area, nr_frames, inner)) {
        qr_cache_free_slow(vm->kmalloc->slabs, vm->area_cache, area, "vfree");
        return NULL;
    }
    return area;
}

/* Give an area its addresses: @pages of them (the guard page counted) aligned to @align bytes.
 * False when no range fits or no tag could be had; *@failed says which. May sleep if @gfp may. */
bool qr_area_place(struct qr_vm *vm, struct qr_area *area, u64 pages, u64 align, gfp_t gfp,
                   const char **failed)
{
    gfp_t inner = (gfp & QR_VM_INNER_GFP) | __GFP_NOWARN;
    struct qr_range *spare[2];
    unsigned long state;
    spare[0] = area_cache_alloc(vm->range_cache, inner);
    spare[1] = spare[0] ? area_cache_alloc(vm->range_cache, inner) : NULL;
    *failed = "no memory for the record of its addresses";
    if (spare[1]) {
        *failed = "no free range of addresses is long enough; see vmallocinfo";
        state = qp_lock(&vm->lock);
        area->range = qr_arena_take(&vm->arena, pages, align, spare);
        qp_unlock(&vm->lock, state);
    }
    for (unsigned int i = 0; i < 2; i++)
        if (spare[i])
            qr_cache_free_slow(vm->kmalloc->slabs, vm->range_cache, spare[i], "vfree");
    if (!area->range)
        return false;
    area->vm.addr = (void *)qr_range_start(area->range);
    area->vm.size = (unsigned long)(pages << PAGE_SHIFT);
    return true;
}

/* What an area adds to the counters when it becomes live, or takes off again. vm->lock is held. */
void qr_area_account_locked(struct qr_vm *vm, struct qr_area *area, bool live)
{
    const long sign = live ? 1 : -1;
    if (area->internal)
        return;
    vm->nr_areas += (unsigned long)sign;
    if (live)
        area->leak = QR_LEAK_REACHED;
    if (!(area->vm.flags & VM_ALLOC))
        return;
    vm->nr_pages += (unsigned long)sign * area->nr_frames;
    if (live)
        area->site = qr_site_of(vm->check, area->vm.caller);
    qr_site_count(vm->check, area->site, sign * (long)((u64)area->nr_frames << PAGE_SHIFT), sign);
    if (live)
        qr_live_add(vm->check, (size_t)area->nr_frames << PAGE_SHIFT);
    else
        qr_live_remove(vm->check, (size_t)area->nr_frames << PAGE_SHIFT);
}

/* The area is complete: everybody may find it. */
void qr_area_publish(struct qr_vm *vm, struct qr_area *area)
{
    unsigned long state;
    if (qr_check_level(vm->check) >= 1)
        qr_owner_set(vm->check, &area->owner, area->gfp, 0);
    state = qp_lock(&vm->lock);
    area->state = QR_AREA_LIVE;
    qr_range_set_owner(area->range, area);
    area_tree_insert(&vm->tree, area);
    qr_area_account_locked(vm, area, true);
    qp_unlock(&vm->lock, state);
}

/* Give back addresses, array and record; the pages are gone already. Also of an area that was never
 * published. May sleep. */
void qr_area_delete(struct qr_vm *vm, struct qr_area *area)
{
    struct qr_range *merged[2] = {NULL, NULL};
    unsigned long state;
    if (area->range) {
        state = qp_lock(&vm->lock);
        if (qr_range_owner(area->range))
            area_tree_remove(&vm->tree, area);
        qr_arena_give(&vm->arena, area->range, merged);
        qp_unlock(&vm->lock, state);
    }
    for (unsigned int i = 0; i < 2; i++)
        if (merged[i])
            qr_cache_free_slow(vm->kmalloc->slabs, vm->range_cache, merged[i], "vfree");
    area_frames_free(vm, area);
    qr_cache_free_slow(vm->kmalloc->slabs, vm->area_cache, area, "vfree");
}
