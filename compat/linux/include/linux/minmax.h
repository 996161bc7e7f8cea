/* SPDX-License-Identifier: MIT */
/* The smaller, the larger, within bounds; each argument is evaluated once. */
#ifndef QUARRY_LINUX_MINMAX_H
#define QUARRY_LINUX_MINMAX_H

#include <linux/compiler.h>

#define quarry_pick(x, y, op, a, b)                                                                \
    ({                                                                                             \
        __auto_type a = (x);                                                                       \
        __auto_type b = (y);                                                                       \
        a op b ? a : b;                                                                            \
    })
#define min(x, y) quarry_pick(x, y, <, __UNIQUE_ID(min_x), __UNIQUE_ID(min_y))
#define max(x, y) quarry_pick(x, y, >, __UNIQUE_ID(max_x), __UNIQUE_ID(max_y))
#define umin(x, y) min((x) + 0u, (y) + 0u)
#define umax(x, y) max((x) + 0u, (y) + 0u)
#define min_t(type, x, y) min((type)(x), (type)(y))
#define max_t(type, x, y) max((type)(x), (type)(y))
#define min3(x, y, z) min(min(x, y), z)
#define max3(x, y, z) max(max(x, y), z)
#define min_not_zero(x, y)                                                                         \
    ({                                                                                             \
        __auto_type __mnz_x = (x);                                                                 \
        __auto_type __mnz_y = (y);                                                                 \
        __mnz_x == 0 ? __mnz_y : (__mnz_y == 0 ? __mnz_x : min(__mnz_x, __mnz_y));                 \
    })
#define clamp(value, low, high) min(max(value, low), high)
#define clamp_t(type, value, low, high) min_t(type, max_t(type, value, low), high)
#define clamp_val(value, low, high) clamp_t(__typeof__(value), value, low, high)
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#define MIN_T(type, a, b) MIN((type)(a), (type)(b))
#define MAX_T(type, a, b) MAX((type)(a), (type)(b))
#define swap(a, b)                                                                                 \
    do {                                                                                           \
        __typeof__(a) __swap = (a);                                                                \
        (a) = (b);                                                                                 \
        (b) = __swap;                                                                              \
    } while (0)

#endif
