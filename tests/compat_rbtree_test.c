/* SPDX-License-Identifier: MIT */
/* compat/linux: red-black trees and interval trees against a sorted array and a plain list, with
 * allocations that fail now and then. */
#include "compat.h"
#include <linux/interval_tree.h>
#include <linux/rbtree_augmented.h>
#include <linux/slab.h>
#include <stdlib.h>

#define KEYS 2000
#define STEPS 100000

struct thing {
    struct rb_node node;
    int key;
    unsigned int below; /* nodes of the subtree, itself included */
};

static unsigned int below_of(const struct rb_node *node)
{
    return node ? rb_entry(node, struct thing, node)->below : 0;
}

static bool below_compute(struct thing *thing, bool exit)
{
    unsigned int below = 1 + below_of(thing->node.rb_left) + below_of(thing->node.rb_right);
    if (exit && thing->below == below)
        return true;
    thing->below = below;
    return false;
}

RB_DECLARE_CALLBACKS(static, below_callbacks, struct thing, node, below, below_compute);

static bool is_red(const struct rb_node *node)
{
    return node && !(node->quarry_parent & 1);
}

/* The number of black nodes on every way down from @node; fails when the rules are broken. */
static int black_height(const struct rb_node *node, const struct rb_node *parent, bool counted)
{
    int left, right;
    if (!node)
        return 1;
    assert_ptr_equal(rb_parent(node), parent);
    assert_false(is_red(node) && is_red(parent));
    if (counted)
        assert_int_equal(below_of(node), 1 + below_of(node->rb_left) + below_of(node->rb_right));
    left = black_height(node->rb_left, node, counted);
    right = black_height(node->rb_right, node, counted);
    assert_int_equal(left, right);
    return left + !is_red(node);
}

static void must_be(const struct rb_root *root, struct thing *const *model, bool counted)
{
    const struct rb_node *node = rb_first(root), *last = NULL;
    unsigned int count = 0;
    assert_false(is_red(root->rb_node));
    black_height(root->rb_node, NULL, counted);
    for (int key = 0; key < KEYS; key++) {
        if (!model[key])
            continue;
        assert_ptr_equal(node, &model[key]->node);
        assert_ptr_equal(rb_prev(node), last);
        last = node;
        node = rb_next(node);
        count++;
    }
    assert_null(node);
    assert_ptr_equal(rb_last(root), last);
    for (node = rb_first_postorder(root); node; node = rb_next_postorder(node))
        count--;
    assert_int_equal(count, 0);
}

static bool thing_less(struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, struct thing, node)->key < rb_entry(b, struct thing, node)->key;
}

static int thing_compare(const void *key, const struct rb_node *node)
{
    return *(const int *)key - rb_entry(node, struct thing, node)->key;
}

static int thing_compare_nodes(struct rb_node *a, const struct rb_node *b)
{
    return thing_compare(&rb_entry(a, struct thing, node)->key, b);
}

/* Random insertions, removals and replacements; every kind of call its turn. @step decides. */
static void plain_step(struct rb_root_cached *root, struct thing **model, int key, int step)
{
    struct thing *thing = model[key], *fresh;
    struct rb_node *found = rb_find(&key, &root->rb_root, thing_compare);
    assert_ptr_equal(found, thing ? &thing->node : NULL);
    if (thing && step % 7) {
        rb_erase_cached(&thing->node, root);
        kfree(thing);
        model[key] = NULL;
        return;
    }
    fresh = kmalloc(sizeof(*fresh), GFP_KERNEL | __GFP_NOWARN);
    if (!fresh)
        return;
    fresh->key = key;
    if (thing) {
        assert_ptr_equal(rb_find_add(&fresh->node, &root->rb_root, thing_compare_nodes),
                         &thing->node);
        rb_replace_node_cached(&thing->node, &fresh->node, root);
        kfree(thing);
    } else {
        rb_add_cached(&fresh->node, root, thing_less);
    }
    model[key] = fresh;
}

static void a_tree_is_a_sorted_array_whatever_is_done_to_it(void **state)
{
    static struct thing *model[KEYS];
    struct rb_root_cached root = RB_ROOT_CACHED;
    unsigned long before = compat_live();
    struct thing *thing, *next;
    srand(1);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.prob = 5, .seed = 3});
    for (int step = 0; step < STEPS; step++) {
        plain_step(&root, model, rand() % KEYS, step);
        assert_ptr_equal(rb_first_cached(&root), rb_first(&root.rb_root));
        if (step % 500 == 0)
            must_be(&root.rb_root, model, false);
    }
    assert_true(quarry_fault_failed(QUARRY_FAILSLAB) > 100);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    rbtree_postorder_for_each_entry_safe(thing, next, &root.rb_root, node) kfree(thing);
    assert_int_equal(compat_live(), before);
    memset(model, 0, sizeof(model));
}

static void counted_insert(struct rb_root *root, struct thing *thing)
{
    struct rb_node **link = &root->rb_node, *parent = NULL;
    while (*link) {
        struct thing *at = rb_entry(*link, struct thing, node);
        parent = *link;
        at->below++;
        link = thing->key < at->key ? &parent->rb_left : &parent->rb_right;
    }
    thing->below = 1;
    rb_link_node(&thing->node, parent, link);
    rb_insert_augmented(&thing->node, root, &below_callbacks);
}

static void what_nodes_know_of_their_subtrees_stays_right(void **state)
{
    static struct thing things[KEYS], *model[KEYS];
    struct rb_root root = RB_ROOT;
    srand(2);
    for (int step = 0; step < STEPS; step++) {
        int key = rand() % KEYS;
        things[key].key = key;
        if (model[key])
            rb_erase_augmented(&things[key].node, &root, &below_callbacks);
        else
            counted_insert(&root, &things[key]);
        model[key] = model[key] ? NULL : &things[key];
        if (step % 500 == 0)
            must_be(&root, model, true);
    }
    memset(model, 0, sizeof(model));
}

static void equal_keys_keep_the_order_they_came_in(void **state)
{
    struct thing things[30];
    struct rb_root root = RB_ROOT;
    struct rb_node *node;
    int key = 1, at = 1;
    for (int i = 0; i < 30; i++) {
        things[i].key = i % 3;
        rb_add(&things[i].node, &root, thing_less);
    }
    rb_for_each(node, &key, &root, thing_compare)
    {
        assert_ptr_equal(node, &things[at].node);
        at += 3;
    }
    assert_int_equal(at, 31);
    key = 3;
    assert_null(rb_find_first(&key, &root, thing_compare));
}

static void erasing_what_is_not_there_is_reported(void **state)
{
    struct thing things[3] = {{.key = 1}, {.key = 2}, {.key = 3}};
    struct rb_root root = RB_ROOT;
    RB_CLEAR_NODE(&things[2].node);
    assert_true(RB_EMPTY_NODE(&things[2].node));
    rb_add(&things[0].node, &root, thing_less);
    rb_add(&things[1].node, &root, thing_less);
    hear_nothing();
    rb_erase(&things[2].node, &root);
    assert_int_equal(heard_compat, 1);
    rb_erase(&things[1].node, &root);
    assert_int_equal(heard_compat, 1);
    rb_erase(&things[1].node, &root);
    assert_int_equal(heard_compat, 2);
    rb_insert_color(&things[2].node, &root);
    assert_int_equal(heard_compat, 3);
    assert_ptr_equal(rb_first(&root), &things[0].node);
    assert_ptr_equal(rb_last(&root), &things[0].node);
}

#define INTERVALS 300
static bool overlaps(const struct interval_tree_node *node, unsigned long from, unsigned long to)
{
    return node->start <= to && node->last >= from;
}

static void must_find(struct rb_root_cached *root, const struct interval_tree_node *nodes,
                      const bool *in, unsigned long from, unsigned long to)
{
    unsigned int expected = 0, found = 0;
    unsigned long start = 0;
    for (int i = 0; i < INTERVALS; i++)
        expected += in[i] && overlaps(&nodes[i], from, to);
    for (struct interval_tree_node *at = interval_tree_iter_first(root, from, to); at;
         at = interval_tree_iter_next(at, from, to)) {
        assert_true(in[at - nodes]);
        assert_true(overlaps(at, from, to));
        assert_true(at->start >= start);
        start = at->start;
        found++;
    }
    assert_int_equal(found, expected);
}

static void an_interval_tree_finds_all_that_overlaps(void **state)
{
    static struct interval_tree_node nodes[INTERVALS];
    static bool in[INTERVALS];
    struct rb_root_cached root = RB_ROOT_CACHED;
    srand(4);
    for (int step = 0; step < 20000; step++) {
        int i = rand() % INTERVALS;
        unsigned long from = (unsigned long)rand() % 1000;
        if (in[i]) {
            interval_tree_remove(&nodes[i], &root);
        } else {
            nodes[i].start = from;
            nodes[i].last = from + (unsigned long)rand() % 50;
            interval_tree_insert(&nodes[i], &root);
        }
        in[i] = !in[i];
        if (step % 4 == 0)
            must_find(&root, nodes, in, from, from + (unsigned long)rand() % 20);
    }
}

COMPAT_MAIN(cmocka_unit_test(a_tree_is_a_sorted_array_whatever_is_done_to_it),
            cmocka_unit_test(what_nodes_know_of_their_subtrees_stays_right),
            cmocka_unit_test(equal_keys_keep_the_order_they_came_in),
            cmocka_unit_test(erasing_what_is_not_there_is_reported),
            cmocka_unit_test(an_interval_tree_finds_all_that_overlaps))
