/* SPDX-License-Identifier: MIT */
/* Physical and virtual addresses of the direct map, the registers of devices (asm/io.h), and their managed
 * forms. */
#ifndef QUARRY_LINUX_IO_H
#define QUARRY_LINUX_IO_H

#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/string.h>
#include <asm/io.h>

struct device;

#define IOMEM_ERR_PTR(error) ((void __iomem *)ERR_PTR(error))

QUARRY_EXTERN_C_BEGIN

/* ioremap() until the device goes. NULL: refused, or no memory. Context of all: may sleep. */
QUARRY_API void __iomem *devm_ioremap(struct device *dev, resource_size_t start,
                                      resource_size_t size);
#define devm_ioremap_wc(dev, start, size) devm_ioremap(dev, start, size)
#define devm_ioremap_uc(dev, start, size) devm_ioremap(dev, start, size)
#define devm_ioremap_nocache(dev, start, size) devm_ioremap(dev, start, size)
QUARRY_API void devm_iounmap(struct device *dev, void __iomem *address);
/* Claims the range and maps it. ERR_PTR: -EINVAL (no memory resource), -EBUSY (claimed already), -ENOMEM;
 * each with a message. */
QUARRY_API void __iomem *devm_ioremap_resource(struct device *dev, const struct resource *res);
#define devm_ioremap_resource_wc(dev, res) devm_ioremap_resource(dev, res)

QUARRY_EXTERN_C_END

#endif
