/* SPDX-License-Identifier: MIT */
/* api/page: the public calls of quarry/page.h, over the default machine: conversions, references,
 * what a frame is, and the constants of the layout. */
#include "../instance.h"

/* ---- conversions ---------------------------------------------------------------------------- */

struct page *pfn_to_page(unsigned long pfn)
{
    return qr_page(&qr_default()->map, pfn);
}

unsigned long page_to_pfn(const struct page *page)
{
    return (unsigned long)qr_pfn(&qr_default()->map, page);
}

phys_addr_t page_to_phys(const struct page *page)
{
    return qr_page_phys(&qr_default()->map, page);
}

struct page *phys_to_page(phys_addr_t phys)
{
    return qr_page(&qr_default()->map, phys >> PAGE_SHIFT);
}

bool pfn_valid(unsigned long pfn)
{
    return qr_pfn_valid(&qr_default()->map, pfn);
}

/* In checked builds: an address that the direct map's arithmetic does not fit. */
static QR_COLD void page_report_outside(struct quarry *q, const volatile void *address,
                                        const char *what)
{
    struct quarry_report report = {
        .kind = QUARRY_BAD_REQUEST, .rule = "G-S1", .address = (const void *)(uintptr_t)address};
    qr_report_once(
        &q->check, &report,
        "%s of %p, which is not in the direct map (a stack, vmalloc memory?): the result "
        "is meaningless; vmalloc_to_page knows vmalloc addresses",
        what, (const void *)(uintptr_t)address);
}

static void page_check_inside(struct quarry *q, const volatile void *address, const char *what)
{
    if (QR_UNLIKELY(qr_check_level(&q->check)) &&
        !qr_virt_in_map(&q->map, (const void *)(uintptr_t)address))
        page_report_outside(q, address, what);
}

phys_addr_t virt_to_phys(const volatile void *address)
{
    struct quarry *q = qr_default();
    page_check_inside(q, address, "virt_to_phys");
    return qp_phys(q->map.offset, address);
}

void *phys_to_virt(phys_addr_t address)
{
    return qp_virt(qr_default()->map.offset, address);
}

struct page *virt_to_page(const void *address)
{
    struct quarry *q = qr_default();
    page_check_inside(q, address, "virt_to_page");
    return qr_virt_page(&q->map, address);
}

struct page *virt_to_head_page(const void *address)
{
    struct quarry *q = qr_default();
    page_check_inside(q, address, "virt_to_head_page");
    return qr_head(&q->map, qr_virt_page(&q->map, address));
}

bool quarry_virt_addr_valid(const void *address)
{
    return qr_virt_page_checked(&qr_default()->map, address) != NULL;
}

void *page_address(const struct page *page)
{
    struct quarry *q = qr_default();
    if (QR_LIKELY(qr_page_is_low(&q->map, page)))
        return qr_page_virt(&q->map, page);
    return qr_kmap_address(&q->kmaps, page);
}

/* ---- references (G-S9) ---------------------------------------------------------------------- */

struct page *compound_head(const struct page *page)
{
    return qr_head(&qr_default()->map, page);
}

int page_count(const struct page *page)
{
    return page_ref_count(compound_head(page));
}

void get_page(struct page *page)
{
    qr_get_page(&qr_default()->zones, page, "get_page");
}

void put_page(struct page *page)
{
    qr_put_page(&qr_default()->zones, page, "put_page");
}

void release_pages(struct page **pages, int nr)
{
    struct qr_zones *zones = &qr_default()->zones;
    for (int i = 0; i < nr; i++)
        qr_put_page(zones, pages[i], "release_pages");
}

/* ---- what a frame is ------------------------------------------------------------------------ */

static u32 page_flags_of(const struct page *page)
{
    return __atomic_load_n(&page->flags, __ATOMIC_RELAXED);
}

unsigned int compound_order(const struct page *page)
{
    u32 flags = page_flags_of(page);
    return flags & PGF_HEAD ? flags & PGF_ORDER_MASK : 0;
}

int PageHighMem(const struct page *page)
{
    return !qr_page_is_low(&qr_default()->map, page);
}

int PageSlab(const struct page *page)
{
    return (page_flags_of(page) & PGF_SLAB) != 0;
}

int PageCompound(const struct page *page)
{
    return (page_flags_of(page) & (PGF_HEAD | PGF_TAIL)) != 0;
}

int PageHead(const struct page *page)
{
    return (page_flags_of(page) & PGF_HEAD) != 0;
}

int PageTail(const struct page *page)
{
    return (page_flags_of(page) & PGF_TAIL) != 0;
}

int PageReserved(const struct page *page)
{
    const struct qr_map *map = &qr_default()->map;
    u32 flags = page_flags_of(page);
    if (!(flags & PGF_SLAB) && (flags & PGF_RESERVED))
        return 1;
    return qr_pfn_reserved(map, qr_pfn(map, page));
}

/* The mark has no room in a slab's descriptors: pages of objects are not reserved one by one, and
 * need not be, since nothing here ever moves or swaps them. */
void SetPageReserved(struct page *page)
{
    if (!PageSlab(page))
        __atomic_fetch_or(&page->flags, PGF_RESERVED, __ATOMIC_RELAXED);
}

void ClearPageReserved(struct page *page)
{
    if (!PageSlab(page))
        __atomic_fetch_and(&page->flags, ~PGF_RESERVED, __ATOMIC_RELAXED);
}

struct zone *page_zone(const struct page *page)
{
    return qr_page_zone(&qr_default()->zones, page);
}

int page_to_nid(const struct page *page)
{
    const struct zone *zone = page_zone(page);
    return zone ? (int)zone->nid : 0;
}

int page_zonenum(const struct page *page)
{
    const struct zone *zone = page_zone(page);
    return zone ? (int)zone->type : (int)ZONE_NORMAL;
}

/* ---- the machine ---------------------------------------------------------------------------- */

unsigned long quarry_layout(enum quarry_layout_item item)
{
    const struct quarry *q = qr_default();
    const struct qr_map *map = &q->map;
    switch (item) {
    case QUARRY_PAGE_OFFSET:
        return (unsigned long)(uintptr_t)qp_virt(map->offset, 0);
    case QUARRY_HIGH_MEMORY:
        return (unsigned long)map->virt_end;
    case QUARRY_VMALLOC_START:
        return (unsigned long)q->machine.vmalloc_start;
    case QUARRY_VMALLOC_END:
        return (unsigned long)q->machine.vmalloc_end;
    case QUARRY_PKMAP_BASE:
        return (unsigned long)q->machine.pkmap_start;
    case QUARRY_PKMAP_END:
        return (unsigned long)q->machine.pkmap_end;
    case QUARRY_FIXADDR_START:
        return (unsigned long)q->machine.fixmap_start;
    case QUARRY_FIXADDR_TOP:
        return (unsigned long)q->machine.fixmap_end;
    case QUARRY_MEM_MAP:
        return (unsigned long)(uintptr_t)map->pages;
    case QUARRY_MAX_MAPNR:
        return (unsigned long)map->max_pfn;
    case QUARRY_LAYOUT_ITEMS:
        break;
    }
    return 0;
}

unsigned long get_num_physpages(void)
{
    return (unsigned long)qr_default()->map.nr_present;
}

unsigned long totalram_pages(void)
{
    return (unsigned long)qr_default()->zones.totalram;
}

unsigned long totalhigh_pages(void)
{
    return (unsigned long)qr_default()->zones.totalhigh;
}

unsigned long nr_free_pages(void)
{
    return (unsigned long)qr_free_pages_total(&qr_default()->zones);
}
