/* SPDX-License-Identifier: MIT */
#ifndef QUARRY_ASM_PROCESSOR_H
#define QUARRY_ASM_PROCESSOR_H

#include <asm/barrier.h>
#include <linux/types.h>

#define TASK_SIZE 0x00007ffffffff000ul
#define prefetch(p) __builtin_prefetch(p)
#define prefetchw(p) __builtin_prefetch((p), 1)

#endif
