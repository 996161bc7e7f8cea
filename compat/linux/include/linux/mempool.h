/* SPDX-License-Identifier: MIT */
/* Reserves of elements over any allocator. */
#ifndef QUARRY_LINUX_MEMPOOL_H
#define QUARRY_LINUX_MEMPOOL_H

#include <linux/slab.h>
#include <linux/wait.h>
#include <quarry/mempool.h>

#endif
