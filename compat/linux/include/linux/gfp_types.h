/* SPDX-License-Identifier: MIT */
/* Allocation flags. */
#ifndef QUARRY_LINUX_GFP_TYPES_H
#define QUARRY_LINUX_GFP_TYPES_H

#include <linux/gfp.h>

#endif
