/* SPDX-License-Identifier: MIT */
/* Physical and virtual addresses of the direct map. */
#ifndef QUARRY_ASM_IO_H
#define QUARRY_ASM_IO_H

#include <linux/types.h>
#include <quarry/page.h>

#endif
