/* SPDX-License-Identifier: MIT */
/* Page protections of mappings. */
#ifndef QUARRY_ASM_PGTABLE_H
#define QUARRY_ASM_PGTABLE_H

#include <linux/mm.h>

#endif
