/* SPDX-License-Identifier: MIT */
/* A device whose read() sleeps until somebody writes; with -D it crashes in one place or another. For the
 * tests of signals and crashes. */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define SLEEPER_ROOM 4096

static DEFINE_MUTEX(lock);
static DECLARE_WAIT_QUEUE_HEAD(queue);
static char *buffer;
static size_t filled;
static unsigned long opened __maybe_unused;

static ssize_t sleeper_read(struct file *file, char __user *user, size_t size, loff_t *pos)
{
    ssize_t got;

#ifdef CRASH_IN_READ
#ifdef WITH_LOCK
    mutex_lock(&lock);
#endif
    *(volatile int *)NULL = 1; /* site: crash */
#endif
#ifdef HANG_IN_READ
    wait_event(queue, READ_ONCE(filled) > 0);
#endif
    for (;;) {
        if (wait_event_interruptible(queue, READ_ONCE(filled) > 0))
            return -ERESTARTSYS;
        if (mutex_lock_interruptible(&lock))
            return -ERESTARTSYS;
        if (filled)
            break;
        mutex_unlock(&lock);
    }
    got = size < filled ? size : filled;
    if (copy_to_user(user, buffer, got)) {
        got = -EFAULT;
    } else {
        memmove(buffer, buffer + got, filled - got);
        filled -= got;
    }
    mutex_unlock(&lock);
    return got;
}

static ssize_t sleeper_write(struct file *file, const char __user *user, size_t size, loff_t *pos)
{
#ifdef BUG_IN_WRITE
    BUG();
#endif
    if (mutex_lock_interruptible(&lock))
        return -ERESTARTSYS;
    if (size > SLEEPER_ROOM - filled)
        size = SLEEPER_ROOM - filled;
    if (copy_from_user(buffer + filled, user, size)) {
        mutex_unlock(&lock);
        return -EFAULT;
    }
    filled += size;
    mutex_unlock(&lock);
    wake_up_interruptible(&queue);
    return size;
}

static __poll_t sleeper_poll(struct file *file, poll_table *table)
{
    poll_wait(file, &queue, table);
    return EPOLLOUT | EPOLLWRNORM | (READ_ONCE(filled) ? EPOLLIN | EPOLLRDNORM : 0);
}

static int sleeper_open(struct inode *inode, struct file *file)
{
#ifdef ONE_AT_A_TIME
    if (test_and_set_bit(0, &opened))
        return -EBUSY;
#endif
    return nonseekable_open(inode, file);
}

static int sleeper_release(struct inode *inode, struct file *file)
{
#ifdef ONE_AT_A_TIME
    msleep(10); /* long enough for an open that comes too early */
    clear_bit(0, &opened);
#endif
    return 0;
}

static const struct file_operations sleeper_fops = {
    .owner = THIS_MODULE,
    .open = sleeper_open,
    .release = sleeper_release,
    .read = sleeper_read,
    .write = sleeper_write,
    .poll = sleeper_poll,
};

static struct miscdevice sleeper_device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "sleeper",
    .fops = &sleeper_fops,
};

#ifdef CRASH_IN_TIMER
static void sleeper_tick(struct timer_list *timer)
{
    *(volatile int *)NULL = 2; /* site: tick */
}
static DEFINE_TIMER(tick, sleeper_tick);
#endif

static int __init sleeper_init(void)
{
    int error;

    buffer = kmalloc(SLEEPER_ROOM, GFP_KERNEL);
    if (!buffer)
        return -ENOMEM;
    error = misc_register(&sleeper_device);
    if (error)
        kfree(buffer);
#ifdef CRASH_IN_TIMER
    else
        mod_timer(&tick, jiffies + HZ / 2);
#endif
    return error;
}

static void __exit sleeper_exit(void)
{
    misc_deregister(&sleeper_device);
    kfree(buffer);
}

module_init(sleeper_init);
module_exit(sleeper_exit);
MODULE_LICENSE("Dual MIT/GPL");
