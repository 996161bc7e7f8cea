/* SPDX-License-Identifier: MIT */
/* scullc: devices made of memory, here of an object cache of their own.
 *
 * As scull.c (read that first), with one difference: all pieces have the same size for the life of the
 * module, so they come from a cache made for that size. The cache packs them tightly, keeps each on
 * cache lines of its own (SLAB_HWCACHE_ALIGN), and shows up under its name in slabinfo:
 *
 *     quarry run examples/scullc.c -- \
 *         sh -c 'cp /bin/ls $QUARRY_ROOT/dev/scullc0; cat $QUARRY_ROOT/proc/slabinfo'
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

struct scullc_set {
    struct list_head list;
    void *quantum[];
};

struct scullc_dev {
    struct mutex lock;
    struct list_head sets;
    loff_t size;
    struct scull_geometry now;  /* of the data in memory */
    struct scull_geometry next; /* from the next trim on */
    struct cdev cdev;
    bool added;            /* the cdev is */
    struct device *device; /* its node in dev/ */
};

static dev_t scullc_first;
static struct class *scullc_class;
static struct scullc_dev *scullc_devs;
static struct kmem_cache *scullc_cache; /* of quanta */

/* ---- memory -------------------------------------------------------------------------------- */

static bool scullc_geometry_ok(const struct scull_geometry *geometry)
{
    return geometry->quantum > 0 && geometry->quantum <= KMALLOC_MAX_SIZE && geometry->qset > 0 &&
           geometry->qset <= 1 << 16;
}

/* Empty the device. The caller holds dev->lock, or is alone. */
static void scullc_trim(struct scullc_dev *dev)
{
    struct scullc_set *set, *next;
    unsigned int i;

    list_for_each_entry_safe (set, next, &dev->sets, list) {
        for (i = 0; i < dev->now.qset; i++) {
            if (set->quantum[i])
                kmem_cache_free(scullc_cache, set->quantum[i]);
        }
        list_del(&set->list);
        kfree(set);
    }
    dev->size = 0;
    dev->now = dev->next;
}

/* Set number @number; made on the way there if @grow. NULL: there is none, or no memory for it. */
static struct scullc_set *scullc_find_set(struct scullc_dev *dev, u64 number, bool grow)
{
    struct scullc_set *set;

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
static void **scullc_find_slot(struct scullc_dev *dev, loff_t pos, bool grow, size_t *offset)
{
    u64 number = (u64)pos / dev->now.quantum;
    struct scullc_set *set = scullc_find_set(dev, number / dev->now.qset, grow);

    *offset = (u64)pos % dev->now.quantum;
    return set ? &set->quantum[number % dev->now.qset] : NULL;
}

/* ---- file operations ----------------------------------------------------------------------- */

static int scullc_open(struct inode *inode, struct file *file)
{
    struct scullc_dev *dev = container_of(inode->i_cdev, struct scullc_dev, cdev);

    file->private_data = dev;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (mutex_lock_interruptible(&dev->lock))
            return -ERESTARTSYS;
        scullc_trim(dev);
        mutex_unlock(&dev->lock);
    }
    return 0;
}

static int scullc_release(struct inode *inode, struct file *file)
{
    file->private_data = NULL; /* the data stays for whoever comes next */
    return 0;
}

static ssize_t scullc_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
    struct scullc_dev *dev = file->private_data;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (*pos >= dev->size)
        count = 0;
    else
        count = min_t(u64, count, dev->size - *pos);
    while (done < count) {
        size_t offset, piece, left;
        void **slot = scullc_find_slot(dev, *pos, false, &offset);

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

static ssize_t scullc_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
    struct scullc_dev *dev = file->private_data;
    ssize_t error = 0;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *pos = dev->size;
    while (done < count && !error) {
        size_t offset, piece, left;
        void **slot = scullc_find_slot(dev, *pos, true, &offset);

        /* Zeroed: what a write does not cover must not show somebody's old memory. */
        if (slot && !*slot)
            *slot = kmem_cache_zalloc(scullc_cache, GFP_KERNEL);
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

static loff_t scullc_llseek(struct file *file, loff_t offset, int whence)
{
    struct scullc_dev *dev = file->private_data;
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

static long scullc_set_geometry(struct scullc_dev *dev, const struct scull_geometry *wanted)
{
    struct scull_geometry geometry = dev->next;

    if (wanted->quantum && wanted->quantum != quantum)
        return -EINVAL; /* the cache has one size */
    if (wanted->qset)
        geometry.qset = wanted->qset;
    if (!scullc_geometry_ok(&geometry))
        return -EINVAL;
    dev->next = geometry;
    return 0;
}

static long scullc_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct scullc_dev *dev = file->private_data;
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
        scullc_trim(dev);
        break;
    case SCULL_GET_GEOMETRY:
        geometry = dev->now;
        break;
    case SCULL_SET_GEOMETRY:
        error = scullc_set_geometry(dev, &geometry);
        break;
    default:
        error = -ENOTTY;
    }
    mutex_unlock(&dev->lock);
    if (cmd == SCULL_GET_GEOMETRY && copy_to_user(user, &geometry, sizeof(geometry)))
        error = -EFAULT;
    return error;
}

static const struct file_operations scullc_fops = {
    .owner = THIS_MODULE,
    .open = scullc_open,
    .release = scullc_release,
    .read = scullc_read,
    .write = scullc_write,
    .llseek = scullc_llseek,
    .unlocked_ioctl = scullc_ioctl,
};

/* ---- beginning and end --------------------------------------------------------------------- */

/* Everybody may use the devices. */
static char *scullc_devnode(const struct device *device, umode_t *mode)
{
    if (mode)
        *mode = 0666;
    return NULL;
}

static int scullc_add(struct scullc_dev *dev, unsigned int index)
{
    struct device *device;
    int error;

    cdev_init(&dev->cdev, &scullc_fops);
    dev->cdev.owner = THIS_MODULE;
    error = cdev_add(&dev->cdev, scullc_first + index, 1);
    if (error)
        return error;
    dev->added = true;
    device = device_create(scullc_class, NULL, scullc_first + index, NULL, "scullc%u", index);
    if (IS_ERR(device))
        return PTR_ERR(device);
    dev->device = device;
    return 0;
}

/* Undo what was done so far: the end of the module, and of an init that failed half way. */
static void scullc_cleanup(void)
{
    unsigned int i;

    for (i = 0; scullc_devs && i < nr_devs; i++) {
        struct scullc_dev *dev = &scullc_devs[i];

        if (dev->device)
            device_destroy(scullc_class, scullc_first + i);
        if (dev->added)
            cdev_del(&dev->cdev);
        scullc_trim(dev);
    }
    class_destroy(scullc_class);
    if (scullc_first)
        unregister_chrdev_region(scullc_first, nr_devs);
    kmem_cache_destroy(scullc_cache);
    kfree(scullc_devs);
}

static int __init scullc_init(void)
{
    const struct scull_geometry geometry = {quantum, qset};
    unsigned int i;
    int error;

    if (nr_devs == 0 || nr_devs > 256 || !scullc_geometry_ok(&geometry))
        return -EINVAL;
    scullc_devs = kcalloc(nr_devs, sizeof(*scullc_devs), GFP_KERNEL);
    if (!scullc_devs)
        return -ENOMEM;
    for (i = 0; i < nr_devs; i++) {
        mutex_init(&scullc_devs[i].lock);
        INIT_LIST_HEAD(&scullc_devs[i].sets);
        scullc_devs[i].now = scullc_devs[i].next = geometry;
    }
    scullc_cache = kmem_cache_create("scullc", quantum, 0, SLAB_HWCACHE_ALIGN, NULL);
    if (!scullc_cache) {
        error = -ENOMEM;
        goto fail;
    }
    error = alloc_chrdev_region(&scullc_first, 0, nr_devs, "scullc");
    if (error)
        goto fail;
    scullc_class = class_create("scullc");
    if (IS_ERR(scullc_class)) {
        error = PTR_ERR(scullc_class);
        scullc_class = NULL;
        goto fail;
    }
    scullc_class->devnode = scullc_devnode;
    for (i = 0; i < nr_devs; i++) {
        error = scullc_add(&scullc_devs[i], i);
        if (error)
            goto fail;
    }
    return 0;

fail:
    scullc_cleanup();
    return error;
}

static void __exit scullc_exit(void)
{
    scullc_cleanup();
}

module_init(scullc_init);
module_exit(scullc_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Memory devices on an object cache");
