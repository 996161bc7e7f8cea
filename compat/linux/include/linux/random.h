/* SPDX-License-Identifier: MIT */
#include_next <linux/random.h>
/* Random numbers. */
#ifndef QUARRY_LINUX_RANDOM_H
#define QUARRY_LINUX_RANDOM_H

#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN
QUARRY_API void get_random_bytes(void *buffer, size_t size);
QUARRY_EXTERN_C_END
static inline u32 get_random_u32(void)
{
    u32 value;
    get_random_bytes(&value, sizeof(value));
    return value;
}
static inline u64 get_random_u64(void)
{
    u64 value;
    get_random_bytes(&value, sizeof(value));
    return value;
}
static inline u32 get_random_u32_below(u32 limit)
{
    return (u32)(((u64)get_random_u32() * limit) >> 32);
}
#define get_random_u16() ((u16)get_random_u32())
#define get_random_u8() ((u8)get_random_u32())
#define get_random_int() get_random_u32()
#define get_random_long() ((unsigned long)get_random_u64())
#define prandom_u32() get_random_u32()
#define prandom_u32_max(limit) get_random_u32_below(limit)
#define random32() get_random_u32()

#endif
