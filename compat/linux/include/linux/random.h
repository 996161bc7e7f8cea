/* SPDX-License-Identifier: MIT */
#include_next <linux/random.h>
/* Random numbers: the host's, or with `quarry run --seed N` the same in every run. Context: any. */
#ifndef QUARRY_LINUX_RANDOM_H
#define QUARRY_LINUX_RANDOM_H

#include <linux/bug.h>
#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN
QUARRY_API void get_random_bytes(void *buffer, size_t size);
/* From 0 to @limit - 1, all equally likely. */
QUARRY_API u32 get_random_u32_below(u32 limit);
#define QUARRY_RANDOM_NUMBER(type)                                                                 \
    static inline type get_random_##type(void)                                                     \
    {                                                                                              \
        type value;                                                                                \
        get_random_bytes(&value, sizeof(value));                                                   \
        return value;                                                                              \
    }
QUARRY_RANDOM_NUMBER(u8)
QUARRY_RANDOM_NUMBER(u16)
QUARRY_RANDOM_NUMBER(u32)
QUARRY_RANDOM_NUMBER(u64)
QUARRY_EXTERN_C_END
#define get_random_u32_above(low) ((low) + 1 + get_random_u32_below(~0u - (low)))
#define get_random_u32_inclusive(low, high) ((low) + get_random_u32_below((high) - (low) + 1))
#define get_random_int() get_random_u32()
#define get_random_long() ((unsigned long)get_random_u64())
/* There is always enough to draw from. */
#define wait_for_random_bytes() 0
#define rng_is_initialized() true
#define get_random_bytes_wait(buffer, size) (get_random_bytes((buffer), (size)), 0)
#define get_random_bytes_arch(buffer, size) (get_random_bytes((buffer), (size)), (size))
#define add_device_randomness(buffer, size) ((void)(buffer), (void)(size))
#define add_interrupt_randomness(irq) ((void)(irq))
#define prandom_u32() get_random_u32()
#define prandom_u32_max(limit) get_random_u32_below(limit)
#define prandom_bytes(buffer, size) get_random_bytes((buffer), (size))
#define random32() get_random_u32()

#endif
