/* SPDX-License-Identifier: MIT */
/* vm/describe: what an address is, for reports about wrong frees (G-S8). The answers are the ends of
 * sentences that begin "it is". Locks: vm->lock for a moment. Any context. */
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

/* zones->describe: what the layers above the page allocator know of an address. */
void qr_vm_describe(void *data, const void *address, struct qr_text *text)
{
    struct qr_vm *vm = data;
    struct qr_object object;
    if (qr_vm_contains(vm, address)) {
        describe_window(vm, address, text);
        return;
    }
    if (qr_object_find(vm->kmalloc->slabs, address, &object) && object.start)
        qr_text_add(text, "%s object %u of cache %s: use kfree or kmem_cache_free",
                    object.exact ? "the start of" : "an address inside", object.index,
                    object.cache->name);
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
