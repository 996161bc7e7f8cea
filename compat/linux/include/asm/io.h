/* SPDX-License-Identifier: MIT */
/* Physical and virtual addresses of the direct map, and the registers of devices.
 *
 * There is no hardware: what ioremap() maps is memory that keeps what is written, zero at first, the same for
 * all who map one address, as long as the run lasts. A module that stands for the hardware maps the same
 * addresses as the driver. Each access is one of its width. */
#ifndef QUARRY_ASM_IO_H
#define QUARRY_ASM_IO_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>
#include <quarry/page.h>

QUARRY_EXTERN_C_BEGIN

/* NULL, with a report, where the range is RAM of the machine, empty or beyond all addresses. Context: may
 * sleep. */
QUARRY_API void __iomem *ioremap(phys_addr_t start, size_t size);
/* What is accessed afterwards crashes. Context: may sleep. */
QUARRY_API void iounmap(volatile void __iomem *address);
#define ioremap_wc(start, size) ioremap(start, size)
#define ioremap_wt(start, size) ioremap(start, size)
#define ioremap_np(start, size) ioremap(start, size)
#define ioremap_uc(start, size) ioremap(start, size)
#define ioremap_cache(start, size) ioremap(start, size)
#define ioremap_nocache(start, size) ioremap(start, size)

QUARRY_EXTERN_C_END

#define quarry_define_register(letter, width)                                                      \
    static inline u##width quarry_read##letter(const volatile void __iomem *address)               \
    {                                                                                              \
        u##width value = *(const volatile u##width *)address;                                      \
        rmb();                                                                                     \
        return value;                                                                              \
    }                                                                                              \
    static inline void quarry_write##letter(u##width value, volatile void __iomem *address)        \
    {                                                                                              \
        wmb();                                                                                     \
        *(volatile u##width *)address = value;                                                     \
    }
quarry_define_register(b, 8) quarry_define_register(w, 16) quarry_define_register(l, 32)
    quarry_define_register(q, 64)

#define readb(address) quarry_readb(address)
#define readb_relaxed(address) quarry_readb(address)
#define __raw_readb(address) quarry_readb(address)
#define writeb(value, address) quarry_writeb((value), (address))
#define writeb_relaxed(value, address) quarry_writeb((value), (address))
#define __raw_writeb(value, address) quarry_writeb((value), (address))
#define readw(address) quarry_readw(address)
#define readw_relaxed(address) quarry_readw(address)
#define __raw_readw(address) quarry_readw(address)
#define writew(value, address) quarry_writew((value), (address))
#define writew_relaxed(value, address) quarry_writew((value), (address))
#define __raw_writew(value, address) quarry_writew((value), (address))
#define readl(address) quarry_readl(address)
#define readl_relaxed(address) quarry_readl(address)
#define __raw_readl(address) quarry_readl(address)
#define writel(value, address) quarry_writel((value), (address))
#define writel_relaxed(value, address) quarry_writel((value), (address))
#define __raw_writel(value, address) quarry_writel((value), (address))
#define readq(address) quarry_readq(address)
#define readq_relaxed(address) quarry_readq(address)
#define __raw_readq(address) quarry_readq(address)
#define writeq(value, address) quarry_writeq((value), (address))
#define writeq_relaxed(value, address) quarry_writeq((value), (address))
#define __raw_writeq(value, address) quarry_writeq((value), (address))
#define ioread8(address) quarry_readb(address)
#define iowrite8(value, address) quarry_writeb((value), (address))
#define ioread16(address) quarry_readw(address)
#define iowrite16(value, address) quarry_writew((value), (address))
#define ioread32(address) quarry_readl(address)
#define iowrite32(value, address) quarry_writel((value), (address))
#define ioread64(address) quarry_readq(address)
#define iowrite64(value, address) quarry_writeq((value), (address))
#define ioread16be(address) swab16(ioread16(address))
#define ioread32be(address) swab32(ioread32(address))
#define iowrite16be(value, address) iowrite16(swab16(value), (address))
#define iowrite32be(value, address) iowrite32(swab32(value), (address))
#define memcpy_fromio(to, address, size) memcpy((to), (const void *)(address), (size))
#define memcpy_toio(address, from, size) memcpy((void *)(address), (from), (size))
#define memset_io(address, value, size) memset((void *)(address), (value), (size))
#define mmiowb() wmb()

#endif
