/* SPDX-License-Identifier: MIT */
/* mailbox: dev/mailbox keeps messages until somebody reads them.
 *
 * A write puts one message at the end of the queue, a read takes the first one out: whole, or as much of
 * it as the reader asked for. Readers sleep while there is none, writers while there are `limit` of them;
 * with O_NONBLOCK both get EAGAIN instead, and poll says when to come back. */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define MAILBOX_MESSAGE_MAX 65536

static unsigned int limit = 16;
module_param(limit, uint, 0444);
MODULE_PARM_DESC(limit, "messages that may wait before writers sleep");

struct mailbox_message {
    struct list_head list;
    size_t size;
    char text[];
};

static DEFINE_MUTEX(mailbox_lock); /* guards the queue */
static LIST_HEAD(mailbox_queue);
static unsigned int mailbox_waiting; /* messages in it */
static DECLARE_WAIT_QUEUE_HEAD(mailbox_readers);
static DECLARE_WAIT_QUEUE_HEAD(mailbox_writers);

/* With the lock held and a message there; or an error and neither. */
static int mailbox_wait_message(struct file *file)
{
    for (;;) {
        if (mutex_lock_interruptible(&mailbox_lock))
            return -ERESTARTSYS;
        if (mailbox_waiting)
            return 0;
        mutex_unlock(&mailbox_lock);
        if (file->f_flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(mailbox_readers, READ_ONCE(mailbox_waiting)))
            return -ERESTARTSYS;
    }
}

static ssize_t mailbox_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    struct mailbox_message *message;
    int error = mailbox_wait_message(file);

    if (error)
        return error;
    message = list_first_entry(&mailbox_queue, struct mailbox_message, list);
    list_del(&message->list);
    mailbox_waiting--;
    mutex_unlock(&mailbox_lock);
    wake_up_interruptible(&mailbox_writers);
    size = min(size, message->size);
    if (copy_to_user(buffer, message->text, size))
        error = -EFAULT;
    kfree(message); /* it was read */
    return error ? error : (ssize_t)size;
}

/* With the lock held and room for a message; or an error and neither. */
static int mailbox_wait_room(struct file *file)
{
    for (;;) {
        if (mutex_lock_interruptible(&mailbox_lock))
            return -ERESTARTSYS;
        if (mailbox_waiting < limit)
            return 0;
        mutex_unlock(&mailbox_lock);
        if (file->f_flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(mailbox_writers, READ_ONCE(mailbox_waiting) < limit))
            return -ERESTARTSYS;
    }
}

static ssize_t mailbox_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    struct mailbox_message *message;
    int error;

    if (size > MAILBOX_MESSAGE_MAX)
        return -EMSGSIZE;
    message = kmalloc(struct_size(message, text, size), GFP_KERNEL);
    if (!message)
        return -ENOMEM;
    message->size = size;
    error = copy_from_user(message->text, buffer, size) ? -EFAULT : mailbox_wait_room(file);
    if (error) {
        kfree(message); /* it never got into the queue */
        return error;
    }
    list_add_tail(&message->list, &mailbox_queue);
    mailbox_waiting++;
    mutex_unlock(&mailbox_lock);
    wake_up_interruptible(&mailbox_readers);
    return (ssize_t)size;
}

static __poll_t mailbox_poll(struct file *file, poll_table *table)
{
    __poll_t events = 0;

    poll_wait(file, &mailbox_readers, table);
    poll_wait(file, &mailbox_writers, table);
    mutex_lock(&mailbox_lock);
    if (mailbox_waiting)
        events |= EPOLLIN | EPOLLRDNORM;
    if (mailbox_waiting < limit)
        events |= EPOLLOUT | EPOLLWRNORM;
    mutex_unlock(&mailbox_lock);
    return events;
}

static ssize_t waiting_show(struct device *dev, struct device_attribute *attr, char *page)
{
    return sysfs_emit(page, "%u\n", READ_ONCE(mailbox_waiting));
}
static DEVICE_ATTR_RO(waiting);

static struct attribute *mailbox_attrs[] = {&dev_attr_waiting.attr, NULL};
ATTRIBUTE_GROUPS(mailbox);

static const struct file_operations mailbox_fops = {.owner = THIS_MODULE,
                                                    .open = stream_open,
                                                    .read = mailbox_read,
                                                    .write = mailbox_write,
                                                    .poll = mailbox_poll};

static struct miscdevice mailbox_device = {.minor = MISC_DYNAMIC_MINOR,
                                           .name = "mailbox",
                                           .fops = &mailbox_fops,
                                           .groups = mailbox_groups,
                                           .mode = 0666};

static int __init mailbox_init(void)
{
    return misc_register(&mailbox_device);
}

static void __exit mailbox_exit(void)
{
    struct mailbox_message *message, *next;

    misc_deregister(&mailbox_device);
    list_for_each_entry_safe (message, next, &mailbox_queue, list)
        kfree(message); /* nobody read it */
}

module_init(mailbox_init);
module_exit(mailbox_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Messages from writers to readers");
