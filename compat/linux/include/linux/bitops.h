/* SPDX-License-Identifier: MIT */
/* Bits in arrays of longs: atomic, and with two underscores not. */
#ifndef QUARRY_LINUX_BITOPS_H
#define QUARRY_LINUX_BITOPS_H

#include <strings.h> /* ffs */
#include <linux/bits.h>
#include <linux/types.h>

static inline void set_bit(long nr, volatile unsigned long *addr)
{
    __atomic_fetch_or(addr + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_RELAXED);
}
static inline void clear_bit(long nr, volatile unsigned long *addr)
{
    __atomic_fetch_and(addr + BIT_WORD(nr), ~BIT_MASK(nr), __ATOMIC_RELAXED);
}
static inline void change_bit(long nr, volatile unsigned long *addr)
{
    __atomic_fetch_xor(addr + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_RELAXED);
}
static inline bool test_bit(long nr, const volatile unsigned long *addr)
{
    return (__atomic_load_n(addr + BIT_WORD(nr), __ATOMIC_RELAXED) & BIT_MASK(nr)) != 0;
}
static inline bool test_and_set_bit(long nr, volatile unsigned long *addr)
{
    return (__atomic_fetch_or(addr + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_SEQ_CST) &
            BIT_MASK(nr)) != 0;
}
static inline bool test_and_clear_bit(long nr, volatile unsigned long *addr)
{
    return (__atomic_fetch_and(addr + BIT_WORD(nr), ~BIT_MASK(nr), __ATOMIC_SEQ_CST) &
            BIT_MASK(nr)) != 0;
}
static inline bool test_and_change_bit(long nr, volatile unsigned long *addr)
{
    return (__atomic_fetch_xor(addr + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_SEQ_CST) &
            BIT_MASK(nr)) != 0;
}
static inline bool test_and_set_bit_lock(long nr, volatile unsigned long *addr)
{
    return (__atomic_fetch_or(addr + BIT_WORD(nr), BIT_MASK(nr), __ATOMIC_ACQUIRE) &
            BIT_MASK(nr)) != 0;
}
static inline void clear_bit_unlock(long nr, volatile unsigned long *addr)
{
    __atomic_fetch_and(addr + BIT_WORD(nr), ~BIT_MASK(nr), __ATOMIC_RELEASE);
}
static inline void __set_bit(long nr, volatile unsigned long *addr)
{
    addr[BIT_WORD(nr)] |= BIT_MASK(nr);
}
static inline void __clear_bit(long nr, volatile unsigned long *addr)
{
    addr[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}
static inline void __change_bit(long nr, volatile unsigned long *addr)
{
    addr[BIT_WORD(nr)] ^= BIT_MASK(nr);
}
static inline bool __test_and_set_bit(long nr, volatile unsigned long *addr)
{
    bool was = (addr[BIT_WORD(nr)] & BIT_MASK(nr)) != 0;
    addr[BIT_WORD(nr)] |= BIT_MASK(nr);
    return was;
}
static inline bool __test_and_clear_bit(long nr, volatile unsigned long *addr)
{
    bool was = (addr[BIT_WORD(nr)] & BIT_MASK(nr)) != 0;
    addr[BIT_WORD(nr)] &= ~BIT_MASK(nr);
    return was;
}
#define assign_bit(nr, addr, value) ((value) ? set_bit((nr), (addr)) : clear_bit((nr), (addr)))
#define __assign_bit(nr, addr, value)                                                              \
    ((value) ? __set_bit((nr), (addr)) : __clear_bit((nr), (addr)))

/* Position of the lowest and highest set bit; undefined for 0 (but fls: counted from 1, 0 for 0). */
static inline unsigned long __ffs(unsigned long word)
{
    return (unsigned long)__builtin_ctzl(word);
}
static inline unsigned long __fls(unsigned long word)
{
    return 63ul - (unsigned long)__builtin_clzl(word);
}
#define ffz(word) __ffs(~(unsigned long)(word))
static inline int fls(unsigned int word)
{
    return word ? 32 - __builtin_clz(word) : 0;
}
static inline int fls64(u64 word)
{
    return word ? 64 - __builtin_clzll(word) : 0;
}
static inline unsigned int fls_long(unsigned long word)
{
    return (unsigned int)fls64(word);
}
static inline unsigned int hweight32(u32 word)
{
    return (unsigned int)__builtin_popcount(word);
}
static inline unsigned int hweight16(u16 word)
{
    return (unsigned int)__builtin_popcount(word);
}
static inline unsigned int hweight8(u8 word)
{
    return (unsigned int)__builtin_popcount(word);
}
static inline unsigned long hweight64(u64 word)
{
    return (unsigned long)__builtin_popcountll(word);
}
#define hweight_long(word) hweight64(word)
static inline u32 rol32(u32 word, unsigned int shift)
{
    return (word << (shift & 31)) | (word >> ((-shift) & 31));
}
static inline u32 ror32(u32 word, unsigned int shift)
{
    return (word >> (shift & 31)) | (word << ((-shift) & 31));
}
static inline u64 rol64(u64 word, unsigned int shift)
{
    return (word << (shift & 63)) | (word >> ((-shift) & 63));
}
static inline u64 ror64(u64 word, unsigned int shift)
{
    return (word >> (shift & 63)) | (word << ((-shift) & 63));
}
static inline u16 rol16(u16 word, unsigned int shift)
{
    return (u16)((word << (shift & 15)) | (word >> ((-shift) & 15)));
}
static inline u16 ror16(u16 word, unsigned int shift)
{
    return (u16)((word >> (shift & 15)) | (word << ((-shift) & 15)));
}
static inline u8 rol8(u8 word, unsigned int shift)
{
    return (u8)((word << (shift & 7)) | (word >> ((-shift) & 7)));
}
static inline u8 ror8(u8 word, unsigned int shift)
{
    return (u8)((word >> (shift & 7)) | (word << ((-shift) & 7)));
}
static inline s64 sign_extend64(u64 value, int index)
{
    return (s64)(value << (63 - index)) >> (63 - index);
}
static inline unsigned int get_count_order(unsigned int count)
{
    return count ? (unsigned int)fls(count - 1) : ~0u;
}
static inline s32 sign_extend32(u32 value, int index)
{
    return (s32)(value << (31 - index)) >> (31 - index);
}

/* The next position from @from on whose bit is @want; @size when there is none. */
static inline unsigned long quarry_next_bit(const unsigned long *addr, unsigned long size,
                                            unsigned long from, bool want)
{
    while (from < size) {
        unsigned long word = want ? addr[BIT_WORD(from)] : ~addr[BIT_WORD(from)];
        word &= ~0UL << (from % BITS_PER_LONG);
        if (word) {
            from = BIT_WORD(from) * BITS_PER_LONG + __ffs(word);
            return from < size ? from : size;
        }
        from = (BIT_WORD(from) + 1) * BITS_PER_LONG;
    }
    return size;
}
#define find_next_bit(addr, size, from) quarry_next_bit((addr), (size), (from), true)
#define find_next_zero_bit(addr, size, from) quarry_next_bit((addr), (size), (from), false)
#define find_first_bit(addr, size) find_next_bit(addr, size, 0)
#define find_first_zero_bit(addr, size) find_next_zero_bit(addr, size, 0)
static inline unsigned long find_last_bit(const unsigned long *addr, unsigned long size)
{
    for (unsigned long at = size; at-- > 0;)
        if (addr[BIT_WORD(at)] & BIT_MASK(at))
            return at;
    return size;
}
/* The next bit that both have, and that the first alone has. */
static inline unsigned long find_next_and_bit(const unsigned long *a, const unsigned long *b,
                                              unsigned long size, unsigned long from)
{
    while ((from = find_next_bit(a, size, from)) < size && !test_bit((long)from, b))
        from++;
    return from;
}
static inline unsigned long find_next_andnot_bit(const unsigned long *a, const unsigned long *b,
                                                 unsigned long size, unsigned long from)
{
    while ((from = find_next_bit(a, size, from)) < size && test_bit((long)from, b))
        from++;
    return from;
}
#define find_first_and_bit(a, b, size) find_next_and_bit((a), (b), (size), 0)
/* The (n + 1)th set bit; @size when there are not so many. */
static inline unsigned long find_nth_bit(const unsigned long *addr, unsigned long size,
                                         unsigned long n)
{
    unsigned long at = find_first_bit(addr, size);
    while (at < size && n-- > 0)
        at = find_next_bit(addr, size, at + 1);
    return at;
}
#define for_each_set_bit_from(bit, addr, size)                                                     \
    for ((bit) = find_next_bit((addr), (size), (bit)); (bit) < (size);                             \
         (bit) = find_next_bit((addr), (size), (bit) + 1))
#define for_each_clear_bit_from(bit, addr, size)                                                   \
    for ((bit) = find_next_zero_bit((addr), (size), (bit)); (bit) < (size);                        \
         (bit) = find_next_zero_bit((addr), (size), (bit) + 1))
#define for_each_and_bit(bit, a, b, size)                                                          \
    for ((bit) = 0; (bit) = find_next_and_bit((a), (b), (size), (bit)), (bit) < (size); (bit)++)
#define for_each_set_bit(bit, addr, size)                                                          \
    for ((bit) = find_first_bit((addr), (size)); (bit) < (size);                                   \
         (bit) = find_next_bit((addr), (size), (bit) + 1))
#define for_each_clear_bit(bit, addr, size)                                                        \
    for ((bit) = find_first_zero_bit((addr), (size)); (bit) < (size);                              \
         (bit) = find_next_zero_bit((addr), (size), (bit) + 1))

#endif
