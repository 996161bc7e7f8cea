/* SPDX-License-Identifier: MIT */
/* Device numbers: 12 bits of major, 20 of minor. (The user-space header of this name packs 8 and 8;
 * libc does not use it.) */
#ifndef QUARRY_LINUX_KDEV_T_H
#define QUARRY_LINUX_KDEV_T_H

#include <linux/types.h>

#define MINORBITS 20
#define MINORMASK ((1U << MINORBITS) - 1)
#define MAJOR(dev) ((unsigned int)((dev) >> MINORBITS))
#define MINOR(dev) ((unsigned int)((dev)&MINORMASK))
#define MKDEV(ma, mi) ((dev_t)(((unsigned int)(ma) << MINORBITS) | (unsigned int)(mi)))

#endif
