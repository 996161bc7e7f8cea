/* SPDX-License-Identifier: MIT */
/* Red-black trees whose nodes know something about the whole subtree below them (its largest end, its
 * number of nodes). The caller updates this on its way down to the place of a new node; the tree keeps
 * it right when it turns subtrees around and when a node goes. */
#ifndef QUARRY_LINUX_RBTREE_AUGMENTED_H
#define QUARRY_LINUX_RBTREE_AUGMENTED_H

#include <linux/rbtree.h>

struct rb_augment_callbacks {
    /* Recompute @node and its ancestors up to, but not including, @stop (NULL: to the root). */
    void (*propagate)(struct rb_node *node, struct rb_node *stop);
    /* @fresh takes @old's place with the same subtree: copy what is known. */
    void (*copy)(struct rb_node *old, struct rb_node *fresh);
    /* @fresh has become the parent of @old: it takes over, @old is recomputed. */
    void (*rotate)(struct rb_node *old, struct rb_node *fresh);
};

QUARRY_EXTERN_C_BEGIN
QUARRY_API void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
                                    const struct rb_augment_callbacks *augment);
QUARRY_API void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
                                   const struct rb_augment_callbacks *augment);
static inline void rb_insert_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
                                              bool leftmost,
                                              const struct rb_augment_callbacks *augment)
{
    if (leftmost)
        root->rb_leftmost = node;
    rb_insert_augmented(node, &root->rb_root, augment);
}
static inline void rb_erase_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
                                             const struct rb_augment_callbacks *augment)
{
    if (root->rb_leftmost == node)
        root->rb_leftmost = rb_next(node);
    rb_erase_augmented(node, &root->rb_root, augment);
}
/* Insert by @less and update what is known on the way back to the root. */
static inline struct rb_node *
rb_add_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
                        bool (*less)(struct rb_node *, const struct rb_node *),
                        const struct rb_augment_callbacks *augment)
{
    bool leftmost = quarry_rb_link(node, &root->rb_root, less);
    augment->propagate(rb_parent(node), NULL);
    rb_insert_augmented_cached(node, root, leftmost, augment);
    return leftmost ? node : NULL;
}
QUARRY_EXTERN_C_END

/* Define the callbacks @name for `struct type` with the rb_node @field and the knowledge @augmented.
 * compute(node, exit) recomputes node->augmented; with @exit, it returns true when nothing changed. */
#define RB_DECLARE_CALLBACKS(storage, name, type, field, augmented, compute)                       \
    static inline void name##_propagate(struct rb_node *node, struct rb_node *stop)                \
    {                                                                                              \
        while (node != stop && !compute(rb_entry(node, type, field), true))                        \
            node = rb_parent(node);                                                                \
    }                                                                                              \
    static inline void name##_copy(struct rb_node *old, struct rb_node *fresh)                     \
    {                                                                                              \
        rb_entry(fresh, type, field)->augmented = rb_entry(old, type, field)->augmented;           \
    }                                                                                              \
    static void name##_rotate(struct rb_node *old, struct rb_node *fresh)                          \
    {                                                                                              \
        name##_copy(old, fresh);                                                                   \
        compute(rb_entry(old, type, field), false);                                                \
    }                                                                                              \
    storage const struct rb_augment_callbacks name = {name##_propagate, name##_copy, name##_rotate}

/* The same for the largest @own(node), of type @value, in the subtree. */
#define RB_DECLARE_CALLBACKS_MAX(storage, name, type, field, value, augmented, own)                \
    static inline bool name##_compute_max(type *node, bool exit)                                   \
    {                                                                                              \
        value most = own(node);                                                                    \
        type *left = rb_entry_safe(node->field.rb_left, type, field);                              \
        type *right = rb_entry_safe(node->field.rb_right, type, field);                            \
        if (left && left->augmented > most)                                                        \
            most = left->augmented;                                                                \
        if (right && right->augmented > most)                                                      \
            most = right->augmented;                                                               \
        if (exit && node->augmented == most)                                                       \
            return true;                                                                           \
        node->augmented = most;                                                                    \
        return false;                                                                              \
    }                                                                                              \
    RB_DECLARE_CALLBACKS(storage, name, type, field, augmented, name##_compute_max)

#endif
