/* SPDX-License-Identifier: MIT */
/* Integer arithmetic. abs() is a macro here; the wrapper <stdlib.h> keeps it away from libc's
 * declaration of the same name. */
#ifndef QUARRY_LINUX_MATH_H
#define QUARRY_LINUX_MATH_H

#include <linux/types.h>

#undef roundup
#undef rounddown
#define __round_mask(x, y) ((__typeof__(x))((y)-1))
#define round_up(x, y) ((((x)-1) | __round_mask(x, y)) + 1)
#define round_down(x, y) ((x) & ~__round_mask(x, y))
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define DIV_ROUND_UP_ULL(n, d) DIV_ROUND_UP((unsigned long long)(n), (unsigned long long)(d))
#define DIV_ROUND_DOWN_ULL(n, d) ((unsigned long long)(n) / (d))
#define DIV_ROUND_CLOSEST(n, d)                                                                    \
    ({                                                                                             \
        __typeof__(n) __dr_n = (n);                                                                \
        __typeof__(d) __dr_d = (d);                                                                \
        ((__typeof__(n))-1 > 0 || (__typeof__(d))-1 > 0 || (__dr_n > 0) == (__dr_d > 0))           \
            ? (__dr_n + __dr_d / 2) / __dr_d                                                       \
            : (__dr_n - __dr_d / 2) / __dr_d;                                                      \
    })
#define roundup(x, y)                                                                              \
    ({                                                                                             \
        __typeof__(y) __ru_y = (y);                                                                \
        (((x) + (__ru_y - 1)) / __ru_y) * __ru_y;                                                  \
    })
#define rounddown(x, y)                                                                            \
    ({                                                                                             \
        __typeof__(x) __rd_x = (x);                                                                \
        __rd_x - (__rd_x % (y));                                                                   \
    })
#define mult_frac(x, n, d)                                                                         \
    ({                                                                                             \
        __typeof__(x) __mf_q = (x) / (d), __mf_r = (x) % (d);                                      \
        __mf_q *(n) + (__mf_r * (n)) / (d);                                                        \
    })
#define abs(x)                                                                                     \
    ({                                                                                             \
        __auto_type __abs_x = (x);                                                                 \
        __abs_x < 0 ? -__abs_x : __abs_x;                                                          \
    })
#define abs_diff(a, b)                                                                             \
    ({                                                                                             \
        __auto_type __ad_a = (a);                                                                  \
        __auto_type __ad_b = (b);                                                                  \
        __ad_a > __ad_b ? __ad_a - __ad_b : __ad_b - __ad_a;                                       \
    })
#define sector_div(n, base) do_div(n, base)

static inline unsigned long int_sqrt(unsigned long x)
{
    unsigned long root = 0;
    for (unsigned long bit = 1UL << 62; bit; bit >>= 2) {
        if (x >= root + bit) {
            x -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

#endif
