/* SPDX-License-Identifier: MIT */
/* scullp: devices made of memory, here of whole pages.
 *
 * As scull.c (read that first), with pieces of 2^order pages from the page allocator. Whole pages can
 * be mapped into a client, which then reads and writes the driver's own memory:
 *
 *     quarry run examples/scullp.c --param order=1 -- ./a-program-that-maps $QUARRY_ROOT/dev/scullp0
 *
 * The blocks are compound (__GFP_COMP), so that each of their pages can be mapped by itself: a
 * reference on any page keeps the whole block.
 *
 * One mutex per device guards its data, size, geometry and count of mappings. */
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "scull.h"

static unsigned int nr_devs = 4;
module_param(nr_devs, uint, 0444);
MODULE_PARM_DESC(nr_devs, "how many devices to make (4)");

static unsigned int order;
module_param(order, uint, 0444);
MODULE_PARM_DESC(order, "2^order pages in one piece of memory (0)");

static unsigned int qset = 500;
module_param(qset, uint, 0444);
MODULE_PARM_DESC(qset, "pieces in one set (500)");

struct scullp_set {
    struct list_head list;
    void *quantum[];
};

struct scullp_dev {
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

static dev_t scullp_first;
static struct class *scullp_class;
static struct scullp_dev *scullp_devs;

/* ---- memory -------------------------------------------------------------------------------- */

static bool scullp_geometry_ok(const struct scull_geometry *geometry)
{
    return geometry->quantum >= PAGE_SIZE && geometry->quantum <= PAGE_SIZE << MAX_PAGE_ORDER &&
           is_power_of_2(geometry->quantum) && geometry->qset > 0 && geometry->qset <= 1 << 16;
}

/* Empty the device: 0, or -EBUSY while it is mapped. The caller holds dev->lock, or is alone. */
static int scullp_trim(struct scullp_dev *dev)
{
    struct scullp_set *set, *next;
    unsigned int i;

    if (dev->mappings)
        return -EBUSY;
    list_for_each_entry_safe (set, next, &dev->sets, list) {
        for (i = 0; i < dev->now.qset; i++)
            free_pages((unsigned long)set->quantum[i], get_order(dev->now.quantum));
        list_del(&set->list);
        kfree(set);
    }
    dev->size = 0;
    dev->now = dev->next;
    return 0;
}

/* Set number @number; made on the way there if @grow. NULL: there is none, or no memory for it. */
static struct scullp_set *scullp_find_set(struct scullp_dev *dev, u64 number, bool grow)
{
    struct scullp_set *set;

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
static void **scullp_find_slot(struct scullp_dev *dev, loff_t pos, bool grow, size_t *offset)
{
    u64 number = (u64)pos / dev->now.quantum;
    struct scullp_set *set = scullp_find_set(dev, number / dev->now.qset, grow);

    *offset = (u64)pos % dev->now.quantum;
    return set ? &set->quantum[number % dev->now.qset] : NULL;
}

/* Zeroed: what a write does not cover must not show somebody's old memory. */
static void *scullp_new_quantum(struct scullp_dev *dev)
{
    return (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_COMP,
                                    get_order(dev->now.quantum));
}

/* ---- file operations ----------------------------------------------------------------------- */

static int scullp_open(struct inode *inode, struct file *file)
{
    struct scullp_dev *dev = container_of(inode->i_cdev, struct scullp_dev, cdev);
    int error = 0;

    file->private_data = dev;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (mutex_lock_interruptible(&dev->lock))
            return -ERESTARTSYS;
        error = scullp_trim(dev);
        mutex_unlock(&dev->lock);
    }
    return error;
}

static int scullp_release(struct inode *inode, struct file *file)
{
    file->private_data = NULL; /* the data stays for whoever comes next */
    return 0;
}

static ssize_t scullp_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
    struct scullp_dev *dev = file->private_data;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (*pos >= dev->size)
        count = 0;
    else
        count = min_t(u64, count, dev->size - *pos);
    while (done < count) {
        size_t offset, piece, left;
        void **slot = scullp_find_slot(dev, *pos, false, &offset);

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

static ssize_t scullp_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
    struct scullp_dev *dev = file->private_data;
    ssize_t error = 0;
    size_t done = 0;

    if (mutex_lock_interruptible(&dev->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *pos = dev->size;
    while (done < count && !error) {
        size_t offset, piece, left;
        void **slot = scullp_find_slot(dev, *pos, true, &offset);

        if (slot && !*slot)
            *slot = scullp_new_quantum(dev);
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

static loff_t scullp_llseek(struct file *file, loff_t offset, int whence)
{
    struct scullp_dev *dev = file->private_data;
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

static long scullp_set_geometry(struct scullp_dev *dev, const struct scull_geometry *wanted)
{
    struct scull_geometry geometry = dev->next;

    if (wanted->quantum)
        geometry.quantum = wanted->quantum;
    if (wanted->qset)
        geometry.qset = wanted->qset;
    if (!scullp_geometry_ok(&geometry))
        return -EINVAL;
    dev->next = geometry;
    return 0;
}

static long scullp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct scullp_dev *dev = file->private_data;
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
            dev->next = (struct scull_geometry){PAGE_SIZE << order, qset};
        error = scullp_trim(dev);
        break;
    case SCULL_GET_GEOMETRY:
        geometry = dev->now;
        break;
    case SCULL_SET_GEOMETRY:
        error = scullp_set_geometry(dev, &geometry);
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

static void scullp_vm_open(struct vm_area_struct *vma)
{
    struct scullp_dev *dev = vma->vm_private_data;

    mutex_lock(&dev->lock);
    dev->mappings++;
    mutex_unlock(&dev->lock);
}

static void scullp_vm_close(struct vm_area_struct *vma)
{
    struct scullp_dev *dev = vma->vm_private_data;

    mutex_lock(&dev->lock);
    dev->mappings--;
    mutex_unlock(&dev->lock);
}

/* A client touches a page for the first time: give it the frame that holds the data. There is none
 * in holes and beyond the end. */
static vm_fault_t scullp_vm_fault(struct vm_fault *vmf)
{
    struct scullp_dev *dev = vmf->vma->vm_private_data;
    loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
    vm_fault_t result = VM_FAULT_SIGBUS;
    size_t offset;
    void **slot;

    mutex_lock(&dev->lock);
    slot = pos < dev->size ? scullp_find_slot(dev, pos, false, &offset) : NULL;
    if (slot && *slot) {
        vmf->page = virt_to_page(*slot + offset);
        get_page(vmf->page); /* for the mapping, which drops it at its end */
        result = 0;
    }
    mutex_unlock(&dev->lock);
    return result;
}

static const struct vm_operations_struct scullp_vm_ops = {
    .open = scullp_vm_open,
    .close = scullp_vm_close,
    .fault = scullp_vm_fault,
};

static int scullp_mmap(struct file *file, struct vm_area_struct *vma)
{
    vma->vm_ops = &scullp_vm_ops;
    vma->vm_private_data = file->private_data;
    scullp_vm_open(vma); /* the kernel calls it for copies only */
    return 0;
}

static const struct file_operations scullp_fops = {
    .owner = THIS_MODULE,
    .open = scullp_open,
    .release = scullp_release,
    .read = scullp_read,
    .write = scullp_write,
    .llseek = scullp_llseek,
    .unlocked_ioctl = scullp_ioctl,
    .mmap = scullp_mmap,
};

/* ---- beginning and end --------------------------------------------------------------------- */

/* Everybody may use the devices. */
static char *scullp_devnode(const struct device *device, umode_t *mode)
{
    if (mode)
        *mode = 0666;
    return NULL;
}

static int scullp_add(struct scullp_dev *dev, unsigned int index)
{
    struct device *device;
    int error;

    cdev_init(&dev->cdev, &scullp_fops);
    dev->cdev.owner = THIS_MODULE;
    error = cdev_add(&dev->cdev, scullp_first + index, 1);
    if (error)
        return error;
    dev->added = true;
    device = device_create(scullp_class, NULL, scullp_first + index, NULL, "scullp%u", index);
    if (IS_ERR(device))
        return PTR_ERR(device);
    dev->device = device;
    return 0;
}

/* Undo what was done so far: the end of the module, and of an init that failed half way. */
static void scullp_cleanup(void)
{
    unsigned int i;

    for (i = 0; scullp_devs && i < nr_devs; i++) {
        struct scullp_dev *dev = &scullp_devs[i];

        if (dev->device)
            device_destroy(scullp_class, scullp_first + i);
        if (dev->added)
            cdev_del(&dev->cdev);
        scullp_trim(dev);
    }
    class_destroy(scullp_class);
    if (scullp_first)
        unregister_chrdev_region(scullp_first, nr_devs);
    kfree(scullp_devs);
}

static int __init scullp_init(void)
{
    struct scull_geometry geometry;
    unsigned int i;
    int error;

    if (nr_devs == 0 || nr_devs > 256 || order > MAX_PAGE_ORDER)
        return -EINVAL;
    geometry = (struct scull_geometry){PAGE_SIZE << order, qset};
    if (!scullp_geometry_ok(&geometry))
        return -EINVAL;
    scullp_devs = kcalloc(nr_devs, sizeof(*scullp_devs), GFP_KERNEL);
    if (!scullp_devs)
        return -ENOMEM;
    for (i = 0; i < nr_devs; i++) {
        mutex_init(&scullp_devs[i].lock);
        INIT_LIST_HEAD(&scullp_devs[i].sets);
        scullp_devs[i].now = scullp_devs[i].next = geometry;
    }
    error = alloc_chrdev_region(&scullp_first, 0, nr_devs, "scullp");
    if (error)
        goto fail;
    scullp_class = class_create("scullp");
    if (IS_ERR(scullp_class)) {
        error = PTR_ERR(scullp_class);
        scullp_class = NULL;
        goto fail;
    }
    scullp_class->devnode = scullp_devnode;
    for (i = 0; i < nr_devs; i++) {
        error = scullp_add(&scullp_devs[i], i);
        if (error)
            goto fail;
    }
    return 0;

fail:
    scullp_cleanup();
    return error;
}

static void __exit scullp_exit(void)
{
    scullp_cleanup();
}

module_init(scullp_init);
module_exit(scullp_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Memory devices on whole pages");
