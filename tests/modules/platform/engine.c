// SPDX-License-Identifier: MIT
/* A driver as its author writes it for hardware: an engine that adds up the bytes of a buffer by DMA.
 * Registers, an interrupt, a clock, a reset line and a supply that may be missing, power management, the
 * device tree. board.c plays the hardware. What is written to its device is added up; reading gives the
 * sum. */
#include <linux/clk.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/regulator/consumer.h>
#include <linux/reset.h>
#include <linux/uaccess.h>
#include "engine.h"

struct engine {
    struct device *dev;
    void __iomem *regs;
    struct clk *clk;
    struct reset_control *reset;
    struct regulator *supply;
    void *buffer;
    dma_addr_t buffer_dma;
    struct completion done;
    struct mutex lock;
    struct miscdevice misc;
    u32 sum;
};

static irqreturn_t engine_irq(int irq, void *data)
{
    struct engine *engine = data;

    if (!(readl(engine->regs + ENGINE_STATUS) & ENGINE_DONE))
        return IRQ_NONE;
    writel(0, engine->regs + ENGINE_STATUS);
    complete(&engine->done);
    return IRQ_HANDLED;
}

static ssize_t engine_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
    struct engine *engine = container_of(file->private_data, struct engine, misc);
    int ret;

    size = min_t(size_t, size, ENGINE_BUFFER);
    ret = pm_runtime_resume_and_get(engine->dev);
    if (ret < 0)
        return ret;
    mutex_lock(&engine->lock);
    if (copy_from_user(engine->buffer, from, size)) {
        ret = -EFAULT;
        goto out;
    }
    reinit_completion(&engine->done);
    writel(lower_32_bits(engine->buffer_dma), engine->regs + ENGINE_ADDRESS);
    writel(size, engine->regs + ENGINE_LENGTH);
    writel(ENGINE_START, engine->regs + ENGINE_CONTROL);
    if (!wait_for_completion_timeout(&engine->done, msecs_to_jiffies(10000))) {
        dev_err(engine->dev, "the engine does not answer\n");
        ret = -ETIMEDOUT;
        goto out;
    }
    engine->sum = readl(engine->regs + ENGINE_SUM);
out:
    mutex_unlock(&engine->lock);
    pm_runtime_put(engine->dev);
    return ret < 0 ? ret : size;
}

static ssize_t engine_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
    struct engine *engine = container_of(file->private_data, struct engine, misc);
    char text[16];
    int length = scnprintf(text, sizeof(text), "%u\n", engine->sum);

    return simple_read_from_buffer(to, size, pos, text, length);
}

static const struct file_operations engine_fops = {
    .owner = THIS_MODULE,
    .read = engine_read,
    .write = engine_write,
};

static void engine_power_off(void *data)
{
    struct engine *engine = data;

    clk_disable_unprepare(engine->clk);
    reset_control_assert(engine->reset);
}

static int engine_probe(struct platform_device *pdev)
{
    struct device *dev = &pdev->dev;
    struct engine *engine;
    u32 id;
    int irq, ret;

    engine = devm_kzalloc(dev, sizeof(*engine), GFP_KERNEL);
    if (!engine)
        return -ENOMEM;
    engine->dev = dev;
    mutex_init(&engine->lock);
    init_completion(&engine->done);
    platform_set_drvdata(pdev, engine);
#ifdef FORGET_IOUNMAP
    struct resource *res = platform_get_resource(pdev, IORESOURCE_MEM, 0);

    engine->regs = ioremap(res->start, ENGINE_SIZE); /* site: ioremap */
#else
    engine->regs = devm_platform_ioremap_resource(pdev, 0);
#endif
    if (IS_ERR(engine->regs))
        return PTR_ERR(engine->regs);
    engine->clk = devm_clk_get_optional(dev, "core");
    if (IS_ERR(engine->clk))
        return dev_err_probe(dev, PTR_ERR(engine->clk), "no clock\n");
    engine->reset = devm_reset_control_get_optional_exclusive(dev, NULL);
    if (IS_ERR(engine->reset))
        return dev_err_probe(dev, PTR_ERR(engine->reset), "no reset line\n");
    engine->supply = devm_regulator_get_optional(dev, "vdd");
    if (IS_ERR(engine->supply) && PTR_ERR(engine->supply) != -ENODEV)
        return dev_err_probe(dev, PTR_ERR(engine->supply), "no supply\n");
    ret = reset_control_deassert(engine->reset);
    if (!ret)
        ret = clk_prepare_enable(engine->clk);
    if (ret)
        return ret;
    ret = devm_add_action_or_reset(dev, engine_power_off, engine);
    if (ret)
        return ret;
    ret = readl_poll_timeout(engine->regs + ENGINE_ID, id, id == ENGINE_MAGIC, 100, 1000000);
    if (ret)
        return dev_err_probe(dev, ret, "this is no engine: id %#x\n", id);
    ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
    if (ret)
        return ret;
#ifdef FORGET_DMA
    engine->buffer = dma_alloc_coherent(dev, ENGINE_BUFFER, /* site: dma */
                                        &engine->buffer_dma, GFP_KERNEL);
#else
    engine->buffer = dmam_alloc_coherent(dev, ENGINE_BUFFER, &engine->buffer_dma, GFP_KERNEL);
#endif
    if (!engine->buffer)
        return -ENOMEM;
    irq = platform_get_irq(pdev, 0);
    if (irq < 0)
        return irq;
    ret = devm_request_irq(dev, irq, engine_irq, 0, dev_name(dev), engine);
    if (ret)
        return ret;
    pm_runtime_enable(dev);
    engine->misc.minor = MISC_DYNAMIC_MINOR;
    engine->misc.name = "engine";
    engine->misc.fops = &engine_fops;
    engine->misc.parent = dev;
    return misc_register(&engine->misc);
}

static void engine_remove(struct platform_device *pdev)
{
    struct engine *engine = platform_get_drvdata(pdev);

    misc_deregister(&engine->misc);
    pm_runtime_disable(&pdev->dev);
}

static int engine_suspend(struct device *dev)
{
    struct engine *engine = dev_get_drvdata(dev);

    clk_disable_unprepare(engine->clk);
    return 0;
}

static int engine_resume(struct device *dev)
{
    struct engine *engine = dev_get_drvdata(dev);

    return clk_prepare_enable(engine->clk);
}

static DEFINE_SIMPLE_DEV_PM_OPS(engine_pm_ops, engine_suspend, engine_resume);

static const struct of_device_id engine_of_match[] = {
    {.compatible = "acme,engine"},
    {},
};
MODULE_DEVICE_TABLE(of, engine_of_match);

static struct platform_driver engine_driver = {
    .probe = engine_probe,
    .remove = engine_remove,
    .driver =
        {
            .name = "engine",
            .pm = pm_sleep_ptr(&engine_pm_ops),
            .of_match_table = engine_of_match,
        },
};
module_platform_driver(engine_driver);

MODULE_DESCRIPTION("An engine that adds up bytes");
MODULE_LICENSE("Dual MIT/GPL");
