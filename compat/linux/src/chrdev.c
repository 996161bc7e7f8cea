/* SPDX-License-Identifier: MIT */
/* chrdev: device numbers, and the drivers behind them.
 *
 * Two tables, as in a kernel: regions (who owns a range of numbers, by name) and cdevs (which
 * operations serve a range). Devices that nobody made a node for (device_create, misc_register) are
 * listed under their region's name and minor, so that a driver which only calls cdev_add can be opened.
 *
 * Locks: chrdev_lock, held over no call into driver code. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/cdev.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <stdio.h>
#include <stdlib.h>

#define CHRDEV_MAJORS 4096u
#define CHRDEV_MINORS (1u << MINORBITS)
#define CHRDEV_LISTED 256u /* minors of one region shown in dev/ */

struct chrdev_region {
    struct list_head list;
    char name[64];
    unsigned int major, baseminor, count;
    bool old;          /* by register_chrdev */
    struct cdev *cdev; /* its cdev then */
    void *allocation;  /* what a forgetful module leaks */
};

struct chrdev_map {
    struct list_head list;
    struct cdev *cdev;
    dev_t first;
    unsigned int count;
    void *allocation;
};

static pthread_mutex_t chrdev_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(chrdev_regions);
static LIST_HEAD(chrdev_maps);

/* ---- regions ------------------------------------------------------------------------------- */

static bool region_overlaps(unsigned int major, unsigned int baseminor, unsigned int count)
{
    struct chrdev_region *region;
    list_for_each_entry (region, &chrdev_regions, list) {
        if (region->major == major && baseminor < region->baseminor + region->count &&
            region->baseminor < baseminor + count)
            return true;
    }
    return false;
}

static bool region_major_free(unsigned int major)
{
    struct chrdev_region *region;
    list_for_each_entry (region, &chrdev_regions, list) {
        if (region->major == major)
            return false;
    }
    return true;
}

/* A major that is free: 254 down to 234, then 511 down to 384. 0 when none is. */
static unsigned int region_pick_major(void)
{
    unsigned int major;
    for (major = 254; major >= 234; major--)
        if (region_major_free(major))
            return major;
    for (major = 511; major >= 384; major--)
        if (region_major_free(major))
            return major;
    return 0;
}

/* Register a region; major 0 picks one. The region, or an error pointer. */
static struct chrdev_region *region_add(unsigned int major, unsigned int baseminor,
                                        unsigned int count, const char *name, bool old)
{
    struct chrdev_region *region;
    int error = 0;
    if (major >= CHRDEV_MAJORS || count == 0 || baseminor >= CHRDEV_MINORS ||
        count > CHRDEV_MINORS - baseminor || !name)
        return ERR_PTR(-EINVAL);
    region = calloc(1, sizeof(*region));
    if (!region)
        return ERR_PTR(-ENOMEM);
    region->allocation = kzalloc(sizeof(*region), GFP_KERNEL);
    if (!region->allocation) {
        free(region);
        return ERR_PTR(-ENOMEM);
    }
    snprintf(region->name, sizeof(region->name), "%s", name);
    region->baseminor = baseminor;
    region->count = count;
    region->old = old;
    pthread_mutex_lock(&chrdev_lock);
    region->major = major ? major : region_pick_major();
    if (!region->major || region_overlaps(region->major, baseminor, count))
        error = -EBUSY;
    else
        list_add_tail(&region->list, &chrdev_regions);
    pthread_mutex_unlock(&chrdev_lock);
    if (error) {
        kfree(region->allocation);
        free(region);
        return ERR_PTR(error);
    }
    qlx_left_add(QLX_LEFT_CHRDEV_REGION, region, region->name);
    return region;
}

static struct chrdev_region *region_take(unsigned int major, unsigned int baseminor,
                                         unsigned int count)
{
    struct chrdev_region *region, *found = NULL;
    pthread_mutex_lock(&chrdev_lock);
    list_for_each_entry (region, &chrdev_regions, list) {
        if (region->major == major && region->baseminor == baseminor && region->count == count)
            found = region;
    }
    if (found)
        list_del(&found->list);
    pthread_mutex_unlock(&chrdev_lock);
    return found;
}

static void region_free(struct chrdev_region *region)
{
    qlx_left_remove(QLX_LEFT_CHRDEV_REGION, region);
    kfree(region->allocation);
    free(region);
}

QUARRY_API int register_chrdev_region(dev_t first, unsigned int count, const char *name)
{
    struct chrdev_region *region;
    quarry_might_sleep("register_chrdev_region");
    if (MAJOR(first) == 0)
        return -EINVAL;
    region = region_add(MAJOR(first), MINOR(first), count, name, false);
    return PTR_ERR_OR_ZERO(region);
}

QUARRY_API int alloc_chrdev_region(dev_t *first, unsigned int baseminor, unsigned int count,
                                   const char *name)
{
    struct chrdev_region *region;
    quarry_might_sleep("alloc_chrdev_region");
    region = region_add(0, baseminor, count, name, false);
    if (IS_ERR(region))
        return (int)PTR_ERR(region);
    *first = MKDEV(region->major, region->baseminor);
    return 0;
}

QUARRY_API void unregister_chrdev_region(dev_t first, unsigned int count)
{
    struct chrdev_region *region = region_take(MAJOR(first), MINOR(first), count);
    if (!region) {
        qlx_find("registration", NULL, NULL,
                 "unregister_chrdev_region(%u:%u, %u): no such region is registered", MAJOR(first),
                 MINOR(first), count);
        return;
    }
    region_free(region);
}

/* ---- cdevs --------------------------------------------------------------------------------- */

QUARRY_API void cdev_init(struct cdev *cdev, const struct file_operations *ops)
{
    memset(cdev, 0, sizeof(*cdev));
    INIT_LIST_HEAD(&cdev->list);
    kref_init(&cdev->kobj.kref);
    cdev->ops = ops;
}

QUARRY_API struct cdev *cdev_alloc(void)
{
    struct cdev *cdev = kzalloc(sizeof(*cdev), GFP_KERNEL);
    if (!cdev)
        return NULL;
    INIT_LIST_HEAD(&cdev->list);
    kref_init(&cdev->kobj.kref);
    cdev->quarry_allocated = 1;
    return cdev;
}

QUARRY_API void cdev_set_parent(struct cdev *cdev, struct kobject *parent)
{
    cdev->kobj.parent = parent;
}

QUARRY_API int cdev_add(struct cdev *cdev, dev_t dev, unsigned int count)
{
    struct chrdev_map *map, *other;
    char name[64];
    int error = 0;
    quarry_might_sleep("cdev_add");
    if (!cdev->ops || count == 0)
        return -EINVAL;
    map = calloc(1, sizeof(*map));
    if (!map)
        return -ENOMEM;
    map->allocation = kzalloc(sizeof(*map), GFP_KERNEL);
    if (!map->allocation) {
        free(map);
        return -ENOMEM;
    }
    cdev->dev = map->first = dev;
    cdev->count = map->count = count;
    map->cdev = cdev;
    pthread_mutex_lock(&chrdev_lock);
    list_for_each_entry (other, &chrdev_maps, list) {
        if (other->first < dev + count && dev < other->first + other->count)
            error = -EBUSY;
    }
    if (!error)
        list_add_tail(&map->list, &chrdev_maps);
    pthread_mutex_unlock(&chrdev_lock);
    if (error) {
        kfree(map->allocation);
        free(map);
        return error;
    }
    snprintf(name, sizeof(name), "%u:%u", MAJOR(dev), MINOR(dev));
    qlx_left_add(QLX_LEFT_CDEV, cdev, name);
    return 0;
}

static bool cdev_unmap(const struct cdev *cdev)
{
    struct chrdev_map *map, *found = NULL;
    pthread_mutex_lock(&chrdev_lock);
    list_for_each_entry (map, &chrdev_maps, list) {
        if (map->cdev == cdev)
            found = map;
    }
    if (found)
        list_del(&found->list);
    pthread_mutex_unlock(&chrdev_lock);
    if (!found)
        return false;
    qlx_left_remove(QLX_LEFT_CDEV, cdev);
    kfree(found->allocation);
    free(found);
    return true;
}

QUARRY_API void cdev_put(struct cdev *cdev)
{
    if (cdev && cdev->quarry_allocated)
        kfree(cdev);
}

QUARRY_API void cdev_del(struct cdev *cdev)
{
    bool was = cdev_unmap(cdev);
    if (cdev->quarry_allocated)
        kfree(cdev); /* also one that never was added: that is how it is given back */
    else if (!was)
        qlx_find("registration", NULL, NULL, "cdev_del of a cdev that was not added");
}

/* ---- both at once -------------------------------------------------------------------------- */

QUARRY_API int __register_chrdev(unsigned int major, unsigned int baseminor, unsigned int count,
                                 const char *name, const struct file_operations *fops)
{
    struct chrdev_region *region;
    int error = -ENOMEM;
    quarry_might_sleep("register_chrdev");
    region = region_add(major, baseminor, count, name, true);
    if (IS_ERR(region))
        return (int)PTR_ERR(region);
    region->cdev = cdev_alloc();
    if (region->cdev) {
        region->cdev->ops = fops;
        region->cdev->owner = fops ? fops->owner : NULL;
        error = cdev_add(region->cdev, MKDEV(region->major, baseminor), count);
    }
    if (error) {
        cdev_put(region->cdev);
        region_take(region->major, baseminor, count);
        region_free(region);
        return error;
    }
    return major ? 0 : (int)region->major;
}

QUARRY_API int register_chrdev(unsigned int major, const char *name,
                               const struct file_operations *fops)
{
    return __register_chrdev(major, 0, 256, name, fops);
}

static int chrdev_unregister(unsigned int major, unsigned int baseminor, unsigned int count)
{
    struct chrdev_region *region = region_take(major, baseminor, count);
    if (!region) {
        qlx_find("registration", NULL, NULL, "unregister_chrdev(%u): nothing is registered there",
                 major);
        return -EINVAL;
    }
    if (region->cdev)
        cdev_del(region->cdev);
    region_free(region);
    return 0;
}

QUARRY_API void __unregister_chrdev(unsigned int major, unsigned int baseminor, unsigned int count,
                                    const char *name)
{
    chrdev_unregister(major, baseminor, count);
}

QUARRY_API void unregister_chrdev(unsigned int major, const char *name)
{
    chrdev_unregister(major, 0, 256);
}

QUARRY_API int quarry_unregister_chrdev_old(unsigned int major, const char *name);
QUARRY_API int quarry_unregister_chrdev_old(unsigned int major, const char *name)
{
    return chrdev_unregister(major, 0, 256);
}

/* ---- looking up ---------------------------------------------------------------------------- */

int qlx_chrdev_get(unsigned int dev, struct qlx_chrdev *chrdev)
{
    struct chrdev_map *map;
    *chrdev = (struct qlx_chrdev){NULL, NULL, NULL};
    if (MAJOR(dev) == MISC_MAJOR) {
        chrdev->misc = qlx_misc_find(MINOR(dev));
        if (chrdev->misc)
            chrdev->fops = chrdev->misc->fops;
    }
    pthread_mutex_lock(&chrdev_lock);
    list_for_each_entry (map, &chrdev_maps, list) {
        if (!chrdev->fops && dev >= map->first && dev < map->first + map->count) {
            chrdev->cdev = map->cdev;
            chrdev->fops = map->cdev->ops;
        }
    }
    pthread_mutex_unlock(&chrdev_lock);
    if (!chrdev->fops || (chrdev->fops->owner && !qlx_module_hold(chrdev->fops->owner)))
        return -ENXIO;
    return 0;
}

/* The name of a number that has no node of its own. */
static bool chrdev_name(dev_t dev, char *name, size_t size)
{
    struct chrdev_region *region;
    list_for_each_entry (region, &chrdev_regions, list) {
        unsigned int minor = MINOR(dev);
        if (region->major != MAJOR(dev) || minor < region->baseminor ||
            minor - region->baseminor >= region->count)
            continue;
        if (region->old && minor == region->baseminor)
            snprintf(name, size, "%s", region->name);
        else
            snprintf(name, size, "%s%u", region->name, minor);
        return true;
    }
    return false;
}

struct chrdev_listing {
    struct qlx_device *device;
    size_t nr, room;
};

static void listing_add(struct chrdev_listing *listing, const struct qlx_device *device)
{
    if (listing->nr == listing->room) {
        size_t room = listing->room ? 2 * listing->room : 32;
        struct qlx_device *more = realloc(listing->device, room * sizeof(*more));
        if (!more)
            return;
        listing->device = more;
        listing->room = room;
    }
    listing->device[listing->nr++] = *device;
}

static bool listing_visit(const struct qlx_device *device, void *data)
{
    listing_add(data, device);
    return true;
}

static void listing_add_map(struct chrdev_listing *listing, const struct chrdev_map *map)
{
    struct chrdev_region *region;
    unsigned int count = min(map->count, CHRDEV_LISTED);
    list_for_each_entry (region, &chrdev_regions, list) {
        if (region->old && region->cdev == map->cdev)
            count = 1;
    }
    for (unsigned int i = 0; i < count; i++) {
        struct qlx_device device = {.dev = (unsigned int)map->first + i, .mode = 0600};
        if (!qlx_device_made(device.dev) &&
            chrdev_name(device.dev, device.name, sizeof(device.name)))
            listing_add(listing, &device);
    }
}

static void chrdev_list(struct chrdev_listing *listing)
{
    struct chrdev_map *map;
    qlx_devices_visit(listing_visit, listing);
    pthread_mutex_lock(&chrdev_lock);
    list_for_each_entry (map, &chrdev_maps, list)
        listing_add_map(listing, map);
    pthread_mutex_unlock(&chrdev_lock);
}

void qlx_for_each_device(bool (*visit)(const struct qlx_device *, void *), void *data)
{
    struct chrdev_listing listing = {NULL, 0, 0};
    chrdev_list(&listing);
    for (size_t i = 0; i < listing.nr; i++)
        if (!visit(&listing.device[i], data))
            break;
    free(listing.device);
}

/* "name17": minor 17 of the region @name, if a driver serves it. */
static bool chrdev_find_minor(const char *name, struct qlx_device *device)
{
    struct chrdev_region *region;
    struct qlx_chrdev chrdev;
    bool found = false;
    pthread_mutex_lock(&chrdev_lock);
    list_for_each_entry (region, &chrdev_regions, list) {
        size_t length = strlen(region->name);
        unsigned int minor;
        if (strncmp(name, region->name, length) != 0 || kstrtouint(name + length, 10, &minor) ||
            minor < region->baseminor || minor - region->baseminor >= region->count)
            continue;
        *device =
            (struct qlx_device){.dev = (unsigned int)MKDEV(region->major, minor), .mode = 0600};
        snprintf(device->name, sizeof(device->name), "%s", name);
        found = true;
        break;
    }
    pthread_mutex_unlock(&chrdev_lock);
    if (!found || qlx_chrdev_get(device->dev, &chrdev))
        return false;
    qlx_module_drop(chrdev.fops->owner);
    return true;
}

int qlx_find_device(const char *name, struct qlx_device *device)
{
    struct chrdev_listing listing = {NULL, 0, 0};
    bool found = false;
    chrdev_list(&listing);
    for (size_t i = 0; i < listing.nr && !found; i++) {
        found = strcmp(listing.device[i].name, name) == 0;
        if (found)
            *device = listing.device[i];
    }
    free(listing.device);
    return found || chrdev_find_minor(name, device) ? 0 : -ENOENT;
}

/* The modules' registrations are void: their memory from Quarry stays lost, the rest goes. */
void qlx_chrdev_forget(void)
{
    struct chrdev_region *region, *next_region;
    struct chrdev_map *map, *next_map;
    pthread_mutex_lock(&chrdev_lock);
    list_for_each_entry_safe (map, next_map, &chrdev_maps, list) {
        list_del(&map->list);
        free(map);
    }
    list_for_each_entry_safe (region, next_region, &chrdev_regions, list) {
        list_del(&region->list);
        free(region);
    }
    pthread_mutex_unlock(&chrdev_lock);
    qlx_devices_forget();
}
