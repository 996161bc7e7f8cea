/* SPDX-License-Identifier: MIT */
/* Powers of two. Constant arguments give constants. */
#ifndef QUARRY_LINUX_LOG2_H
#define QUARRY_LINUX_LOG2_H

#include <linux/types.h>

#define ilog2(n) ((int)(63 - __builtin_clzll((unsigned long long)(n))))
#define order_base_2(n) ((n) > 1 ? ilog2((unsigned long long)(n)-1) + 1 : 0)
static inline bool is_power_of_2(unsigned long n)
{
    return n != 0 && (n & (n - 1)) == 0;
}
#define roundup_pow_of_two(n) ((n) == 1 ? 1UL : (1UL << (ilog2((unsigned long long)(n)-1) + 1)))
#define rounddown_pow_of_two(n) (1UL << ilog2(n))

#endif
