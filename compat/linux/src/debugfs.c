/* SPDX-License-Identifier: MIT */
/* debugfs: the tree below sys/kernel/debug.
 *
 * A dentry is part of an entry (entry.c). Every file is opened with operations of this file, which call
 * the driver's between qlx_entry_enter() and leave(): once debugfs_remove() has returned, none of the
 * driver's runs or will run (-EIO), except release, for files that are still open.
 *
 * What a module creates below an entry of its own goes with that; what it creates at the top is on the
 * list of what is left. */
#define _GNU_SOURCE
#include "entry.h"
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the driver's operations, protected ---------------------------------------------------- */

static const struct file_operations *debugfs_real(const struct file *file)
{
    return qlx_entry_of(file)->real;
}

QUARRY_API const struct file_operations *debugfs_real_fops(const struct file *file)
{
    return debugfs_real(file);
}

#define DEBUGFS_CALL(result, file, member, ...)                                                    \
    do {                                                                                           \
        struct qlx_entry *debugfs_entry = qlx_entry_of(file);                                      \
        (result) = qlx_entry_enter(debugfs_entry);                                                 \
        if (!(result)) {                                                                           \
            (result) = debugfs_real(file)->member(__VA_ARGS__);                                    \
            qlx_entry_leave(debugfs_entry);                                                        \
        }                                                                                          \
    } while (0)

static int debugfs_open(struct inode *inode, struct file *file)
{
    struct qlx_entry *entry = inode->quarry;
    int error = 0;
    if ((file->f_mode & FMODE_WRITE && !(entry->mode & 0222)) ||
        (file->f_mode & FMODE_READ && !(entry->mode & 0444)))
        return -EACCES;
    if (!entry->real->llseek || entry->real->llseek == no_llseek)
        file->f_mode &= ~(fmode_t)FMODE_LSEEK;
    if (entry->real->open)
        DEBUGFS_CALL(error, file, open, inode, file);
    return error;
}

static int debugfs_release(struct inode *inode, struct file *file)
{
    const struct file_operations *real = debugfs_real(file);
    return real->release ? real->release(inode, file) : 0;
}

static ssize_t debugfs_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    const struct file_operations *real = debugfs_real(file);
    struct kiocb iocb = {.ki_filp = file, .ki_pos = *pos};
    struct iov_iter iter;
    ssize_t done = -EINVAL;
    if (real->read) {
        DEBUGFS_CALL(done, file, read, file, buffer, size, pos);
    } else if (real->read_iter) {
        iov_iter_ubuf(&iter, ITER_DEST, buffer, size);
        DEBUGFS_CALL(done, file, read_iter, &iocb, &iter);
        *pos = iocb.ki_pos;
    }
    return done;
}

static ssize_t debugfs_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    ssize_t done = -EINVAL;
    if (debugfs_real(file)->write)
        DEBUGFS_CALL(done, file, write, file, buffer, size, pos);
    return done;
}

static loff_t debugfs_llseek(struct file *file, loff_t offset, int whence)
{
    loff_t done = -ESPIPE;
    if (debugfs_real(file)->llseek)
        DEBUGFS_CALL(done, file, llseek, file, offset, whence);
    return done;
}

static __poll_t debugfs_poll(struct file *file, struct poll_table_struct *table)
{
    struct qlx_entry *entry = qlx_entry_of(file);
    __poll_t events = DEFAULT_POLLMASK;
    if (!debugfs_real(file)->poll)
        return events;
    if (qlx_entry_enter(entry))
        return EPOLLHUP;
    events = debugfs_real(file)->poll(file, table);
    qlx_entry_leave(entry);
    return events;
}

static long debugfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    long done = -ENOTTY;
    if (debugfs_real(file)->unlocked_ioctl)
        DEBUGFS_CALL(done, file, unlocked_ioctl, file, cmd, arg);
    return done;
}

static int debugfs_mmap(struct file *file, struct vm_area_struct *vma)
{
    int error = -ENODEV;
    if (debugfs_real(file)->mmap)
        DEBUGFS_CALL(error, file, mmap, file, vma);
    return error;
}

static const struct file_operations debugfs_fops = {.open = debugfs_open,
                                                    .release = debugfs_release,
                                                    .read = debugfs_read,
                                                    .write = debugfs_write,
                                                    .llseek = debugfs_llseek,
                                                    .poll = debugfs_poll,
                                                    .unlocked_ioctl = debugfs_ioctl,
                                                    .mmap = debugfs_mmap};

QUARRY_API int debugfs_file_get(struct dentry *dentry)
{
    return qlx_entry_enter(container_of(dentry, struct qlx_entry, dentry));
}

QUARRY_API void debugfs_file_put(struct dentry *dentry)
{
    qlx_entry_leave(container_of(dentry, struct qlx_entry, dentry));
}

/* ---- making and removing ------------------------------------------------------------------- */

static struct qlx_entry *debugfs_folder(struct dentry *dentry)
{
    return dentry ? container_of(dentry, struct qlx_entry, dentry) : qlx_entry_root("kernel/debug");
}

static struct dentry *debugfs_add(const char *name, umode_t mode, struct dentry *parent,
                                  struct qlx_entry **made)
{
    struct qlx_entry *folder;
    int error;
    *made = NULL;
    if (IS_ERR(parent))
        return parent;
    folder = debugfs_folder(parent);
    error = S_ISDIR(folder->mode) ? qlx_entry_add(folder, name, mode, made) : -EINVAL;
    if (error) {
        if (error != -ENOMEM) /* which is nobody's mistake, and nobody need look at */
            qlx_find("registration", NULL, NULL, "debugfs entry %s cannot be made: %s",
                     name ? name : "(without a name)",
                     error == -EEXIST   ? "the name is taken"
                     : error == -ENOENT ? "its folder was removed"
                                        : "not a name, or its parent is not a folder");
        return ERR_PTR(error);
    }
    (*made)->kept = true;
    (*made)->gone = -EIO;
    (*made)->dentry.d_parent = parent ? parent : &folder->dentry;
    if (!parent)
        qlx_left_add(QLX_LEFT_DEBUGFS, *made, name);
    return &(*made)->dentry;
}

QUARRY_API struct dentry *quarry_debugfs_dir(const char *name, struct dentry *parent,
                                             int error_is_null)
{
    struct qlx_entry *made;
    struct dentry *dentry = debugfs_add(name, S_IFDIR | 0755, parent, &made);
    return error_is_null && IS_ERR(dentry) ? NULL : dentry;
}

static struct dentry *debugfs_make(const char *name, umode_t mode, struct dentry *parent,
                                   void *data, const struct file_operations *fops)
{
    static const struct file_operations none;
    struct qlx_entry *made;
    struct dentry *dentry = debugfs_add(name, S_IFREG | (mode & 07777), parent, &made);
    if (made) {
        made->data = made->inode.i_private = data;
        made->real = fops ? fops : &none;
        made->owner = made->real->owner;
        made->fops = &debugfs_fops;
    }
    return dentry;
}

QUARRY_API struct dentry *quarry_debugfs_file(const char *name, umode_t mode, struct dentry *parent,
                                              void *data, const struct file_operations *fops,
                                              int flags)
{
    struct dentry *dentry = debugfs_make(name, mode, parent, data, fops);
    return flags && IS_ERR(dentry) ? NULL : dentry;
}

QUARRY_API void debugfs_create_file_size(const char *name, umode_t mode, struct dentry *parent,
                                         void *data, const struct file_operations *fops,
                                         loff_t size)
{
    struct dentry *dentry = debugfs_make(name, mode, parent, data, fops);
    if (!IS_ERR(dentry)) {
        container_of(dentry, struct qlx_entry, dentry)->size = size;
        dentry->d_inode->i_size = size;
    }
}

QUARRY_API struct dentry *debugfs_create_symlink(const char *name, struct dentry *parent,
                                                 const char *target)
{
    struct qlx_entry *made;
    struct dentry *dentry = debugfs_add(name, S_IFLNK | 0777, parent, &made);
    if (made)
        made->target = strdup(target);
    return dentry;
}

QUARRY_API void debugfs_remove(struct dentry *dentry)
{
    struct qlx_entry *entry;
    if (IS_ERR_OR_NULL(dentry))
        return;
    entry = container_of(dentry, struct qlx_entry, dentry);
    if (entry->removed) {
        qlx_find(
            "registration", NULL, NULL,
            "debugfs_remove of %s, which was removed before: the pointer is of no use any more",
            entry->name);
        return;
    }
    qlx_left_remove(QLX_LEFT_DEBUGFS, entry);
    qlx_entry_remove(entry);
}

QUARRY_API struct dentry *debugfs_lookup(const char *name, struct dentry *parent)
{
    struct qlx_entry *entry;
    if (IS_ERR(parent))
        return NULL;
    entry = qlx_entry_child(debugfs_folder(parent), name);
    return entry ? &entry->dentry : NULL;
}

QUARRY_API void debugfs_lookup_and_remove(const char *name, struct dentry *parent)
{
    debugfs_remove(debugfs_lookup(name, parent));
}

QUARRY_API struct dentry *debugfs_rename(struct dentry *old_parent, struct dentry *dentry,
                                         struct dentry *new_parent, const char *name)
{
    int error;
    if (IS_ERR(old_parent) || IS_ERR(new_parent) || IS_ERR_OR_NULL(dentry))
        return ERR_PTR(-EINVAL);
    error = qlx_entry_move(container_of(dentry, struct qlx_entry, dentry),
                           debugfs_folder(new_parent), name);
    return error ? ERR_PTR(error) : dentry;
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* By kind: bytes, and how it is printed. */
static const struct {
    unsigned char size;
    const char *format;
} debugfs_form[QUARRY_DEBUGFS_NUMBERS] = {
    [QUARRY_DEBUGFS_U8] = {1, "%llu\n"},          [QUARRY_DEBUGFS_U16] = {2, "%llu\n"},
    [QUARRY_DEBUGFS_U32] = {4, "%llu\n"},         [QUARRY_DEBUGFS_U64] = {8, "%llu\n"},
    [QUARRY_DEBUGFS_ULONG] = {8, "%llu\n"},       [QUARRY_DEBUGFS_SIZE] = {8, "%llu\n"},
    [QUARRY_DEBUGFS_X8] = {1, "0x%02llx\n"},      [QUARRY_DEBUGFS_X16] = {2, "0x%04llx\n"},
    [QUARRY_DEBUGFS_X32] = {4, "0x%08llx\n"},     [QUARRY_DEBUGFS_X64] = {8, "0x%016llx\n"},
    [QUARRY_DEBUGFS_XUL] = {8, "0x%016llx\n"},    [QUARRY_DEBUGFS_ATOMIC] = {4, "%lld\n"},
    [QUARRY_DEBUGFS_BOOL] = {sizeof(bool), NULL},
};

struct debugfs_number {
    void *value;
    enum quarry_debugfs_number kind;
};

static u64 number_load(const struct debugfs_number *number)
{
    switch (debugfs_form[number->kind].size) {
    case 1:
        return __atomic_load_n((u8 *)number->value, __ATOMIC_RELAXED);
    case 2:
        return __atomic_load_n((u16 *)number->value, __ATOMIC_RELAXED);
    case 4:
        if (number->kind == QUARRY_DEBUGFS_ATOMIC)
            return (u64)(s64)__atomic_load_n((s32 *)number->value, __ATOMIC_RELAXED);
        return __atomic_load_n((u32 *)number->value, __ATOMIC_RELAXED);
    default:
        return __atomic_load_n((u64 *)number->value, __ATOMIC_RELAXED);
    }
}

static void number_store(const struct debugfs_number *number, u64 value)
{
    switch (debugfs_form[number->kind].size) {
    case 1:
        __atomic_store_n((u8 *)number->value, (u8)value, __ATOMIC_RELAXED);
        break;
    case 2:
        __atomic_store_n((u16 *)number->value, (u16)value, __ATOMIC_RELAXED);
        break;
    case 4:
        __atomic_store_n((u32 *)number->value, (u32)value, __ATOMIC_RELAXED);
        break;
    default:
        __atomic_store_n((u64 *)number->value, value, __ATOMIC_RELAXED);
    }
}

static struct debugfs_number number_of(const struct file *file)
{
    struct qlx_entry *entry = qlx_entry_of(file);
    return (struct debugfs_number){entry->data, (enum quarry_debugfs_number)entry->kind};
}

static ssize_t number_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    struct debugfs_number number = number_of(file);
    u64 value = number_load(&number);
    char text[32];
    int length;
    if (number.kind == QUARRY_DEBUGFS_BOOL)
        length = snprintf(text, sizeof(text), "%c\n", value ? 'Y' : 'N');
    else
        length = snprintf(text, sizeof(text), debugfs_form[number.kind].format,
                          (unsigned long long)value);
    return simple_read_from_buffer(buffer, size, pos, text, (size_t)length);
}

static ssize_t number_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    struct debugfs_number number = number_of(file);
    unsigned int bits = 8u * debugfs_form[number.kind].size;
    s64 negative = 0;
    u64 value = 0;
    bool truth;
    int error;
    if (number.kind == QUARRY_DEBUGFS_BOOL) {
        error = kstrtobool_from_user(buffer, size, &truth);
        value = !error && truth;
    } else if (number.kind == QUARRY_DEBUGFS_ATOMIC) {
        error = kstrtoll_from_user(buffer, size, 0, &negative);
        value = (u64)negative;
    } else {
        error = kstrtoull_from_user(buffer, size, 0, &value);
        if (!error && bits < 64 && value >> bits)
            error = -ERANGE;
    }
    if (error)
        return error;
    number_store(&number, value);
    return (ssize_t)size;
}

static const struct file_operations number_fops = {
    .open = simple_open, .read = number_read, .write = number_write, .llseek = default_llseek};

QUARRY_API struct dentry *quarry_debugfs_number(const char *name, umode_t mode,
                                                struct dentry *parent, void *value,
                                                enum quarry_debugfs_number kind)
{
    struct dentry *dentry = debugfs_make(name, mode, parent, value, &number_fops);
    if (!IS_ERR(dentry))
        container_of(dentry, struct qlx_entry, dentry)->kind = (int)kind;
    return dentry;
}

QUARRY_API ssize_t debugfs_read_file_bool(struct file *file, char __user *buffer, size_t size,
                                          loff_t *pos)
{
    const bool *value = file->private_data;
    return simple_read_from_buffer(buffer, size, pos, READ_ONCE(*value) ? "Y\n" : "N\n", 2);
}

QUARRY_API ssize_t debugfs_write_file_bool(struct file *file, const char __user *buffer,
                                           size_t size, loff_t *pos)
{
    bool truth;
    int error = kstrtobool_from_user(buffer, size, &truth);
    if (error)
        return error;
    WRITE_ONCE(*(bool *)file->private_data, truth);
    return (ssize_t)size;
}

/* ---- texts, bytes, tables ------------------------------------------------------------------ */

static DEFINE_MUTEX(text_lock);

static ssize_t text_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    char **text = file->private_data, *copy;
    ssize_t done;
    mutex_lock(&text_lock);
    copy = kasprintf(GFP_KERNEL, "%s\n", *text ? *text : "");
    mutex_unlock(&text_lock);
    if (!copy)
        return -ENOMEM;
    done = simple_read_from_buffer(buffer, size, pos, copy, strlen(copy));
    kfree(copy);
    return done;
}

static ssize_t text_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    char **text = file->private_data, *fresh;
    if (*pos)
        return -EINVAL;
    if (size > PAGE_SIZE - 1)
        return -E2BIG;
    fresh = memdup_user_nul(buffer, size);
    if (IS_ERR(fresh))
        return PTR_ERR(fresh);
    if (size && fresh[size - 1] == '\n')
        fresh[size - 1] = '\0';
    mutex_lock(&text_lock);
    swap(*text, fresh);
    mutex_unlock(&text_lock);
    kfree(fresh);
    *pos += (loff_t)size;
    return (ssize_t)size;
}

static const struct file_operations text_fops = {
    .open = simple_open, .read = text_read, .write = text_write, .llseek = default_llseek};

QUARRY_API void debugfs_create_str(const char *name, umode_t mode, struct dentry *parent,
                                   char **text)
{
    debugfs_make(name, mode, parent, text, &text_fops);
}

static ssize_t blob_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    struct debugfs_blob_wrapper *blob = file->private_data;
    return simple_read_from_buffer(buffer, size, pos, blob->data, blob->size);
}

static const struct file_operations blob_fops = {
    .open = simple_open, .read = blob_read, .llseek = default_llseek};

QUARRY_API struct dentry *debugfs_create_blob(const char *name, umode_t mode, struct dentry *parent,
                                              struct debugfs_blob_wrapper *blob)
{
    return debugfs_make(name, mode & 0444, parent, blob, &blob_fops);
}

static int array_show(struct seq_file *m, void *unused)
{
    struct debugfs_u32_array *table = m->private;
    for (u32 i = 0; i < table->n_elements; i++)
        seq_printf(m, "%u%c", table->array[i], i + 1 < table->n_elements ? ' ' : '\n');
    return 0;
}

static int array_open(struct inode *inode, struct file *file)
{
    return single_open(file, array_show, inode->i_private);
}

static const struct file_operations array_fops = {
    .open = array_open, .read = seq_read, .llseek = seq_lseek, .release = single_release};

QUARRY_API void debugfs_create_u32_array(const char *name, umode_t mode, struct dentry *parent,
                                         struct debugfs_u32_array *array)
{
    debugfs_make(name, mode & 0444, parent, array, &array_fops);
}

struct debugfs_of_device {
    struct device *dev;
    int (*show)(struct seq_file *m, void *data);
};

static int device_seq_open(struct inode *inode, struct file *file)
{
    struct debugfs_of_device *of = inode->i_private;
    return single_open(file, of->show, of->dev);
}

static const struct file_operations device_seq_fops = {
    .open = device_seq_open, .read = seq_read, .llseek = seq_lseek, .release = single_release};

QUARRY_API void debugfs_create_devm_seqfile(struct device *dev, const char *name,
                                            struct dentry *parent,
                                            int (*show)(struct seq_file *m, void *data))
{
    struct debugfs_of_device *of;
    if (IS_ERR(parent))
        return;
    of = devm_kzalloc(dev, sizeof(*of), GFP_KERNEL);
    if (!of)
        return;
    of->dev = dev;
    of->show = show;
    debugfs_make(name, 0444, parent, of, &device_seq_fops);
}

/* ---- simple attributes --------------------------------------------------------------------- */

struct simple_attr {
    int (*get)(void *, u64 *);
    int (*set)(void *, u64);
    void *data;
    const char *format;
    struct mutex lock;
    char text[40];
};

QUARRY_API int simple_attr_open(struct inode *inode, struct file *file, int (*get)(void *, u64 *),
                                int (*set)(void *, u64), const char *format)
{
    struct simple_attr *attr = kzalloc(sizeof(*attr), GFP_KERNEL);
    if (!attr)
        return -ENOMEM;
    attr->get = get;
    attr->set = set;
    attr->data = inode->i_private;
    attr->format = format;
    mutex_init(&attr->lock);
    file->private_data = attr;
    return nonseekable_open(inode, file);
}

QUARRY_API int simple_attr_release(struct inode *inode, struct file *file)
{
    kfree(file->private_data);
    return 0;
}

QUARRY_API ssize_t simple_attr_read(struct file *file, char __user *buffer, size_t size,
                                    loff_t *pos)
{
    struct simple_attr *attr = file->private_data;
    ssize_t done = 0;
    u64 value;
    if (!attr->get)
        return -EACCES;
    mutex_lock(&attr->lock);
    if (*pos == 0 || !attr->text[0]) { /* the rest of a text is the text that was begun */
        done = attr->get(attr->data, &value);
        if (!done)
            snprintf(attr->text, sizeof(attr->text), attr->format, (unsigned long long)value);
    }
    if (!done)
        done = simple_read_from_buffer(buffer, size, pos, attr->text, strlen(attr->text));
    mutex_unlock(&attr->lock);
    return done;
}

static ssize_t attr_write(struct file *file, const char __user *buffer, size_t size, bool is_signed)
{
    struct simple_attr *attr = file->private_data;
    s64 negative = 0;
    u64 value = 0;
    int error;
    if (!attr->set)
        return -EACCES;
    if (is_signed)
        error = kstrtoll_from_user(buffer, size, 0, &negative);
    else
        error = kstrtoull_from_user(buffer, size, 0, &value);
    if (error)
        return error;
    mutex_lock(&attr->lock);
    error = attr->set(attr->data, is_signed ? (u64)negative : value);
    mutex_unlock(&attr->lock);
    return error ? error : (ssize_t)size;
}

QUARRY_API ssize_t simple_attr_write(struct file *file, const char __user *buffer, size_t size,
                                     loff_t *pos)
{
    return attr_write(file, buffer, size, false);
}

QUARRY_API ssize_t simple_attr_write_signed(struct file *file, const char __user *buffer,
                                            size_t size, loff_t *pos)
{
    return attr_write(file, buffer, size, true);
}

QUARRY_API ssize_t debugfs_attr_read(struct file *file, char __user *buffer, size_t size,
                                     loff_t *pos)
{
    return simple_attr_read(file, buffer, size, pos);
}

QUARRY_API ssize_t debugfs_attr_write(struct file *file, const char __user *buffer, size_t size,
                                      loff_t *pos)
{
    return simple_attr_write(file, buffer, size, pos);
}

QUARRY_API ssize_t debugfs_attr_write_signed(struct file *file, const char __user *buffer,
                                             size_t size, loff_t *pos)
{
    return simple_attr_write_signed(file, buffer, size, pos);
}
