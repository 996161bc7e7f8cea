/* SPDX-License-Identifier: MIT */
/* Trees of closed intervals for a type of the caller's: defines functions that insert, remove and visit
 * what overlaps a range. Each node knows the largest end below it (Cormen et al., 14.3). */
#ifndef QUARRY_LINUX_INTERVAL_TREE_GENERIC_H
#define QUARRY_LINUX_INTERVAL_TREE_GENERIC_H

#include <linux/rbtree_augmented.h>

/* @type holds the rb_node @field and the @value @subtree; begin_of(node) and end_of(node) are its interval's
 * ends, both included. Defines @prefix_insert, _remove, _iter_first, _iter_next, with storage class
 * @storage. */
#define INTERVAL_TREE_DEFINE(type, field, value, subtree, begin_of, end_of, storage, prefix)             \
    RB_DECLARE_CALLBACKS_MAX(static, prefix##_augment, type, field, value, subtree, end_of);             \
    storage void prefix##_insert(type *node, struct rb_root_cached *root)                                \
    {                                                                                                    \
        struct rb_node **link = &root->rb_root.rb_node, *parent = NULL;                                  \
        value begin = begin_of(node), end = end_of(node);                                                \
        bool leftmost = true;                                                                            \
        while (*link) {                                                                                  \
            type *at = rb_entry(parent = *link, type, field);                                            \
            if (at->subtree < end)                                                                       \
                at->subtree = end;                                                                       \
            if (begin < begin_of(at)) {                                                                  \
                link = &parent->rb_left;                                                                 \
            } else {                                                                                     \
                link = &parent->rb_right;                                                                \
                leftmost = false;                                                                        \
            }                                                                                            \
        }                                                                                                \
        node->subtree = end;                                                                             \
        rb_link_node(&node->field, parent, link);                                                        \
        rb_insert_augmented_cached(&node->field, root, leftmost, &prefix##_augment);                     \
    }                                                                                                    \
    storage void prefix##_remove(type *node, struct rb_root_cached *root)                                \
    {                                                                                                    \
        rb_erase_augmented_cached(&node->field, root, &prefix##_augment);                                \
    }                                                                                                    \
    /* The first in order below @at that overlaps. Where the left side reaches @begin, the answer is   \
     * there or nowhere: what starts later than its answer's end is further right still. */ \
    static inline type *prefix##_below(struct rb_node *at, value begin, value end)                       \
    {                                                                                                    \
        while (at) {                                                                                     \
            type *node = rb_entry(at, type, field);                                                      \
            type *left = rb_entry_safe(at->rb_left, type, field);                                        \
            if (left && left->subtree >= begin) {                                                        \
                at = at->rb_left;                                                                        \
                continue;                                                                                \
            }                                                                                            \
            if (begin_of(node) > end)                                                                    \
                return NULL;                                                                             \
            if (end_of(node) >= begin)                                                                   \
                return node;                                                                             \
            at = at->rb_right;                                                                           \
        }                                                                                                \
        return NULL;                                                                                     \
    }                                                                                                    \
    storage type *prefix##_iter_first(struct rb_root_cached *root, value begin, value end)               \
    {                                                                                                    \
        return prefix##_below(root->rb_root.rb_node, begin, end);                                        \
    }                                                                                                    \
    storage type *prefix##_iter_next(type *node, value begin, value end)                                 \
    {                                                                                                    \
        struct rb_node *at = &node->field, *parent;                                                      \
        for (;;) {                                                                                       \
            type *right = rb_entry_safe(at->rb_right, type, field);                                      \
            if (right && right->subtree >= begin)                                                        \
                return prefix##_below(at->rb_right, begin, end);                                         \
            while ((parent = rb_parent(at)) && parent->rb_right == at)                                   \
                at = parent;                                                                             \
            if (!parent)                                                                                 \
                return NULL;                                                                             \
            at = parent;                                                                                 \
            node = rb_entry(at, type, field);                                                            \
            if (begin_of(node) > end)                                                                    \
                return NULL;                                                                             \
            if (end_of(node) >= begin)                                                                   \
                return node;                                                                             \
        }                                                                                                \
    }

#endif
