/* SPDX-License-Identifier: MIT */
/* scullc26: scullc.c as it was written for Linux 2.6.
 *
 * The same devices with the calls of that time: kmem_cache_t and the cache with constructor and
 * destructor, a semaphore as mutex, the ioctl method that gets the inode, a /proc file made by
 * read_proc, numbers instead of device nodes (a script ran mknod; here dev/ lists them by name).
 *
 * The constructor shows what it was for: an object is all zeros whenever it lies in the cache. That
 * costs once, when its slab is made; who frees one gives it back as it was constructed. */
#ifndef QUARRY_LINUX_26
#define QUARRY_LINUX_26 /* the API of 2.6; a kernel of that time needs no such word */
#endif
#include <linux/config.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/fs.h>
#include <linux/errno.h>
#include <linux/types.h>
#include <linux/fcntl.h>
#include <linux/cdev.h>
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <asm/semaphore.h>
#include <asm/uaccess.h>
#include "scull.h"

static int scullc26_major = 0; /* 0: any that is free */
static int scullc26_nr_devs = 4;
static int scullc26_quantum = 4000;
static int scullc26_qset = 500;

module_param(scullc26_major, int, S_IRUGO);
module_param(scullc26_nr_devs, int, S_IRUGO);
module_param(scullc26_quantum, int, S_IRUGO);
module_param(scullc26_qset, int, S_IRUGO);

struct scullc26_set {
    struct list_head list;
    void **data; /* qset pointers */
};

struct scullc26_dev {
    struct semaphore sem;
    struct list_head sets;
    loff_t size;
    int qset, next_qset; /* of the data in memory; from the next trim on */
    struct cdev cdev;
    int added;
};

static dev_t scullc26_first;
static struct scullc26_dev *scullc26_devs;
static kmem_cache_t *scullc26_cache;
static struct proc_dir_entry *scullc26_proc;

/* ---- memory -------------------------------------------------------------------------------- */

static void scullc26_ctor(void *object, kmem_cache_t *cache, unsigned long flags)
{
    if (flags & SLAB_CTOR_CONSTRUCTOR)
        memset(object, 0, scullc26_quantum);
}

static void scullc26_dtor(void *object, kmem_cache_t *cache, unsigned long flags)
{
    /* Nothing hangs off a quantum. */
}

static void scullc26_trim(struct scullc26_dev *dev)
{
    struct scullc26_set *set, *next;
    int i;

    list_for_each_entry_safe (set, next, &dev->sets, list) {
        for (i = 0; set->data && i < dev->qset; i++) {
            if (!set->data[i])
                continue;
            memset(set->data[i], 0, scullc26_quantum); /* as constructed */
            kmem_cache_free(scullc26_cache, set->data[i]);
        }
        list_del(&set->list);
        kfree(set->data);
        kfree(set);
    }
    dev->size = 0;
    dev->qset = dev->next_qset;
}

/* Set number @number; made on the way there if @grow. NULL: there is none, or no memory for it. */
static struct scullc26_set *scullc26_follow(struct scullc26_dev *dev, long number, int grow)
{
    struct scullc26_set *set;

    list_for_each_entry (set, &dev->sets, list) {
        if (number-- == 0)
            return set;
    }
    while (grow) {
        set = kmalloc(sizeof(*set), GFP_KERNEL);
        if (!set)
            return NULL;
        set->data = NULL;
        list_add_tail(&set->list, &dev->sets);
        if (number-- == 0)
            return set;
    }
    return NULL;
}

/* The quantum that holds @pos, made if @grow; NULL: a hole, or no memory. */
static char *scullc26_find(struct scullc26_dev *dev, loff_t pos, int grow)
{
    long number = (long)pos / scullc26_quantum;
    struct scullc26_set *set = scullc26_follow(dev, number / dev->qset, grow);
    void **slot;

    if (set && !set->data && grow) {
        set->data = kmalloc(dev->qset * sizeof(*set->data), GFP_KERNEL);
        if (set->data)
            memset(set->data, 0, dev->qset * sizeof(*set->data));
    }
    if (!set || !set->data)
        return NULL;
    slot = &set->data[number % dev->qset];
    if (!*slot && grow)
        *slot = kmem_cache_alloc(scullc26_cache, SLAB_KERNEL);
    return *slot;
}

/* ---- file operations ----------------------------------------------------------------------- */

static int scullc26_open(struct inode *inode, struct file *filp)
{
    struct scullc26_dev *dev = container_of(inode->i_cdev, struct scullc26_dev, cdev);

    filp->private_data = dev;
    if ((filp->f_flags & O_ACCMODE) == O_WRONLY) {
        if (down_interruptible(&dev->sem))
            return -ERESTARTSYS;
        scullc26_trim(dev);
        up(&dev->sem);
    }
    return 0;
}

static int scullc26_release(struct inode *inode, struct file *filp)
{
    return 0;
}

/* One quantum at a time: who wants more calls again. */
static ssize_t scullc26_read(struct file *filp, char __user *buf, size_t count, loff_t *f_pos)
{
    struct scullc26_dev *dev = filp->private_data;
    size_t offset = (long)*f_pos % scullc26_quantum;
    ssize_t retval = 0;
    char *quantum;

    if (down_interruptible(&dev->sem))
        return -ERESTARTSYS;
    if (*f_pos >= dev->size)
        goto out;
    if (count > dev->size - *f_pos)
        count = dev->size - *f_pos;
    if (count > scullc26_quantum - offset)
        count = scullc26_quantum - offset;
    quantum = scullc26_find(dev, *f_pos, 0);
    retval = -EFAULT;
    if (quantum ? copy_to_user(buf, quantum + offset, count) : clear_user(buf, count))
        goto out;
    *f_pos += count;
    retval = count;
out:
    up(&dev->sem);
    return retval;
}

static ssize_t scullc26_write(struct file *filp, const char __user *buf, size_t count,
                              loff_t *f_pos)
{
    struct scullc26_dev *dev = filp->private_data;
    size_t offset;
    ssize_t retval = -ENOMEM;
    char *quantum;

    if (down_interruptible(&dev->sem))
        return -ERESTARTSYS;
    if (filp->f_flags & O_APPEND)
        *f_pos = dev->size;
    offset = (long)*f_pos % scullc26_quantum;
    quantum = scullc26_find(dev, *f_pos, 1);
    if (!quantum)
        goto out;
    if (count > scullc26_quantum - offset)
        count = scullc26_quantum - offset;
    retval = -EFAULT;
    if (copy_from_user(quantum + offset, buf, count))
        goto out;
    *f_pos += count;
    if (dev->size < *f_pos)
        dev->size = *f_pos;
    retval = count;
out:
    up(&dev->sem);
    return retval;
}

static loff_t scullc26_llseek(struct file *filp, loff_t off, int whence)
{
    struct scullc26_dev *dev = filp->private_data;
    loff_t newpos;

    switch (whence) {
    case SEEK_SET:
        newpos = off;
        break;
    case SEEK_CUR:
        newpos = filp->f_pos + off;
        break;
    case SEEK_END:
        newpos = dev->size + off;
        break;
    default:
        return -EINVAL;
    }
    if (newpos < 0)
        return -EINVAL;
    filp->f_pos = newpos;
    return newpos;
}

static int scullc26_ioctl(struct inode *inode, struct file *filp, unsigned int cmd,
                          unsigned long arg)
{
    struct scullc26_dev *dev = filp->private_data;
    struct scull_geometry geometry;
    int retval = 0;

    if (cmd != SCULL_GET_GEOMETRY && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (cmd == SCULL_SET_GEOMETRY &&
        copy_from_user(&geometry, (void __user *)arg, sizeof(geometry)))
        return -EFAULT;
    if (down_interruptible(&dev->sem))
        return -ERESTARTSYS;
    switch (cmd) {
    case SCULL_RESET:
        dev->next_qset = scullc26_qset;
        scullc26_trim(dev);
        break;
    case SCULL_GET_GEOMETRY:
        geometry.quantum = scullc26_quantum;
        geometry.qset = dev->qset;
        if (copy_to_user((void __user *)arg, &geometry, sizeof(geometry)))
            retval = -EFAULT;
        break;
    case SCULL_SET_GEOMETRY:
        if ((geometry.quantum && geometry.quantum != scullc26_quantum) || geometry.qset > 65536)
            retval = -EINVAL; /* the cache has one size */
        else if (geometry.qset)
            dev->next_qset = geometry.qset;
        break;
    default:
        retval = -ENOTTY;
    }
    up(&dev->sem);
    return retval;
}

static struct file_operations scullc26_fops = {
    .owner = THIS_MODULE,
    .llseek = scullc26_llseek,
    .read = scullc26_read,
    .write = scullc26_write,
    .ioctl = scullc26_ioctl,
    .open = scullc26_open,
    .release = scullc26_release,
};

/* ---- proc/scullc: what fits into a page ---------------------------------------------------- */

static int scullc26_read_proc(char *page, char **start, off_t offset, int count, int *eof,
                              void *data)
{
    int i, len = 0;

    for (i = 0; i < scullc26_nr_devs && len < count - 80; i++)
        len += sprintf(page + len, "scullc%d: %ld bytes, quantum %d, qset %d\n", i,
                       (long)scullc26_devs[i].size, scullc26_quantum, scullc26_devs[i].qset);
    *eof = 1;
    return len;
}

/* ---- beginning and end --------------------------------------------------------------------- */

/* Undo what was done so far: the end of the module, and of an init that failed half way. */
static void scullc26_cleanup(void)
{
    int i;

    if (scullc26_proc)
        remove_proc_entry("scullc", NULL);
    for (i = 0; scullc26_devs && i < scullc26_nr_devs; i++) {
        if (scullc26_devs[i].added)
            cdev_del(&scullc26_devs[i].cdev);
        scullc26_trim(&scullc26_devs[i]);
    }
    if (scullc26_cache && kmem_cache_destroy(scullc26_cache))
        printk(KERN_WARNING "scullc26: quanta are still in use\n");
    if (scullc26_first)
        unregister_chrdev_region(scullc26_first, scullc26_nr_devs);
    kfree(scullc26_devs);
}

static int __init scullc26_region(void)
{
    if (!scullc26_major)
        return alloc_chrdev_region(&scullc26_first, 0, scullc26_nr_devs, "scullc");
    scullc26_first = MKDEV(scullc26_major, 0);
    return register_chrdev_region(scullc26_first, scullc26_nr_devs, "scullc");
}

static int __init scullc26_init(void)
{
    int i, result = -ENOMEM;

    if (scullc26_nr_devs < 1 || scullc26_nr_devs > 256 || scullc26_quantum < 1 ||
        scullc26_qset < 1 || scullc26_qset > 65536)
        return -EINVAL;
    scullc26_devs = kmalloc(scullc26_nr_devs * sizeof(*scullc26_devs), GFP_KERNEL);
    if (!scullc26_devs)
        return -ENOMEM;
    memset(scullc26_devs, 0, scullc26_nr_devs * sizeof(*scullc26_devs));
    for (i = 0; i < scullc26_nr_devs; i++) {
        init_MUTEX(&scullc26_devs[i].sem);
        INIT_LIST_HEAD(&scullc26_devs[i].sets);
        scullc26_devs[i].qset = scullc26_devs[i].next_qset = scullc26_qset;
    }
    scullc26_cache = kmem_cache_create("scullc", scullc26_quantum, 0, SLAB_HWCACHE_ALIGN,
                                       scullc26_ctor, scullc26_dtor);
    if (!scullc26_cache)
        goto fail;
    result = scullc26_region();
    if (result) {
        scullc26_first = 0;
        goto fail;
    }
    for (i = 0; i < scullc26_nr_devs; i++) {
        cdev_init(&scullc26_devs[i].cdev, &scullc26_fops);
        scullc26_devs[i].cdev.owner = THIS_MODULE;
        result = cdev_add(&scullc26_devs[i].cdev, scullc26_first + i, 1);
        if (result)
            goto fail;
        scullc26_devs[i].added = 1;
    }
    scullc26_proc = create_proc_read_entry("scullc", 0, NULL, scullc26_read_proc, NULL);
    if (!scullc26_proc) {
        result = -ENOMEM;
        goto fail;
    }
    return 0;

fail:
    scullc26_cleanup();
    return result;
}

static void __exit scullc26_exit(void)
{
    scullc26_cleanup();
}

module_init(scullc26_init);
module_exit(scullc26_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Memory devices on an object cache, as in Linux 2.6");
