/* SPDX-License-Identifier: MIT */
/* Files as a driver sees them: the inode of a device, an open file, the table of operations. */
#ifndef QUARRY_LINUX_FS_H
#define QUARRY_LINUX_FS_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/fcntl.h>
#include <linux/ioctl.h>
#include <linux/kdev_t.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/semaphore.h>
#include <linux/spinlock.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/wait.h>

#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif
#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

#define FMODE_READ ((fmode_t)0x1)
#define FMODE_WRITE ((fmode_t)0x2)
#define FMODE_LSEEK ((fmode_t)0x4)
#define FMODE_PREAD ((fmode_t)0x8)
#define FMODE_PWRITE ((fmode_t)0x10)
#define FMODE_EXEC ((fmode_t)0x20)
#define FMODE_NDELAY ((fmode_t)0x40)
#define FMODE_EXCL ((fmode_t)0x80)
#define FMODE_STREAM ((fmode_t)0x200000)
#define FMODE_ATOMIC_POS ((fmode_t)0x8000)

struct cdev;
struct dir_context;
struct file;
struct file_lock;
struct file_operations;
struct inode;
struct module;
struct pipe_inode_info;
struct poll_table_struct;
struct seq_file;
struct super_block;

struct qstr {
    const unsigned char *name;
    unsigned int len;
};
struct dentry {
    struct inode *d_inode;
    struct qstr d_name;
    struct dentry *d_parent;
    unsigned char d_iname[80];
};
struct vfsmount;
struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

struct inode {
    umode_t i_mode;
    kuid_t i_uid;
    kgid_t i_gid;
    dev_t i_rdev;
    loff_t i_size;
    unsigned long i_ino;
    unsigned int i_flags;
    spinlock_t i_lock;
    struct rw_semaphore i_rwsem;
    struct cdev *i_cdev;
    const struct file_operations *i_fop;
    void *i_private;
    void *quarry; /* the implementation's part */
};

struct fown_struct {
    int pid;
};

struct file {
    struct path f_path;
    struct inode *f_inode;
    const struct file_operations *f_op;
    spinlock_t f_lock;
    atomic_long_t f_count;
    unsigned int f_flags; /* O_* */
    fmode_t f_mode;
    struct mutex f_pos_lock;
    loff_t f_pos;
    struct fown_struct f_owner;
    const struct cred *f_cred;
    u64 f_version;
    void *private_data;
    struct qlx_file *quarry; /* the implementation's part */
};
#define f_dentry f_path.dentry
#define f_vfsmnt f_path.mnt

struct kiocb {
    struct file *ki_filp;
    loff_t ki_pos;
    void (*ki_complete)(struct kiocb *iocb, long result);
    void *private;
    int ki_flags;
};
#define IOCB_EVENTFD 0x1
#define IOCB_APPEND 0x2
#define IOCB_DIRECT 0x4
#define IOCB_DSYNC 0x8
#define IOCB_SYNC 0x10
#define IOCB_NOWAIT 0x80
static inline bool is_sync_kiocb(struct kiocb *iocb)
{
    return iocb->ki_complete == NULL;
}

typedef void *fl_owner_t;
typedef unsigned int file_operations_flags_t;
#define FOP_UNSIGNED_OFFSET 0x1u

/* Members of all generations, always in the same places; those of other generations than the
 * module's have names it does not use. */
struct file_operations {
    struct module *owner;
    file_operations_flags_t fop_flags;
    loff_t (*llseek)(struct file *, loff_t, int);
    ssize_t (*read)(struct file *, char __user *, size_t, loff_t *);
    ssize_t (*write)(struct file *, const char __user *, size_t, loff_t *);
    ssize_t (*read_iter)(struct kiocb *, struct iov_iter *);
    ssize_t (*write_iter)(struct kiocb *, struct iov_iter *);
    int (*iopoll)(struct kiocb *, void *, unsigned int);
    int (*iterate_shared)(struct file *, struct dir_context *);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 16, 0)
    __poll_t (*poll)(struct file *, struct poll_table_struct *);
#else
    unsigned int (*poll)(struct file *, struct poll_table_struct *);
#endif
    long (*unlocked_ioctl)(struct file *, unsigned int, unsigned long);
    long (*compat_ioctl)(struct file *, unsigned int, unsigned long);
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 36)
    int (*ioctl)(struct inode *, struct file *, unsigned int, unsigned long);
#else
    int (*quarry_ioctl_old)(struct inode *, struct file *, unsigned int, unsigned long);
#endif
    int (*mmap)(struct file *, struct vm_area_struct *);
    int (*open)(struct inode *, struct file *);
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 18)
    int (*flush)(struct file *);
    int (*quarry_flush_new)(struct file *, fl_owner_t id);
#else
    int (*quarry_flush_old)(struct file *);
    int (*flush)(struct file *, fl_owner_t id);
#endif
    int (*release)(struct inode *, struct file *);
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 35)
    int (*fsync)(struct file *, struct dentry *, int datasync);
    int (*quarry_fsync_new)(struct file *, loff_t, loff_t, int datasync);
#else
    int (*quarry_fsync_old)(struct file *, struct dentry *, int datasync);
    int (*fsync)(struct file *, loff_t, loff_t, int datasync);
#endif
    int (*fasync)(int, struct file *, int);
    int (*lock)(struct file *, int, struct file_lock *);
    unsigned long (*get_unmapped_area)(struct file *, unsigned long, unsigned long, unsigned long,
                                       unsigned long);
    int (*check_flags)(int);
    int (*flock)(struct file *, int, struct file_lock *);
    ssize_t (*splice_write)(struct pipe_inode_info *, struct file *, loff_t *, size_t,
                            unsigned int);
    ssize_t (*splice_read)(struct file *, loff_t *, struct pipe_inode_info *, size_t, unsigned int);
    void (*splice_eof)(struct file *);
    int (*setlease)(struct file *, int, struct file_lock **, void **);
    long (*fallocate)(struct file *, int mode, loff_t offset, loff_t len);
    void (*show_fdinfo)(struct seq_file *, struct file *);
    int (*fadvise)(struct file *, loff_t, loff_t, int);
};

static inline struct inode *file_inode(const struct file *file)
{
    return file->f_inode;
}
static inline unsigned int iminor(const struct inode *inode)
{
    return MINOR(inode->i_rdev);
}
static inline unsigned int imajor(const struct inode *inode)
{
    return MAJOR(inode->i_rdev);
}
static inline loff_t i_size_read(const struct inode *inode)
{
    return __atomic_load_n(&inode->i_size, __ATOMIC_RELAXED);
}
static inline void i_size_write(struct inode *inode, loff_t size)
{
    __atomic_store_n(&inode->i_size, size, __ATOMIC_RELAXED);
}
static inline void inode_lock(struct inode *inode)
{
    down_write(&inode->i_rwsem);
}
static inline void inode_unlock(struct inode *inode)
{
    up_write(&inode->i_rwsem);
}

QUARRY_EXTERN_C_BEGIN

/* Device numbers. Context: may sleep. 0 or -EBUSY, -ENOMEM, -EINVAL. */
QUARRY_API int register_chrdev_region(dev_t first, unsigned int count, const char *name);
QUARRY_API int alloc_chrdev_region(dev_t *first, unsigned int baseminor, unsigned int count,
                                   const char *name);
QUARRY_API void unregister_chrdev_region(dev_t first, unsigned int count);
/* The old way: 256 minors and their driver at once. Major 0: the new major is returned. */
QUARRY_API int register_chrdev(unsigned int major, const char *name,
                               const struct file_operations *fops);
QUARRY_API int __register_chrdev(unsigned int major, unsigned int baseminor, unsigned int count,
                                 const char *name, const struct file_operations *fops);
QUARRY_API void __unregister_chrdev(unsigned int major, unsigned int baseminor, unsigned int count,
                                    const char *name);
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 23)
QUARRY_API int unregister_chrdev(unsigned int major,
                                 const char *name) __asm__("quarry_unregister_chrdev_old");
#else
QUARRY_API void unregister_chrdev(unsigned int major, const char *name);
#endif

QUARRY_API loff_t no_llseek(struct file *file, loff_t offset, int whence);
QUARRY_API loff_t noop_llseek(struct file *file, loff_t offset, int whence);
QUARRY_API loff_t default_llseek(struct file *file, loff_t offset, int whence);
QUARRY_API loff_t fixed_size_llseek(struct file *file, loff_t offset, int whence, loff_t size);
QUARRY_API loff_t no_seek_end_llseek(struct file *file, loff_t offset, int whence);
QUARRY_API loff_t generic_file_llseek(struct file *file, loff_t offset, int whence);
QUARRY_API loff_t vfs_setpos(struct file *file, loff_t offset, loff_t max);
QUARRY_API long compat_ptr_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
QUARRY_API int nonseekable_open(struct inode *inode, struct file *file);
QUARRY_API int stream_open(struct inode *inode, struct file *file);
QUARRY_API int simple_open(struct inode *inode, struct file *file);
QUARRY_API ssize_t simple_read_from_buffer(void __user *to, size_t count, loff_t *pos,
                                           const void *from, size_t available);
QUARRY_API ssize_t simple_write_to_buffer(void *to, size_t available, loff_t *pos,
                                          const void __user *from, size_t count);

/* One number as a text file: @get and @set work on i_private, @format prints it. */
QUARRY_API int simple_attr_open(struct inode *inode, struct file *file, int (*get)(void *, u64 *),
                                int (*set)(void *, u64), const char *format);
QUARRY_API int simple_attr_release(struct inode *inode, struct file *file);
QUARRY_API ssize_t simple_attr_read(struct file *file, char __user *buffer, size_t size,
                                    loff_t *pos);
QUARRY_API ssize_t simple_attr_write(struct file *file, const char __user *buffer, size_t size,
                                     loff_t *pos);
QUARRY_API ssize_t simple_attr_write_signed(struct file *file, const char __user *buffer,
                                            size_t size, loff_t *pos);
static inline void __printf(1, 2) quarry_simple_attr_check(const char *format, ...)
{
    (void)format; /* the compiler has compared it with an unsigned long long */
}
#define quarry_simple_attr(name, get, set, format, reading, writing)                               \
    static int name##_open(struct inode *inode, struct file *file)                                 \
    {                                                                                              \
        quarry_simple_attr_check(format, 0ull);                                                    \
        return simple_attr_open(inode, file, get, set, format);                                    \
    }                                                                                              \
    static const struct file_operations name = {.owner = THIS_MODULE,                              \
                                                .open = name##_open,                               \
                                                .release = simple_attr_release,                    \
                                                .read = reading,                                   \
                                                .write = writing,                                  \
                                                .llseek = generic_file_llseek}
#define DEFINE_SIMPLE_ATTRIBUTE(name, get, set, format)                                            \
    quarry_simple_attr(name, get, set, format, simple_attr_read, simple_attr_write)
#define DEFINE_SIMPLE_ATTRIBUTE_SIGNED(name, get, set, format)                                     \
    quarry_simple_attr(name, get, set, format, simple_attr_read, simple_attr_write_signed)

/* Those who asked for SIGIO. */
struct fasync_struct {
    struct fasync_struct *fa_next;
    struct file *fa_file;
    int fa_fd;
};
QUARRY_API int fasync_helper(int fd, struct file *file, int on, struct fasync_struct **list);
QUARRY_API void kill_fasync(struct fasync_struct **list, int signal, int band);

QUARRY_EXTERN_C_END

#define replace_fops(file, fops) ((file)->f_op = (fops))
#define fops_get(fops) (fops)
#define fops_put(fops) ((void)(fops))
#define get_file(file)                                                                             \
    ({                                                                                             \
        struct file *__get_file = (file);                                                          \
        atomic_long_inc(&__get_file->f_count);                                                     \
        __get_file;                                                                                \
    })
#define MAX_LFS_FILESIZE ((loff_t)__LONG_MAX__)
#ifndef SIGIO
#define SIGIO 29
#endif
/* kill_fasync's bands. libc has them as enumerators, which a macro would break: only where Kbuild's or
 * quarry run's own macro says that no libc is there. */
#if defined(KBUILD_BASENAME) && !defined(POLL_IN)
#define POLL_IN 1
#define POLL_OUT 2
#define POLL_MSG 3
#define POLL_ERR 4
#define POLL_PRI 5
#define POLL_HUP 6
#endif

#endif
