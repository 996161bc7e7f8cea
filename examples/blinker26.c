/* SPDX-License-Identifier: MIT */
/* blinker26: a lamp that blinks a pattern, as a driver of Linux 2.6 would do it.
 *
 * What is written to dev/blinker is the pattern: 1 on, 0 off. A timer steps through it and hands each step
 * to a tasklet, the bottom half of that time, which "moves the lamp": it remembers the last steps in a ring
 * that /proc/blinker shows, by read_proc. Timer and tasklet get their device as an unsigned long. */
#ifndef QUARRY_LINUX_26
#define QUARRY_LINUX_26 /* the API of 2.6; a kernel of that time needs no such word */
#endif
#include <linux/config.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <asm/uaccess.h>

#define BLINKER_RING 64 /* a power of two */

static int blinker_major = 0; /* 0: any that is free */
static int period = 10;       /* milliseconds of a step */
module_param(blinker_major, int, S_IRUGO);
module_param(period, int, S_IRUGO);

struct blinker {
    spinlock_t lock; /* guards all below; taken by timer and tasklet too */
    char *pattern;
    size_t size, at;
    int wanted; /* what the timer handed to the tasklet */
    unsigned long steps;
    char ring[BLINKER_RING];
    struct timer_list timer;
    struct tasklet_struct tasklet;
};

static struct blinker *blinker;

/* Bottom half: soft interrupt. */
static void blinker_move(unsigned long data)
{
    struct blinker *b = (struct blinker *)data;

    spin_lock(&b->lock);
    b->ring[b->steps++ % BLINKER_RING] = b->wanted ? '*' : '.';
    spin_unlock(&b->lock);
}

static void blinker_tick(unsigned long data)
{
    struct blinker *b = (struct blinker *)data;

    spin_lock(&b->lock);
    if (b->size) {
        b->wanted = b->pattern[b->at++ % b->size] == '1';
        tasklet_schedule(&b->tasklet);
    }
    spin_unlock(&b->lock);
    mod_timer(&b->timer, jiffies + msecs_to_jiffies(period));
}

static ssize_t blinker_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    char *pattern, *old;
    unsigned long flags;

    if (size == 0 || size > 4096)
        return -EINVAL;
    pattern = kmalloc(size, GFP_KERNEL);
    if (!pattern)
        return -ENOMEM;
    if (copy_from_user(pattern, buffer, size)) {
        kfree(pattern);
        return -EFAULT;
    }
    spin_lock_irqsave(&blinker->lock, flags);
    old = blinker->pattern;
    blinker->pattern = pattern;
    blinker->size = pattern[size - 1] == '\n' ? size - 1 : size;
    blinker->at = 0;
    spin_unlock_irqrestore(&blinker->lock, flags);
    kfree(old); /* the timer has the new one */
    return size;
}

static struct file_operations blinker_fops = {
    .owner = THIS_MODULE,
    .write = blinker_write,
};

static int blinker_read_proc(char *page, char **start, off_t off, int count, int *eof, void *data)
{
    struct blinker *b = data;
    unsigned long flags, i, from;
    int size;

    spin_lock_irqsave(&b->lock, flags);
    size = sprintf(page, "%lu steps\n", b->steps);
    from = b->steps > BLINKER_RING ? b->steps - BLINKER_RING : 0;
    for (i = from; i < b->steps; i++)
        page[size++] = b->ring[i % BLINKER_RING];
    spin_unlock_irqrestore(&b->lock, flags);
    page[size++] = '\n';
    *eof = 1;
    return size;
}

static int __init blinker_init(void)
{
    int result = -ENOMEM;

    blinker = kmalloc(sizeof(*blinker), GFP_KERNEL);
    if (!blinker)
        return result;
    memset(blinker, 0, sizeof(*blinker));
    spin_lock_init(&blinker->lock);
    tasklet_init(&blinker->tasklet, blinker_move, (unsigned long)blinker);
    init_timer(&blinker->timer);
    blinker->timer.function = blinker_tick;
    blinker->timer.data = (unsigned long)blinker;
    result = register_chrdev(blinker_major, "blinker", &blinker_fops);
    if (result < 0)
        goto out;
    if (!blinker_major)
        blinker_major = result;
    if (!create_proc_read_entry("blinker", 0, NULL, blinker_read_proc, blinker)) {
        unregister_chrdev(blinker_major, "blinker");
        result = -ENOMEM;
        goto out;
    }
    mod_timer(&blinker->timer, jiffies + msecs_to_jiffies(period)); /* from here on it runs */
    return 0;
out:
    kfree(blinker);
    return result;
}

static void __exit blinker_exit(void)
{
    remove_proc_entry("blinker", NULL);
    unregister_chrdev(blinker_major, "blinker");
    del_timer_sync(&blinker->timer);
    tasklet_kill(&blinker->tasklet);
    kfree(blinker->pattern);
    kfree(blinker);
}

module_init(blinker_init);
module_exit(blinker_exit);
MODULE_LICENSE("Dual BSD/GPL");
