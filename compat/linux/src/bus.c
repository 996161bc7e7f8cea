/* SPDX-License-Identifier: MIT */
/* bus: buses, drivers, and which driver gets which device.
 *
 * A device that is added is offered to the drivers of its bus, a driver that is registered to the devices
 * without one. The first driver that the bus says fits and whose probe succeeds keeps the device. A
 * probe that fails has its managed resources released; one that says -EPROBE_DEFER is tried again after
 * each later success on any bus, in the thread that made it (a kernel does that from a work queue).
 * Unbinding runs remove, then releases the managed resources.
 *
 * Locks: bus_lock for the list of drivers; a device's own mutex is held over its probe and remove. */
#define _GNU_SOURCE
#include "core.h"
#include <linux/module.h>
#include <linux/slab.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t bus_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(bus_drivers);
static int bus_retrying, bus_retry_again;

/* ---- binding ------------------------------------------------------------------------------- */

static void bus_note(struct device *dev, const struct device_driver *driver, bool put_off)
{
    struct qlx_dev *record = qlx_dev_lock(dev);
    if (record) {
        record->driver = driver;
        record->put_off = put_off;
        qlx_dev_unlock();
    }
}

static void bus_links(struct device *dev, bool add)
{
    struct qlx_driver *driver = dev->driver->p;
    struct qlx_entry *folder = (struct qlx_entry *)dev->kobj.sd;
    if (!driver || !folder)
        return;
    if (add) {
        qlx_entry_link((struct qlx_entry *)driver->kobj.sd, dev_name(dev), folder);
        qlx_entry_link(folder, "driver", (struct qlx_entry *)driver->kobj.sd);
    } else {
        qlx_entry_remove(qlx_entry_child((struct qlx_entry *)driver->kobj.sd, dev_name(dev)));
        qlx_entry_remove(qlx_entry_child(folder, "driver"));
    }
}

static void bus_retry(void);

/* Undo what is done for a bound device, but for its remove. */
static void bus_let_go(struct device *dev)
{
    qlx_devres_release_all(dev);
    bus_links(dev, false);
    dev->driver = NULL;
    dev_set_drvdata(dev, NULL);
}

static unsigned long bus_failures;

unsigned long qlx_failed_probes(void)
{
    return __atomic_load_n(&bus_failures, __ATOMIC_RELAXED);
}

/* With the device locked: 0, or the error. */
static int bus_try(struct device_driver *driver, struct device *dev)
{
    int error = 0;
    dev->driver = driver;
    bus_links(dev, true);
    if (dev->bus && dev->bus->probe)
        error = dev->bus->probe(dev);
    else if (driver->probe)
        error = driver->probe(dev);
    if (!error && driver->dev_groups) {
        error = device_add_groups(dev, driver->dev_groups);
        if (error && dev->bus && dev->bus->remove)
            dev->bus->remove(dev);
        else if (error && driver->remove)
            driver->remove(dev);
    }
    if (error > 0) {
        qlx_find("registration", NULL, NULL,
                 "the probe of driver %s returned %d: success is 0, an error a negative errno",
                 driver->name, error);
        error = -error;
    }
    if (error)
        bus_let_go(dev);
    bus_note(dev, error ? NULL : driver, error == -EPROBE_DEFER);
    if (error && error != -EPROBE_DEFER && error != -ENODEV && error != -ENXIO) {
        __atomic_fetch_add(&bus_failures, 1, __ATOMIC_RELAXED);
        quarry_dev_printk(KERN_WARNING, dev, "probe with driver %s failed with error %d\n",
                          driver->name, error);
    }
    return error;
}

static bool bus_fits(struct device *dev, struct device_driver *driver)
{
    return driver->bus == dev->bus && (!dev->bus->match || dev->bus->match(dev, driver) > 0);
}

/* 1 bound, 0 not (another may fit), or -EPROBE_DEFER. */
static int bus_offer(struct device_driver *driver, struct device *dev)
{
    int error = -ENODEV;
    device_lock(dev);
    if (!dev->driver && bus_fits(dev, driver))
        error = bus_try(driver, dev);
    device_unlock(dev);
    if (!error)
        bus_retry();
    return error == 0 ? 1 : error == -EPROBE_DEFER ? error : 0;
}

/* The drivers of a bus (NULL: all), as they are now. */
static struct device_driver **bus_drivers_of(const struct bus_type *bus, size_t *nr)
{
    struct qlx_driver *driver;
    struct device_driver **drivers;
    size_t count = 0;
    pthread_mutex_lock(&bus_lock);
    drivers = calloc(list_count_nodes(&bus_drivers) + 1, sizeof(*drivers));
    list_for_each_entry (driver, &bus_drivers, list)
        if (drivers && (!bus || driver->bus == bus))
            drivers[count++] = driver->driver;
    pthread_mutex_unlock(&bus_lock);
    *nr = count;
    return drivers;
}

QUARRY_API int device_attach(struct device *dev)
{
    struct device_driver **drivers;
    size_t nr;
    int result = 0;
    if (!dev->bus)
        return 0;
    if (dev->driver)
        return 1;
    drivers = bus_drivers_of(dev->bus, &nr);
    for (size_t i = 0; i < nr && result == 0; i++)
        result = bus_offer(drivers[i], dev);
    free(drivers);
    return result;
}

void qlx_bus_probe(struct device *dev)
{
    if (dev->bus && device_attach(dev) < 0)
        dev_dbg(dev, "its probe is put off\n");
}

QUARRY_API int device_bind_driver(struct device *dev)
{
    if (!dev->driver)
        return -EINVAL;
    bus_links(dev, true);
    bus_note(dev, dev->driver, false);
    return 0;
}

static bool bus_wants_driver(const struct qlx_dev *record, const void *bus)
{
    return record->bus == bus && !record->driver;
}

QUARRY_API int driver_attach(const struct device_driver *driver)
{
    size_t nr;
    struct device **devices = qlx_devices_take(bus_wants_driver, driver->bus, &nr);
    for (size_t i = 0; i < nr; i++)
        bus_offer((struct device_driver *)(uintptr_t)driver, devices[i]);
    qlx_devices_give(devices, nr);
    return 0;
}

void qlx_bus_unbind(struct device *dev)
{
    struct device_driver *driver;
    device_lock(dev);
    driver = dev->driver;
    if (driver) {
        if (driver->dev_groups)
            device_remove_groups(dev, driver->dev_groups);
        if (dev->bus && dev->bus->remove)
            dev->bus->remove(dev);
        else if (driver->remove)
            driver->remove(dev);
        bus_let_go(dev);
    }
    bus_note(dev, NULL, false);
    device_unlock(dev);
}

QUARRY_API void device_release_driver(struct device *dev)
{
    qlx_bus_unbind(dev);
}

QUARRY_API int device_reprobe(struct device *dev)
{
    qlx_bus_unbind(dev);
    return device_attach(dev) < 0 ? -EPROBE_DEFER : 0;
}

/* ---- probes that were put off -------------------------------------------------------------- */

static bool bus_is_put_off(const struct qlx_dev *record, const void *unused)
{
    return record->put_off;
}

/* A probe succeeded: what others wait for may be there now. A success inside goes round again instead of
 * deeper. */
static void bus_retry(void)
{
    if (__atomic_exchange_n(&bus_retrying, 1, __ATOMIC_ACQ_REL)) {
        __atomic_store_n(&bus_retry_again, 1, __ATOMIC_RELEASE);
        return;
    }
    do {
        size_t nr;
        struct device **devices = qlx_devices_take(bus_is_put_off, NULL, &nr);
        __atomic_store_n(&bus_retry_again, 0, __ATOMIC_RELEASE);
        for (size_t i = 0; i < nr; i++) {
            bus_note(devices[i], NULL, false);
            qlx_bus_probe(devices[i]);
        }
        qlx_devices_give(devices, nr);
    } while (__atomic_load_n(&bus_retry_again, __ATOMIC_ACQUIRE));
    __atomic_store_n(&bus_retrying, 0, __ATOMIC_RELEASE);
}

QUARRY_API void wait_for_device_probe(void)
{
}

QUARRY_API int driver_deferred_probe_check_state(struct device *dev)
{
    return -EPROBE_DEFER;
}

/* ---- buses --------------------------------------------------------------------------------- */

static struct bus_type *bus_of(struct kobject *kobj)
{
    const void *key = container_of(kobj, struct qlx_subsys, kobj)->key;
    return (struct bus_type *)(uintptr_t)key;
}

static ssize_t bus_show(struct kobject *kobj, struct attribute *attr, char *page)
{
    struct bus_attribute *own = container_of(attr, struct bus_attribute, attr);
    return own->show ? own->show(bus_of(kobj), page) : -EIO;
}

static ssize_t bus_store(struct kobject *kobj, struct attribute *attr, const char *text,
                         size_t size)
{
    struct bus_attribute *own = container_of(attr, struct bus_attribute, attr);
    return own->store ? own->store(bus_of(kobj), text, size) : -EIO;
}

static const struct sysfs_ops bus_sysfs_ops = {.show = bus_show, .store = bus_store};
static const struct kobj_type bus_ktype = {.sysfs_ops = &bus_sysfs_ops};

/* For the machine's own buses too, which nobody unregisters. */
int qlx_bus_begin(const struct bus_type *bus)
{
    struct qlx_subsys *subsys;
    int error = qlx_subsys_add(bus, "bus", bus->name, &bus_ktype);
    if (error)
        return error;
    subsys = qlx_subsys_find(bus);
    error = qlx_entry_add((struct qlx_entry *)subsys->kobj.sd, "devices", S_IFDIR | 0755,
                          &subsys->devices);
    if (!error)
        error = qlx_entry_add((struct qlx_entry *)subsys->kobj.sd, "drivers", S_IFDIR | 0755,
                              &subsys->drivers);
    if (!error && bus->bus_groups)
        error = sysfs_create_groups(&subsys->kobj, bus->bus_groups);
    if (error)
        qlx_subsys_remove(bus);
    return error;
}

QUARRY_API int bus_register(const struct bus_type *bus)
{
    int error;
    quarry_might_sleep("bus_register");
    if (!bus || !bus->name)
        return -EINVAL;
    error = qlx_bus_begin(bus);
    if (error == -EEXIST)
        qlx_find("registration", NULL, NULL, "there is a bus %s already", bus->name);
    if (!error)
        qlx_left_add(QLX_LEFT_BUS, bus, bus->name);
    return error;
}

static bool bus_has_device(const struct qlx_dev *record, const void *bus)
{
    return record->bus == bus;
}

QUARRY_API void bus_unregister(const struct bus_type *bus)
{
    struct device **devices;
    struct device_driver **drivers;
    size_t nr, nr_drivers;
    if (!qlx_left_remove(QLX_LEFT_BUS, bus)) {
        qlx_find("registration", NULL, NULL, "bus_unregister of a bus that is not registered");
        return;
    }
    devices = qlx_devices_take(bus_has_device, bus, &nr);
    drivers = bus_drivers_of(bus, &nr_drivers);
    if (nr || nr_drivers)
        qlx_find("registration", NULL, NULL,
                 "bus_unregister: bus %s still has %zu devices, %zu drivers", bus->name, nr,
                 nr_drivers);
    qlx_devices_give(devices, nr);
    free(drivers);
    qlx_subsys_remove(bus);
}

QUARRY_API int bus_create_file(const struct bus_type *bus, struct bus_attribute *attr)
{
    struct qlx_subsys *subsys = qlx_subsys_find(bus);
    return subsys ? sysfs_create_file(&subsys->kobj, &attr->attr) : -EINVAL;
}

QUARRY_API void bus_remove_file(const struct bus_type *bus, struct bus_attribute *attr)
{
    struct qlx_subsys *subsys = qlx_subsys_find(bus);
    if (subsys)
        sysfs_remove_file(&subsys->kobj, &attr->attr);
}

QUARRY_API int bus_for_each_dev(const struct bus_type *bus, struct device *start, void *data,
                                int (*fn)(struct device *dev, void *data))
{
    return qlx_devices_each(bus_has_device, bus, start, data, fn);
}

QUARRY_API struct device *bus_find_device(const struct bus_type *bus, struct device *start,
                                          const void *data,
                                          int (*match)(struct device *dev, const void *data))
{
    return qlx_devices_find(bus_has_device, bus, start, data, match);
}

QUARRY_API struct device *bus_find_device_by_name(const struct bus_type *bus, struct device *start,
                                                  const char *name)
{
    return bus_find_device(bus, start, name, device_match_name);
}

QUARRY_API int bus_for_each_drv(const struct bus_type *bus, struct device_driver *start, void *data,
                                int (*fn)(struct device_driver *driver, void *data))
{
    size_t nr;
    struct device_driver **drivers = bus_drivers_of(bus, &nr);
    bool begun = !start;
    int result = 0;
    for (size_t i = 0; i < nr && !result; i++) {
        if (begun)
            result = fn(drivers[i], data);
        begun = begun || drivers[i] == start;
    }
    free(drivers);
    return result;
}

static int bus_rescan_one(struct device *dev, void *unused)
{
    qlx_bus_probe(dev);
    return 0;
}

QUARRY_API int bus_rescan_devices(const struct bus_type *bus)
{
    return bus_for_each_dev(bus, NULL, NULL, bus_rescan_one);
}

/* ---- drivers ------------------------------------------------------------------------------- */

static struct device_driver *driver_of(struct kobject *kobj)
{
    return container_of(kobj, struct qlx_driver, kobj)->driver;
}

static ssize_t driver_show(struct kobject *kobj, struct attribute *attr, char *page)
{
    struct driver_attribute *own = container_of(attr, struct driver_attribute, attr);
    return own->show ? own->show(driver_of(kobj), page) : -EIO;
}

static ssize_t driver_store(struct kobject *kobj, struct attribute *attr, const char *text,
                            size_t size)
{
    struct driver_attribute *own = container_of(attr, struct driver_attribute, attr);
    return own->store ? own->store(driver_of(kobj), text, size) : -EIO;
}

static const struct sysfs_ops driver_sysfs_ops = {.show = driver_show, .store = driver_store};
static const struct kobj_type driver_ktype = {.sysfs_ops = &driver_sysfs_ops};

static ssize_t bind_store(struct device_driver *driver, const char *text, size_t size)
{
    struct device *dev = bus_find_device_by_name(driver->bus, NULL, text);
    int result = dev ? bus_offer(driver, dev) : 0;
    put_device(dev);
    return result == 1 ? (ssize_t)size : result ? result : -ENODEV;
}
static DRIVER_ATTR_WO(bind);

static ssize_t unbind_store(struct device_driver *driver, const char *text, size_t size)
{
    struct device *dev = bus_find_device_by_name(driver->bus, NULL, text);
    bool mine = dev && dev->driver == driver;
    if (mine)
        qlx_bus_unbind(dev);
    put_device(dev);
    return mine ? (ssize_t)size : -ENODEV;
}
static DRIVER_ATTR_WO(unbind);

static int driver_files(struct device_driver *driver)
{
    struct kobject *kobj = &driver->p->kobj;
    int error = 0;
    if (!driver->suppress_bind_attrs) {
        error = sysfs_create_file(kobj, &driver_attr_bind.attr);
        if (!error)
            error = sysfs_create_file(kobj, &driver_attr_unbind.attr);
    }
    if (!error && driver->bus->drv_groups)
        error = sysfs_create_groups(kobj, driver->bus->drv_groups);
    if (!error && driver->groups)
        error = sysfs_create_groups(kobj, driver->groups);
    return error;
}

static int driver_begin(struct device_driver *driver)
{
    struct qlx_subsys *bus = driver->bus ? qlx_subsys_find(driver->bus) : NULL;
    struct qlx_driver *made;
    struct qlx_entry *folder;
    int error;
    if (!bus || !driver->name) {
        qlx_find("registration", NULL, NULL, "driver %s is registered for a bus that is not",
                 driver->name ? driver->name : "(without a name)");
        return -EINVAL;
    }
    error = qlx_entry_add(bus->drivers, driver->name, S_IFDIR | 0755, &folder);
    if (error == -EEXIST) {
        qlx_find("registration", NULL, NULL, "bus %s has a driver %s already", driver->bus->name,
                 driver->name);
        return -EBUSY;
    }
    if (error)
        return error;
    made = calloc(1, sizeof(*made));
    if (!made) {
        qlx_entry_remove(folder);
        return -ENOMEM;
    }
    made->driver = driver;
    made->bus = driver->bus;
    qlx_kobject_begin(&made->kobj, &driver_ktype);
    made->kobj.name = folder->name;
    qlx_kobject_show(&made->kobj, folder);
    driver->p = made;
    pthread_mutex_lock(&bus_lock);
    list_add_tail(&made->list, &bus_drivers);
    pthread_mutex_unlock(&bus_lock);
    return 0;
}

static void driver_end(struct device_driver *driver)
{
    struct qlx_driver *made = driver->p;
    driver->p = NULL;
    pthread_mutex_lock(&bus_lock);
    list_del(&made->list);
    pthread_mutex_unlock(&bus_lock);
    qlx_kobject_hide(&made->kobj);
    free(made);
}

int qlx_driver_register(struct device_driver *driver, const char *undo)
{
    int error;
    quarry_might_sleep("driver_register");
    error = driver_begin(driver);
    if (error)
        return error;
    error = driver_files(driver);
    if (error) {
        driver_end(driver);
        return error;
    }
    qlx_left_add_undo(QLX_LEFT_DRIVER, driver, driver->name, undo);
    return driver_attach(driver);
}

QUARRY_API int driver_register(struct device_driver *driver)
{
    return qlx_driver_register(driver, "driver_unregister");
}

static bool driver_has_device(const struct qlx_dev *record, const void *driver)
{
    return record->driver == driver;
}

QUARRY_API void driver_unregister(struct device_driver *driver)
{
    struct device **devices;
    size_t nr;
    if (!qlx_left_remove(QLX_LEFT_DRIVER, driver)) {
        qlx_find("registration", NULL, NULL,
                 "driver_unregister of a driver that is not registered");
        return;
    }
    devices = qlx_devices_take(driver_has_device, driver, &nr);
    for (size_t i = nr; i-- > 0;)
        qlx_bus_unbind(devices[i]);
    qlx_devices_give(devices, nr);
    driver_end(driver);
}

QUARRY_API struct device_driver *driver_find(const char *name, const struct bus_type *bus)
{
    size_t nr;
    struct device_driver **drivers = bus_drivers_of(bus, &nr), *found = NULL;
    for (size_t i = 0; i < nr; i++)
        if (strcmp(drivers[i]->name, name) == 0)
            found = drivers[i];
    free(drivers);
    return found;
}

QUARRY_API int driver_for_each_device(struct device_driver *driver, struct device *start,
                                      void *data, int (*fn)(struct device *dev, void *data))
{
    return qlx_devices_each(driver_has_device, driver, start, data, fn);
}

QUARRY_API struct device *driver_find_device(struct device_driver *driver, struct device *start,
                                             const void *data,
                                             int (*match)(struct device *dev, const void *data))
{
    return qlx_devices_find(driver_has_device, driver, start, data, match);
}

QUARRY_API int driver_create_file(struct device_driver *driver, const struct driver_attribute *attr)
{
    return driver && driver->p ? sysfs_create_file(&driver->p->kobj, &attr->attr) : -EINVAL;
}

QUARRY_API void driver_remove_file(struct device_driver *driver,
                                   const struct driver_attribute *attr)
{
    if (driver && driver->p)
        sysfs_remove_file(&driver->p->kobj, &attr->attr);
}

/* ---- the end of the runtime ---------------------------------------------------------------- */

void qlx_driver_core_forget(void)
{
    struct qlx_driver *driver, *next;
    pthread_mutex_lock(&bus_lock);
    list_for_each_entry_safe (driver, next, &bus_drivers, list) {
        list_del(&driver->list);
        free(driver);
    }
    pthread_mutex_unlock(&bus_lock);
    qlx_platform_forget();
    qlx_subsys_forget();
}
