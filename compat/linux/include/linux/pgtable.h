/* SPDX-License-Identifier: MIT */
/* Page protections of mappings. */
#ifndef QUARRY_LINUX_PGTABLE_H
#define QUARRY_LINUX_PGTABLE_H

#include <linux/mm.h>

#endif
