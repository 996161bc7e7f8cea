/* SPDX-License-Identifier: MIT */
/* vm/cache: freed areas that stay mapped for the next request of their size.
 *
 * Problem. Making an area costs a call to the machine's page tables for every run of pages, and as
 * many to take it apart; callers that vmalloc and vfree the same size over and over pay it each
 * time.
 *
 * Idea. A mapping is an area's constructed state. A freed area keeps its pages and its mapping and
 * waits here, by page count and node, until a request of the same size comes or memory is short.
 * Only areas made with the default mask are kept, since only they may be handed to any caller; and
 * only when no page has another holder, who would otherwise share memory with the next owner. A
 * page of an area can be come by only through a look-up (vmalloc_to_page, find_vm_area), which marks
 * the area as exposed; so most frees need not look at the pages at all.
 *
 *     bin[pages % 64] -> area <-> area <-> area       youngest first
 *     lru <-> area <-> area <-> area <-> area         youngest first; the end goes first
 *
 * The cache is bounded in pages and areas; the oldest make room. Reclaim takes from the old end,
 * and the background worker empties it below `low`, since a request that cannot sleep cannot unmap
 * anything itself. In every debugging mode it is off, so that a use after vfree faults.
 *
 * Invariants. C1: cached.pages and cached.nr agree with the lists. C2: every area in the cache is
 * mapped, in the tree with state QR_AREA_CACHED, and each of its pages has exactly one reference.
 * C3: cached.pages <= cached.limit.
 *
 * Locks: vm->lock; areas are released without it. */
#include "area.h"

#define CACHE_AREAS_MAX 1024ul

/* The node that a request means: the named one, or this CPU's. */
int qr_vm_node(const struct qr_vm *vm, int nid)
{
    struct qr_cpu *cpu;
    unsigned long state;
    if (nid >= 0 || vm->zones->nr_nodes <= 1)
        return nid >= 0 ? nid : 0;
    state = qp_percpu_enter(vm->zones->cpus, &cpu);
    nid = (int)cpu->nid;
    qp_percpu_leave(state);
    return nid;
}

/* Whether an area's pages are where its key says; a request may have had to look further. */
bool qr_area_is_on_node(const struct qr_vm *vm, const struct qr_area *area)
{
    if (vm->zones->nr_nodes <= 1)
        return true;
    return (int)qr_pfn_node(vm->zones->map, qr_pfn(vm->zones->map, area->frames[0])) == area->nid;
}

static void area_cache_unlink(struct qr_area_cache *cache, struct qr_area *area)
{
    if (area->bin_next)
        area->bin_next->bin_prev = area->bin_prev;
    if (area->bin_prev)
        area->bin_prev->bin_next = area->bin_next;
    else
        cache->bin[area->nr_frames % QR_VM_CACHE_BINS] = area->bin_next;
    area->bin_next = area->bin_prev = NULL;
    qr_list_del(&area->lru);
    cache->pages -= area->nr_frames;
    cache->nr--;
}

static void area_cache_link(struct qr_area_cache *cache, struct qr_area *area)
{
    struct qr_area **bin = &cache->bin[area->nr_frames % QR_VM_CACHE_BINS];
    area->bin_prev = NULL;
    area->bin_next = *bin;
    if (*bin)
        (*bin)->bin_prev = area;
    *bin = area;
    qr_list_add(&area->lru, &cache->lru);
    cache->pages += area->nr_frames;
    cache->nr++;
}

void qr_area_dress(struct qr_area *area, const struct qr_area_dress *dress)
{
    area->vm.flags = dress->flags;
    area->vm.caller = dress->caller;
    area->asked = dress->asked;
    area->gfp = dress->gfp;
}

/* Address of a mapped area of @pages pages on @nid, live again and the caller's; or NULL. It is
 * dressed for its new owner under the lock, since walkers may see it at once. Context: any. */
void *qr_area_cache_take(struct qr_vm *vm, u64 pages, int nid, const struct qr_area_dress *dress)
{
    struct qr_area *area;
    unsigned long state;
    if (!vm->cached.limit)
        return NULL;
    state = qp_lock(&vm->lock);
    for (area = vm->cached.bin[pages % QR_VM_CACHE_BINS]; area; area = area->bin_next)
        if (area->nr_frames == pages && area->nid == nid)
            break;
    if (area) {
        area_cache_unlink(&vm->cached, area);
        qr_area_dress(area, dress);
        area->state = QR_AREA_LIVE;
        qr_area_account_locked(vm, area, true);
        vm->cached.hits++;
    } else {
        vm->cached.misses++;
    }
    qp_unlock(&vm->lock, state);
    return area ? area->vm.addr : NULL;
}

/* C2: nobody else holds a page of it. */
static bool area_is_unshared(const struct qr_area *area)
{
    for (unsigned int i = 0; i < area->nr_frames; i++)
        if (page_ref_count(area->frames[i]) != 1)
            return false;
    return true;
}

/* The oldest areas, until the limits hold again; linked by `next`. vm->lock is held. */
static struct qr_area *area_cache_trim(struct qr_area_cache *cache, unsigned long limit)
{
    struct qr_area *list = NULL;
    while (cache->nr && (cache->pages > limit || cache->nr > CACHE_AREAS_MAX)) {
        struct qr_area *area = QR_LIST_ENTRY(cache->lru.prev, struct qr_area, lru);
        area_cache_unlink(cache, area);
        area->state = QR_AREA_LEAVING;
        area->next = list;
        list = area;
    }
    return list;
}

static void area_cache_link_live(struct qr_vm *vm, struct qr_area *area)
{
    area->state = QR_AREA_CACHED;
    area->exposed = false;
    area_cache_link(&vm->cached, area);
}

/* The common vfree, with one lock: keep the live area at @address if it is an ordinary one. False
 * when anything is unusual, with nothing changed. May sleep. */
bool qr_area_cache_keep(struct qr_vm *vm, const void *address)
{
    struct qr_area *area, *old = NULL;
    unsigned long state;
    bool kept;
    if (!vm->cached.limit || qr_observed(vm->check))
        return false;
    state = qp_lock(&vm->lock);
    area = qr_area_at(vm, address);
    kept = area && area->vm.addr == address && area->state == QR_AREA_LIVE && area->cacheable &&
           !area->exposed && area->nr_frames <= vm->cached.limit / 2;
    if (kept) {
        qr_area_account_locked(vm, area, false);
        area_cache_link_live(vm, area);
        old = area_cache_trim(&vm->cached, vm->cached.limit);
    }
    qp_unlock(&vm->lock, state);
    if (old)
        qr_areas_release(vm, old);
    return kept;
}

/* Keep an area that its owner is freeing; false when it must be released instead. What it pushes
 * out is released here. May sleep. */
bool qr_area_cache_put(struct qr_vm *vm, struct qr_area *area)
{
    struct qr_area *old;
    unsigned long state;
    if (!area->cacheable || area->nr_frames > vm->cached.limit / 2 || !area_is_unshared(area))
        return false;
    if (qr_observed(vm->check))
        qp_hand_over(area->vm.addr, (size_t)area->nr_frames << PAGE_SHIFT);
    state = qp_lock(&vm->lock);
    area_cache_link_live(vm, area);
    old = area_cache_trim(&vm->cached, vm->cached.limit);
    qp_unlock(&vm->lock, state);
    if (old)
        qr_areas_release(vm, old);
    return true;
}

/* Give back at least @nr_pages of the oldest areas, if there are so many. Pages given back. May
 * sleep. */
unsigned long qr_area_cache_shrink(struct qr_vm *vm, unsigned long nr_pages)
{
    unsigned long state = qp_lock(&vm->lock), kept = vm->cached.pages;
    struct qr_area *list = area_cache_trim(&vm->cached, QR_ABOVE(kept, nr_pages));
    qp_unlock(&vm->lock, state);
    return list ? qr_areas_release(vm, list) : 0;
}

/* C1 to C3. vm->lock is held. */
unsigned long qr_area_cache_check(const struct qr_vm *vm)
{
    const struct qr_area_cache *cache = &vm->cached;
    unsigned long wrong = 0, nr = 0, pages = 0, binned = 0;
    const struct list_head *pos;
    QR_LIST_FOR_EACH (pos, &cache->lru) {
        const struct qr_area *area = QR_LIST_ENTRY(pos, struct qr_area, lru);
        wrong += area->state != QR_AREA_CACHED || !area_is_unshared(area);
        wrong += qr_area_at(vm, area->vm.addr) != area;
        nr++;
        pages += area->nr_frames;
    }
    for (unsigned int i = 0; i < QR_VM_CACHE_BINS; i++) {
        const struct qr_area *area = cache->bin[i];
        for (; area; area = area->bin_next) {
            wrong += area->nr_frames % QR_VM_CACHE_BINS != i;
            binned++;
        }
    }
    wrong += nr != cache->nr || pages != cache->pages || binned != nr;
    wrong += cache->limit && pages > cache->limit;
    return wrong;
}
