/* SPDX-License-Identifier: MIT */
/* Fields of a register word, named by a constant mask of adjacent bits. A mask with holes, an empty one,
 * or a constant that does not fit its field, does not compile. */
#ifndef QUARRY_LINUX_BITFIELD_H
#define QUARRY_LINUX_BITFIELD_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#define __bf_shf(mask) (__builtin_ffsll((long long)(mask)) - 1)
/* 1 for an empty mask or one with a hole: the mask and its lowest bit add up to no power of two. */
#define quarry_bf_bad(mask)                                                                        \
    (!(mask) || (((unsigned long long)(mask) + (1ull << __bf_shf(mask))) &                         \
                 ((unsigned long long)(mask) + (1ull << __bf_shf(mask)) - 1)))
#define quarry_bf_too_big(mask, value)                                                             \
    (__builtin_constant_p(value) ? ~((mask) >> __bf_shf(mask)) & (value) : 0)

#define FIELD_MAX(mask) ((typeof(mask))((mask) >> __bf_shf(mask)))
#define FIELD_FIT(mask, value)                                                                     \
    (!((((typeof(mask))(value)) << __bf_shf(mask)) & ~(mask)) &&                                   \
     !((unsigned long long)(value) & ~((unsigned long long)(mask) >> __bf_shf(mask))))
#define FIELD_PREP(mask, value)                                                                    \
    ({                                                                                             \
        BUILD_BUG_ON(quarry_bf_bad(mask));                                                         \
        quarry_bf_check(quarry_bf_too_big(mask, value));                                           \
        ((typeof(mask))(value) << __bf_shf(mask)) & (mask);                                        \
    })
#define FIELD_PREP_CONST(mask, value)                                                              \
    (BUILD_BUG_ON_ZERO(quarry_bf_bad(mask)) +                                                      \
     BUILD_BUG_ON_ZERO(~((mask) >> __bf_shf(mask)) & (value)) +                                    \
     (((typeof(mask))(value) << __bf_shf(mask)) & (mask)))
#define FIELD_GET(mask, word)                                                                      \
    ({                                                                                             \
        BUILD_BUG_ON(quarry_bf_bad(mask));                                                         \
        (typeof(mask))(((word) & (mask)) >> __bf_shf(mask));                                       \
    })
#define FIELD_MODIFY(mask, word_pointer, value)                                                    \
    (*(word_pointer) = (*(word_pointer) & ~(mask)) | FIELD_PREP(mask, value))

/* Fails the build when the compiler knows, after optimising, that the field overflows. */
#define quarry_bf_check(bad)                                                                       \
    do {                                                                                           \
        if (__builtin_constant_p(bad) && (bad))                                                    \
            quarry_value_too_big_for_its_field();                                                  \
    } while (0)
void quarry_value_too_big_for_its_field(void) __attribute__((error("value too big for its field")));

#define quarry_bf_type(size)                                                                       \
    static inline u##size u##size##_encode_bits(u##size value, u##size field)                      \
    {                                                                                              \
        return (u##size)((value << __bf_shf(field)) & field);                                      \
    }                                                                                              \
    static inline u##size u##size##_get_bits(u##size word, u##size field)                          \
    {                                                                                              \
        return (u##size)((word & field) >> __bf_shf(field));                                       \
    }                                                                                              \
    static inline u##size u##size##_replace_bits(u##size word, u##size value, u##size field)       \
    {                                                                                              \
        return (u##size)((word & (u##size) ~field) | u##size##_encode_bits(value, field));         \
    }                                                                                              \
    static inline void u##size##p_replace_bits(u##size *word, u##size value, u##size field)        \
    {                                                                                              \
        *word = u##size##_replace_bits(*word, value, field);                                       \
    }
quarry_bf_type(8) quarry_bf_type(16) quarry_bf_type(32) quarry_bf_type(64)

#endif
