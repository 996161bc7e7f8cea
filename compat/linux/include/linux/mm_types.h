/* SPDX-License-Identifier: MIT */
/* Page frames and mappings. */
#ifndef QUARRY_LINUX_MM_TYPES_H
#define QUARRY_LINUX_MM_TYPES_H

#include <linux/mm.h>

#endif
