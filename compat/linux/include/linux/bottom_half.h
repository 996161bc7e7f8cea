/* SPDX-License-Identifier: MIT */
/* Soft interrupts off and on. */
#ifndef QUARRY_LINUX_BOTTOM_HALF_H
#define QUARRY_LINUX_BOTTOM_HALF_H

#include <quarry/context.h>

#define local_bh_disable() quarry_context_enter(QUARRY_CTX_BH_OFF)
#define local_bh_enable() quarry_context_leave(QUARRY_CTX_BH_OFF)

#endif
