/* SPDX-License-Identifier: MIT */
#include <linux/irqflags.h>
#include <linux/preempt.h>
