/* SPDX-License-Identifier: MIT */
/* The names below the mounted directory. See tree.h.
 *
 * Locks: `tree_lock` guards the table of inode numbers; nothing else is kept here. */
#include "tree.h"
#include "whatis.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t tree_lock = PTHREAD_MUTEX_INITIALIZER;
static struct strings tree_names; /* item[number - 1] */

uint64_t tree_number(const char *path)
{
    uint64_t number = 0;

    pthread_mutex_lock(&tree_lock);
    if (!tree_names.nr)
        strings_add(&tree_names, "");
    for (size_t i = 0; i < tree_names.nr && !number; i++) {
        if (strcmp(tree_names.item[i], path) == 0)
            number = i + 1;
    }
    if (!number) {
        strings_add(&tree_names, path);
        number = tree_names.nr;
    }
    pthread_mutex_unlock(&tree_lock);
    return number;
}

const char *tree_path(uint64_t number)
{
    const char *path = NULL;

    pthread_mutex_lock(&tree_lock);
    if (!tree_names.nr)
        strings_add(&tree_names, "");
    if (number >= 1 && number <= tree_names.nr)
        path = tree_names.item[number - 1];
    pthread_mutex_unlock(&tree_lock);
    return path;
}

/* ---- what there is ----------------------------------------------------------------------------- */

/* One walk serves finding a folder and listing one: names that begin with @prefix and a slash. */
struct tree_walk {
    const char *prefix; /* "" for everything */
    struct strings *names;
    bool below; /* something lies below the prefix */
};

static void tree_add_name(struct tree_walk *walk, const char *name)
{
    size_t length = strlen(walk->prefix), end;
    char *part;

    if (length) {
        if (strncmp(name, walk->prefix, length) != 0 || name[length] != '/')
            return;
        name += length + 1;
    }
    walk->below = true;
    if (!walk->names)
        return;
    end = strcspn(name, "/");
    part = cli_format("%.*s", (int)end, name);
    for (size_t i = 0; i < walk->names->nr; i++) {
        if (strcmp(walk->names->item[i], part) == 0) {
            free(part);
            return;
        }
    }
    strings_take(walk->names, part);
}

static bool tree_visit_device(const struct qlx_device *device, void *data)
{
    tree_add_name(data, device->name);
    return true;
}

static bool tree_visit_proc(const struct qlx_proc *proc, void *data)
{
    tree_add_name(data, proc->path);
    return true;
}

static bool tree_visit_entry(const struct qlx_entry_info *entry, void *data)
{
    const char *slash = strrchr(entry->path, '/');

    strings_add(data, slash ? slash + 1 : entry->path);
    return true;
}

static bool find_device(const char *name, struct node_info *info)
{
    struct qlx_device device;
    struct tree_walk walk = {.prefix = name};

    if (qlx_find_device(name, &device) == 0) {
        info->kind = NODE_DEVICE;
        info->mode = S_IFREG | (device.mode & 07777);
        info->dev = device.dev;
        return true;
    }
    qlx_for_each_device(tree_visit_device, &walk);
    return walk.below; /* a folder made by a slash in a device's name */
}

/* whatis/ is an empty folder to look at, in which every address has a file. */
static bool find_whatis(const char *name, struct node_info *info)
{
    if (!*name)
        return true;
    if (*name != '/' || !whatis_parse(name + 1, &info->address))
        return false;
    info->kind = NODE_WHATIS;
    info->mode = S_IFREG | 0444;
    return true;
}

static bool find_proc(const char *name, struct node_info *info)
{
    struct qlx_proc proc;

    for (unsigned int i = 0; i < QUARRY_TEXTS; i++) {
        if (strcmp(quarry_text_name((enum quarry_text)i), name) == 0) {
            info->kind = NODE_TEXT;
            info->text = (enum quarry_text)i;
            info->mode = S_IFREG | (i == QUARRY_KMEMLEAK ? 0644 : 0444);
            return true;
        }
    }
    if (strcmp(name, "kmsg") == 0) {
        info->kind = NODE_KMSG;
        info->mode = S_IFREG | 0400;
        return true;
    }
    if (qlx_find_proc(name, &proc) != 0)
        return strncmp(name, "whatis", 6) == 0 && find_whatis(name + 6, info);
    info->mode = proc.mode;
    info->size = proc.size;
    if (proc.uid || proc.gid) { /* 0 is the kernel's default: the user's own here */
        info->uid = proc.uid;
        info->gid = proc.gid;
    }
    if (S_ISLNK(proc.mode)) {
        info->kind = NODE_LINK;
        snprintf(info->target, sizeof(info->target), "%s", proc.target);
    } else if (!S_ISDIR(proc.mode)) {
        info->kind = NODE_PROC;
    }
    return true;
}

static bool find_sys(const char *path, struct node_info *info)
{
    struct qlx_entry_info entry;

    if (qlx_find_entry(path, &entry) != 0)
        return false;
    info->mode = entry.mode;
    info->size = entry.size;
    if (S_ISLNK(entry.mode)) {
        info->kind = NODE_LINK;
        snprintf(info->target, sizeof(info->target), "%s", entry.target);
    } else if (!S_ISDIR(entry.mode)) {
        info->kind = NODE_SYS;
    }
    return true;
}

bool tree_find(const char *path, struct node_info *info)
{
    memset(info, 0, sizeof(*info));
    info->kind = NODE_FOLDER;
    info->mode = S_IFDIR | 0755;
    info->uid = getuid();
    info->gid = getgid();
    if (strcmp(path, "") == 0 || strcmp(path, "dev") == 0 || strcmp(path, "proc") == 0 ||
        strcmp(path, "sys") == 0)
        return true;
    if (strncmp(path, "dev/", 4) == 0)
        return find_device(path + 4, info);
    if (strncmp(path, "proc/", 5) == 0)
        return find_proc(path + 5, info);
    if (strncmp(path, "sys/", 4) == 0)
        return find_sys(path + 4, info);
    return false;
}

void tree_list(const char *path, struct strings *names)
{
    struct tree_walk walk = {.names = names};

    memset(names, 0, sizeof(*names));
    if (strcmp(path, "") == 0) {
        strings_add(names, "dev");
        strings_add(names, "proc");
        strings_add(names, "sys");
    } else if (strncmp(path, "dev", 3) == 0) {
        walk.prefix = path[3] ? path + 4 : "";
        qlx_for_each_device(tree_visit_device, &walk);
    } else if (strncmp(path, "proc", 4) == 0) {
        walk.prefix = path[4] ? path + 5 : "";
        for (unsigned int i = 0; i < QUARRY_TEXTS; i++)
            tree_add_name(&walk, quarry_text_name((enum quarry_text)i));
        tree_add_name(&walk, "kmsg");
        tree_add_name(&walk, "whatis");
        qlx_for_each_proc(tree_visit_proc, &walk);
    } else if (strncmp(path, "sys", 3) == 0) {
        qlx_for_each_entry(path[3] ? path + 4 : "", tree_visit_entry, names);
    }
}

void tree_free(struct strings *names)
{
    for (size_t i = 0; i < names->nr; i++)
        free(names->item[i]);
    free(names->item);
    memset(names, 0, sizeof(*names));
}
