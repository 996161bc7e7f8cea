/* SPDX-License-Identifier: MIT */
/* What class.c, device.c, misc.c and bus.c know of each other: the table of devices, and the parts that
 * classes, buses and drivers have here. Those structures may be constant or go away with their module, so
 * what belongs to them is kept beside them, found by their address. */
#ifndef QLX_CORE_H
#define QLX_CORE_H

#include "entry.h"
#include <linux/device.h>

struct miscdevice;

/* A device that is registered. */
struct qlx_dev {
    struct list_head list;
    struct qlx_device seen; /* its name in dev/ */
    struct device *device;  /* or … */
    struct miscdevice *misc;
    const struct class *class;
    const struct bus_type *bus;
    const struct device *parent;
    const struct device_driver *driver; /* bound to it */
    bool put_off;                       /* its probe said -EPROBE_DEFER */
};

/* A class or a bus. */
struct qlx_subsys {
    struct list_head list;
    const void *key; /* the struct class or struct bus_type */
    struct kobject kobj;
    struct qlx_entry *devices, *drivers; /* folders of a bus */
};

/* A driver. */
struct qlx_driver {
    struct list_head list;
    struct device_driver *driver;
    const struct bus_type *bus;
    struct kobject kobj;
};

/* device.c: devices that @wanted accepts, each with a reference. */
struct device **qlx_devices_take(bool (*wanted)(const struct qlx_dev *, const void *),
                                 const void *key, size_t *nr);
void qlx_devices_give(struct device **devices, size_t nr);
/* The record of a device (or misc device) with the table locked; NULL, unlocked, when there is none. */
struct qlx_dev *qlx_dev_lock(const void *object);
void qlx_dev_unlock(void);
int qlx_dev_add(const struct qlx_device *seen, struct device *device, struct miscdevice *misc);
bool qlx_dev_remove(const void *object);
int qlx_devices_each(bool (*wanted)(const struct qlx_dev *, const void *), const void *key,
                     const struct device *start, void *data,
                     int (*fn)(struct device *dev, void *data));
struct device *qlx_devices_find(bool (*wanted)(const struct qlx_dev *, const void *),
                                const void *key, const struct device *start, const void *data,
                                int (*match)(struct device *dev, const void *data));
/* Folder, links and attributes of a device in sys/; and their removal. */
int qlx_device_show(struct device *dev);
void qlx_device_hide(struct device *dev);

/* device_add(), undone by the call @undo. */
int qlx_device_add(struct device *dev, const char *undo);

/* class.c */
int qlx_subsys_add(const void *key, const char *folder, const char *name,
                   const struct kobj_type *type);
struct qlx_subsys *qlx_subsys_find(const void *key);
bool qlx_subsys_remove(const void *key);
void qlx_subsys_forget(void);

/* bus.c: look for a driver; unbind. */
void qlx_bus_probe(struct device *dev);
void qlx_bus_unbind(struct device *dev);
int qlx_bus_begin(const struct bus_type *bus);
int qlx_driver_register(struct device_driver *driver, const char *undo);
/* platform.c */
void qlx_platform_begin(void);
void qlx_platform_forget(void);
int qlx_misc_begin(void);

#endif
