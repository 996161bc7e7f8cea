/* SPDX-License-Identifier: MIT */
/* scullv: devices made of memory, here of vmalloc().
 *
 * As scull.c (read that first), with pieces of any number of pages that only look contiguous: vmalloc()
 * maps single page frames from anywhere side by side. They can be mapped into a client too, frame by
 * frame:
 *
 *     quarry run examples/scullv.c --param pages=64 -- ./a-program-that-maps $QUARRY_ROOT/dev/scullv0
 *
 * One mutex per device guards its data, size, geometry and count of mappings. */
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "scull.h"

#define SCULLV_MAX_BYTES (1u << 28) /* of one piece */

static unsigned int nr_devs = 4;
module_param(nr_devs, uint, 0444);
MODULE_PARM_DESC(nr_devs, "how many devices to make (4)");

static unsigned int pages = 16;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "pages in one piece of memory (16)");

static unsigned int qset = 500;
module_param(qset, uint, 0444);
MODULE_PARM_DESC(qset, "pieces in one set (500)");

struct scullv_set {
    struct list_head list;
    void *quantum[];
};

struct scullv_dev {
    struct mutex lock;
    struct list_head sets;
    loff_t size;
    struct scull_geometry now;  /* of the data in memory */
    struct scull_geometry next; /* from the next trim on */
    unsigned int mappings;      /* while there are any, the data must stay */
    struct cdev cdev;
    bool added;            /* the cdev is */
    struct device *device; /* its node in dev/ */
};

static dev_t scullv_first;
static struct class *scullv_class;
static struct scullv_dev *scullv_devs;

/* ---- memory -------------------------------------------------------------------------------- */

static bool scullv_geometry_ok(const struct scull_geometry *geometry)
{
    return geometry->quantum >= PAGE_SIZE && geometry->quantum <= SCULLV_MAX_BYTES &&
           PAGE_ALIGNED(geometry->quantum) && geometry->qset > 0 && geometry->qset <= 1 << 16;
}

/* Empty the device: 0, or -EBUSY while it is mapped. The caller holds dev->lock, or is alone. */
static int scullv_trim(struct scullv_dev *dev)
{
    struct scullv_set *set, *next;
    unsigned int i;

    if (dev->mappings)
        return -EBUSY;
    list_for_each_entry_safe (set, next, &dev->sets, list) {
        for (i = 0; i < dev->now.qset; i++)
            vfree(set->quantum[i]);
        list_del(&set->list);
        kfree(set);
    }
    dev->size = 0;
    dev->now = dev->next;
    return 0;
}

/* Set number @number; made on the way there if @grow. NULL: there is none, or no memory for it. */
static struct scullv_set *scullv_find_set(struct scullv_dev *dev, u64 number, bool grow)
{
    struct scullv_set *set;

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
static void **scullv_find_slot(struct scullv_dev *dev, loff_t pos, bool grow, size_t *offset)
{
    u64 number = (u64)pos / dev->now.quantum;
    struct scullv_set *set = scullv_find_set(dev, number / dev->now.qset, grow);

    *offset = (u64)pos % dev->now.quantum;
    return set ? &set->quantum[number % dev->now.qset] : NULL;
}

/* ---- file operations ----------------------------------------------------------------------- */

static int scullv_open(struct inode *inode, struct file *file)
{
    struct scullv_dev *dev = container_of(inode->i_cdev, struct scullv_dev, cdev);
    int error = 0;

    file->private_data = dev;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (mutex_lock_interruptible(&dev->lock))
            return -ERESTARTSYS;
        error = scullv_trim(dev);
        mutex_unlock(&dev->lock);
    }
    return error;
}

static int scullv_release(struct inode *inode, struct file *file)
{
    file->private_data = NULL; /* the data stays for whoever comes next */
    return 0;
}

static ssize_t scullv_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
    struct scullv_dev *dev = file->private_data;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (*pos >= dev->size)
        count = 0;
    else
        count = min_t(u64, count, dev->size - *pos);
    while (done < count) {
        size_t offset, piece, left;
        void **slot = scullv_find_slot(dev, *pos, false, &offset);

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

static ssize_t scullv_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
    struct scullv_dev *dev = file->private_data;
    ssize_t error = 0;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *pos = dev->size;
    while (done < count && !error) {
        size_t offset, piece, left;
        void **slot = scullv_find_slot(dev, *pos, true, &offset);

        /* Zeroed: what a write does not cover must not show somebody's old memory. */
        if (slot && !*slot)
            *slot = vzalloc(dev->now.quantum);
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

static loff_t scullv_llseek(struct file *file, loff_t offset, int whence)
{
    struct scullv_dev *dev = file->private_data;
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

static long scullv_set_geometry(struct scullv_dev *dev, const struct scull_geometry *wanted)
{
    struct scull_geometry geometry = dev->next;

    if (wanted->quantum)
        geometry.quantum = wanted->quantum;
    if (wanted->qset)
        geometry.qset = wanted->qset;
    if (!scullv_geometry_ok(&geometry))
        return -EINVAL;
    dev->next = geometry;
    return 0;
}

static long scullv_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct scullv_dev *dev = file->private_data;
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
        if (!dev->mappings)
            dev->next = (struct scull_geometry){pages << PAGE_SHIFT, qset};
        error = scullv_trim(dev);
        break;
    case SCULL_GET_GEOMETRY:
        geometry = dev->now;
        break;
    case SCULL_SET_GEOMETRY:
        error = scullv_set_geometry(dev, &geometry);
        break;
    default:
        error = -ENOTTY;
    }
    mutex_unlock(&dev->lock);
    if (cmd == SCULL_GET_GEOMETRY && copy_to_user(user, &geometry, sizeof(geometry)))
        error = -EFAULT;
    return error;
}

/* ---- mapping ------------------------------------------------------------------------------- */

static void scullv_vm_open(struct vm_area_struct *vma)
{
    struct scullv_dev *dev = vma->vm_private_data;

    mutex_lock(&dev->lock);
    dev->mappings++;
    mutex_unlock(&dev->lock);
}

static void scullv_vm_close(struct vm_area_struct *vma)
{
    struct scullv_dev *dev = vma->vm_private_data;

    mutex_lock(&dev->lock);
    dev->mappings--;
    mutex_unlock(&dev->lock);
}

/* A client touches a page for the first time: give it the frame that holds the data. There is none
 * in holes and beyond the end. */
static vm_fault_t scullv_vm_fault(struct vm_fault *vmf)
{
    struct scullv_dev *dev = vmf->vma->vm_private_data;
    loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
    vm_fault_t result = VM_FAULT_SIGBUS;
    size_t offset;
    void **slot;

    mutex_lock(&dev->lock);
    slot = pos < dev->size ? scullv_find_slot(dev, pos, false, &offset) : NULL;
    if (slot && *slot) {
        vmf->page = vmalloc_to_page(*slot + offset);
        get_page(vmf->page); /* for the mapping, which drops it at its end */
        result = 0;
    }
    mutex_unlock(&dev->lock);
    return result;
}

static const struct vm_operations_struct scullv_vm_ops = {
    .open = scullv_vm_open,
    .close = scullv_vm_close,
    .fault = scullv_vm_fault,
};

static int scullv_mmap(struct file *file, struct vm_area_struct *vma)
{
    vma->vm_ops = &scullv_vm_ops;
    vma->vm_private_data = file->private_data;
    scullv_vm_open(vma); /* the kernel calls it for copies only */
    return 0;
}

static const struct file_operations scullv_fops = {
    .owner = THIS_MODULE,
    .open = scullv_open,
    .release = scullv_release,
    .read = scullv_read,
    .write = scullv_write,
    .llseek = scullv_llseek,
    .unlocked_ioctl = scullv_ioctl,
    .mmap = scullv_mmap,
};

/* ---- beginning and end --------------------------------------------------------------------- */

/* Everybody may use the devices. */
static char *scullv_devnode(const struct device *device, umode_t *mode)
{
    if (mode)
        *mode = 0666;
    return NULL;
}

static int scullv_add(struct scullv_dev *dev, unsigned int index)
{
    struct device *device;
    int error;

    cdev_init(&dev->cdev, &scullv_fops);
    dev->cdev.owner = THIS_MODULE;
    error = cdev_add(&dev->cdev, scullv_first + index, 1);
    if (error)
        return error;
    dev->added = true;
    device = device_create(scullv_class, NULL, scullv_first + index, NULL, "scullv%u", index);
    if (IS_ERR(device))
        return PTR_ERR(device);
    dev->device = device;
    return 0;
}

/* Undo what was done so far: the end of the module, and of an init that failed half way. */
static void scullv_cleanup(void)
{
    unsigned int i;

    for (i = 0; scullv_devs && i < nr_devs; i++) {
        struct scullv_dev *dev = &scullv_devs[i];

        if (dev->device)
            device_destroy(scullv_class, scullv_first + i);
        if (dev->added)
            cdev_del(&dev->cdev);
        scullv_trim(dev);
    }
    class_destroy(scullv_class);
    if (scullv_first)
        unregister_chrdev_region(scullv_first, nr_devs);
    kfree(scullv_devs);
}

static int __init scullv_init(void)
{
    struct scull_geometry geometry;
    unsigned int i;
    int error;

    if (nr_devs == 0 || nr_devs > 256 || pages > SCULLV_MAX_BYTES >> PAGE_SHIFT)
        return -EINVAL;
    geometry = (struct scull_geometry){pages << PAGE_SHIFT, qset};
    if (!scullv_geometry_ok(&geometry))
        return -EINVAL;
    scullv_devs = kcalloc(nr_devs, sizeof(*scullv_devs), GFP_KERNEL);
    if (!scullv_devs)
        return -ENOMEM;
    for (i = 0; i < nr_devs; i++) {
        mutex_init(&scullv_devs[i].lock);
        INIT_LIST_HEAD(&scullv_devs[i].sets);
        scullv_devs[i].now = scullv_devs[i].next = geometry;
    }
    error = alloc_chrdev_region(&scullv_first, 0, nr_devs, "scullv");
    if (error)
        goto fail;
    scullv_class = class_create("scullv");
    if (IS_ERR(scullv_class)) {
        error = PTR_ERR(scullv_class);
        scullv_class = NULL;
        goto fail;
    }
    scullv_class->devnode = scullv_devnode;
    for (i = 0; i < nr_devs; i++) {
        error = scullv_add(&scullv_devs[i], i);
        if (error)
            goto fail;
    }
    return 0;

fail:
    scullv_cleanup();
    return error;
}

static void __exit scullv_exit(void)
{
    scullv_cleanup();
}

module_init(scullv_init);
module_exit(scullv_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Memory devices on vmalloc");
