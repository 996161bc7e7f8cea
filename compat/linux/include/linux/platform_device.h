/* SPDX-License-Identifier: MIT */
/* Devices that no bus finds by itself, and their drivers, which match by name. */
#ifndef QUARRY_LINUX_PLATFORM_DEVICE_H
#define QUARRY_LINUX_PLATFORM_DEVICE_H

#include <linux/device.h>
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/types.h>

#define PLATFORM_DEVID_NONE (-1) /* named "name", not "name.0" */
#define PLATFORM_DEVID_AUTO (-2)

struct platform_device {
    const char *name;
    int id;
    bool id_auto;
    struct device dev;
    u64 platform_dma_mask;
    u32 num_resources;
    struct resource *resource;
    const struct platform_device_id *id_entry;
    const char *driver_override;
    u32 quarry_owned; /* made by platform_device_alloc: resource and data are its own */
};

struct platform_driver {
    int (*probe)(struct platform_device *pdev);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
    union {
        void (*remove)(struct platform_device *pdev);
        void (*remove_new)(struct platform_device *pdev);
    };
    void (*quarry_remove_new)(struct platform_device *pdev);
#else
    int (*remove)(struct platform_device *pdev);
    void (*remove_new)(struct platform_device *pdev);
#endif
    void (*shutdown)(struct platform_device *pdev);
    int (*suspend)(struct platform_device *pdev, pm_message_t state);
    int (*resume)(struct platform_device *pdev);
    struct device_driver driver;
    const struct platform_device_id *id_table;
    bool prevent_deferred_probe;
    bool driver_managed_dma;
};

struct platform_device_info {
    struct device *parent;
    struct fwnode_handle *fwnode;
    bool of_node_reused;
    const char *name;
    int id;
    const struct resource *res;
    unsigned int num_res;
    const void *data;
    size_t size_data;
    u64 dma_mask;
    const void *properties;
};

#define to_platform_device(device) container_of(device, struct platform_device, dev)
#define to_platform_driver(drv) container_of(drv, struct platform_driver, driver)

QUARRY_EXTERN_C_BEGIN

extern QUARRY_API const struct bus_type platform_bus_type;
extern QUARRY_API struct device platform_bus;

/* Context of all: may sleep. As device_register(): after a failure platform_device_put() it. */
QUARRY_API int platform_device_register(struct platform_device *pdev);
QUARRY_API void platform_device_unregister(struct platform_device *pdev);
/* Made from scratch, ERR_PTR on failure; platform_device_unregister() frees it. */
QUARRY_API struct platform_device *
platform_device_register_full(const struct platform_device_info *info);
QUARRY_API struct platform_device *platform_device_alloc(const char *name, int id);
QUARRY_API int platform_device_add_resources(struct platform_device *pdev,
                                             const struct resource *res, unsigned int num);
QUARRY_API int platform_device_add_data(struct platform_device *pdev, const void *data,
                                        size_t size);
QUARRY_API int platform_device_add(struct platform_device *pdev);
QUARRY_API void platform_device_del(struct platform_device *pdev);
QUARRY_API void platform_device_put(struct platform_device *pdev);
QUARRY_API int platform_add_devices(struct platform_device **devices, int num);

static inline struct platform_device *
platform_device_register_resndata(struct device *parent, const char *name, int id,
                                  const struct resource *res, unsigned int num, const void *data,
                                  size_t size)
{
    struct platform_device_info info = {.parent = parent,
                                        .name = name,
                                        .id = id,
                                        .res = res,
                                        .num_res = num,
                                        .data = data,
                                        .size_data = size};
    return platform_device_register_full(&info);
}
static inline struct platform_device *platform_device_register_simple(const char *name, int id,
                                                                      const struct resource *res,
                                                                      unsigned int num)
{
    return platform_device_register_resndata(NULL, name, id, res, num, NULL, 0);
}
static inline struct platform_device *platform_device_register_data(struct device *parent,
                                                                    const char *name, int id,
                                                                    const void *data, size_t size)
{
    return platform_device_register_resndata(parent, name, id, NULL, 0, data, size);
}

/* The @index-th resource of a type, or by name; NULL. */
QUARRY_API struct resource *platform_get_resource(struct platform_device *pdev, unsigned int type,
                                                  unsigned int index);
QUARRY_API struct resource *platform_get_resource_byname(struct platform_device *pdev,
                                                         unsigned int type, const char *name);
QUARRY_API struct resource *platform_get_mem_or_io(struct platform_device *pdev,
                                                   unsigned int index);
/* Claim and map the @index-th range of registers, until the device goes: ERR_PTR as of
 * devm_ioremap_resource(). */
QUARRY_API void __iomem *devm_platform_ioremap_resource(struct platform_device *pdev,
                                                        unsigned int index);
QUARRY_API void __iomem *devm_platform_ioremap_resource_byname(struct platform_device *pdev,
                                                               const char *name);
QUARRY_API void __iomem *devm_platform_get_and_ioremap_resource(struct platform_device *pdev,
                                                                unsigned int index,
                                                                struct resource **res);
/* The interrupt line, or -ENXIO (said so, unless _optional). Lines above 0 only. */
QUARRY_API int platform_get_irq(struct platform_device *pdev, unsigned int index);
QUARRY_API int platform_get_irq_optional(struct platform_device *pdev, unsigned int index);
QUARRY_API int platform_get_irq_byname(struct platform_device *pdev, const char *name);
QUARRY_API int platform_get_irq_byname_optional(struct platform_device *pdev, const char *name);
QUARRY_API int platform_irq_count(struct platform_device *pdev);

QUARRY_API int __platform_driver_register(struct platform_driver *driver, struct module *owner);
#define platform_driver_register(driver) __platform_driver_register((driver), THIS_MODULE)
QUARRY_API void platform_driver_unregister(struct platform_driver *driver);
/* For devices that are there already: -ENODEV, and not registered, when it binds to none. */
QUARRY_API int __platform_driver_probe(struct platform_driver *driver,
                                       int (*probe)(struct platform_device *),
                                       struct module *owner);
#define platform_driver_probe(driver, probe) __platform_driver_probe((driver), (probe), THIS_MODULE)
/* A driver and its one device; ERR_PTR on failure. */
QUARRY_API struct platform_device *__platform_create_bundle(struct platform_driver *driver,
                                                            int (*probe)(struct platform_device *),
                                                            struct resource *res, unsigned int num,
                                                            const void *data, size_t size,
                                                            struct module *owner);
#define platform_create_bundle(driver, probe, res, num, data, size)                                \
    __platform_create_bundle(driver, probe, res, num, data, size, THIS_MODULE)
QUARRY_API int __platform_register_drivers(struct platform_driver *const *drivers,
                                           unsigned int count, struct module *owner);
#define platform_register_drivers(drivers, count)                                                  \
    __platform_register_drivers(drivers, count, THIS_MODULE)
QUARRY_API void platform_unregister_drivers(struct platform_driver *const *drivers,
                                            unsigned int count);

QUARRY_EXTERN_C_END

static inline void *platform_get_drvdata(const struct platform_device *pdev)
{
    return dev_get_drvdata(&pdev->dev);
}
static inline void platform_set_drvdata(struct platform_device *pdev, void *data)
{
    dev_set_drvdata(&pdev->dev, data);
}
static inline void *dev_get_platdata(const struct device *dev)
{
    return dev->platform_data;
}
#define platform_get_device_id(pdev) ((pdev)->id_entry)
#define module_platform_driver(driver)                                                             \
    module_driver(driver, platform_driver_register, platform_driver_unregister)
#define builtin_platform_driver(driver) builtin_driver(driver, platform_driver_register)
#define module_platform_driver_probe(driver, probing)                                              \
    static int __init driver##_init(void)                                                          \
    {                                                                                              \
        return platform_driver_probe(&(driver), probing);                                          \
    }                                                                                              \
    module_init(driver##_init);                                                                    \
    static void __exit driver##_exit(void)                                                         \
    {                                                                                              \
        platform_driver_unregister(&(driver));                                                     \
    }                                                                                              \
    module_exit(driver##_exit)

#endif
