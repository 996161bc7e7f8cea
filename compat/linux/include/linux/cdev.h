/* SPDX-License-Identifier: MIT */
/* Character devices: which operations serve a range of device numbers. */
#ifndef QUARRY_LINUX_CDEV_H
#define QUARRY_LINUX_CDEV_H

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/types.h>

struct cdev {
    struct kobject kobj;
    struct module *owner;
    const struct file_operations *ops;
    struct list_head list;
    dev_t dev;
    unsigned int count;
    u32 quarry_allocated; /* by cdev_alloc: cdev_del frees it */
};

QUARRY_EXTERN_C_BEGIN
QUARRY_API void cdev_init(struct cdev *cdev, const struct file_operations *ops);
QUARRY_API struct cdev *cdev_alloc(void);
/* From here on the device can be opened: 0 or -EBUSY, -EINVAL, -ENOMEM. */
QUARRY_API int cdev_add(struct cdev *cdev, dev_t dev, unsigned int count);
QUARRY_API void cdev_del(struct cdev *cdev);
QUARRY_API void cdev_put(struct cdev *cdev);
QUARRY_API void cdev_set_parent(struct cdev *cdev, struct kobject *parent);
QUARRY_API int cdev_device_add(struct cdev *cdev, struct device *dev);
QUARRY_API void cdev_device_del(struct cdev *cdev, struct device *dev);
QUARRY_EXTERN_C_END

#endif
