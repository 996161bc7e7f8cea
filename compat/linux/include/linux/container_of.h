/* SPDX-License-Identifier: MIT */
/* From a member back to the structure it lies in. */
#ifndef QUARRY_LINUX_CONTAINER_OF_H
#define QUARRY_LINUX_CONTAINER_OF_H

#include <linux/stddef.h>

#define container_of(ptr, type, member)                                                            \
    ({                                                                                             \
        const __typeof__(((type *)0)->member) *__member = (ptr);                                   \
        (type *)(void *)((char *)(uintptr_t)__member - offsetof(type, member));                    \
    })
#define container_of_const(ptr, type, member) container_of(ptr, type, member)
#define typeof_member(T, m) __typeof__(((T *)0)->m)

#endif
