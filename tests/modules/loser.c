/* SPDX-License-Identifier: MIT */
/* A module that loses memory while it runs, for the tests of the leak scan: it is known by a list, by a
 * timer's object, by a client's open file, by a mark, or not at all. The comments at line ends are what the
 * tests look for the number of. */
#include <linux/fs.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timer.h>

struct node {
    struct list_head list;
    struct node *peer;
    struct timer_list timer;
};

static LIST_HEAD(nodes);
static unsigned long hidden;
static struct node *forgotten;

static void loser_timer(struct timer_list *timer)
{
}

/* A timer that is pending leads to the object it lies in. */
static noinline int loser_start(void)
{
    struct node *node = kzalloc(sizeof(*node), GFP_KERNEL);

    if (!node)
        return -ENOMEM;
    timer_setup(&node->timer, loser_timer, 0);
    mod_timer(&node->timer, jiffies + 10000 * HZ);
    hidden = ~(unsigned long)node;
    return 0;
}

static int loser_open(struct inode *inode, struct file *file)
{
    file->private_data = kzalloc(100, GFP_KERNEL);
    return file->private_data ? 0 : -ENOMEM;
}

static int loser_release(struct inode *inode, struct file *file)
{
    kfree(file->private_data);
    return 0;
}

/* "list" adds to the list, "lose" drops two that know each other, "hide" keeps one by a marked number. */
static ssize_t loser_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    char word;
    struct node *node;

    if (size < 4 || get_user(word, buffer + 1))
        return -EINVAL;
    node = kzalloc(sizeof(*node), GFP_KERNEL); /* site: node */
    if (!node)
        return -ENOMEM;
    if (word == 'o') {
        node->peer = kzalloc(sizeof(*node), GFP_KERNEL); /* site: peer */
        if (node->peer)
            node->peer->peer = node;
    } else if (word == 'a') {
        kmemleak_not_leak(node);
    } else {
        list_add(&node->list, &nodes);
        forgotten = node;
    }
    return (ssize_t)size;
}

static const struct file_operations loser_fops = {
    .owner = THIS_MODULE,
    .open = loser_open,
    .release = loser_release,
    .write = loser_write,
};

static struct miscdevice loser_device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "loser",
    .fops = &loser_fops,
};

static int __init loser_init(void)
{
    int error = loser_start();

    return error ? error : misc_register(&loser_device);
}

static void __exit loser_exit(void)
{
    struct node *timed = (struct node *)~hidden;

    misc_deregister(&loser_device);
    del_timer_sync(&timed->timer);
    kfree(timed);
    pr_debug("%p\n", READ_ONCE(forgotten));
}

module_init(loser_init);
module_exit(loser_exit);
MODULE_LICENSE("Dual MIT/GPL");
