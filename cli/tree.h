/* SPDX-License-Identifier: MIT */
/* The names below the mounted directory: dev/<devices>, proc/<texts, kmsg, whatis/ADDRESS,
 * the modules' entries>, sys/<sysfs and debugfs>.
 * Nothing is stored but names: what a name stands for is looked up each time, since modules register
 * and unregister as they like. */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include "cli.h"

#include <quarry/stat.h>
#include <sys/stat.h>

#include "linux/runtime.h"

enum node_kind {
    NODE_FOLDER,
    NODE_DEVICE,
    NODE_TEXT,
    NODE_KMSG,
    NODE_WHATIS,
    NODE_PROC,
    NODE_SYS,
    NODE_LINK
};

/* What a path stands for at this moment. */
struct node_info {
    enum node_kind kind;
    mode_t mode; /* with the file type */
    uid_t uid;
    gid_t gid;
    unsigned int dev;      /* NODE_DEVICE */
    enum quarry_text text; /* NODE_TEXT */
    const void *address;   /* NODE_WHATIS */
    long long size;        /* NODE_PROC, NODE_SYS: as the module says */
    char target[600];      /* NODE_LINK */
};

/* @path without a leading slash, "" is the top. False: there is no such thing. */
bool tree_find(const char *path, struct node_info *info);
/* Names in the folder @path, in a fresh list; the caller frees it with tree_free(). */
void tree_list(const char *path, struct strings *names);
void tree_free(struct strings *names);

/* Inode numbers: a name keeps its number for good. The top has 1. */
uint64_t tree_number(const char *path);
/* NULL: never given out. The string lives for ever. */
const char *tree_path(uint64_t number);

#endif
