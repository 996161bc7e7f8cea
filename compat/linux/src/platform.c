/* SPDX-License-Identifier: MIT */
/* platform: devices that somebody names, and drivers that match them by name.
 *
 * The bus and the device that all others lie below are the machine's own, made at first use. */
#define _GNU_SOURCE
#include "core.h"
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <stdio.h>

static pthread_mutex_t platform_lock = PTHREAD_MUTEX_INITIALIZER;
static bool platform_ready;
static int platform_last_id;

/* ---- the bus ------------------------------------------------------------------------------- */

static const struct platform_device_id *platform_id(const struct platform_device_id *id,
                                                    const char *name)
{
    for (; id && id->name[0]; id++)
        if (strcmp(id->name, name) == 0)
            return id;
    return NULL;
}

static int platform_match(struct device *dev, const struct device_driver *drv)
{
    struct platform_device *pdev = to_platform_device(dev);
    const struct platform_driver *driver = to_platform_driver(drv);
    if (pdev->driver_override)
        return strcmp(pdev->driver_override, drv->name) == 0;
    if (driver->id_table) {
        pdev->id_entry = platform_id(driver->id_table, pdev->name);
        return pdev->id_entry != NULL;
    }
    return strcmp(pdev->name, drv->name) == 0;
}

static int platform_probe(struct device *dev)
{
    struct platform_driver *driver = to_platform_driver(dev->driver);
    int error;
    if (!driver->probe)
        return 0;
    error = driver->probe(to_platform_device(dev));
    if (error == -EPROBE_DEFER && driver->prevent_deferred_probe) {
        dev_warn(dev, "its driver does not support being put off\n");
        error = -ENXIO;
    }
    return error;
}

/* Whatever its generation's remove returns is of no interest. */
static void platform_remove(struct device *dev)
{
    struct platform_driver *driver = to_platform_driver(dev->driver);
    if (driver->quarry_remove_new)
        driver->quarry_remove_new(to_platform_device(dev));
    else if (driver->remove)
        driver->remove(to_platform_device(dev));
}

QUARRY_API const struct bus_type platform_bus_type = {.name = "platform",
                                                      .match = platform_match,
                                                      .probe = platform_probe,
                                                      .remove = platform_remove};

static void platform_bus_release(struct device *dev)
{
}

QUARRY_API struct device platform_bus = {.release = platform_bus_release};

void qlx_platform_begin(void)
{
    pthread_mutex_lock(&platform_lock);
    if (!platform_ready && qlx_bus_begin(&platform_bus_type) == 0) {
        device_initialize(&platform_bus);
        qlx_left_remove(QLX_LEFT_KOBJECT, &platform_bus);
        platform_bus.kobj.name = "platform";
        qlx_kobject_show(&platform_bus.kobj, qlx_entry_root("devices/platform"));
        platform_ready = true;
    }
    pthread_mutex_unlock(&platform_lock);
}

void qlx_platform_forget(void)
{
    memset(&platform_bus.kobj, 0, sizeof(platform_bus.kobj));
    platform_ready = false;
    platform_last_id = 0;
}

/* ---- devices ------------------------------------------------------------------------------- */

static int platform_name(struct platform_device *pdev)
{
    if (pdev->id == PLATFORM_DEVID_NONE)
        return dev_set_name(&pdev->dev, "%s", pdev->name);
    if (pdev->id != PLATFORM_DEVID_AUTO)
        return dev_set_name(&pdev->dev, "%s.%d", pdev->name, pdev->id);
    pdev->id = __atomic_fetch_add(&platform_last_id, 1, __ATOMIC_RELAXED);
    pdev->id_auto = true;
    return dev_set_name(&pdev->dev, "%s.%d.auto", pdev->name, pdev->id);
}

/* What every platform device has, whoever made it. */
static void platform_prepare(struct platform_device *pdev)
{
    qlx_platform_begin();
    if (!pdev->dev.parent)
        pdev->dev.parent = &platform_bus;
    pdev->dev.bus = &platform_bus_type;
    if (!pdev->dev.coherent_dma_mask)
        pdev->dev.coherent_dma_mask = 0xffffffffull;
    if (!pdev->dev.dma_mask) {
        pdev->platform_dma_mask = 0xffffffffull;
        pdev->dev.dma_mask = &pdev->platform_dma_mask;
    }
}

static int platform_add(struct platform_device *pdev, const char *undo)
{
    int error;
    if (!pdev || !pdev->name)
        return -EINVAL;
    platform_prepare(pdev);
    error = platform_name(pdev);
    for (u32 i = 0; i < pdev->num_resources && !error; i++)
        if (!pdev->resource[i].name)
            pdev->resource[i].name = dev_name(&pdev->dev);
    if (!error)
        error = qlx_device_add(&pdev->dev, undo);
    return error;
}

QUARRY_API int platform_device_add(struct platform_device *pdev)
{
    return platform_add(pdev, "platform_device_del");
}

QUARRY_API int platform_device_register(struct platform_device *pdev)
{
    device_initialize(&pdev->dev);
    return platform_add(pdev, "platform_device_unregister");
}

QUARRY_API void platform_device_del(struct platform_device *pdev)
{
    if (!IS_ERR_OR_NULL(pdev))
        device_del(&pdev->dev);
}

QUARRY_API void platform_device_put(struct platform_device *pdev)
{
    if (!IS_ERR_OR_NULL(pdev))
        put_device(&pdev->dev);
}

QUARRY_API void platform_device_unregister(struct platform_device *pdev)
{
    platform_device_del(pdev);
    platform_device_put(pdev);
}

QUARRY_API int platform_add_devices(struct platform_device **devices, int num)
{
    int error = 0, i;
    for (i = 0; i < num && !error; i++)
        error = platform_device_register(devices[i]);
    if (error)
        for (i--; i-- > 0;)
            platform_device_unregister(devices[i]);
    return error;
}

static void platform_device_release(struct device *dev)
{
    struct platform_device *pdev = to_platform_device(dev);
    kfree(pdev->dev.platform_data);
    kfree(pdev->resource);
    kfree(pdev->driver_override);
    kfree(pdev);
}

QUARRY_API struct platform_device *platform_device_alloc(const char *name, int id)
{
    size_t size = strlen(name) + 1;
    struct platform_device *pdev = kzalloc(sizeof(*pdev) + size, GFP_KERNEL);
    char *copy;
    if (!pdev)
        return NULL;
    copy = (char *)(pdev + 1);
    memcpy(copy, name, size);
    pdev->name = copy;
    pdev->id = id;
    pdev->quarry_owned = 1;
    device_initialize(&pdev->dev);
    pdev->dev.release = platform_device_release;
    return pdev;
}

QUARRY_API int platform_device_add_resources(struct platform_device *pdev,
                                             const struct resource *res, unsigned int num)
{
    struct resource *copy = NULL;
    if (res && num) {
        copy = kmemdup(res, num * sizeof(*res), GFP_KERNEL);
        if (!copy)
            return -ENOMEM;
    }
    kfree(pdev->resource);
    pdev->resource = copy;
    pdev->num_resources = copy ? num : 0;
    return 0;
}

QUARRY_API int platform_device_add_data(struct platform_device *pdev, const void *data, size_t size)
{
    void *copy = NULL;
    if (data && size) {
        copy = kmemdup(data, size, GFP_KERNEL);
        if (!copy)
            return -ENOMEM;
    }
    kfree(pdev->dev.platform_data);
    pdev->dev.platform_data = copy;
    return 0;
}

QUARRY_API struct platform_device *
platform_device_register_full(const struct platform_device_info *info)
{
    struct platform_device *pdev = platform_device_alloc(info->name, info->id);
    int error;
    if (!pdev)
        return ERR_PTR(-ENOMEM);
    pdev->dev.parent = info->parent;
    if (info->dma_mask) {
        pdev->platform_dma_mask = info->dma_mask;
        pdev->dev.dma_mask = &pdev->platform_dma_mask;
        pdev->dev.coherent_dma_mask = info->dma_mask;
    }
    error = platform_device_add_resources(pdev, info->res, info->num_res);
    if (!error)
        error = platform_device_add_data(pdev, info->data, info->size_data);
    if (!error)
        error = platform_add(pdev, "platform_device_unregister");
    if (error) {
        platform_device_put(pdev);
        return ERR_PTR(error);
    }
    return pdev;
}

/* ---- resources ----------------------------------------------------------------------------- */

static struct resource *platform_resource(struct platform_device *pdev, unsigned long type,
                                          unsigned int index, const char *name)
{
    for (u32 i = 0; i < pdev->num_resources; i++) {
        struct resource *res = &pdev->resource[i];
        if (!(resource_type(res) & type))
            continue;
        if (name ? res->name && strcmp(res->name, name) == 0 : index-- == 0)
            return res;
    }
    return NULL;
}

QUARRY_API struct resource *platform_get_resource(struct platform_device *pdev, unsigned int type,
                                                  unsigned int index)
{
    return platform_resource(pdev, type, index, NULL);
}

QUARRY_API struct resource *platform_get_resource_byname(struct platform_device *pdev,
                                                         unsigned int type, const char *name)
{
    return platform_resource(pdev, type, 0, name);
}

QUARRY_API struct resource *platform_get_mem_or_io(struct platform_device *pdev, unsigned int index)
{
    return platform_resource(pdev, IORESOURCE_MEM | IORESOURCE_IO, index, NULL);
}

static int platform_irq(struct platform_device *pdev, unsigned int index, const char *name)
{
    struct resource *res = platform_resource(pdev, IORESOURCE_IRQ, index, name);
    return res && res->start ? (int)res->start : -ENXIO;
}

QUARRY_API int platform_get_irq_optional(struct platform_device *pdev, unsigned int index)
{
    return platform_irq(pdev, index, NULL);
}

QUARRY_API int platform_get_irq(struct platform_device *pdev, unsigned int index)
{
    int irq = platform_irq(pdev, index, NULL);
    if (irq < 0)
        dev_err(&pdev->dev, "IRQ index %u not found\n", index);
    return irq;
}

QUARRY_API int platform_get_irq_byname_optional(struct platform_device *pdev, const char *name)
{
    return platform_irq(pdev, 0, name);
}

QUARRY_API int platform_get_irq_byname(struct platform_device *pdev, const char *name)
{
    int irq = platform_irq(pdev, 0, name);
    if (irq < 0)
        dev_err(&pdev->dev, "IRQ %s not found\n", name);
    return irq;
}

QUARRY_API int platform_irq_count(struct platform_device *pdev)
{
    int nr = 0;
    while (platform_irq(pdev, (unsigned int)nr, NULL) > 0)
        nr++;
    return nr;
}

/* ---- drivers ------------------------------------------------------------------------------- */

QUARRY_API int __platform_driver_register(struct platform_driver *driver, struct module *owner)
{
    qlx_platform_begin();
    driver->driver.owner = owner;
    driver->driver.bus = &platform_bus_type;
    return qlx_driver_register(&driver->driver, "platform_driver_unregister");
}

QUARRY_API void platform_driver_unregister(struct platform_driver *driver)
{
    driver_unregister(&driver->driver);
}

static int platform_any(struct device *dev, void *unused)
{
    return 1;
}

QUARRY_API int __platform_driver_probe(struct platform_driver *driver,
                                       int (*probe)(struct platform_device *), struct module *owner)
{
    int error;
    driver->prevent_deferred_probe = true;
    driver->driver.suppress_bind_attrs = true;
    driver->probe = probe;
    error = __platform_driver_register(driver, owner);
    if (error)
        return error;
    if (!driver_for_each_device(&driver->driver, NULL, NULL, platform_any)) {
        platform_driver_unregister(driver);
        return -ENODEV;
    }
    return 0;
}

QUARRY_API struct platform_device *__platform_create_bundle(struct platform_driver *driver,
                                                            int (*probe)(struct platform_device *),
                                                            struct resource *res, unsigned int num,
                                                            const void *data, size_t size,
                                                            struct module *owner)
{
    struct platform_device *pdev = platform_device_register_resndata(
        NULL, driver->driver.name, PLATFORM_DEVID_NONE, res, num, data, size);
    int error;
    if (IS_ERR(pdev))
        return pdev;
    error = __platform_driver_probe(driver, probe, owner);
    if (error) {
        platform_device_unregister(pdev);
        return ERR_PTR(error);
    }
    return pdev;
}

QUARRY_API int __platform_register_drivers(struct platform_driver *const *drivers,
                                           unsigned int count, struct module *owner)
{
    unsigned int i;
    int error = 0;
    for (i = 0; i < count && !error; i++)
        error = __platform_driver_register(drivers[i], owner);
    if (error)
        for (i--; i-- > 0;)
            platform_driver_unregister(drivers[i]);
    return error;
}

QUARRY_API void platform_unregister_drivers(struct platform_driver *const *drivers,
                                            unsigned int count)
{
    while (count-- > 0)
        platform_driver_unregister(drivers[count]);
}
