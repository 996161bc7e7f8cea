/* SPDX-License-Identifier: MIT */
/* Attributes: small text files below sys/, one value each, that belong to a kobject.
 *
 * A show method fills a page and says how many bytes; a store method gets what was written, with a NUL
 * behind it. After sysfs_remove_file() returns neither runs any more. */
#ifndef QUARRY_LINUX_SYSFS_H
#define QUARRY_LINUX_SYSFS_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/version.h>

struct kobject;
struct bin_attribute;
struct file;
struct kernfs_node;
struct module;
struct vm_area_struct;

struct attribute {
    const char *name;
    umode_t mode;
};

struct attribute_group {
    const char *name; /* of a folder, or NULL: the object's own */
    umode_t (*is_visible)(struct kobject *kobj, struct attribute *attr, int index); /* 0: no file */
    umode_t (*is_bin_visible)(struct kobject *kobj, struct bin_attribute *attr, int index);
    struct attribute **attrs; /* ends with NULL */
    struct bin_attribute **bin_attrs;
};

/* Bytes instead of text, read and written at any position. @size 0: unknown. */
struct bin_attribute {
    struct attribute attr;
    size_t size;
    void *private;
    ssize_t (*read)(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
                    char *buffer, loff_t offset, size_t size);
    ssize_t (*write)(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
                     char *buffer, loff_t offset, size_t size);
    int (*mmap)(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
                struct vm_area_struct *vma);
};

struct sysfs_ops {
    ssize_t (*show)(struct kobject *kobj, struct attribute *attr, char *page);
    ssize_t (*store)(struct kobject *kobj, struct attribute *attr, const char *text, size_t size);
};

/* Everybody may not write an attribute: a negative width stops the compiler. */
#define quarry_attr_mode(mode)                                                                     \
    ((mode) + 0 * (int)sizeof(struct { int others_may_not_write : ((mode)&2) ? -1 : 1; }))
#define __ATTR(_name, _mode, _show, _store)                                                        \
    {                                                                                              \
        .attr = {.name = __stringify(_name), .mode = quarry_attr_mode(_mode)}, .show = _show,      \
        .store = _store                                                                            \
    }
#define __ATTR_PREALLOC(_name, _mode, _show, _store) __ATTR(_name, _mode, _show, _store)
#define __ATTR_RO_MODE(_name, _mode) __ATTR(_name, _mode, _name##_show, NULL)
#define __ATTR_RW_MODE(_name, _mode) __ATTR(_name, _mode, _name##_show, _name##_store)
#define __ATTR_RO(_name) __ATTR(_name, 0444, _name##_show, NULL)
#define __ATTR_RW(_name) __ATTR(_name, 0644, _name##_show, _name##_store)
#define __ATTR_WO(_name) __ATTR(_name, 0200, NULL, _name##_store)
#define __ATTR_NULL                                                                                \
    {                                                                                              \
        .attr = {.name = NULL }                                                                    \
    }
#define __ATTRIBUTE_GROUPS(_name)                                                                  \
    static const struct attribute_group *_name##_groups[] = {&_name##_group, NULL}
#define ATTRIBUTE_GROUPS(_name)                                                                    \
    static const struct attribute_group _name##_group = {.attrs = _name##_attrs};                  \
    __ATTRIBUTE_GROUPS(_name)
#define BIN_ATTRIBUTE_GROUPS(_name)                                                                \
    static const struct attribute_group _name##_group = {.bin_attrs = _name##_attrs};              \
    __ATTRIBUTE_GROUPS(_name)

#define __BIN_ATTR(_name, _mode, _read, _write, _size)                                             \
    {                                                                                              \
        .attr = {.name = __stringify(_name), .mode = (_mode)}, .size = (_size), .read = _read,     \
        .write = _write                                                                            \
    }
#define __BIN_ATTR_RO(_name, _size) __BIN_ATTR(_name, 0444, _name##_read, NULL, _size)
#define __BIN_ATTR_WO(_name, _size) __BIN_ATTR(_name, 0200, NULL, _name##_write, _size)
#define __BIN_ATTR_RW(_name, _size) __BIN_ATTR(_name, 0644, _name##_read, _name##_write, _size)
#define __BIN_ATTR_NULL __ATTR_NULL
#define BIN_ATTR(_name, _mode, _read, _write, _size)                                               \
    struct bin_attribute bin_attr_##_name = __BIN_ATTR(_name, _mode, _read, _write, _size)
#define BIN_ATTR_RO(_name, _size)                                                                  \
    struct bin_attribute bin_attr_##_name = __BIN_ATTR_RO(_name, _size)
#define BIN_ATTR_WO(_name, _size)                                                                  \
    struct bin_attribute bin_attr_##_name = __BIN_ATTR_WO(_name, _size)
#define BIN_ATTR_RW(_name, _size)                                                                  \
    struct bin_attribute bin_attr_##_name = __BIN_ATTR_RW(_name, _size)

#define sysfs_attr_init(attr) ((void)(attr))
#define sysfs_bin_attr_init(attr) ((void)(attr))

QUARRY_EXTERN_C_BEGIN

/* Context: may sleep. 0, -EINVAL (the object has no folder: it was not added), -EEXIST (reported),
 * -ENOMEM. */
QUARRY_API int __must_check sysfs_create_file(struct kobject *kobj, const struct attribute *attr);
QUARRY_API int __must_check sysfs_create_files(struct kobject *kobj,
                                               const struct attribute *const *attrs);
QUARRY_API int __must_check sysfs_create_bin_file(struct kobject *kobj,
                                                  const struct bin_attribute *attr);
QUARRY_API int __must_check sysfs_create_group(struct kobject *kobj,
                                               const struct attribute_group *group);
QUARRY_API int __must_check sysfs_create_groups(struct kobject *kobj,
                                                const struct attribute_group **groups);
/* Make the files of a group again as is_visible now says. */
QUARRY_API int __must_check sysfs_update_group(struct kobject *kobj,
                                               const struct attribute_group *group);
QUARRY_API int sysfs_update_groups(struct kobject *kobj, const struct attribute_group **groups);
/* Into, out of the folder that a group of this name made. */
QUARRY_API int sysfs_merge_group(struct kobject *kobj, const struct attribute_group *group);
QUARRY_API void sysfs_unmerge_group(struct kobject *kobj, const struct attribute_group *group);
QUARRY_API int sysfs_add_file_to_group(struct kobject *kobj, const struct attribute *attr,
                                       const char *group);
QUARRY_API void sysfs_remove_file_from_group(struct kobject *kobj, const struct attribute *attr,
                                             const char *group);
/* Wait until no method of the file runs. Context: may sleep. */
QUARRY_API void sysfs_remove_file(struct kobject *kobj, const struct attribute *attr);
QUARRY_API void sysfs_remove_files(struct kobject *kobj, const struct attribute *const *attrs);
QUARRY_API void sysfs_remove_bin_file(struct kobject *kobj, const struct bin_attribute *attr);
QUARRY_API void sysfs_remove_group(struct kobject *kobj, const struct attribute_group *group);
QUARRY_API void sysfs_remove_groups(struct kobject *kobj, const struct attribute_group **groups);
/* From a method of the file itself; true when this call removed it. */
QUARRY_API bool sysfs_remove_file_self(struct kobject *kobj, const struct attribute *attr);
QUARRY_API int __must_check sysfs_chmod_file(struct kobject *kobj, const struct attribute *attr,
                                             umode_t mode);
QUARRY_API int __must_check sysfs_create_link(struct kobject *kobj, struct kobject *target,
                                              const char *name);
QUARRY_API void sysfs_remove_link(struct kobject *kobj, const char *name);
/* A mount point for others: an empty folder. */
QUARRY_API int __must_check sysfs_create_mount_point(struct kobject *parent, const char *name);
QUARRY_API void sysfs_remove_mount_point(struct kobject *parent, const char *name);
/* Wake those who poll the attribute (@dir: its group's folder, or NULL). Context: any for a file of
 * the object's own folder. */
QUARRY_API void sysfs_notify(struct kobject *kobj, const char *dir, const char *attr);

/* printf into the page of a show method: bytes written, never beyond the page. @buffer must be the
 * page itself; for _at with the offset of what is there already. A wrong one is reported. */
__printf(2, 3) QUARRY_API int sysfs_emit(char *buffer, const char *format, ...);
__printf(3, 4) QUARRY_API int sysfs_emit_at(char *buffer, int at, const char *format, ...);
/* For a bin_attribute whose .private points at its bytes. */
QUARRY_API ssize_t sysfs_bin_attr_simple_read(struct file *file, struct kobject *kobj,
                                              struct bin_attribute *attr, char *buffer,
                                              loff_t offset, size_t size);

QUARRY_EXTERN_C_END

#endif
