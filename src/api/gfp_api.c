/* SPDX-License-Identifier: MIT */
/* api/gfp: the public calls of quarry/gfp.h, over the default machine.
 *
 * Thin: what a call promises is done in zone/. Here belong the default instance, the conversion
 * between pages and addresses, and the note that a block is now in a caller's hands (which the inner
 * layers, who hold pages on behalf of objects and areas, must not make). */
#include "../instance.h"

/* A block goes out to a caller outside the core. */
static struct page *gfp_hand_out(struct qr_zones *zones, struct page *page, unsigned int order,
                                 gfp_t gfp)
{
    if (QR_UNLIKELY(__atomic_load_n(&zones->hooks, __ATOMIC_RELAXED)) && page)
        qr_pages_note(zones, page, order, gfp);
    return page;
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
    struct qr_zones *zones = &qr_default()->zones;
    return gfp_hand_out(zones, qr_alloc_pages(zones, gfp, order, NUMA_NO_NODE), order, gfp);
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
    struct qr_zones *zones = &qr_default()->zones;
    return gfp_hand_out(zones, qr_alloc_pages(zones, gfp, order, nid), order, gfp);
}

/* G-Z7: the answer is a direct-map address, which high memory has not. */
static QR_COLD gfp_t gfp_refuse_high(struct qr_zones *zones, gfp_t gfp, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-Z7"};
    qr_report_once(zones->check, &report,
                   "%s with __GFP_HIGHMEM: it returns a direct-map address, which high memory has "
                   "not; the flag is dropped (alloc_pages and kmap reach high memory)",
                   what);
    return gfp & ~__GFP_HIGHMEM;
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
    struct quarry *q = qr_default();
    struct page *page;
    if (QR_UNLIKELY(gfp & __GFP_HIGHMEM))
        gfp = gfp_refuse_high(&q->zones, gfp, "__get_free_pages");
    page = gfp_hand_out(&q->zones, qr_alloc_pages(&q->zones, gfp, order, NUMA_NO_NODE), order, gfp);
    return page ? (unsigned long)(uintptr_t)qr_page_virt(&q->map, page) : 0;
}

unsigned long get_zeroed_page(gfp_t gfp)
{
    return __get_free_pages(gfp | __GFP_ZERO, 0);
}

void __free_pages(struct page *page, unsigned int order)
{
    qr_put_pages(&qr_default()->zones, page, order, "__free_pages");
}

void free_pages(unsigned long addr, unsigned int order)
{
    struct quarry *q = qr_default();
    const void *virt = (const void *)(uintptr_t)addr;
    struct page *page;
    if (!addr)
        return;
    page = qr_virt_page_checked(&q->map, virt);
    if (QR_UNLIKELY(!page || offset_in_page(addr))) {
        qr_report_bad_free(&q->zones, virt, "free_pages");
        return;
    }
    qr_put_pages(&q->zones, page, order, "free_pages");
}

/* Note each page of an exact block. */
static void *gfp_hand_out_exact(struct quarry *q, void *virt, size_t size, gfp_t gfp)
{
    struct page *page;
    if (QR_LIKELY(!__atomic_load_n(&q->zones.hooks, __ATOMIC_RELAXED)) || !virt)
        return virt;
    page = qr_virt_page(&q->map, virt);
    for (size_t i = 0; i < PAGE_ALIGN(size) >> PAGE_SHIFT; i++)
        qr_pages_note(&q->zones, page + i, 0, gfp);
    return virt;
}

void *alloc_pages_exact_nid(int nid, size_t size, gfp_t gfp)
{
    struct quarry *q = qr_default();
    return gfp_hand_out_exact(q, qr_alloc_pages_exact(&q->zones, size, gfp, nid), size, gfp);
}

void *alloc_pages_exact(size_t size, gfp_t gfp)
{
    return alloc_pages_exact_nid(NUMA_NO_NODE, size, gfp);
}

void free_pages_exact(void *virt, size_t size)
{
    qr_free_pages_exact(&qr_default()->zones, virt, size);
}

/* ---- bulk ----------------------------------------------------------------------------------- */

static void gfp_note_many(struct qr_zones *zones, gfp_t gfp, unsigned long nr, struct page **pages)
{
    if (QR_LIKELY(!__atomic_load_n(&zones->hooks, __ATOMIC_RELAXED)))
        return;
    for (unsigned long i = 0; i < nr; i++)
        qr_pages_note(zones, pages[i], 0, gfp);
}

/* Fill each stretch of NULL slots by one request; stop at the first that falls short. */
static unsigned long gfp_bulk_array(struct qr_zones *zones, gfp_t gfp, int nid, unsigned long nr,
                                    struct page **array)
{
    unsigned long full = 0, i = 0;
    bool shortage = false;
    while (i < nr) {
        unsigned long start = i, got;
        if (array[i]) {
            full++;
            i++;
            continue;
        }
        while (i < nr && !array[i])
            i++;
        if (shortage)
            continue;
        got = qr_alloc_pages_bulk(zones, gfp, nid, i - start, array + start);
        gfp_note_many(zones, gfp, got, array + start);
        full += got;
        shortage = got < i - start;
    }
    return full;
}

#define GFP_BULK_CHUNK 64ul

static unsigned long gfp_bulk_list(struct qr_zones *zones, gfp_t gfp, int nid, unsigned long nr,
                                   struct list_head *list)
{
    unsigned long added = 0;
    while (added < nr) {
        struct page *pages[GFP_BULK_CHUNK];
        unsigned long want = QR_MIN(nr - added, GFP_BULK_CHUNK);
        unsigned long got = qr_alloc_pages_bulk(zones, gfp, nid, want, pages);
        gfp_note_many(zones, gfp, got, pages);
        for (unsigned long i = 0; i < got; i++)
            qr_list_add_tail(&pages[i]->lru, list);
        added += got;
        if (got < want)
            break;
    }
    return added;
}

unsigned long quarry_alloc_pages_bulk(gfp_t gfp, int nid, unsigned long nr, struct list_head *list,
                                      struct page **array)
{
    struct qr_zones *zones = &qr_default()->zones;
    if (list)
        return gfp_bulk_list(zones, gfp, nid, nr, list);
    return array ? gfp_bulk_array(zones, gfp, nid, nr, array) : 0;
}

void split_page(struct page *page, unsigned int order)
{
    qr_split_page(&qr_default()->zones, page, order);
}

/* ---- scopes (G-C5) -------------------------------------------------------------------------- */

/* Each save returns the bits of its kind that were set before, and restore puts exactly those back:
 * so that scopes of different kinds may nest in any order. */
static unsigned int gfp_scope_clear(gfp_t bits)
{
    struct qp_task *task = qp_task();
    unsigned int before = task->scope_clear & bits;
    task->scope_clear |= bits;
    return before;
}

static void gfp_scope_restore(gfp_t bits, unsigned int before)
{
    struct qp_task *task = qp_task();
    task->scope_clear = (task->scope_clear & ~bits) | (before & bits);
}

unsigned int memalloc_noio_save(void)
{
    return gfp_scope_clear(__GFP_IO | __GFP_FS);
}

void memalloc_noio_restore(unsigned int flags)
{
    gfp_scope_restore(__GFP_IO | __GFP_FS, flags);
}

unsigned int memalloc_nofs_save(void)
{
    return gfp_scope_clear(__GFP_FS);
}

void memalloc_nofs_restore(unsigned int flags)
{
    gfp_scope_restore(__GFP_FS, flags);
}

unsigned int memalloc_noreclaim_save(void)
{
    struct qp_task *task = qp_task();
    unsigned int before = task->scope_set & __GFP_MEMALLOC;
    task->scope_set |= __GFP_MEMALLOC;
    return before | gfp_scope_clear(__GFP_DIRECT_RECLAIM);
}

void memalloc_noreclaim_restore(unsigned int flags)
{
    struct qp_task *task = qp_task();
    task->scope_set = (task->scope_set & ~__GFP_MEMALLOC) | (flags & __GFP_MEMALLOC);
    gfp_scope_restore(__GFP_DIRECT_RECLAIM, flags);
}

/* ---- looking -------------------------------------------------------------------------------- */

bool want_init_on_alloc(gfp_t flags)
{
    return (flags & __GFP_ZERO) || qr_default()->zones.init_on_alloc;
}

bool want_init_on_free(void)
{
    return qr_default()->zones.init_on_free;
}

void(show_mem)(void)
{
    qr_show_mem(&qr_default()->zones);
}

/* ---- per-CPU lists -------------------------------------------------------------------------- */

void drain_local_pages(void)
{
    struct quarry *q = qr_default();
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(&q->cpus, &cpu);
    if (qr_cpu_known(cpu))
        qr_pcp_drain_cpu(&q->zones, cpu);
    qp_percpu_leave(section);
}

void drain_all_pages(void)
{
    qr_pcp_drain_all(&qr_default()->zones);
}
