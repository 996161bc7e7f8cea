/* SPDX-License-Identifier: MIT */
/* interval_tree: the tree of unsigned longs; interval_tree_generic.h does it. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/interval_tree.h>
#include <linux/interval_tree_generic.h>

#define interval_begin(node) ((node)->start)
#define interval_end(node) ((node)->last)

INTERVAL_TREE_DEFINE(struct interval_tree_node, rb, unsigned long, __subtree_last, interval_begin,
                     interval_end, QUARRY_API, interval_tree)
