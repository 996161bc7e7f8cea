/* SPDX-License-Identifier: MIT */
#include <linux/interrupt.h>
