/* SPDX-License-Identifier: MIT */
/* Allocation scopes: memalloc_noio_save() and its kin. */
#ifndef QUARRY_LINUX_SCHED_MM_H
#define QUARRY_LINUX_SCHED_MM_H

#include <linux/gfp.h>
#include <linux/sched.h>

#endif
