/* SPDX-License-Identifier: MIT */
/* tests/model/areas: vmalloc, vmap, and addresses for high pages.
 *
 * What an area promises: whole pages side by side between VMALLOC_START and VMALLOC_END, at an address that
 * nobody else has, with an unmapped page behind (G-S6); its pages are pages of the machine that nobody else
 * has; zero if asked; vrealloc keeps what fits. vmap shows given pages and takes none. kvmalloc is kmalloc up
 * to a page and for who may not wait, else either (G-K1).
 *
 * Of failure: size 0 and more than the machine has must fail; an area of which every page could be had above
 * `low`, with as many to spare for its records, must not. */
#include "model.h"
#include "instance.h"
#include <stdlib.h>
#include <string.h>

#define AREAS_SPARE 64u /* pages: records, array of pages, page tables */

/* ---- the contract --------------------------------------------------------------------------- */

static struct m_verdict areas_contract(size_t size, gfp_t gfp)
{
    struct m_request request = {.gfp = gfp | __GFP_HIGHMEM, .nid = NUMA_NO_NODE};
    struct m_request records = {.gfp = gfp & ~GFP_ZONEMASK, .nid = NUMA_NO_NODE};
    uint64_t pages = PAGE_ALIGN(size) >> PAGE_SHIFT, room = 0, low = 0;
    unsigned int list[M_ZONES], nr;
    struct m_state before;

    if (!size || pages > totalram_pages())
        return (struct m_verdict){M_MUST_FAIL, false, "G-S6"};
    m_look(&before);
    nr = m_zone_list(&request, list);
    for (unsigned int i = 0; i < nr; i++) {
        const struct m_zone *zone = &model.zone[list[i]];
        uint64_t floor = m_floor(&request, zone, true);
        room += before.zone[list[i]].free > floor ? before.zone[list[i]].free - floor : 0;
        floor = m_floor(&records, zone, true);
        if (zone->type <= ZONE_NORMAL && before.zone[list[i]].free > floor)
            low += before.zone[list[i]].free - floor;
    }
    if (room >= pages + AREAS_SPARE && low >= AREAS_SPARE && low + room >= pages + 2 * AREAS_SPARE)
        return (struct m_verdict){M_MUST_SUCCEED, false, "G-S6"};
    return (struct m_verdict){M_MAY_FAIL, true, "G-S6"};
}

/* ---- places --------------------------------------------------------------------------------- */

/* The page behind an area is nobody's either. */
static void areas_take(struct m_thing *thing)
{
    uint64_t start = (uintptr_t)thing->address, size = thing->pages << PAGE_SHIFT;
    const struct m_range *other;

    if (start & ~PAGE_MASK || start < VMALLOC_START || start + size + PAGE_SIZE > VMALLOC_END)
        m_wrong("G-S6", "an area of %lu pages outside the window, or not on a page",
                (unsigned long)thing->pages);
    if (!is_vmalloc_addr(thing->address) || !is_vmalloc_addr(thing->address + size - 1))
        m_wrong("G-S6", "is_vmalloc_addr does not know an area");
    other = m_ranges_add(&model.virtual, start, start + size + PAGE_SIZE, m_thing_number(thing));
    if (other)
        m_wrong("overlap", "areas of %lu and %lu pages overlap, guard pages included",
                (unsigned long)thing->pages,
                (unsigned long)((other->end - other->start) >> PAGE_SHIFT) - 1);
    model.area_pages += thing->pages;
    model.areas++;
}

static void areas_give(struct m_thing *thing)
{
    if (!m_ranges_remove(&model.virtual, (uintptr_t)thing->address))
        m_wrong("model", "no area");
    model.area_pages -= thing->pages;
    model.areas--;
}

/* Each page of an area is a page of its own, of no caller. */
static void areas_check_pages(const struct m_thing *thing)
{
    uint64_t *seen = calloc(thing->pages, sizeof(*seen));

    for (uint64_t i = 0; i < thing->pages; i++) {
        struct page *page = vmalloc_to_page(thing->address + (i << PAGE_SHIFT));
        if (!page || !m_zone_of(page_to_pfn(page)))
            m_wrong("G-S6", "page %lu of an area is none", (unsigned long)i);
        if (m_ranges_find(&model.physical, page_to_phys(page)))
            m_wrong("overlap", "page %lu of an area is another caller's", (unsigned long)i);
        if (page_count(page) != 1)
            m_wrong("G-S9", "page %lu of an area has %d references", (unsigned long)i,
                    page_count(page));
        seen[i] = page_to_pfn(page);
        for (uint64_t j = 0; j < i && i < 64; j++) {
            if (seen[j] == seen[i])
                m_wrong("overlap", "pages %lu and %lu of an area are the same", (unsigned long)j,
                        (unsigned long)i);
        }
    }
    free(seen);
}

/* ---- vmalloc and kvmalloc ------------------------------------------------------------------- */

static size_t areas_draw_size(void)
{
    size_t size = 1 + m_draw((m_chance(20) ? 60 : 6) * PAGE_SIZE);

    if (m_chance(1))
        size = 0;
    if (m_chance(1))
        size = (totalram_pages() + 1 + m_draw(4)) << PAGE_SHIFT;
    return size;
}

static void areas_keep(struct m_thing *thing, char *address, size_t size, gfp_t gfp)
{
    *thing = (struct m_thing){.kind = M_AREA,
                              .address = address,
                              .size = size,
                              .gfp = gfp,
                              .pages = PAGE_ALIGN(size) >> PAGE_SHIFT,
                              .all_zero = (gfp & __GFP_ZERO) != 0};
    areas_take(thing);
    if (want_init_on_alloc(gfp))
        m_check_zero(thing, 0, size);
    m_stamp(thing);
    model.done[M_AREA]++;
}

static void areas_keep_block(struct m_thing *thing, char *address, size_t size, gfp_t gfp)
{
    *thing = (struct m_thing){.kind = M_BLOCK,
                              .address = address,
                              .size = size,
                              .gfp = gfp,
                              .refs = 1,
                              .all_zero = (gfp & __GFP_ZERO) != 0};
    m_take_range(thing, virt_to_phys(address), size);
    if (want_init_on_alloc(gfp))
        m_check_zero(thing, 0, size);
    m_stamp(thing);
    model.done[M_BLOCK]++;
}

static void areas_new_kv(struct m_thing *thing)
{
    size_t size = 1 + m_draw(m_chance(50) ? PAGE_SIZE : 40 * PAGE_SIZE);
    gfp_t gfp = m_draw_gfp() & ~(GFP_ZONEMASK | __GFP_NOFAIL | __GFP_RECLAIMABLE | __GFP_THISNODE);
    char *address;

    m_note("kvmalloc of %lu bytes, mask %#lx", size, gfp, 0, 0);
    model.current = gfp;
    address = kvmalloc(size, gfp);
    sim_log("kvmalloc", size, address != NULL);
    if (!address) {
        model.failed++;
        return;
    }
    if (!is_vmalloc_addr(address)) {
        areas_keep_block(thing, address, size, gfp);
        return;
    }
    if (size <= PAGE_SIZE || !(gfp & __GFP_DIRECT_RECLAIM))
        m_wrong("G-K1", "kvmalloc of %lu bytes, mask %#x, is an area", (unsigned long)size, gfp);
    areas_keep(thing, address, size, gfp);
}

void m_areas_new(struct m_thing *thing)
{
    static const gfp_t masks[] = {GFP_KERNEL,
                                  GFP_KERNEL,
                                  GFP_KERNEL | __GFP_ZERO,
                                  GFP_NOFS,
                                  GFP_NOIO,
                                  GFP_KERNEL | __GFP_HIGHMEM,
                                  GFP_KERNEL | __GFP_NORETRY,
                                  GFP_KERNEL | __GFP_NOWARN};
    gfp_t gfp = masks[m_draw(sizeof(masks) / sizeof(masks[0]))];
    size_t size = areas_draw_size();
    struct m_verdict verdict;
    char *address;

    if (m_chance(30)) {
        areas_new_kv(thing);
        return;
    }
    verdict = areas_contract(size, gfp);
    m_note("vmalloc of %lu bytes, mask %#lx", size, gfp, 0, 0);
    model.misuse = verdict.outcome == M_MUST_FAIL;
    model.current = gfp;
    address = __vmalloc(size, gfp);
    sim_log("vmalloc", size, address ? (uintptr_t)address - VMALLOC_START : 0);
    m_judge_outcome(&verdict, address != NULL, "vmalloc");
    if (address)
        areas_keep(thing, address, size, gfp);
}

void m_areas_free(struct m_thing *thing)
{
    m_check_stamp(thing);
    m_note("vfree of %lu pages", thing->pages, 0, 0, 0);
    areas_give(thing);
    thing->kind = M_NOTHING;
    if (m_chance(10))
        vfree_atomic(thing->address);
    else if (m_chance(30))
        kvfree(thing->address);
    else
        vfree(thing->address);
}

/* G-S13 for areas. */
static void areas_resize(struct m_thing *thing)
{
    size_t size = 1 + m_draw(12 * PAGE_SIZE), kept = size < thing->size ? size : thing->size;
    gfp_t gfp = thing->all_zero ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL;
    uint64_t first = 0, found = 0;
    struct m_thing old = *thing;
    char *address;

    memcpy(&first, thing->address, kept < 8 ? kept : 8);
    m_note("vrealloc of %lu bytes to %lu, mask %#lx", thing->size, size, gfp, 0);
    model.current = gfp;
    address = vrealloc(thing->address, size, gfp);
    sim_log("vrealloc", size, address != NULL);
    if (!address) {
        model.failed++;
        m_check_stamp(thing);
        return;
    }
    memcpy(&found, address, kept < 8 ? kept : 8);
    if (found != first)
        m_wrong("G-S13", "vrealloc lost bytes");
    areas_give(&old);
    thing->address = address;
    thing->size = size;
    thing->pages = find_vm_area(address)->nr_pages;
    if (thing->pages < PAGE_ALIGN(size) >> PAGE_SHIFT)
        m_wrong("G-S6", "an area of %lu bytes has %lu pages", (unsigned long)size,
                (unsigned long)thing->pages);
    areas_take(thing);
    if (thing->all_zero && size > old.size)
        m_check_zero(thing, old.size, size);
    m_stamp(thing);
}

void m_areas_use(struct m_thing *thing)
{
    m_check_stamp(thing);
    if (m_chance(20))
        areas_check_pages(thing);
    else if (m_chance(30))
        areas_resize(thing);
    else
        m_stamp(thing);
}

/* ---- pages seen elsewhere ------------------------------------------------------------------- */

static void areas_see(const struct m_thing *thing, const char *address, uint64_t page)
{
    uint64_t here, there = 0x0123456789abcdefull ^ page;
    struct page *shown = thing->kind == M_BULK ? thing->list[page] : thing->page + page;

    memcpy_to_page(shown, 8, (const char *)&there, 8);
    memcpy(&here, address + 8, 8);
    if (here != there)
        m_wrong("vmap", "a mapping of frame %#lx shows something else", page_to_pfn(shown));
}

static void areas_vmap(const struct m_thing *thing, struct page **pages, unsigned int nr)
{
    bool lasting = m_chance(50);
    char *address = lasting ? vmap(pages, nr, VM_MAP, PAGE_KERNEL) : vm_map_ram(pages, nr, -1);

    if (!address) {
        model.failed++;
        return;
    }
    if (m_ranges_find(&model.virtual, (uintptr_t)address))
        m_wrong("overlap", "vmap answered with an address in an area");
    for (unsigned int i = 0; i < nr; i++)
        areas_see(thing, address + ((uint64_t)i << PAGE_SHIFT), i);
    if (lasting)
        vunmap(address);
    else
        vm_unmap_ram(address, nr);
}

/* kmap: one address for all users of a page; kmap_local nests and is undone in reverse. */
static void areas_kmap(const struct m_thing *thing)
{
    struct page *page = thing->kind == M_BULK ? thing->list[0] : thing->page;
    char *lasting = kmap(page), *first, *second;

    if (!lasting)
        m_wrong("kmap", "kmap failed where one may sleep");
    areas_see(thing, lasting, 0);
    first = kmap_local_page(page);
    second = kmap_local_page(page);
    areas_see(thing, first, 0);
    areas_see(thing, second, 0);
    kunmap_local(second);
    kunmap_local(first);
    kunmap(page);
}

/* Show the pages of a block for a moment. The words written lie where no stamp does, or are stamped anew. */
void m_areas_map_pages(const struct m_thing *thing)
{
    struct page *pages[16];
    unsigned int nr = thing->pages < 16 ? (unsigned int)thing->pages : 16;

    for (unsigned int i = 0; i < nr; i++)
        pages[i] = thing->kind == M_BULK ? thing->list[i] : thing->page + i;
    m_note("vmap or kmap of %lu pages of kind %lu", nr, thing->kind, 0, 0);
    model.current = GFP_KERNEL;
    if (m_chance(50))
        areas_vmap(thing, pages, nr);
    else
        areas_kmap(thing);
}
