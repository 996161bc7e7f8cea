/* SPDX-License-Identifier: MIT */
#ifndef QUARRY_LINUX_DEVICE_BUS_H
#define QUARRY_LINUX_DEVICE_BUS_H

#include <linux/device.h>

#endif
