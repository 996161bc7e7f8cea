/* SPDX-License-Identifier: MIT */
#include <linux/printk.h>
