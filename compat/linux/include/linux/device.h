/* SPDX-License-Identifier: MIT */
/* Devices and classes, as far as a character driver needs them: they give dev/ its names. */
#ifndef QUARRY_LINUX_DEVICE_H
#define QUARRY_LINUX_DEVICE_H

#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct class;
struct module;

struct device {
    struct kobject kobj;
    struct device *parent;
    const char *init_name;
    struct class *class;
    dev_t devt;
    void *platform_data;
    void *driver_data;
    const struct attribute_group **groups;
    void (*release)(struct device *dev);
    struct list_head quarry_managed; /* devm_ memory */
    u32 quarry_created;              /* by device_create: device_destroy frees it */
    u32 quarry_listed;
};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define QUARRY_CONST_DEVICE const struct device
#else
#define QUARRY_CONST_DEVICE struct device
#endif
struct class
{
    const char *name;
    struct module *owner;
    const struct attribute_group **class_groups;
    const struct attribute_group **dev_groups;
    int (*dev_uevent)(QUARRY_CONST_DEVICE *dev, void *env);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 3, 0)
    char *(*devnode)(QUARRY_CONST_DEVICE *dev, umode_t *mode); /* name by kasprintf, or NULL */
#else
    char *(*devnode)(QUARRY_CONST_DEVICE *dev, mode_t *mode);
#endif
    void (*class_release)(struct class *class);
    void (*dev_release)(struct device *dev);
    u32 quarry_created;
    u32 quarry_mode_is_int; /* devnode's mode_t has 32 bits */
};

QUARRY_EXTERN_C_BEGIN

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
QUARRY_API void class_destroy(struct class *class);
QUARRY_API int class_register(struct class *class);
QUARRY_API void class_unregister(struct class *class);

__printf(5, 6) QUARRY_API
    struct device *device_create(struct class *class, struct device *parent, dev_t devt,
                                 void *drvdata, const char *format, ...);
__printf(6, 7) QUARRY_API
    struct device *device_create_with_groups(struct class *class, struct device *parent, dev_t devt,
                                             void *drvdata, const struct attribute_group **groups,
                                             const char *format, ...);
QUARRY_API void device_destroy(struct class *class, dev_t devt);
QUARRY_API void device_initialize(struct device *dev);
__printf(2, 3) QUARRY_API int dev_set_name(struct device *dev, const char *format, ...);
QUARRY_API int device_add(struct device *dev);
QUARRY_API void device_del(struct device *dev);
QUARRY_API int device_register(struct device *dev);
QUARRY_API void device_unregister(struct device *dev);
QUARRY_API struct device *get_device(struct device *dev);
QUARRY_API void put_device(struct device *dev);

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

__printf(3, 4) QUARRY_API
    void quarry_dev_printk(const char *level, const struct device *dev, const char *format, ...);

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
#define dev_err_probe(dev, error, fmt, ...) (dev_err(dev, fmt, ##__VA_ARGS__), (error))

#endif
