/* SPDX-License-Identifier: MIT */
/* Devices of the device tree, of which there is none: see linux/of.h. */
#ifndef QUARRY_LINUX_OF_DEVICE_H
#define QUARRY_LINUX_OF_DEVICE_H

#include <linux/device.h>
#include <linux/of.h>
#include <linux/platform_device.h>

#endif
