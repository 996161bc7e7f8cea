/* SPDX-License-Identifier: MIT */
/* Hashes of numbers and pointers: multiplication by 2^w divided by the golden ratio, upper bits. */
#ifndef QUARRY_LINUX_HASH_H
#define QUARRY_LINUX_HASH_H

#include <linux/types.h>

#define GOLDEN_RATIO_32 0x9e3779b9u
#define GOLDEN_RATIO_64 0x9e3779b97f4a7c15ull
static inline u32 hash_32(u32 value, unsigned int bits)
{
    return (value * GOLDEN_RATIO_32) >> (32 - bits);
}
static inline u32 hash_64(u64 value, unsigned int bits)
{
    return (u32)((value * GOLDEN_RATIO_64) >> (64 - bits));
}
#define hash_long(value, bits) hash_64(value, bits)
static inline u32 hash_ptr(const void *ptr, unsigned int bits)
{
    return hash_64((unsigned long)ptr, bits);
}

#endif
