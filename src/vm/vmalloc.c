/* SPDX-License-Identifier: MIT */
/* vm/vmalloc: memory that is contiguous in virtual addresses only.
 *
 * Problem. Large physically contiguous blocks are scarce; most callers only need addresses in a row.
 *
 * Idea. Five things make an area: a record, an array for its pages, the pages, a range of addresses
 * with room for a guard page, and the mapping. They are had in this order, so that the cheap
 * failures come first and the mapping, which is dearest, last; each failure undoes what came before
 * it, and nobody can find the area until all five are there.
 *
 *     request ── checks ── cached area? ──────────────────────────────► zero? ► caller
 *                             │ no                                        ▲
 *                             ▼                                           │
 *                 record ► array ► pages ► addresses ► mapping ► publish ─┘
 *
 * The pages need not be neighbours, but those that are cost less to map. So a large area asks the
 * page allocator for many single pages at once, which come as ascending runs where there are any;
 * a small one tries a block from this CPU's lists first (without reclaim, without a warning) and
 * splits it. High memory goes first (G-Z8): a block from low memory is put back while high memory
 * still has single pages, since only those who cannot use high memory should have to live off low
 * memory.
 *
 * Invariants. A1: an area that was published is complete. A2: a request that fails leaves no page,
 * no range, no record and no mapping behind. A3: with __GFP_ZERO the whole of each page is zero.
 *
 * Locks: none here; vm->lock inside. What may sleep: everything (G-C3).
 *
 * Limits: alignments up to 1 GiB; areas of at most as many pages as the machine has. */
#include "area.h"

#define VMALLOC_ALIGN_MAX (1ull << 30)
#define VMALLOC_SMALL 8u /* fewer pages than this come from this CPU's lists */
#define VMALLOC_RETRY_NS (1000ull * 1000)
/* Bits under which a kept area may serve anybody: the zones are the default's, and neither node nor
 * reserves were special. */
#define VMALLOC_SPECIAL                                                                            \
    (__GFP_DMA | __GFP_DMA32 | __GFP_MOVABLE | __GFP_RECLAIMABLE | __GFP_THISNODE |                \
     __GFP_MEMALLOC | __GFP_COLD)

struct vmalloc_job {
    struct qr_vm *vm;
    const struct qr_vmalloc_request *request;
    u64 nr_pages;
    gfp_t gfp;          /* after the task's scopes, with __GFP_HIGHMEM where it belongs */
    int nid;            /* resolved */
    const char *failed; /* what could not be had */
    unsigned int got;   /* pages that could */
};

/* ---- refusals -------------------------------------------------------------------------------- */

static void vmalloc_refuse(struct qr_vm *vm, const struct qr_vmalloc_request *request,
                           const char *why)
{
    struct quarry_report report = {
        .kind = QUARRY_BAD_REQUEST, .rule = "G-S6", .size = request->size};
    if (!(request->gfp & __GFP_NOWARN))
        qr_report(vm->check, &report, "%s of %lu bytes, alignment %lu: %s", request->what,
                  request->size, request->align, why);
}

/* Sizes and alignments that make no sense. */
static bool vmalloc_is_sane(struct qr_vm *vm, const struct qr_vmalloc_request *request)
{
    u64 align = request->align;
    if (!request->size) {
        vmalloc_refuse(vm, request, "there is no area of no pages; check the size before");
        return false;
    }
    if (((request->size - 1) >> PAGE_SHIFT) >= vm->zones->totalram) {
        vmalloc_refuse(vm, request, "more pages than the machine has");
        return false;
    }
    if ((align & (align - 1)) || align > VMALLOC_ALIGN_MAX) {
        vmalloc_refuse(vm, request, "the alignment must be a power of two, at most 1 GiB");
        return false;
    }
    return true;
}

/* G-E6 for vmalloc: one report a failure, rate limited. */
static void vmalloc_report_failure(const struct vmalloc_job *job)
{
    struct quarry_report report = {
        .kind = QUARRY_OUT_OF_MEMORY, .rule = "G-E6", .size = job->request->size};
    char names[160];
    if ((job->request->gfp & __GFP_NOWARN) || !qr_warn_allowed(job->vm->check))
        return;
    qr_gfp_names(job->request->gfp, names, sizeof(names));
    if (qr_report(job->vm->check, &report,
                  "%s of %lu bytes (%s) failed: %s (%u of %llu pages were had)", job->request->what,
                  job->request->size, names, job->failed, job->got,
                  (unsigned long long)job->nr_pages))
        qr_show_mem(job->vm->zones);
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Whether @page came from low memory though high memory, which the request may use, still has
 * pages to give. */
static bool vmalloc_block_is_low(const struct vmalloc_job *job, const struct page *page)
{
    struct qr_zones *zones = job->vm->zones;
    if (gfp_zone(job->gfp) < ZONE_HIGHMEM || !qr_page_is_low(zones->map, page))
        return false;
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        const struct zone *zone = &zones->zone[i];
        if (zone->type == ZONE_HIGHMEM &&
            __atomic_load_n(&zone->free_pages, __ATOMIC_RELAXED) > zone->watermark[QR_WMARK_LOW])
            return true;
    }
    return false;
}

/* A block of 2^order pages that is there for the taking, as single pages; how many. */
static unsigned int vmalloc_take_block(struct vmalloc_job *job, unsigned int order,
                                       struct page **frames)
{
    struct qr_zones *zones = job->vm->zones;
    gfp_t gfp = (job->gfp & ~(__GFP_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL | __GFP_HIGH)) |
                __GFP_NORETRY | __GFP_NOWARN;
    struct page *page;
    if (zones->nr_nodes > 1)
        gfp |= __GFP_THISNODE; /* single pages of the near node before blocks of a far one */
    page = qr_alloc_pages(zones, gfp, order, job->nid);
    if (page && vmalloc_block_is_low(job, page)) {
        qr_free_block(zones, page, order);
        page = NULL;
    }
    if (!page)
        return 0;
    qr_split_page(zones, page, order);
    for (unsigned int i = 0; i < 1u << order; i++)
        frames[i] = page + i;
    return 1u << order;
}

/* Fill the area's array. False when memory ran out: job->got pages are in it. */
static bool vmalloc_take_pages(struct vmalloc_job *job, struct qr_area *area)
{
    struct qr_zones *zones = job->vm->zones;
    unsigned int nr = area->nr_frames, got = 0;
    if (nr > 1 && nr < VMALLOC_SMALL)
        got = vmalloc_take_block(job, qr_fls64(nr), area->frames);
    if (got < nr)
        got += (unsigned int)qr_alloc_pages_bulk(zones, job->gfp | __GFP_NOWARN, job->nid, nr - got,
                                                 area->frames + got);
    for (unsigned int i = 0; i < got; i++) {
        u32 flags = __atomic_load_n(&area->frames[i]->flags, __ATOMIC_RELAXED);
        __atomic_store_n(&area->frames[i]->flags, flags | PGF_VMALLOC, __ATOMIC_RELAXED);
    }
    qr_area_count_zones(job->vm, area, got, 1);
    job->got = got;
    return got == nr;
}

/* ---- the way of one request ------------------------------------------------------------------ */

static struct qr_area_dress vmalloc_dress(const struct vmalloc_job *job)
{
    const struct qr_vmalloc_request *request = job->request;
    struct qr_area_dress dress = {.flags = VM_ALLOC | request->flags,
                                  .asked = request->size,
                                  .caller = request->caller,
                                  .gfp = request->gfp};
    if (!dress.caller)
        qp_backtrace(&dress.caller, 1);
    return dress;
}

static bool vmalloc_place_at(struct vmalloc_job *job, struct qr_area *area, u64 align)
{
    return qr_area_place(job->vm, area, job->nr_pages + 1, align, job->gfp, &job->failed);
}

/* Addresses for an area. The window may be full of areas that are only kept. */
static bool vmalloc_place(struct vmalloc_job *job, struct qr_area *area)
{
    u64 align = job->request->align;
    if (job->request->huge && job->nr_pages >= QR_BLOCK_PAGES)
        align = QR_MAX(align, (u64)QR_BLOCK_PAGES << PAGE_SHIFT);
    if (vmalloc_place_at(job, area, align))
        return true;
    if ((job->gfp & __GFP_DIRECT_RECLAIM) && qr_vm_purge(job->vm) &&
        vmalloc_place_at(job, area, align))
        return true;
    return job->request->huge && align != job->request->align &&
           vmalloc_place_at(job, area, job->request->align);
}

static bool vmalloc_map(struct vmalloc_job *job, struct qr_area *area)
{
    if (qr_area_map(job->vm, area))
        return true;
    return (job->gfp & __GFP_DIRECT_RECLAIM) && qr_vm_purge(job->vm) && qr_area_map(job->vm, area);
}

/* Whether a kept area serves this request, and the area that serves it may be kept. */
static bool vmalloc_is_ordinary(const struct vmalloc_job *job)
{
    return job->request->what && !job->request->align && !job->request->huge &&
           !(job->gfp & VMALLOC_SPECIAL);
}

/* A new area, complete and published; or NULL with everything undone (A2). */
static void *vmalloc_build(struct vmalloc_job *job, const struct qr_area_dress *dress)
{
    struct qr_vm *vm = job->vm;
    struct qr_area *area = qr_area_new(vm, job->nr_pages, job->gfp);
    job->got = 0;
    job->failed = "no memory for its record";
    if (!area)
        return NULL;
    qr_area_dress(area, dress);
    area->nid = job->nid;
    area->internal = !job->request->what;
    area->release_frames = true;
    area->vm.pages = area->frames;
    area->vm.nr_pages = area->nr_frames;
    job->failed = "no memory for its pages";
    if (!vmalloc_take_pages(job, area))
        goto undo;
    if (!vmalloc_place(job, area))
        goto undo;
    job->failed = "the machine has no room for its page tables";
    if (!vmalloc_map(job, area))
        goto undo;
    area->cacheable = vmalloc_is_ordinary(job) && qr_area_is_on_node(vm, area);
    qr_area_publish(vm, area);
    return area->vm.addr;
undo:
    qr_area_release_frames(vm, area, job->got);
    qr_area_delete(vm, area);
    return NULL;
}

/* The mask that the pages are asked with (G-Z8, G-C3, G-C5). */
static gfp_t vmalloc_mask(gfp_t gfp, bool may_sleep)
{
    gfp = qr_scoped_gfp(gfp) & ~(__GFP_ZERO | __GFP_COMP);
    if (!may_sleep)
        gfp &= ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL);
    if (!(gfp & (__GFP_DMA | __GFP_DMA32)))
        gfp |= __GFP_HIGHMEM;
    return gfp;
}

/* Find it or build it; with __GFP_NOFAIL as often as it takes (G-E5). */
static void *vmalloc_insist(struct vmalloc_job *job)
{
    struct qr_area_dress dress = vmalloc_dress(job);
    for (;;) {
        struct qp_event nobody = {0};
        void *addr = NULL;
        if (vmalloc_is_ordinary(job))
            addr = qr_area_cache_take(job->vm, job->nr_pages, job->nid, &dress);
        if (!addr)
            addr = vmalloc_build(job, &dress);
        if (addr || !(job->gfp & __GFP_NOFAIL) || !(job->gfp & __GFP_DIRECT_RECLAIM))
            return addr;
        qr_vm_purge(job->vm);
        qp_wait(&nobody, 0, VMALLOC_RETRY_NS);
    }
}

void *qr_vmalloc_request(struct qr_vm *vm, const struct qr_vmalloc_request *request)
{
    struct vmalloc_job job = {.vm = vm, .request = request};
    bool may_sleep = !request->what || qr_may_sleep_here(vm->check, request->what);
    void *addr;
    if ((!may_sleep && qr_vm_in_interrupt()) || !vmalloc_is_sane(vm, request))
        return NULL;
    job.nr_pages = ((u64)request->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    job.gfp = vmalloc_mask(request->gfp, may_sleep);
    job.nid = qr_vm_node(vm, request->nid);
    job.failed = "fail_vmalloc said so";
    if (request->what && qr_fault_armed(vm->faults, QUARRY_FAIL_VMALLOC) &&
        qr_fault_hit(vm->faults, QUARRY_FAIL_VMALLOC, job.gfp, request->size, NULL)) {
        vmalloc_report_failure(&job);
        return NULL;
    }
    if (may_sleep)
        qr_vm_finish_deferred(vm);
    addr = vmalloc_insist(&job);
    if (!addr) {
        vmalloc_report_failure(&job);
        return NULL;
    }
    if (qr_observed(vm->check))
        qp_take_over(addr, (size_t)(job.nr_pages << PAGE_SHIFT));
    if (request->gfp & __GFP_ZERO)
        memset(addr, 0, (size_t)(job.nr_pages << PAGE_SHIFT));
    qr_note_block(vm->check, addr, request->size,
                  request->gfp & __GFP_ZERO ? QP_BLOCK_WRITTEN : QP_BLOCK_FRESH);
    if (qr_watched(vm->check))
        qp_hand_over((char *)addr + request->size,
                     (size_t)(job.nr_pages << PAGE_SHIFT) - request->size);
    return addr;
}

void *qr_vmalloc(struct qr_vm *vm, unsigned long size, unsigned long align, gfp_t gfp,
                 unsigned long flags, int nid, const char *what)
{
    const struct qr_vmalloc_request request = {
        .size = size, .align = align, .gfp = gfp, .flags = flags, .nid = nid, .what = what};
    return qr_vmalloc_request(vm, &request);
}
