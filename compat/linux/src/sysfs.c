/* SPDX-License-Identifier: MIT */
/* sysfs: attributes of kobjects as files.
 *
 * A read from position 0 runs the show method into a zeroed page of the machine's memory, which the open
 * file keeps, so that short reads see one text; a write hands the store method a copy with a NUL behind
 * it. Both pages are Quarry's: a method that writes beyond its page is found by the allocator's red
 * zones. Binary attributes are handed through a page at a time, any position, up to their size.
 *
 * Files of an object lie in its folder and go with it. Those of an object that is not the module's own
 * (kernel_kobj) are on the list of what is left. */
#define _GNU_SOURCE
#include "entry.h"
#include <linux/kobject.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <stdio.h>

/* ---- one open file ------------------------------------------------------------------------- */

struct sysfs_open {
    struct mutex lock;
    char *page;
    size_t size;
    bool shown;
    int events; /* the entry's, when it was last read */
};

static int sysfs_open_file(struct inode *inode, struct file *file)
{
    struct qlx_entry *entry = inode->quarry;
    struct sysfs_open *open;
    if ((file->f_mode & FMODE_WRITE && !(entry->mode & 0222)) ||
        (file->f_mode & FMODE_READ && !(entry->mode & 0444)))
        return -EACCES;
    open = kzalloc(sizeof(*open), GFP_KERNEL);
    if (!open)
        return -ENOMEM;
    mutex_init(&open->lock);
    open->events = entry->events;
    file->private_data = open;
    return 0;
}

static int sysfs_release(struct inode *inode, struct file *file)
{
    struct sysfs_open *open = file->private_data;
    kfree(open->page);
    kfree(open);
    return 0;
}

/* What its object's type does for attributes; the object may be gone but for qlx_entry_enter(). */
static const struct sysfs_ops *sysfs_ops_of(const struct qlx_entry *entry)
{
    return entry->kobject->ktype ? entry->kobject->ktype->sysfs_ops : NULL;
}

/* The show method's text in open->page: how many bytes, or an error. */
static ssize_t sysfs_call_show(struct qlx_entry *entry, struct sysfs_open *open)
{
    const struct sysfs_ops *ops;
    ssize_t got = qlx_entry_enter(entry);
    if (got)
        return got;
    ops = sysfs_ops_of(entry);
    open->events = __atomic_load_n(&entry->events, __ATOMIC_ACQUIRE);
    if (ops && ops->show)
        got = ops->show(entry->kobject, (struct attribute *)(uintptr_t)entry->attr, open->page);
    else
        got = -EIO;
    qlx_entry_leave(entry);
    return got;
}

static int sysfs_show(struct qlx_entry *entry, struct sysfs_open *open)
{
    ssize_t got;
    if (!open->page && !(open->page = kmalloc(PAGE_SIZE, GFP_KERNEL)))
        return -ENOMEM;
    memset(open->page, 0, PAGE_SIZE);
    got = sysfs_call_show(entry, open);
    if (got >= (ssize_t)PAGE_SIZE) {
        qlx_find("registration", NULL, NULL,
                 "the show method of %s returned %zd, but a page with a NUL at its end holds %zu",
                 entry->name, got, PAGE_SIZE - 1);
        got = PAGE_SIZE - 1;
    }
    if (got < 0)
        return (int)got;
    open->size = (size_t)got;
    open->shown = true;
    return 0;
}

static ssize_t sysfs_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    struct sysfs_open *open = file->private_data;
    ssize_t done = 0;
    mutex_lock(&open->lock);
    if (*pos == 0 || !open->shown)
        done = sysfs_show(qlx_entry_of(file), open);
    if (done == 0)
        done = simple_read_from_buffer(buffer, size, pos, open->page, open->size);
    mutex_unlock(&open->lock);
    return done;
}

/* What a client wrote, at most a page of it, with a NUL behind; an ERR_PTR. */
static char *sysfs_take(const char __user *buffer, size_t size)
{
    char *text = kmalloc(size + 1, GFP_KERNEL);
    if (!text)
        return ERR_PTR(-ENOMEM);
    if (copy_from_user(text, buffer, size)) {
        kfree(text);
        return ERR_PTR(-EFAULT);
    }
    text[size] = '\0';
    return text;
}

static ssize_t sysfs_call_store(struct qlx_entry *entry, const char *text, size_t size)
{
    const struct sysfs_ops *ops;
    ssize_t done = qlx_entry_enter(entry);
    if (done)
        return done;
    ops = sysfs_ops_of(entry);
    if (ops && ops->store)
        done = ops->store(entry->kobject, (struct attribute *)(uintptr_t)entry->attr, text, size);
    else
        done = -EIO;
    qlx_entry_leave(entry);
    return done;
}

static ssize_t sysfs_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    struct sysfs_open *open = file->private_data;
    ssize_t done;
    char *text = sysfs_take(buffer, size = min_t(size_t, size, PAGE_SIZE));
    if (IS_ERR(text))
        return PTR_ERR(text);
    mutex_lock(&open->lock);
    done = sysfs_call_store(qlx_entry_of(file), text, size);
    mutex_unlock(&open->lock);
    kfree(text);
    if (done > 0)
        *pos += done;
    return done;
}

static __poll_t sysfs_poll(struct file *file, struct poll_table_struct *table)
{
    struct qlx_entry *entry = qlx_entry_of(file);
    struct sysfs_open *open = file->private_data;
    poll_wait(file, &entry->poll, table);
    if (entry->removed || open->events != __atomic_load_n(&entry->events, __ATOMIC_ACQUIRE))
        return DEFAULT_POLLMASK | EPOLLERR | EPOLLPRI;
    return DEFAULT_POLLMASK;
}

static const struct file_operations sysfs_fops = {.open = sysfs_open_file,
                                                  .read = sysfs_read,
                                                  .write = sysfs_write,
                                                  .llseek = default_llseek,
                                                  .poll = sysfs_poll,
                                                  .release = sysfs_release};

/* ---- binary files -------------------------------------------------------------------------- */

/* How many bytes a transfer of @size at @pos may have: none behind the end. */
static size_t sysfs_bin_size(const struct bin_attribute *attr, size_t size, loff_t pos)
{
    size = min_t(size_t, size, PAGE_SIZE);
    if (attr->size && pos >= (loff_t)attr->size)
        return 0;
    return attr->size ? min_t(size_t, size, attr->size - (size_t)pos) : size;
}

static ssize_t sysfs_bin_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    struct qlx_entry *entry = qlx_entry_of(file);
    struct bin_attribute *attr = (struct bin_attribute *)(uintptr_t)entry->attr;
    ssize_t done;
    char *bytes;
    if (!attr->read)
        return -EIO;
    size = sysfs_bin_size(attr, size, *pos);
    if (!size)
        return 0;
    bytes = kzalloc(size, GFP_KERNEL);
    if (!bytes)
        return -ENOMEM;
    done = qlx_entry_enter(entry);
    if (!done) {
        done = attr->read(file, entry->kobject, attr, bytes, *pos, size);
        qlx_entry_leave(entry);
    }
    if (done > 0 && copy_to_user(buffer, bytes, (size_t)done))
        done = -EFAULT;
    if (done > 0)
        *pos += done;
    kfree(bytes);
    return done;
}

static ssize_t sysfs_bin_write(struct file *file, const char __user *buffer, size_t size,
                               loff_t *pos)
{
    struct qlx_entry *entry = qlx_entry_of(file);
    struct bin_attribute *attr = (struct bin_attribute *)(uintptr_t)entry->attr;
    ssize_t done;
    char *bytes;
    if (!attr->write)
        return -EIO;
    size = sysfs_bin_size(attr, size, *pos);
    if (!size)
        return attr->size ? -EFBIG : 0;
    bytes = sysfs_take(buffer, size);
    if (IS_ERR(bytes))
        return PTR_ERR(bytes);
    done = qlx_entry_enter(entry);
    if (!done) {
        done = attr->write(file, entry->kobject, attr, bytes, *pos, size);
        qlx_entry_leave(entry);
    }
    if (done > 0)
        *pos += done;
    kfree(bytes);
    return done;
}

static int sysfs_bin_mmap(struct file *file, struct vm_area_struct *vma)
{
    struct qlx_entry *entry = qlx_entry_of(file);
    struct bin_attribute *attr = (struct bin_attribute *)(uintptr_t)entry->attr;
    int error = attr->mmap ? qlx_entry_enter(entry) : -ENODEV;
    if (error)
        return error;
    error = attr->mmap(file, entry->kobject, attr, vma);
    qlx_entry_leave(entry);
    return error;
}

static const struct file_operations sysfs_bin_fops = {.open = sysfs_open_file,
                                                      .read = sysfs_bin_read,
                                                      .write = sysfs_bin_write,
                                                      .llseek = default_llseek,
                                                      .mmap = sysfs_bin_mmap,
                                                      .release = sysfs_release};

QUARRY_API ssize_t sysfs_bin_attr_simple_read(struct file *file, struct kobject *kobj,
                                              struct bin_attribute *attr, char *buffer,
                                              loff_t offset, size_t size)
{
    memcpy(buffer, (char *)attr->private + offset, size);
    return (ssize_t)size;
}

/* ---- files of an object -------------------------------------------------------------------- */

/* An object of the machine's own: its files do not go when the module does. */
static bool sysfs_is_foreign(const struct kobject *kobj)
{
    return kobj && !kobj->state_initialized;
}

static int sysfs_add(struct qlx_entry *folder, struct kobject *kobj, const struct attribute *attr,
                     umode_t mode, size_t size, const struct file_operations *fops)
{
    struct qlx_entry *entry;
    char path[480];
    int error;
    if (!folder || !kobj || !attr || !attr->name) {
        qlx_find("registration", NULL, NULL,
                 "sysfs file %s is made for an object that is not in sys/ (add it first)",
                 attr && attr->name ? attr->name : "without a name");
        return -EINVAL;
    }
    error = qlx_entry_add(folder, attr->name, S_IFREG | (mode & 07777), &entry);
    if (error == -EEXIST) {
        qlx_entry_path(folder, path, sizeof(path));
        qlx_find("registration", NULL, NULL, "sys/%s has a file %s already", path, attr->name);
    }
    if (error)
        return error;
    entry->kobject = kobj;
    entry->attr = attr;
    entry->fops = fops;
    entry->gone = -ENODEV;
    entry->size = (loff_t)size;
    if (sysfs_is_foreign(kobj)) {
        qlx_entry_path(entry, path, sizeof(path));
        qlx_left_add(QLX_LEFT_SYSFS, entry, path);
    }
    return 0;
}

static int sysfs_add_bin(struct qlx_entry *folder, struct kobject *kobj,
                         const struct bin_attribute *attr, umode_t mode)
{
    return sysfs_add(folder, kobj, &attr->attr, mode, attr->size, &sysfs_bin_fops);
}

static void sysfs_drop(struct qlx_entry *folder, const char *name)
{
    struct qlx_entry *entry = qlx_entry_child(folder, name);
    qlx_left_remove(QLX_LEFT_SYSFS, entry);
    qlx_entry_remove(entry);
}

QUARRY_API int sysfs_create_file(struct kobject *kobj, const struct attribute *attr)
{
    return sysfs_add(kobj ? qlx_kobject_entry(kobj) : NULL, kobj, attr, attr ? attr->mode : 0,
                     PAGE_SIZE, &sysfs_fops);
}

QUARRY_API int sysfs_create_files(struct kobject *kobj, const struct attribute *const *attrs)
{
    int error = 0, i;
    for (i = 0; attrs[i] && !error; i++)
        error = sysfs_create_file(kobj, attrs[i]);
    if (error)
        for (i--; i-- > 0;)
            sysfs_remove_file(kobj, attrs[i]);
    return error;
}

QUARRY_API int sysfs_create_bin_file(struct kobject *kobj, const struct bin_attribute *attr)
{
    return sysfs_add_bin(kobj ? qlx_kobject_entry(kobj) : NULL, kobj, attr, attr->attr.mode);
}

QUARRY_API void sysfs_remove_file(struct kobject *kobj, const struct attribute *attr)
{
    sysfs_drop(qlx_kobject_entry(kobj), attr->name);
}

QUARRY_API void sysfs_remove_files(struct kobject *kobj, const struct attribute *const *attrs)
{
    for (int i = 0; attrs[i]; i++)
        sysfs_remove_file(kobj, attrs[i]);
}

QUARRY_API void sysfs_remove_bin_file(struct kobject *kobj, const struct bin_attribute *attr)
{
    sysfs_drop(qlx_kobject_entry(kobj), attr->attr.name);
}

QUARRY_API bool sysfs_remove_file_self(struct kobject *kobj, const struct attribute *attr)
{
    struct qlx_entry *entry = qlx_entry_child(qlx_kobject_entry(kobj), attr->name);
    if (!entry)
        return false;
    qlx_entry_break_active(entry);
    sysfs_remove_file(kobj, attr);
    return true;
}

QUARRY_API int sysfs_chmod_file(struct kobject *kobj, const struct attribute *attr, umode_t mode)
{
    struct qlx_entry *entry = qlx_entry_child(qlx_kobject_entry(kobj), attr->name);
    if (!entry)
        return -ENOENT;
    entry->mode = S_IFREG | (mode & 07777);
    qlx_generation_bump();
    return 0;
}

QUARRY_API void sysfs_notify(struct kobject *kobj, const char *dir, const char *attr)
{
    struct qlx_entry *entry = qlx_kobject_entry(kobj);
    if (entry && dir)
        entry = qlx_entry_child(entry, dir);
    if (entry && attr)
        entry = qlx_entry_child(entry, attr);
    if (!entry)
        return;
    __atomic_fetch_add(&entry->events, 1, __ATOMIC_RELEASE);
    wake_up_interruptible_all(&entry->poll);
}

/* ---- groups -------------------------------------------------------------------------------- */

static void group_drop_files(struct qlx_entry *folder, const struct attribute_group *group)
{
    for (int i = 0; group->attrs && group->attrs[i]; i++)
        sysfs_drop(folder, group->attrs[i]->name);
    for (int i = 0; group->bin_attrs && group->bin_attrs[i]; i++)
        sysfs_drop(folder, group->bin_attrs[i]->attr.name);
}

static int group_add_files(struct qlx_entry *folder, struct kobject *kobj,
                           const struct attribute_group *group, bool update)
{
    int error = 0;
    for (int i = 0; group->attrs && group->attrs[i] && !error; i++) {
        struct attribute *attr = group->attrs[i];
        umode_t mode = group->is_visible ? group->is_visible(kobj, attr, i) : attr->mode;
        if (update)
            sysfs_drop(folder, attr->name);
        if (mode)
            error = sysfs_add(folder, kobj, attr, mode, PAGE_SIZE, &sysfs_fops);
    }
    for (int i = 0; group->bin_attrs && group->bin_attrs[i] && !error; i++) {
        struct bin_attribute *attr = group->bin_attrs[i];
        umode_t mode =
            group->is_bin_visible ? group->is_bin_visible(kobj, attr, i) : attr->attr.mode;
        if (update)
            sysfs_drop(folder, attr->attr.name);
        if (mode)
            error = sysfs_add_bin(folder, kobj, attr, mode);
    }
    return error;
}

static int group_make(struct kobject *kobj, const struct attribute_group *group, bool update)
{
    struct qlx_entry *folder = kobj ? qlx_kobject_entry(kobj) : NULL, *own = NULL;
    int error = 0;
    if (!folder || !group)
        return -EINVAL;
    if (group->name) {
        if (update)
            own = qlx_entry_child(folder, group->name);
        else
            error = qlx_entry_add(folder, group->name, S_IFDIR | 0755, &own);
        if (error == -EEXIST)
            qlx_find("registration", NULL, NULL, "%s has a folder %s already", kobject_name(kobj),
                     group->name);
        if (error || !own)
            return error ? error : -EINVAL;
        own->kobject = kobj;
        folder = own;
    }
    error = group_add_files(folder, kobj, group, update);
    if (error && own)
        qlx_entry_remove(own);
    else if (error)
        group_drop_files(folder, group);
    return error;
}

QUARRY_API int sysfs_create_group(struct kobject *kobj, const struct attribute_group *group)
{
    return group_make(kobj, group, false);
}

QUARRY_API int sysfs_update_group(struct kobject *kobj, const struct attribute_group *group)
{
    return group_make(kobj, group, true);
}

QUARRY_API void sysfs_remove_group(struct kobject *kobj, const struct attribute_group *group)
{
    struct qlx_entry *folder = qlx_kobject_entry(kobj);
    if (!folder)
        return;
    if (group->name) {
        struct qlx_entry *own = qlx_entry_child(folder, group->name);
        if (own)
            group_drop_files(own, group);
        qlx_entry_remove(own);
    } else {
        group_drop_files(folder, group);
    }
}

QUARRY_API int sysfs_create_groups(struct kobject *kobj, const struct attribute_group **groups)
{
    int error = 0, i;
    for (i = 0; groups && groups[i] && !error; i++)
        error = sysfs_create_group(kobj, groups[i]);
    if (error)
        for (i--; i-- > 0;)
            sysfs_remove_group(kobj, groups[i]);
    return error;
}

QUARRY_API int sysfs_update_groups(struct kobject *kobj, const struct attribute_group **groups)
{
    int error = 0;
    for (int i = 0; groups && groups[i] && !error; i++)
        error = sysfs_update_group(kobj, groups[i]);
    return error;
}

QUARRY_API void sysfs_remove_groups(struct kobject *kobj, const struct attribute_group **groups)
{
    for (int i = 0; groups && groups[i]; i++)
        sysfs_remove_group(kobj, groups[i]);
}

QUARRY_API int sysfs_merge_group(struct kobject *kobj, const struct attribute_group *group)
{
    struct qlx_entry *folder = qlx_entry_child(qlx_kobject_entry(kobj), group->name);
    int error = folder ? group_add_files(folder, kobj, group, false) : -ENOENT;
    if (error && folder)
        group_drop_files(folder, group);
    return error;
}

QUARRY_API void sysfs_unmerge_group(struct kobject *kobj, const struct attribute_group *group)
{
    struct qlx_entry *folder = qlx_entry_child(qlx_kobject_entry(kobj), group->name);
    if (folder)
        group_drop_files(folder, group);
}

QUARRY_API int sysfs_add_file_to_group(struct kobject *kobj, const struct attribute *attr,
                                       const char *group)
{
    struct qlx_entry *folder = qlx_kobject_entry(kobj);
    if (group)
        folder = qlx_entry_child(folder, group);
    return folder ? sysfs_add(folder, kobj, attr, attr->mode, PAGE_SIZE, &sysfs_fops) : -ENOENT;
}

QUARRY_API void sysfs_remove_file_from_group(struct kobject *kobj, const struct attribute *attr,
                                             const char *group)
{
    struct qlx_entry *folder = qlx_kobject_entry(kobj);
    if (group)
        folder = qlx_entry_child(folder, group);
    sysfs_drop(folder, attr->name);
}

/* ---- links and folders --------------------------------------------------------------------- */

QUARRY_API int sysfs_create_link(struct kobject *kobj, struct kobject *target, const char *name)
{
    struct qlx_entry *folder = qlx_kobject_entry(kobj);
    struct qlx_entry *to = target ? qlx_kobject_entry(target) : NULL;
    int error = folder && to ? qlx_entry_link(folder, name, to) : -ENOENT;
    if (error == -EEXIST)
        qlx_find("registration", NULL, NULL, "sysfs link %s: the name is taken", name);
    return error;
}

QUARRY_API void sysfs_remove_link(struct kobject *kobj, const char *name)
{
    sysfs_drop(qlx_kobject_entry(kobj), name);
}

QUARRY_API int sysfs_create_mount_point(struct kobject *parent, const char *name)
{
    struct qlx_entry *made, *folder = qlx_kobject_entry(parent);
    char path[480];
    int error = qlx_entry_add(folder, name, S_IFDIR | 0755, &made);
    if (!error && sysfs_is_foreign(parent)) {
        qlx_entry_path(made, path, sizeof(path));
        qlx_left_add_undo(QLX_LEFT_SYSFS, made, path, "sysfs_remove_mount_point");
    }
    return error;
}

QUARRY_API void sysfs_remove_mount_point(struct kobject *parent, const char *name)
{
    sysfs_drop(qlx_kobject_entry(parent), name);
}

void qlx_sysfs_ready(void)
{
    static const char *const always[] = {
        "block", "bus",          "class",  "dev",   "devices",        "firmware",
        "fs",    "kernel/debug", "module", "power", "devices/virtual"};
    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        qlx_entry_root(always[i]);
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Whether @buffer is the page of a show method (each begins a page of kmalloc's own). */
static bool sysfs_is_page(const char *buffer)
{
    return buffer && ((uintptr_t)buffer & (PAGE_SIZE - 1)) == 0;
}

QUARRY_API int sysfs_emit(char *buffer, const char *format, ...)
{
    va_list args;
    int size;
    if (!sysfs_is_page(buffer)) {
        qlx_find("registration", NULL, NULL,
                 "sysfs_emit to %p, which is not the beginning of a show method's page", buffer);
        return 0;
    }
    va_start(args, format);
    size = vscnprintf(buffer, PAGE_SIZE, format, args);
    va_end(args);
    return size;
}

QUARRY_API int sysfs_emit_at(char *buffer, int at, const char *format, ...)
{
    va_list args;
    int size;
    if (!sysfs_is_page(buffer) || at < 0 || at >= (int)PAGE_SIZE) {
        qlx_find("registration", NULL, NULL,
                 "sysfs_emit_at to %p, position %d: not in a show method's page", buffer, at);
        return 0;
    }
    va_start(args, format);
    size = vscnprintf(buffer + at, PAGE_SIZE - (size_t)at, format, args);
    va_end(args);
    return size;
}

/* ---- kobj_attribute ------------------------------------------------------------------------ */

static ssize_t sysfs_kobj_show(struct kobject *kobj, struct attribute *attr, char *page)
{
    struct kobj_attribute *own = container_of(attr, struct kobj_attribute, attr);
    return own->show ? own->show(kobj, own, page) : -EIO;
}

static ssize_t sysfs_kobj_store(struct kobject *kobj, struct attribute *attr, const char *text,
                                size_t size)
{
    struct kobj_attribute *own = container_of(attr, struct kobj_attribute, attr);
    return own->store ? own->store(kobj, own, text, size) : -EIO;
}

QUARRY_API const struct sysfs_ops kobj_sysfs_ops = {.show = sysfs_kobj_show,
                                                    .store = sysfs_kobj_store};
