/* SPDX-License-Identifier: MIT */
/* Numbers of ioctl commands: the user-space header has them all. */
#ifndef QUARRY_LINUX_IOCTL_H
#define QUARRY_LINUX_IOCTL_H

#include <asm/ioctl.h>

#endif
