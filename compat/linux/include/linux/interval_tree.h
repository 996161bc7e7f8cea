/* SPDX-License-Identifier: MIT */
/* Trees of closed intervals of unsigned longs. */
#ifndef QUARRY_LINUX_INTERVAL_TREE_H
#define QUARRY_LINUX_INTERVAL_TREE_H

#include <linux/rbtree.h>

struct interval_tree_node {
    struct rb_node rb;
    unsigned long start, last; /* both included */
    unsigned long __subtree_last;
};

QUARRY_EXTERN_C_BEGIN
QUARRY_API void interval_tree_insert(struct interval_tree_node *node, struct rb_root_cached *root);
QUARRY_API void interval_tree_remove(struct interval_tree_node *node, struct rb_root_cached *root);
/* The first, and the next, that overlap [start, last]; NULL when there are no more. */
QUARRY_API struct interval_tree_node *
interval_tree_iter_first(struct rb_root_cached *root, unsigned long start, unsigned long last);
QUARRY_API struct interval_tree_node *
interval_tree_iter_next(struct interval_tree_node *node, unsigned long start, unsigned long last);
QUARRY_EXTERN_C_END

#endif
