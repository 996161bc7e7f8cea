/* SPDX-License-Identifier: MIT */
#include <linux/ktime.h>
#include <linux/time64.h>
