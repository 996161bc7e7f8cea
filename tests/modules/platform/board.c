// SPDX-License-Identifier: MIT
/* The board that the engine sits on, and the engine: names the device with its registers and its
 * interrupt, and does what the registers ask for. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include "engine.h"

#ifndef BOARD_REGISTERS
#define BOARD_REGISTERS 0xfe000000000ull
#endif
#define BOARD_IRQ 17

static const struct resource board_resource[] = {
    DEFINE_RES_MEM(BOARD_REGISTERS, ENGINE_SIZE),
    DEFINE_RES_IRQ(BOARD_IRQ),
};
static struct platform_device *board_engine;
static struct task_struct *board_thread;
static void __iomem *board_regs;

static void board_add_up(void)
{
    const u8 *bytes = phys_to_virt(readl(board_regs + ENGINE_ADDRESS));
    u32 length = readl(board_regs + ENGINE_LENGTH), sum = 0;

    writel(0, board_regs + ENGINE_CONTROL);
    while (length--)
        sum += *bytes++;
    writel(sum, board_regs + ENGINE_SUM);
    writel(ENGINE_DONE, board_regs + ENGINE_STATUS);
    generic_handle_irq(BOARD_IRQ);
}

static int board_run(void *unused)
{
    while (!kthread_should_stop()) {
        if (readl(board_regs + ENGINE_CONTROL) & ENGINE_START)
            board_add_up();
        usleep_range(100, 200);
    }
    return 0;
}

static int __init board_init(void)
{
    board_regs = ioremap(BOARD_REGISTERS, ENGINE_SIZE); /* site: board */
    if (!board_regs)
        return -ENOMEM;
    writel(ENGINE_MAGIC, board_regs + ENGINE_ID);
    board_thread = kthread_run(board_run, NULL, "board");
    if (IS_ERR(board_thread)) {
        iounmap(board_regs);
        return PTR_ERR(board_thread);
    }
    board_engine = platform_device_register_simple("engine", PLATFORM_DEVID_NONE, board_resource,
                                                   ARRAY_SIZE(board_resource));
    if (IS_ERR(board_engine)) {
        kthread_stop(board_thread);
        iounmap(board_regs);
        return PTR_ERR(board_engine);
    }
    return 0;
}
module_init(board_init);

static void __exit board_exit(void)
{
    platform_device_unregister(board_engine);
    kthread_stop(board_thread);
    iounmap(board_regs);
#ifdef USE_AFTER_UNMAP
    writel(0, board_regs + ENGINE_CONTROL); /* site: after */
#endif
}
module_exit(board_exit);

MODULE_LICENSE("Dual MIT/GPL");
