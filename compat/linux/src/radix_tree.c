/* SPDX-License-Identifier: MIT */
/* radix_tree: the older names for the sparse array, and preloading.
 *
 * Preloaded nodes belong to the thread that asked for them. (A kernel keeps them by CPU, with preemption
 * off; a thread with preemption off is the same here.) What is left at preload_end is freed, so that the
 * books show no memory that nobody can account for. */
#define _GNU_SOURCE
#include "internal.h"
#include "radix.h"
#include <linux/idr.h>
#include <linux/radix-tree.h>

/* A tree of 64-bit indices has 11 levels; an insertion can add all but one on top and on the way down. */
#define PRELOAD_NODES 20

static __thread struct radix_spares radix_preloaded;

static bool radix_preload(gfp_t gfp)
{
    bool fed = qlx_radix_feed(&radix_preloaded, PRELOAD_NODES, gfp) == 0;
    preempt_disable();
    return fed;
}

static void radix_preload_done(void)
{
    qlx_radix_discard(&radix_preloaded);
    preempt_enable();
}

QUARRY_API int radix_tree_preload(gfp_t gfp)
{
    if (radix_preload(gfp))
        return 0;
    radix_preload_done();
    return -ENOMEM;
}

QUARRY_API void radix_tree_preload_end(void)
{
    radix_preload_done();
}

/* An error shows up later, when idr_alloc() needs more than there is. */
QUARRY_API void idr_preload(gfp_t gfp)
{
    radix_preload(gfp);
}

QUARRY_API void idr_preload_end(void)
{
    radix_preload_done();
}

void qlx_radix_take_preloaded(struct radix_spares *spares, unsigned int nr, gfp_t gfp)
{
    if (gfp & __GFP_DIRECT_RECLAIM)
        return;
    while (spares->nr < nr && radix_preloaded.nr) {
        struct quarry_radix_node *node = radix_preloaded.first;
        radix_preloaded.first = node->parent;
        radix_preloaded.nr--;
        node->parent = spares->first;
        spares->first = node;
        spares->nr++;
    }
}

/* ---- the tree -------------------------------------------------------------------------------- */

QUARRY_API int radix_tree_insert(struct radix_tree_root *root, unsigned long index, void *item)
{
    struct radix_spares spares = {0};
    unsigned int need = qlx_radix_need(root->xa_head, index);
    gfp_t gfp = root->xa_flags;
    void *there;
    if (qlx_radix_load(&root->xa_head, index, &there))
        return -EEXIST;
    /* Whoever preloaded is past the point where waiting was allowed. */
    qlx_radix_take_preloaded(&spares, need, radix_preloaded.nr ? 0 : gfp);
    if (qlx_radix_feed(&spares, need, gfp)) {
        qlx_radix_discard(&spares);
        return -ENOMEM;
    }
    qlx_radix_store(&root->xa_head, index, item, &spares);
    return 0;
}

QUARRY_API void *radix_tree_delete(struct radix_tree_root *root, unsigned long index)
{
    void *item;
    qlx_radix_erase(&root->xa_head, index, &item);
    return item;
}

QUARRY_API void *radix_tree_delete_item(struct radix_tree_root *root, unsigned long index,
                                        void *item)
{
    void *there = radix_tree_lookup(root, index);
    return !there || (item && there != item) ? NULL : radix_tree_delete(root, index);
}

QUARRY_API void *radix_tree_lookup(const struct radix_tree_root *root, unsigned long index)
{
    void *item;
    qlx_radix_load(&root->xa_head, index, &item);
    return item;
}

QUARRY_API void __rcu **radix_tree_lookup_slot(const struct radix_tree_root *root,
                                               unsigned long index)
{
    return qlx_radix_slot(&root->xa_head, index);
}

QUARRY_API void radix_tree_replace_slot(struct radix_tree_root *root, void __rcu **slot, void *item)
{
    if (!item) {
        qlx_find("registration", NULL, NULL,
                 "radix_tree_replace_slot with NULL: radix_tree_delete frees an index");
        return;
    }
    rcu_assign_pointer(*slot, item);
}

static unsigned int radix_gang(const struct radix_tree_root *root, void **results,
                               unsigned long first, unsigned int max, unsigned int map)
{
    unsigned int n = 0;
    void *item;
    while (n < max && qlx_radix_next(&root->xa_head, &first, ~0ul, map, &item)) {
        if (item)
            results[n++] = item;
        if (++first == 0)
            break;
    }
    return n;
}

QUARRY_API unsigned int radix_tree_gang_lookup(const struct radix_tree_root *root, void **results,
                                               unsigned long first, unsigned int max)
{
    return radix_gang(root, results, first, max, RADIX_PRESENT);
}

QUARRY_API unsigned int radix_tree_gang_lookup_tag(const struct radix_tree_root *root,
                                                   void **results, unsigned long first,
                                                   unsigned int max, unsigned int tag)
{
    return tag < RADIX_TREE_MAX_TAGS ? radix_gang(root, results, first, max, tag) : 0;
}

static void *radix_tag(struct radix_tree_root *root, unsigned long index, unsigned int tag, bool on)
{
    if (WARN_ON(tag >= RADIX_TREE_MAX_TAGS))
        return NULL;
    qlx_radix_mark(root->xa_head, index, tag, on);
    return radix_tree_lookup(root, index);
}

QUARRY_API void *radix_tree_tag_set(struct radix_tree_root *root, unsigned long index,
                                    unsigned int tag)
{
    return radix_tag(root, index, tag, true);
}

QUARRY_API void *radix_tree_tag_clear(struct radix_tree_root *root, unsigned long index,
                                      unsigned int tag)
{
    return radix_tag(root, index, tag, false);
}

QUARRY_API int radix_tree_tag_get(const struct radix_tree_root *root, unsigned long index,
                                  unsigned int tag)
{
    return tag < RADIX_TREE_MAX_TAGS && qlx_radix_marked(&root->xa_head, index, tag);
}

QUARRY_API int radix_tree_tagged(const struct radix_tree_root *root, unsigned int tag)
{
    return xa_marked(root, tag);
}

QUARRY_API void __rcu **quarry_radix_iter(const struct radix_tree_root *root,
                                          struct radix_tree_iter *iter)
{
    unsigned int map = iter->quarry_map == XA_PRESENT ? RADIX_PRESENT : iter->quarry_map;
    unsigned long at = iter->next_index;
    void *item;
    if (map > RADIX_PRESENT || !qlx_radix_next(&root->xa_head, &at, ~0ul, map, &item))
        return NULL;
    iter->index = at;
    iter->next_index = at + 1;
    return qlx_radix_slot(&root->xa_head, at);
}

QUARRY_API void radix_tree_iter_delete(struct radix_tree_root *root, struct radix_tree_iter *iter,
                                       void __rcu **slot)
{
    radix_tree_delete(root, iter->index);
}
