/* SPDX-License-Identifier: MIT */
/* scull: devices made of memory, here of kmalloc().
 *
 * Each device is a file without end in kernel memory. What is written can be read back, by anybody,
 * until the device is opened for writing only, which empties it. The bytes lie in pieces of
 * equal size ("quanta"), reached over a list of arrays ("sets"):
 *
 *     dev->sets ──► set 0 ──────► set 1 ──► …        position p lies in quantum p / quantum,
 *                   quantum[0]    quantum[0]         which is number (p / quantum) % qset
 *                   quantum[1]    NULL: a hole       of set (p / quantum) / qset
 *                   …             …
 *
 * Quanta that were never written do not exist and read as zeros.
 *
 *     quarry run examples/scull.c -- sh -c 'cp /bin/ls $QUARRY_ROOT/dev/scull0'
 *
 * One mutex per device guards its data, size and geometry. */
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "scull.h"

static unsigned int nr_devs = 4;
module_param(nr_devs, uint, 0444);
MODULE_PARM_DESC(nr_devs, "how many devices to make (4)");

static unsigned int quantum = 4000;
module_param(quantum, uint, 0444);
MODULE_PARM_DESC(quantum, "bytes in one piece of memory (4000)");

static unsigned int qset = 1000;
module_param(qset, uint, 0444);
MODULE_PARM_DESC(qset, "pieces in one set (1000)");

struct scull_set {
    struct list_head list;
    void *quantum[];
};

struct scull_dev {
    struct mutex lock;
    struct list_head sets;
    loff_t size;
    struct scull_geometry now;  /* of the data in memory */
    struct scull_geometry next; /* from the next trim on */
    struct cdev cdev;
    bool added;            /* the cdev is */
    struct device *device; /* its node in dev/ */
};

static dev_t scull_first;
static struct class *scull_class;
static struct scull_dev *scull_devs;
static struct proc_dir_entry *scull_proc;

/* ---- memory -------------------------------------------------------------------------------- */

static bool scull_geometry_ok(const struct scull_geometry *geometry)
{
    return geometry->quantum > 0 && geometry->quantum <= KMALLOC_MAX_SIZE && geometry->qset > 0 &&
           geometry->qset <= 1 << 16;
}

/* Empty the device. The caller holds dev->lock, or is alone. */
static void scull_trim(struct scull_dev *dev)
{
    struct scull_set *set, *next;
    unsigned int i;

    list_for_each_entry_safe (set, next, &dev->sets, list) {
        for (i = 0; i < dev->now.qset; i++)
            kfree(set->quantum[i]);
        list_del(&set->list);
        kfree(set);
    }
    dev->size = 0;
    dev->now = dev->next;
}

/* Set number @number; made on the way there if @grow. NULL: there is none, or no memory for it. */
static struct scull_set *scull_find_set(struct scull_dev *dev, u64 number, bool grow)
{
    struct scull_set *set;

    list_for_each_entry (set, &dev->sets, list) {
        if (number-- == 0)
            return set;
    }
    while (grow) {
        set = kzalloc(struct_size(set, quantum, dev->now.qset), GFP_KERNEL);
        if (!set)
            return NULL;
        list_add_tail(&set->list, &dev->sets);
        if (number-- == 0)
            return set;
    }
    return NULL;
}

/* The place of the quantum that holds @pos, and where in it that is. NULL as above. */
static void **scull_find_slot(struct scull_dev *dev, loff_t pos, bool grow, size_t *offset)
{
    u64 number = (u64)pos / dev->now.quantum;
    struct scull_set *set = scull_find_set(dev, number / dev->now.qset, grow);

    *offset = (u64)pos % dev->now.quantum;
    return set ? &set->quantum[number % dev->now.qset] : NULL;
}

/* ---- file operations ----------------------------------------------------------------------- */

static int scull_open(struct inode *inode, struct file *file)
{
    struct scull_dev *dev = container_of(inode->i_cdev, struct scull_dev, cdev);

    file->private_data = dev;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (mutex_lock_interruptible(&dev->lock))
            return -ERESTARTSYS;
        scull_trim(dev);
        mutex_unlock(&dev->lock);
    }
    return 0;
}

static int scull_release(struct inode *inode, struct file *file)
{
    file->private_data = NULL; /* the data stays for whoever comes next */
    return 0;
}

static ssize_t scull_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
    struct scull_dev *dev = file->private_data;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (*pos >= dev->size)
        count = 0;
    else
        count = min_t(u64, count, dev->size - *pos);
    while (done < count) {
        size_t offset, piece, left;
        void **slot = scull_find_slot(dev, *pos, false, &offset);

        piece = min(count - done, dev->now.quantum - offset);
        if (slot && *slot)
            left = copy_to_user(buf + done, *slot + offset, piece);
        else
            left = clear_user(buf + done, piece);
        done += piece - left;
        *pos += piece - left;
        if (left)
            break;
    }
    mutex_unlock(&dev->lock);
    return done || !count ? done : -EFAULT;
}

static ssize_t scull_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
    struct scull_dev *dev = file->private_data;
    ssize_t error = 0;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *pos = dev->size;
    while (done < count && !error) {
        size_t offset, piece, left;
        void **slot = scull_find_slot(dev, *pos, true, &offset);

        /* Zeroed: what a write does not cover must not show somebody's old memory. */
        if (slot && !*slot)
            *slot = kzalloc(dev->now.quantum, GFP_KERNEL);
        if (!slot || !*slot) {
            error = -ENOMEM; /* what exists so far is in its place, to be used or trimmed */
            break;
        }
        piece = min(count - done, dev->now.quantum - offset);
        left = copy_from_user(*slot + offset, buf + done, piece);
        if (left)
            error = -EFAULT;
        done += piece - left;
        *pos += piece - left;
        dev->size = max(dev->size, *pos);
    }
    mutex_unlock(&dev->lock);
    return done ? done : error;
}

static loff_t scull_llseek(struct file *file, loff_t offset, int whence)
{
    struct scull_dev *dev = file->private_data;
    loff_t base = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (whence == SEEK_CUR)
        base = file->f_pos;
    else if (whence == SEEK_END)
        base = dev->size;
    mutex_unlock(&dev->lock);
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
        return -EINVAL;
    if (check_add_overflow(base, offset, &offset) || offset < 0)
        return -EINVAL;
    file->f_pos = offset; /* beyond the end is fine: a write there leaves a hole */
    return offset;
}

static long scull_set_geometry(struct scull_dev *dev, const struct scull_geometry *wanted)
{
    struct scull_geometry geometry = dev->next;

    if (wanted->quantum)
        geometry.quantum = wanted->quantum;
    if (wanted->qset)
        geometry.qset = wanted->qset;
    if (!scull_geometry_ok(&geometry))
        return -EINVAL;
    dev->next = geometry;
    return 0;
}

static long scull_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct scull_dev *dev = file->private_data;
    void __user *user = (void __user *)arg;
    struct scull_geometry geometry;
    long error = 0;

    if (cmd != SCULL_GET_GEOMETRY && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (cmd == SCULL_SET_GEOMETRY && copy_from_user(&geometry, user, sizeof(geometry)))
        return -EFAULT;
    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    switch (cmd) {
    case SCULL_RESET:
        dev->next = (struct scull_geometry){quantum, qset};
        scull_trim(dev);
        break;
    case SCULL_GET_GEOMETRY:
        geometry = dev->now;
        break;
    case SCULL_SET_GEOMETRY:
        error = scull_set_geometry(dev, &geometry);
        break;
    default:
        error = -ENOTTY;
    }
    mutex_unlock(&dev->lock);
    if (cmd == SCULL_GET_GEOMETRY && copy_to_user(user, &geometry, sizeof(geometry)))
        error = -EFAULT;
    return error;
}

static const struct file_operations scull_fops = {
    .owner = THIS_MODULE,
    .open = scull_open,
    .release = scull_release,
    .read = scull_read,
    .write = scull_write,
    .llseek = scull_llseek,
    .unlocked_ioctl = scull_ioctl,
};

/* ---- proc/scull: a line for each device ---------------------------------------------------- */

static int scull_show(struct seq_file *m, void *v)
{
    unsigned int i;

    for (i = 0; i < nr_devs; i++) {
        struct scull_dev *dev = &scull_devs[i];
        struct scull_set *set;
        unsigned int sets = 0;

        if (mutex_lock_interruptible(&dev->lock))
            return -ERESTARTSYS;
        list_for_each_entry (set, &dev->sets, list)
            sets++;
        seq_printf(m, "scull%u: %lld bytes, quantum %u, qset %u, %u sets\n", i, dev->size,
                   dev->now.quantum, dev->now.qset, sets);
        mutex_unlock(&dev->lock);
    }
    return 0;
}

/* ---- beginning and end --------------------------------------------------------------------- */

/* Everybody may use the devices. */
static char *scull_devnode(const struct device *device, umode_t *mode)
{
    if (mode)
        *mode = 0666;
    return NULL;
}

static int scull_add(struct scull_dev *dev, unsigned int index)
{
    struct device *device;
    int error;

    cdev_init(&dev->cdev, &scull_fops);
    dev->cdev.owner = THIS_MODULE;
    error = cdev_add(&dev->cdev, scull_first + index, 1);
    if (error)
        return error;
    dev->added = true;
    device = device_create(scull_class, NULL, scull_first + index, NULL, "scull%u", index);
    if (IS_ERR(device))
        return PTR_ERR(device);
    dev->device = device;
    return 0;
}

/* Undo what was done so far: the end of the module, and of an init that failed half way. */
static void scull_cleanup(void)
{
    unsigned int i;

    proc_remove(scull_proc);
    for (i = 0; scull_devs && i < nr_devs; i++) {
        struct scull_dev *dev = &scull_devs[i];

        if (dev->device)
            device_destroy(scull_class, scull_first + i);
        if (dev->added)
            cdev_del(&dev->cdev);
        scull_trim(dev);
    }
    class_destroy(scull_class);
    if (scull_first)
        unregister_chrdev_region(scull_first, nr_devs);
    kfree(scull_devs);
}

static int __init scull_init(void)
{
    const struct scull_geometry geometry = {quantum, qset};
    unsigned int i;
    int error;

    if (nr_devs == 0 || nr_devs > 256 || !scull_geometry_ok(&geometry))
        return -EINVAL;
    scull_devs = kcalloc(nr_devs, sizeof(*scull_devs), GFP_KERNEL);
    if (!scull_devs)
        return -ENOMEM;
    for (i = 0; i < nr_devs; i++) {
        mutex_init(&scull_devs[i].lock);
        INIT_LIST_HEAD(&scull_devs[i].sets);
        scull_devs[i].now = scull_devs[i].next = geometry;
    }
    error = alloc_chrdev_region(&scull_first, 0, nr_devs, "scull");
    if (error)
        goto fail;
    scull_class = class_create("scull");
    if (IS_ERR(scull_class)) {
        error = PTR_ERR(scull_class);
        scull_class = NULL;
        goto fail;
    }
    scull_class->devnode = scull_devnode;
    for (i = 0; i < nr_devs; i++) {
        error = scull_add(&scull_devs[i], i);
        if (error)
            goto fail;
    }
    scull_proc = proc_create_single("scull", 0444, NULL, scull_show);
    if (!scull_proc) {
        error = -ENOMEM;
        goto fail;
    }
    return 0;

fail:
    scull_cleanup();
    return error;
}

static void __exit scull_exit(void)
{
    scull_cleanup();
}

module_init(scull_init);
module_exit(scull_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Memory devices on kmalloc");
