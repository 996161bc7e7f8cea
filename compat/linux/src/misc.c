/* SPDX-License-Identifier: MIT */
/* misc: devices under the shared major 10, each with a device of class misc.
 *
 * Locks: those of device.c's table. */
#define _GNU_SOURCE
#include "core.h"
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <stdio.h>

static char *misc_devnode(const struct device *dev, umode_t *mode)
{
    const struct miscdevice *misc = dev_get_drvdata(dev);
    if (mode && misc->mode)
        *mode = misc->mode;
    return misc->nodename ? kstrdup(misc->nodename, GFP_KERNEL) : NULL;
}

static const struct class misc_class = {.name = "misc", .devnode = misc_devnode};

/* With the table of devices. */
static bool misc_has_minor(const struct qlx_dev *record, const void *minor)
{
    return record->misc && MINOR(record->seen.dev) == *(const unsigned int *)minor;
}

struct miscdevice *qlx_misc_find(unsigned int minor)
{
    size_t nr;
    struct device **devices = qlx_devices_take(misc_has_minor, &minor, &nr);
    struct miscdevice *misc = nr ? dev_get_drvdata(devices[0]) : NULL;
    qlx_devices_give(devices, nr);
    return misc;
}

static int misc_pick_minor(void)
{
    for (int minor = 1048575; minor > 1048447; minor--)
        if (!qlx_misc_find((unsigned int)minor))
            return minor;
    return -1;
}

/* The class is the machine's own: there from the first misc device on. */
int qlx_misc_begin(void)
{
    static const struct kobj_type plain;
    int error =
        qlx_subsys_find(&misc_class) ? 0 : qlx_subsys_add(&misc_class, "class", "misc", &plain);
    return error == -EEXIST ? 0 : error;
}

QUARRY_API int misc_register(struct miscdevice *misc)
{
    int minor = misc->minor == MISC_DYNAMIC_MINOR ? misc_pick_minor() : misc->minor, error;
    struct qlx_dev *record;
    struct device *dev;
    quarry_might_sleep("misc_register");
    if (!misc->name || !misc->fops)
        return -EINVAL;
    if (minor < 0 || qlx_misc_find((unsigned int)minor))
        return -EBUSY;
    error = qlx_misc_begin();
    if (error)
        return error;
    dev = device_create_with_groups(&misc_class, misc->parent, MKDEV(MISC_MAJOR, minor), misc,
                                    misc->groups, "%s", misc->name);
    if (IS_ERR(dev))
        return PTR_ERR(dev);
    /* What is left behind is the misc device, not the device made for it. */
    qlx_left_remove(QLX_LEFT_DEVICE, dev);
    qlx_left_remove(QLX_LEFT_KOBJECT, dev);
    record = qlx_dev_lock(dev);
    if (record) {
        record->misc = misc;
        qlx_dev_unlock();
    }
    misc->this_device = dev;
    misc->minor = minor;
    INIT_LIST_HEAD(&misc->list);
    qlx_left_add(QLX_LEFT_MISC, misc, misc->name);
    return 0;
}

static int misc_unregister(struct miscdevice *misc)
{
    if (!qlx_left_remove(QLX_LEFT_MISC, misc)) {
        qlx_find("registration", NULL, NULL, "misc_deregister of a device that is not registered");
        return -EINVAL;
    }
    device_unregister(misc->this_device);
    misc->this_device = NULL;
    return 0;
}

QUARRY_API void misc_deregister(struct miscdevice *misc)
{
    misc_unregister(misc);
}

QUARRY_API int quarry_misc_deregister_old(struct miscdevice *misc);
QUARRY_API int quarry_misc_deregister_old(struct miscdevice *misc)
{
    return misc_unregister(misc);
}
