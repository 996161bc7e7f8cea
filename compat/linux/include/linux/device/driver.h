/* SPDX-License-Identifier: MIT */
#ifndef QUARRY_LINUX_DEVICE_DRIVER_H
#define QUARRY_LINUX_DEVICE_DRIVER_H

#include <linux/device.h>

#endif
