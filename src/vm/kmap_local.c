/* SPDX-License-Identifier: MIT */
/* vm/kmap_local: short-lived addresses, undone in reverse order; and the contents of any page.
 *
 * Problem. Most uses of a page without an address last a few lines: copy something in, clear it.
 * They happen in any context and must not wait for a window that long-lived mappings have filled.
 *
 * Idea. A second window with slots of its own. A task's slots form a stack: its record (struct
 * qp_task) names the newest, and each slot the one taken before it. Undoing anything but the newest
 * is the caller's mistake, and is caught by comparing two numbers. Free slots form a stack too: the
 * slot let go last is taken first, and still maps its page, so that clearing or copying one page
 * several times maps it once.
 *
 *     task -> slot 7 -> slot 3 -> none        free -> slot 5 -> slot 0 -> ...
 *
 * Invariants. L1: each slot is on the free list or held by exactly one task. L2: a held slot maps
 * its page.
 *
 * Locks: kmaps->lock for the free list, whose head those who spin read without it; a held slot is its
 * task's alone. When every slot is held, a caller that may sleep waits, another one spins: holders let
 * go soon.
 *
 * Limits: who holds more slots than the window has can only be told so. */
#include "vm.h"

/* About a second: no task keeps a slot that long unless it lost it. */
#define KMAP_LOCAL_SPINS (1u << 24)
#define KMAP_LOCAL_WAIT_NS (10ull * 1000 * 1000)
#define KMAP_LOCAL_WAITS 500u

static void *kmap_local_address(const struct qr_kmaps *kmaps, u32 number)
{
    return (void *)(kmaps->fixmap_start + ((uintptr_t)number << PAGE_SHIFT));
}

/* A free slot's number plus one, or 0. */
static u32 kmap_local_pop(struct qr_kmaps *kmaps)
{
    unsigned long state = qp_lock(&kmaps->lock);
    u32 at = kmaps->fixmap_free;
    if (at) {
        __atomic_store_n(&kmaps->fixmap_free, kmaps->fixmap[at - 1].next, __ATOMIC_RELAXED);
        kmaps->fixmap[at - 1].users = 1;
    }
    qp_unlock(&kmaps->lock, state);
    return at;
}

static void kmap_local_push(struct qr_kmaps *kmaps, u32 at)
{
    unsigned long state = qp_lock(&kmaps->lock);
    kmaps->fixmap[at - 1].users = 0;
    kmaps->fixmap[at - 1].next = kmaps->fixmap_free;
    __atomic_store_n(&kmaps->fixmap_free, at, __ATOMIC_RELAXED);
    if (__atomic_load_n(&kmaps->waiters, __ATOMIC_RELAXED))
        qp_wake(&kmaps->freed);
    qp_unlock(&kmaps->lock, state);
}

/* The same, waiting for one; 0 when nobody lets go. */
static u32 kmap_local_take(struct qr_kmaps *kmaps)
{
    u32 at = kmap_local_pop(kmaps);
    if (QR_LIKELY(at))
        return at;
    if (!qp_may_sleep()) {
        for (u32 i = 0; i < KMAP_LOCAL_SPINS && !at; i++) {
            qp_relax();
            if (__atomic_load_n(&kmaps->fixmap_free, __ATOMIC_RELAXED))
                at = kmap_local_pop(kmaps);
        }
        return at;
    }
    __atomic_fetch_add(&kmaps->waiters, 1, __ATOMIC_RELAXED);
    for (u32 i = 0;; i++) {
        u32 seen = __atomic_load_n(&kmaps->freed.moves, __ATOMIC_ACQUIRE);
        at = kmap_local_pop(kmaps);
        if (at || i == KMAP_LOCAL_WAITS)
            break;
        qp_wait(&kmaps->freed, seen, KMAP_LOCAL_WAIT_NS);
    }
    __atomic_fetch_sub(&kmaps->waiters, 1, __ATOMIC_RELAXED);
    return at;
}

/* Unmap whatever a slot maps. The slot is this task's, or nobody's yet. */
static void kmap_local_clear(struct qr_kmaps *kmaps, u32 at)
{
    struct qr_kmap_slot *slot = &kmaps->fixmap[at - 1];
    void *address = kmap_local_address(kmaps, at - 1);
    if (!slot->page)
        return;
    slot->page = NULL;
    qp_unmap(kmaps->zones->map->offset, address, 1);
    qp_flush(kmaps->zones->map->offset, address, 1);
}

static void kmap_local_report(struct qr_kmaps *kmaps, enum quarry_finding kind, const void *address,
                              const char *text)
{
    struct quarry_report report = {.kind = kind, .address = address};
    qr_report(kmaps->check, &report, "%s (%p)", text, address);
}

void *qr_kmap_local(struct qr_kmaps *kmaps, struct page *page)
{
    const struct qr_map *map = kmaps->zones->map;
    struct qr_kmap_slot *slot;
    struct qp_task *task;
    u32 at;
    if (QR_LIKELY(qr_page_is_low(map, page)))
        return qr_page_virt(map, page);
    at = kmaps->nr_fixmap ? kmap_local_take(kmaps) : 0;
    if (!at) {
        kmap_local_report(kmaps, QUARRY_OUT_OF_MEMORY, page,
                          kmaps->nr_fixmap
                              ? "kmap_local: every slot is held and none is let go; somebody "
                                "forgets kunmap_local"
                              : "kmap_local: this machine has high memory but no window for it");
        return NULL;
    }
    slot = &kmaps->fixmap[at - 1];
    if (slot->page != page) {
        kmap_local_clear(kmaps, at);
        if (qp_map(map->offset, kmap_local_address(kmaps, at - 1), qr_page_phys(map, page), 1)) {
            kmap_local_push(kmaps, at);
            kmap_local_report(kmaps, QUARRY_OUT_OF_MEMORY, page,
                              "kmap_local: the machine has no room for its page tables");
            return NULL;
        }
        slot->page = page;
    }
    task = qp_task();
    slot->next = task->kmap_local;
    task->kmap_local = at;
    return kmap_local_address(kmaps, at - 1);
}

bool qr_kunmap_local(struct qr_kmaps *kmaps, const void *address)
{
    struct qp_task *task = qp_task();
    uintptr_t number = ((uintptr_t)address - kmaps->fixmap_start) >> PAGE_SHIFT;
    if (QR_LIKELY(qr_virt_in_map(kmaps->zones->map, address)))
        return true;
    if (number >= kmaps->nr_fixmap) { /* below the window, the distance wraps to more than any */
        kmap_local_report(kmaps, QUARRY_BAD_FREE, address,
                          "kunmap_local of an address that kmap_local never returns; nothing was "
                          "done");
        return false;
    }
    if (number + 1 != task->kmap_local) {
        kmap_local_report(kmaps, QUARRY_BAD_FREE, address,
                          "kunmap_local out of order, or twice: only the newest mapping of the "
                          "task can be undone; nothing was done");
        return false;
    }
    task->kmap_local = kmaps->fixmap[number].next;
    if (kmaps->strict)
        kmap_local_clear(kmaps, (u32)number + 1);
    kmap_local_push(kmaps, (u32)number + 1);
    return true;
}

/* ---- contents -------------------------------------------------------------------------------- */

/* Whether [offset, offset + len) lies in a page; reports when not. */
static bool page_range_is_sane(struct qr_kmaps *kmaps, const struct page *page, size_t offset,
                               size_t len, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .address = page, .size = len};
    if (QR_LIKELY(offset <= PAGE_SIZE && len <= PAGE_SIZE - offset))
        return true;
    qr_report(kmaps->check, &report, "%s: %zu bytes at offset %zu leave the page; nothing was done",
              what, len, offset);
    return false;
}

void qr_page_read(struct qr_kmaps *kmaps, void *to, struct page *page, size_t offset, size_t len,
                  const char *what)
{
    char *from;
    if (!page_range_is_sane(kmaps, page, offset, len, what))
        return;
    from = qr_kmap_local(kmaps, page);
    if (!from)
        return;
    memcpy(to, from + offset, len);
    qr_kunmap_local(kmaps, from);
}

void qr_page_write(struct qr_kmaps *kmaps, struct page *page, size_t offset, const void *from,
                   size_t len, const char *what)
{
    char *to;
    if (!page_range_is_sane(kmaps, page, offset, len, what))
        return;
    to = qr_kmap_local(kmaps, page);
    if (!to)
        return;
    memcpy(to + offset, from, len);
    qr_kunmap_local(kmaps, to);
}

void qr_page_fill(struct qr_kmaps *kmaps, struct page *page, size_t offset, int value, size_t len,
                  const char *what)
{
    char *to;
    if (!page_range_is_sane(kmaps, page, offset, len, what))
        return;
    to = qr_kmap_local(kmaps, page);
    if (!to)
        return;
    memset(to + offset, value, len);
    qr_kunmap_local(kmaps, to);
}

void qr_page_copy(struct qr_kmaps *kmaps, struct page *to, size_t to_offset, struct page *from,
                  size_t from_offset, size_t len, const char *what)
{
    char *target, *source;
    if (!page_range_is_sane(kmaps, to, to_offset, len, what) ||
        !page_range_is_sane(kmaps, from, from_offset, len, what))
        return;
    target = qr_kmap_local(kmaps, to);
    if (!target)
        return;
    source = qr_kmap_local(kmaps, from);
    if (source) {
        memmove(target + to_offset, source + from_offset, len);
        qr_kunmap_local(kmaps, source);
    }
    qr_kunmap_local(kmaps, target);
}
