/* SPDX-License-Identifier: MIT */
/* What a device occupies: ranges of memory and ports, interrupt lines. */
#ifndef QUARRY_LINUX_IOPORT_H
#define QUARRY_LINUX_IOPORT_H

#include <linux/compiler.h>
#include <linux/types.h>

struct resource {
    resource_size_t start, end; /* both inclusive */
    const char *name;
    unsigned long flags; /* IORESOURCE_* */
    unsigned long desc;
    struct resource *parent, *sibling, *child;
};

#define IORESOURCE_BITS 0x000000fful
#define IORESOURCE_TYPE_BITS 0x00001f00ul
#define IORESOURCE_IO 0x00000100ul
#define IORESOURCE_MEM 0x00000200ul
#define IORESOURCE_REG 0x00000300ul
#define IORESOURCE_IRQ 0x00000400ul
#define IORESOURCE_DMA 0x00000800ul
#define IORESOURCE_BUS 0x00001000ul
#define IORESOURCE_PREFETCH 0x00002000ul
#define IORESOURCE_READONLY 0x00004000ul
#define IORESOURCE_IRQ_HIGHEDGE 0x1ul
#define IORESOURCE_IRQ_LOWEDGE 0x2ul
#define IORESOURCE_IRQ_HIGHLEVEL 0x4ul
#define IORESOURCE_IRQ_LOWLEVEL 0x8ul
#define IORESOURCE_IRQ_SHAREABLE 0x10ul
#define IORESOURCE_DISABLED 0x10000000ul
#define IORESOURCE_UNSET 0x20000000ul
#define IORESOURCE_BUSY 0x80000000ul

#define DEFINE_RES_NAMED(_start, _size, _name, _flags)                                             \
    {                                                                                              \
        .start = (_start), .end = (_start) + (_size)-1, .name = (_name), .flags = (_flags)         \
    }
#define DEFINE_RES_MEM_NAMED(_start, _size, _name)                                                 \
    DEFINE_RES_NAMED(_start, _size, _name, IORESOURCE_MEM)
#define DEFINE_RES_MEM(_start, _size) DEFINE_RES_MEM_NAMED(_start, _size, NULL)
#define DEFINE_RES_IO_NAMED(_start, _size, _name)                                                  \
    DEFINE_RES_NAMED(_start, _size, _name, IORESOURCE_IO)
#define DEFINE_RES_IO(_start, _size) DEFINE_RES_IO_NAMED(_start, _size, NULL)
#define DEFINE_RES_IRQ_NAMED(_irq, _name) DEFINE_RES_NAMED(_irq, 1, _name, IORESOURCE_IRQ)
#define DEFINE_RES_IRQ(_irq) DEFINE_RES_IRQ_NAMED(_irq, NULL)
#define DEFINE_RES_DMA_NAMED(_dma, _name) DEFINE_RES_NAMED(_dma, 1, _name, IORESOURCE_DMA)
#define DEFINE_RES_DMA(_dma) DEFINE_RES_DMA_NAMED(_dma, NULL)

struct device;

QUARRY_EXTERN_C_BEGIN

/* Claim a range of addresses, which nobody else may have: NULL when somebody has. It is the caller's until
 * release_mem_region() of the same range. Context: may sleep. */
QUARRY_API struct resource *request_mem_region(resource_size_t start, resource_size_t size,
                                               const char *name);
QUARRY_API void release_mem_region(resource_size_t start, resource_size_t size);
QUARRY_API struct resource *devm_request_mem_region(struct device *dev, resource_size_t start,
                                                    resource_size_t size, const char *name);

QUARRY_EXTERN_C_END

static inline resource_size_t resource_size(const struct resource *resource)
{
    return resource->end - resource->start + 1;
}
static inline unsigned long resource_type(const struct resource *resource)
{
    return resource->flags & IORESOURCE_TYPE_BITS;
}
static inline bool resource_contains(const struct resource *outer, const struct resource *inner)
{
    return resource_type(outer) == resource_type(inner) && outer->start <= inner->start &&
           outer->end >= inner->end;
}

#endif
