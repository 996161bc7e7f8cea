/* SPDX-License-Identifier: MIT */
/* CONFIG_ names. */
#ifndef QUARRY_LINUX_AUTOCONF_H
#define QUARRY_LINUX_AUTOCONF_H

#include <linux/kconfig.h>

#endif
