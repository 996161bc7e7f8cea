/* SPDX-License-Identifier: MIT */
/* scullv: scull on vmalloc(), and its pages can be mapped.
 *
 * A quantum is 2^order pages that lie side by side in virtual addresses only; each physical page is a
 * single one, found by vmalloc_to_page(). So, unlike scullp, devices of any order can be mapped: every
 * page has a reference count of its own.
 *
 *     device -> set 0 -> set 1 -> ...          byte n is in quantum n / (PAGE_SIZE << order),
 *                |                             which is entry (...) % set_size
 *                +-> [area][area][hole]        of set (...) / set_size
 *
 * Locking: one mutex a device guards its sets, sizes, data and count of mappings. While somebody has
 * the device mapped it is not emptied: trimming says -EBUSY. */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "scull_ioctl.h"

static int devices = 4;
static int order = 4;
static int set_size = 500;
module_param(devices, int, 0444);
MODULE_PARM_DESC(devices, "how many devices, 1..64");
module_param(order, int, 0444);
MODULE_PARM_DESC(order, "a quantum is 2^order pages, 0..10");
module_param(set_size, int, 0444);
MODULE_PARM_DESC(set_size, "quanta in one set");

struct scullv_set {
    struct scullv_set *next;
    void **quantum; /* set_size pointers, NULL where nothing was written */
};

struct scullv_device {
    struct mutex lock;
    struct scullv_set *sets;
    int order, set_size;           /* of the data it holds */
    int next_order, next_set_size; /* of what is written after the next trim */
    unsigned int mappings;         /* areas of client memory that show our pages */
    loff_t size;
    struct cdev cdev;
};

static dev_t scullv_first;
static struct class *scullv_class;
static struct scullv_device *scullv_devices;

static size_t scullv_quantum_size(const struct scullv_device *device)
{
    return PAGE_SIZE << device->order;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *scullv_quantum_alloc(const struct scullv_device *device)
{
    return vzalloc(PAGE_SIZE << device->order);
}

static void scullv_quantum_free(const struct scullv_device *device, void *memory)
{
    vfree(memory);
}

/* Give back all data. The caller holds the lock (or is alone). */
static int scullv_trim(struct scullv_device *device)
{
    struct scullv_set *set, *next;
    int i;

    if (device->mappings)
        return -EBUSY;
    for (set = device->sets; set; set = next) {
        next = set->next;
        for (i = 0; i < device->set_size; i++) {
            if (set->quantum[i])
                scullv_quantum_free(device, set->quantum[i]);
        }
        kfree(set->quantum);
        kfree(set);
    }
    device->sets = NULL;
    device->size = 0;
    device->order = device->next_order;
    device->set_size = device->next_set_size;
    return 0;
}

static struct scullv_set *scullv_set_alloc(const struct scullv_device *device)
{
    struct scullv_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

    if (!set)
        return NULL;
    set->quantum = kcalloc(device->set_size, sizeof(*set->quantum), GFP_KERNEL);
    if (!set->quantum) {
        kfree(set);
        return NULL;
    }
    return set;
}

/* Where the pointer to quantum number @nr lies; NULL when its set does not exist and is not to be made
 * (@make false) or cannot be. */
static void **scullv_slot(struct scullv_device *device, unsigned long nr, bool make)
{
    struct scullv_set **link = &device->sets;
    unsigned long set_nr = nr / device->set_size;

    for (;;) {
        if (!*link && make)
            *link = scullv_set_alloc(device);
        if (!*link)
            return NULL;
        if (set_nr-- == 0)
            return &(*link)->quantum[nr % device->set_size];
        link = &(*link)->next;
    }
}

/* ---- file operations ------------------------------------------------------------------------ */

static int scullv_open(struct inode *inode, struct file *file)
{
    struct scullv_device *device = container_of(inode->i_cdev, struct scullv_device, cdev);
    int error = 0;

    file->private_data = device;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (mutex_lock_interruptible(&device->lock))
            return -ERESTARTSYS;
        error = scullv_trim(device);
        mutex_unlock(&device->lock);
    }
    return error;
}

static int scullv_release(struct inode *inode, struct file *file)
{
    return 0;
}

/* Bytes from @position to the end of its quantum, at most @count. */
static size_t scullv_piece(const struct scullv_device *device, loff_t position, size_t count)
{
    size_t size = scullv_quantum_size(device);

    return min_t(size_t, count, size - (size_t)position % size);
}

static ssize_t scullv_read(struct file *file, char __user *buffer, size_t count, loff_t *position)
{
    struct scullv_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (mutex_lock_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (*position < device->size)
        count = min_t(loff_t, count, device->size - *position);
    else
        count = 0;
    while (done < count) {
        size_t size = scullv_quantum_size(device);
        void **slot = scullv_slot(device, *position / size, false);

        if (!slot || !*slot)
            break;
        piece = scullv_piece(device, *position, count - done);
        if (copy_to_user(buffer + done, *slot + *position % size, piece)) {
            result = -EFAULT;
            break;
        }
        done += piece;
        *position += piece;
    }
    mutex_unlock(&device->lock);
    return done ? done : result;
}

static ssize_t scullv_write(struct file *file, const char __user *buffer, size_t count,
                            loff_t *position)
{
    struct scullv_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (mutex_lock_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *position = device->size;
    while (done < count) {
        size_t size = scullv_quantum_size(device);
        void **slot = scullv_slot(device, *position / size, true);

        if (slot && !*slot)
            *slot = scullv_quantum_alloc(device);
        if (!slot || !*slot) {
            result = -ENOMEM;
            break;
        }
        piece = scullv_piece(device, *position, count - done);
        if (copy_from_user(*slot + *position % size, buffer + done, piece)) {
            result = -EFAULT;
            break;
        }
        done += piece;
        *position += piece;
        if (device->size < *position)
            device->size = *position;
    }
    mutex_unlock(&device->lock);
    return done ? done : result;
}

static loff_t scullv_llseek(struct file *file, loff_t offset, int whence)
{
    struct scullv_device *device = file->private_data;
    loff_t target;

    switch (whence) {
    case SEEK_SET:
        target = offset;
        break;
    case SEEK_CUR:
        target = file->f_pos + offset;
        break;
    case SEEK_END:
        target = device->size + offset;
        break;
    default:
        return -EINVAL;
    }
    if (target < 0)
        return -EINVAL;
    file->f_pos = target;
    return target;
}

static long scullv_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
    struct scullv_device *device = file->private_data;
    int __user *user = (int __user *)argument;
    int value = 0, old;

    if (_IOC_TYPE(command) != SCULL_IOC_MAGIC)
        return -ENOTTY;
    if ((_IOC_DIR(command) & _IOC_WRITE) && get_user(value, user))
        return -EFAULT;
    switch (command) {
    case SCULL_RESET:
        device->next_order = order;
        device->next_set_size = set_size;
        return 0;
    case SCULL_GET_QUANTUM:
        return put_user(device->next_order, user);
    case SCULL_SET_QUANTUM:
    case SCULL_SWAP_QUANTUM:
        if (value < 0 || value > 10)
            return -EINVAL;
        old = device->next_order;
        device->next_order = value;
        return command == SCULL_SWAP_QUANTUM ? put_user(old, user) : 0;
    case SCULL_GET_SET:
        return put_user(device->next_set_size, user);
    case SCULL_SET_SET:
        if (value < 1 || value > 100000)
            return -EINVAL;
        device->next_set_size = value;
        return 0;
    default:
        return -ENOTTY;
    }
}

/* ---- mapping -------------------------------------------------------------------------------- */

static void scullv_vma_open(struct vm_area_struct *vma)
{
    struct scullv_device *device = vma->vm_private_data;

    mutex_lock(&device->lock);
    device->mappings++;
    mutex_unlock(&device->lock);
}

static void scullv_vma_close(struct vm_area_struct *vma)
{
    struct scullv_device *device = vma->vm_private_data;

    mutex_lock(&device->lock);
    device->mappings--;
    mutex_unlock(&device->lock);
}

/* A client touched a page that is not mapped yet: find ours behind it. */
static vm_fault_t scullv_vma_fault(struct vm_fault *vmf)
{
    struct scullv_device *device = vmf->vma->vm_private_data;
    loff_t offset = (loff_t)vmf->pgoff << PAGE_SHIFT;
    vm_fault_t result = VM_FAULT_SIGBUS; /* beyond the data, and holes */
    size_t size;
    void **slot;

    mutex_lock(&device->lock);
    size = scullv_quantum_size(device);
    if (offset < device->size) {
        slot = scullv_slot(device, offset / size, false);
        if (slot && *slot) {
            vmf->page = vmalloc_to_page(*slot + offset % size);
            get_page(vmf->page); /* the client's; given back when it unmaps */
            result = 0;
        }
    }
    mutex_unlock(&device->lock);
    return result;
}

static const struct vm_operations_struct scullv_vm_operations = {
    .open = scullv_vma_open,
    .close = scullv_vma_close,
    .fault = scullv_vma_fault,
};

static int scullv_mmap(struct file *file, struct vm_area_struct *vma)
{
    vma->vm_private_data = file->private_data;
    vma->vm_ops = &scullv_vm_operations;
    scullv_vma_open(vma);
    return 0;
}

static const struct file_operations scullv_file_operations = {
    .owner = THIS_MODULE,
    .open = scullv_open,
    .release = scullv_release,
    .read = scullv_read,
    .write = scullv_write,
    .llseek = scullv_llseek,
    .unlocked_ioctl = scullv_ioctl,
    .mmap = scullv_mmap,
};

/* ---- /proc/scullv: a line a device -------------------------------------- */

static int scullv_proc_show(struct seq_file *seq, void *unused)
{
    int i;

    for (i = 0; i < devices; i++) {
        struct scullv_device *device = &scullv_devices[i];

        if (mutex_lock_interruptible(&device->lock))
            return -ERESTARTSYS;
        seq_printf(seq, "scullv%d: order %d, set %d, %lld bytes\n", i, device->order,
                   device->set_size, (long long)device->size);
        mutex_unlock(&device->lock);
    }
    return 0;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static int scullv_device_add(struct scullv_device *device, int minor)
{
    dev_t number = MKDEV(MAJOR(scullv_first), minor);
    struct device *node;
    int error;

    mutex_init(&device->lock);
    device->order = device->next_order = order;
    device->set_size = device->next_set_size = set_size;
    cdev_init(&device->cdev, &scullv_file_operations);
    device->cdev.owner = THIS_MODULE;
    error = cdev_add(&device->cdev, number, 1);
    if (error)
        return error;
    node = device_create(scullv_class, NULL, number, NULL, "scullv%d", minor);
    if (IS_ERR(node)) {
        cdev_del(&device->cdev);
        return PTR_ERR(node);
    }
    return 0;
}

static void scullv_device_remove(struct scullv_device *device, int minor)
{
    device_destroy(scullv_class, MKDEV(MAJOR(scullv_first), minor));
    cdev_del(&device->cdev);
    scullv_trim(device);
}

static int __init scullv_add_all(void)
{
    int i, error;

    for (i = 0; i < devices; i++) {
        error = scullv_device_add(&scullv_devices[i], i);
        if (error) {
            while (i-- > 0)
                scullv_device_remove(&scullv_devices[i], i);
            return error;
        }
    }
    return 0;
}

static int __init scullv_init(void)
{
    int error = -ENOMEM;

    if (devices < 1 || devices > 64 || order < 0 || order > 10 || set_size < 1) {
        pr_err("scullv: a parameter is out of range\n");
        return -EINVAL;
    }
    scullv_devices = kcalloc(devices, sizeof(*scullv_devices), GFP_KERNEL);
    if (!scullv_devices)
        return -ENOMEM;
    error = alloc_chrdev_region(&scullv_first, 0, devices, "scullv");
    if (error)
        goto no_region;
    scullv_class = class_create("scullv");
    if (IS_ERR(scullv_class)) {
        error = PTR_ERR(scullv_class);
        goto no_class;
    }
    error = scullv_add_all();
    if (error)
        goto no_devices;
    if (!proc_create_single("scullv", 0444, NULL, scullv_proc_show))
        pr_warn("scullv: no /proc/scullv, going on without\n");
    pr_info("scullv: %d devices, major %d\n", devices, MAJOR(scullv_first));
    return 0;

no_devices:
    class_destroy(scullv_class);
no_class:
    unregister_chrdev_region(scullv_first, devices);
no_region:
    kfree(scullv_devices);
    return error;
}

static void __exit scullv_exit(void)
{
    int i;

    remove_proc_entry("scullv", NULL);
    for (i = 0; i < devices; i++)
        scullv_device_remove(&scullv_devices[i], i);
    class_destroy(scullv_class);
    unregister_chrdev_region(scullv_first, devices);
    kfree(scullv_devices);
}

module_init(scullv_init);
module_exit(scullv_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("memory as a device, on vmalloc");
