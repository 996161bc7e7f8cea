/* SPDX-License-Identifier: MIT */
/* The big kernel lock of 2.6: one mutex for all. */
#ifndef QUARRY_LINUX_SMP_LOCK_H
#define QUARRY_LINUX_SMP_LOCK_H

#include <linux/mutex.h>

QUARRY_EXTERN_C_BEGIN
QUARRY_API void lock_kernel(void);
QUARRY_API void unlock_kernel(void);
QUARRY_EXTERN_C_END

#endif
