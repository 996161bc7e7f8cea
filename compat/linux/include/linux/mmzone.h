/* SPDX-License-Identifier: MIT */
/* Zones and orders. */
#ifndef QUARRY_LINUX_MMZONE_H
#define QUARRY_LINUX_MMZONE_H

#include <linux/types.h>
#include <linux/version.h>
#include <asm/page.h>
#include <quarry/gfp.h>

#endif
