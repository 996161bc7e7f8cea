/* SPDX-License-Identifier: MIT */
/* file: driving a driver's file operations in the name of a client.
 *
 * Each call pushes the buffer as a range of user memory, calls the driver under a guard (oops.c), and
 * turns what is missing in the driver's table into the error that a kernel gives. Opening holds the
 * module, the device number's inode and, for proc and sys, the entry; release lets them go.
 *
 * Inodes are kept one per device number for as long as the runtime runs, since drivers keep pointers
 * to them; a proc file's inode belongs to its open file.
 *
 * Locks: file_lock for the table of inodes; a file's watch lock for its poll entries. */
#define _GNU_SOURCE
#include "entry.h"
#include "internal.h"
#include <linux/cdev.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/smp_lock.h>
#include <linux/uaccess.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_WATCHES 16 /* wait queues that one poll may name */

struct file_watch {
    struct wait_queue_head *queue;
    struct wait_queue_entry entry;
    struct qlx_file *owner;
};

struct qlx_file {
    struct file file;
    struct dentry dentry;
    struct inode own_inode; /* of a proc file */
    struct proc_dir_entry *proc;
    struct qlx_entry *entry; /* of a file below sys/ */
    struct module *owner;
    pthread_mutex_t watch_lock;
    struct file_watch watch[FILE_WATCHES];
    unsigned int nr_watches;
    void (*ready)(struct file *, void *);
    void *ready_data;
    int armed; /* ready was not called since the last poll */
    struct poll_table_struct table;
};

struct file_inode {
    struct list_head list;
    struct inode inode;
};

static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(file_inodes);

/* ---- opening and releasing ----------------------------------------------------------------- */

static void inode_init(struct inode *inode, umode_t mode, dev_t dev)
{
    inode->i_mode = mode;
    inode->i_rdev = dev;
    inode->i_ino = dev ? dev : 1;
    spin_lock_init(&inode->i_lock);
    init_rwsem(&inode->i_rwsem);
}

static struct inode *inode_of(unsigned int dev)
{
    struct file_inode *known;
    pthread_mutex_lock(&file_lock);
    list_for_each_entry (known, &file_inodes, list) {
        if (known->inode.i_rdev == dev) {
            pthread_mutex_unlock(&file_lock);
            return &known->inode;
        }
    }
    known = calloc(1, sizeof(*known));
    if (known) {
        inode_init(&known->inode, S_IFCHR | 0600, dev);
        list_add_tail(&known->list, &file_inodes);
    }
    pthread_mutex_unlock(&file_lock);
    return known ? &known->inode : NULL;
}

static struct qlx_file *file_new(int flags, struct inode *inode, const char *name)
{
    struct qlx_file *f = calloc(1, sizeof(*f));
    int access = flags & O_ACCMODE;
    if (!f)
        return NULL;
    snprintf((char *)f->dentry.d_iname, sizeof(f->dentry.d_iname), "%s", name);
    f->dentry.d_name.name = f->dentry.d_iname;
    f->dentry.d_name.len = (unsigned int)strlen((char *)f->dentry.d_iname);
    f->dentry.d_inode = f->file.f_inode = inode ? inode : &f->own_inode;
    f->dentry.d_parent = &f->dentry;
    f->file.f_path.dentry = &f->dentry;
    f->file.f_flags = (unsigned int)flags;
    f->file.f_mode = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
    if (access == O_RDONLY || access == O_RDWR)
        f->file.f_mode |= FMODE_READ;
    if (access == O_WRONLY || access == O_RDWR)
        f->file.f_mode |= FMODE_WRITE;
    spin_lock_init(&f->file.f_lock);
    mutex_init(&f->file.f_pos_lock);
    atomic_long_set(&f->file.f_count, 1);
    f->file.f_owner.pid = quarry_current()->tgid;
    f->file.f_cred = quarry_current()->cred;
    f->file.quarry = f;
    pthread_mutex_init(&f->watch_lock, NULL);
    return f;
}

static void file_free(struct qlx_file *f)
{
    if (f->proc)
        qlx_proc_put(f->proc);
    if (f->entry)
        qlx_entry_put(f->entry);
    qlx_module_drop(f->owner);
    pthread_mutex_destroy(&f->watch_lock);
    free(f);
}

static int file_call_open(struct qlx_file *f)
{
    struct file *file = &f->file;
    char name[100];
    int error = 0;
    if (file->f_op->open)
        QLX_CALL_DRIVER(error, file->f_op->open(file->f_inode, file), -EFAULT);
    if (error)
        return error;
    snprintf(name, sizeof(name), "%s of process %d", f->dentry.d_iname, file->f_owner.pid);
    qlx_left_add(QLX_LEFT_FILE, f, name);
    return 0;
}

int qlx_open(unsigned int dev, int flags, struct file **file)
{
    struct qlx_chrdev chrdev;
    struct inode *inode = inode_of(dev);
    struct qlx_file *f;
    char name[32];
    int error = inode ? qlx_chrdev_get(dev, &chrdev) : -ENOMEM;
    if (error)
        return error;
    snprintf(name, sizeof(name), "%u:%u", MAJOR(dev), MINOR(dev));
    f = file_new(flags, inode, name);
    if (!f) {
        qlx_module_drop(chrdev.fops->owner);
        return -ENOMEM;
    }
    inode->i_cdev = chrdev.cdev;
    f->owner = chrdev.fops->owner;
    f->file.f_op = chrdev.fops;
    f->file.private_data = chrdev.misc; /* as the misc driver leaves it for open() */
    error = file_call_open(f);
    if (error)
        file_free(f);
    else
        *file = &f->file;
    return error;
}

int qlx_proc_open(const char *path, int flags, struct file **file)
{
    struct proc_dir_entry *entry = qlx_proc_hold(path);
    struct qlx_file *f;
    int error;
    if (!entry)
        return -ENOENT;
    f = file_new(flags, NULL, entry->name);
    if (!f) {
        qlx_proc_put(entry);
        return -ENOMEM;
    }
    f->proc = entry;
    f->file.f_op = qlx_proc_fops(entry);
    inode_init(&f->own_inode, entry->mode, 0);
    f->own_inode.i_private = entry->data;
    f->own_inode.i_size = entry->size;
    f->own_inode.quarry = entry;
    if (f->file.f_op->owner && !qlx_module_hold(f->file.f_op->owner))
        error = -ENOENT;
    else
        error = (f->owner = f->file.f_op->owner, file_call_open(f));
    if (error)
        file_free(f);
    else
        *file = &f->file;
    return error;
}

int qlx_entry_open(const char *path, int flags, struct file **file)
{
    struct qlx_entry *entry = qlx_entry_hold(path);
    struct qlx_file *f;
    int error = 0;
    if (!entry)
        return -ENOENT;
    f = file_new(flags, &entry->inode, entry->name);
    if (!f) {
        qlx_entry_put(entry);
        return -ENOMEM;
    }
    f->entry = entry;
    f->file.f_path.dentry = &entry->dentry;
    f->file.f_op = entry->fops;
    if (!qlx_module_hold(entry->owner))
        error = -ENOENT;
    else
        error = (f->owner = entry->owner, file_call_open(f));
    if (error)
        file_free(f);
    else
        *file = &f->file;
    return error;
}

int qlx_release(struct file *file)
{
    struct qlx_file *f = file->quarry;
    int error = 0;
    if (atomic_long_dec_return(&file->f_count) > 0)
        return 0; /* the driver holds it (get_file) */
    qlx_poll_cancel(file);
    if (file->f_flags & FASYNC)
        qlx_fasync(file, false);
    if (file->f_op->release)
        QLX_CALL_DRIVER(error, file->f_op->release(file->f_inode, file), -EFAULT);
    qlx_left_remove(QLX_LEFT_FILE, f);
    file_free(f);
    return error;
}

int qlx_flush(struct file *file)
{
    int error = 0;
    if (file->f_op->flush)
        QLX_CALL_DRIVER(error, file->f_op->flush(file, quarry_current()), -EFAULT);
    else if (file->f_op->quarry_flush_old)
        QLX_CALL_DRIVER(error, file->f_op->quarry_flush_old(file), -EFAULT);
    return error;
}

void qlx_set_flags(struct file *file, int flags)
{
    const unsigned int settable = O_APPEND | O_NONBLOCK;
    unsigned int now = __atomic_load_n(&file->f_flags, __ATOMIC_RELAXED);
    now = (now & ~settable) | ((unsigned int)flags & settable);
    __atomic_store_n(&file->f_flags, now, __ATOMIC_RELAXED);
}

long long qlx_position(const struct file *file)
{
    return file->f_pos;
}

/* ---- reading and writing ------------------------------------------------------------------- */

static ssize_t file_transfer(struct file *file, char *buffer, size_t size, loff_t *pos, bool write)
{
    const struct file_operations *op = file->f_op;
    struct kiocb iocb = {.ki_filp = file, .ki_pos = *pos};
    struct iov_iter iter;
    ssize_t done;
    if (write && op->write)
        return op->write(file, buffer, size, pos);
    if (!write && op->read)
        return op->read(file, buffer, size, pos);
    if (write ? !op->write_iter : !op->read_iter)
        return -EINVAL;
    if (file->f_flags & O_APPEND)
        iocb.ki_flags |= IOCB_APPEND;
    if (file->f_flags & O_NONBLOCK)
        iocb.ki_flags |= IOCB_NOWAIT;
    iov_iter_ubuf(&iter, write ? ITER_SOURCE : ITER_DEST, buffer, size);
    done = write ? op->write_iter(&iocb, &iter) : op->read_iter(&iocb, &iter);
    *pos = iocb.ki_pos;
    return done;
}

static ssize_t file_io(struct file *file, void *buffer, size_t size, long long *pos, bool write)
{
    struct qlx_task_state *state = quarry_current()->quarry;
    loff_t at = *pos;
    ssize_t done;
    int error;
    if (!(file->f_mode & (write ? FMODE_WRITE : FMODE_READ)))
        return -EBADF;
    if (size > SSIZE_MAX)
        return -EINVAL;
    error = qlx_user_range((u64)(uintptr_t)buffer, size, buffer, !write);
    if (error)
        return error;
    QLX_CALL_DRIVER(done, file_transfer(file, buffer, size, &at, write), -EFAULT);
    state->nr_ranges--;
    if (done > (ssize_t)size) {
        qlx_find("registration", NULL, NULL,
                 "the driver's %s returned %zd, more than the %zu asked for",
                 write ? "write" : "read", done, size);
        done = (ssize_t)size;
    }
    *pos = at;
    if (!(file->f_mode & FMODE_STREAM))
        __atomic_store_n(&file->f_pos, at, __ATOMIC_RELAXED); /* several threads may share it */
    return done;
}

ssize_t qlx_read(struct file *file, void *buffer, size_t size, long long *pos)
{
    return file_io(file, buffer, size, pos, false);
}

ssize_t qlx_write(struct file *file, const void *buffer, size_t size, long long *pos)
{
    return file_io(file, (void *)(uintptr_t)buffer, size, pos, true);
}

/* Before 6.0 a driver without llseek could seek by default. */
static bool file_seeks_by_default(const struct file *file)
{
    return file->f_op->owner && qlx_module_version(file->f_op->owner) < KERNEL_VERSION(6, 0, 0);
}

bool qlx_can_seek(const struct file *file)
{
    if (!(file->f_mode & FMODE_LSEEK) || file->f_op->llseek == no_llseek)
        return false;
    return file->f_op->llseek || file_seeks_by_default(file);
}

long long qlx_llseek(struct file *file, long long offset, int whence)
{
    loff_t result;
    if (!qlx_can_seek(file))
        return -ESPIPE;
    if (!file->f_op->llseek)
        return default_llseek(file, offset, whence);
    QLX_CALL_DRIVER(result, file->f_op->llseek(file, offset, whence), -EFAULT);
    return result;
}

static long file_old_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    long result;
    lock_kernel();
    result = file->f_op->quarry_ioctl_old(file->f_inode, file, cmd, arg);
    unlock_kernel();
    return result;
}

long qlx_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    long result = -ENOTTY;
    if (file->f_op->unlocked_ioctl)
        QLX_CALL_DRIVER(result, file->f_op->unlocked_ioctl(file, cmd, arg), -EFAULT);
    else if (file->f_op->quarry_ioctl_old)
        QLX_CALL_DRIVER(result, file_old_ioctl(file, cmd, arg), -EFAULT);
    return result == -ENOIOCTLCMD ? -ENOTTY : result;
}

int qlx_fsync(struct file *file, bool data_only)
{
    int error = -EINVAL;
    if (file->f_op->fsync)
        QLX_CALL_DRIVER(error, file->f_op->fsync(file, 0, LLONG_MAX, data_only), -EFAULT);
    else if (file->f_op->quarry_fsync_old)
        QLX_CALL_DRIVER(error, file->f_op->quarry_fsync_old(file, file->f_path.dentry, data_only),
                        -EFAULT);
    return error;
}

/* ---- polling ------------------------------------------------------------------------------- */

static int watch_wake(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
    struct file_watch *watch = container_of(entry, struct file_watch, entry);
    struct qlx_file *f = watch->owner;
    if (__atomic_exchange_n(&f->armed, 0, __ATOMIC_ACQ_REL))
        f->ready(&f->file, f->ready_data);
    return 0;
}

static void watch_queue(struct file *file, wait_queue_head_t *queue, struct poll_table_struct *t)
{
    struct qlx_file *f = file->quarry;
    struct file_watch *watch;
    if (f->nr_watches == FILE_WATCHES) {
        qlx_find("registration", NULL, NULL, "a poll that waits on more than %d queues",
                 FILE_WATCHES);
        return;
    }
    watch = &f->watch[f->nr_watches++];
    watch->queue = queue;
    watch->owner = f;
    init_waitqueue_func_entry(&watch->entry, watch_wake);
    add_wait_queue(queue, &watch->entry);
}

static void watch_drop(struct qlx_file *f)
{
    __atomic_store_n(&f->armed, 0, __ATOMIC_RELEASE);
    while (f->nr_watches > 0) {
        struct file_watch *watch = &f->watch[--f->nr_watches];
        remove_wait_queue(watch->queue, &watch->entry);
    }
}

void qlx_poll_cancel(struct file *file)
{
    struct qlx_file *f = file->quarry;
    pthread_mutex_lock(&f->watch_lock);
    watch_drop(f);
    pthread_mutex_unlock(&f->watch_lock);
}

unsigned int qlx_poll(struct file *file, unsigned int events, void (*ready)(struct file *, void *),
                      void *data)
{
    struct qlx_file *f = file->quarry;
    unsigned int mask;
    if (!file->f_op->poll)
        return (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM) & events;
    pthread_mutex_lock(&f->watch_lock);
    watch_drop(f);
    f->ready = ready;
    f->ready_data = data;
    f->table._qproc = ready ? watch_queue : NULL;
    f->table._key = events | POLLERR | POLLHUP;
    /* Armed before the driver looks: what changes after its look is then noticed. */
    __atomic_store_n(&f->armed, ready != NULL, __ATOMIC_RELEASE);
    QLX_CALL_DRIVER(mask, (unsigned int)file->f_op->poll(file, &f->table), POLLERR);
    pthread_mutex_unlock(&f->watch_lock);
    return mask & (events | POLLERR | POLLHUP);
}

/* ---- SIGIO --------------------------------------------------------------------------------- */

static pthread_mutex_t fasync_lock = PTHREAD_MUTEX_INITIALIZER;

int qlx_fasync(struct file *file, bool on)
{
    int error = 0;
    if (!file->f_op->fasync)
        return on ? -EINVAL : 0;
    QLX_CALL_DRIVER(error, file->f_op->fasync(0, file, on), -EFAULT);
    if (error >= 0) {
        if (on)
            file->f_flags |= FASYNC;
        else
            file->f_flags &= ~(unsigned int)FASYNC;
    }
    return error < 0 ? error : 0;
}

QUARRY_API int fasync_helper(int fd, struct file *file, int on, struct fasync_struct **list)
{
    struct fasync_struct *entry = on ? kzalloc(sizeof(*entry), GFP_KERNEL) : NULL, **at;
    if (on && !entry)
        return -ENOMEM;
    pthread_mutex_lock(&fasync_lock);
    for (at = list; *at && (*at)->fa_file != file; at = &(*at)->fa_next)
        ;
    if (!on && *at) {
        entry = *at;
        *at = entry->fa_next;
        pthread_mutex_unlock(&fasync_lock);
        kfree(entry);
        return 1;
    }
    if (on && !*at) {
        entry->fa_file = file;
        entry->fa_fd = fd;
        *at = entry;
        entry = NULL;
        on = 2;
    }
    pthread_mutex_unlock(&fasync_lock);
    kfree(entry);
    return on == 2;
}

QUARRY_API void kill_fasync(struct fasync_struct **list, int signal, int band)
{
    struct fasync_struct *entry;
    pthread_mutex_lock(&fasync_lock);
    for (entry = *list; entry; entry = entry->fa_next)
        if (entry->fa_file->f_owner.pid > 1)
            kill(entry->fa_file->f_owner.pid, signal);
    pthread_mutex_unlock(&fasync_lock);
}

/* ---- what drivers use as operations -------------------------------------------------------- */

QUARRY_API loff_t no_llseek(struct file *file, loff_t offset, int whence)
{
    return -ESPIPE;
}

QUARRY_API loff_t noop_llseek(struct file *file, loff_t offset, int whence)
{
    return file->f_pos;
}

QUARRY_API loff_t vfs_setpos(struct file *file, loff_t offset, loff_t max)
{
    if (offset < 0 || offset > max)
        return -EINVAL;
    file->f_pos = offset;
    return offset;
}

QUARRY_API loff_t fixed_size_llseek(struct file *file, loff_t offset, int whence, loff_t size)
{
    if (whence == SEEK_CUR)
        offset += file->f_pos;
    else if (whence == SEEK_END)
        offset += size;
    else if (whence != SEEK_SET)
        return -EINVAL;
    return vfs_setpos(file, offset, size);
}

QUARRY_API loff_t default_llseek(struct file *file, loff_t offset, int whence)
{
    if (whence == SEEK_CUR)
        offset += file->f_pos;
    else if (whence == SEEK_END)
        offset += i_size_read(file->f_inode);
    else if (whence != SEEK_SET)
        return -EINVAL;
    return vfs_setpos(file, offset, LLONG_MAX);
}

QUARRY_API loff_t generic_file_llseek(struct file *file, loff_t offset, int whence)
{
    return default_llseek(file, offset, whence);
}

QUARRY_API loff_t no_seek_end_llseek(struct file *file, loff_t offset, int whence)
{
    return whence == SEEK_END ? -EINVAL : default_llseek(file, offset, whence);
}

/* For .compat_ioctl of drivers whose argument means the same in 32 and 64 bits. */
QUARRY_API long compat_ptr_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    return file->f_op->unlocked_ioctl ? file->f_op->unlocked_ioctl(file, cmd, (u32)arg)
                                      : -ENOIOCTLCMD;
}

QUARRY_API int nonseekable_open(struct inode *inode, struct file *file)
{
    file->f_mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
    return 0;
}

QUARRY_API int stream_open(struct inode *inode, struct file *file)
{
    file->f_mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS);
    file->f_mode |= FMODE_STREAM;
    return 0;
}

QUARRY_API int simple_open(struct inode *inode, struct file *file)
{
    if (inode->i_private)
        file->private_data = inode->i_private;
    return 0;
}
