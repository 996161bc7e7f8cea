/* SPDX-License-Identifier: MIT */
/* Allocation flags and pages. */
#ifndef QUARRY_LINUX_GFP_H
#define QUARRY_LINUX_GFP_H

#include <linux/mmzone.h>
#include <linux/types.h>
#include <quarry/folio.h>
#include <quarry/gfp.h>

#endif
