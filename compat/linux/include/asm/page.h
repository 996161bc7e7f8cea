/* SPDX-License-Identifier: MIT */
/* Page size, and the direct map. */
#ifndef QUARRY_ASM_PAGE_H
#define QUARRY_ASM_PAGE_H

#include <linux/types.h>
#include <quarry/page.h>

#endif
