/* SPDX-License-Identifier: MIT */
/* device: classes, devices and misc devices: what gives dev/ its names.
 *
 * A device with a number is listed under its name; the class may choose another name and the mode
 * (devnode). Misc devices share major 10 and are listed the same way. The table of nodes is from
 * libc's memory; classes and devices are from Quarry, as the kernel would allocate them.
 *
 * Locks: device_lock, held over no call into driver code. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <stdio.h>
#include <stdlib.h>

struct device_node {
    struct list_head list;
    struct qlx_device seen;
    struct device *device; /* or … */
    struct miscdevice *misc;
};

static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(device_nodes);

/* Make a node: 0, -EEXIST, -ENOMEM. */
static int node_add(const struct qlx_device *seen, struct device *device, struct miscdevice *misc)
{
    struct device_node *node = calloc(1, sizeof(*node)), *other;
    int error = 0;
    if (!node)
        return -ENOMEM;
    node->seen = *seen;
    node->device = device;
    node->misc = misc;
    pthread_mutex_lock(&device_lock);
    list_for_each_entry (other, &device_nodes, list) {
        if (strcmp(other->seen.name, seen->name) == 0)
            error = -EEXIST;
    }
    if (!error)
        list_add_tail(&node->list, &device_nodes);
    pthread_mutex_unlock(&device_lock);
    if (error)
        free(node);
    qlx_generation_bump();
    return error;
}

static struct device_node *node_find(const void *object)
{
    struct device_node *node;
    list_for_each_entry (node, &device_nodes, list) {
        if (object == node->device || object == node->misc)
            return node;
    }
    return NULL;
}

static bool node_remove(const void *object)
{
    struct device_node *node;
    pthread_mutex_lock(&device_lock);
    node = node_find(object);
    if (node)
        list_del(&node->list);
    pthread_mutex_unlock(&device_lock);
    free(node);
    qlx_generation_bump();
    return node != NULL;
}

bool qlx_devices_visit(bool (*visit)(const struct qlx_device *, void *), void *data)
{
    struct device_node *node;
    bool on = true;
    pthread_mutex_lock(&device_lock);
    list_for_each_entry (node, &device_nodes, list) {
        if (on && node->seen.dev)
            on = visit(&node->seen, data);
    }
    pthread_mutex_unlock(&device_lock);
    return on;
}

bool qlx_device_made(unsigned int dev)
{
    struct device_node *node;
    bool found = false;
    pthread_mutex_lock(&device_lock);
    list_for_each_entry (node, &device_nodes, list)
        found = found || node->seen.dev == dev;
    pthread_mutex_unlock(&device_lock);
    return found;
}

void qlx_devices_forget(void)
{
    struct device_node *node, *next;
    pthread_mutex_lock(&device_lock);
    list_for_each_entry_safe (node, next, &device_nodes, list) {
        list_del(&node->list);
        free(node);
    }
    pthread_mutex_unlock(&device_lock);
}

/* ---- names --------------------------------------------------------------------------------- */

QUARRY_API int kobject_set_name(struct kobject *kobject, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(kobject->quarry_name, sizeof(kobject->quarry_name), format, args);
    va_end(args);
    kobject->name = kobject->quarry_name;
    return 0;
}

QUARRY_API int dev_set_name(struct device *dev, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(dev->kobj.quarry_name, sizeof(dev->kobj.quarry_name), format, args);
    va_end(args);
    dev->kobj.name = dev->kobj.quarry_name;
    return 0;
}

QUARRY_API void quarry_dev_printk(const char *level, const struct device *dev, const char *format,
                                  ...)
{
    char text[800];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!dev)
        printk("%s(NULL device *): %s", level, text);
    else
        printk("%s%s %s: %s", level, dev->class ? dev->class->name : "device",
               dev_name(dev) ? dev_name(dev) : "(unnamed)", text);
}

/* ---- classes ------------------------------------------------------------------------------- */

QUARRY_API int class_register(struct class *class)
{
    if (!class || !class->name)
        return -EINVAL;
    qlx_left_add(QLX_LEFT_CLASS, class, class->name);
    return 0;
}

QUARRY_API void class_unregister(struct class *class)
{
    if (!qlx_left_remove(QLX_LEFT_CLASS, class))
        qlx_find("registration", NULL, NULL, "class_unregister of a class that is not registered");
}

QUARRY_API struct class *quarry_class_create(struct module *owner, const char *name, int mode_int)
{
    struct class *class;
    quarry_might_sleep("class_create");
    if (!name)
        return ERR_PTR(-EINVAL);
    class = kzalloc(sizeof(*class), GFP_KERNEL);
    if (!class)
        return ERR_PTR(-ENOMEM);
    class->name = name;
    class->owner = owner;
    class->quarry_created = 1;
    class->quarry_mode_is_int = (u32)mode_int;
    class_register(class);
    return class;
}

QUARRY_API void class_destroy(struct class *class)
{
    if (IS_ERR_OR_NULL(class))
        return;
    class_unregister(class);
    if (class->class_release)
        class->class_release(class);
    if (class->quarry_created)
        kfree(class);
}

/* ---- devices ------------------------------------------------------------------------------- */

QUARRY_API void device_initialize(struct device *dev)
{
    kref_init(&dev->kobj.kref);
    INIT_LIST_HEAD(&dev->quarry_managed);
}

/* The name below dev/ and the mode, as the class wants them. */
static void device_node_name(struct device *dev, struct qlx_device *seen)
{
    union {
        umode_t mode;
        mode_t wide;
    } mode = {.wide = 0};
    char *name = NULL;
    seen->dev = (unsigned int)dev->devt;
    seen->by_device_create = true;
    if (dev->class && dev->class->devnode)
        name = dev->class->devnode(dev, &mode.mode);
    snprintf(seen->name, sizeof(seen->name), "%s", name ? name : dev_name(dev));
    for (char *at = seen->name; !name && *at; at++)
        if (*at == '!')
            *at = '/';
    kfree(name);
    seen->mode = mode.mode ? mode.mode & 0777u : 0600u;
}

QUARRY_API int device_add(struct device *dev)
{
    struct qlx_device seen = {.dev = 0};
    int error;
    if (!dev_name(dev))
        return -EINVAL;
    device_node_name(dev, &seen);
    error = node_add(&seen, dev, NULL);
    if (error)
        return error;
    dev->quarry_listed = 1;
    qlx_left_add(QLX_LEFT_DEVICE, dev, seen.name);
    return 0;
}

QUARRY_API void device_del(struct device *dev)
{
    if (!node_remove(dev)) {
        qlx_find("registration", NULL, NULL, "device_del of a device that was not added");
        return;
    }
    dev->quarry_listed = 0;
    qlx_left_remove(QLX_LEFT_DEVICE, dev);
}

static void device_release(struct kref *kref)
{
    struct device *dev = container_of(kref, struct device, kobj.kref);
    qlx_devres_release_all(dev);
    if (dev->release)
        dev->release(dev);
    else if (dev->class && dev->class->dev_release)
        dev->class->dev_release(dev);
    else if (dev->quarry_created)
        kfree(dev);
}

QUARRY_API struct device *get_device(struct device *dev)
{
    if (dev)
        kref_get(&dev->kobj.kref);
    return dev;
}

QUARRY_API void put_device(struct device *dev)
{
    if (dev)
        kref_put(&dev->kobj.kref, device_release);
}

QUARRY_API int device_register(struct device *dev)
{
    device_initialize(dev);
    return device_add(dev);
}

QUARRY_API void device_unregister(struct device *dev)
{
    device_del(dev);
    put_device(dev);
}

static struct device *device_make(struct class *class, struct device *parent, dev_t devt,
                                  void *drvdata, const struct attribute_group **groups,
                                  const char *format, va_list args)
{
    struct device *dev;
    int error;
    quarry_might_sleep("device_create");
    if (IS_ERR_OR_NULL(class))
        return ERR_PTR(-ENODEV);
    dev = kzalloc(sizeof(*dev), GFP_KERNEL);
    if (!dev)
        return ERR_PTR(-ENOMEM);
    device_initialize(dev);
    dev->class = class;
    dev->parent = parent;
    dev->devt = devt;
    dev->driver_data = drvdata;
    dev->groups = groups;
    dev->quarry_created = 1;
    vsnprintf(dev->kobj.quarry_name, sizeof(dev->kobj.quarry_name), format, args);
    dev->kobj.name = dev->kobj.quarry_name;
    error = device_add(dev);
    if (error) {
        put_device(dev);
        return ERR_PTR(error);
    }
    return dev;
}

QUARRY_API struct device *device_create(struct class *class, struct device *parent, dev_t devt,
                                        void *drvdata, const char *format, ...)
{
    struct device *dev;
    va_list args;
    va_start(args, format);
    dev = device_make(class, parent, devt, drvdata, NULL, format, args);
    va_end(args);
    return dev;
}

QUARRY_API struct device *device_create_with_groups(struct class *class, struct device *parent,
                                                    dev_t devt, void *drvdata,
                                                    const struct attribute_group **groups,
                                                    const char *format, ...)
{
    struct device *dev;
    va_list args;
    va_start(args, format);
    dev = device_make(class, parent, devt, drvdata, groups, format, args);
    va_end(args);
    return dev;
}

QUARRY_API void device_destroy(struct class *class, dev_t devt)
{
    struct device_node *node;
    struct device *dev = NULL;
    pthread_mutex_lock(&device_lock);
    list_for_each_entry (node, &device_nodes, list) {
        if (node->device && node->device->class == class && node->device->devt == devt)
            dev = node->device;
    }
    pthread_mutex_unlock(&device_lock);
    if (dev)
        device_unregister(dev);
    else
        qlx_find("registration", NULL, NULL, "device_destroy(%u:%u): no such device in the class",
                 MAJOR(devt), MINOR(devt));
}

QUARRY_API int cdev_device_add(struct cdev *cdev, struct device *dev)
{
    int error = 0;
    if (dev->devt) {
        cdev_set_parent(cdev, &dev->kobj);
        error = cdev_add(cdev, dev->devt, 1);
        if (error)
            return error;
    }
    error = device_add(dev);
    if (error && dev->devt)
        cdev_del(cdev);
    return error;
}

QUARRY_API void cdev_device_del(struct cdev *cdev, struct device *dev)
{
    device_del(dev);
    if (dev->devt)
        cdev_del(cdev);
}

/* ---- misc devices -------------------------------------------------------------------------- */

struct miscdevice *qlx_misc_find(unsigned int minor)
{
    struct device_node *node;
    struct miscdevice *misc = NULL;
    pthread_mutex_lock(&device_lock);
    list_for_each_entry (node, &device_nodes, list) {
        if (node->misc && MINOR(node->seen.dev) == minor)
            misc = node->misc;
    }
    pthread_mutex_unlock(&device_lock);
    return misc;
}

static int misc_pick_minor(void)
{
    for (int minor = 1048575; minor > 1048447; minor--)
        if (!qlx_misc_find((unsigned int)minor))
            return minor;
    return -1;
}

QUARRY_API int misc_register(struct miscdevice *misc)
{
    struct qlx_device seen = {.mode = misc->mode ? misc->mode & 0777u : 0600u,
                              .by_device_create = true};
    int minor = misc->minor == MISC_DYNAMIC_MINOR ? misc_pick_minor() : misc->minor, error;
    quarry_might_sleep("misc_register");
    if (!misc->name || !misc->fops)
        return -EINVAL;
    if (minor < 0 || qlx_misc_find((unsigned int)minor))
        return -EBUSY;
    misc->this_device = kzalloc(sizeof(*misc->this_device), GFP_KERNEL);
    if (!misc->this_device)
        return -ENOMEM;
    device_initialize(misc->this_device);
    misc->this_device->quarry_created = 1;
    misc->this_device->parent = misc->parent;
    misc->this_device->devt = MKDEV(MISC_MAJOR, minor);
    misc->this_device->driver_data = misc;
    dev_set_name(misc->this_device, "%s", misc->name);
    seen.dev = (unsigned int)misc->this_device->devt;
    snprintf(seen.name, sizeof(seen.name), "%s", misc->nodename ? misc->nodename : misc->name);
    error = node_add(&seen, NULL, misc);
    if (error) {
        put_device(misc->this_device);
        misc->this_device = NULL;
        return error;
    }
    misc->minor = minor;
    INIT_LIST_HEAD(&misc->list);
    qlx_left_add(QLX_LEFT_MISC, misc, misc->name);
    return 0;
}

static int misc_unregister(struct miscdevice *misc)
{
    if (!node_remove(misc)) {
        qlx_find("registration", NULL, NULL, "misc_deregister of a device that is not registered");
        return -EINVAL;
    }
    qlx_left_remove(QLX_LEFT_MISC, misc);
    put_device(misc->this_device);
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
