/* SPDX-License-Identifier: MIT */
/* entry: the tree of names below sys/, for sysfs and debugfs.
 *
 * An entry is a folder, a file or a link. Files carry the operations of the part that made them; those
 * go through qlx_entry_enter()/leave(), so that removal can keep the kernel's promise: after it no
 * operation of the driver runs or begins, though a client may still hold the file open. What would wait
 * for ever there is reported: an operation that removes its own file, one that does not end.
 *
 * Memory. Entries are libc's, so that a folder left behind is one finding and not a leak for each file
 * in it. The machine is asked for as much all the same, so that failing allocations reach the caller's
 * error path. An entry whose pointer the driver has (debugfs) stays for good once it is removed: a
 * second removal is then found and harmless.
 *
 * Locks: entry_lock for the tree and all counts, held over no call into driver code. */
#define _GNU_SOURCE
#include "entry.h"
#include <linux/delay.h>
#include <linux/slab.h>
#include <stdio.h>
#include <stdlib.h>

#define ENTRY_WAIT_MS 5000 /* what an operation is given to end before its file is taken away */
#define ENTRY_NESTED 8
#define ENTRY_NAME_MAX 255

static pthread_mutex_t entry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct qlx_entry entry_sys = {.mode = S_IFDIR | 0755, .permanent = true};
static struct qlx_entry *entry_kept; /* removed, linked by sibling */

/* The entries whose operations this thread is inside of. */
static __thread const struct qlx_entry *entry_inside[ENTRY_NESTED];
static __thread unsigned int entry_depth;

/* ---- the tree ------------------------------------------------------------------------------ */

static struct qlx_entry *entry_lookup(struct qlx_entry *parent, const char *name, size_t size)
{
    struct qlx_entry *entry;
    for (entry = parent->child; entry; entry = entry->sibling)
        if (strlen(entry->name) == size && memcmp(entry->name, name, size) == 0)
            return entry;
    return NULL;
}

static void entry_attach(struct qlx_entry *parent, struct qlx_entry *entry)
{
    struct qlx_entry **at;
    for (at = &parent->child; *at; at = &(*at)->sibling)
        ;
    *at = entry;
    entry->parent = parent;
}

static void entry_detach(struct qlx_entry *entry)
{
    struct qlx_entry **at;
    for (at = &entry->parent->child; *at; at = &(*at)->sibling) {
        if (*at == entry) {
            *at = entry->sibling;
            break;
        }
    }
    entry->sibling = NULL;
    entry->removed = true;
}

static struct qlx_entry *entry_new(const char *name, size_t size, umode_t mode)
{
    struct qlx_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    memcpy(entry->name, name, size);
    entry->mode = mode;
    init_waitqueue_head(&entry->poll);
    spin_lock_init(&entry->inode.i_lock);
    init_rwsem(&entry->inode.i_rwsem);
    entry->inode.i_mode = mode;
    entry->inode.quarry = entry;
    entry->dentry.d_inode = &entry->inode;
    entry->dentry.d_name.name = (const unsigned char *)entry->name;
    entry->dentry.d_name.len = (unsigned int)size;
    return entry;
}

/* Walk and make folders. With entry_lock held. */
static struct qlx_entry *entry_walk(struct qlx_entry *from, const char *path, bool make)
{
    while (from && *path) {
        size_t size = strcspn(path, "/");
        struct qlx_entry *next = entry_lookup(from, path, size);
        if (!next && make && (next = entry_new(path, size, S_IFDIR | 0755)) != NULL) {
            next->permanent = true;
            entry_attach(from, next);
        }
        from = next;
        path += size + (path[size] == '/');
    }
    return from;
}

struct qlx_entry *qlx_entry_root(const char *path)
{
    struct qlx_entry *entry;
    pthread_mutex_lock(&entry_lock);
    entry = entry_walk(&entry_sys, path, true);
    pthread_mutex_unlock(&entry_lock);
    return entry ? entry : &entry_sys;
}

struct qlx_entry *qlx_entry_child(struct qlx_entry *parent, const char *name)
{
    struct qlx_entry *entry;
    pthread_mutex_lock(&entry_lock);
    entry = parent ? entry_lookup(parent, name, strlen(name)) : NULL;
    pthread_mutex_unlock(&entry_lock);
    return entry;
}

/* With entry_lock held. */
static void entry_path(const struct qlx_entry *entry, char *path, size_t size)
{
    char above[480] = "";
    if (entry->parent && entry->parent != &entry_sys)
        entry_path(entry->parent, above, sizeof(above));
    snprintf(path, size, "%s%s%s", above, *above ? "/" : "", entry->name);
}

void qlx_entry_path(const struct qlx_entry *entry, char *path, size_t size)
{
    pthread_mutex_lock(&entry_lock);
    if (entry == &entry_sys)
        *path = '\0';
    else
        entry_path(entry, path, size);
    pthread_mutex_unlock(&entry_lock);
}

/* Whether the machine would have had the memory. */
static bool entry_affordable(size_t size)
{
    void *asked;
    quarry_might_sleep("making a sysfs or debugfs entry");
    asked = kmalloc(size, GFP_KERNEL);
    kfree(asked);
    return asked != NULL;
}

int qlx_entry_add(struct qlx_entry *parent, const char *name, umode_t mode, struct qlx_entry **made)
{
    struct qlx_entry *entry;
    int error = 0;
    *made = NULL;
    if (!parent || !name || !*name || strchr(name, '/') || strlen(name) > ENTRY_NAME_MAX)
        return -EINVAL;
    if (!parent->own && !entry_affordable(sizeof(*entry)))
        return -ENOMEM;
    entry = entry_new(name, strlen(name), mode);
    if (!entry)
        return -ENOMEM;
    entry->own = parent->own;
    pthread_mutex_lock(&entry_lock);
    if (parent->removed)
        error = -ENOENT;
    else if (entry_lookup(parent, name, strlen(name)))
        error = -EEXIST;
    else
        entry_attach(parent, entry);
    pthread_mutex_unlock(&entry_lock);
    if (error) {
        free(entry);
        return error;
    }
    *made = entry;
    qlx_generation_bump();
    return 0;
}

/* "../../devices/virtual/misc/foo": up from @parent to the top, down to @to. */
int qlx_entry_link(struct qlx_entry *parent, const char *name, const struct qlx_entry *to)
{
    char target[600] = "", path[480];
    struct qlx_entry *entry;
    int error = qlx_entry_add(parent, name, S_IFLNK | 0777, &entry);
    if (error)
        return error;
    qlx_entry_path(to, path, sizeof(path));
    for (const struct qlx_entry *up = parent; up && up != &entry_sys; up = up->parent)
        if (strlen(target) + 4 < sizeof(target) - sizeof(path))
            strcat(target, "../");
    strcat(target, path);
    entry->target = strdup(target);
    return 0;
}

/* With all that lies in it. */
int qlx_entry_move(struct qlx_entry *entry, struct qlx_entry *parent, const char *name)
{
    int error = 0;
    pthread_mutex_lock(&entry_lock);
    if (parent->removed || entry->removed || strlen(name) > ENTRY_NAME_MAX)
        error = -EINVAL;
    else if (entry_lookup(parent, name, strlen(name)))
        error = -EEXIST;
    if (!error) {
        entry_detach(entry);
        entry->removed = false;
        strcpy(entry->name, name);
        entry->dentry.d_name.len = (unsigned int)strlen(name);
        entry_attach(parent, entry);
    }
    pthread_mutex_unlock(&entry_lock);
    qlx_generation_bump();
    return error;
}

struct qlx_entry *qlx_entry_glue(struct qlx_entry *parent, const char *name)
{
    struct qlx_entry *entry = qlx_entry_child(parent, name);
    if (!entry && qlx_entry_add(parent, name, S_IFDIR | 0755, &entry) == 0)
        entry->gone = -ENODEV;
    return entry;
}

void qlx_entry_glue_done(struct qlx_entry *glue)
{
    bool empty;
    pthread_mutex_lock(&entry_lock);
    empty = glue && !glue->permanent && !glue->removed && !glue->child;
    pthread_mutex_unlock(&entry_lock);
    if (empty)
        qlx_entry_remove(glue);
}

/* ---- removal ------------------------------------------------------------------------------- */

static void entry_free(struct qlx_entry *entry)
{
    free(entry->target);
    free(entry);
}

static bool entry_is_inside(const struct qlx_entry *entry)
{
    for (unsigned int i = 0; i < entry_depth && i < ENTRY_NESTED; i++)
        if (entry_inside[i] == entry)
            return true;
    return false;
}

static bool entry_idle(struct qlx_entry *entry, int mine)
{
    bool idle;
    pthread_mutex_lock(&entry_lock);
    idle = entry->active <= mine;
    pthread_mutex_unlock(&entry_lock);
    return idle;
}

/* Out of the tree: nobody begins an operation on it; wait for those that did. */
static void entry_drain(struct qlx_entry *entry)
{
    int mine = entry_is_inside(entry);
    if (mine)
        qlx_find("registration", NULL, NULL,
                 "%s is removed by its own operation, which waits for itself for ever: "
                 "sysfs_remove_file_self or device_remove_file_self is meant",
                 entry->name);
    wake_up_interruptible_all(&entry->poll);
    for (int waited = 0; !entry_idle(entry, mine); waited++) {
        if (qlx_oopses())
            return; /* the operation may have died inside */
        if (waited == ENTRY_WAIT_MS) {
            qlx_find("registration", NULL, NULL,
                     "%s is removed while an operation on it runs that does not end: a kernel "
                     "waits for it for ever",
                     entry->name);
            return;
        }
        msleep(1);
    }
}

void qlx_entry_remove(struct qlx_entry *entry)
{
    bool free_now = false;
    if (!entry || entry->permanent)
        return;
    for (;;) {
        struct qlx_entry *child;
        pthread_mutex_lock(&entry_lock);
        child = entry->child;
        if (!child && !entry->removed)
            entry_detach(entry);
        pthread_mutex_unlock(&entry_lock);
        if (!child)
            break;
        qlx_entry_remove(child);
    }
    entry_drain(entry);
    pthread_mutex_lock(&entry_lock);
    if (entry->kept) {
        entry->sibling = entry_kept;
        entry_kept = entry;
    } else {
        free_now = entry->holds == 0;
        entry->drained = true; /* the last close frees it: see qlx_entry_put() */
    }
    pthread_mutex_unlock(&entry_lock);
    if (free_now)
        entry_free(entry);
    qlx_generation_bump();
}

int qlx_entry_enter(struct qlx_entry *entry)
{
    int error = 0;
    pthread_mutex_lock(&entry_lock);
    if (entry->removed)
        error = entry->gone ? entry->gone : -ENODEV;
    else
        entry->active++;
    pthread_mutex_unlock(&entry_lock);
    if (!error) {
        if (entry_depth < ENTRY_NESTED)
            entry_inside[entry_depth] = entry;
        entry_depth++;
    }
    return error;
}

/* The caller is on the stack of a guard that an oops may unwind: then active stays counted, which
 * entry_drain() knows. */
void qlx_entry_leave(struct qlx_entry *entry)
{
    while (entry_depth > 0 &&
           (entry_depth > ENTRY_NESTED || entry_inside[entry_depth - 1] != entry))
        entry_depth--;
    if (entry_depth > 0) {
        entry_depth--;
        pthread_mutex_lock(&entry_lock);
        entry->active--;
        pthread_mutex_unlock(&entry_lock);
    }
}

void qlx_entry_break_active(const struct qlx_entry *entry)
{
    struct qlx_entry *mine = (struct qlx_entry *)(uintptr_t)entry;
    if (entry_is_inside(entry))
        qlx_entry_leave(mine);
}

static void entry_forget(struct qlx_entry *folder)
{
    struct qlx_entry *entry;
    while ((entry = folder->child) != NULL) {
        folder->child = entry->sibling;
        entry_forget(entry);
        if (!entry->holds)
            entry_free(entry);
    }
}

void qlx_entries_forget(void)
{
    struct qlx_entry *entry;
    pthread_mutex_lock(&entry_lock);
    entry_forget(&entry_sys);
    while ((entry = entry_kept) != NULL) {
        entry_kept = entry->sibling;
        entry_free(entry);
    }
    pthread_mutex_unlock(&entry_lock);
}

/* ---- for files and the host ---------------------------------------------------------------- */

struct qlx_entry *qlx_entry_hold(const char *path)
{
    struct qlx_entry *entry;
    pthread_mutex_lock(&entry_lock);
    entry = entry_walk(&entry_sys, path, false);
    if (entry && !S_ISREG(entry->mode))
        entry = NULL;
    if (entry)
        entry->holds++;
    pthread_mutex_unlock(&entry_lock);
    return entry;
}

void qlx_entry_put(struct qlx_entry *entry)
{
    bool free_now;
    pthread_mutex_lock(&entry_lock);
    free_now = --entry->holds == 0 && entry->drained && !entry->kept;
    pthread_mutex_unlock(&entry_lock);
    if (free_now)
        entry_free(entry);
}

static void entry_describe(const struct qlx_entry *entry, struct qlx_entry_info *info)
{
    memset(info, 0, sizeof(*info));
    if (entry != &entry_sys)
        entry_path(entry, info->path, sizeof(info->path));
    info->mode = entry->mode;
    info->size = entry->size;
    if (entry->target)
        snprintf(info->target, sizeof(info->target), "%s", entry->target);
}

int qlx_find_entry(const char *path, struct qlx_entry_info *info)
{
    struct qlx_entry *entry;
    qlx_sysfs_ready();
    pthread_mutex_lock(&entry_lock);
    entry = entry_walk(&entry_sys, path, false);
    if (entry)
        entry_describe(entry, info);
    pthread_mutex_unlock(&entry_lock);
    return entry ? 0 : -ENOENT;
}

void qlx_for_each_entry(const char *path, bool (*visit)(const struct qlx_entry_info *, void *),
                        void *data)
{
    struct qlx_entry_info *all = NULL;
    struct qlx_entry *folder, *entry;
    size_t nr = 0, count = 0;
    qlx_sysfs_ready();
    pthread_mutex_lock(&entry_lock);
    folder = entry_walk(&entry_sys, path, false);
    for (entry = folder ? folder->child : NULL; entry; entry = entry->sibling)
        count++;
    all = calloc(count ? count : 1, sizeof(*all));
    for (entry = folder && all ? folder->child : NULL; entry; entry = entry->sibling)
        entry_describe(entry, &all[nr++]);
    pthread_mutex_unlock(&entry_lock);
    for (size_t i = 0; i < nr; i++)
        if (!visit(&all[i], data))
            break;
    free(all);
}
