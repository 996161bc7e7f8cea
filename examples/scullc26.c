/* SPDX-License-Identifier: MIT */
/* scullc26: scullc as drivers of the 2.6 kernels were written.
 *
 * The same driver as scullc.c, in the older generation's words: kmem_cache_t, the six-argument
 * kmem_cache_create() and the kmem_cache_destroy() that returns a status, SLAB_KERNEL, a semaphore used
 * as a mutex, the ioctl method that gets the inode, /proc by create_proc_read_entry(), and no device
 * model: the devices are named after their region. Compare the two files side by side to see what changed.
 *
 * Locking: one semaphore a device guards its sets, sizes and data. */
#define QUARRY_LINUX_26

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/proc_fs.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "scull_ioctl.h"

static int devices = 4;
static int quantum = 4000;
static int set_size = 1000;
module_param(devices, int, 0444);
MODULE_PARM_DESC(devices, "how many devices, 1..64");
module_param(quantum, int, 0444);
MODULE_PARM_DESC(quantum, "bytes in one block, 1..65536");
module_param(set_size, int, 0444);
MODULE_PARM_DESC(set_size, "quanta in one set");

struct scullc_set {
    struct scullc_set *next;
    void **quantum; /* set_size pointers, NULL where nothing was written */
};

struct scullc_device {
    struct semaphore lock;
    struct scullc_set *sets;
    int set_size;      /* of the data it holds */
    int next_set_size; /* of what is written after the next trim */
    loff_t size;
    struct cdev cdev;
};

static dev_t scullc_first;
static struct scullc_device *scullc_devices;
static kmem_cache_t *scullc_cache; /* where all quanta come from */

static size_t scullc_quantum_size(const struct scullc_device *device)
{
    return quantum;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *scullc_quantum_alloc(const struct scullc_device *device)
{
    void *memory = kmem_cache_alloc(scullc_cache, SLAB_KERNEL);

    if (memory)
        memset(memory, 0, quantum);
    return memory;
}

static void scullc_quantum_free(const struct scullc_device *device, void *memory)
{
    kmem_cache_free(scullc_cache, memory);
}

/* Give back all data. The caller holds the lock (or is alone). */
static void scullc_trim(struct scullc_device *device)
{
    struct scullc_set *set, *next;
    int i;

    for (set = device->sets; set; set = next) {
        next = set->next;
        for (i = 0; i < device->set_size; i++) {
            if (set->quantum[i])
                scullc_quantum_free(device, set->quantum[i]);
        }
        kfree(set->quantum);
        kfree(set);
    }
    device->sets = NULL;
    device->size = 0;
    device->set_size = device->next_set_size;
}

static struct scullc_set *scullc_set_alloc(const struct scullc_device *device)
{
    struct scullc_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

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
static void **scullc_slot(struct scullc_device *device, unsigned long nr, bool make)
{
    struct scullc_set **link = &device->sets;
    unsigned long set_nr = nr / device->set_size;

    for (;;) {
        if (!*link && make)
            *link = scullc_set_alloc(device);
        if (!*link)
            return NULL;
        if (set_nr-- == 0)
            return &(*link)->quantum[nr % device->set_size];
        link = &(*link)->next;
    }
}

/* ---- file operations ------------------------------------------------------------------------ */

static int scullc_open(struct inode *inode, struct file *file)
{
    struct scullc_device *device = container_of(inode->i_cdev, struct scullc_device, cdev);
    int error = 0;

    file->private_data = device;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (down_interruptible(&device->lock))
            return -ERESTARTSYS;
        scullc_trim(device);
        up(&device->lock);
    }
    return error;
}

static int scullc_release(struct inode *inode, struct file *file)
{
    return 0;
}

/* Bytes from @position to the end of its quantum, at most @count. */
static size_t scullc_piece(const struct scullc_device *device, loff_t position, size_t count)
{
    size_t size = scullc_quantum_size(device);

    return min_t(size_t, count, size - (size_t)position % size);
}

static ssize_t scullc_read(struct file *file, char __user *buffer, size_t count, loff_t *position)
{
    struct scullc_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (down_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (*position < device->size)
        count = min_t(loff_t, count, device->size - *position);
    else
        count = 0;
    while (done < count) {
        size_t size = scullc_quantum_size(device);
        void **slot = scullc_slot(device, *position / size, false);

        if (!slot || !*slot)
            break;
        piece = scullc_piece(device, *position, count - done);
        if (copy_to_user(buffer + done, *slot + *position % size, piece)) {
            result = -EFAULT;
            break;
        }
        done += piece;
        *position += piece;
    }
    up(&device->lock);
    return done ? done : result;
}

static ssize_t scullc_write(struct file *file, const char __user *buffer, size_t count,
                            loff_t *position)
{
    struct scullc_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (down_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *position = device->size;
    while (done < count) {
        size_t size = scullc_quantum_size(device);
        void **slot = scullc_slot(device, *position / size, true);

        if (slot && !*slot)
            *slot = scullc_quantum_alloc(device);
        if (!slot || !*slot) {
            result = -ENOMEM;
            break;
        }
        piece = scullc_piece(device, *position, count - done);
        if (copy_from_user(*slot + *position % size, buffer + done, piece)) {
            result = -EFAULT;
            break;
        }
        done += piece;
        *position += piece;
        if (device->size < *position)
            device->size = *position;
    }
    up(&device->lock);
    return done ? done : result;
}

static loff_t scullc_llseek(struct file *file, loff_t offset, int whence)
{
    struct scullc_device *device = file->private_data;
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

static int scullc_ioctl(struct inode *inode, struct file *file, unsigned int command,
                        unsigned long argument)
{
    struct scullc_device *device = file->private_data;
    int __user *user = (int __user *)argument;
    int value = 0;

    if (_IOC_TYPE(command) != SCULL_IOC_MAGIC)
        return -ENOTTY;
    if ((_IOC_DIR(command) & _IOC_WRITE) && get_user(value, user))
        return -EFAULT;
    switch (command) {
    case SCULL_RESET:
        device->next_set_size = set_size;
        return 0;
    case SCULL_GET_QUANTUM:
        return put_user(quantum, user);
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

static const struct file_operations scullc_file_operations = {
    .owner = THIS_MODULE,
    .open = scullc_open,
    .release = scullc_release,
    .read = scullc_read,
    .write = scullc_write,
    .llseek = scullc_llseek,
    .ioctl = scullc_ioctl,
};

/* ---- /proc/scullc: a line a device -------------------------------------- */

static int scullc_read_proc(char *page, char **start, off_t offset, int count, int *eof, void *data)
{
    int i, length = 0;

    for (i = 0; i < devices && length < count - 80; i++) {
        struct scullc_device *device = &scullc_devices[i];

        if (down_interruptible(&device->lock))
            return -ERESTARTSYS;
        length += sprintf(page + length, "scullc%d: quantum %d, set %d, %lld bytes\n", i, quantum,
                          device->set_size, (long long)device->size);
        up(&device->lock);
    }
    *eof = 1;
    return length;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static int scullc_device_add(struct scullc_device *device, int minor)
{
    dev_t number = MKDEV(MAJOR(scullc_first), minor);

    init_MUTEX(&device->lock);
    device->set_size = device->next_set_size = set_size;
    cdev_init(&device->cdev, &scullc_file_operations);
    device->cdev.owner = THIS_MODULE;
    return cdev_add(&device->cdev, number, 1);
}

static void scullc_device_remove(struct scullc_device *device)
{
    cdev_del(&device->cdev);
    scullc_trim(device);
}

static int __init scullc_add_all(void)
{
    int i, error;

    for (i = 0; i < devices; i++) {
        error = scullc_device_add(&scullc_devices[i], i);
        if (error) {
            while (i-- > 0)
                scullc_device_remove(&scullc_devices[i]);
            return error;
        }
    }
    return 0;
}

static int __init scullc_init(void)
{
    int error = -ENOMEM;

    if (devices < 1 || devices > 64 || quantum < 1 || quantum > 65536 || set_size < 1) {
        printk(KERN_ERR "scullc: a parameter is out of range\n");
        return -EINVAL;
    }
    scullc_devices = kcalloc(devices, sizeof(*scullc_devices), GFP_KERNEL);
    if (!scullc_devices)
        return -ENOMEM;
    scullc_cache = kmem_cache_create("scullc", quantum, 0, SLAB_HWCACHE_ALIGN, NULL, NULL);
    if (!scullc_cache)
        goto no_cache;
    error = alloc_chrdev_region(&scullc_first, 0, devices, "scullc");
    if (error)
        goto no_region;
    error = scullc_add_all();
    if (error)
        goto no_devices;
    if (!create_proc_read_entry("scullc", 0444, NULL, scullc_read_proc, NULL))
        printk(KERN_WARNING "scullc: no /proc/scullc, going on without\n");
    printk(KERN_INFO "scullc: %d devices, major %d\n", devices, MAJOR(scullc_first));
    return 0;

no_devices:
    unregister_chrdev_region(scullc_first, devices);
no_region:
    kmem_cache_destroy(scullc_cache);
no_cache:
    kfree(scullc_devices);
    return error;
}

static void __exit scullc_exit(void)
{
    int i;

    remove_proc_entry("scullc", NULL);
    for (i = 0; i < devices; i++)
        scullc_device_remove(&scullc_devices[i]);
    unregister_chrdev_region(scullc_first, devices);
    if (kmem_cache_destroy(scullc_cache))
        printk(KERN_ERR "scullc: the cache still has objects\n");
    kfree(scullc_devices);
}

module_init(scullc_init);
module_exit(scullc_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("memory as a device, on an object cache");
