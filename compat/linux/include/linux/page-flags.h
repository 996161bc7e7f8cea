/* SPDX-License-Identifier: MIT */
/* What a page frame is: PageSlab(), PageCompound(), PageReserved(), …. */
#ifndef QUARRY_LINUX_PAGE_FLAGS_H
#define QUARRY_LINUX_PAGE_FLAGS_H

#include <linux/types.h>
#include <quarry/page.h>

#endif
