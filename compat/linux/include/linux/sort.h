/* SPDX-License-Identifier: MIT */
/* Sorting arrays in place, without memory and in O(n log n) whatever the order. Not stable. */
#ifndef QUARRY_LINUX_SORT_H
#define QUARRY_LINUX_SORT_H

#include <linux/types.h>

typedef int (*cmp_func_t)(const void *a, const void *b);
typedef int (*cmp_r_func_t)(const void *a, const void *b, const void *priv);
typedef void (*swap_func_t)(void *a, void *b, int size);
typedef void (*swap_r_func_t)(void *a, void *b, int size, const void *priv);

QUARRY_EXTERN_C_BEGIN
/* @swap may be NULL: bytes are exchanged then. Context: any. */
QUARRY_API void sort(void *base, size_t num, size_t size, cmp_func_t cmp, swap_func_t swap);
QUARRY_API void sort_r(void *base, size_t num, size_t size, cmp_r_func_t cmp, swap_r_func_t swap,
                       const void *priv);
QUARRY_EXTERN_C_END

#endif
