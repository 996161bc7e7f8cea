/* SPDX-License-Identifier: MIT */
/* Red-black trees threaded through the caller's structures. The caller looks for the place by itself and
 * links its node there (rb_link_node), then has the tree balanced (rb_insert_color):
 *
 *     struct rb_node **link = &root->rb_node, *parent = NULL;
 *     while (*link) {
 *         parent = *link;
 *         link = key < rb_entry(parent, struct thing, node)->key ? &parent->rb_left : &parent->rb_right;
 *     }
 *     rb_link_node(&thing->node, parent, link);
 *     rb_insert_color(&thing->node, root);
 *
 * Nothing is allocated and nothing locked: callers serialize changes. Context: any. Cost: O(log n) for a
 * change or a step (a whole walk is O(n)). Erasing a node that is in no tree, and balancing one that was
 * not linked, are reported and change nothing. */
#ifndef QUARRY_LINUX_RBTREE_H
#define QUARRY_LINUX_RBTREE_H

#include <linux/container_of.h>
#include <linux/rbtree_types.h>
#include <linux/rcupdate.h>

#define rb_parent(node) ((struct rb_node *)((node)->quarry_parent & ~3ul))
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member)                                                           \
    ({                                                                                             \
        __typeof__(ptr) __rb = (ptr);                                                              \
        __rb ? rb_entry(__rb, type, member) : NULL;                                                \
    })
#define RB_EMPTY_ROOT(root) (READ_ONCE((root)->rb_node) == NULL)
/* A node in no tree, if RB_CLEAR_NODE said so, points to itself. */
#define RB_EMPTY_NODE(node) ((node)->quarry_parent == (unsigned long)(node))
#define RB_CLEAR_NODE(node) ((void)((node)->quarry_parent = (unsigned long)(node)))

QUARRY_EXTERN_C_BEGIN

QUARRY_API void rb_insert_color(struct rb_node *node, struct rb_root *root);
QUARRY_API void rb_erase(struct rb_node *node, struct rb_root *root);
/* The first, last, next, previous in order, or NULL. */
QUARRY_API struct rb_node *rb_first(const struct rb_root *root);
QUARRY_API struct rb_node *rb_last(const struct rb_root *root);
QUARRY_API struct rb_node *rb_next(const struct rb_node *node);
QUARRY_API struct rb_node *rb_prev(const struct rb_node *node);
/* Children before their parents: for freeing a whole tree. */
QUARRY_API struct rb_node *rb_first_postorder(const struct rb_root *root);
QUARRY_API struct rb_node *rb_next_postorder(const struct rb_node *node);
/* @fresh takes the place of @victim, whose key it must share. */
QUARRY_API void rb_replace_node(struct rb_node *victim, struct rb_node *fresh,
                                struct rb_root *root);
QUARRY_API void rb_replace_node_rcu(struct rb_node *victim, struct rb_node *fresh,
                                    struct rb_root *root);

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
    node->quarry_parent = (unsigned long)parent;
    node->rb_left = node->rb_right = NULL;
    *link = node;
}
static inline void rb_link_node_rcu(struct rb_node *node, struct rb_node *parent,
                                    struct rb_node **link)
{
    node->quarry_parent = (unsigned long)parent;
    node->rb_left = node->rb_right = NULL;
    rcu_assign_pointer(*link, node);
}

/* ---- with the leftmost node remembered ------------------------------------------------------- */

#define rb_first_cached(root) ((root)->rb_leftmost)
static inline void rb_insert_color_cached(struct rb_node *node, struct rb_root_cached *root,
                                          bool leftmost)
{
    if (leftmost)
        root->rb_leftmost = node;
    rb_insert_color(node, &root->rb_root);
}
/* Returns the new leftmost node if @node was it. */
static inline struct rb_node *rb_erase_cached(struct rb_node *node, struct rb_root_cached *root)
{
    struct rb_node *next = NULL;
    if (root->rb_leftmost == node)
        next = root->rb_leftmost = rb_next(node);
    rb_erase(node, &root->rb_root);
    return next;
}
static inline void rb_replace_node_cached(struct rb_node *victim, struct rb_node *fresh,
                                          struct rb_root_cached *root)
{
    if (root->rb_leftmost == victim)
        root->rb_leftmost = fresh;
    rb_replace_node(victim, fresh, &root->rb_root);
}

/* ---- with the caller's comparison ------------------------------------------------------------ */

/* Link @node after equal ones, to be balanced by the caller; whether it is the leftmost now. */
static inline bool quarry_rb_link(struct rb_node *node, struct rb_root *root,
                                  bool (*less)(struct rb_node *, const struct rb_node *))
{
    struct rb_node **link = &root->rb_node, *parent = NULL;
    bool leftmost = true;
    while (*link) {
        bool left = less(node, *link);
        parent = *link;
        link = left ? &parent->rb_left : &parent->rb_right;
        leftmost = leftmost && left;
    }
    rb_link_node(node, parent, link);
    return leftmost;
}
/* Insert after equal ones. */
static inline void rb_add(struct rb_node *node, struct rb_root *root,
                          bool (*less)(struct rb_node *, const struct rb_node *))
{
    quarry_rb_link(node, root, less);
    rb_insert_color(node, root);
}
/* Returns @node if it is the leftmost now. */
static inline struct rb_node *rb_add_cached(struct rb_node *node, struct rb_root_cached *root,
                                            bool (*less)(struct rb_node *, const struct rb_node *))
{
    bool leftmost = quarry_rb_link(node, &root->rb_root, less);
    rb_insert_color_cached(node, root, leftmost);
    return leftmost ? node : NULL;
}
/* The node that is equal already, or NULL and @node is in the tree. */
static inline struct rb_node *rb_find_add(struct rb_node *node, struct rb_root *root,
                                          int (*cmp)(struct rb_node *, const struct rb_node *))
{
    struct rb_node **link = &root->rb_node, *parent = NULL;
    while (*link) {
        int order = cmp(node, *link);
        parent = *link;
        if (order == 0)
            return parent;
        link = order < 0 ? &parent->rb_left : &parent->rb_right;
    }
    rb_link_node(node, parent, link);
    rb_insert_color(node, root);
    return NULL;
}
static inline struct rb_node *rb_find(const void *key, const struct rb_root *root,
                                      int (*cmp)(const void *key, const struct rb_node *))
{
    struct rb_node *at = root->rb_node;
    while (at) {
        int order = cmp(key, at);
        if (order == 0)
            return at;
        at = order < 0 ? at->rb_left : at->rb_right;
    }
    return NULL;
}
/* The first of several equal ones, and the one after it. */
static inline struct rb_node *rb_find_first(const void *key, const struct rb_root *root,
                                            int (*cmp)(const void *key, const struct rb_node *))
{
    struct rb_node *at = root->rb_node, *found = NULL;
    while (at) {
        int order = cmp(key, at);
        if (order == 0)
            found = at;
        at = order <= 0 ? at->rb_left : at->rb_right;
    }
    return found;
}
static inline struct rb_node *rb_next_match(const void *key, struct rb_node *node,
                                            int (*cmp)(const void *key, const struct rb_node *))
{
    node = rb_next(node);
    return node && cmp(key, node) == 0 ? node : NULL;
}
#define rb_for_each(node, key, tree, cmp)                                                          \
    for ((node) = rb_find_first((key), (tree), (cmp)); (node);                                     \
         (node) = rb_next_match((key), (node), (cmp)))
#define rbtree_postorder_for_each_entry_safe(pos, n, root, field)                                  \
    for (pos = rb_entry_safe(rb_first_postorder(root), __typeof__(*pos), field);                   \
         pos && ({                                                                                 \
             n = rb_entry_safe(rb_next_postorder(&pos->field), __typeof__(*pos), field);           \
             1;                                                                                    \
         });                                                                                       \
         pos = n)

QUARRY_EXTERN_C_END

#endif
