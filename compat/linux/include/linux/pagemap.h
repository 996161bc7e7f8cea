/* SPDX-License-Identifier: MIT */
/* Pages and high memory. */
#ifndef QUARRY_LINUX_PAGEMAP_H
#define QUARRY_LINUX_PAGEMAP_H

#include <linux/highmem.h>
#include <linux/mm.h>

#endif
