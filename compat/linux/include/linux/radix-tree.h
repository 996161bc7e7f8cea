/* SPDX-License-Identifier: MIT */
/* Radix trees: the interface before xarrays, over the same tree. Callers serialize changes by a lock of their
 * own; lookups need rcu_read_lock() or that lock. A node comes with the root's mask; under a spin lock
 * call radix_tree_preload() before taking it. */
#ifndef QUARRY_LINUX_RADIX_TREE_H
#define QUARRY_LINUX_RADIX_TREE_H

#include <linux/preempt.h>
#include <linux/xarray.h>

#define radix_tree_root xarray
#define RADIX_TREE_MAX_TAGS 3
#define RADIX_TREE_INIT(name, mask) XARRAY_INIT(name, mask)
#define RADIX_TREE(name, mask) struct radix_tree_root name = RADIX_TREE_INIT(name, mask)
#define INIT_RADIX_TREE(root, mask) xa_init_flags((root), (mask))

/* A walk: where it stands. */
struct radix_tree_iter {
    unsigned long index;
    unsigned long next_index; /* 0: over */
    unsigned int quarry_map;
};

QUARRY_EXTERN_C_BEGIN

/* 0, -EEXIST, -ENOMEM. */
QUARRY_API int radix_tree_insert(struct radix_tree_root *root, unsigned long index, void *item);
/* The item that was there; of _item: only if it is @item. */
QUARRY_API void *radix_tree_delete(struct radix_tree_root *root, unsigned long index);
QUARRY_API void *radix_tree_delete_item(struct radix_tree_root *root, unsigned long index,
                                        void *item);
QUARRY_API void *radix_tree_lookup(const struct radix_tree_root *root, unsigned long index);
QUARRY_API void __rcu **radix_tree_lookup_slot(const struct radix_tree_root *root,
                                               unsigned long index);
QUARRY_API void radix_tree_replace_slot(struct radix_tree_root *root, void __rcu **slot,
                                        void *item);
/* How many of at most @max items from @first on were put into @results. */
QUARRY_API unsigned int radix_tree_gang_lookup(const struct radix_tree_root *root, void **results,
                                               unsigned long first, unsigned int max);
QUARRY_API unsigned int radix_tree_gang_lookup_tag(const struct radix_tree_root *root,
                                                   void **results, unsigned long first,
                                                   unsigned int max, unsigned int tag);
/* Set and clear return the item, or NULL. */
QUARRY_API void *radix_tree_tag_set(struct radix_tree_root *root, unsigned long index,
                                    unsigned int tag);
QUARRY_API void *radix_tree_tag_clear(struct radix_tree_root *root, unsigned long index,
                                      unsigned int tag);
QUARRY_API int radix_tree_tag_get(const struct radix_tree_root *root, unsigned long index,
                                  unsigned int tag);
QUARRY_API int radix_tree_tagged(const struct radix_tree_root *root, unsigned int tag);
/* Put by memory for one insertion, then keep this CPU until preload_end: 0 or -ENOMEM (and then
 * preemption is not off). Context: may sleep if the mask may. */
QUARRY_API int radix_tree_preload(gfp_t gfp);
QUARRY_API void radix_tree_preload_end(void);
QUARRY_API void __rcu **quarry_radix_iter(const struct radix_tree_root *root,
                                          struct radix_tree_iter *iter);
QUARRY_API void radix_tree_iter_delete(struct radix_tree_root *root, struct radix_tree_iter *iter,
                                       void __rcu **slot);

QUARRY_EXTERN_C_END

#define radix_tree_maybe_preload(gfp) radix_tree_preload(gfp)
#define radix_tree_empty(root) xa_empty(root)
#define radix_tree_deref_slot(slot) rcu_dereference(*(slot))
#define radix_tree_deref_slot_protected(slot, lock) (*(slot))
#define radix_tree_deref_retry(item) ((void)(item), 0)
#define radix_tree_exception(item) xa_is_value(item)
#define radix_tree_iter_resume(slot, iter) (slot)
#define quarry_radix_walk(slot, root, iter, start, map)                                            \
    for (*(iter) = (struct radix_tree_iter){.next_index = (start), .quarry_map = (map)},           \
        (slot) = quarry_radix_iter((root), (iter));                                                \
         (slot); (slot) = (iter)->next_index ? quarry_radix_iter((root), (iter)) : NULL)
#define radix_tree_for_each_slot(slot, root, iter, start)                                          \
    quarry_radix_walk(slot, root, iter, start, XA_PRESENT)
#define radix_tree_for_each_tagged(slot, root, iter, start, tag)                                   \
    quarry_radix_walk(slot, root, iter, start, tag)

#endif
