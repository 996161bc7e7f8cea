/* SPDX-License-Identifier: MIT */
/* observe/whatis: what an address is, asked of each layer in turn.
 *
 * One line for the place in the address space, one for the frame behind it, one for what lies there:
 *
 *     direct map
 *     frame 0x10c7 (physical 0x10c7040), zone DMA32 of node 0
 *     live: byte 64 of object 3 of cache scullc (4000 bytes at 0x7f…)
 *
 * Locks: those of the layers, one at a time. The answer is true for a moment. Context: no-interrupt. */
#include "observe.h"

struct whatis {
    struct quarry *q;
    const void *address;
    struct qr_text text;
    struct quarry_trace *allocated, *freed;
};

static bool whatis_between(const struct whatis *what, uintptr_t start, uintptr_t end)
{
    return (uintptr_t)what->address - start < end - start;
}

static void whatis_trace(struct whatis *what, const struct qr_owner *owner,
                         struct quarry_trace *trace)
{
    if (trace && owner && owner->trace)
        qr_trace_load(&what->q->check, owner->trace, trace);
}

static void whatis_frame(struct whatis *what, const struct page *page)
{
    struct quarry *q = what->q;
    const struct zone *zone = qr_page_zone(&q->zones, page);
    u64 phys =
        qr_page_phys(&q->map, page) + ((uintptr_t)what->address & (uintptr_t)(PAGE_SIZE - 1));
    qr_text_add(&what->text, "frame %#llx (physical %#llx)",
                (unsigned long long)qr_pfn(&q->map, page), (unsigned long long)phys);
    if (zone && !qr_pfn_reserved(&q->map, qr_pfn(&q->map, page)))
        qr_text_add(&what->text, ", zone %s of node %u", zone->name, zone->nid);
    qr_text_add(&what->text, "\n");
}

/* In a slab. */
static void whatis_object(struct whatis *what, const struct qr_object *object)
{
    const struct qr_owner *allocated = NULL, *freed = NULL;
    bool noted =
        qr_object_owners(object, &allocated, &freed); /* then every free is known at once */
    if (!object->start) {
        qr_text_add(&what->text, "unused space in a slab of cache %s\n", object->cache->name);
        return;
    }
    qr_text_add(&what->text, "%s: byte %zu of object %u of cache %s (%u bytes at %p)\n",
                !object->allocated ? "free"
                : noted            ? "live"
                                   : "live, or on a CPU's stack",
                object->offset, object->index, object->cache->name, object->cache->object_size,
                object->start);
    whatis_trace(what, allocated, what->allocated);
    whatis_trace(what, freed, what->freed);
}

static void whatis_low(struct whatis *what, struct page *page)
{
    struct quarry *q = what->q;
    struct qr_object object;
    char text[192];
    if (qr_guard_owns(&q->guards, what->address)) {
        qr_guard_describe(&q->guards, what->address, text, sizeof(text));
        qr_text_add(&what->text, "%s\n", text);
        qr_guard_sites(&q->guards, what->address, what->allocated, what->freed);
        return;
    }
    if (qr_object_find(&q->slabs, what->address, &object)) {
        whatis_object(what, &object);
        return;
    }
    if (whatis_between(what, (uintptr_t)q->map.pages, (uintptr_t)(q->map.pages + q->map.max_pfn))) {
        qr_text_add(&what->text, "mem_map: the descriptor of frame %#llx\n",
                    (unsigned long long)(((uintptr_t)what->address - (uintptr_t)q->map.pages) /
                                         sizeof(struct page)));
        return;
    }
    qr_zones_describe(&q->zones, what->address, &what->text);
    qr_text_add(&what->text, "\n");
    page = qr_head(&q->map, page);
    whatis_trace(what, qr_pages_owner(&q->zones, page),
                 page->flags & (PGF_BUDDY | PGF_PCP) ? what->freed : what->allocated);
}

static void whatis_vmalloc(struct whatis *what)
{
    struct page *page = qr_vmalloc_page(&what->q->vm, what->address);
    const struct vm_struct *area = qr_find_vm_area(&what->q->vm, what->address);
    qr_text_add(&what->text, "vmalloc space\n");
    if (page)
        whatis_frame(what, page);
    qr_zones_describe(&what->q->zones, what->address, &what->text);
    qr_text_add(&what->text, "\n");
    if (area && area->caller && what->allocated) {
        what->allocated->nr = 1;
        what->allocated->pc[0] = area->caller;
    }
}

static void whatis_elsewhere(struct whatis *what)
{
    const struct qp_machine *machine = &what->q->machine;
    const char *place =
        "no memory of this machine: a static variable, another allocator's, or none";
    if (whatis_between(what, machine->pkmap_start, machine->pkmap_end))
        place = "the kmap window";
    else if (whatis_between(what, machine->fixmap_start, machine->fixmap_end))
        place = "the kmap_local slots and fixed mappings";
    else if (whatis_between(what, what->q->map.virt_start, what->q->map.virt_end))
        place = "direct map, but no memory is there: a hole";
    else if (ZERO_OR_NULL_PTR(what->address))
        place = what->address ? "ZERO_SIZE_PTR, what kmalloc(0) returns" : "NULL";
    else if (qr_is_near_stack(__builtin_frame_address(0), what->address))
        place = "this task's stack, probably";
    qr_text_add(&what->text, "%s\n", place);
}

size_t qr_whatis(struct quarry *q, const void *address, char *buffer, size_t size,
                 struct quarry_trace *allocated, struct quarry_trace *freed)
{
    struct whatis what = {q, address, {buffer, size, 0}, allocated, freed};
    struct page *page = qr_virt_page_checked(&q->map, address);
    if (allocated)
        allocated->nr = 0;
    if (freed)
        freed->nr = 0;
    if (page) {
        qr_text_add(&what.text, "direct map\n");
        whatis_frame(&what, page);
        whatis_low(&what, page);
    } else if (qr_vm_contains(&q->vm, address)) {
        whatis_vmalloc(&what);
    } else {
        whatis_elsewhere(&what);
    }
    return what.text.length;
}
