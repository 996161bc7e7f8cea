/* SPDX-License-Identifier: MIT */
/* The tree of text files under proc/. */
#ifndef QUARRY_LINUX_PROC_FS_H
#define QUARRY_LINUX_PROC_FS_H

#include <linux/fs.h>
#include <linux/types.h>

struct proc_dir_entry;
struct seq_file;
struct seq_operations;

struct proc_ops {
    unsigned int proc_flags;
    int (*proc_open)(struct inode *, struct file *);
    ssize_t (*proc_read)(struct file *, char __user *, size_t, loff_t *);
    ssize_t (*proc_read_iter)(struct kiocb *, struct iov_iter *);
    ssize_t (*proc_write)(struct file *, const char __user *, size_t, loff_t *);
    loff_t (*proc_lseek)(struct file *, loff_t, int);
    int (*proc_release)(struct inode *, struct file *);
    __poll_t (*proc_poll)(struct file *, struct poll_table_struct *);
    long (*proc_ioctl)(struct file *, unsigned int, unsigned long);
    int (*proc_mmap)(struct file *, struct vm_area_struct *);
};
#define PROC_ENTRY_PERMANENT 1u

/* Until 3.9: one page of text per call; *eof when that was all. */
typedef int(read_proc_t)(char *page, char **start, off_t off, int count, int *eof, void *data);
typedef int(write_proc_t)(struct file *file, const char __user *buffer, unsigned long count,
                          void *data);

/* Drivers before 3.10 set some of these by hand after create_proc_entry(). */
struct proc_dir_entry {
    char name[64];
    umode_t mode;
    kuid_t uid;
    kgid_t gid;
    loff_t size;
    struct proc_dir_entry *parent, *child, *sibling;
    void *data;
    char *target; /* symbolic link */
    const struct file_operations *proc_fops;
    const struct proc_ops *quarry_ops;
    const struct seq_operations *quarry_seq;
    unsigned int quarry_state_size;
    int (*quarry_single)(struct seq_file *, void *);
    read_proc_t *read_proc;
    write_proc_t *write_proc;
    struct module *owner;
    int quarry_users; /* open files */
    bool quarry_removed;
};

QUARRY_EXTERN_C_BEGIN

/* Names may be paths below @parent (NULL: proc itself); their directories must exist. NULL when the
 * name is taken (reported) or memory is short. Context: may sleep. */
QUARRY_API struct proc_dir_entry *quarry_proc_create_ops(const char *name, umode_t mode,
                                                         struct proc_dir_entry *parent,
                                                         const struct proc_ops *ops, void *data);
QUARRY_API struct proc_dir_entry *quarry_proc_create_fops(const char *name, umode_t mode,
                                                          struct proc_dir_entry *parent,
                                                          const struct file_operations *fops,
                                                          void *data);
/* With a struct proc_ops, or with file_operations as until 5.5. */
#define proc_create_data(name, mode, parent, ops, data)                                            \
    _Generic((ops), struct file_operations *                                                       \
             : quarry_proc_create_fops, const struct file_operations *                             \
             : quarry_proc_create_fops, default                                                    \
             : quarry_proc_create_ops)((name), (mode), (parent), (ops), (data))
#define proc_create(name, mode, parent, ops) proc_create_data(name, mode, parent, ops, NULL)
QUARRY_API struct proc_dir_entry *proc_create_seq_private(const char *name, umode_t mode,
                                                          struct proc_dir_entry *parent,
                                                          const struct seq_operations *ops,
                                                          unsigned int state_size, void *data);
#define proc_create_seq_data(name, mode, parent, ops, data)                                        \
    proc_create_seq_private(name, mode, parent, ops, 0, data)
#define proc_create_seq(name, mode, parent, ops)                                                   \
    proc_create_seq_private(name, mode, parent, ops, 0, NULL)
QUARRY_API struct proc_dir_entry *proc_create_single_data(const char *name, umode_t mode,
                                                          struct proc_dir_entry *parent,
                                                          int (*show)(struct seq_file *, void *),
                                                          void *data);
#define proc_create_single(name, mode, parent, show)                                               \
    proc_create_single_data(name, mode, parent, show, NULL)
QUARRY_API struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent);
QUARRY_API struct proc_dir_entry *proc_mkdir_mode(const char *name, umode_t mode,
                                                  struct proc_dir_entry *parent);
QUARRY_API struct proc_dir_entry *proc_mkdir_data(const char *name, umode_t mode,
                                                  struct proc_dir_entry *parent, void *data);
QUARRY_API struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent,
                                               const char *target);
QUARRY_API struct proc_dir_entry *create_proc_entry(const char *name, mode_t mode,
                                                    struct proc_dir_entry *parent);
QUARRY_API struct proc_dir_entry *create_proc_read_entry(const char *name, mode_t mode,
                                                         struct proc_dir_entry *parent,
                                                         read_proc_t *read_proc, void *data);
QUARRY_API void proc_set_size(struct proc_dir_entry *entry, loff_t size);
QUARRY_API void proc_set_user(struct proc_dir_entry *entry, kuid_t uid, kgid_t gid);
/* Undo. remove_proc_entry reports a name that is not there and a directory that is not empty;
 * remove_proc_subtree and proc_remove (NULL: nothing) take everything below too. */
QUARRY_API void remove_proc_entry(const char *name, struct proc_dir_entry *parent);
QUARRY_API int remove_proc_subtree(const char *name, struct proc_dir_entry *parent);
QUARRY_API void proc_remove(struct proc_dir_entry *entry);
QUARRY_API void *pde_data(const struct inode *inode);
#define PDE_DATA(inode) pde_data(inode)

QUARRY_EXTERN_C_END

#endif
