/* SPDX-License-Identifier: MIT */
/* Arrays of bits as a whole. */
#ifndef QUARRY_LINUX_BITMAP_H
#define QUARRY_LINUX_BITMAP_H

#include <linux/bitops.h>
#include <linux/slab.h>
#include <linux/string.h>

static inline void bitmap_zero(unsigned long *map, unsigned int bits)
{
    memset(map, 0, BITS_TO_LONGS(bits) * sizeof(long));
}
static inline void bitmap_fill(unsigned long *map, unsigned int bits)
{
    memset(map, 0xff, BITS_TO_LONGS(bits) * sizeof(long));
}
static inline void bitmap_copy(unsigned long *to, const unsigned long *from, unsigned int bits)
{
    memcpy(to, from, BITS_TO_LONGS(bits) * sizeof(long));
}
static inline void bitmap_set(unsigned long *map, unsigned int start, unsigned int count)
{
    while (count--)
        __set_bit(start++, map);
}
static inline void bitmap_clear(unsigned long *map, unsigned int start, unsigned int count)
{
    while (count--)
        __clear_bit(start++, map);
}
static inline unsigned int bitmap_weight(const unsigned long *map, unsigned int bits)
{
    unsigned int count = 0;
    for (unsigned long bit = find_first_bit(map, bits); bit < bits;
         bit = find_next_bit(map, bits, bit + 1))
        count++;
    return count;
}
static inline bool bitmap_empty(const unsigned long *map, unsigned int bits)
{
    return find_first_bit(map, bits) == bits;
}
static inline bool bitmap_full(const unsigned long *map, unsigned int bits)
{
    return find_first_zero_bit(map, bits) == bits;
}
/* The first place from @start on for @nr zero bits in a row, aligned to @align_mask + 1; beyond
 * @size when there is none. */
static inline unsigned long bitmap_find_next_zero_area(unsigned long *map, unsigned long size,
                                                       unsigned long start, unsigned int nr,
                                                       unsigned long align_mask)
{
    for (;;) {
        unsigned long at = find_next_zero_bit(map, size, start), end, used;
        at = (at + align_mask) & ~align_mask;
        end = at + nr;
        if (end > size)
            return end;
        used = find_next_bit(map, end, at);
        if (used >= end)
            return at;
        start = used + 1;
    }
}
static inline unsigned long *bitmap_zalloc(unsigned int bits, gfp_t gfp)
{
    return (unsigned long *)kcalloc(BITS_TO_LONGS(bits), sizeof(long), gfp);
}
static inline unsigned long *bitmap_alloc(unsigned int bits, gfp_t gfp)
{
    return (unsigned long *)kmalloc_array(BITS_TO_LONGS(bits), sizeof(long), gfp);
}
static inline void bitmap_free(const unsigned long *map)
{
    kfree(map);
}

#endif
