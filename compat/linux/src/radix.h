/* SPDX-License-Identifier: MIT */
/* radix: the tree below xarray, radix-tree and idr (radix.c). Indices are unsigned longs; entries are any
 * words, NULL included: that an index is occupied is a bit of its own. */
#ifndef QLX_RADIX_H
#define QLX_RADIX_H

#include <linux/gfp.h>
#include <linux/types.h>

#define RADIX_BITS 6u
#define RADIX_SLOTS 64u

/* Bits for each slot: three marks of the user's, occupied, no room left below. */
enum radix_map { RADIX_MARK, RADIX_PRESENT = 3, RADIX_FULL, RADIX_MAPS };

struct quarry_radix_node {
    struct quarry_radix_node *parent; /* of spare nodes: the next one */
    unsigned char shift;              /* of an index, to find the slot; 0: a leaf */
    unsigned char offset;             /* the parent's slot */
    struct rcu_head rcu;
    unsigned long map[RADIX_MAPS];
    void *slot[RADIX_SLOTS]; /* nodes, in a leaf entries */
};

/* Nodes got in advance, without a lock held. */
struct radix_spares {
    struct quarry_radix_node *first;
    unsigned int nr;
};

/* How many nodes a store at @index takes. Changes are the callers' to serialize. */
unsigned int qlx_radix_need(const struct quarry_radix_node *root, unsigned long index);
/* Have @nr spares: 0 or -ENOMEM (what is there by then stays). */
int qlx_radix_feed(struct radix_spares *spares, unsigned int nr, gfp_t gfp);
void qlx_radix_discard(struct radix_spares *spares);
/* Occupy @index, or put another entry there; its marks stay. Takes the nodes it needs from @spares. */
void qlx_radix_store(struct quarry_radix_node **root, unsigned long index, void *entry,
                     struct radix_spares *spares);
/* Free @index with its marks, and nodes that are empty then. Whether it was occupied. */
bool qlx_radix_erase(struct quarry_radix_node **root, unsigned long index, void **old);
void qlx_radix_destroy(struct quarry_radix_node **root);
/* Only for occupied indices: whether it is. */
bool qlx_radix_mark(struct quarry_radix_node *root, unsigned long index, unsigned int mark,
                    bool on);

/* What follows needs no lock but rcu_read_lock(). */
bool qlx_radix_load(struct quarry_radix_node *const *root, unsigned long index, void **entry);
bool qlx_radix_marked(struct quarry_radix_node *const *root, unsigned long index,
                      unsigned int mark);
/* The first index from *index to @max with a bit in @map (a mark or RADIX_PRESENT). */
bool qlx_radix_next(struct quarry_radix_node *const *root, unsigned long *index, unsigned long max,
                    unsigned int map, void **entry);
/* The first free one. */
bool qlx_radix_next_free(struct quarry_radix_node *const *root, unsigned long *index,
                         unsigned long max);
/* Where the entry of @index lies, or NULL. */
void **qlx_radix_slot(struct quarry_radix_node *const *root, unsigned long index);
/* Make the nodes' cache; tried again at the first use if it fails. */
void qlx_radix_start(void);
/* Nodes that this thread's radix_tree_preload() or idr_preload() put by, for a request that may not
 * wait. */
void qlx_radix_take_preloaded(struct radix_spares *spares, unsigned int nr, gfp_t gfp);

#endif
