/* SPDX-License-Identifier: MIT */
/* vm/vfree: giving areas back, in any context, and only what is one.
 *
 * Problem. Unmapping may sleep, yet callers free in interrupts; and a free with the wrong address
 * must not take anything apart.
 *
 * Idea. The area is looked up by its address under the lock, which works in any context. If it is
 * not the start of a live area of the right kind, nothing changes, and the report says what the
 * address really is (G-S8). If it is, it stops being live at once, so that a second free finds it
 * dead. Then, where sleeping is allowed, it goes into the cache or is unmapped; elsewhere it waits
 * on a list for the next vmalloc, vfree or purge in a context that may sleep, or for the background
 * worker, whichever comes first (G-C3).
 *
 * Invariants. F1: an area leaves the state "live" exactly once. F2: deferred areas stay mapped, so
 * that an interrupt that still reads from one that it freed is not struck down by that alone.
 *
 * Locks: vm->lock for the look-up and the list. */
#include "area.h"

enum vfree_call { VFREE_VFREE, VFREE_VUNMAP, VFREE_UNMAP_RAM, VFREE_FREE_VM_AREA };

static const char *const vfree_call_name[] = {"vfree", "vunmap", "vm_unmap_ram", "free_vm_area"};

/* Whether this context is an interrupt: there vfree is allowed and put off (G-C3). */
bool qr_vm_in_interrupt(void)
{
    struct qp_atomic_reason reason = {0};
    qp_explain_atomic(&reason);
    return reason.interrupt;
}

/* Which call gives an area of this kind back. */
static enum vfree_call vfree_right_call(const struct qr_area *area)
{
    if (area->vm.flags & VM_ALLOC)
        return VFREE_VFREE;
    if (area->map_ram)
        return VFREE_UNMAP_RAM;
    return area->vm.flags & VM_MAP ? VFREE_VUNMAP : VFREE_FREE_VM_AREA;
}

static bool vfree_call_fits(const struct qr_area *area, enum vfree_call call)
{
    if (call == VFREE_VFREE && (area->vm.flags & VM_MAP_PUT_PAGES))
        return true;
    return vfree_right_call(area) == call;
}

static void vfree_report(struct qr_vm *vm, const void *address, const char *call,
                         enum quarry_finding kind, const char *what)
{
    struct quarry_report report = {.kind = kind, .rule = "G-S8", .address = address};
    qr_report(vm->check, &report, "%s of %p: %s; nothing is changed", call, address, what);
}

/* Say why @address cannot be freed by @call. @area is a copy of what was found there, or NULL. */
static void vfree_refuse(struct qr_vm *vm, const void *address, enum vfree_call call,
                         const struct qr_area *area)
{
    const char *name = vfree_call_name[call];
    char text[192];
    if (!area || area->vm.addr != address) {
        qr_report_bad_free(vm->zones, address, name);
        return;
    }
    if (area->state != QR_AREA_LIVE) {
        vfree_report(vm, address, name, QUARRY_DOUBLE_FREE, "this area was freed before");
        return;
    }
    qr_snprintf(text, sizeof(text), "this area is given back with %s",
                vfree_call_name[vfree_right_call(area)]);
    vfree_report(vm, address, name, QUARRY_BAD_FREE, text);
}

/* Take the live area that starts at @address out of everybody's sight (F1); NULL after a report
 * when there is none that @call may free. @count 0: any number of pages. */
static struct qr_area *vfree_claim(struct qr_vm *vm, const void *address, enum vfree_call call,
                                   unsigned int count)
{
    struct qr_area *area, copy = {.nr_frames = 0};
    unsigned long state = qp_lock(&vm->lock);
    area = qr_area_at(vm, address);
    if (area && area->vm.addr == address && area->state == QR_AREA_LIVE &&
        vfree_call_fits(area, call) && (!count || count == area->nr_frames)) {
        area->state = QR_AREA_LEAVING;
        qr_area_account_locked(vm, area, false);
        qp_unlock(&vm->lock, state);
        return area;
    }
    if (area)
        copy = *area;
    qp_unlock(&vm->lock, state);
    if (area && count && copy.vm.addr == address && copy.state == QR_AREA_LIVE && copy.map_ram)
        vfree_report(vm, address, "vm_unmap_ram", QUARRY_BAD_FREE,
                     "the count is not the one that was mapped");
    else
        vfree_refuse(vm, address, call, area ? &copy : NULL);
    return NULL;
}

/* Put a claimed area off. */
static void vfree_defer(struct qr_vm *vm, struct qr_area *area)
{
    unsigned long state = qp_lock(&vm->lock);
    area->state = QR_AREA_DEFERRED;
    area->next = vm->deferred;
    __atomic_store_n(&vm->deferred, area, __ATOMIC_RELAXED);
    qp_unlock(&vm->lock, state);
    qr_reclaim_kick(vm->reclaim);
}

/* Give back a claimed area here. May sleep. */
static void vfree_finish(struct qr_vm *vm, struct qr_area *area)
{
    if (area->nr_frames && (area->vm.flags & VM_ALLOC))
        qr_note_block(vm->check, area->vm.addr, area->asked, QP_BLOCK_FREED);
    if (qr_area_cache_put(vm, area))
        return;
    if (qr_observed(vm->check))
        qp_hand_over(area->vm.addr, (size_t)area->nr_frames << PAGE_SHIFT);
    area->next = NULL;
    qr_areas_release(vm, area);
}

/* Finish what was put off. May sleep. */
void qr_vm_finish_deferred(struct qr_vm *vm)
{
    struct qr_area *list;
    unsigned long state;
    if (QR_LIKELY(!__atomic_load_n(&vm->deferred, __ATOMIC_RELAXED)))
        return;
    state = qp_lock(&vm->lock);
    list = vm->deferred;
    __atomic_store_n(&vm->deferred, NULL, __ATOMIC_RELAXED);
    qp_unlock(&vm->lock, state);
    while (list) {
        struct qr_area *area = list;
        list = area->next;
        vfree_finish(vm, area);
    }
}

/* Free what was claimed, now or later, as the context allows. */
static void vfree_here_or_later(struct qr_vm *vm, struct qr_area *area, const char *what,
                                bool always_defer)
{
    if (!always_defer && qp_may_sleep()) {
        qr_vm_finish_deferred(vm);
        vfree_finish(vm, area);
        return;
    }
    if (!always_defer && !qr_vm_in_interrupt())
        qr_may_sleep_here(vm->check, what);
    vfree_defer(vm, area);
}

void qr_vfree(struct qr_vm *vm, const void *address, bool always_defer)
{
    struct qr_area *area;
    if (!address)
        return;
    if (QR_LIKELY(!always_defer && qp_may_sleep()) && qr_area_cache_keep(vm, address)) {
        qr_vm_finish_deferred(vm);
        return;
    }
    area = vfree_claim(vm, address, VFREE_VFREE, 0);
    if (area)
        vfree_here_or_later(vm, area, "vfree", always_defer);
}

/* G-C3: reported in every atomic context, interrupts included; the work is then put off. */
static void vunmap_claimed(struct qr_vm *vm, struct qr_area *area, const char *what)
{
    area->release_frames = false;
    if (qr_may_sleep_here(vm->check, what)) {
        qr_vm_finish_deferred(vm);
        vfree_finish(vm, area);
    } else {
        vfree_defer(vm, area);
    }
}

void qr_vunmap(struct qr_vm *vm, const void *address, const char *what)
{
    struct qr_area *area;
    if (!address)
        return;
    area = vfree_claim(vm, address, VFREE_VUNMAP, 0);
    if (area)
        vunmap_claimed(vm, area, what);
}

void qr_vm_unmap_ram(struct qr_vm *vm, const void *address, unsigned int count)
{
    struct qr_area *area;
    if (!address)
        return;
    area = vfree_claim(vm, address, VFREE_UNMAP_RAM, count ? count : ~0u);
    if (area)
        vunmap_claimed(vm, area, "vm_unmap_ram");
}

void qr_free_vm_area(struct qr_vm *vm, struct vm_struct *reserved)
{
    struct qr_area *area;
    if (!reserved)
        return;
    area = vfree_claim(vm, reserved->addr, VFREE_FREE_VM_AREA, 0);
    if (area)
        vunmap_claimed(vm, area, "free_vm_area");
}
