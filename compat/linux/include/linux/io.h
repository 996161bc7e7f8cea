/* SPDX-License-Identifier: MIT */
/* Physical and virtual addresses of the direct map. */
#ifndef QUARRY_LINUX_IO_H
#define QUARRY_LINUX_IO_H

#include <asm/io.h>

#endif
