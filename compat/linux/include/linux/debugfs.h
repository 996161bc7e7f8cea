/* SPDX-License-Identifier: MIT */
/* Files for whoever debugs a driver, below sys/kernel/debug/, in any form.
 *
 * Errors are ERR_PTRs that every function takes and hands on: callers need not look (before 5.0 NULL,
 * which means the top folder). A module removes its folder with debugfs_remove_recursive(); what it
 * leaves is reported. */
#ifndef QUARRY_LINUX_DEBUGFS_H
#define QUARRY_LINUX_DEBUGFS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/types.h>
#include <linux/version.h>

struct device;

/* Bytes shown as they are. */
struct debugfs_blob_wrapper {
    void *data;
    unsigned long size;
};
struct debugfs_u32_array {
    u32 *array;
    u32 n_elements;
};

enum quarry_debugfs_number {
    QUARRY_DEBUGFS_U8,
    QUARRY_DEBUGFS_U16,
    QUARRY_DEBUGFS_U32,
    QUARRY_DEBUGFS_U64,
    QUARRY_DEBUGFS_ULONG,
    QUARRY_DEBUGFS_SIZE,
    QUARRY_DEBUGFS_X8,
    QUARRY_DEBUGFS_X16,
    QUARRY_DEBUGFS_X32,
    QUARRY_DEBUGFS_X64,
    QUARRY_DEBUGFS_XUL,
    QUARRY_DEBUGFS_ATOMIC,
    QUARRY_DEBUGFS_BOOL,
    QUARRY_DEBUGFS_NUMBERS
};

QUARRY_EXTERN_C_BEGIN

/* Context of all: may sleep. */
QUARRY_API struct dentry *quarry_debugfs_dir(const char *name, struct dentry *parent,
                                             int error_is_null);
QUARRY_API struct dentry *quarry_debugfs_file(const char *name, umode_t mode, struct dentry *parent,
                                              void *data, const struct file_operations *fops,
                                              int flags);
QUARRY_API struct dentry *quarry_debugfs_number(const char *name, umode_t mode,
                                                struct dentry *parent, void *value,
                                                enum quarry_debugfs_number kind);
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 0, 0)
#define QUARRY_DEBUGFS_NULL 1
#else
#define QUARRY_DEBUGFS_NULL 0
#endif

/* -EEXIST (reported), -ENOMEM, -EINVAL. @parent NULL: the top. */
static inline struct dentry *debugfs_create_dir(const char *name, struct dentry *parent)
{
    return quarry_debugfs_dir(name, parent, QUARRY_DEBUGFS_NULL);
}
/* @data: i_private of the files opened. The operations may run at any time until the entry is removed;
 * removal waits for them. */
static inline struct dentry *debugfs_create_file(const char *name, umode_t mode,
                                                 struct dentry *parent, void *data,
                                                 const struct file_operations *fops)
{
    return quarry_debugfs_file(name, mode, parent, data, fops, QUARRY_DEBUGFS_NULL);
}
/* The same here: every file is protected against removal. */
static inline struct dentry *debugfs_create_file_unsafe(const char *name, umode_t mode,
                                                        struct dentry *parent, void *data,
                                                        const struct file_operations *fops)
{
    return quarry_debugfs_file(name, mode, parent, data, fops, QUARRY_DEBUGFS_NULL);
}
QUARRY_API void debugfs_create_file_size(const char *name, umode_t mode, struct dentry *parent,
                                         void *data, const struct file_operations *fops,
                                         loff_t size);
QUARRY_API struct dentry *debugfs_create_symlink(const char *name, struct dentry *parent,
                                                 const char *target);
/* With all that lies below. NULL and errors are nothing. Waits for operations in progress. */
QUARRY_API void debugfs_remove(struct dentry *dentry);
#define debugfs_remove_recursive debugfs_remove
QUARRY_API struct dentry *debugfs_lookup(const char *name, struct dentry *parent);
QUARRY_API void debugfs_lookup_and_remove(const char *name, struct dentry *parent);
QUARRY_API struct dentry *debugfs_rename(struct dentry *old_parent, struct dentry *dentry,
                                         struct dentry *new_parent, const char *name);
/* Inside an operation of the file: keep it from being removed. 0 or -EIO. */
QUARRY_API int debugfs_file_get(struct dentry *dentry);
QUARRY_API void debugfs_file_put(struct dentry *dentry);
QUARRY_API const struct file_operations *debugfs_real_fops(const struct file *file);

/* Numbers that live in the driver's own variables, read and (by the mode) written as text: decimal,
 * or hexadecimal for x. Before 5.6 with the dentry as result. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 6, 0)
#define QUARRY_DEBUGFS_RESULT struct dentry *
#define QUARRY_DEBUGFS_RETURN return
#else
#define QUARRY_DEBUGFS_RESULT void
#define QUARRY_DEBUGFS_RETURN
#endif
#define quarry_define_debugfs(name, type, kind)                                                    \
    static inline QUARRY_DEBUGFS_RESULT name(const char *file, umode_t mode,                       \
                                             struct dentry *parent, type *value)                   \
    {                                                                                              \
        QUARRY_DEBUGFS_RETURN quarry_debugfs_number(file, mode, parent, value, kind);              \
    }
/* clang-format off */
quarry_define_debugfs(debugfs_create_u8, u8, QUARRY_DEBUGFS_U8)
quarry_define_debugfs(debugfs_create_u16, u16, QUARRY_DEBUGFS_U16)
quarry_define_debugfs(debugfs_create_u32, u32, QUARRY_DEBUGFS_U32)
quarry_define_debugfs(debugfs_create_u64, u64, QUARRY_DEBUGFS_U64)
quarry_define_debugfs(debugfs_create_ulong, unsigned long, QUARRY_DEBUGFS_ULONG)
quarry_define_debugfs(debugfs_create_size_t, size_t, QUARRY_DEBUGFS_SIZE)
quarry_define_debugfs(debugfs_create_x8, u8, QUARRY_DEBUGFS_X8)
quarry_define_debugfs(debugfs_create_x16, u16, QUARRY_DEBUGFS_X16)
quarry_define_debugfs(debugfs_create_x32, u32, QUARRY_DEBUGFS_X32)
quarry_define_debugfs(debugfs_create_x64, u64, QUARRY_DEBUGFS_X64)
quarry_define_debugfs(debugfs_create_xul, unsigned long, QUARRY_DEBUGFS_XUL)
quarry_define_debugfs(debugfs_create_atomic_t, atomic_t, QUARRY_DEBUGFS_ATOMIC)
quarry_define_debugfs(debugfs_create_bool, bool, QUARRY_DEBUGFS_BOOL)
static inline bool debugfs_initialized(void)
{
    return true;
}
/* clang-format on */

/* A text from kmalloc that a write replaces by another from kmalloc. */
QUARRY_API void debugfs_create_str(const char *name, umode_t mode, struct dentry *parent,
                                   char **text);
QUARRY_API struct dentry *debugfs_create_blob(const char *name, umode_t mode, struct dentry *parent,
                                              struct debugfs_blob_wrapper *blob);
QUARRY_API void debugfs_create_u32_array(const char *name, umode_t mode, struct dentry *parent,
                                         struct debugfs_u32_array *array);
/* One seq_file text; @show gets a seq_file whose private is the device. */
QUARRY_API void debugfs_create_devm_seqfile(struct device *dev, const char *name,
                                            struct dentry *parent,
                                            int (*show)(struct seq_file *m, void *data));
/* The bool files' own operations, for drivers that wrap them. */
QUARRY_API ssize_t debugfs_read_file_bool(struct file *file, char __user *buffer, size_t size,
                                          loff_t *pos);
QUARRY_API ssize_t debugfs_write_file_bool(struct file *file, const char __user *buffer,
                                           size_t size, loff_t *pos);
QUARRY_API ssize_t debugfs_attr_read(struct file *file, char __user *buffer, size_t size,
                                     loff_t *pos);
QUARRY_API ssize_t debugfs_attr_write(struct file *file, const char __user *buffer, size_t size,
                                      loff_t *pos);
QUARRY_API ssize_t debugfs_attr_write_signed(struct file *file, const char __user *buffer,
                                             size_t size, loff_t *pos);

QUARRY_EXTERN_C_END

#define DEFINE_DEBUGFS_ATTRIBUTE(name, get, set, format)                                           \
    quarry_simple_attr(name, get, set, format, debugfs_attr_read, debugfs_attr_write)
#define DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(name, get, set, format)                                    \
    quarry_simple_attr(name, get, set, format, debugfs_attr_read, debugfs_attr_write_signed)

#endif
