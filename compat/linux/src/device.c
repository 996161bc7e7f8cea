/* SPDX-License-Identifier: MIT */
/* device: devices, their place in sys/ and their name in dev/.
 *
 * A device with a number is listed under its name; the class may choose another name and the mode
 * (devnode). In sys/ it lies in its parent's folder, in devices/virtual/<class>/ or in devices/, with
 * links from its class and its bus. The table of registered devices is from libc's memory; devices that
 * device_create() makes are from Quarry, as the kernel would allocate them.
 *
 * Locks: device_table_lock, held over no call into driver code. */
#define _GNU_SOURCE
#include "core.h"
#include <linux/cdev.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t device_table_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(device_table);

/* ---- the table ----------------------------------------------------------------------------- */

static struct qlx_dev *device_record(const void *object)
{
    struct qlx_dev *record;
    list_for_each_entry (record, &device_table, list)
        if (object == record->device || object == record->misc)
            return record;
    return NULL;
}

struct qlx_dev *qlx_dev_lock(const void *object)
{
    struct qlx_dev *record;
    pthread_mutex_lock(&device_table_lock);
    record = device_record(object);
    if (!record)
        pthread_mutex_unlock(&device_table_lock);
    return record;
}

void qlx_dev_unlock(void)
{
    pthread_mutex_unlock(&device_table_lock);
}

int qlx_dev_add(const struct qlx_device *seen, struct device *device, struct miscdevice *misc)
{
    struct qlx_dev *record = calloc(1, sizeof(*record)), *other;
    int error = 0;
    if (!record)
        return -ENOMEM;
    record->seen = *seen;
    record->device = device;
    record->misc = misc;
    if (device) {
        record->class = device->class;
        record->bus = device->bus;
        record->parent = device->parent;
    }
    pthread_mutex_lock(&device_table_lock);
    list_for_each_entry (other, &device_table, list)
        if (seen->dev && other->seen.dev && strcmp(other->seen.name, seen->name) == 0)
            error = -EEXIST;
    if (!error)
        list_add_tail(&record->list, &device_table);
    pthread_mutex_unlock(&device_table_lock);
    if (error)
        free(record);
    qlx_generation_bump();
    return error;
}

bool qlx_dev_remove(const void *object)
{
    struct qlx_dev *record;
    pthread_mutex_lock(&device_table_lock);
    record = device_record(object);
    if (record)
        list_del(&record->list);
    pthread_mutex_unlock(&device_table_lock);
    free(record);
    qlx_generation_bump();
    return record != NULL;
}

bool qlx_devices_visit(bool (*visit)(const struct qlx_device *, void *), void *data)
{
    struct qlx_dev *record;
    bool on = true;
    pthread_mutex_lock(&device_table_lock);
    list_for_each_entry (record, &device_table, list)
        if (on && record->seen.dev)
            on = visit(&record->seen, data);
    pthread_mutex_unlock(&device_table_lock);
    return on;
}

bool qlx_device_made(unsigned int dev)
{
    struct qlx_dev *record;
    bool found = false;
    pthread_mutex_lock(&device_table_lock);
    list_for_each_entry (record, &device_table, list)
        found = found || record->seen.dev == dev;
    pthread_mutex_unlock(&device_table_lock);
    return found;
}

void qlx_devices_forget(void)
{
    struct qlx_dev *record, *next;
    pthread_mutex_lock(&device_table_lock);
    list_for_each_entry_safe (record, next, &device_table, list) {
        list_del(&record->list);
        free(record);
    }
    pthread_mutex_unlock(&device_table_lock);
}

struct device **qlx_devices_take(bool (*wanted)(const struct qlx_dev *, const void *),
                                 const void *key, size_t *nr)
{
    struct device **devices;
    struct qlx_dev *record;
    size_t count = 0;
    pthread_mutex_lock(&device_table_lock);
    devices = calloc(list_count_nodes(&device_table) + 1, sizeof(*devices));
    list_for_each_entry (record, &device_table, list)
        if (devices && record->device && wanted(record, key))
            devices[count++] = get_device(record->device);
    pthread_mutex_unlock(&device_table_lock);
    *nr = count;
    return devices;
}

void qlx_devices_give(struct device **devices, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        put_device(devices[i]);
    free(devices);
}

int qlx_devices_each(bool (*wanted)(const struct qlx_dev *, const void *), const void *key,
                     const struct device *start, void *data,
                     int (*fn)(struct device *dev, void *data))
{
    size_t nr;
    struct device **devices = qlx_devices_take(wanted, key, &nr);
    bool begun = !start;
    int result = 0;
    for (size_t i = 0; i < nr && !result; i++) {
        if (begun)
            result = fn(devices[i], data);
        begun = begun || devices[i] == start;
    }
    qlx_devices_give(devices, nr);
    return result;
}

struct device *qlx_devices_find(bool (*wanted)(const struct qlx_dev *, const void *),
                                const void *key, const struct device *start, const void *data,
                                int (*match)(struct device *dev, const void *data))
{
    size_t nr;
    struct device **devices = qlx_devices_take(wanted, key, &nr), *found = NULL;
    bool begun = !start;
    for (size_t i = 0; i < nr && !found; i++) {
        if (begun && match(devices[i], data))
            found = get_device(devices[i]);
        begun = begun || devices[i] == start;
    }
    qlx_devices_give(devices, nr);
    return found;
}

QUARRY_API int device_match_name(struct device *dev, const void *name)
{
    return sysfs_streq(dev_name(dev), name);
}

QUARRY_API int device_match_devt(struct device *dev, const void *devt)
{
    return dev->devt == *(const dev_t *)devt;
}

QUARRY_API int device_match_any(struct device *dev, const void *unused)
{
    return 1;
}

/* ---- names and messages -------------------------------------------------------------------- */

QUARRY_API int dev_set_name(struct device *dev, const char *format, ...)
{
    va_list args;
    int error;
    va_start(args, format);
    error = kobject_set_name_vargs(&dev->kobj, format, args);
    va_end(args);
    return error;
}

QUARRY_API const char *dev_driver_string(const struct device *dev)
{
    if (dev->driver)
        return dev->driver->name;
    if (dev->bus)
        return dev->bus->name;
    return dev->class ? dev->class->name : "device";
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
        printk("%s%s %s: %s", level, dev_driver_string(dev),
               dev_name(dev) ? dev_name(dev) : "(unnamed)", text);
}

QUARRY_API int quarry_dev_err_probe(const struct device *dev, int error, const char *format, ...)
{
    char text[800];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    quarry_dev_printk(error == -EPROBE_DEFER ? KERN_DEBUG : KERN_ERR, dev, "error %pe: %s",
                      ERR_PTR(error), text);
    return error;
}

/* ---- attributes ---------------------------------------------------------------------------- */

static ssize_t device_show(struct kobject *kobj, struct attribute *attr, char *page)
{
    struct device_attribute *own = container_of(attr, struct device_attribute, attr);
    return own->show ? own->show(kobj_to_dev(kobj), own, page) : -EIO;
}

static ssize_t device_store(struct kobject *kobj, struct attribute *attr, const char *text,
                            size_t size)
{
    struct device_attribute *own = container_of(attr, struct device_attribute, attr);
    return own->store ? own->store(kobj_to_dev(kobj), own, text, size) : -EIO;
}

/* By the first that knows how: the device, its type, its class. */
static void device_release(struct kobject *kobj)
{
    struct device *dev = kobj_to_dev(kobj);
    qlx_devres_release_all(dev);
    qlx_devres_end(dev);
    if (dev->release)
        dev->release(dev);
    else if (dev->type && dev->type->release)
        dev->type->release(dev);
    else if (dev->class && dev->class->dev_release)
        dev->class->dev_release(dev);
    else
        qlx_find("registration", NULL, NULL,
                 "device %s has no release function: whoever still holds it would use freed memory",
                 dev_name(dev) ? dev_name(dev) : "(unnamed)");
}

static const struct sysfs_ops device_sysfs_ops = {.show = device_show, .store = device_store};
static const struct kobj_type device_ktype = {.release = device_release,
                                              .sysfs_ops = &device_sysfs_ops};

QUARRY_API int device_create_file(struct device *dev, const struct device_attribute *attr)
{
    return dev ? sysfs_create_file(&dev->kobj, &attr->attr) : 0;
}

QUARRY_API void device_remove_file(struct device *dev, const struct device_attribute *attr)
{
    if (dev)
        sysfs_remove_file(&dev->kobj, &attr->attr);
}

QUARRY_API bool device_remove_file_self(struct device *dev, const struct device_attribute *attr)
{
    return dev && sysfs_remove_file_self(&dev->kobj, &attr->attr);
}

QUARRY_API int device_create_bin_file(struct device *dev, const struct bin_attribute *attr)
{
    return dev ? sysfs_create_bin_file(&dev->kobj, attr) : -EINVAL;
}

QUARRY_API void device_remove_bin_file(struct device *dev, const struct bin_attribute *attr)
{
    if (dev)
        sysfs_remove_bin_file(&dev->kobj, attr);
}

QUARRY_API int device_add_groups(struct device *dev, const struct attribute_group **groups)
{
    return sysfs_create_groups(&dev->kobj, groups);
}

QUARRY_API void device_remove_groups(struct device *dev, const struct attribute_group **groups)
{
    sysfs_remove_groups(&dev->kobj, groups);
}

static void device_groups_release(struct device *dev, void *res)
{
    sysfs_remove_groups(&dev->kobj, *(const struct attribute_group ***)res);
}

QUARRY_API int devm_device_add_groups(struct device *dev, const struct attribute_group **groups)
{
    const struct attribute_group ***res = qlx_devres_record(
        dev, device_groups_release, sizeof(*res), GFP_KERNEL, "devm_device_add_groups");
    int error;
    if (!res)
        return -ENOMEM;
    error = device_add_groups(dev, groups);
    if (error) {
        devres_free(res);
        return error;
    }
    *res = groups;
    devres_add(dev, res);
    return 0;
}

static void device_group_release(struct device *dev, void *res)
{
    sysfs_remove_group(&dev->kobj, *(const struct attribute_group **)res);
}

QUARRY_API int devm_device_add_group(struct device *dev, const struct attribute_group *group)
{
    const struct attribute_group **res = qlx_devres_record(dev, device_group_release, sizeof(*res),
                                                           GFP_KERNEL, "devm_device_add_group");
    int error;
    if (!res)
        return -ENOMEM;
    error = sysfs_create_group(&dev->kobj, group);
    if (error) {
        devres_free(res);
        return error;
    }
    *res = group;
    devres_add(dev, res);
    return 0;
}

/* The variable behind a DEVICE_*_ATTR. */
static void *device_variable(struct device_attribute *attr)
{
    return container_of(attr, struct dev_ext_attribute, attr)->var;
}

#define DEVICE_VARIABLE(name, type, format, convert)                                               \
    QUARRY_API ssize_t device_show_##name(struct device *dev, struct device_attribute *attr,       \
                                          char *page)                                              \
    {                                                                                              \
        return sysfs_emit(page, format "\n", *(type *)device_variable(attr));                      \
    }                                                                                              \
    QUARRY_API ssize_t device_store_##name(struct device *dev, struct device_attribute *attr,      \
                                           const char *text, size_t size)                          \
    {                                                                                              \
        type value;                                                                                \
        int error = convert;                                                                       \
        if (error)                                                                                 \
            return error;                                                                          \
        WRITE_ONCE(*(type *)device_variable(attr), value);                                         \
        return (ssize_t)size;                                                                      \
    }
DEVICE_VARIABLE(ulong, unsigned long, "%#lx", kstrtoul(text, 0, &value))
DEVICE_VARIABLE(int, int, "%d", kstrtoint(text, 0, &value))
DEVICE_VARIABLE(bool, bool, "%d", kstrtobool(text, &value))

static ssize_t dev_show(struct device *dev, struct device_attribute *attr, char *page)
{
    return sysfs_emit(page, "%u:%u\n", MAJOR(dev->devt), MINOR(dev->devt));
}
static DEVICE_ATTR_RO(dev);

/* ---- its place in sys/ --------------------------------------------------------------------- */

/* The folder a device's own goes into, with a folder for its class between it and a parent of another
 * kind. */
static struct qlx_entry *device_above(struct device *dev)
{
    struct qlx_entry *above;
    if (!dev->parent || !dev->parent->kobj.sd) {
        if (!dev->class)
            return qlx_entry_root("devices");
        above = qlx_entry_root("devices/virtual");
    } else {
        above = (struct qlx_entry *)dev->parent->kobj.sd;
        if (!dev->class || dev->parent->class == dev->class)
            return above;
    }
    return dev->quarry_glue = qlx_entry_glue(above, dev->class->name);
}

static int device_links(struct device *dev, struct qlx_entry *folder)
{
    struct qlx_subsys *class = dev->class ? qlx_subsys_find(dev->class) : NULL;
    struct qlx_subsys *bus = dev->bus ? qlx_subsys_find(dev->bus) : NULL;
    int error = 0;
    if (class && class->kobj.sd)
        error = qlx_entry_link((struct qlx_entry *)class->kobj.sd, dev_name(dev), folder);
    if (!error && class)
        error = qlx_entry_link(folder, "subsystem", (struct qlx_entry *)class->kobj.sd);
    if (!error && bus)
        error = qlx_entry_link(bus->devices, dev_name(dev), folder);
    if (!error && bus && !class)
        error = qlx_entry_link(folder, "subsystem", (struct qlx_entry *)bus->kobj.sd);
    return error;
}

/* Visit the groups of attributes that a device has from its class, type, bus and itself. */
static int device_all_groups(struct device *dev, bool add)
{
    const struct attribute_group **all[] = {dev->class ? dev->class->dev_groups : NULL,
                                            dev->type ? dev->type->groups : NULL, dev->groups,
                                            dev->bus ? dev->bus->dev_groups : NULL};
    int error = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all) && !error; i++) {
        if (!all[i])
            continue;
        if (add)
            error = device_add_groups(dev, all[i]);
        else
            device_remove_groups(dev, all[i]);
    }
    return error;
}

int qlx_device_show(struct device *dev)
{
    struct qlx_entry *above = device_above(dev), *folder;
    int error = above ? qlx_entry_add(above, dev_name(dev), S_IFDIR | 0755, &folder) : -ENOMEM;
    if (error == -EEXIST)
        qlx_find("registration", NULL, NULL, "device %s: there is one of that name already",
                 dev_name(dev));
    if (error) {
        qlx_entry_glue_done(dev->quarry_glue);
        dev->quarry_glue = NULL;
        return error;
    }
    qlx_kobject_show(&dev->kobj, folder);
    error = device_links(dev, folder);
    if (!error && dev->devt)
        error = device_create_file(dev, &dev_attr_dev);
    if (!error)
        error = device_all_groups(dev, true);
    if (error)
        qlx_device_hide(dev);
    return error;
}

void qlx_device_hide(struct device *dev)
{
    struct qlx_subsys *class = dev->class ? qlx_subsys_find(dev->class) : NULL;
    struct qlx_subsys *bus = dev->bus ? qlx_subsys_find(dev->bus) : NULL;
    if (bus)
        qlx_entry_remove(qlx_entry_child(bus->devices, dev_name(dev)));
    if (class)
        qlx_entry_remove(qlx_entry_child((struct qlx_entry *)class->kobj.sd, dev_name(dev)));
    qlx_kobject_hide(&dev->kobj);
    qlx_entry_glue_done(dev->quarry_glue);
    dev->quarry_glue = NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

QUARRY_API void device_initialize(struct device *dev)
{
    mutex_init(&dev->mutex);
    qlx_devres_begin(dev);
    INIT_LIST_HEAD(&dev->dma_pools);
    kobject_init(&dev->kobj, &device_ktype);
    qlx_left_remove(QLX_LEFT_KOBJECT, &dev->kobj);
    qlx_left_add_undo(QLX_LEFT_KOBJECT, &dev->kobj, dev->kobj.name ? dev->kobj.name : "",
                      "put_device");
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

static int device_add_named(struct device *dev)
{
    int error = 0;
    if (!dev->kobj.state_initialized || !dev->quarry_managed.next) {
        qlx_find("registration", NULL, NULL,
                 "device_add of a device that was not initialised (device_initialize)");
        return -EINVAL;
    }
    if (dev->init_name) {
        error = dev_set_name(dev, "%s", dev->init_name);
        dev->init_name = NULL;
    } else if (!dev_name(dev) && dev->bus && dev->bus->dev_name) {
        error = dev_set_name(dev, "%s%u", dev->bus->dev_name, dev->id);
    }
    if (!error && !dev_name(dev)) {
        qlx_find("registration", NULL, NULL,
                 "device_add of a device without a name (dev_set_name)");
        error = -EINVAL;
    }
    return error;
}

int qlx_device_add(struct device *dev, const char *undo)
{
    struct qlx_device seen = {.dev = 0};
    int error = device_add_named(dev);
    if (error)
        return error;
    get_device(dev->parent);
    device_node_name(dev, &seen);
    error = qlx_dev_add(&seen, dev, NULL);
    if (!error) {
        error = qlx_device_show(dev);
        if (error)
            qlx_dev_remove(dev);
    }
    if (error) {
        put_device(dev->parent);
        return error;
    }
    qlx_left_add_undo(QLX_LEFT_DEVICE, dev, seen.name, undo);
    qlx_bus_probe(dev);
    return 0;
}

QUARRY_API int device_add(struct device *dev)
{
    return qlx_device_add(dev, "device_del");
}

QUARRY_API void device_del(struct device *dev)
{
    if (!qlx_dev_lock(dev)) {
        qlx_find("registration", NULL, NULL, "device_del of a device that was not added");
        return;
    }
    qlx_dev_unlock();
    qlx_left_remove(QLX_LEFT_DEVICE, dev);
    qlx_bus_unbind(dev);
    qlx_device_hide(dev);
    qlx_dev_remove(dev);
    put_device(dev->parent);
}

QUARRY_API struct device *get_device(struct device *dev)
{
    if (dev)
        kobject_get(&dev->kobj);
    return dev;
}

QUARRY_API void put_device(struct device *dev)
{
    if (dev)
        kobject_put(&dev->kobj);
}

QUARRY_API int device_register(struct device *dev)
{
    device_initialize(dev);
    return qlx_device_add(dev, "device_unregister");
}

QUARRY_API void device_unregister(struct device *dev)
{
    device_del(dev);
    put_device(dev);
}

QUARRY_API int device_rename(struct device *dev, const char *name)
{
    struct qlx_subsys *class = dev->class ? qlx_subsys_find(dev->class) : NULL;
    struct qlx_dev *record;
    int error;
    if (class)
        qlx_entry_remove(qlx_entry_child((struct qlx_entry *)class->kobj.sd, dev_name(dev)));
    error = kobject_rename(&dev->kobj, name);
    record = error ? NULL : qlx_dev_lock(dev);
    if (record) {
        snprintf(record->seen.name, sizeof(record->seen.name), "%s", name);
        qlx_dev_unlock();
    }
    if (class)
        qlx_entry_link((struct qlx_entry *)class->kobj.sd, dev_name(dev),
                       (struct qlx_entry *)dev->kobj.sd);
    return error;
}

static bool device_is_child(const struct qlx_dev *record, const void *parent)
{
    return record->parent == parent;
}

QUARRY_API int device_for_each_child(struct device *parent, void *data,
                                     int (*fn)(struct device *dev, void *data))
{
    return qlx_devices_each(device_is_child, parent, NULL, data, fn);
}

QUARRY_API struct device *device_find_child(struct device *parent, void *data,
                                            int (*match)(struct device *dev, void *data))
{
    size_t nr;
    struct device **devices = qlx_devices_take(device_is_child, parent, &nr), *found = NULL;
    for (size_t i = 0; i < nr && !found; i++)
        if (match(devices[i], data))
            found = get_device(devices[i]);
    qlx_devices_give(devices, nr);
    return found;
}

/* ---- devices made from nothing ------------------------------------------------------------- */

static void device_free(struct device *dev)
{
    kfree(dev);
}

static struct device *device_new(const char *format, va_list args)
{
    struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
    if (!dev)
        return ERR_PTR(-ENOMEM);
    device_initialize(dev);
    dev->release = device_free;
    if (kobject_set_name_vargs(&dev->kobj, format, args)) {
        put_device(dev);
        return ERR_PTR(-ENOMEM);
    }
    return dev;
}

static struct device *device_new_named(const char *format, ...)
{
    struct device *dev;
    va_list args;
    va_start(args, format);
    dev = device_new(format, args);
    va_end(args);
    return dev;
}

static struct device *device_begin(struct device *dev, const char *undo)
{
    int error = qlx_device_add(dev, undo);
    if (!error)
        return dev;
    put_device(dev);
    return ERR_PTR(error);
}

static struct device *device_make(const struct class *class, struct device *parent, dev_t devt,
                                  void *drvdata, const struct attribute_group **groups,
                                  const char *format, va_list args)
{
    struct device *dev;
    quarry_might_sleep("device_create");
    if (IS_ERR_OR_NULL(class))
        return ERR_PTR(-ENODEV);
    dev = device_new(format, args);
    if (IS_ERR(dev))
        return dev;
    dev->class = (struct class *)(uintptr_t) class;
    dev->parent = parent;
    dev->devt = devt;
    dev->driver_data = drvdata;
    dev->groups = groups;
    return device_begin(dev, "device_destroy");
}

QUARRY_API struct device *device_create(const struct class *class, struct device *parent,
                                        dev_t devt, void *drvdata, const char *format, ...)
{
    struct device *dev;
    va_list args;
    va_start(args, format);
    dev = device_make(class, parent, devt, drvdata, NULL, format, args);
    va_end(args);
    return dev;
}

QUARRY_API struct device *device_create_with_groups(const struct class *class,
                                                    struct device *parent, dev_t devt,
                                                    void *drvdata,
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

QUARRY_API void device_destroy(const struct class *class, dev_t devt)
{
    struct qlx_dev *record;
    struct device *dev = NULL;
    pthread_mutex_lock(&device_table_lock);
    list_for_each_entry (record, &device_table, list)
        if (record->device && record->class == class && record->seen.dev == (unsigned int)devt)
            dev = record->device;
    pthread_mutex_unlock(&device_table_lock);
    if (dev)
        device_unregister(dev);
    else
        qlx_find("registration", NULL, NULL, "device_destroy(%u:%u): no such device in the class",
                 MAJOR(devt), MINOR(devt));
}

QUARRY_API struct device *quarry_root_device_register(const char *name, struct module *owner)
{
    struct device *dev = device_new_named("%s", name);
    return IS_ERR(dev) ? dev : device_begin(dev, "root_device_unregister");
}

QUARRY_API void root_device_unregister(struct device *root)
{
    device_unregister(root);
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
