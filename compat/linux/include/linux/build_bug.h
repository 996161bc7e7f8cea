/* SPDX-License-Identifier: MIT */
/* Conditions that must not hold, found by the compiler. */
#ifndef QUARRY_LINUX_BUILD_BUG_H
#define QUARRY_LINUX_BUILD_BUG_H

#include <linux/compiler.h>

#define BUILD_BUG_ON_ZERO(e, ...) ((int)(sizeof(struct { int : (-!!(e)); })))
#define BUILD_BUG_ON_NOT_POWER_OF_2(n) BUILD_BUG_ON((n) == 0 || (((n) & ((n)-1)) != 0))
#define BUILD_BUG_ON(condition) ((void)sizeof(char[1 - 2 * !!(condition)]))
#define BUILD_BUG_ON_MSG(condition, message) BUILD_BUG_ON(condition)
#define BUILD_BUG_ON_INVALID(e) ((void)(sizeof((long)(e))))
#define BUILD_BUG() BUILD_BUG_ON(1)
#undef static_assert
#define static_assert(expr, ...) quarry_static_assert(expr, ##__VA_ARGS__, #expr)
#define quarry_static_assert(expr, message, ...) _Static_assert(expr, message)

#endif
