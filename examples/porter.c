/* SPDX-License-Identifier: MIT */
/* porter: dev/porter carries what is written to it into a box of depot.c's:
 *
 *     quarry run depot.c + porter.c -- sh -c 'echo hello >$QUARRY_ROOT/dev/porter'
 *
 * The box is open from load to unload; sys/kernel/depot/porter shows it meanwhile. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "depot.h"

static unsigned int room = 4096;
module_param(room, uint, 0444);
MODULE_PARM_DESC(room, "bytes that the box holds");

static struct depot_box *porter_box;

static ssize_t porter_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    void *data = memdup_user(buffer, min_t(size_t, size, PAGE_SIZE));
    int error;

    if (IS_ERR(data))
        return PTR_ERR(data);
    size = min_t(size_t, size, PAGE_SIZE);
    error = depot_store(porter_box, data, size);
    kfree(data); /* the depot has a copy */
    return error ? error : (ssize_t)size;
}

static const struct file_operations porter_fops = {
    .owner = THIS_MODULE, .write = porter_write, .llseek = noop_llseek};

static struct miscdevice porter_device = {
    .minor = MISC_DYNAMIC_MINOR, .name = "porter", .fops = &porter_fops};

static int __init porter_init(void)
{
    int error;

    porter_box = depot_open("porter", room); /* closed by exit */
    if (!porter_box)
        return -ENOMEM;
    error = misc_register(&porter_device);
    if (error)
        depot_close(porter_box);
    return error;
}

static void __exit porter_exit(void)
{
    misc_deregister(&porter_device);
    depot_close(porter_box); /* and the depot may go */
}

module_init(porter_init);
module_exit(porter_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("A client of the depot");
