/* SPDX-License-Identifier: MIT */
/* leak/scan: which live allocations can still be reached?
 *
 * Problem. A list of everything that is live says nothing about who still knows of it. What counts is
 * whether the program could ever free it, so whether a pointer leads to it.
 *
 * Idea. The marking half of a conservative garbage collector, with nothing collected:
 *
 *     1. every tracked allocation becomes "unseen"            (its word, see check.h)
 *     2. each word of a root that is an address in an unseen allocation turns it "queued"
 *     3. queued ones are looked at in the same way, and are "reached"; until none is left
 *     4. what is unseen now is lost
 *
 * An address finds its allocation by the page descriptor (slab, page block), the area tree (vmalloc), or the
 * table of registered blocks; a pointer to a descriptor counts for the descriptor's block, and one to an
 * area's record for the area. Words are looked at where a pointer can lie, at their natural alignment.
 *
 * No memory is needed: the words lie with the allocations, and the queue is a small array. When it is full
 * the allocation's word alone says "queued", and a walk over all allocations finds it later. The walk is
 * repeated until one finds nothing, so an unlucky order costs time, never an answer.
 *
 * What others do meanwhile: the port keeps them out of the core and stops them, as far as it can, before
 * step 2. An allocation made after step 1 has a word that says "reached", so it is never taken for lost.
 *
 * Roots: what the port names; allocations marked so; memory that the core itself holds or that has no word.
 *
 * Locks: none of its own here but leaks->lock for registered blocks; those of the layers for each look-up.
 * May sleep: qr_leak_mark, where the port waits for the others.
 * Limits: the content of high pages that are not mapped is not looked at. */
#include "leak.h"

#define SCAN_READ __attribute__((no_sanitize("address", "thread", "undefined")))

static u32 scan_word(const struct qr_leak_block *block)
{
    return __atomic_load_n(block->word, __ATOMIC_RELAXED);
}

static void scan_colour(const struct qr_leak_block *block, u32 colour)
{
    __atomic_store_n(block->word, (scan_word(block) & ~QR_LEAK_COLOUR) | colour, __ATOMIC_RELAXED);
}

/* Something leads to @block: queue it if that is news; whether it was. */
static bool scan_reach(struct qr_leaks *leaks, const struct qr_leak_block *block)
{
    if (!block->word || (scan_word(block) & QR_LEAK_COLOUR) != QR_LEAK_UNSEEN)
        return false;
    if (!block->start || (scan_word(block) & (QR_LEAK_IGNORE | QR_LEAK_NO_SCAN))) {
        scan_colour(block, QR_LEAK_REACHED);
        return true;
    }
    scan_colour(block, QR_LEAK_QUEUED);
    if (leaks->queued < QR_LEAK_QUEUE)
        leaks->queue[leaks->queued++] = *block;
    else
        leaks->overflow = true;
    return true;
}

static void scan_reach_page(struct qr_leaks *leaks, struct page *page)
{
    struct qr_leak_block block;

    if (qr_pages_leak_find(leaks->zones, page, &block))
        scan_reach(leaks, &block);
}

static void scan_reach_area(struct qr_leaks *leaks, const void *address)
{
    struct qr_leak_found_area found;

    if (!qr_vm_leak_find(leaks->vm, address, &found) || !scan_reach(leaks, &found.block))
        return;
    for (unsigned int i = 0; found.frames && i < found.nr_frames; i++)
        scan_reach_page(leaks, found.frames[i]);
}

/* A word that may be a pointer. */
static void scan_value(struct qr_leaks *leaks, uintptr_t value)
{
    const struct qr_map *map = leaks->zones->map;
    const void *address = (const void *)value;
    struct qr_leak_block block;
    struct page *page;

    if (leaks->nr_foreign && qr_foreign_find(leaks, address, &block))
        scan_reach(leaks, &block);
    if (qr_vm_contains(leaks->vm, address)) {
        scan_reach_area(leaks, address);
        return;
    }
    page = qr_virt_page_checked(map, address);
    if (!page)
        return;
    if (qr_slabs_is_guarded(leaks->slabs, address)) {
        if (qr_slabs_leak_find(leaks->slabs, address, &block))
            scan_reach(leaks, &block);
    } else if (value - (uintptr_t)map->pages < map->max_pfn * sizeof(struct page)) {
        page = map->pages + (value - (uintptr_t)map->pages) / sizeof(struct page);
        if (qr_page_valid(map, page))
            scan_reach_page(leaks, page);
    } else if (!(__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & PGF_SLAB)) {
        scan_reach_page(leaks, page);
    } else if (qr_slabs_leak_find(leaks->slabs, address, &block)) {
        scan_reach(leaks, &block);
    } else {
        scan_reach_area(leaks, address);
    }
}

/* Every aligned word of a stretch of memory. The machine's own addresses lie in two ranges, so that nearly
 * all words are dismissed by two compares. */
SCAN_READ static void scan_range(const void *start, size_t size, void *data)
{
    struct qr_leaks *leaks = data;
    const struct qr_map *map = leaks->zones->map;
    uintptr_t at = QR_ALIGN_UP((uintptr_t)start, sizeof(uintptr_t));
    uintptr_t end = QR_ALIGN_DOWN((uintptr_t)start + size, sizeof(uintptr_t));
    bool all = leaks->nr_foreign != 0;

    for (; at < end; at += sizeof(uintptr_t)) {
        uintptr_t value = *(const volatile uintptr_t *)at;
        if (QR_UNLIKELY(all || value - map->virt_start < map->virt_end - map->virt_start ||
                        value - leaks->vm->start < leaks->vm->end - leaks->vm->start))
            scan_value(leaks, value);
    }
}

/* ---- the closure ----------------------------------------------------------------------------- */

static void scan_queue(struct qr_leaks *leaks)
{
    while (leaks->queued) {
        struct qr_leak_block block = leaks->queue[--leaks->queued];
        scan_colour(&block, QR_LEAK_REACHED);
        scan_range(block.start, block.size, leaks);
    }
}

/* A walk holds its layer's lock, which look-ups need: so it only fills the queue. */
static bool scan_pick_up(const struct qr_leak_block *block, void *data)
{
    struct qr_leaks *leaks = data;

    if (!block->word || (scan_word(block) & QR_LEAK_COLOUR) != QR_LEAK_QUEUED)
        return true;
    if (leaks->queued == QR_LEAK_QUEUE) {
        leaks->overflow = true;
        return false;
    }
    leaks->queue[leaks->queued++] = *block;
    return true;
}

static void scan_each(struct qr_leaks *leaks, qr_leak_visit visit)
{
    if (qr_slabs_leak_each(leaks->slabs, visit, leaks) &&
        qr_pages_leak_each(leaks->zones, visit, leaks) && qr_vm_leak_each(leaks->vm, visit, leaks))
        qr_foreign_each(leaks, visit, leaks);
}

static void scan_finish(void *data)
{
    struct qr_leaks *leaks = data;

    scan_queue(leaks);
    while (leaks->overflow) {
        leaks->overflow = false;
        scan_each(leaks, scan_pick_up);
        scan_queue(leaks);
    }
}

/* ---- one scan -------------------------------------------------------------------------------- */

static bool scan_begin(const struct qr_leak_block *block, void *data)
{
    (void)data;
    if (block->word)
        scan_colour(block, QR_LEAK_UNSEEN);
    return true;
}

/* Blocks that are roots by themselves: those marked so are queued; those without a word are looked at by
 * scan_plain_roots, since nothing can remember that they wait. */
static bool scan_marked_root(const struct qr_leak_block *block, void *data)
{
    struct qr_leaks *leaks = data;

    if (block->word && (scan_word(block) & QR_LEAK_IS_ROOT))
        scan_reach(leaks, block);
    return true;
}

/* One walk finds the next few blocks without a word behind the ones found before. */
struct scan_plain {
    struct qr_leaks *leaks;
    u64 skip, seen;
    u32 nr;
    struct qr_leak_block block[16];
};

static bool scan_plain_root(const struct qr_leak_block *block, void *data)
{
    struct scan_plain *plain = data;

    if (block->word || !block->start || plain->seen++ < plain->skip)
        return true;
    plain->block[plain->nr++] = *block;
    return plain->nr < QR_ARRAY_SIZE(plain->block);
}

static void scan_plain_roots(struct qr_leaks *leaks)
{
    struct scan_plain plain = {.leaks = leaks};

    do {
        plain.skip += plain.nr;
        plain.seen = plain.nr = 0;
        if (qr_slabs_leak_each(leaks->slabs, scan_plain_root, &plain) &&
            qr_pages_leak_each(leaks->zones, scan_plain_root, &plain))
            qr_vm_leak_each(leaks->vm, scan_plain_root, &plain);
        for (u32 i = 0; i < plain.nr; i++)
            scan_range(plain.block[i].start, plain.block[i].size, leaks);
    } while (plain.nr == QR_ARRAY_SIZE(plain.block));
}

int qr_leak_mark(struct qr_leaks *leaks, const void *frame)
{
    if (qr_check_level(leaks->check) < 1)
        return -QR_ENOSYS;
    leaks->queued = 0;
    leaks->overflow = false;
    scan_each(leaks, scan_begin);
    scan_each(leaks, scan_marked_root);
    scan_plain_roots(leaks);
    if (leaks->roots)
        leaks->roots(frame, scan_range, scan_finish, leaks, leaks->roots_data);
    else
        scan_finish(leaks);
    memset(leaks->queue, 0,
           sizeof(leaks->queue)); /* or it would lead to what was in it, next time */
    leaks->scanned_ns = qp_now_ns();
    return 0;
}
