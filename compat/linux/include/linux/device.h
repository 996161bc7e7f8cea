/* SPDX-License-Identifier: MIT */
/* Devices, their classes, buses and drivers. A device shows up in sys/, and in dev/ if it has a number;
 * one on a bus is given to the driver that the bus says fits. */
#ifndef QUARRY_LINUX_DEVICE_H
#define QUARRY_LINUX_DEVICE_H

#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kobject.h>
#include <linux/kdev_t.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/version.h>

struct class;
struct device;
struct device_driver;
struct device_node;
struct fwnode_handle;
struct kobj_uevent_env;
struct module;
struct of_device_id;
struct seq_file;

/* Since these versions the pointer is to something constant. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define QUARRY_CONST_DEVICE const struct device
#else
#define QUARRY_CONST_DEVICE struct device
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define QUARRY_CONST_6_4 const
#else
#define QUARRY_CONST_6_4
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define QUARRY_CONST_6_11 const
#else
#define QUARRY_CONST_6_11
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 3, 0)
#define QUARRY_DEVNODE_MODE umode_t
#else
#define QUARRY_DEVNODE_MODE mode_t
#endif

/* ---- attributes ---------------------------------------------------------------------------- */

struct device_attribute {
    struct attribute attr;
    ssize_t (*show)(struct device *dev, struct device_attribute *attr, char *page);
    ssize_t (*store)(struct device *dev, struct device_attribute *attr, const char *text,
                     size_t size);
};
struct dev_ext_attribute { /* of a variable */
    struct device_attribute attr;
    void *var;
};
struct driver_attribute {
    struct attribute attr;
    ssize_t (*show)(struct device_driver *driver, char *page);
    ssize_t (*store)(struct device_driver *driver, const char *text, size_t size);
};
struct bus_type;
struct bus_attribute {
    struct attribute attr;
    ssize_t (*show)(QUARRY_CONST_6_4 struct bus_type *bus, char *page);
    ssize_t (*store)(QUARRY_CONST_6_4 struct bus_type *bus, const char *text, size_t size);
};
struct class_attribute {
    struct attribute attr;
    ssize_t (*show)(QUARRY_CONST_6_4 struct class *class,
                    QUARRY_CONST_6_4 struct class_attribute *attr, char *page);
    ssize_t (*store)(QUARRY_CONST_6_4 struct class *class,
                     QUARRY_CONST_6_4 struct class_attribute *attr, const char *text, size_t size);
};

#define DEVICE_ATTR(_name, _mode, _show, _store)                                                   \
    struct device_attribute dev_attr_##_name = __ATTR(_name, _mode, _show, _store)
#define DEVICE_ATTR_RW(_name) struct device_attribute dev_attr_##_name = __ATTR_RW(_name)
#define DEVICE_ATTR_RO(_name) struct device_attribute dev_attr_##_name = __ATTR_RO(_name)
#define DEVICE_ATTR_WO(_name) struct device_attribute dev_attr_##_name = __ATTR_WO(_name)
#define DEVICE_ATTR_ADMIN_RW(_name)                                                                \
    struct device_attribute dev_attr_##_name = __ATTR_RW_MODE(_name, 0600)
#define DEVICE_ATTR_ADMIN_RO(_name)                                                                \
    struct device_attribute dev_attr_##_name = __ATTR_RO_MODE(_name, 0400)
#define quarry_variable_attr(_name, _mode, _var, _kind)                                            \
    struct dev_ext_attribute dev_attr_##_name = {                                                  \
        __ATTR(_name, _mode, device_show_##_kind, device_store_##_kind), &(_var)}
#define DEVICE_ULONG_ATTR(_name, _mode, _var) quarry_variable_attr(_name, _mode, _var, ulong)
#define DEVICE_INT_ATTR(_name, _mode, _var) quarry_variable_attr(_name, _mode, _var, int)
#define DEVICE_BOOL_ATTR(_name, _mode, _var) quarry_variable_attr(_name, _mode, _var, bool)
#define DRIVER_ATTR_RW(_name) struct driver_attribute driver_attr_##_name = __ATTR_RW(_name)
#define DRIVER_ATTR_RO(_name) struct driver_attribute driver_attr_##_name = __ATTR_RO(_name)
#define DRIVER_ATTR_WO(_name) struct driver_attribute driver_attr_##_name = __ATTR_WO(_name)
#define DRIVER_ATTR(_name, _mode, _show, _store) /* until 4.13 */                                  \
    struct driver_attribute driver_attr_##_name = __ATTR(_name, _mode, _show, _store)
#define BUS_ATTR_RW(_name) struct bus_attribute bus_attr_##_name = __ATTR_RW(_name)
#define BUS_ATTR_RO(_name) struct bus_attribute bus_attr_##_name = __ATTR_RO(_name)
#define BUS_ATTR_WO(_name) struct bus_attribute bus_attr_##_name = __ATTR_WO(_name)
#define CLASS_ATTR_RW(_name) struct class_attribute class_attr_##_name = __ATTR_RW(_name)
#define CLASS_ATTR_RO(_name) struct class_attribute class_attr_##_name = __ATTR_RO(_name)
#define CLASS_ATTR_WO(_name) struct class_attribute class_attr_##_name = __ATTR_WO(_name)

/* ---- the objects --------------------------------------------------------------------------- */

struct device_type {
    const char *name;
    const struct attribute_group **groups;
    int (*uevent)(QUARRY_CONST_DEVICE *dev, struct kobj_uevent_env *env);
    char *(*devnode)(QUARRY_CONST_DEVICE *dev, umode_t *mode, kuid_t *uid, kgid_t *gid);
    void (*release)(struct device *dev);
    const struct dev_pm_ops *pm;
};

struct device {
    struct kobject kobj; /* first: a device's address is its kobject's */
    struct device *parent;
    const char *init_name;
    const struct device_type *type;
    const struct bus_type *bus;
    struct device_driver *driver;
    QUARRY_CONST_6_4 struct class *class;
    dev_t devt;
    u32 id;
    void *platform_data;
    void *driver_data;
    struct mutex mutex; /* device_lock() */
    struct device_node *of_node;
    struct fwnode_handle *fwnode;
    u64 *dma_mask;
    u64 coherent_dma_mask;
    u64 bus_dma_limit;
    struct list_head dma_pools;
    const struct attribute_group **groups;
    void (*release)(struct device *dev);
    struct list_head quarry_managed; /* devres.c */
    struct qlx_entry *quarry_glue;   /* the folder between a device and its parent */
};

struct class
{
    const char *name;
    struct module *owner;
    const struct attribute_group **class_groups;
    const struct attribute_group **dev_groups;
    int (*dev_uevent)(QUARRY_CONST_DEVICE *dev, struct kobj_uevent_env *env);
    char *(*devnode)(QUARRY_CONST_DEVICE *dev,
                     QUARRY_DEVNODE_MODE *mode); /* by kasprintf, or NULL */
    void (*class_release)(QUARRY_CONST_6_4 struct class *class);
    void (*dev_release)(struct device *dev);
    int (*shutdown_pre)(struct device *dev);
    const struct dev_pm_ops *pm;
    u32 quarry_created;
    u32 quarry_mode_is_int; /* devnode's mode_t has 32 bits */
};

struct bus_type {
    const char *name;
    const char *dev_name; /* of devices without a name: with their id behind */
    const struct attribute_group **bus_groups;
    const struct attribute_group **dev_groups;
    const struct attribute_group **drv_groups;
    int (*match)(struct device *dev,
                 QUARRY_CONST_6_11 struct device_driver *driver); /* 1: they fit */
    int (*uevent)(QUARRY_CONST_DEVICE *dev, struct kobj_uevent_env *env);
    int (*probe)(struct device *dev); /* in place of the driver's */
    void (*sync_state)(struct device *dev);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
    void (*remove)(struct device *dev);
#else
    int (*remove)(struct device *dev);
#endif
    void (*shutdown)(struct device *dev);
    int (*online)(struct device *dev);
    int (*offline)(struct device *dev);
    const struct dev_pm_ops *pm;
};

enum probe_type { PROBE_DEFAULT_STRATEGY, PROBE_PREFER_ASYNCHRONOUS, PROBE_FORCE_SYNCHRONOUS };

struct device_driver {
    const char *name;
    const struct bus_type *bus;
    struct module *owner;
    const char *mod_name;
    bool suppress_bind_attrs;
    enum probe_type probe_type;
    const struct of_device_id *of_match_table;
    const struct acpi_device_id *acpi_match_table;
    int (*probe)(struct device *dev);
    void (*sync_state)(struct device *dev);
    int (*remove)(struct device *dev);
    void (*shutdown)(struct device *dev);
    const struct attribute_group **groups;
    const struct attribute_group **dev_groups; /* of its devices while they are bound */
    const struct dev_pm_ops *pm;
    struct qlx_driver *p; /* the implementation's part */
};

QUARRY_EXTERN_C_BEGIN

/* ---- classes ------------------------------------------------------------------------------- */

/* Context: may sleep. ERR_PTR(-EEXIST), ERR_PTR(-ENOMEM). class_create(name), or with THIS_MODULE
 * before it as until 6.3. */
QUARRY_API struct class *quarry_class_create(struct module *owner, const char *name, int mode_int);
#define QUARRY_CLASS_PICK(a1, a2, name, ...) name
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 3, 0)
#define QUARRY_MODE_IS_INT 0
#else
#define QUARRY_MODE_IS_INT 1
#endif
#define quarry_class_create_2(owner, name) quarry_class_create((owner), (name), QUARRY_MODE_IS_INT)
#define quarry_class_create_1(name) quarry_class_create(THIS_MODULE, (name), QUARRY_MODE_IS_INT)
#define class_create(...)                                                                          \
    QUARRY_CLASS_PICK(__VA_ARGS__, quarry_class_create_2, quarry_class_create_1, )(__VA_ARGS__)
QUARRY_API void class_destroy(const struct class *class);
QUARRY_API int __must_check class_register(const struct class *class);
QUARRY_API void class_unregister(const struct class *class);
QUARRY_API int __must_check class_create_file(const struct class *class,
                                              const struct class_attribute *attr);
QUARRY_API void class_remove_file(const struct class *class, const struct class_attribute *attr);
/* For each device of the class, after @start (NULL: all): the first result of @fn that is not 0. */
QUARRY_API int class_for_each_device(const struct class *class, const struct device *start,
                                     void *data, int (*fn)(struct device *dev, void *data));
/* The first that @match accepts, with a reference, or NULL. */
QUARRY_API struct device *class_find_device(const struct class *class, const struct device *start,
                                            const void *data,
                                            int (*match)(struct device *dev, const void *data));
QUARRY_API struct device *class_find_device_by_name(const struct class *class, const char *name);
QUARRY_API struct device *class_find_device_by_devt(const struct class *class, dev_t devt);

/* ---- devices ------------------------------------------------------------------------------- */

/* ERR_PTR(-ENOMEM), ERR_PTR(-EEXIST), ERR_PTR(-ENODEV). Context of all: may sleep. */
__printf(5, 6) QUARRY_API
    struct device *device_create(const struct class *class, struct device *parent, dev_t devt,
                                 void *drvdata, const char *format, ...);
__printf(6, 7) QUARRY_API
    struct device *device_create_with_groups(const struct class *class, struct device *parent,
                                             dev_t devt, void *drvdata,
                                             const struct attribute_group **groups,
                                             const char *format, ...);
QUARRY_API void device_destroy(const struct class *class, dev_t devt);
/* From here on only put_device() ends it, by its release function. */
QUARRY_API void device_initialize(struct device *dev);
__printf(2, 3) QUARRY_API int dev_set_name(struct device *dev, const char *format, ...);
/* Into sys/, dev/ and onto its bus, where a driver is looked for. 0, -EINVAL, -EEXIST, -ENOMEM; after a
 * failure too it must be put. */
QUARRY_API int __must_check device_add(struct device *dev);
QUARRY_API void device_del(struct device *dev);
QUARRY_API int __must_check device_register(struct device *dev);
QUARRY_API void device_unregister(struct device *dev);
QUARRY_API struct device *get_device(struct device *dev);
QUARRY_API void put_device(struct device *dev);
/* A device without class or bus, for others to be below: ERR_PTR on failure. */
QUARRY_API struct device *quarry_root_device_register(const char *name, struct module *owner);
#define root_device_register(name) quarry_root_device_register((name), THIS_MODULE)
QUARRY_API void root_device_unregister(struct device *root);
QUARRY_API int device_for_each_child(struct device *parent, void *data,
                                     int (*fn)(struct device *dev, void *data));
QUARRY_API struct device *device_find_child(struct device *parent, void *data,
                                            int (*match)(struct device *dev, void *data));
QUARRY_API int device_rename(struct device *dev, const char *name);
QUARRY_API int __must_check device_create_file(struct device *dev,
                                               const struct device_attribute *attr);
QUARRY_API void device_remove_file(struct device *dev, const struct device_attribute *attr);
/* From the attribute's own method. */
QUARRY_API bool device_remove_file_self(struct device *dev, const struct device_attribute *attr);
QUARRY_API int __must_check device_create_bin_file(struct device *dev,
                                                   const struct bin_attribute *attr);
QUARRY_API void device_remove_bin_file(struct device *dev, const struct bin_attribute *attr);
QUARRY_API int __must_check device_add_groups(struct device *dev,
                                              const struct attribute_group **groups);
QUARRY_API void device_remove_groups(struct device *dev, const struct attribute_group **groups);
static inline int __must_check device_add_group(struct device *dev,
                                                const struct attribute_group *group)
{
    const struct attribute_group *groups[] = {group, NULL};
    return device_add_groups(dev, groups);
}
static inline void device_remove_group(struct device *dev, const struct attribute_group *group)
{
    const struct attribute_group *groups[] = {group, NULL};
    device_remove_groups(dev, groups);
}
QUARRY_API int __must_check devm_device_add_group(struct device *dev,
                                                  const struct attribute_group *group);
QUARRY_API int __must_check devm_device_add_groups(struct device *dev,
                                                   const struct attribute_group **groups);
/* Methods of DEVICE_*_ATTR. */
QUARRY_API ssize_t device_show_ulong(struct device *dev, struct device_attribute *attr, char *page);
QUARRY_API ssize_t device_store_ulong(struct device *dev, struct device_attribute *attr,
                                      const char *text, size_t size);
QUARRY_API ssize_t device_show_int(struct device *dev, struct device_attribute *attr, char *page);
QUARRY_API ssize_t device_store_int(struct device *dev, struct device_attribute *attr,
                                    const char *text, size_t size);
QUARRY_API ssize_t device_show_bool(struct device *dev, struct device_attribute *attr, char *page);
QUARRY_API ssize_t device_store_bool(struct device *dev, struct device_attribute *attr,
                                     const char *text, size_t size);

/* ---- buses and drivers --------------------------------------------------------------------- */

/* 0, -EINVAL, -EEXIST, -ENOMEM. */
QUARRY_API int __must_check bus_register(const struct bus_type *bus);
QUARRY_API void bus_unregister(const struct bus_type *bus);
QUARRY_API int __must_check bus_create_file(const struct bus_type *bus, struct bus_attribute *attr);
QUARRY_API void bus_remove_file(const struct bus_type *bus, struct bus_attribute *attr);
QUARRY_API int bus_for_each_dev(const struct bus_type *bus, struct device *start, void *data,
                                int (*fn)(struct device *dev, void *data));
QUARRY_API int bus_for_each_drv(const struct bus_type *bus, struct device_driver *start, void *data,
                                int (*fn)(struct device_driver *driver, void *data));
QUARRY_API struct device *bus_find_device(const struct bus_type *bus, struct device *start,
                                          const void *data,
                                          int (*match)(struct device *dev, const void *data));
QUARRY_API struct device *bus_find_device_by_name(const struct bus_type *bus, struct device *start,
                                                  const char *name);
QUARRY_API int bus_rescan_devices(const struct bus_type *bus);
/* Its probe runs at once for each device of the bus that fits and has no driver. -EBUSY: the name is
 * taken (reported), -EINVAL: the bus is not registered. */
QUARRY_API int __must_check driver_register(struct device_driver *driver);
QUARRY_API void driver_unregister(struct device_driver *driver);
QUARRY_API struct device_driver *driver_find(const char *name, const struct bus_type *bus);
QUARRY_API int driver_for_each_device(struct device_driver *driver, struct device *start,
                                      void *data, int (*fn)(struct device *dev, void *data));
QUARRY_API struct device *driver_find_device(struct device_driver *driver, struct device *start,
                                             const void *data,
                                             int (*match)(struct device *dev, const void *data));
QUARRY_API int __must_check driver_create_file(struct device_driver *driver,
                                               const struct driver_attribute *attr);
QUARRY_API void driver_remove_file(struct device_driver *driver,
                                   const struct driver_attribute *attr);
/* 1 bound, 0 no driver fits, or a negative errno. */
QUARRY_API int __must_check device_attach(struct device *dev);
QUARRY_API int __must_check driver_attach(const struct device_driver *driver);
QUARRY_API int __must_check device_bind_driver(struct device *dev);
QUARRY_API void device_release_driver(struct device *dev);
QUARRY_API int __must_check device_reprobe(struct device *dev);
/* Until every probe that was put off has been tried again. */
QUARRY_API void wait_for_device_probe(void);
QUARRY_API int driver_deferred_probe_check_state(struct device *dev);

/* Matches for the *_find_device functions. */
QUARRY_API int device_match_name(struct device *dev, const void *name);
QUARRY_API int device_match_devt(struct device *dev, const void *devt);
QUARRY_API int device_match_any(struct device *dev, const void *unused);

static inline void device_lock(struct device *dev)
{
    mutex_lock(&dev->mutex);
}
static inline int device_trylock(struct device *dev)
{
    return mutex_trylock(&dev->mutex);
}
static inline void device_unlock(struct device *dev)
{
    mutex_unlock(&dev->mutex);
}
static inline int device_is_registered(struct device *dev)
{
    return dev->kobj.state_in_sysfs;
}
static inline bool device_is_bound(struct device *dev)
{
    return dev->driver != NULL;
}
static inline struct device *kobj_to_dev(struct kobject *kobj)
{
    return container_of(kobj, struct device, kobj);
}

/* Managed resources: records of a device, released newest first when a probe fails, after a remove
 * and with the device. A record is @size zeroed bytes that @release is given. Context: may sleep
 * (devres_add and the look-ups: any). */
typedef void (*dr_release_t)(struct device *dev, void *res);
typedef int (*dr_match_t)(struct device *dev, void *res, void *match_data);
QUARRY_API void *__devres_alloc_node(dr_release_t release, size_t size, gfp_t gfp, int nid,
                                     const char *name);
#define devres_alloc(release, size, gfp)                                                           \
    __devres_alloc_node(release, size, gfp, NUMA_NO_NODE, #release)
#define devres_alloc_node(release, size, gfp, nid)                                                 \
    __devres_alloc_node(release, size, gfp, nid, #release)
QUARRY_API void devres_free(void *res); /* one that was not added */
QUARRY_API void devres_add(struct device *dev, void *res);
/* The newest record with this release function that @match (NULL: any) accepts, or NULL. */
QUARRY_API void *devres_find(struct device *dev, dr_release_t release, dr_match_t match,
                             void *match_data);
/* The one there is, freeing @fresh; or @fresh, added. */
QUARRY_API void *devres_get(struct device *dev, void *fresh, dr_match_t match, void *match_data);
/* Take it off the list; destroy: and free it; release: and call its function. 0 or -ENOENT. */
QUARRY_API void *devres_remove(struct device *dev, dr_release_t release, dr_match_t match,
                               void *match_data);
QUARRY_API int devres_destroy(struct device *dev, dr_release_t release, dr_match_t match,
                              void *match_data);
QUARRY_API int devres_release(struct device *dev, dr_release_t release, dr_match_t match,
                              void *match_data);
QUARRY_API void devres_for_each_res(struct device *dev, dr_release_t release, dr_match_t match,
                                    void *match_data, void (*fn)(struct device *, void *, void *),
                                    void *data);
/* Groups: what is added between open and close (or from open on) can be released alone; removing a
 * group only forgets its borders. @id NULL: the newest open group. */
QUARRY_API void *devres_open_group(struct device *dev, void *id, gfp_t gfp);
QUARRY_API void devres_close_group(struct device *dev, void *id);
QUARRY_API void devres_remove_group(struct device *dev, void *id);
QUARRY_API int devres_release_group(struct device *dev, void *id);
/* A function to call when the device lets go. _or_reset: call it at once if memory is short. */
QUARRY_API int devm_add_action(struct device *dev, void (*action)(void *), void *data);
QUARRY_API int devm_add_action_or_reset(struct device *dev, void (*action)(void *), void *data);
QUARRY_API void devm_remove_action(struct device *dev, void (*action)(void *), void *data);
QUARRY_API void devm_release_action(struct device *dev, void (*action)(void *), void *data);

/* Memory that is freed with its device. */
QUARRY_API void *devm_kmalloc(struct device *dev, size_t size, gfp_t gfp);
QUARRY_API void devm_kfree(struct device *dev, const void *object);
static inline void *devm_kzalloc(struct device *dev, size_t size, gfp_t gfp)
{
    return devm_kmalloc(dev, size, gfp | __GFP_ZERO);
}
static inline void *devm_kmalloc_array(struct device *dev, size_t n, size_t size, gfp_t gfp)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? NULL : devm_kmalloc(dev, bytes, gfp);
}
static inline void *devm_kcalloc(struct device *dev, size_t n, size_t size, gfp_t gfp)
{
    return devm_kmalloc_array(dev, n, size, gfp | __GFP_ZERO);
}
/* The memory keeps its place in the order of release. NULL: @object is as it was. */
QUARRY_API void *devm_krealloc(struct device *dev, void *object, size_t size, gfp_t gfp);
QUARRY_API void *devm_kmemdup(struct device *dev, const void *source, size_t size, gfp_t gfp);
QUARRY_API char *devm_kstrdup(struct device *dev, const char *text, gfp_t gfp);
QUARRY_API const char *devm_kstrdup_const(struct device *dev, const char *text, gfp_t gfp);
__printf(3, 0) QUARRY_API
    char *devm_kvasprintf(struct device *dev, gfp_t gfp, const char *format, va_list args);
__printf(3, 4) QUARRY_API
    char *devm_kasprintf(struct device *dev, gfp_t gfp, const char *format, ...);
QUARRY_API unsigned long devm_get_free_pages(struct device *dev, gfp_t gfp, unsigned int order);
QUARRY_API void devm_free_pages(struct device *dev, unsigned long address);

__printf(3, 4) QUARRY_API
    void quarry_dev_printk(const char *level, const struct device *dev, const char *format, ...);

__printf(3, 4) QUARRY_API
    int quarry_dev_err_probe(const struct device *dev, int error, const char *format, ...);
QUARRY_API const char *dev_driver_string(const struct device *dev);

QUARRY_EXTERN_C_END

static inline const char *dev_name(const struct device *dev)
{
    return dev->init_name ? dev->init_name : kobject_name(&dev->kobj);
}
static inline void *dev_get_drvdata(const struct device *dev)
{
    return dev->driver_data;
}
static inline void dev_set_drvdata(struct device *dev, void *data)
{
    dev->driver_data = data;
}

#ifndef dev_fmt
#define dev_fmt(fmt) fmt
#endif
#define dev_printk(level, dev, fmt, ...) quarry_dev_printk(level, dev, fmt, ##__VA_ARGS__)
#define dev_emerg(dev, fmt, ...) quarry_dev_printk(KERN_EMERG, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_alert(dev, fmt, ...) quarry_dev_printk(KERN_ALERT, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_crit(dev, fmt, ...) quarry_dev_printk(KERN_CRIT, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_err(dev, fmt, ...) quarry_dev_printk(KERN_ERR, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_warn(dev, fmt, ...) quarry_dev_printk(KERN_WARNING, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_notice(dev, fmt, ...) quarry_dev_printk(KERN_NOTICE, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_info(dev, fmt, ...) quarry_dev_printk(KERN_INFO, dev, dev_fmt(fmt), ##__VA_ARGS__)
#ifdef DEBUG
#define dev_dbg(dev, fmt, ...) quarry_dev_printk(KERN_DEBUG, dev, dev_fmt(fmt), ##__VA_ARGS__)
#else
#define dev_dbg(dev, fmt, ...) ((void)(dev), (void)no_printk(fmt, ##__VA_ARGS__))
#endif
/* Says why a probe fails and returns @error; when it is only put off, quietly. */
#define dev_err_probe(dev, error, fmt, ...) quarry_dev_err_probe((dev), (error), fmt, ##__VA_ARGS__)

/* What module_init and module_exit would do that only register and unregister @driver. */
#define module_driver(driver, registering, unregistering, ...)                                     \
    static int __init driver##_init(void)                                                          \
    {                                                                                              \
        return registering(&(driver), ##__VA_ARGS__);                                              \
    }                                                                                              \
    module_init(driver##_init);                                                                    \
    static void __exit driver##_exit(void)                                                         \
    {                                                                                              \
        unregistering(&(driver), ##__VA_ARGS__);                                                   \
    }                                                                                              \
    module_exit(driver##_exit)
#define builtin_driver(driver, registering, ...)                                                   \
    static int __init driver##_init(void)                                                          \
    {                                                                                              \
        return registering(&(driver), ##__VA_ARGS__);                                              \
    }                                                                                              \
    module_init(driver##_init)

#endif
