/* SPDX-License-Identifier: MIT */
/* Nodes and roots of red-black trees. */
#ifndef QUARRY_LINUX_RBTREE_TYPES_H
#define QUARRY_LINUX_RBTREE_TYPES_H

#include <linux/types.h>

/* Inside the caller's structure. The lowest bit of the parent word is the colour (1: black). */
struct rb_node {
    unsigned long quarry_parent;
    struct rb_node *rb_right, *rb_left;
} __attribute__((__aligned__(sizeof(long))));

struct rb_root {
    struct rb_node *rb_node;
};
/* A root that remembers its leftmost node. */
struct rb_root_cached {
    struct rb_root rb_root;
    struct rb_node *rb_leftmost;
};
#define RB_ROOT                                                                                    \
    (struct rb_root)                                                                               \
    {                                                                                              \
        NULL,                                                                                      \
    }
#define RB_ROOT_CACHED                                                                             \
    (struct rb_root_cached)                                                                        \
    {                                                                                              \
        {                                                                                          \
            NULL,                                                                                  \
        },                                                                                         \
            NULL                                                                                   \
    }

#endif
