/* SPDX-License-Identifier: MIT */
/* genpool/fit: places in a bitmap.
 *
 * A set bit is a taken granule. Searches go word by word. "None" is any answer of @size or more. The
 * public algorithms are here and not in api/, since a pool without one of its own uses the first, and none
 * needs a machine.
 *
 * Locks: none; the caller keeps the map still. */
#include "genpool.h"

#define FIT_WORD (8 * sizeof(long))

/* The first bit from @at on that is @set; @size when there is none. */
static unsigned long fit_next(const unsigned long *map, unsigned long size, unsigned long at,
                              bool set)
{
    while (at < size) {
        unsigned long word = map[at / FIT_WORD];
        word = (set ? word : ~word) >> (at % FIT_WORD);
        if (word) {
            at += qr_ffs64(word);
            return QR_MIN(at, size);
        }
        at = (at / FIT_WORD + 1) * FIT_WORD;
    }
    return size;
}

/* @align and @offset in bits: (place + offset) is a multiple of align, a power of two. */
unsigned long qr_fit_first(const unsigned long *map, unsigned long size, unsigned long start,
                           unsigned int nr, unsigned long align, unsigned long offset)
{
    unsigned long at = start, taken;

    for (;;) {
        at = fit_next(map, size, at, false);
        at = QR_ALIGN_UP(at + offset, align) - offset;
        if (at >= size || nr > size - at)
            return size;
        taken = fit_next(map, at + nr, at, true);
        if (taken == at + nr)
            return at;
        at = taken + 1;
    }
}

unsigned long qr_fit_best(const unsigned long *map, unsigned long size, unsigned long start,
                          unsigned int nr)
{
    unsigned long best = size, best_length = ~0ul, at = fit_next(map, size, start, false);

    while (at < size) {
        unsigned long end = fit_next(map, size, at + 1, true);
        if (end - at >= nr && end - at < best_length) {
            best = at;
            best_length = end - at;
            if (best_length == nr)
                break;
        }
        at = fit_next(map, size, end, false);
    }
    return best;
}

static unsigned long fit_anywhere(const unsigned long *map, unsigned long size, unsigned long start,
                                  unsigned int nr)
{
    return qr_fit_first(map, size, start, nr, 1, 0);
}

/* ---- the public algorithms ------------------------------------------------------------------------ */

unsigned long gen_pool_first_fit(unsigned long *map, unsigned long size, unsigned long start,
                                 unsigned int nr, void *data, struct gen_pool *pool,
                                 unsigned long start_addr)
{
    return fit_anywhere(map, size, start, nr);
}

unsigned long gen_pool_first_fit_align(unsigned long *map, unsigned long size, unsigned long start,
                                       unsigned int nr, void *data, struct gen_pool *pool,
                                       unsigned long start_addr)
{
    const struct genpool_data_align *wish = data;
    unsigned long align = wish ? (unsigned long)QR_MAX(wish->align, 1) : 1;
    unsigned long granule = 1ul << pool->min_alloc_order;

    if (!QR_IS_POWER_OF_TWO(align) || ((start_addr & (granule - 1)) && align > granule))
        return size; /* no granule of this range has such an address */
    if (align <= granule)
        return fit_anywhere(map, size, start, nr);
    return qr_fit_first(map, size, start, nr, align >> pool->min_alloc_order,
                        (start_addr & (align - 1)) >> pool->min_alloc_order);
}

unsigned long gen_pool_fixed_alloc(unsigned long *map, unsigned long size, unsigned long start,
                                   unsigned int nr, void *data, struct gen_pool *pool,
                                   unsigned long start_addr)
{
    const struct genpool_data_fixed *wish = data;
    unsigned long bit = wish->offset >> pool->min_alloc_order;

    if ((wish->offset & ((1ul << pool->min_alloc_order) - 1)) || bit < start)
        return size;
    return fit_anywhere(map, size, bit, nr) == bit ? bit : size;
}

unsigned long gen_pool_first_fit_order_align(unsigned long *map, unsigned long size,
                                             unsigned long start, unsigned int nr, void *data,
                                             struct gen_pool *pool, unsigned long start_addr)
{
    return qr_fit_first(map, size, start, nr, nr > 1 ? 2ul << qr_fls64(nr - 1) : 1, 0);
}

unsigned long gen_pool_best_fit(unsigned long *map, unsigned long size, unsigned long start,
                                unsigned int nr, void *data, struct gen_pool *pool,
                                unsigned long start_addr)
{
    return qr_fit_best(map, size, start, nr);
}
