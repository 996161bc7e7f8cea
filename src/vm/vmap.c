/* SPDX-License-Identifier: MIT */
/* vm/vmap: areas over pages that the caller brings, areas without pages, resizing, look-up.
 *
 * Idea. vmap is vmalloc without its third step: the pages are the caller's, and stay the caller's
 * unless VM_MAP_PUT_PAGES says that one reference on each, and the array itself (kmalloc or vmalloc
 * memory), go over to the area and are dropped by vfree. The area keeps an array of its own all the
 * same, so that vmalloc_to_page works on it and it can be mapped anew after a fork. vm_map_ram is
 * the same under another name and with another way back. get_vm_area reserves addresses and maps
 * nothing.
 *
 * vrealloc changes the size in place as long as the area's pages hold it, and moves otherwise. It
 * remembers what was asked for last, so that with __GFP_ZERO every byte that the caller gains reads
 * as zero, also one that it gave up before. Shrinking keeps the pages: giving a few back would cost
 * as much as a new area.
 *
 * Locks: vm->lock inside. What may sleep: all but the look-ups (G-C3). */
#include "area.h"

static void vmap_refuse(struct qr_vm *vm, const char *what, const char *why, const void *address)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-S6", .address = address};
    qr_report(vm->check, &report, "%s: %s", what, why);
}

static void vmap_report_failure(struct qr_vm *vm, const char *what, unsigned int count,
                                const char *failed)
{
    struct quarry_report report = {
        .kind = QUARRY_OUT_OF_MEMORY, .rule = "G-E6", .size = (size_t)count << PAGE_SHIFT};
    if (qr_warn_allowed(vm->check))
        qr_report(vm->check, &report, "%s of %u pages failed: %s", what, count, failed);
}

static bool vmap_pages_are_sane(struct qr_vm *vm, struct page **pages, unsigned int count,
                                const char *what)
{
    if (!pages || !count || count > vm->zones->totalram) {
        vmap_refuse(vm, what, "no pages, or more than the machine has", NULL);
        return false;
    }
    for (unsigned int i = 0; i < count; i++)
        if (!pages[i] || !qr_page_valid(vm->zones->map, pages[i])) {
            vmap_refuse(vm, what, "an entry of the array is no page of this machine", pages[i]);
            return false;
        }
    return true;
}

/* Addresses for an area. The window may be full of areas that are only kept. */
static bool vmap_place(struct qr_vm *vm, struct qr_area *area, u64 pages, const char **failed)
{
    return qr_area_place(vm, area, pages, 0, GFP_KERNEL, failed) ||
           (qr_vm_purge(vm) && qr_area_place(vm, area, pages, 0, GFP_KERNEL, failed));
}

/* A complete, published area over @pages; or NULL with nothing changed and @failed set. */
static void *vmap_build(struct qr_vm *vm, struct page **pages, unsigned int count,
                        unsigned long flags, bool map_ram, const char **failed)
{
    struct qr_area *area = qr_area_new(vm, count, GFP_KERNEL);
    *failed = "no memory for its record";
    if (!area)
        return NULL;
    area->vm.flags = VM_MAP | (flags & ~(VM_ALLOC | VM_IOREMAP));
    area->map_ram = map_ram;
    area->asked = (unsigned long)count << PAGE_SHIFT;
    qp_backtrace(&area->vm.caller, 1);
    memcpy(area->frames, pages, count * sizeof(*pages));
    if (!vmap_place(vm, area, (u64)count + 1, failed))
        goto undo;
    *failed = "the machine has no room for its page tables";
    if (!qr_area_map(vm, area) && (!qr_vm_purge(vm) || !qr_area_map(vm, area)))
        goto undo;
    if (qr_observed(vm->check))
        qp_take_over(area->vm.addr, (size_t)count << PAGE_SHIFT);
    if (flags & VM_MAP_PUT_PAGES) {
        area->vm.pages = pages;
        area->vm.nr_pages = count;
        area->release_frames = true;
    }
    qr_area_publish(vm, area);
    return area->vm.addr;
undo:
    qr_area_delete(vm, area);
    return NULL;
}

static void *vmap_pages(struct qr_vm *vm, struct page **pages, unsigned int count,
                        unsigned long flags, bool map_ram, const char *what)
{
    const char *failed = "fail_vmalloc said so";
    void *addr = NULL;
    if (!qr_may_sleep_here(vm->check, what) || !vmap_pages_are_sane(vm, pages, count, what))
        return NULL;
    qr_vm_finish_deferred(vm);
    if (!qr_fault_armed(vm->faults, QUARRY_FAIL_VMALLOC) ||
        !qr_fault_hit(vm->faults, QUARRY_FAIL_VMALLOC, GFP_KERNEL, (size_t)count << PAGE_SHIFT,
                      NULL))
        addr = vmap_build(vm, pages, count, flags, map_ram, &failed);
    if (!addr)
        vmap_report_failure(vm, what, count, failed);
    return addr;
}

/* Map @count given pages side by side. Context: may sleep (G-C3).
 * Returns: NULL for no pages, an entry that is no page, in atomic context (all reported), or when
 *          memory or addresses are short; nothing has changed hands then. */
void *qr_vmap(struct qr_vm *vm, struct page **pages, unsigned int count, unsigned long flags,
              const char *what)
{
    return vmap_pages(vm, pages, count, flags, false, what);
}

void *qr_vm_map_ram(struct qr_vm *vm, struct page **pages, unsigned int count)
{
    return vmap_pages(vm, pages, count, VM_MAP, true, "vm_map_ram");
}

/* Reserve @size bytes of addresses, and a guard page unless VM_NO_GUARD. */
struct vm_struct *qr_get_vm_area(struct qr_vm *vm, unsigned long size, unsigned long flags)
{
    u64 pages = ((u64)size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    const char *failed = "no memory for its record";
    struct qr_area *area;
    if (!qr_may_sleep_here(vm->check, "get_vm_area"))
        return NULL;
    if (!size || pages < ((u64)size >> PAGE_SHIFT)) {
        vmap_refuse(vm, "get_vm_area", "the size makes no sense", NULL);
        return NULL;
    }
    if (!(flags & VM_NO_GUARD))
        pages++;
    area = qr_area_new(vm, 0, GFP_KERNEL);
    if (!area)
        goto report;
    area->vm.flags = flags & ~(VM_ALLOC | VM_MAP | VM_MAP_PUT_PAGES);
    area->asked = size;
    qp_backtrace(&area->vm.caller, 1);
    if (!vmap_place(vm, area, pages, &failed)) {
        qr_area_delete(vm, area);
        goto report;
    }
    qr_area_publish(vm, area);
    return &area->vm;
report:
    vmap_report_failure(vm, "get_vm_area", (unsigned int)QR_MIN(pages, (u64)~0u), failed);
    return NULL;
}

struct vm_struct *qr_vm_reserve(struct qr_vm *vm, unsigned long size, gfp_t gfp)
{
    const char *failed;
    struct qr_area *area = qr_area_new(vm, 0, gfp);
    if (!area)
        return NULL;
    area->internal = true;
    area->asked = size;
    if (!qr_area_place(vm, area, PAGE_ALIGN((u64)size) >> PAGE_SHIFT, 0, gfp, &failed)) {
        qr_area_delete(vm, area);
        return NULL;
    }
    qr_area_publish(vm, area);
    return &area->vm;
}

/* ---- resizing -------------------------------------------------------------------------------- */

/* What vrealloc must know of the area at @address; false when there is no such area. */
static bool vrealloc_look(struct qr_vm *vm, const void *address, struct qr_area *copy)
{
    unsigned long state = qp_lock(&vm->lock);
    const struct qr_area *area = qr_area_at(vm, address);
    bool found = area && area->vm.addr == address && area->state == QR_AREA_LIVE &&
                 (area->vm.flags & VM_ALLOC);
    if (found)
        *copy = *area;
    qp_unlock(&vm->lock, state);
    return found;
}

static void vrealloc_note_size(struct qr_vm *vm, const void *address, size_t size)
{
    unsigned long state = qp_lock(&vm->lock);
    qr_area_at(vm, address)->asked = size;
    qp_unlock(&vm->lock, state);
}

/* Context: may sleep. Size 0 frees and returns NULL. On failure NULL, and @address is as it was. */
void *qr_vrealloc(struct qr_vm *vm, const void *address, size_t size, gfp_t gfp)
{
    struct qr_area area;
    void *moved;
    if (!address)
        return qr_vmalloc(vm, size, 0, gfp, 0, NUMA_NO_NODE, "vrealloc");
    if (!size) {
        qr_vfree(vm, address, false);
        return NULL;
    }
    if (!vrealloc_look(vm, address, &area)) {
        qr_report_bad_free(vm->zones, address, "vrealloc");
        return NULL;
    }
    if (((size - 1) >> PAGE_SHIFT) < area.nr_frames) {
        if (qr_watched(vm->check)) {
            qp_take_over(area.vm.addr, size);
            qp_hand_over((char *)area.vm.addr + size,
                         ((size_t)area.nr_frames << PAGE_SHIFT) - size);
        }
        if ((gfp & __GFP_ZERO) && size > area.asked)
            memset((char *)area.vm.addr + area.asked, 0, size - area.asked);
        vrealloc_note_size(vm, address, size);
        return area.vm.addr;
    }
    moved = qr_vmalloc(vm, size, 0, gfp, area.vm.flags & VM_USERMAP, NUMA_NO_NODE, "vrealloc");
    if (!moved)
        return NULL;
    memcpy(moved, address, area.asked);
    qr_vfree(vm, address, false);
    return moved;
}

/* ---- look-up --------------------------------------------------------------------------------- */

/* Context: any. */
struct vm_struct *qr_find_vm_area(struct qr_vm *vm, const void *address)
{
    unsigned long state = qp_lock(&vm->lock);
    struct qr_area *area = qr_area_at(vm, address);
    bool found = area && area->state == QR_AREA_LIVE;
    if (found)
        area->exposed = true;
    qp_unlock(&vm->lock, state);
    return found ? &area->vm : NULL;
}

/* The page behind an address of a live area; NULL elsewhere, and in a guard page. Context: any. */
struct page *qr_vmalloc_page(struct qr_vm *vm, const void *address)
{
    struct page *page = NULL;
    unsigned long state = qp_lock(&vm->lock);
    struct qr_area *area = qr_area_at(vm, address);
    if (area && area->state == QR_AREA_LIVE) {
        u64 index = ((uintptr_t)address - (uintptr_t)area->vm.addr) >> PAGE_SHIFT;
        area->exposed = true;
        if (index < area->nr_frames)
            page = area->frames[index];
    }
    qp_unlock(&vm->lock, state);
    return page;
}
