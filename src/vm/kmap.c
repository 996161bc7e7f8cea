/* SPDX-License-Identifier: MIT */
/* vm/kmap: addresses that last, for pages that have none.
 *
 * Problem. On a machine with more memory than addresses, most pages have no address of their own.
 *
 * Idea. A window of slots, one page of addresses each. kmap takes a slot for a page and counts how
 * often; the same page gets the same address from everybody. When the count falls to zero the slot
 * may be used for another page, but until that happens its mapping stays, so that a page that is
 * mapped over and over costs a look-up. Slots are searched in a circle, so that the one let go
 * longest ago tends to be taken. When every slot is in use, the caller waits for the next kunmap.
 *
 *     page -> bucket[hash] -> slot -> slot        slot number * page size + start = address
 *
 * Invariants. K1: a slot with users > 0 maps its page and is found by it. K2: a page is in at most
 * one slot. K3: PGF_KMAPPED is set on exactly the pages with users > 0.
 *
 * Locks: kmaps->lock, held also over the port's mapping of one page: whoever finds a slot must find
 * it mapped. What may sleep: kmap.
 *
 * Limits: a task that holds slots and waits for another can wait for ever, as with any counted
 * resource. On a machine without high memory there is no window and everything is the direct map. */
#include "vm.h"

static void *kmap_slot_address(const struct qr_kmaps *kmaps, u32 slot)
{
    return (void *)(kmaps->pkmap_start + ((uintptr_t)slot << PAGE_SHIFT));
}

static u32 *kmap_bucket(struct qr_kmaps *kmaps, const struct page *page)
{
    return &kmaps->bucket[qr_pfn(kmaps->zones->map, page) % kmaps->nr_pkmap];
}

/* The slot of a page, in use or not; NULL when it has none, or the machine no window. kmaps->lock is
 * held. */
static struct qr_kmap_slot *kmap_find(struct qr_kmaps *kmaps, const struct page *page)
{
    u32 at = kmaps->nr_pkmap ? *kmap_bucket(kmaps, page) : 0;
    while (at && kmaps->pkmap[at - 1].page != page)
        at = kmaps->pkmap[at - 1].next;
    return at ? &kmaps->pkmap[at - 1] : NULL;
}

/* Unmap an unused slot and forget its page. kmaps->lock is held. */
static void kmap_clear(struct qr_kmaps *kmaps, struct qr_kmap_slot *slot)
{
    u32 number = (u32)(slot - kmaps->pkmap), *link = kmap_bucket(kmaps, slot->page);
    void *address = kmap_slot_address(kmaps, number);
    while (*link != number + 1)
        link = &kmaps->pkmap[*link - 1].next;
    *link = slot->next;
    slot->page = NULL;
    qp_unmap(kmaps->zones->map->offset, address, 1);
    qp_flush(kmaps->zones->map->offset, address, 1);
}

/* A slot that nobody uses, empty; NULL when all are in use. kmaps->lock is held. */
static struct qr_kmap_slot *kmap_take_slot(struct qr_kmaps *kmaps)
{
    for (u32 i = 0; i < kmaps->nr_pkmap; i++) {
        struct qr_kmap_slot *slot = &kmaps->pkmap[(kmaps->hand + i) % kmaps->nr_pkmap];
        if (slot->users)
            continue;
        kmaps->hand = (kmaps->hand + i + 1) % kmaps->nr_pkmap;
        if (slot->page)
            kmap_clear(kmaps, slot);
        return slot;
    }
    return NULL;
}

/* Make a slot map @page; NULL when all are in use or, *@failed, the port has no room. kmaps->lock
 * is held. */
static struct qr_kmap_slot *kmap_new(struct qr_kmaps *kmaps, struct page *page, bool *failed)
{
    struct qr_kmap_slot *slot = kmap_take_slot(kmaps);
    u32 number, *bucket;
    if (!slot)
        return NULL;
    number = (u32)(slot - kmaps->pkmap);
    *failed = qp_map(kmaps->zones->map->offset, kmap_slot_address(kmaps, number),
                     qr_page_phys(kmaps->zones->map, page), 1) != 0;
    if (*failed)
        return NULL;
    bucket = kmap_bucket(kmaps, page);
    slot->page = page;
    slot->next = *bucket;
    *bucket = number + 1;
    return slot;
}

static void kmap_report(struct qr_kmaps *kmaps, enum quarry_finding kind, const struct page *page,
                        const char *text)
{
    struct quarry_report report = {.kind = kind, .address = page};
    qr_report(kmaps->check, &report, "%s (page frame %llu)", text,
              (unsigned long long)qr_pfn(kmaps->zones->map, page));
}

/* Sleep until a slot was let go. The lock is held before and after; @state is its state. */
static unsigned long kmap_wait(struct qr_kmaps *kmaps, unsigned long state)
{
    u32 seen = __atomic_load_n(&kmaps->freed.moves, __ATOMIC_ACQUIRE);
    __atomic_fetch_add(&kmaps->waiters, 1, __ATOMIC_RELAXED);
    qp_unlock(&kmaps->lock, state);
    qp_wait(&kmaps->freed, seen, 0);
    state = qp_lock(&kmaps->lock);
    __atomic_fetch_sub(&kmaps->waiters, 1, __ATOMIC_RELAXED);
    return state;
}

void *qr_kmap(struct qr_kmaps *kmaps, struct page *page)
{
    bool may_sleep = qr_may_sleep_here(kmaps->check, "kmap"), failed = false;
    const char *why = "kmap: every slot of the window is in use, and the caller cannot wait";
    struct qr_kmap_slot *slot;
    unsigned long state;
    if (QR_LIKELY(qr_page_is_low(kmaps->zones->map, page)))
        return qr_page_virt(kmaps->zones->map, page);
    state = qp_lock(&kmaps->lock);
    for (;;) {
        slot = kmap_find(kmaps, page);
        if (!slot)
            slot = kmap_new(kmaps, page, &failed);
        if (slot || failed || !may_sleep || !kmaps->nr_pkmap)
            break;
        state = kmap_wait(kmaps, state);
    }
    if (slot && slot->users++ == 0)
        __atomic_fetch_or(&page->flags, PGF_KMAPPED, __ATOMIC_RELAXED);
    qp_unlock(&kmaps->lock, state);
    if (slot)
        return kmap_slot_address(kmaps, (u32)(slot - kmaps->pkmap));
    if (failed)
        why = "kmap: the machine has no room for its page tables";
    else if (!kmaps->nr_pkmap)
        why = "kmap: this machine has high memory but no window for it";
    kmap_report(kmaps, QUARRY_OUT_OF_MEMORY, page, why);
    return NULL;
}

void qr_kunmap(struct qr_kmaps *kmaps, struct page *page)
{
    struct qr_kmap_slot *slot;
    unsigned long state;
    if (QR_LIKELY(qr_page_is_low(kmaps->zones->map, page)))
        return;
    state = qp_lock(&kmaps->lock);
    slot = kmap_find(kmaps, page);
    if (!slot || !slot->users) {
        qp_unlock(&kmaps->lock, state);
        kmap_report(kmaps, QUARRY_BAD_FREE, page,
                    "kunmap of a page that is not mapped by kmap; nothing was done");
        return;
    }
    if (--slot->users == 0) {
        __atomic_fetch_and(&page->flags, ~PGF_KMAPPED, __ATOMIC_RELAXED);
        if (kmaps->strict)
            kmap_clear(kmaps, slot);
        if (__atomic_load_n(&kmaps->waiters, __ATOMIC_RELAXED))
            qp_wake(&kmaps->freed);
    }
    qp_unlock(&kmaps->lock, state);
}

void *qr_kmap_address(struct qr_kmaps *kmaps, const struct page *page)
{
    const struct qr_kmap_slot *slot;
    unsigned long state;
    void *address = NULL;
    if (!(__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & PGF_KMAPPED))
        return NULL;
    state = qp_lock(&kmaps->lock);
    slot = kmap_find(kmaps, page);
    if (slot && slot->users)
        address = kmap_slot_address(kmaps, (u32)(slot - kmaps->pkmap));
    qp_unlock(&kmaps->lock, state);
    return address;
}

/* ---- start, fork, check ---------------------------------------------------------------------- */

static void *kmaps_table(struct qr_kmaps *kmaps, u64 bytes)
{
    struct page *page = qr_alloc_pages(kmaps->zones, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
                                       (unsigned int)get_order((unsigned long)bytes), NUMA_NO_NODE);
    return page ? qr_page_virt(kmaps->zones->map, page) : NULL;
}

/* zones->clear_high */
static void kmaps_clear_page(void *data, struct page *page)
{
    qr_page_fill(data, page, 0, 0, PAGE_SIZE, "clear_highpage");
}

/* The last 128 KiB of the address space are reserved for fixed mappings; the very last page of them
 * lies behind every window, so 31 of them are in it. */
#define KMAP_FIXED_RESERVED 31u

int qr_kmaps_init(struct qr_kmaps *kmaps, const struct qp_machine *machine, char *why,
                  size_t why_size)
{
    u64 nr_pkmap = (machine->pkmap_end - machine->pkmap_start) >> PAGE_SHIFT;
    u64 nr_fixmap = (machine->fixmap_end - machine->fixmap_start) >> PAGE_SHIFT;
    bool failed = false;
    if (nr_fixmap > KMAP_FIXED_RESERVED)
        nr_fixmap -= KMAP_FIXED_RESERVED;
    kmaps->strict = qr_check_level(kmaps->check) >= 1;
    kmaps->pkmap_start = machine->pkmap_start;
    kmaps->fixmap_start = machine->fixmap_start;
    if (nr_pkmap) {
        kmaps->pkmap = kmaps_table(kmaps, nr_pkmap * sizeof(*kmaps->pkmap));
        kmaps->bucket = kmaps_table(kmaps, nr_pkmap * sizeof(*kmaps->bucket));
        failed = !kmaps->pkmap || !kmaps->bucket;
    }
    if (nr_fixmap) {
        kmaps->fixmap = kmaps_table(kmaps, nr_fixmap * sizeof(*kmaps->fixmap));
        failed |= !kmaps->fixmap;
    }
    if (failed) {
        qr_snprintf(why, why_size, "the machine is too small: no memory for the kmap windows");
        return -QR_ENOMEM;
    }
    kmaps->nr_pkmap = (u32)nr_pkmap;
    kmaps->nr_fixmap = (u32)nr_fixmap;
    for (u32 i = kmaps->nr_fixmap; i-- > 0; kmaps->fixmap_free = i + 1)
        kmaps->fixmap[i].next = kmaps->fixmap_free;
    if (nr_fixmap) {
        kmaps->zones->clear_high = kmaps_clear_page;
        kmaps->zones->clear_high_data = kmaps;
    }
    return 0;
}

/* Context: no other task runs on the machine, and the windows are empty. */
int qr_kmaps_remap_all(struct qr_kmaps *kmaps)
{
    const struct qr_map *map = kmaps->zones->map;
    for (u32 i = 0; i < kmaps->nr_pkmap + kmaps->nr_fixmap; i++) {
        bool local = i >= kmaps->nr_pkmap;
        u32 number = local ? i - kmaps->nr_pkmap : i;
        struct qr_kmap_slot *slot = local ? &kmaps->fixmap[number] : &kmaps->pkmap[number];
        uintptr_t start = local ? kmaps->fixmap_start : kmaps->pkmap_start;
        if (slot->page && qp_map(map->offset, (void *)(start + ((uintptr_t)number << PAGE_SHIFT)),
                                 qr_page_phys(map, slot->page), 1))
            return -QR_ENOMEM;
    }
    return 0;
}

/* K1 to K3, and the free list of the fixed slots; the number of contradictions, which is reported. */
unsigned long qr_kmaps_check(struct qr_kmaps *kmaps)
{
    struct quarry_report report = {.kind = QUARRY_CORRUPTION};
    unsigned long wrong = 0, state = qp_lock(&kmaps->lock);
    u32 nr_free = 0, nr_held = 0;
    for (u32 i = 0; i < kmaps->nr_pkmap; i++) {
        const struct qr_kmap_slot *slot = &kmaps->pkmap[i];
        if (!slot->page) {
            wrong += slot->users != 0;
            continue;
        }
        wrong += kmap_find(kmaps, slot->page) != slot;
        wrong += slot->users && !(slot->page->flags & PGF_KMAPPED);
    }
    for (u32 at = kmaps->fixmap_free; at && nr_free <= kmaps->nr_fixmap; nr_free++) {
        wrong += kmaps->fixmap[at - 1].users != 0;
        at = kmaps->fixmap[at - 1].next;
    }
    for (u32 i = 0; i < kmaps->nr_fixmap; i++)
        nr_held += kmaps->fixmap[i].users;
    wrong += nr_free + nr_held != kmaps->nr_fixmap;
    qp_unlock(&kmaps->lock, state);
    if (wrong)
        qr_report(kmaps->check, &report, "kmap: %lu contradictions in the windows", wrong);
    return wrong;
}
