/* SPDX-License-Identifier: MIT */
/* class: classes of devices, their folders and attributes.
 *
 * A class made by class_create() is from Quarry's memory, as the kernel would allocate it; what sysfs
 * needs of any class or bus is a record of its own (qlx_subsys), since both may be constants.
 *
 * Locks: class_lock for the records, held over no call into driver code. */
#define _GNU_SOURCE
#include "core.h"
#include <linux/module.h>
#include <linux/slab.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t class_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(class_records);

/* ---- records of classes and buses ---------------------------------------------------------- */

static struct qlx_subsys *subsys_lookup(const void *key)
{
    struct qlx_subsys *subsys;
    list_for_each_entry (subsys, &class_records, list)
        if (subsys->key == key)
            return subsys;
    return NULL;
}

struct qlx_subsys *qlx_subsys_find(const void *key)
{
    struct qlx_subsys *subsys;
    pthread_mutex_lock(&class_lock);
    subsys = subsys_lookup(key);
    pthread_mutex_unlock(&class_lock);
    return subsys;
}

int qlx_subsys_add(const void *key, const char *folder, const char *name,
                   const struct kobj_type *type)
{
    struct qlx_subsys *subsys = calloc(1, sizeof(*subsys));
    struct qlx_entry *entry;
    int error;
    if (!subsys)
        return -ENOMEM;
    error = qlx_entry_add(qlx_entry_root(folder), name, S_IFDIR | 0755, &entry);
    if (error) {
        free(subsys);
        return error;
    }
    subsys->key = key;
    qlx_kobject_begin(&subsys->kobj, type);
    subsys->kobj.name = entry->name;
    qlx_kobject_show(&subsys->kobj, entry);
    pthread_mutex_lock(&class_lock);
    list_add_tail(&subsys->list, &class_records);
    pthread_mutex_unlock(&class_lock);
    return 0;
}

bool qlx_subsys_remove(const void *key)
{
    struct qlx_subsys *subsys;
    pthread_mutex_lock(&class_lock);
    subsys = subsys_lookup(key);
    if (subsys)
        list_del(&subsys->list);
    pthread_mutex_unlock(&class_lock);
    if (!subsys)
        return false;
    qlx_kobject_hide(&subsys->kobj);
    free(subsys);
    return true;
}

void qlx_subsys_forget(void)
{
    struct qlx_subsys *subsys, *next;
    pthread_mutex_lock(&class_lock);
    list_for_each_entry_safe (subsys, next, &class_records, list) {
        list_del(&subsys->list);
        free(subsys);
    }
    pthread_mutex_unlock(&class_lock);
}

/* ---- attributes ---------------------------------------------------------------------------- */

static struct class *class_of(struct kobject *kobj)
{
    const void *key = container_of(kobj, struct qlx_subsys, kobj)->key;
    return (struct class *)(uintptr_t)key;
}

static ssize_t class_show(struct kobject *kobj, struct attribute *attr, char *page)
{
    struct class_attribute *own = container_of(attr, struct class_attribute, attr);
    return own->show ? own->show(class_of(kobj), own, page) : -EIO;
}

static ssize_t class_store(struct kobject *kobj, struct attribute *attr, const char *text,
                           size_t size)
{
    struct class_attribute *own = container_of(attr, struct class_attribute, attr);
    return own->store ? own->store(class_of(kobj), own, text, size) : -EIO;
}

static const struct sysfs_ops class_sysfs_ops = {.show = class_show, .store = class_store};
static const struct kobj_type class_type = {.sysfs_ops = &class_sysfs_ops};

QUARRY_API int class_create_file(const struct class *class, const struct class_attribute *attr)
{
    struct qlx_subsys *subsys = qlx_subsys_find(class);
    return subsys ? sysfs_create_file(&subsys->kobj, &attr->attr) : -EINVAL;
}

QUARRY_API void class_remove_file(const struct class *class, const struct class_attribute *attr)
{
    struct qlx_subsys *subsys = qlx_subsys_find(class);
    if (subsys)
        sysfs_remove_file(&subsys->kobj, &attr->attr);
}

/* ---- registration -------------------------------------------------------------------------- */

static int class_begin(const struct class *class, const char *undo)
{
    int error;
    quarry_might_sleep("class_register");
    if (!class || !class->name)
        return -EINVAL;
    error = qlx_subsys_add(class, "class", class->name, &class_type);
    if (error == -EEXIST)
        qlx_find("registration", NULL, NULL, "there is a class %s already", class->name);
    if (!error && class->class_groups) {
        error = sysfs_create_groups(&qlx_subsys_find(class)->kobj, class->class_groups);
        if (error)
            qlx_subsys_remove(class);
    }
    if (!error)
        qlx_left_add_undo(QLX_LEFT_CLASS, class, class->name, undo);
    return error;
}

static bool class_is_used(const struct qlx_dev *dev, const void *class)
{
    return dev->class == class;
}

static void class_end(const struct class *class, const char *call)
{
    size_t nr;
    struct device **devices;
    if (!qlx_left_remove(QLX_LEFT_CLASS, class)) {
        qlx_find("registration", NULL, NULL, "%s of a class that is not registered", call);
        return;
    }
    devices = qlx_devices_take(class_is_used, class, &nr);
    if (nr)
        qlx_find("registration", NULL, NULL, "%s: class %s still has %zu device%s (%s%s)", call,
                 class->name, nr, nr == 1 ? "" : "s", dev_name(devices[0]), nr > 1 ? ", …" : "");
    qlx_devices_give(devices, nr);
    qlx_subsys_remove(class);
    if (class->class_release)
        class->class_release((struct class *)(uintptr_t) class);
}

QUARRY_API int class_register(const struct class *class)
{
    return class_begin(class, "class_unregister");
}

QUARRY_API void class_unregister(const struct class *class)
{
    if (class)
        class_end(class, "class_unregister");
}

QUARRY_API struct class *quarry_class_create(struct module *owner, const char *name, int mode_int)
{
    struct class *class;
    int error;
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
    error = class_begin(class, "class_destroy");
    if (error) {
        kfree(class);
        return ERR_PTR(error);
    }
    return class;
}

QUARRY_API void class_destroy(const struct class *class)
{
    if (IS_ERR_OR_NULL(class))
        return;
    class_end(class, "class_destroy");
    if (class->quarry_created)
        kfree(class);
}

/* ---- its devices --------------------------------------------------------------------------- */

QUARRY_API int class_for_each_device(const struct class *class, const struct device *start,
                                     void *data, int (*fn)(struct device *dev, void *data))
{
    return qlx_devices_each(class_is_used, class, start, data, fn);
}

QUARRY_API struct device *class_find_device(const struct class *class, const struct device *start,
                                            const void *data,
                                            int (*match)(struct device *dev, const void *data))
{
    return qlx_devices_find(class_is_used, class, start, data, match);
}

QUARRY_API struct device *class_find_device_by_name(const struct class *class, const char *name)
{
    return class_find_device(class, NULL, name, device_match_name);
}

QUARRY_API struct device *class_find_device_by_devt(const struct class *class, dev_t devt)
{
    return class_find_device(class, NULL, &devt, device_match_devt);
}
