/* SPDX-License-Identifier: MIT */
/* Arrays of bits as a whole. */
#ifndef QUARRY_LINUX_BITMAP_H
#define QUARRY_LINUX_BITMAP_H

#include <linux/bitops.h>
#include <linux/errno.h>
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
static inline void bitmap_complement(unsigned long *to, const unsigned long *from,
                                     unsigned int bits)
{
    for (unsigned int i = 0; i < BITS_TO_LONGS(bits); i++)
        to[i] = ~from[i];
}
/* The bits of word @i that count. */
static inline unsigned long quarry_bitmap_mask(unsigned int i, unsigned int bits)
{
    unsigned int left = bits - i * BITS_PER_LONG;
    return left >= BITS_PER_LONG ? ~0ul : (1ul << left) - 1;
}
#define QUARRY_BITMAP_OP(name, expression)                                                         \
    static inline bool name(unsigned long *to, const unsigned long *a, const unsigned long *b,     \
                            unsigned int bits)                                                     \
    {                                                                                              \
        unsigned long any = 0;                                                                     \
        for (unsigned int i = 0; i < BITS_TO_LONGS(bits); i++)                                     \
            any |= (to[i] = (expression)) & quarry_bitmap_mask(i, bits);                           \
        return any != 0;                                                                           \
    }
/* Whether a bit is set in the result (of use for and, andnot). */
QUARRY_BITMAP_OP(bitmap_and, a[i] & b[i])
QUARRY_BITMAP_OP(bitmap_or, a[i] | b[i])
QUARRY_BITMAP_OP(bitmap_xor, a[i] ^ b[i])
QUARRY_BITMAP_OP(bitmap_andnot, a[i] & ~b[i])
static inline bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned int bits)
{
    for (unsigned int i = 0; i < BITS_TO_LONGS(bits); i++)
        if ((a[i] ^ b[i]) & quarry_bitmap_mask(i, bits))
            return false;
    return true;
}
static inline bool bitmap_intersects(const unsigned long *a, const unsigned long *b,
                                     unsigned int bits)
{
    for (unsigned int i = 0; i < BITS_TO_LONGS(bits); i++)
        if (a[i] & b[i] & quarry_bitmap_mask(i, bits))
            return true;
    return false;
}
/* Whether all of @a are in @b. */
static inline bool bitmap_subset(const unsigned long *a, const unsigned long *b, unsigned int bits)
{
    for (unsigned int i = 0; i < BITS_TO_LONGS(bits); i++)
        if (a[i] & ~b[i] & quarry_bitmap_mask(i, bits))
            return false;
    return true;
}
/* Bit n goes to n - shift, or n + shift; zeros come in. */
static inline void bitmap_shift_right(unsigned long *to, const unsigned long *from,
                                      unsigned int shift, unsigned int bits)
{
    for (unsigned int n = 0; n < bits; n++)
        __assign_bit(n, to, n + shift < bits && test_bit(n + shift, from));
}
static inline void bitmap_shift_left(unsigned long *to, const unsigned long *from,
                                     unsigned int shift, unsigned int bits)
{
    for (unsigned int n = bits; n-- > 0;)
        __assign_bit(n, to, n >= shift && test_bit(n - shift, from));
}
static inline void bitmap_from_arr32(unsigned long *to, const u32 *from, unsigned int bits)
{
    bitmap_zero(to, bits);
    for (unsigned int n = 0; n < bits; n++)
        __assign_bit(n, to, from[n / 32] >> (n % 32) & 1);
}
static inline void bitmap_to_arr32(u32 *to, const unsigned long *from, unsigned int bits)
{
    memset(to, 0, (bits + 31) / 32 * sizeof(u32));
    for (unsigned int n = 0; n < bits; n++)
        to[n / 32] |= (u32)test_bit(n, from) << (n % 32);
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
/* A region is 2^order bits at a multiple of its size: its place, or -ENOMEM (-EBUSY). */
static inline int bitmap_allocate_region(unsigned long *map, unsigned int at, int order)
{
    unsigned int end = at + (1u << order);
    if (find_next_bit(map, end, at) < end)
        return -EBUSY;
    bitmap_set(map, at, 1u << order);
    return 0;
}
static inline int bitmap_find_free_region(unsigned long *map, unsigned int bits, int order)
{
    for (unsigned int at = 0; at + (1u << order) <= bits; at += 1u << order)
        if (bitmap_allocate_region(map, at, order) == 0)
            return (int)at;
    return -ENOMEM;
}
static inline void bitmap_release_region(unsigned long *map, unsigned int at, int order)
{
    bitmap_clear(map, at, 1u << order);
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
