/* SPDX-License-Identifier: MIT */
/* slab/layout: how a slab is cut into places.
 *
 * Problem. Objects of one size must lie in a block of 2^order pages with little waste, at their
 * alignment, with room for guards where a cache is debugged, and the number of an object must
 * follow from its address in a few instructions.
 *
 * Idea. All places are alike; place k lies at `first + k * slot_size` from the slab's start, give
 * or take the red zone before the object. A division by slot_size is a multiplication by its
 * reciprocal.
 *
 *     plain cache          | object 0 | object 1 | ... | unused | bitmap (if > 64 objects) |
 *                          ^ first = 0 ^ slot_size
 *
 *     debugged or profiled |gap|red| object 0 |red|meta|pad|red| object 1 |red|meta|pad| ... | unused |
 *                              ^left_pad      ^requested   ^ slot_size after the one before
 *                                  ^ first        ^track_offset from the object
 *
 * The red zone in front belongs to the place, not to the pad behind the place before it, so that a
 * power-of-two object keeps its alignment for the price of one alignment step, not two (G-S4).
 *
 * The free bitmap lies in the slab's descriptor when 64 bits are enough, else at the slab's end. A
 * slab of more than the least order never needs more than 64 bits: then a slab with a bitmap of its
 * own has one possible size, and the bitmap one possible place (L2).
 *
 * Invariants. L1: every object of a slab is aligned to `align`, because slabs are aligned to their
 * own size, and `first` and slot_size are multiples of align. L2: bits_offset != 0 implies order ==
 * min_order.
 *
 * Choice of the order. The smallest whose slab holds 16 objects; failing that max_order, or the least
 * that holds one object at all if that is larger. Sixteen, so that the work per slab (about 100
 * instructions and two list operations) is small beside the work per object. Waste needs no look: what
 * is left over is less than two places (two where a red zone in front needs an alignment step of its
 * own), so that beside 16 objects it is less than an eighth of the slab; and a slab of twice the size
 * holds at least twice as many, so that a larger one never wastes a larger part. */
#include "internal.h"

#define LAYOUT_GOOD_OBJECTS 16
/* Guard bytes in front of an object. Sixteen catch an index of -1 of the largest basic type. */
#define LAYOUT_LEFT_RED 16
/* At least so many behind it; alignment of the metadata may add seven. */
#define LAYOUT_RIGHT_RED 8
/* Before and behind each object, where a detector watches every byte: what lies before may else be the
 * metadata of another, which is no secret to it. */
#define LAYOUT_GAP 16
#define LAYOUT_STACK_BYTES 32768u
#define LAYOUT_FIRST_BYTES 2048u

/* Of more than 64 objects: fewer have theirs in the descriptor. */
static u32 layout_bitmap_bytes(u32 objects)
{
    return (objects + 63) / 64 * 8;
}

/* Objects that fit into a slab; @tail: bytes of a place behind the object's start that are used. */
static u32 layout_count(const struct kmem_cache *cache, size_t tail, unsigned int order)
{
    size_t bytes = PAGE_SIZE << order, used = cache->first + tail;
    u32 nr;

    if (used > bytes)
        return 0;
    nr = (u32)((bytes - used) / cache->slot_size) + 1;
    while (nr > 64 && used + (size_t)(nr - 1) * cache->slot_size + layout_bitmap_bytes(nr) > bytes)
        nr--;
    return nr;
}

static void layout_choose_order(struct kmem_cache *cache, size_t tail, unsigned int max_order)
{
    cache->order = cache->min_order;
    cache->objects = cache->min_objects;
    while (cache->objects < LAYOUT_GOOD_OBJECTS && cache->order < max_order) {
        cache->order++;
        cache->objects = layout_count(cache, tail, cache->order);
    }
}

/* The alignment that a cache's flags ask for beside its own. */
static size_t layout_align(u32 flags, size_t size, size_t align)
{
    size_t line = 64;

    align = QR_MAX(align, (size_t)ARCH_SLAB_MINALIGN);
    if (flags & SLAB_HWCACHE_ALIGN) {
        /* Small objects share a line evenly instead of taking one each. */
        while (size <= line / 2 && line > ARCH_SLAB_MINALIGN)
            line /= 2;
        align = QR_MAX(align, line);
    }
    return align;
}

/* Places with what the flags ask for; the bytes used behind an object's start. */
static size_t layout_place(struct kmem_cache *cache, size_t size, size_t align, u32 flags,
                           bool with_meta)
{
    size_t tail = size, left = 0;

    cache->left_pad = 0;
    cache->first = 0;
    cache->track_offset = 0;
    if (flags & SLAB_RED_ZONE) {
        left = LAYOUT_LEFT_RED;
        tail += LAYOUT_RIGHT_RED;
    } else if (with_meta && qr_watched(cache->owner->check) &&
               size < PAGE_SIZE << MAX_PAGE_ORDER / 2) {
        left = LAYOUT_GAP;
        tail += LAYOUT_GAP;
    }
    if (with_meta) {
        tail = QR_ALIGN_UP(tail, _Alignof(struct qr_meta));
        cache->track_offset = (u32)tail;
        tail += flags & SLAB_STORE_USER ? sizeof(struct qr_meta) : QR_META_SHORT;
    }
    cache->left_pad = (u16)left;
    cache->first = (u32)QR_ALIGN_UP(left, align);
    cache->slot_size = (u32)QR_ALIGN_UP(tail + left, align);
    cache->align = (u32)align;
    /* A plain cache's place ends where the next begins: padding may be cleared with the object, so
     * it must not hang over into the bitmap. */
    return cache->first || cache->track_offset ? tail : cache->slot_size;
}

/* How many objects a CPU's stack begins with and may grow to: by bytes, so that a cache of large
 * objects does not park megabytes on every CPU. */
static void layout_depth(struct kmem_cache *cache)
{
    u32 first = LAYOUT_FIRST_BYTES / cache->slot_size, max = LAYOUT_STACK_BYTES / cache->slot_size;

    first = QR_MIN(QR_MAX(first, 4u), 64u);
    max = QR_MIN(QR_MAX(max, 4u), 512u);
    cache->first_depth = 1u << qr_fls64(first);
    cache->max_depth = 1u << qr_fls64(max);
    cache->depth = cache->first_depth;
}

void qr_layout(struct kmem_cache *cache, size_t size, size_t align, unsigned int max_order)
{
    size_t tail, limit = PAGE_SIZE << MAX_PAGE_ORDER;
    bool with_meta;

    QR_ASSERT(size - 1 < limit);
    align = layout_align(cache->flags, size, align);
    cache->object_size = (u32)size;
    with_meta = !cache->internal &&
                ((cache->flags & SLAB_DEBUG_FLAGS) || qr_profiling(cache->owner->check));
    tail = layout_place(cache, size, align, cache->flags, with_meta);
    if (cache->first + tail > limit) {
        /* The guards do not fit beside the largest objects: go without. */
        cache->flags &= ~(SLAB_RED_ZONE | SLAB_STORE_USER);
        tail = layout_place(cache, size, align, cache->flags, false);
    }
    cache->inverse = ((1ull << 44) + cache->slot_size - 1) / cache->slot_size;
    cache->min_order = (u8)get_order(align); /* L1 */
    while (!(cache->min_objects = layout_count(cache, tail, cache->min_order)))
        cache->min_order++; /* the largest order holds every size */
    layout_choose_order(cache, tail, max_order);
    cache->bits_offset = 0;
    if (cache->objects > 64)
        cache->bits_offset =
            (u32)((PAGE_SIZE << cache->order) - layout_bitmap_bytes(cache->objects));
    QR_ASSERT(!cache->bits_offset || cache->order == cache->min_order);
    layout_depth(cache);
}
