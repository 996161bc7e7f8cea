/* SPDX-License-Identifier: MIT */
#include <linux/crc32.h>
