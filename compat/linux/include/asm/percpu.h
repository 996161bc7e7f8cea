/* SPDX-License-Identifier: MIT */
#include <linux/percpu.h>
