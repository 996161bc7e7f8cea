/* SPDX-License-Identifier: MIT */
/* vm/describe: what an address is, for reports about wrong frees (G-S8). The answers are the ends of
 * sentences that begin with the call and the address. Locks: vm->lock for a moment. Any context. */
#include "area.h"

static void describe_window(struct qr_vm *vm, const void *address, struct qr_text *text)
{
    unsigned long state = qp_lock(&vm->lock);
    const struct qr_area *area = qr_area_at(vm, address);
    unsigned long offset =
        area ? (unsigned long)((uintptr_t)address - (uintptr_t)area->vm.addr) : 0;
    if (!area)
        qr_text_add(text, "a vmalloc address where no area is now (freed before, or never made)");
    else if (area->state != QR_AREA_LIVE)
        qr_text_add(text, "an address in an area that was freed before");
    else if (!offset)
        qr_text_add(text, "the start of a live area of %u pages", area->nr_frames);
    else if (area->nr_frames && offset >= (unsigned long)area->nr_frames << PAGE_SHIFT)
        qr_text_add(text, "an address in the guard page of the area at %p", area->vm.addr);
    else
        qr_text_add(text, "an address %lu bytes inside the area at %p, not its start", offset,
                    area->vm.addr);
    qp_unlock(&vm->lock, state);
}

static void describe_page(struct qr_vm *vm, const struct page *page, const void *address,
                          struct qr_text *text)
{
    struct qr_object object;
    u32 flags = __atomic_load_n(&page->flags, __ATOMIC_RELAXED);
    if (qr_object_find(vm->kmalloc->slabs, address, &object))
        qr_text_add(text, "%s object of cache %s: use kfree or kmem_cache_free",
                    object.exact ? "an" : "inside an", object.cache->name);
    else if (qr_head(vm->zones->map, page)->flags & PGF_KMALLOC)
        qr_text_add(text, "a large kmalloc block: use kfree");
    else if (flags & PGF_VMALLOC)
        qr_text_add(text, "the direct-map address of a page of a vmalloc area");
    else if (page_ref_count(page) > 0 || (flags & PGF_TAIL))
        qr_text_add(text, "a page of the page allocator: use free_pages");
    else
        qr_text_add(text, "a page that is free");
}

/* Write what @address is into @buffer. */
void qr_vm_describe(struct qr_vm *vm, const void *address, char *buffer, size_t size)
{
    struct qr_text text = {.buffer = buffer, .size = size};
    const struct page *page;
    if (size)
        buffer[0] = 0;
    if (qr_vm_contains(vm, address)) {
        describe_window(vm, address, &text);
        return;
    }
    page = qr_virt_page_checked(vm->zones->map, address);
    if (page)
        describe_page(vm, page, address, &text);
    else
        qr_text_add(&text, "an address outside this machine's memory (a stack, the heap of libc, a "
                           "constant)");
}

/* What the kmalloc layer says about addresses outside the direct map. */
const char *qr_vm_describe_short(void *data, const void *address)
{
    struct qr_vm *vm = data;
    if (!qr_vm_contains(vm, address))
        return NULL;
    return qr_find_vm_area(vm, address)
               ? "a vmalloc address: use vfree or kvfree"
               : "a vmalloc address where no area is now (freed before, or never made)";
}
