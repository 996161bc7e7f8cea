/* SPDX-License-Identifier: MIT */
/* The scull drivers' ioctl commands, for the drivers and for C clients. Units: bytes for the quantum
 * (pages, as an order, for scullp and scullv), entries for the set. */
#ifndef SCULL_IOCTL_H
#define SCULL_IOCTL_H

#include <linux/ioctl.h>

#define SCULL_IOC_MAGIC 's'
#define SCULL_RESET _IO(SCULL_IOC_MAGIC, 0)            /* the values the module was loaded with */
#define SCULL_GET_QUANTUM _IOR(SCULL_IOC_MAGIC, 1, int)
#define SCULL_SET_QUANTUM _IOW(SCULL_IOC_MAGIC, 2, int) /* of data written after the next trim */
#define SCULL_GET_SET _IOR(SCULL_IOC_MAGIC, 3, int)
#define SCULL_SET_SET _IOW(SCULL_IOC_MAGIC, 4, int)
#define SCULL_SWAP_QUANTUM _IOWR(SCULL_IOC_MAGIC, 5, int) /* set, and get what it was */

#endif
