/* SPDX-License-Identifier: MIT */
/* Sorting lists: stable, without memory, in O(n log n). */
#ifndef QUARRY_LINUX_LIST_SORT_H
#define QUARRY_LINUX_LIST_SORT_H

#include <linux/list.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 13, 0)
#define quarry_list_const
#else
#define quarry_list_const const
#endif
typedef int (*list_cmp_func_t)(void *priv, quarry_list_const struct list_head *a,
                               quarry_list_const struct list_head *b);

QUARRY_EXTERN_C_BEGIN
/* cmp(priv, a, b) > 0: @a comes after @b. Context: any. */
QUARRY_API void list_sort(void *priv, struct list_head *head, list_cmp_func_t cmp);
QUARRY_EXTERN_C_END

#endif
