/* SPDX-License-Identifier: MIT */
#ifndef QUARRY_LINUX_DEVICE_CLASS_H
#define QUARRY_LINUX_DEVICE_CLASS_H

#include <linux/device.h>

#endif
