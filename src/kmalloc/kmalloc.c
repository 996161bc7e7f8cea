/* SPDX-License-Identifier: MIT */
/* kmalloc: blocks of any size.
 *
 * Problem. Programs ask for bytes; caches give objects of one size and the page allocator blocks of
 * whole pages. The answer must be aligned as its size promises, found again from its address alone,
 * and cost as little as an object of a cache.
 *
 * Idea. Sizes are rounded up to classes: 8, 16, 24, 32, then four to each doubling, up to two
 * pages, so that at most a fifth of a block is lost. Each class is an object cache; kfree learns
 * the cache from the page descriptor, so a block needs no header, and a power of two stays aligned
 * to itself. Larger blocks are compound page blocks straight from the page allocator, whose per-CPU
 * lists make them nearly as cheap.
 *
 *     size   1…8   9…16   17…24   25…32   33…40   41…48   49…56   57…64   65…80   81…96   …   7169…8192
 *     class    0      1       2       3       4       5       6       7       8       9   …          35
 *
 * What a class number leads to is the machine's business (G-S2): on a machine whose smallest block
 * is 32 bytes, classes 0 to 3 lead to one cache. A family of caches gives the same classes from
 * other memory: DMA, and memory that its owner can give back (reclaimable). The families beside the
 * normal one are rarely used in a process; their caches are made when they are first asked for.
 *
 *     flags              family    names
 *     __GFP_DMA          DMA       dma-kmalloc-64
 *     __GFP_RECLAIMABLE  RECLAIM   kmalloc-rcl-64
 *     neither            NORMAL    kmalloc-64
 *
 * Alignment (G-S4). A block of s bytes is aligned to the largest power of two that divides s. If s
 * is the size of a class, its cache has that alignment. If not, s lies between two multiples of the
 * class spacing, so no power of two above the spacing divides it, and the spacing divides the
 * class's size, hence its addresses.
 *
 * Zero (G-S13). A block asked for with __GFP_ZERO is cleared as a whole, beyond what was asked for,
 * and a krealloc with __GFP_ZERO clears what lies behind the new size. So as long as all calls on a
 * block had the flag, what lies behind its size is zero, and growing in place needs to clear
 * nothing it cannot see. In caches with red zones the size asked for is known, and exactly the
 * bytes gained are cleared.
 *
 * Locks: none of its own. What may sleep: allocation, as its mask says. */
#include "internal.h"

size_t qr_kmalloc_class_size(unsigned int class_nr)
{
    unsigned int group, step;

    if (class_nr < 4)
        return (class_nr + 1) * 8;
    group = (class_nr - 4) / 4;
    step = (class_nr - 4) % 4;
    return ((size_t)32 << group) + ((size_t)8 << group) * (step + 1);
}

/* ---- the families ---------------------------------------------------------------------------- */

static const struct {
    const char *prefix;
    slab_flags_t flags;
} kmalloc_family[QR_KMALLOC_TYPES] = {
    [QR_KMALLOC_NORMAL] = {"kmalloc-", 0},
    [QR_KMALLOC_DMA] = {"dma-kmalloc-", SLAB_CACHE_DMA},
    [QR_KMALLOC_RECLAIM] = {"kmalloc-rcl-", SLAB_RECLAIM_ACCOUNT},
};

static enum qr_kmalloc_type kmalloc_type_of(gfp_t gfp)
{
    if (gfp & __GFP_DMA)
        return QR_KMALLOC_DMA;
    return gfp & __GFP_RECLAIMABLE ? QR_KMALLOC_RECLAIM : QR_KMALLOC_NORMAL;
}

/* The class whose cache serves a class: the least one that is not below the machine's smallest
 * block. */
static unsigned int kmalloc_serving_class(const struct qr_kmalloc *kmalloc, unsigned int class_nr)
{
    unsigned int least = quarry_kmalloc_class(kmalloc->min_size);

    return QR_MAX(class_nr, least);
}

static struct kmem_cache *kmalloc_make_cache(struct qr_kmalloc *kmalloc, enum qr_kmalloc_type type,
                                             unsigned int class_nr, gfp_t gfp)
{
    size_t size = qr_kmalloc_class_size(class_nr);
    char name[32];
    struct qr_cache_params params = {
        .name = name,
        .size = size,
        .align = QR_MAX(size & -size, (size_t)ARCH_KMALLOC_MINALIGN),
        .flags = SLAB_KMALLOC | kmalloc_family[type].flags,
        .racing = true,
        .slot_id = type == QR_KMALLOC_NORMAL ? class_nr : QR_NO_SLOT,
        .gfp = gfp,
    };

    qr_snprintf(name, sizeof(name), "%s%zu", kmalloc_family[type].prefix, size);
    return qr_cache_create(kmalloc->slabs, &params);
}

/* The cache of a family and class; made now if this is its first use. NULL: no memory for it. */
static struct kmem_cache *kmalloc_cache(struct qr_kmalloc *kmalloc, enum qr_kmalloc_type type,
                                        unsigned int class_nr, gfp_t gfp)
{
    struct kmem_cache **place = &kmalloc->cache[type][kmalloc_serving_class(kmalloc, class_nr)];
    struct kmem_cache *cache = __atomic_load_n(place, __ATOMIC_ACQUIRE), *other = NULL;

    if (QR_LIKELY(cache))
        return cache;
    /* Two may make it at once; who comes second destroys its own, which nobody has seen. */
    cache =
        kmalloc_make_cache(kmalloc, type, kmalloc_serving_class(kmalloc, class_nr),
                           (gfp & ~(__GFP_DMA | __GFP_RECLAIMABLE | __GFP_ZERO)) | __GFP_NOWARN);
    if (!cache || __atomic_compare_exchange_n(place, &other, cache, false, __ATOMIC_ACQ_REL,
                                              __ATOMIC_ACQUIRE))
        return cache;
    qr_cache_discard(kmalloc->slabs, cache);
    return other;
}

_Static_assert((int)QR_KMALLOC_DMA == (int)KMALLOC_DMA &&
                   (int)QR_KMALLOC_TYPES == (int)NR_KMALLOC_TYPES &&
                   (int)QR_KMALLOC_RECLAIM == (int)KMALLOC_RECLAIM,
               "families are numbered as callers number them");

/* Two may fill it at once: they write the same. */
kmem_buckets *qr_kmalloc_table(struct qr_kmalloc *kmalloc)
{
    for (unsigned int type = 0; type < QR_KMALLOC_TYPES; type++)
        for (unsigned int i = 0; i < QUARRY_KMALLOC_CLASSES; i++) {
            struct kmem_cache **place = &kmalloc->cache[type][kmalloc_serving_class(kmalloc, i)];
            __atomic_store_n(&kmalloc->table[type][i + 1], __atomic_load_n(place, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
        }
    return kmalloc->table;
}

/* ---- large blocks ---------------------------------------------------------------------------- */

static void *kmalloc_large(struct qr_kmalloc *kmalloc, size_t size, gfp_t gfp, int nid)
{
    struct qr_zones *zones = kmalloc->zones;
    unsigned int order = (unsigned int)get_order(size);
    struct page *page;

    if (qr_slab_fault(kmalloc->slabs, "kmalloc-large", gfp, size, "kmalloc"))
        return NULL;
    page = qr_alloc_pages(zones, gfp | __GFP_COMP, order, nid);
    if (!page)
        return NULL;
    __atomic_store_n(&page->flags, page->flags | PGF_KMALLOC, __ATOMIC_RELAXED);
    qr_zone_count(qr_page_zone(zones, page), QR_ZS_KMALLOC_LARGE, 1l << order);
    if (QR_UNLIKELY(__atomic_load_n(&zones->hooks, __ATOMIC_RELAXED)))
        qr_pages_note(zones, page, order, gfp);
    qr_note_block(kmalloc->check, qr_page_virt(zones->map, page), size,
                  gfp & __GFP_ZERO ? QP_BLOCK_WRITTEN : QP_BLOCK_FRESH);
    if (qr_watched(kmalloc->check))
        qp_hand_over((char *)qr_page_virt(zones->map, page) + size, (PAGE_SIZE << order) - size);
    return qr_page_virt(zones->map, page);
}

static void kmalloc_free_large(struct qr_kmalloc *kmalloc, struct page *page)
{
    struct qr_zones *zones = kmalloc->zones;
    unsigned int order = page->flags & PGF_ORDER_MASK;

    qr_zone_count(qr_page_zone(zones, page), QR_ZS_KMALLOC_LARGE, -(1l << order));
    qr_note_block(kmalloc->check, qr_page_virt(zones->map, page), PAGE_SIZE << order,
                  QP_BLOCK_FREED);
    if (qr_watched(kmalloc->check))
        qp_take_over(qr_page_virt(zones->map, page), PAGE_SIZE << order);
    qr_free_block(zones, page, order); /* the mark goes with it */
}

/* ---- requests -------------------------------------------------------------------------------- */

static QR_COLD void *kmalloc_too_large(struct qr_kmalloc *kmalloc, size_t size, gfp_t gfp)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-S2", .size = size};

    if (!(gfp & __GFP_NOWARN))
        qr_report(kmalloc->check, &report,
                  "kmalloc of %zu bytes: the largest block is %zu bytes; kvmalloc would take %zu "
                  "single pages and map them in a row",
                  size, kmalloc->max_size, (size >> PAGE_SHIFT) + !!offset_in_page(size));
    return NULL;
}

/* G-Z10: one zone at a time, and no family of DMA32 memory. */
static QR_COLD gfp_t kmalloc_one_zone(struct qr_kmalloc *kmalloc, gfp_t gfp)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-Z10"};
    gfp_t zones = gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);

    if (zones & (zones - 1)) {
        qr_report_once(
            kmalloc->check, &report,
            "kmalloc with several of __GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM: the lowest is "
            "taken");
        gfp &= ~(zones & ~(zones & __GFP_DMA ? __GFP_DMA : __GFP_DMA32));
    }
    if (gfp & __GFP_DMA32) {
        qr_report_once(
            kmalloc->check, &report,
            "kmalloc with __GFP_DMA32: there is no such family; the block may lie "
            "anywhere in low memory (use a cache with SLAB_CACHE_DMA32, or alloc_pages)");
        gfp &= ~__GFP_DMA32;
    }
    return gfp;
}

void *qr_kmalloc_slow(struct qr_kmalloc *kmalloc, size_t size, gfp_t gfp, int nid)
{
    struct kmem_cache *cache;
    unsigned int class_nr;

    if (QR_UNLIKELY(size == 0))
        return ZERO_SIZE_PTR;
    if (QR_UNLIKELY(size > kmalloc->max_size))
        return kmalloc_too_large(kmalloc, size, gfp);
    if (QR_UNLIKELY(gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)))
        gfp = kmalloc_one_zone(kmalloc, gfp);
    if (size > KMALLOC_MAX_CACHE_SIZE) {
        gfp = qr_slab_gfp(kmalloc->slabs, gfp, "kmalloc");
        return kmalloc_large(kmalloc, size, gfp, nid);
    }
    class_nr = quarry_kmalloc_class(size);
    cache = kmalloc_cache(kmalloc, kmalloc_type_of(gfp), class_nr, gfp);
    return cache ? qr_cache_alloc_sized(cache, gfp, nid, size, "kmalloc") : NULL;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* An address outside the direct map. */
static void kmalloc_describe_foreign(struct qr_kmalloc *kmalloc, const void *address,
                                     struct qr_text *text)
{
    const char *known =
        kmalloc->describe ? kmalloc->describe(kmalloc->describe_data, address) : NULL;

    if (known)
        qr_text_add(text, "%s", known);
    else if (qr_is_near_stack(__builtin_frame_address(0), address))
        qr_text_add(text, "an address on this task's stack, not memory of this machine");
    else
        qr_text_add(text, "not memory of this machine (a static variable, a stack, another "
                          "allocator's block?)");
}

static QR_COLD void kmalloc_report_foreign(struct qr_kmalloc *kmalloc, const void *address,
                                           const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_FREE, .rule = "G-S8", .address = address};
    char buffer[160];
    struct qr_text text = {buffer, sizeof(buffer), 0};

    kmalloc_describe_foreign(kmalloc, address, &text);
    qr_report(kmalloc->check, &report, "%s(%p): %s; nothing is changed", what, address, buffer);
}

/* Something that is no block. */
static QR_COLD void kmalloc_report_bad(struct qr_kmalloc *kmalloc, const void *address,
                                       const char *what)
{
    if (qr_virt_page_checked(kmalloc->zones->map, address))
        qr_report_bad_free(kmalloc->zones, address, what);
    else
        kmalloc_report_foreign(kmalloc, address, what);
}

/* The head of the large block that starts at @address, or NULL. */
static struct page *kmalloc_large_head(struct qr_kmalloc *kmalloc, const void *address)
{
    struct page *page = qr_virt_page_checked(kmalloc->zones->map, address);

    if (!page || offset_in_page(address) ||
        (page->flags & (PGF_SLAB | PGF_KMALLOC | PGF_TAIL | PGF_BUDDY | PGF_PCP)) != PGF_KMALLOC)
        return NULL;
    return page;
}

void qr_kfree_slow(struct qr_kmalloc *kmalloc, void *object, const char *what)
{
    struct page *page;

    if (ZERO_OR_NULL_PTR(object))
        return;
    page = qr_virt_page_checked(kmalloc->zones->map, object);
    if (QR_LIKELY((page && (page->flags & PGF_SLAB)) ||
                  qr_guard_owns(kmalloc->slabs->guards, object))) {
        qr_cache_free_slow(kmalloc->slabs, NULL, object, what);
        return;
    }
    page = kmalloc_large_head(kmalloc, object);
    if (QR_LIKELY(page))
        kmalloc_free_large(kmalloc, page);
    else
        kmalloc_report_bad(kmalloc, object, what);
}

void qr_kfree_bulk(struct qr_kmalloc *kmalloc, size_t nr, void **objects)
{
    for (size_t i = 0; i < nr; i++)
        qr_kfree(kmalloc, objects[i]);
}

/* An address in the pool of guarded objects. */
static QR_COLD bool kmalloc_find_guarded(struct qr_kmalloc *kmalloc, const void *address,
                                         const char *what, struct kmalloc_block *block)
{
    struct qr_guards *guards = kmalloc->slabs->guards;
    struct quarry_report report = {
        .kind = QUARRY_USE_AFTER_FREE, .rule = "G-S8", .address = address};
    struct qr_guard_found found;
    char text[192];

    block->is_object = false;
    if (qr_guard_find(guards, address, &found)) {
        block->capacity = block->granted = found.size;
        return true;
    }
    qr_guard_describe(guards, address, text, sizeof(text));
    qr_report(kmalloc->check, &report, "%s(%p): no live object begins there, but %s", what, address,
              text);
    return false;
}

bool qr_kmalloc_find(struct qr_kmalloc *kmalloc, const void *address, const char *what,
                     struct kmalloc_block *block)
{
    struct quarry_report report = {
        .kind = QUARRY_USE_AFTER_FREE, .rule = "G-S8", .address = address};
    struct page *page;

    if (qr_guard_owns(kmalloc->slabs->guards, address))
        return kmalloc_find_guarded(kmalloc, address, what, block);
    block->is_object = qr_object_locate(kmalloc->slabs, address, &block->object);
    if (block->is_object && block->object.exact) {
        if (QR_UNLIKELY(!block->object.allocated)) {
            report.cache = block->object.cache->name;
            qr_report(kmalloc->check, &report, "%s(%p): the object of cache %s was freed before",
                      what, address, report.cache);
            return false;
        }
        block->capacity = qr_object_usable(block->object.cache);
        block->granted = qr_object_granted(&block->object);
        return true;
    }
    page = block->is_object ? NULL : kmalloc_large_head(kmalloc, address);
    if (!page) {
        kmalloc_report_bad(kmalloc, address, what);
        return false;
    }
    block->capacity = block->granted = PAGE_SIZE << (page->flags & PGF_ORDER_MASK);
    return true;
}

size_t qr_ksize(struct qr_kmalloc *kmalloc, const void *object)
{
    struct kmalloc_block block;

    if (ZERO_OR_NULL_PTR(object) || !qr_kmalloc_find(kmalloc, object, "ksize", &block))
        return 0;
    kmalloc_open(kmalloc, &block, object); /* it says that so many may be used */
    return block.granted;
}

size_t qr_kmalloc_roundup(struct qr_kmalloc *kmalloc, size_t size)
{
    if (size == 0 || size > kmalloc->max_size)
        return size;
    if (size > KMALLOC_MAX_CACHE_SIZE)
        return PAGE_SIZE << get_order(size);
    return kmalloc->class_bytes[quarry_kmalloc_class(size)];
}

bool qr_kmalloc_dump(struct qr_kmalloc *kmalloc, const void *address)
{
    const struct qr_map *map = kmalloc->zones->map;
    struct page *page = qr_virt_page_checked(map, address);
    struct qr_object object;
    char buffer[160];
    struct qr_text text = {buffer, sizeof(buffer), 0};

    if (qr_guard_owns(kmalloc->slabs->guards, address)) {
        qr_guard_describe(kmalloc->slabs->guards, address, buffer, sizeof(buffer));
        qr_print("quarry: %p: %s\n", address, buffer);
        return true;
    }
    if (qr_object_find(kmalloc->slabs, address, &object)) {
        qr_object_dump(kmalloc->slabs, &object);
        return true;
    }
    if (!page) {
        kmalloc_describe_foreign(kmalloc, address, &text);
        qr_print("quarry: %p: %s\n", address, buffer);
        return kmalloc->describe && kmalloc->describe(kmalloc->describe_data, address);
    }
    page = qr_head(map, page);
    if (page->flags & PGF_KMALLOC)
        qr_print("quarry: %p: byte %zu of the kmalloc block at %p, %lu bytes\n", address,
                 (size_t)((const char *)address - (const char *)qr_page_virt(map, page)),
                 qr_page_virt(map, page), PAGE_SIZE << (page->flags & PGF_ORDER_MASK));
    else
        qr_print("quarry: %p: in page frame %#llx, which is no kmalloc memory\n", address,
                 (unsigned long long)qr_pfn(map, page));
    return true;
}

/* ---- boot ------------------------------------------------------------------------------------ */

int qr_kmalloc_init(struct qr_kmalloc *kmalloc, const struct qp_machine *machine, char *why,
                    size_t why_size)
{
    kmalloc->min_size = machine->kmalloc_min ? machine->kmalloc_min : KMALLOC_MIN_SIZE;
    kmalloc->max_size = machine->kmalloc_max ? machine->kmalloc_max : KMALLOC_MAX_SIZE;
    if ((kmalloc->min_size & (kmalloc->min_size - 1)) || kmalloc->min_size < KMALLOC_MIN_SIZE ||
        kmalloc->min_size > PAGE_SIZE || kmalloc->max_size < PAGE_SIZE ||
        kmalloc->max_size > KMALLOC_MAX_SIZE) {
        qr_snprintf(why, why_size,
                    "kmalloc blocks of %zu to %zu bytes: a power of two from 8, "
                    "and one page to 4 MiB, are possible",
                    kmalloc->min_size, kmalloc->max_size);
        return -QR_EINVAL;
    }
    for (unsigned int i = 0; i < QUARRY_KMALLOC_CLASSES; i++) {
        struct kmem_cache *cache = kmalloc_cache(kmalloc, QR_KMALLOC_NORMAL, i, GFP_NOWAIT);
        if (!cache) {
            qr_snprintf(why, why_size,
                        "kmalloc: the machine is too small for the cache of %zu bytes",
                        qr_kmalloc_class_size(i));
            return -QR_ENOMEM;
        }
        QR_ASSERT(cache->slot_id < QR_CHUNK_SLOTS);
        kmalloc->cache[QR_KMALLOC_NORMAL][i] = cache;
        __atomic_store_n(
            &kmalloc->class_slot[i],
            (u16)(offsetof(struct qr_cpu, slot) + cache->slot_id * sizeof(struct qr_slot)),
            __ATOMIC_RELAXED);
        kmalloc->class_bytes[i] = (u16)cache->object_size;
    }
    return 0;
}
