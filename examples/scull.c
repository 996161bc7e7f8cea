/* SPDX-License-Identifier: MIT */
/* scull: a character device that is a piece of memory, in blocks from kmalloc().
 *
 * What you write can be read back, at any offset, until the device is opened for writing only, which
 * empties it. The data lies in *quanta*, blocks of `quantum` bytes each of its own kmalloc; a *set* is a
 * table of `set_size` pointers to quanta; the sets of a device are a list:
 *
 *     device -> set 0 -> set 1 -> ...          byte n is in quantum n / quantum,
 *                |                             which is entry (n / quantum) % set_size
 *                +-> [quantum][quantum][hole]  of set (n / quantum) / set_size
 *
 * A quantum is allocated when something is first written to it; a hole reads as end of data, as in a
 * pipe that was never filled. When memory runs out, write returns what it stored so far, or -ENOMEM.
 *
 * Locking: one mutex a device guards its sets, sizes and data. It may be held while memory is
 * allocated (GFP_KERNEL) and while user memory is copied, since both may sleep. */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "scull_ioctl.h"

static int devices = 4;
static int quantum = 4000;
static int set_size = 1000;
module_param(devices, int, 0444);
MODULE_PARM_DESC(devices, "how many devices, 1..64");
module_param(quantum, int, 0444);
MODULE_PARM_DESC(quantum, "bytes in one block, 1..131072");
module_param(set_size, int, 0444);
MODULE_PARM_DESC(set_size, "quanta in one set");

struct scull_set {
    struct scull_set *next;
    void **quantum; /* set_size pointers, NULL where nothing was written */
};

struct scull_device {
    struct mutex lock;
    struct scull_set *sets;
    int quantum, set_size;           /* of the data it holds */
    int next_quantum, next_set_size; /* of what is written after the next trim */
    loff_t size;
    struct cdev cdev;
};

static dev_t scull_first;
static struct class *scull_class;
static struct scull_device *scull_devices;

static size_t scull_quantum_size(const struct scull_device *device)
{
    return device->quantum;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *scull_quantum_alloc(const struct scull_device *device)
{
    return kzalloc(device->quantum, GFP_KERNEL);
}

static void scull_quantum_free(const struct scull_device *device, void *memory)
{
    kfree(memory);
}

/* Give back all data. The caller holds the lock (or is alone). */
static void scull_trim(struct scull_device *device)
{
    struct scull_set *set, *next;
    int i;

    for (set = device->sets; set; set = next) {
        next = set->next;
        for (i = 0; i < device->set_size; i++) {
            if (set->quantum[i])
                scull_quantum_free(device, set->quantum[i]);
        }
        kfree(set->quantum);
        kfree(set);
    }
    device->sets = NULL;
    device->size = 0;
    device->quantum = device->next_quantum;
    device->set_size = device->next_set_size;
}

static struct scull_set *scull_set_alloc(const struct scull_device *device)
{
    struct scull_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

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
static void **scull_slot(struct scull_device *device, unsigned long nr, bool make)
{
    struct scull_set **link = &device->sets;
    unsigned long set_nr = nr / device->set_size;

    for (;;) {
        if (!*link && make)
            *link = scull_set_alloc(device);
        if (!*link)
            return NULL;
        if (set_nr-- == 0)
            return &(*link)->quantum[nr % device->set_size];
        link = &(*link)->next;
    }
}

/* ---- file operations ------------------------------------------------------------------------ */

static int scull_open(struct inode *inode, struct file *file)
{
    struct scull_device *device = container_of(inode->i_cdev, struct scull_device, cdev);
    int error = 0;

    file->private_data = device;
    if ((file->f_flags & O_ACCMODE) == O_WRONLY) {
        if (mutex_lock_interruptible(&device->lock))
            return -ERESTARTSYS;
        scull_trim(device);
        mutex_unlock(&device->lock);
    }
    return error;
}

static int scull_release(struct inode *inode, struct file *file)
{
    return 0;
}

/* Bytes from @position to the end of its quantum, at most @count. */
static size_t scull_piece(const struct scull_device *device, loff_t position, size_t count)
{
    size_t size = scull_quantum_size(device);

    return min_t(size_t, count, size - (size_t)position % size);
}

static ssize_t scull_read(struct file *file, char __user *buffer, size_t count, loff_t *position)
{
    struct scull_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (mutex_lock_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (*position < device->size)
        count = min_t(loff_t, count, device->size - *position);
    else
        count = 0;
    while (done < count) {
        size_t size = scull_quantum_size(device);
        void **slot = scull_slot(device, *position / size, false);

        if (!slot || !*slot)
            break;
        piece = scull_piece(device, *position, count - done);
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

static ssize_t scull_write(struct file *file, const char __user *buffer, size_t count,
                           loff_t *position)
{
    struct scull_device *device = file->private_data;
    size_t done = 0, piece;
    ssize_t result = 0;

    if (mutex_lock_interruptible(&device->lock))
        return -ERESTARTSYS;
    if (file->f_flags & O_APPEND)
        *position = device->size;
    while (done < count) {
        size_t size = scull_quantum_size(device);
        void **slot = scull_slot(device, *position / size, true);

        if (slot && !*slot)
            *slot = scull_quantum_alloc(device);
        if (!slot || !*slot) {
            result = -ENOMEM;
            break;
        }
        piece = scull_piece(device, *position, count - done);
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

static loff_t scull_llseek(struct file *file, loff_t offset, int whence)
{
    struct scull_device *device = file->private_data;
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

static long scull_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
    struct scull_device *device = file->private_data;
    int __user *user = (int __user *)argument;
    int value = 0, old;

    if (_IOC_TYPE(command) != SCULL_IOC_MAGIC)
        return -ENOTTY;
    if ((_IOC_DIR(command) & _IOC_WRITE) && get_user(value, user))
        return -EFAULT;
    switch (command) {
    case SCULL_RESET:
        device->next_quantum = quantum;
        device->next_set_size = set_size;
        return 0;
    case SCULL_GET_QUANTUM:
        return put_user(device->next_quantum, user);
    case SCULL_SET_QUANTUM:
    case SCULL_SWAP_QUANTUM:
        if (value < 1 || value > 131072)
            return -EINVAL;
        old = device->next_quantum;
        device->next_quantum = value;
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

static const struct file_operations scull_file_operations = {
    .owner = THIS_MODULE,
    .open = scull_open,
    .release = scull_release,
    .read = scull_read,
    .write = scull_write,
    .llseek = scull_llseek,
    .unlocked_ioctl = scull_ioctl,
};

/* ---- /proc/scull: a line a device --------------------------------------- */

static int scull_proc_show(struct seq_file *seq, void *unused)
{
    int i;

    for (i = 0; i < devices; i++) {
        struct scull_device *device = &scull_devices[i];

        if (mutex_lock_interruptible(&device->lock))
            return -ERESTARTSYS;
        seq_printf(seq, "scull%d: quantum %d, set %d, %lld bytes\n", i, device->quantum,
                   device->set_size, (long long)device->size);
        mutex_unlock(&device->lock);
    }
    return 0;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static int scull_device_add(struct scull_device *device, int minor)
{
    dev_t number = MKDEV(MAJOR(scull_first), minor);
    struct device *node;
    int error;

    mutex_init(&device->lock);
    device->quantum = device->next_quantum = quantum;
    device->set_size = device->next_set_size = set_size;
    cdev_init(&device->cdev, &scull_file_operations);
    device->cdev.owner = THIS_MODULE;
    error = cdev_add(&device->cdev, number, 1);
    if (error)
        return error;
    node = device_create(scull_class, NULL, number, NULL, "scull%d", minor);
    if (IS_ERR(node)) {
        cdev_del(&device->cdev);
        return PTR_ERR(node);
    }
    return 0;
}

static void scull_device_remove(struct scull_device *device, int minor)
{
    device_destroy(scull_class, MKDEV(MAJOR(scull_first), minor));
    cdev_del(&device->cdev);
    scull_trim(device);
}

static int __init scull_add_all(void)
{
    int i, error;

    for (i = 0; i < devices; i++) {
        error = scull_device_add(&scull_devices[i], i);
        if (error) {
            while (i-- > 0)
                scull_device_remove(&scull_devices[i], i);
            return error;
        }
    }
    return 0;
}

static int __init scull_init(void)
{
    int error = -ENOMEM;

    if (devices < 1 || devices > 64 || quantum < 1 || quantum > 131072 || set_size < 1) {
        pr_err("scull: a parameter is out of range\n");
        return -EINVAL;
    }
    scull_devices = kcalloc(devices, sizeof(*scull_devices), GFP_KERNEL);
    if (!scull_devices)
        return -ENOMEM;
    error = alloc_chrdev_region(&scull_first, 0, devices, "scull");
    if (error)
        goto no_region;
    scull_class = class_create("scull");
    if (IS_ERR(scull_class)) {
        error = PTR_ERR(scull_class);
        goto no_class;
    }
    error = scull_add_all();
    if (error)
        goto no_devices;
    if (!proc_create_single("scull", 0444, NULL, scull_proc_show))
        pr_warn("scull: no /proc/scull, going on without\n");
    pr_info("scull: %d devices, major %d\n", devices, MAJOR(scull_first));
    return 0;

no_devices:
    class_destroy(scull_class);
no_class:
    unregister_chrdev_region(scull_first, devices);
no_region:
    kfree(scull_devices);
    return error;
}

static void __exit scull_exit(void)
{
    int i;

    remove_proc_entry("scull", NULL);
    for (i = 0; i < devices; i++)
        scull_device_remove(&scull_devices[i], i);
    class_destroy(scull_class);
    unregister_chrdev_region(scull_first, devices);
    kfree(scull_devices);
}

module_init(scull_init);
module_exit(scull_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("memory as a device, on kmalloc");
