/* SPDX-License-Identifier: MIT */
/* 2.6 drivers include it for CONFIG_ names. */
#ifndef QUARRY_LINUX_CONFIG_H
#define QUARRY_LINUX_CONFIG_H

#include <linux/kconfig.h>

#endif
