/* SPDX-License-Identifier: MIT */
/* conveyor: a platform device with descriptors in DMA memory, and the machine it drives.
 *
 * The lower half plays the hardware: a timer that takes the descriptors it was given, adds up the bytes of
 * their buffers and raises an interrupt. The upper half is the driver. All it takes in probe is managed
 * (devm_, or an action for what has no devm_ form), so its remove only stops the machine; descriptors come
 * from a DMA pool. A second platform device, the motor, must be there first: without it the conveyor's
 * probe is put off. dev/conveyor takes data, conveyor.0/moved in sys/ says how much has been carried. */
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define CONVEYOR_IRQ 42
#define CONVEYOR_LOAD 48 /* bytes in one descriptor */

/* As the hardware sees it, in DMA memory. */
struct conveyor_descriptor {
    u32 size, done;
    u8 load[CONVEYOR_LOAD];
};

struct conveyor_job {
    struct list_head list;
    struct conveyor_descriptor *descriptor;
    dma_addr_t address;
};

struct conveyor {
    struct device *dev;
    struct dma_pool *pool;
    spinlock_t lock; /* guards the lists and the count */
    struct list_head given, done;
    u64 moved;
    wait_queue_head_t idle;
    struct timer_list machine;
    struct miscdevice misc;
};

/* ---- the machine --------------------------------------------------------------------------- */

static void machine_tick(struct timer_list *timer)
{
    struct conveyor *conveyor = from_timer(conveyor, timer, machine);
    struct conveyor_job *job;

    spin_lock(&conveyor->lock);
    list_for_each_entry (job, &conveyor->given, list)
        job->descriptor->done = 1;
    spin_unlock(&conveyor->lock);
    generic_handle_irq(CONVEYOR_IRQ);
}

static bool motor_runs;

static int motor_probe(struct platform_device *pdev)
{
    motor_runs = true;
    return 0;
}

static void motor_remove(struct platform_device *pdev)
{
    motor_runs = false;
}

static struct platform_driver motor_driver = {
    .probe = motor_probe, .remove = motor_remove, .driver = {.name = "conveyor-motor"}};

/* ---- the driver ---------------------------------------------------------------------------- */

static void job_free(struct conveyor *conveyor, struct conveyor_job *job)
{
    dma_pool_free(conveyor->pool, job->descriptor, job->address); /* back to the pool */
    kfree(job);
}

static struct conveyor_job *job_new(struct conveyor *conveyor)
{
    struct conveyor_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

    if (!job)
        return NULL;
    job->descriptor = dma_pool_zalloc(conveyor->pool, GFP_KERNEL, &job->address);
    if (!job->descriptor) {
        kfree(job);
        return NULL;
    }
    return job;
}

static irqreturn_t conveyor_interrupt(int irq, void *data)
{
    struct conveyor *conveyor = data;
    struct conveyor_job *job, *next;

    spin_lock(&conveyor->lock);
    list_for_each_entry_safe (job, next, &conveyor->given, list) {
        if (!READ_ONCE(job->descriptor->done))
            continue;
        conveyor->moved += job->descriptor->size;
        list_del(&job->list);
        job_free(conveyor, job);
    }
    spin_unlock(&conveyor->lock);
    wake_up(&conveyor->idle);
    return IRQ_HANDLED;
}

static ssize_t conveyor_write(struct file *file, const char __user *buffer, size_t size,
                              loff_t *pos)
{
    struct miscdevice *misc = file->private_data;
    struct conveyor *conveyor = container_of(misc, struct conveyor, misc);
    struct conveyor_job *job = job_new(conveyor);
    unsigned long flags;

    if (!job)
        return -ENOMEM;
    size = min_t(size_t, size, CONVEYOR_LOAD);
    job->descriptor->size = (u32)size;
    if (copy_from_user(job->descriptor->load, buffer, size)) {
        job_free(conveyor, job);
        return -EFAULT;
    }
    spin_lock_irqsave(&conveyor->lock, flags);
    list_add_tail(&job->list, &conveyor->given);
    spin_unlock_irqrestore(&conveyor->lock, flags);
    mod_timer(&conveyor->machine, jiffies + 1);
    return (ssize_t)size;
}

/* Wait until the machine has carried everything. */
static int conveyor_fsync(struct file *file, loff_t from, loff_t to, int data_only)
{
    struct miscdevice *misc = file->private_data;
    struct conveyor *conveyor = container_of(misc, struct conveyor, misc);

    return wait_event_interruptible(conveyor->idle, list_empty(&conveyor->given));
}

static const struct file_operations conveyor_fops = {
    .owner = THIS_MODULE, .write = conveyor_write, .fsync = conveyor_fsync, .llseek = noop_llseek};

static ssize_t moved_show(struct device *dev, struct device_attribute *attr, char *page)
{
    struct conveyor *conveyor = dev_get_drvdata(dev);

    return sysfs_emit(page, "%llu\n", (unsigned long long)READ_ONCE(conveyor->moved));
}
static DEVICE_ATTR_RO(moved);

static struct attribute *conveyor_attrs[] = {&dev_attr_moved.attr, NULL};
ATTRIBUTE_GROUPS(conveyor);

static void conveyor_pool_gone(void *data)
{
    dma_pool_destroy(data); /* managed */
}

static int conveyor_probe(struct platform_device *pdev)
{
    struct conveyor *conveyor;
    int irq = platform_get_irq(pdev, 0), error;

    if (irq < 0)
        return irq;
    if (!motor_runs)
        return dev_err_probe(&pdev->dev, -EPROBE_DEFER, "no motor yet\n");
    conveyor = devm_kzalloc(&pdev->dev, sizeof(*conveyor), GFP_KERNEL);
    if (!conveyor)
        return -ENOMEM;
    conveyor->dev = &pdev->dev;
    spin_lock_init(&conveyor->lock);
    INIT_LIST_HEAD(&conveyor->given);
    INIT_LIST_HEAD(&conveyor->done);
    init_waitqueue_head(&conveyor->idle);
    timer_setup(&conveyor->machine, machine_tick, 0);
    platform_set_drvdata(pdev, conveyor);
    error = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
    if (error)
        return error;
    conveyor->pool =
        dma_pool_create("conveyor", &pdev->dev, sizeof(struct conveyor_descriptor), 8, 0);
    if (!conveyor->pool)
        return -ENOMEM;
    error = devm_add_action_or_reset(&pdev->dev, conveyor_pool_gone, conveyor->pool);
    if (error)
        return error;
    error = devm_request_irq(&pdev->dev, (unsigned int)irq, conveyor_interrupt, 0, "conveyor",
                             conveyor);
    if (error)
        return error;
    conveyor->misc = (struct miscdevice){.minor = MISC_DYNAMIC_MINOR,
                                         .name = "conveyor",
                                         .fops = &conveyor_fops,
                                         .parent = &pdev->dev,
                                         .mode = 0666};
    return misc_register(&conveyor->misc);
}

static void conveyor_remove(struct platform_device *pdev)
{
    struct conveyor *conveyor = platform_get_drvdata(pdev);
    struct conveyor_job *job, *next;

    misc_deregister(&conveyor->misc);
    timer_delete_sync(&conveyor->machine);
    list_for_each_entry_safe (job, next, &conveyor->given, list) {
        list_del(&job->list);
        job_free(conveyor, job);
    }
}

static struct platform_driver conveyor_driver = {
    .probe = conveyor_probe,
    .remove = conveyor_remove,
    .driver = {.name = "conveyor", .dev_groups = conveyor_groups}};

/* ---- the board: which devices there are ---------------------------------------------------- */

static struct platform_device *board_conveyor, *board_motor;

static int __init board_init(void)
{
    static const struct resource irq = DEFINE_RES_IRQ(CONVEYOR_IRQ);
    int error = platform_driver_register(&conveyor_driver);

    if (error)
        return error;
    error = platform_driver_register(&motor_driver);
    if (error)
        goto no_motor_driver;
    board_conveyor = platform_device_register_simple("conveyor", 0, &irq, 1);
    error = PTR_ERR_OR_ZERO(board_conveyor);
    if (error)
        goto no_conveyor;
    board_motor = platform_device_register_simple("conveyor-motor", PLATFORM_DEVID_NONE, NULL, 0);
    error = PTR_ERR_OR_ZERO(board_motor);
    if (!error)
        return 0;
    platform_device_unregister(board_conveyor);
no_conveyor:
    platform_driver_unregister(&motor_driver);
no_motor_driver:
    platform_driver_unregister(&conveyor_driver);
    return error;
}

static void __exit board_exit(void)
{
    platform_device_unregister(board_conveyor);
    platform_device_unregister(board_motor);
    platform_driver_unregister(&motor_driver);
    platform_driver_unregister(&conveyor_driver);
}

module_init(board_init);
module_exit(board_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("A platform device with managed resources and a DMA pool");
