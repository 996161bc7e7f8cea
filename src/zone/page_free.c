/* SPDX-License-Identifier: MIT */
/* zone/page_free: references, and frees that are wrong.
 *
 * Problem. A block is freed by whoever drops its last reference, which need not be who allocated it;
 * and a free with a wrong pointer or order, or for the second time, must be told apart from a right
 * one before anything is changed.
 *
 * Idea. The head's flags say everything that a right free must match: owned, of this order, no
 * marks. One masked compare decides; all that does not match goes to a report that finds out what
 * the address really is. Then the count: whoever sees 1 is the only holder and needs no atomic
 * operation; otherwise the count drops atomically, and the one who brings it to 0 frees.
 *
 * Non-compound blocks (G-S9). When someone else still holds the first page, the others go at once.
 * The order in the head's flags is cut to 0 *before* the reference is dropped, by compare-exchange:
 * so of two droppers one frees the rest, and whoever drops last finds a single page.
 *
 *     __free_pages(p, 2), count 2:    [p, order 2][ ][ ][ ]  ->  [p, order 0] free [1][2 3]
 *                         put_page(p), count 1:                  free [p]
 *
 * Invariants. F1: a wrong free changes no state. F2: a block is released exactly once, by who
 * brought its count to 0. F3: tails of a non-compound block have no references. F4: who drops a
 * reference changes the flags before; so they are read after the count, or a count of 1 would be met
 * with the flags that another holder has changed since.
 *
 * Locks: none here. May sleep: nothing (G-C4).
 * Not here: where free blocks go (pcp.c, buddy.c). */
#include "internal.h"

/* What the flags of a block that may be freed by its order must show: owned, the order, and none of
 * these. */
#define FREE_MARKS                                                                                 \
    (PGF_BUDDY | PGF_PCP | PGF_TAIL | PGF_SLAB | PGF_RESERVED | PGF_KMALLOC | PGF_VMALLOC |        \
     PGF_KMAPPED)
#define FREE_MASK (FREE_MARKS | PGF_OWNED | PGF_ORDER_MASK)

/* ---- what a frame is ------------------------------------------------------------------------ */

struct page *qr_block_containing(const struct qr_map *map, struct page *page)
{
    u64 pfn = qr_pfn(map, page);
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        u64 head = pfn & ~((1ull << order) - 1);
        u32 flags;
        if (!qr_pfn_valid(map, head))
            return NULL;
        flags = qr_page_flags(qr_page(map, head));
        if ((flags & PGF_TAIL) == 0 && (flags & PGF_ORDER_MASK) >= order &&
            (flags & (PGF_SLAB | PGF_BUDDY | PGF_PCP | PGF_OWNED)) != 0)
            return qr_page(map, head);
    }
    return NULL;
}

static void free_describe_block(const struct page *head, u64 inside, struct qr_text *text)
{
    u32 flags = qr_page_flags(head);
    unsigned int order = flags & PGF_ORDER_MASK;
    if (inside)
        qr_text_add(text, "page %llu of ", (unsigned long long)inside);
    if (flags & PGF_SLAB)
        qr_text_add(text, "a slab: its objects are freed by kfree or kmem_cache_free");
    else if (flags & (PGF_BUDDY | PGF_PCP))
        qr_text_add(text, "a free block of order %u (freed before, or never allocated)", order);
    else if (flags & PGF_RESERVED)
        qr_text_add(text, "a reserved block of order %u", order);
    else if (flags & PGF_KMALLOC)
        qr_text_add(text, "a kmalloc block of %llu bytes: free it by kfree",
                    (unsigned long long)PAGE_SIZE << order);
    else if (flags & PGF_VMALLOC)
        qr_text_add(text, "a block of a vmalloc area: free the area by vfree");
    else if (flags & PGF_KMAPPED)
        qr_text_add(text, "a page that is still mapped by kmap");
    else if (flags & PGF_EXACT)
        qr_text_add(text, "a single page left by split_page or alloc_pages_exact (order 0)");
    else
        qr_text_add(text, "an allocated %sblock of order %u%s", flags & PGF_HEAD ? "compound " : "",
                    order, head->_refcount <= 0 ? " without a reference" : "");
}

/* What the frame of a page is; @address, if not NULL, is the byte in it that was meant. */
static void free_describe_page(struct qr_zones *zones, struct page *page, const void *address,
                               struct qr_text *text)
{
    const struct qr_map *map = zones->map;
    u32 flags = qr_page_flags(page);
    struct page *head;
    if (qr_pfn_reserved(map, qr_pfn(map, page))) {
        qr_text_add(text, "reserved memory, which was never allocated");
        return;
    }
    if ((flags & PGF_SLAB) && zones->describe) { /* slabs lie in low memory */
        zones->describe(zones->describe_data, address ? address : qr_page_virt(map, page), text);
        if (text->length)
            return;
    }
    if (address && ((uintptr_t)address & ~PAGE_MASK))
        qr_text_add(text, "byte %u of ", (unsigned int)((uintptr_t)address & ~PAGE_MASK));
    head = flags & PGF_TAIL ? qr_head(map, page) : qr_block_containing(map, page);
    if (head)
        free_describe_block(head, qr_pfn(map, page) - qr_pfn(map, head), text);
    else
        qr_text_add(text, "free memory that was never allocated");
}

/* What an address in or out of the direct map is. */
void qr_zones_describe(struct qr_zones *zones, const void *address, struct qr_text *text)
{
    struct page *page = qr_virt_page_checked(zones->map, address);
    if (page) {
        free_describe_page(zones, page, address, text);
        return;
    }
    if (zones->describe)
        zones->describe(zones->describe_data, address, text);
    if (!text->length)
        qr_text_add(text, "no memory of this machine (a stack, a static variable, another "
                          "allocator's?)");
}

/* ---- reports -------------------------------------------------------------------------------- */

/* The report's second site: who freed this page before, or who allocated the block that it heads. */
static void free_add_before(struct qr_zones *zones, const struct page *page, bool freed,
                            struct quarry_report *report, struct quarry_trace *before)
{
    const struct qr_owner *owner = qr_pages_owner(zones, page);
    if (!owner || !owner->trace)
        return;
    qr_trace_load(zones->check, owner->trace, before);
    report->before = before;
    report->before_is = freed ? "freed by" : "allocated by";
}

static QR_COLD void free_report_page(struct qr_zones *zones, struct page *page, unsigned int order,
                                     const char *what)
{
    char buffer[192] = "";
    struct qr_text text = {buffer, sizeof(buffer), 0};
    u32 flags = qr_page_flags(page);
    struct page *head =
        flags & PGF_TAIL ? qr_head(zones->map, page) : qr_block_containing(zones->map, page);
    bool freed =
        head && !(qr_page_flags(head) & PGF_SLAB) && (qr_page_flags(head) & (PGF_BUDDY | PGF_PCP));
    struct quarry_trace before;
    struct quarry_report report = {.kind = freed ? QUARRY_DOUBLE_FREE : QUARRY_BAD_FREE,
                                   .rule = "G-S8",
                                   .size = order <= MAX_PAGE_ORDER ? PAGE_SIZE << order : 0};
    if (qr_page_is_low(zones->map, page))
        report.address = qr_page_virt(zones->map, page);
    if (head)
        free_add_before(zones, freed ? page : head, freed, &report, &before);
    free_describe_page(zones, page, NULL, &text);
    qr_report(zones->check, &report,
              "%s of page frame %#llx, order %u: it is %s; nothing is changed", what,
              (unsigned long long)qr_pfn(zones->map, page), order, buffer);
}

static QR_COLD void free_report_foreign(struct qr_zones *zones, const void *page, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_FREE, .rule = "G-S8", .address = page};
    qr_report(zones->check, &report,
              "%s of page descriptor %p: no page of this machine has it; nothing is changed", what,
              page);
}

void qr_report_bad_free(struct qr_zones *zones, const void *address, const char *what)
{
    char buffer[256] = "";
    struct qr_text text = {buffer, sizeof(buffer), 0};
    struct quarry_report report = {.kind = QUARRY_BAD_FREE, .rule = "G-S8", .address = address};
    struct page *page = qr_virt_page_checked(zones->map, address);
    struct page *head = page ? qr_block_containing(zones->map, page) : NULL;
    u32 flags = head ? qr_page_flags(head) : 0;
    if (!(flags & PGF_SLAB) && (flags & (PGF_BUDDY | PGF_PCP)))
        report.kind = QUARRY_DOUBLE_FREE;
    qr_zones_describe(zones, address, &text);
    qr_report(zones->check, &report, "%s of %p: it is %s; nothing is changed", what, address,
              buffer);
}

/* ---- release -------------------------------------------------------------------------------- */

void qr_block_release(struct qr_zones *zones, struct page *page, unsigned int order, u32 flags)
{
    struct zone *zone = qr_page_zone(zones, page);
    u32 head = flags & PGF_HEAD;

    __atomic_store_n(&page->_refcount, 0, __ATOMIC_RELAXED);
    qr_block_in(zones, page, order, flags);
    if (QR_UNLIKELY(flags & PGF_SLAB)) {
        /* The slab's own marks cover the tails: whatever they are, they go. */
        qr_block_plain(zones->map, page, order);
        head = 0;
    }
    if (QR_LIKELY(qr_pcp_push(zones, zone, page, order, head)))
        return;
    if (head)
        qr_block_plain(zones->map, page, order);
    qr_page_set_flags(page, zone->place | order);
    qr_zone_put(zones, zone, page, order);
}

void qr_frames_release(struct qr_zones *zones, struct page *page, u64 nr)
{
    struct zone *zone = qr_page_zone(zones, page);
    u64 start = qr_pfn(zones->map, page), end = start + nr;
    while (start < end) {
        unsigned int order = qr_ffs64(start); /* it fits: the end is that of a block */
        qr_block_in(zones, qr_page(zones->map, start), order, 0);
        qr_zone_put(zones, zone, qr_page(zones->map, start), order);
        start += 1ull << order;
    }
}

/* Someone else holds the first page of a plain block: the others go now (G-S9). False: someone else
 * got here first. */
static bool free_all_but_first(struct qr_zones *zones, struct page *page, unsigned int order,
                               u32 flags)
{
    if (!__atomic_compare_exchange_n(&page->flags, &flags, flags & ~PGF_ORDER_MASK, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    if (flags & PGF_NOTED)
        qr_pages_note_singles(zones, page, order, 1);
    qr_frames_release(zones, page + 1, (1ull << order) - 1);
    return true;
}

/* Drop one of several references; true when it was the last after all. */
static bool free_drop(struct page *page)
{
    return __atomic_sub_fetch(&page->_refcount, 1, __ATOMIC_ACQ_REL) == 0;
}

void qr_put_pages(struct qr_zones *zones, struct page *page, unsigned int order, const char *what)
{
    u32 flags;
    int32_t refs;

    if (QR_UNLIKELY(!qr_page_valid(zones->map, page))) {
        free_report_foreign(zones, page, what);
        return;
    }
    refs = __atomic_load_n(&page->_refcount, __ATOMIC_ACQUIRE);
    flags = qr_page_flags(page); /* F4 */
    if (QR_UNLIKELY((flags & FREE_MASK) != (PGF_OWNED | order) || refs <= 0)) {
        free_report_page(zones, page, order, what);
        return;
    }
    if (QR_LIKELY(refs == 1)) {
        qr_block_release(zones, page, order, flags);
        return;
    }
    if (order != 0 && !(flags & PGF_HEAD)) {
        if (!free_all_but_first(zones, page, order, flags)) {
            free_report_page(zones, page, order, what);
            return;
        }
        order = 0;
        flags &= ~PGF_ORDER_MASK;
    }
    if (free_drop(page))
        qr_block_release(zones, page, order, flags);
}

void qr_put_page(struct qr_zones *zones, struct page *page, const char *what)
{
    u32 flags;
    int32_t refs;

    if (QR_UNLIKELY(!page || !qr_page_valid(zones->map, page))) {
        free_report_foreign(zones, page, what);
        return;
    }
    page = qr_head(zones->map, page);
    refs = __atomic_load_n(&page->_refcount, __ATOMIC_ACQUIRE);
    flags = qr_page_flags(page); /* F4 */
    /* Pages of slabs, kmalloc blocks and vmalloc areas may be held, but the last reference is their
     * owner's to drop. */
    if (refs > 1 && ((flags & PGF_SLAB) || (flags & FREE_MARKS & ~PGF_TAIL))) {
        if (!free_drop(page))
            return;
        qr_block_release(zones, page, qr_page_flags(page) & PGF_ORDER_MASK, qr_page_flags(page));
        return;
    }
    if (QR_UNLIKELY((flags & (FREE_MARKS | PGF_OWNED)) != PGF_OWNED || refs <= 0)) {
        free_report_page(zones, page, flags & PGF_ORDER_MASK, what);
        return;
    }
    if (refs == 1 || free_drop(page)) {
        flags = qr_page_flags(page); /* the other dropper may have cut the order */
        qr_block_release(zones, page, flags & PGF_ORDER_MASK, flags);
    }
}

void qr_get_page(struct qr_zones *zones, struct page *page, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-S9"};
    if (QR_UNLIKELY(!page || !qr_page_valid(zones->map, page))) {
        free_report_foreign(zones, page, what);
        return;
    }
    page = qr_head(zones->map, page);
    if (QR_LIKELY(__atomic_load_n(&page->_refcount, __ATOMIC_RELAXED) > 0)) {
        __atomic_fetch_add(&page->_refcount, 1, __ATOMIC_RELAXED);
        return;
    }
    qr_report(
        zones->check, &report,
        "%s of page frame %#llx, which has no reference: it is free, or inside a block that is "
        "not compound (allocate with __GFP_COMP)",
        what, (unsigned long long)qr_pfn(zones->map, page));
}

void qr_free_block(struct qr_zones *zones, struct page *page, unsigned int order)
{
    int32_t refs = __atomic_load_n(&page->_refcount, __ATOMIC_ACQUIRE);
    u32 flags = qr_page_flags(page);

    QR_ASSERT(refs > 0 && !(flags & (PGF_BUDDY | PGF_PCP | PGF_TAIL)) &&
              (flags & PGF_ORDER_MASK) == order);
    if (QR_LIKELY(refs == 1)) {
        qr_block_release(zones, page, order, flags);
        return;
    }
    /* Someone holds a page of it: from here on it is an ordinary block, freed by the last holder.
     * The holder may hold a tail, so a slab of several pages becomes a compound block. */
    if (flags & PGF_SLAB) {
        if (order)
            qr_block_compound(zones->map, page, order);
        flags = (flags & PGF_PLACE_MASK) | order | (order ? PGF_HEAD : 0);
    }
    flags &= PGF_PLACE_MASK | PGF_ORDER_MASK | PGF_HEAD | PGF_NOTED;
    qr_page_set_flags(page, flags | PGF_OWNED);
    if (free_drop(page))
        qr_block_release(zones, page, order, qr_page_flags(page));
}

void qr_block_singles(struct qr_zones *zones, struct page *page, u64 nr, u32 marks)
{
    u32 place = qr_page_zone(zones, page)->place;
    for (u64 i = 0; i < nr; i++) {
        page[i].private = 0;
        qr_page_set_flags(&page[i], place | PGF_OWNED | marks);
        __atomic_store_n(&page[i]._refcount, 1, __ATOMIC_RELAXED);
    }
}

void qr_split_page(struct qr_zones *zones, struct page *page, unsigned int order)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};
    u32 flags;
    if (!qr_page_valid(zones->map, page)) {
        free_report_foreign(zones, page, "split_page");
        return;
    }
    flags = qr_page_flags(page);
    if ((flags & FREE_MASK) != (PGF_OWNED | order) || (flags & PGF_HEAD)) {
        char buffer[192] = "";
        struct qr_text text = {buffer, sizeof(buffer), 0};
        free_describe_page(zones, page, NULL, &text);
        qr_report(zones->check, &report,
                  "split_page of page frame %#llx, order %u: it is %s; only a whole block that is "
                  "not compound can be split; nothing is changed",
                  (unsigned long long)qr_pfn(zones->map, page), order, buffer);
        return;
    }
    if (flags & PGF_NOTED)
        qr_pages_note_singles(zones, page, order, 1ull << order);
    if (order) {
        /* The first page keeps the references it has. */
        qr_block_singles(zones, page + 1, (1ull << order) - 1, PGF_EXACT | (flags & PGF_NOTED));
        qr_page_set_flags(page, (flags & ~PGF_ORDER_MASK) | PGF_EXACT);
    }
}
