/* SPDX-License-Identifier: MIT */
#include <asm/barrier.h>
#include <linux/atomic.h>
#include <linux/irqflags.h>
