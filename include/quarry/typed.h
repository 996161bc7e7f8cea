/* SPDX-License-Identifier: MIT */
/* Allocation by type: the size is taken from a variable or a type's name, the answer is a pointer to
 * that type, and sizes that overflow give NULL (G-S5).
 *
 *     struct item *item = kmalloc_obj(*item);                  one object, GFP_KERNEL
 *     item = kzalloc_obj(struct item, GFP_ATOMIC);             … zeroed, with a mask
 *     int *table = kvmalloc_objs(*table, nr);                  an array
 *     struct packet *p = kzalloc_flex(*p, data, length);       a struct and its flexible array member
 *
 * The first argument is not evaluated. The mask may be left out: GFP_KERNEL. Names with kv fall back to
 * vmalloc (G-K1) and are freed with kvfree, the others with kfree. A member that counts the flexible
 * array is not set: that is the caller's. C only, since the answers are typed by __typeof__.
 *
 * Context: as the mask says. Returns: NULL when memory is short or the size overflows. */
#ifndef QUARRY_TYPED_H
#define QUARRY_TYPED_H

#include <quarry/slab.h>

QUARRY_EXTERN_C_BEGIN

/* @head bytes and @count elements of @each bytes. Context: as @gfp. NULL when the sum overflows. */
static inline void *quarry_kmalloc_flex(size_t head, size_t count, size_t each, gfp_t gfp)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes) || __builtin_add_overflow(bytes, head, &bytes))
        return NULL;
    return kmalloc(bytes, gfp);
}
static inline void *quarry_kzalloc_flex(size_t head, size_t count, size_t each, gfp_t gfp)
{
    return quarry_kmalloc_flex(head, count, each, gfp | __GFP_ZERO);
}
static inline void *quarry_kvmalloc_flex(size_t head, size_t count, size_t each, gfp_t gfp)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes) || __builtin_add_overflow(bytes, head, &bytes))
        return NULL;
    return kvmalloc(bytes, gfp);
}
static inline void *quarry_kvzalloc_flex(size_t head, size_t count, size_t each, gfp_t gfp)
{
    return quarry_kvmalloc_flex(head, count, each, gfp | __GFP_ZERO);
}

QUARRY_EXTERN_C_END

#ifndef __cplusplus
#define QUARRY_OBJ_PICK(a1, a2, name, ...) name
#define QUARRY_OBJ_2(alloc, what, gfp) ((__typeof__(what) *)alloc(sizeof(__typeof__(what)), (gfp)))
#define QUARRY_OBJ_1(alloc, what) QUARRY_OBJ_2(alloc, what, GFP_KERNEL)
#define QUARRY_OBJ(alloc, ...)                                                                     \
    QUARRY_OBJ_PICK(__VA_ARGS__, QUARRY_OBJ_2, QUARRY_OBJ_1, )(alloc, __VA_ARGS__)
#define QUARRY_OBJS_PICK(a1, a2, a3, name, ...) name
#define QUARRY_OBJS_3(alloc, what, count, gfp)                                                     \
    ((__typeof__(what) *)alloc((count), sizeof(__typeof__(what)), (gfp)))
#define QUARRY_OBJS_2(alloc, what, count) QUARRY_OBJS_3(alloc, what, count, GFP_KERNEL)
#define QUARRY_OBJS(alloc, ...)                                                                    \
    QUARRY_OBJS_PICK(__VA_ARGS__, QUARRY_OBJS_3, QUARRY_OBJS_2, objs_needs_2_or_3_arguments, )     \
    (alloc, __VA_ARGS__)
#define QUARRY_FLEX_PICK(a1, a2, a3, a4, name, ...) name
#define QUARRY_FLEX_4(alloc, what, member, count, gfp)                                             \
    ((__typeof__(what) *)alloc(sizeof(__typeof__(what)), (count),                                  \
                               sizeof(((__typeof__(what) *)0)->member[0]), (gfp)))
#define QUARRY_FLEX_3(alloc, what, member, count)                                                  \
    QUARRY_FLEX_4(alloc, what, member, count, GFP_KERNEL)
#define QUARRY_FLEX(alloc, ...)                                                                    \
    QUARRY_FLEX_PICK(__VA_ARGS__, QUARRY_FLEX_4, QUARRY_FLEX_3, flex_needs_3_or_4_arguments, , )   \
    (alloc, __VA_ARGS__)

/* (type or variable [, gfp]) */
#define kmalloc_obj(...) QUARRY_OBJ(kmalloc, __VA_ARGS__)
#define kzalloc_obj(...) QUARRY_OBJ(kzalloc, __VA_ARGS__)
#define kvmalloc_obj(...) QUARRY_OBJ(kvmalloc, __VA_ARGS__)
#define kvzalloc_obj(...) QUARRY_OBJ(kvzalloc, __VA_ARGS__)
/* (type or variable, count [, gfp]) */
#define kmalloc_objs(...) QUARRY_OBJS(kmalloc_array, __VA_ARGS__)
#define kzalloc_objs(...) QUARRY_OBJS(kcalloc, __VA_ARGS__)
#define kvmalloc_objs(...) QUARRY_OBJS(kvmalloc_array, __VA_ARGS__)
#define kvzalloc_objs(...) QUARRY_OBJS(kvcalloc, __VA_ARGS__)
/* (type or variable, flexible array member, count [, gfp]) */
#define kmalloc_flex(...) QUARRY_FLEX(quarry_kmalloc_flex, __VA_ARGS__)
#define kzalloc_flex(...) QUARRY_FLEX(quarry_kzalloc_flex, __VA_ARGS__)
#define kvmalloc_flex(...) QUARRY_FLEX(quarry_kvmalloc_flex, __VA_ARGS__)
#define kvzalloc_flex(...) QUARRY_FLEX(quarry_kvzalloc_flex, __VA_ARGS__)
#endif

#endif
