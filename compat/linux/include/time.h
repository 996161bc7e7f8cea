/* SPDX-License-Identifier: MIT */
/* libc's header. The kernel's timer_delete() is a macro (linux/timer.h) and must not meet the POSIX
 * function of that name. */
#pragma push_macro("timer_delete")
#undef timer_delete
#include_next <time.h>
#pragma pop_macro("timer_delete")
