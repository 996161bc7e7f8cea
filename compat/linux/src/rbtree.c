/* SPDX-License-Identifier: MIT */
/* rbtree: red-black trees, by the textbook (Cormen, Leiserson, Rivest, Stein: Introduction to Algorithms,
 * chapter 13), with NULL for the textbook's sentinel.
 *
 * Invariants. R1: a red node has no red child. R2: every way from a node down to NULL passes the same
 * number of black nodes. R3: the root is black; NULL counts as black.
 *
 * Augmented trees. What a node knows of its subtree changes with the subtree's members. A rotation keeps the
 * members of the pair's upper place: the new upper node copies, the lower one is recomputed. A removal
 * is told from the lowest place that lost a member upwards. Plain trees take the same way with
 * callbacks that do nothing.
 *
 * Readers that walk down without a lock (rcu) find every node that is not being moved, or miss it: all
 * links are single stores. Locks: the caller's. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/rbtree_augmented.h>

#define RB_BLACK 1ul

static void rb_idle_pair(struct rb_node *old, struct rb_node *fresh)
{
}

static const struct rb_augment_callbacks rb_plain = {rb_idle_pair, rb_idle_pair, rb_idle_pair};

static bool rb_is_black(const struct rb_node *node)
{
    return !node || (node->quarry_parent & RB_BLACK);
}

static void rb_set_parent(struct rb_node *node, struct rb_node *parent)
{
    node->quarry_parent = (unsigned long)parent | (node->quarry_parent & RB_BLACK);
}

static void rb_blacken(struct rb_node *node)
{
    node->quarry_parent |= RB_BLACK;
}

static void rb_redden(struct rb_node *node)
{
    node->quarry_parent &= ~RB_BLACK;
}

/* @parent's link (or the root's) that led to @old leads to @fresh now. */
static void rb_relink(struct rb_node *parent, struct rb_node *old, struct rb_node *fresh,
                      struct rb_root *root)
{
    struct rb_node **link = &root->rb_node;
    if (parent)
        link = parent->rb_left == old ? &parent->rb_left : &parent->rb_right;
    __atomic_store_n(link, fresh, __ATOMIC_RELEASE);
}

/* @upper goes down on one side, its child of the other side comes up. */
static void rb_rotate(struct rb_node *upper, bool left, struct rb_root *root,
                      const struct rb_augment_callbacks *augment)
{
    struct rb_node *lower = left ? upper->rb_right : upper->rb_left, *parent = rb_parent(upper);
    struct rb_node *middle = left ? lower->rb_left : lower->rb_right;
    WRITE_ONCE(*(left ? &upper->rb_right : &upper->rb_left), middle);
    if (middle)
        rb_set_parent(middle, upper);
    WRITE_ONCE(*(left ? &lower->rb_left : &lower->rb_right), upper);
    rb_set_parent(lower, parent);
    rb_relink(parent, upper, lower, root);
    rb_set_parent(upper, lower);
    augment->rotate(upper, lower);
}

/* ---- insertion ------------------------------------------------------------------------------- */

/* R1 may be broken between @node, which is red, and its parent, and nowhere else. */
static void rb_balance_new(struct rb_node *node, struct rb_root *root,
                           const struct rb_augment_callbacks *augment)
{
    struct rb_node *parent;
    while ((parent = rb_parent(node)) && !rb_is_black(parent)) {
        struct rb_node *grand = rb_parent(parent); /* there is one: the root is black */
        bool on_left = grand->rb_left == parent;
        struct rb_node *uncle = on_left ? grand->rb_right : grand->rb_left;
        if (!rb_is_black(uncle)) {
            rb_blacken(parent);
            rb_blacken(uncle);
            rb_redden(grand);
            node = grand;
            continue;
        }
        if (node == (on_left ? parent->rb_right : parent->rb_left)) {
            rb_rotate(parent, on_left, root, augment);
            parent = node;
        }
        rb_blacken(parent);
        rb_redden(grand);
        rb_rotate(grand, !on_left, root, augment);
        break;
    }
    rb_blacken(root->rb_node);
}

static bool rb_is_linked(const struct rb_node *node, const struct rb_root *root)
{
    const struct rb_node *parent = rb_parent(node);
    if (RB_EMPTY_NODE(node))
        return false;
    return parent ? parent->rb_left == node || parent->rb_right == node : root->rb_node == node;
}

QUARRY_API void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
                                    const struct rb_augment_callbacks *augment)
{
    if (!rb_is_linked(node, root)) {
        qlx_find("registration", NULL, NULL,
                 "rb_insert_color of a node that rb_link_node did not put into this tree");
        return;
    }
    rb_redden(node);
    rb_balance_new(node, root, augment);
}

QUARRY_API void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
    rb_insert_augmented(node, root, &rb_plain);
}

/* ---- removal --------------------------------------------------------------------------------- */

/* The ways through @node (which may be NULL), child of @parent, have one black node too few. */
static void rb_balance_short(struct rb_node *node, struct rb_node *parent, struct rb_root *root,
                             const struct rb_augment_callbacks *augment)
{
    while (parent && rb_is_black(node)) {
        bool on_left = parent->rb_left == node;
        struct rb_node *other = on_left ? parent->rb_right : parent->rb_left, *near, *far;
        if (!rb_is_black(other)) { /* give it a black sibling */
            rb_blacken(other);
            rb_redden(parent);
            rb_rotate(parent, on_left, root, augment);
            other = on_left ? parent->rb_right : parent->rb_left;
        }
        near = on_left ? other->rb_left : other->rb_right;
        far = on_left ? other->rb_right : other->rb_left;
        if (rb_is_black(near) && rb_is_black(far)) {
            rb_redden(other); /* both sides too few: the parent's matter now */
            node = parent;
            parent = rb_parent(node);
            continue;
        }
        if (rb_is_black(far)) {
            rb_blacken(near);
            rb_redden(other);
            rb_rotate(other, !on_left, root, augment);
            far = other;
            other = near;
        }
        if (rb_is_black(parent))
            rb_blacken(other);
        else
            rb_redden(other);
        rb_blacken(parent);
        rb_blacken(far);
        rb_rotate(parent, on_left, root, augment);
        return;
    }
    if (node)
        rb_blacken(node);
}

/* Take out @node, which has at most one child: that takes its place. */
static void rb_unlink(struct rb_node *node, struct rb_root *root)
{
    struct rb_node *child = node->rb_left ? node->rb_left : node->rb_right;
    struct rb_node *parent = rb_parent(node);
    rb_relink(parent, node, child, root);
    if (child)
        rb_set_parent(child, parent);
}

/* @fresh takes over @node's links and colour. */
static void rb_take_place(struct rb_node *node, struct rb_node *fresh, struct rb_root *root)
{
    fresh->rb_left = node->rb_left;
    fresh->rb_right = node->rb_right;
    fresh->quarry_parent = node->quarry_parent;
    if (fresh->rb_left)
        rb_set_parent(fresh->rb_left, fresh);
    if (fresh->rb_right)
        rb_set_parent(fresh->rb_right, fresh);
    rb_relink(rb_parent(node), node, fresh, root);
}

QUARRY_API void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
                                   const struct rb_augment_callbacks *augment)
{
    struct rb_node *gone = node, *child, *parent;
    bool short_of_black;
    if (!rb_is_linked(node, root)) {
        qlx_find("registration", NULL, NULL,
                 "rb_erase of a node that is not in this tree: erased twice, or never inserted");
        return;
    }
    if (node->rb_left && node->rb_right)
        for (gone = node->rb_right; gone->rb_left;)
            gone = gone->rb_left; /* the successor goes from its place, into @node's */
    child = gone->rb_left ? gone->rb_left : gone->rb_right;
    parent = rb_parent(gone);
    short_of_black = rb_is_black(gone);
    rb_unlink(gone, root);
    if (gone != node) {
        if (parent == node)
            parent = gone;
        rb_take_place(node, gone, root);
        augment->copy(node, gone);
        augment->propagate(parent, gone);
        augment->propagate(gone, NULL);
    } else {
        augment->propagate(parent, NULL);
    }
    if (short_of_black)
        rb_balance_short(child, parent, root, augment);
}

QUARRY_API void rb_erase(struct rb_node *node, struct rb_root *root)
{
    rb_erase_augmented(node, root, &rb_plain);
}

QUARRY_API void rb_replace_node(struct rb_node *victim, struct rb_node *fresh, struct rb_root *root)
{
    rb_take_place(victim, fresh, root);
}

QUARRY_API void rb_replace_node_rcu(struct rb_node *victim, struct rb_node *fresh,
                                    struct rb_root *root)
{
    rb_take_place(victim, fresh, root);
}

/* ---- walking --------------------------------------------------------------------------------- */

static struct rb_node *rb_end(struct rb_node *node, bool left)
{
    struct rb_node *next;
    while (node && (next = left ? node->rb_left : node->rb_right))
        node = next;
    return node;
}

QUARRY_API struct rb_node *rb_first(const struct rb_root *root)
{
    return rb_end(root->rb_node, true);
}

QUARRY_API struct rb_node *rb_last(const struct rb_root *root)
{
    return rb_end(root->rb_node, false);
}

static struct rb_node *rb_step(const struct rb_node *node, bool forward)
{
    struct rb_node *down, *parent;
    if (RB_EMPTY_NODE(node))
        return NULL;
    down = forward ? node->rb_right : node->rb_left;
    if (down)
        return rb_end(down, forward);
    while ((parent = rb_parent(node)) && node == (forward ? parent->rb_right : parent->rb_left))
        node = parent;
    return parent;
}

QUARRY_API struct rb_node *rb_next(const struct rb_node *node)
{
    return rb_step(node, true);
}

QUARRY_API struct rb_node *rb_prev(const struct rb_node *node)
{
    return rb_step(node, false);
}

/* The node below @node that comes first: leftmost, then down on the right, to a leaf. */
static struct rb_node *rb_deepest(struct rb_node *node)
{
    while (node && (node->rb_left || node->rb_right))
        node = node->rb_left ? node->rb_left : node->rb_right;
    return node;
}

QUARRY_API struct rb_node *rb_first_postorder(const struct rb_root *root)
{
    return rb_deepest(root->rb_node);
}

QUARRY_API struct rb_node *rb_next_postorder(const struct rb_node *node)
{
    struct rb_node *parent = node ? rb_parent(node) : NULL;
    if (parent && node == parent->rb_left && parent->rb_right)
        return rb_deepest(parent->rb_right);
    return parent;
}
