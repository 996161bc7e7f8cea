/* SPDX-License-Identifier: MIT */
/* registers: the addresses at which devices have their registers.
 *
 * Problem. Drivers map the registers that their device's resources name, and no device is there.
 *
 * Idea. One sparse file of the host stands for all physical addresses that are not RAM; mapping a range is
 * mapping the file at the offset that equals the address. So registers keep what is written, all mappings of
 * one address are the same memory (a module that plays the hardware maps them too), nothing is spent on
 * what nobody touches, and an access after iounmap() faults at its line. Ranges are claimed on a list.
 *
 * Limits. A register is memory: it has no side effects. Addresses have 52 bits.
 *
 * Locks: registers_lock guards the lists and the file. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/device.h>
#include <linux/io.h>
#include <linux/platform_device.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGISTERS_END (1ull << 52)

struct registers_map {
    struct list_head list;
    char *pages;
    size_t bytes;
    void *address; /* what the caller got */
};

struct registers_claim {
    struct list_head list;
    struct resource resource;
};

static pthread_mutex_t registers_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(registers_maps);
static LIST_HEAD(registers_claims);
static int registers_file = -1;

/* ---- mapping ------------------------------------------------------------------------------- */

static bool registers_are_ram(phys_addr_t start, size_t size)
{
    phys_addr_t last = start + size - 1;
    for (phys_addr_t pfn = start >> PAGE_SHIFT; pfn <= last >> PAGE_SHIFT; pfn++) {
        if (pfn_valid((unsigned long)pfn))
            return true;
    }
    return false;
}

/* With the lock held. */
static char *registers_pages(phys_addr_t from, size_t bytes)
{
    void *pages;
    if (registers_file < 0) {
        registers_file = memfd_create("registers", MFD_CLOEXEC);
        if (registers_file >= 0 && ftruncate(registers_file, (off_t)REGISTERS_END) != 0) {
            close(registers_file);
            registers_file = -1;
        }
    }
    if (registers_file < 0)
        return NULL;
    pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, registers_file, (off_t)from);
    return pages == MAP_FAILED ? NULL : pages;
}

QUARRY_API void __iomem *ioremap(phys_addr_t start, size_t size)
{
    phys_addr_t from = start & PAGE_MASK;
    struct registers_map *map;
    char name[64];
    quarry_might_sleep("ioremap");
    if (!size || start >= REGISTERS_END || size > REGISTERS_END - start) {
        qlx_find("registers", NULL, NULL,
                 "ioremap of %zu bytes at %#llx: there are no such addresses", size,
                 (unsigned long long)start);
        return NULL;
    }
    if (registers_are_ram(start, size)) {
        qlx_find("registers", NULL, NULL,
                 "ioremap of %zu bytes at %#llx, which is RAM of this machine: give the device an "
                 "address beyond it",
                 size, (unsigned long long)start);
        return NULL;
    }
    map = calloc(1, sizeof(*map));
    if (!map)
        return NULL;
    map->bytes = PAGE_ALIGN(start + size - from);
    pthread_mutex_lock(&registers_lock);
    map->pages = registers_pages(from, map->bytes);
    if (map->pages) {
        map->address = map->pages + (start - from);
        list_add(&map->list, &registers_maps);
    }
    pthread_mutex_unlock(&registers_lock);
    if (!map->pages) {
        free(map);
        return NULL;
    }
    snprintf(name, sizeof(name), "%#llx-%#llx", (unsigned long long)start,
             (unsigned long long)(start + size - 1));
    qlx_left_add(QLX_LEFT_MAPPING, map->address, name);
    return map->address;
}

QUARRY_API void iounmap(volatile void __iomem *address)
{
    struct registers_map *map, *found = NULL;
    if (!address)
        return;
    pthread_mutex_lock(&registers_lock);
    list_for_each_entry (map, &registers_maps, list) {
        if (map->address == (void *)address)
            found = map;
    }
    if (found)
        list_del(&found->list);
    pthread_mutex_unlock(&registers_lock);
    if (!found) {
        qlx_find("registers", NULL, NULL, "iounmap of %p, which ioremap did not give",
                 (void *)(uintptr_t)address);
        return;
    }
    qlx_left_remove(QLX_LEFT_MAPPING, found->address);
    munmap(found->pages, found->bytes);
    free(found);
}

/* ---- claiming ------------------------------------------------------------------------------ */

QUARRY_API struct resource *request_mem_region(resource_size_t start, resource_size_t size,
                                               const char *name)
{
    struct registers_claim *claim = calloc(1, sizeof(*claim)), *other;
    bool taken = !size;
    if (!claim)
        return NULL;
    claim->resource.start = start;
    claim->resource.end = start + size - 1;
    claim->resource.name = name;
    claim->resource.flags = IORESOURCE_MEM | IORESOURCE_BUSY;
    pthread_mutex_lock(&registers_lock);
    list_for_each_entry (other, &registers_claims, list)
        taken =
            taken || (start <= other->resource.end && other->resource.start <= start + size - 1);
    if (!taken)
        list_add(&claim->list, &registers_claims);
    pthread_mutex_unlock(&registers_lock);
    if (taken) {
        free(claim);
        return NULL;
    }
    qlx_left_add(QLX_LEFT_MEM_REGION, claim, name ? name : "?");
    return &claim->resource;
}

QUARRY_API void release_mem_region(resource_size_t start, resource_size_t size)
{
    struct registers_claim *claim, *found = NULL;
    pthread_mutex_lock(&registers_lock);
    list_for_each_entry (claim, &registers_claims, list) {
        if (claim->resource.start == start && claim->resource.end == start + size - 1)
            found = claim;
    }
    if (found)
        list_del(&found->list);
    pthread_mutex_unlock(&registers_lock);
    if (!found) {
        qlx_find("registers", NULL, NULL,
                 "release_mem_region of %#llx-%#llx, which nobody has claimed",
                 (unsigned long long)start, (unsigned long long)(start + size - 1));
        return;
    }
    qlx_left_remove(QLX_LEFT_MEM_REGION, found);
    free(found);
}

void qlx_registers_forget(void)
{
    struct registers_map *map, *next_map;
    struct registers_claim *claim, *next_claim;
    pthread_mutex_lock(&registers_lock);
    list_for_each_entry_safe (map, next_map, &registers_maps, list) {
        munmap(map->pages, map->bytes);
        free(map);
    }
    list_for_each_entry_safe (claim, next_claim, &registers_claims, list)
        free(claim);
    INIT_LIST_HEAD(&registers_maps);
    INIT_LIST_HEAD(&registers_claims);
    if (registers_file >= 0)
        close(registers_file);
    registers_file = -1;
    pthread_mutex_unlock(&registers_lock);
}

/* ---- managed forms ------------------------------------------------------------------------- */

static void registers_unmap_managed(struct device *dev, void *res)
{
    iounmap(*(void **)res);
}

QUARRY_API void __iomem *devm_ioremap(struct device *dev, resource_size_t start,
                                      resource_size_t size)
{
    void **res = qlx_devres_pointer(dev, registers_unmap_managed, GFP_KERNEL, "devm_ioremap");
    return res ? qlx_devres_keep(dev, res, ioremap(start, size)) : NULL;
}

QUARRY_API void devm_iounmap(struct device *dev, void __iomem *address)
{
    if (devres_release(dev, registers_unmap_managed, qlx_devres_holds, address))
        qlx_find("registers", NULL, NULL, "devm_iounmap of %p, which is not this device's",
                 address);
}

struct registers_range {
    resource_size_t start, size;
};

static void registers_release_managed(struct device *dev, void *res)
{
    const struct registers_range *range = res;
    release_mem_region(range->start, range->size);
}

QUARRY_API struct resource *devm_request_mem_region(struct device *dev, resource_size_t start,
                                                    resource_size_t size, const char *name)
{
    struct registers_range *range = qlx_devres_record(
        dev, registers_release_managed, sizeof(*range), GFP_KERNEL, "devm_request_mem_region");
    struct resource *claimed;
    if (!range)
        return NULL;
    claimed = request_mem_region(start, size, name);
    if (!claimed) {
        devres_free(range);
        return NULL;
    }
    range->start = start;
    range->size = size;
    devres_add(dev, range);
    return claimed;
}

QUARRY_API void __iomem *devm_ioremap_resource(struct device *dev, const struct resource *res)
{
    void *address;
    if (!res || resource_type(res) != IORESOURCE_MEM)
        return IOMEM_ERR_PTR(dev_err_probe(dev, -EINVAL, "no resource of registers\n"));
    if (!devm_request_mem_region(dev, res->start, resource_size(res), dev_name(dev)))
        return IOMEM_ERR_PTR(dev_err_probe(dev, -EBUSY, "registers %#llx-%#llx are claimed\n",
                                           (unsigned long long)res->start,
                                           (unsigned long long)res->end));
    address = devm_ioremap(dev, res->start, resource_size(res));
    if (!address)
        return IOMEM_ERR_PTR(dev_err_probe(dev, -ENOMEM, "registers cannot be mapped\n"));
    return address;
}

QUARRY_API void __iomem *devm_platform_get_and_ioremap_resource(struct platform_device *pdev,
                                                                unsigned int index,
                                                                struct resource **res)
{
    struct resource *found = platform_get_resource(pdev, IORESOURCE_MEM, index);
    if (res)
        *res = found;
    return devm_ioremap_resource(&pdev->dev, found);
}

QUARRY_API void __iomem *devm_platform_ioremap_resource(struct platform_device *pdev,
                                                        unsigned int index)
{
    return devm_platform_get_and_ioremap_resource(pdev, index, NULL);
}

QUARRY_API void __iomem *devm_platform_ioremap_resource_byname(struct platform_device *pdev,
                                                               const char *name)
{
    return devm_ioremap_resource(&pdev->dev,
                                 platform_get_resource_byname(pdev, IORESOURCE_MEM, name));
}
