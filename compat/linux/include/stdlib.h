/* SPDX-License-Identifier: MIT */
/* libc's header. The kernel's abs() is a macro (linux/math.h) and must not meet libc's declaration of
 * a function of that name. */
#pragma push_macro("abs")
#undef abs
#include_next <stdlib.h>
#pragma pop_macro("abs")
