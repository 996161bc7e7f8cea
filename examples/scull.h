/* SPDX-License-Identifier: MIT */
/* What the scull drivers and the programs that use them agree on. Good in both worlds. */
#ifndef SCULL_H
#define SCULL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* How a device lays its data out: pieces of @quantum bytes, @qset of them to a set. */
struct scull_geometry {
    __u32 quantum;
    __u32 qset;
};

/* Forget the data; lay the next out as the module's parameters say. */
#define SCULL_RESET _IO('q', 0x50)
/* The geometry of the data now in the device. */
#define SCULL_GET_GEOMETRY _IOR('q', 0x51, struct scull_geometry)
/* The geometry to use when the device is next emptied. 0 in a field leaves that one as it is. */
#define SCULL_SET_GEOMETRY _IOW('q', 0x52, struct scull_geometry)

#endif
