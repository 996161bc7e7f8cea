/* SPDX-License-Identifier: MIT */
/* The tree below sys/: what sysfs.c, kobject.c, debugfs.c and the driver core put into it. See
 * entry.c. */
#ifndef QLX_ENTRY_H
#define QLX_ENTRY_H

#include "internal.h"
#include <linux/fs.h>
#include <linux/wait.h>

struct kobject;

struct qlx_entry {
    struct qlx_entry *parent, *child, *sibling;
    umode_t mode;
    loff_t size;
    char *target; /* of a symbolic link */
    const struct file_operations *fops;
    const struct file_operations *real; /* debugfs: the driver's */
    void *data;                         /* i_private of its files */
    int kind;                           /* debugfs: of a number */
    const void *attr;                   /* sysfs: the attribute or bin_attribute, and … */
    struct kobject *kobject;            /* … whose */
    struct module *owner;               /* held by open files */
    int gone;                           /* the error of operations after removal */
    int holds;                          /* open files */
    int active;                         /* operations of the driver's in progress */
    int events;                         /* sysfs_notify() */
    bool removed, drained;              /* out of the tree; no operation runs any more */
    bool permanent;                     /* the machine's own */
    bool own;  /* what is made in it costs no module anything, and is own */
    bool kept; /* never freed: the driver has a pointer */
    struct wait_queue_head poll;
    struct dentry dentry; /* debugfs */
    struct inode inode;
    char name[256];
};

/* sys/, or a folder of the machine's own below it ("kernel/debug"), made if need be. */
struct qlx_entry *qlx_entry_root(const char *path);
/* 0, -EEXIST, -ENOMEM, -EINVAL (an empty name, a slash in it), -ENOENT (@parent is gone). */
int qlx_entry_add(struct qlx_entry *parent, const char *name, umode_t mode,
                  struct qlx_entry **made);
struct qlx_entry *qlx_entry_child(struct qlx_entry *parent, const char *name);
/* A link to another entry, by the relative path. */
int qlx_entry_link(struct qlx_entry *parent, const char *name, const struct qlx_entry *to);
int qlx_entry_move(struct qlx_entry *entry, struct qlx_entry *parent, const char *name);
/* The folder @name in @parent for as long as something lies in it. */
struct qlx_entry *qlx_entry_glue(struct qlx_entry *parent, const char *name);
void qlx_entry_glue_done(struct qlx_entry *glue);
/* With all below; waits for operations in progress. NULL: nothing happens. */
void qlx_entry_remove(struct qlx_entry *entry);
/* The calling operation removes its own entry: do not wait for it. */
void qlx_entry_break_active(const struct qlx_entry *entry);
/* Its path below sys/. */
void qlx_entry_path(const struct qlx_entry *entry, char *path, size_t size);
/* Around each operation of a driver's on an open file: 0, or the entry's error once it is removed. */
int qlx_entry_enter(struct qlx_entry *entry);
void qlx_entry_leave(struct qlx_entry *entry);
void qlx_entries_forget(void);

/* For file.c: find and hold, by the path below sys/. */
struct qlx_entry *qlx_entry_hold(const char *path);
void qlx_entry_put(struct qlx_entry *entry);

/* param.c: the files of a module's parameters; NULL: no memory. Remove: waits for operations in progress. */
struct qlx_params;
struct qlx_params *qlx_params_add(struct qlx_module *module, struct module *of);
void qlx_params_remove(struct qlx_params *params);

/* sysfs.c, kobject.c */
struct kobj_type;
struct attribute_group;
struct qlx_entry *qlx_kobject_entry(const struct kobject *kobject);
/* kobject_init() of an object that is the implementation's own: not on the list of what is left. */
void qlx_kobject_begin(struct kobject *kobject, const struct kobj_type *ktype);
/* Give it a folder that the caller has made, as kobject_add() would. */
void qlx_kobject_show(struct kobject *kobject, struct qlx_entry *folder);
void qlx_kobject_hide(struct kobject *kobject);

static inline struct qlx_entry *qlx_entry_of(const struct file *file)
{
    return file->f_inode->quarry;
}

#endif
