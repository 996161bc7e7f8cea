/* SPDX-License-Identifier: MIT */
/* proc: the tree of text files that modules make.
 *
 * Entries are from Quarry's memory, as the kernel would allocate them, and linked by child and
 * sibling pointers. An open file holds its entry: removing an entry takes it out of the tree and
 * waits until nobody is inside its driver code any more, that is until the last file is closed, for
 * at most a second (a client that keeps a file open must not block rmmod for ever; its reads then
 * give -EIO, since the entry says it is removed).
 *
 * Locks: proc_lock, held over no call into driver code. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t proc_lock = PTHREAD_MUTEX_INITIALIZER;
static struct proc_dir_entry proc_root = {.mode = S_IFDIR | 0555};

/* The entry called @name (of @size bytes) in a directory. */
static struct proc_dir_entry *proc_child(struct proc_dir_entry *dir, const char *name, size_t size)
{
    struct proc_dir_entry *entry;
    for (entry = dir->child; entry; entry = entry->sibling)
        if (strlen(entry->name) == size && memcmp(entry->name, name, size) == 0)
            return entry;
    return NULL;
}

/* Walk a path; *last is set to its last component and the directory of that is returned. */
static struct proc_dir_entry *proc_walk(struct proc_dir_entry *dir, const char *path,
                                        const char **last)
{
    const char *slash;
    if (!dir)
        dir = &proc_root;
    while (*path == '/')
        path++;
    while (dir && (slash = strchr(path, '/'))) {
        dir = proc_child(dir, path, (size_t)(slash - path));
        path = slash + 1;
    }
    *last = path;
    return dir;
}

static int proc_link(struct proc_dir_entry *parent, const char *path, struct proc_dir_entry *entry)
{
    const char *last;
    struct proc_dir_entry *dir = proc_walk(parent, path, &last), **at;
    if (!dir || !S_ISDIR(dir->mode) || !*last || strlen(last) >= sizeof(entry->name))
        return -ENOENT;
    if (proc_child(dir, last, strlen(last)))
        return -EEXIST;
    snprintf(entry->name, sizeof(entry->name), "%s", last);
    entry->parent = dir;
    for (at = &dir->child; *at; at = &(*at)->sibling)
        ;
    *at = entry;
    return 0;
}

/* Its path below proc/. With proc_lock held. */
static void proc_path(const struct proc_dir_entry *entry, char *path, size_t size)
{
    char above[160] = "";
    if (entry->parent && entry->parent != &proc_root)
        proc_path(entry->parent, above, sizeof(above));
    snprintf(path, size, "%s%s%s", above, *above ? "/" : "", entry->name);
}

static struct proc_dir_entry *proc_add(const char *name, umode_t mode,
                                       struct proc_dir_entry *parent, const char *target)
{
    struct proc_dir_entry *entry;
    char path[160];
    int error;
    quarry_might_sleep("proc_create");
    if (!name || !(entry = kzalloc(sizeof(*entry), GFP_KERNEL)))
        return NULL;
    entry->mode = mode;
    if (target && !(entry->target = kstrdup(target, GFP_KERNEL))) {
        kfree(entry);
        return NULL;
    }
    pthread_mutex_lock(&proc_lock);
    error = proc_link(parent, name, entry);
    if (!error)
        proc_path(entry, path, sizeof(path));
    pthread_mutex_unlock(&proc_lock);
    if (error) {
        qlx_find("registration", NULL, NULL, "proc entry \"%s\" cannot be made: %s", name,
                 error == -EEXIST ? "the name is taken" : "its directory does not exist");
        kfree(entry->target);
        kfree(entry);
        return NULL;
    }
    qlx_left_add(QLX_LEFT_PROC, entry, path);
    return entry;
}

static umode_t proc_file_mode(umode_t mode)
{
    if (!(mode & S_IFMT))
        mode |= S_IFREG;
    return mode & 07777 ? mode : mode | 0444;
}

QUARRY_API struct proc_dir_entry *quarry_proc_create_ops(const char *name, umode_t mode,
                                                         struct proc_dir_entry *parent,
                                                         const struct proc_ops *ops, void *data)
{
    struct proc_dir_entry *entry = proc_add(name, proc_file_mode(mode), parent, NULL);
    if (entry) {
        entry->quarry_ops = ops;
        entry->data = data;
    }
    return entry;
}

QUARRY_API struct proc_dir_entry *quarry_proc_create_fops(const char *name, umode_t mode,
                                                          struct proc_dir_entry *parent,
                                                          const struct file_operations *fops,
                                                          void *data)
{
    struct proc_dir_entry *entry = proc_add(name, proc_file_mode(mode), parent, NULL);
    if (entry) {
        entry->proc_fops = fops;
        entry->data = data;
    }
    return entry;
}

QUARRY_API struct proc_dir_entry *proc_create_seq_private(const char *name, umode_t mode,
                                                          struct proc_dir_entry *parent,
                                                          const struct seq_operations *ops,
                                                          unsigned int state_size, void *data)
{
    struct proc_dir_entry *entry = proc_add(name, proc_file_mode(mode), parent, NULL);
    if (entry) {
        entry->quarry_seq = ops;
        entry->quarry_state_size = state_size;
        entry->data = data;
    }
    return entry;
}

QUARRY_API struct proc_dir_entry *proc_create_single_data(const char *name, umode_t mode,
                                                          struct proc_dir_entry *parent,
                                                          int (*show)(struct seq_file *, void *),
                                                          void *data)
{
    struct proc_dir_entry *entry = proc_add(name, proc_file_mode(mode), parent, NULL);
    if (entry) {
        entry->quarry_single = show;
        entry->data = data;
    }
    return entry;
}

QUARRY_API struct proc_dir_entry *create_proc_entry(const char *name, mode_t mode,
                                                    struct proc_dir_entry *parent)
{
    return proc_add(name, proc_file_mode((umode_t)mode), parent, NULL);
}

QUARRY_API struct proc_dir_entry *create_proc_read_entry(const char *name, mode_t mode,
                                                         struct proc_dir_entry *parent,
                                                         read_proc_t *read_proc, void *data)
{
    struct proc_dir_entry *entry = create_proc_entry(name, mode, parent);
    if (entry) {
        entry->read_proc = read_proc;
        entry->data = data;
    }
    return entry;
}

QUARRY_API struct proc_dir_entry *proc_mkdir_data(const char *name, umode_t mode,
                                                  struct proc_dir_entry *parent, void *data)
{
    struct proc_dir_entry *entry =
        proc_add(name, (umode_t)(S_IFDIR | (mode ? mode : 0555)), parent, NULL);
    if (entry)
        entry->data = data;
    return entry;
}

QUARRY_API struct proc_dir_entry *proc_mkdir_mode(const char *name, umode_t mode,
                                                  struct proc_dir_entry *parent)
{
    return proc_mkdir_data(name, mode, parent, NULL);
}

QUARRY_API struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent)
{
    return proc_mkdir_data(name, 0, parent, NULL);
}

QUARRY_API struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent,
                                               const char *target)
{
    return proc_add(name, S_IFLNK | 0777, parent, target ? target : "");
}

QUARRY_API void proc_set_size(struct proc_dir_entry *entry, loff_t size)
{
    entry->size = size;
}

QUARRY_API void proc_set_user(struct proc_dir_entry *entry, kuid_t uid, kgid_t gid)
{
    entry->uid = uid;
    entry->gid = gid;
}

QUARRY_API void *pde_data(const struct inode *inode)
{
    return inode->i_private;
}

/* ---- removal ------------------------------------------------------------------------------- */

/* With proc_lock held. */
static void proc_unlink(struct proc_dir_entry *entry)
{
    struct proc_dir_entry **at;
    for (at = &entry->parent->child; *at; at = &(*at)->sibling) {
        if (*at == entry) {
            *at = entry->sibling;
            break;
        }
    }
    entry->quarry_removed = true;
}

static void proc_free(struct proc_dir_entry *entry)
{
    kfree(entry->target);
    kfree(entry);
}

/* Out of the tree already: wait for its users, then free it. */
static void proc_end(struct proc_dir_entry *entry)
{
    bool free_now;
    qlx_left_remove(QLX_LEFT_PROC, entry);
    for (int waited = 0; waited < 1000; waited++) {
        pthread_mutex_lock(&proc_lock);
        free_now = entry->quarry_users == 0;
        pthread_mutex_unlock(&proc_lock);
        if (free_now)
            break;
        msleep(1);
    }
    pthread_mutex_lock(&proc_lock);
    free_now = entry->quarry_users == 0;
    if (!free_now)
        entry->quarry_users |= 1 << 30; /* the last close frees it */
    pthread_mutex_unlock(&proc_lock);
    if (free_now)
        proc_free(entry);
}

QUARRY_API void remove_proc_entry(const char *name, struct proc_dir_entry *parent)
{
    const char *last;
    struct proc_dir_entry *dir, *entry;
    bool full = false;
    pthread_mutex_lock(&proc_lock);
    dir = proc_walk(parent, name, &last);
    entry = dir ? proc_child(dir, last, strlen(last)) : NULL;
    if (entry) {
        full = entry->child != NULL;
        proc_unlink(entry);
    }
    pthread_mutex_unlock(&proc_lock);
    if (!entry) {
        qlx_find("registration", NULL, NULL, "remove_proc_entry: there is no proc entry \"%s\"",
                 name);
        return;
    }
    if (full)
        qlx_find("registration", NULL, NULL,
                 "remove_proc_entry: directory \"%s\" is not empty: what is below is lost", name);
    proc_end(entry);
}

QUARRY_API void proc_remove(struct proc_dir_entry *entry)
{
    if (!entry || entry == &proc_root)
        return;
    for (;;) {
        struct proc_dir_entry *child;
        pthread_mutex_lock(&proc_lock);
        child = entry->child;
        if (!child)
            proc_unlink(entry);
        pthread_mutex_unlock(&proc_lock);
        if (!child)
            break;
        proc_remove(child);
    }
    proc_end(entry);
}

QUARRY_API int remove_proc_subtree(const char *name, struct proc_dir_entry *parent)
{
    const char *last;
    struct proc_dir_entry *dir, *entry;
    pthread_mutex_lock(&proc_lock);
    dir = proc_walk(parent, name, &last);
    entry = dir ? proc_child(dir, last, strlen(last)) : NULL;
    pthread_mutex_unlock(&proc_lock);
    if (!entry)
        return -ENOENT;
    proc_remove(entry);
    return 0;
}

/* ---- for the host -------------------------------------------------------------------------- */

static struct proc_dir_entry *proc_find(const char *path)
{
    const char *last;
    struct proc_dir_entry *dir = proc_walk(NULL, path, &last);
    if (dir && !*last)
        return dir;
    return dir ? proc_child(dir, last, strlen(last)) : NULL;
}

static void proc_describe(const struct proc_dir_entry *entry, struct qlx_proc *proc)
{
    memset(proc, 0, sizeof(*proc));
    proc_path(entry, proc->path, sizeof(proc->path));
    proc->mode = entry->mode;
    proc->uid = entry->uid.val;
    proc->gid = entry->gid.val;
    proc->size = entry->size;
    if (entry->target)
        snprintf(proc->target, sizeof(proc->target), "%s", entry->target);
}

int qlx_find_proc(const char *path, struct qlx_proc *proc)
{
    struct proc_dir_entry *entry;
    pthread_mutex_lock(&proc_lock);
    entry = proc_find(path);
    if (entry)
        proc_describe(entry, proc);
    pthread_mutex_unlock(&proc_lock);
    return entry ? 0 : -ENOENT;
}

struct proc_listing {
    struct qlx_proc *proc;
    size_t nr, room;
};

static void proc_list(struct proc_dir_entry *dir, struct proc_listing *listing)
{
    for (struct proc_dir_entry *entry = dir->child; entry; entry = entry->sibling) {
        if (listing->nr == listing->room) {
            size_t room = listing->room ? 2 * listing->room : 32;
            struct qlx_proc *more = realloc(listing->proc, room * sizeof(*more));
            if (!more)
                return;
            listing->proc = more;
            listing->room = room;
        }
        proc_describe(entry, &listing->proc[listing->nr++]);
        proc_list(entry, listing);
    }
}

void qlx_for_each_proc(bool (*visit)(const struct qlx_proc *, void *), void *data)
{
    struct proc_listing listing = {NULL, 0, 0};
    pthread_mutex_lock(&proc_lock);
    proc_list(&proc_root, &listing);
    pthread_mutex_unlock(&proc_lock);
    for (size_t i = 0; i < listing.nr; i++)
        if (!visit(&listing.proc[i], data))
            break;
    free(listing.proc);
}

struct proc_dir_entry *qlx_proc_hold(const char *path)
{
    struct proc_dir_entry *entry;
    pthread_mutex_lock(&proc_lock);
    entry = proc_find(path);
    if (entry == &proc_root || (entry && (S_ISDIR(entry->mode) || entry->quarry_removed)))
        entry = NULL;
    if (entry)
        entry->quarry_users++;
    pthread_mutex_unlock(&proc_lock);
    return entry;
}

void qlx_proc_put(struct proc_dir_entry *entry)
{
    bool last;
    pthread_mutex_lock(&proc_lock);
    last = --entry->quarry_users == 1 << 30;
    pthread_mutex_unlock(&proc_lock);
    if (last)
        proc_free(entry);
}

void qlx_proc_forget(void)
{
    pthread_mutex_lock(&proc_lock);
    proc_root.child = NULL;
    pthread_mutex_unlock(&proc_lock);
}

/* ---- the kinds of entries as file operations ----------------------------------------------- */

static struct proc_dir_entry *proc_of(const struct file *file)
{
    return file->f_inode->quarry;
}

static int proc_seq_open(struct inode *inode, struct file *file)
{
    struct proc_dir_entry *entry = inode->quarry;
    if (entry->quarry_single)
        return single_open(file, entry->quarry_single, entry->data);
    if (entry->quarry_state_size)
        return seq_open_private(file, entry->quarry_seq, (int)entry->quarry_state_size);
    return seq_open(file, entry->quarry_seq);
}

static int proc_seq_release(struct inode *inode, struct file *file)
{
    struct proc_dir_entry *entry = inode->quarry;
    if (entry->quarry_single)
        return single_release(inode, file);
    return entry->quarry_state_size ? seq_release_private(inode, file) : seq_release(inode, file);
}

static const struct file_operations proc_seq_fops = {
    .open = proc_seq_open, .read = seq_read, .llseek = seq_lseek, .release = proc_seq_release};

/* The page-at-a-time form. *start tells where in the page the data is: NULL: the page holds the file
 * from its beginning; below the page: how far the offset moves; else the address of the data. */
static ssize_t proc_old_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    struct proc_dir_entry *entry = proc_of(file);
    char *page, *start = NULL;
    int eof = 0, got;
    ssize_t done;
    if (!entry->read_proc)
        return 0;
    page = (char *)get_zeroed_page(GFP_KERNEL);
    if (!page)
        return -ENOMEM;
    size = min(size, PAGE_SIZE - 1024);
    got = entry->read_proc(page, &start, *pos, (int)size, &eof, entry->data);
    if (got <= 0) {
        done = got;
    } else if (!start) {
        done = *pos >= got ? 0 : got - *pos;
        done = min(done, (ssize_t)size);
        if (done > 0 && copy_to_user(buffer, page + *pos, (size_t)done))
            done = -EFAULT;
        else
            *pos += done;
    } else {
        bool step = (unsigned long)start < PAGE_SIZE;
        done = min((ssize_t)got, (ssize_t)size);
        if (copy_to_user(buffer, step ? page : start, (size_t)done))
            done = -EFAULT;
        else
            *pos += step ? (long)start : done;
    }
    free_page((unsigned long)page);
    return done;
}

static ssize_t proc_old_write(struct file *file, const char __user *buffer, size_t size,
                              loff_t *pos)
{
    struct proc_dir_entry *entry = proc_of(file);
    ssize_t done = -EIO;
    if (entry->write_proc)
        done = entry->write_proc(file, buffer, size, entry->data);
    if (done > 0)
        *pos += done;
    return done;
}

static const struct file_operations proc_old_fops = {
    .read = proc_old_read, .write = proc_old_write, .llseek = default_llseek};

/* proc_ops, read through file_operations: the same functions under other names. */
static int proc_ops_open(struct inode *inode, struct file *file)
{
    const struct proc_ops *ops = ((struct proc_dir_entry *)inode->quarry)->quarry_ops;
    return ops && ops->proc_open ? ops->proc_open(inode, file) : 0;
}

static int proc_ops_release(struct inode *inode, struct file *file)
{
    const struct proc_ops *ops = ((struct proc_dir_entry *)inode->quarry)->quarry_ops;
    return ops && ops->proc_release ? ops->proc_release(inode, file) : 0;
}

static ssize_t proc_ops_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    const struct proc_ops *ops = proc_of(file)->quarry_ops;
    struct kiocb iocb = {.ki_filp = file, .ki_pos = *pos};
    struct iov_iter iter;
    ssize_t done;
    if (ops && ops->proc_read)
        return ops->proc_read(file, buffer, size, pos);
    if (!ops || !ops->proc_read_iter)
        return -EIO;
    iov_iter_ubuf(&iter, ITER_DEST, buffer, size);
    done = ops->proc_read_iter(&iocb, &iter);
    *pos = iocb.ki_pos;
    return done;
}

static ssize_t proc_ops_write(struct file *file, const char __user *buffer, size_t size,
                              loff_t *pos)
{
    const struct proc_ops *ops = proc_of(file)->quarry_ops;
    return ops && ops->proc_write ? ops->proc_write(file, buffer, size, pos) : -EIO;
}

static loff_t proc_ops_lseek(struct file *file, loff_t offset, int whence)
{
    const struct proc_ops *ops = proc_of(file)->quarry_ops;
    if (ops && ops->proc_lseek)
        return ops->proc_lseek(file, offset, whence);
    return default_llseek(file, offset, whence);
}

static __poll_t proc_ops_poll(struct file *file, struct poll_table_struct *table)
{
    const struct proc_ops *ops = proc_of(file)->quarry_ops;
    return ops && ops->proc_poll ? ops->proc_poll(file, table) : 0x145;
}

static long proc_ops_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    const struct proc_ops *ops = proc_of(file)->quarry_ops;
    return ops && ops->proc_ioctl ? ops->proc_ioctl(file, cmd, arg) : -ENOTTY;
}

static int proc_ops_mmap(struct file *file, struct vm_area_struct *vma)
{
    const struct proc_ops *ops = proc_of(file)->quarry_ops;
    return ops && ops->proc_mmap ? ops->proc_mmap(file, vma) : -ENODEV;
}

static const struct file_operations proc_ops_fops = {.open = proc_ops_open,
                                                     .read = proc_ops_read,
                                                     .write = proc_ops_write,
                                                     .llseek = proc_ops_lseek,
                                                     .release = proc_ops_release,
                                                     .poll = proc_ops_poll,
                                                     .unlocked_ioctl = proc_ops_ioctl,
                                                     .mmap = proc_ops_mmap};

const struct file_operations *qlx_proc_fops(struct proc_dir_entry *entry)
{
    if (entry->proc_fops)
        return entry->proc_fops;
    if (entry->quarry_seq || entry->quarry_single)
        return &proc_seq_fops;
    if (entry->read_proc || entry->write_proc)
        return &proc_old_fops;
    return &proc_ops_fops;
}
