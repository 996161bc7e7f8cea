/* SPDX-License-Identifier: MIT */
/* scullp: scull on whole pages, and pages can be mapped.
 *
 * A quantum is a block of 2^order pages from __get_free_pages(). Pages have descriptors and reference
 * counts, so a client can map the device: each page fault finds the driver's own page, takes a reference
 * and hands it over, and client and driver then see the same bytes. Only devices of order 0 can be
 * mapped: the pages of a larger block do not have reference counts of their own.
 *
 *     device -> set 0 -> set 1 -> ...          byte n is in quantum n / (PAGE_SIZE << order),
 *                |                             which is entry (...) % set_size
 *                +-> [block][block][hole]      of set (...) / set_size
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
#include "scull_ioctl.h"

static int devices = 4;
static int order = 0;
static int set_size = 500;
module_param(devices, int, 0444);
MODULE_PARM_DESC(devices, "how many devices, 1..64");
module_param(order, int, 0444);
MODULE_PARM_DESC(order, "a quantum is 2^order pages, 0..5");
module_param(set_size, int, 0444);
MODULE_PARM_DESC(set_size, "quanta in one set");

struct scullp_set {
    struct scullp_set *next;
    void **quantum; /* set_size pointers, NULL where nothing was written */
};

struct scullp_device {
    struct mutex lock;
    struct scullp_set *sets;
    int order, set_size;           /* of the data it holds */
    int next_order, next_set_size; /* of what is written after the next trim */
    unsigned int mappings;         /* areas of client memory that show our pages */
    loff_t size;
    struct cdev cdev;
};

static dev_t scullp_first;
static struct class *scullp_class;
static struct scullp_device *scullp_devices;

static size_t scullp_quantum_size(const struct scullp_device *device)
{
    return PAGE_SIZE << device->order;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *scullp_quantum_alloc(const struct scullp_device *device)
{
    return (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, device->order);
}

static void scullp_quantum_free(const struct scullp_device *device, void *memory)
{
    free_pages((unsigned long)memory, device->order);
}

/* Give back all data. The caller holds the lock (or is alone). */
static int scullp_trim(struct scullp_device *device)
{
    struct scullp_set *set, *next;
    int i;

    if (device->mappings)
        return -EBUSY;
    for (set = device->sets; set; set = next) {
        next = set->next;
        for (i = 0; i < device->set_size; i++) {
            if (set->quantum[i])
                scullp_quantum_free(device, set->quantum[i]);
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

static struct scullp_set *scullp_set_alloc(const struct scullp_device *device)
{
    struct scullp_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

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
static void **scullp_slot(struct scullp_device *device, unsigned long nr, bool make)
{
    struct scullp_set **link = &device->sets;
    unsigned long set_nr = nr / device->set_size;

    for (;;) {
        if (!*link && make)
            *link = scullp_set_alloc(device);
        if (!*link)
            return NULL;
        if (set_nr-- == 0)
            return &(*link)->quantum[nr % device->set_size];
        link = &(*link)->next;
    }
}

/* ---- file operations ------------------------------------------------------------------------ */

static int scullp_open(struct inode *inode, struct file *file)
{
    struct scullp_device *device = container_of(inode->i_cdev, struct scullp_device, cdev);
    int error = 0;

    file->private_data = device;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (mutex_lock_interruptible(&device->lock))
            return -ERESTARTSYS;
        error = scullp_trim(device);
        mutex_unlock(&device->lock);
    }
    return error;
}

static int scullp_release(struct inode *inode, struct file *file)
{
    return 0;
}

/* Bytes from @position to the end of its quantum, at most @count. */
static size_t scullp_piece(const struct scullp_device *device, loff_t position, size_t count)
{
    size_t size = scullp_quantum_size(device);

    return min_t(size_t, count, size - (size_t)position % size);
}

static ssize_t scullp_read(struct file *file, char __user *buffer, size_t count, loff_t *position)
{
    struct scullp_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (mutex_lock_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (*position < device->size)
        count = min_t(loff_t, count, device->size - *position);
    else
        count = 0;
    while (done < count) {
        size_t size = scullp_quantum_size(device);
        void **slot = scullp_slot(device, *position / size, false);

        if (!slot || !*slot)
            break;
        piece = scullp_piece(device, *position, count - done);
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

static ssize_t scullp_write(struct file *file, const char __user *buffer, size_t count,
                            loff_t *position)
{
    struct scullp_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (mutex_lock_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *position = device->size;
    while (done < count) {
        size_t size = scullp_quantum_size(device);
        void **slot = scullp_slot(device, *position / size, true);

        if (slot && !*slot)
            *slot = scullp_quantum_alloc(device);
        if (!slot || !*slot) {
            result = -ENOMEM;
            break;
        }
        piece = scullp_piece(device, *position, count - done);
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

static loff_t scullp_llseek(struct file *file, loff_t offset, int whence)
{
    struct scullp_device *device = file->private_data;
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

static long scullp_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
    struct scullp_device *device = file->private_data;
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
        if (value < 0 || value > 5)
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

static void scullp_vma_open(struct vm_area_struct *vma)
{
    struct scullp_device *device = vma->vm_private_data;

    mutex_lock(&device->lock);
    device->mappings++;
    mutex_unlock(&device->lock);
}

static void scullp_vma_close(struct vm_area_struct *vma)
{
    struct scullp_device *device = vma->vm_private_data;

    mutex_lock(&device->lock);
    device->mappings--;
    mutex_unlock(&device->lock);
}

/* A client touched a page that is not mapped yet: find ours behind it. */
static vm_fault_t scullp_vma_fault(struct vm_fault *vmf)
{
    struct scullp_device *device = vmf->vma->vm_private_data;
    loff_t offset = (loff_t)vmf->pgoff << PAGE_SHIFT;
    vm_fault_t result = VM_FAULT_SIGBUS; /* beyond the data, and holes */
    size_t size;
    void **slot;

    mutex_lock(&device->lock);
    size = scullp_quantum_size(device);
    if (offset < device->size) {
        slot = scullp_slot(device, offset / size, false);
        if (slot && *slot) {
            vmf->page = virt_to_page(*slot + offset % size);
            get_page(vmf->page); /* the client's; given back when it unmaps */
            result = 0;
        }
    }
    mutex_unlock(&device->lock);
    return result;
}

static const struct vm_operations_struct scullp_vm_operations = {
    .open = scullp_vma_open,
    .close = scullp_vma_close,
    .fault = scullp_vma_fault,
};

static int scullp_mmap(struct file *file, struct vm_area_struct *vma)
{
    struct scullp_device *device = file->private_data;

    if (device->order != 0)
        return -ENODEV; /* see the top: tail pages cannot be shared one by one */
    vma->vm_private_data = file->private_data;
    vma->vm_ops = &scullp_vm_operations;
    scullp_vma_open(vma);
    return 0;
}

static const struct file_operations scullp_file_operations = {
    .owner = THIS_MODULE,
    .open = scullp_open,
    .release = scullp_release,
    .read = scullp_read,
    .write = scullp_write,
    .llseek = scullp_llseek,
    .unlocked_ioctl = scullp_ioctl,
    .mmap = scullp_mmap,
};

/* ---- /proc/scullp: a line a device -------------------------------------- */

static int scullp_proc_show(struct seq_file *seq, void *unused)
{
    int i;

    for (i = 0; i < devices; i++) {
        struct scullp_device *device = &scullp_devices[i];

        if (mutex_lock_interruptible(&device->lock))
            return -ERESTARTSYS;
        seq_printf(seq, "scullp%d: order %d, set %d, %lld bytes\n", i, device->order,
                   device->set_size, (long long)device->size);
        mutex_unlock(&device->lock);
    }
    return 0;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static int scullp_device_add(struct scullp_device *device, int minor)
{
    dev_t number = MKDEV(MAJOR(scullp_first), minor);
    struct device *node;
    int error;

    mutex_init(&device->lock);
    device->order = device->next_order = order;
    device->set_size = device->next_set_size = set_size;
    cdev_init(&device->cdev, &scullp_file_operations);
    device->cdev.owner = THIS_MODULE;
    error = cdev_add(&device->cdev, number, 1);
    if (error)
        return error;
    node = device_create(scullp_class, NULL, number, NULL, "scullp%d", minor);
    if (IS_ERR(node)) {
        cdev_del(&device->cdev);
        return PTR_ERR(node);
    }
    return 0;
}

static void scullp_device_remove(struct scullp_device *device, int minor)
{
    device_destroy(scullp_class, MKDEV(MAJOR(scullp_first), minor));
    cdev_del(&device->cdev);
    scullp_trim(device);
}

static int __init scullp_add_all(void)
{
    int i, error;

    for (i = 0; i < devices; i++) {
        error = scullp_device_add(&scullp_devices[i], i);
        if (error) {
            while (i-- > 0)
                scullp_device_remove(&scullp_devices[i], i);
            return error;
        }
    }
    return 0;
}

static int __init scullp_init(void)
{
    int error = -ENOMEM;

    if (devices < 1 || devices > 64 || order < 0 || order > 5 || set_size < 1) {
        pr_err("scullp: a parameter is out of range\n");
        return -EINVAL;
    }
    scullp_devices = kcalloc(devices, sizeof(*scullp_devices), GFP_KERNEL);
    if (!scullp_devices)
        return -ENOMEM;
    error = alloc_chrdev_region(&scullp_first, 0, devices, "scullp");
    if (error)
        goto no_region;
    scullp_class = class_create("scullp");
    if (IS_ERR(scullp_class)) {
        error = PTR_ERR(scullp_class);
        goto no_class;
    }
    error = scullp_add_all();
    if (error)
        goto no_devices;
    if (!proc_create_single("scullp", 0444, NULL, scullp_proc_show))
        pr_warn("scullp: no /proc/scullp, going on without\n");
    pr_info("scullp: %d devices, major %d\n", devices, MAJOR(scullp_first));
    return 0;

no_devices:
    class_destroy(scullp_class);
no_class:
    unregister_chrdev_region(scullp_first, devices);
no_region:
    kfree(scullp_devices);
    return error;
}

static void __exit scullp_exit(void)
{
    int i;

    remove_proc_entry("scullp", NULL);
    for (i = 0; i < devices; i++)
        scullp_device_remove(&scullp_devices[i], i);
    class_destroy(scullp_class);
    unregister_chrdev_region(scullp_first, devices);
    kfree(scullp_devices);
}

module_init(scullp_init);
module_exit(scullp_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("memory as a device, on whole pages");
