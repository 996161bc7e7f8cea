/* SPDX-License-Identifier: MIT */
/* depot: keeps boxes of bytes for other modules and shows them in sys/kernel/depot/.
 *
 * Each box is a kobject with two attributes, `used` and `bytes` (binary). A module that has a box open
 * holds this one, so that it cannot be unloaded under it. porter.c is such a module. */
#include <linux/export.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include "depot.h"

struct depot_box {
    struct kobject kobj;
    spinlock_t lock; /* guards used */
    size_t used, size;
    char *bytes;
};

static struct kset *depot_set;

static struct depot_box *to_box(struct kobject *kobj)
{
    return container_of(kobj, struct depot_box, kobj);
}

static ssize_t used_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
    return sysfs_emit(page, "%zu of %zu\n", to_box(kobj)->used, to_box(kobj)->size);
}
static struct kobj_attribute used_attr = __ATTR_RO(used);

static ssize_t bytes_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
                          char *buffer, loff_t offset, size_t size)
{
    struct depot_box *box = to_box(kobj);
    unsigned long flags;

    spin_lock_irqsave(&box->lock, flags);
    size = offset < (loff_t)box->used ? min_t(size_t, size, box->used - (size_t)offset) : 0;
    memcpy(buffer, box->bytes + offset, size);
    spin_unlock_irqrestore(&box->lock, flags);
    return (ssize_t)size;
}
static BIN_ATTR_RO(bytes, 0);

static struct attribute *box_attrs[] = {&used_attr.attr, NULL};
static struct bin_attribute *box_bin_attrs[] = {&bin_attr_bytes, NULL};
static const struct attribute_group box_group = {.attrs = box_attrs, .bin_attrs = box_bin_attrs};
__ATTRIBUTE_GROUPS(box);

/* The last reference is gone: nobody reads the attributes any more either. */
static void box_release(struct kobject *kobj)
{
    kvfree(to_box(kobj)->bytes); /* with the box */
    kfree(to_box(kobj));
}

static const struct kobj_type box_type = {
    .release = box_release, .sysfs_ops = &kobj_sysfs_ops, .default_groups = box_groups};

struct depot_box *depot_open(const char *name, size_t size)
{
    struct depot_box *box;

    if (!try_module_get(THIS_MODULE)) /* for as long as the box is open */
        return NULL;
    box = kzalloc(sizeof(*box), GFP_KERNEL);
    if (!box)
        goto out;
    spin_lock_init(&box->lock);
    box->size = size;
    box->kobj.kset = depot_set;
    kobject_init(&box->kobj, &box_type);
    box->bytes = kvmalloc(size, GFP_KERNEL);
    if (box->bytes && kobject_add(&box->kobj, NULL, "%s", name) == 0)
        return box;
    kobject_put(&box->kobj);
out:
    module_put(THIS_MODULE);
    return NULL;
}
EXPORT_SYMBOL_GPL(depot_open);

int depot_store(struct depot_box *box, const void *data, size_t size)
{
    unsigned long flags;
    int error = 0;

    spin_lock_irqsave(&box->lock, flags);
    if (size > box->size - box->used) {
        error = -ENOSPC;
    } else {
        memcpy(box->bytes + box->used, data, size);
        box->used += size;
    }
    spin_unlock_irqrestore(&box->lock, flags);
    return error;
}
EXPORT_SYMBOL_GPL(depot_store);

void depot_close(struct depot_box *box)
{
    kobject_put(&box->kobj); /* the first reference */
    module_put(THIS_MODULE); /* taken by depot_open */
}
EXPORT_SYMBOL_GPL(depot_close);

static int __init depot_init(void)
{
    depot_set = kset_create_and_add("depot", NULL, kernel_kobj);
    return depot_set ? 0 : -ENOMEM;
}

static void __exit depot_exit(void)
{
    kset_unregister(depot_set);
}

module_init(depot_init);
module_exit(depot_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Boxes of bytes for other modules");
