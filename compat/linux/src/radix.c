/* SPDX-License-Identifier: MIT */
/* radix: sparse arrays as trees of 64 slots a node.
 *
 * A node of shift s holds, in slot i, what has i in bits s to s + 5 of its index. The root's shift is as
 * small as the largest index allows; it grows when a larger one is stored and shrinks when only slot 0 is
 * left. Each node has a word of bits for each mark, for what is occupied and for what has no room left;
 * the bit of an inner slot sums up the node below, so searches skip 64^n indices at a time.
 *
 * Invariants. X1: a node other than one being filled is not empty. X2: bit i of an inner node's mark or
 * PRESENT word is set exactly if the same word of child i is not 0; of FULL, if child i's is all ones.
 * X3: a node's links and shift are set before anybody can reach it.
 *
 * Readers walk without a lock inside rcu_read_lock(): nodes go by kfree_rcu(), slots are single stores.
 * What a reader sees of a change that goes on meanwhile is the state before or after it.
 *
 * Memory. Nodes come from the cache radix_tree_node, with the caller's mask, and never while a
 * store is half done: the nodes it needs are counted first. A store that fails has changed nothing.
 * (Knuth, The Art of Computer Programming 3, 6.3: tries.) */
#define _GNU_SOURCE
#include "internal.h"
#include "radix.h"
#include <linux/rcupdate.h>
#include <linux/slab.h>

typedef struct quarry_radix_node *radix_link;

static struct kmem_cache *radix_cache;
static pthread_mutex_t radix_cache_lock = PTHREAD_MUTEX_INITIALIZER;

void qlx_radix_start(void)
{
    pthread_mutex_lock(&radix_cache_lock);
    if (!radix_cache)
        __atomic_store_n(&radix_cache,
                         kmem_cache_create("radix_tree_node", sizeof(struct quarry_radix_node), 0,
                                           SLAB_RECLAIM_ACCOUNT, NULL),
                         __ATOMIC_RELEASE);
    pthread_mutex_unlock(&radix_cache_lock);
}

/* ---- spares ---------------------------------------------------------------------------------- */

int qlx_radix_feed(struct radix_spares *spares, unsigned int nr, gfp_t gfp)
{
    if (!__atomic_load_n(&radix_cache, __ATOMIC_ACQUIRE))
        qlx_radix_start();
    while (spares->nr < nr) {
        radix_link node = radix_cache ? kmem_cache_zalloc(radix_cache, gfp) : NULL;
        if (!node)
            return -ENOMEM;
        node->parent = spares->first;
        spares->first = node;
        spares->nr++;
    }
    return 0;
}

static radix_link radix_spare(struct radix_spares *spares)
{
    radix_link node = spares->first;
    spares->first = node->parent;
    spares->nr--;
    node->parent = NULL;
    return node;
}

void qlx_radix_discard(struct radix_spares *spares)
{
    while (spares->nr)
        kfree(radix_spare(spares));
}

/* ---- shape ----------------------------------------------------------------------------------- */

static radix_link radix_follow(radix_link const *link)
{
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}

static radix_link radix_child(const struct quarry_radix_node *node, unsigned int offset)
{
    return (radix_link)__atomic_load_n(&node->slot[offset], __ATOMIC_ACQUIRE);
}

/* The bits of an index that vary below a node of @shift. */
static unsigned long radix_span(unsigned int shift)
{
    return shift + RADIX_BITS >= 64 ? ~0ul : (1ul << (shift + RADIX_BITS)) - 1;
}

static unsigned int radix_offset(unsigned long index, unsigned int shift)
{
    return (unsigned int)(index >> shift) & (RADIX_SLOTS - 1);
}

/* The shift of the smallest root that has @index. */
static unsigned int radix_shift(unsigned long index)
{
    unsigned int shift = 0;
    while (index & ~radix_span(shift))
        shift += RADIX_BITS;
    return shift;
}

static radix_link radix_leaf(radix_link const *root, unsigned long index)
{
    radix_link node = radix_follow(root);
    if (!node || (index & ~radix_span(node->shift)))
        return NULL;
    while (node && node->shift)
        node = radix_child(node, radix_offset(index, node->shift));
    return node;
}

unsigned int qlx_radix_need(const struct quarry_radix_node *root, unsigned long index)
{
    unsigned int top = radix_shift(index);
    if (!root)
        return top / RADIX_BITS + 1;
    if (top > root->shift) /* new roots, and from the newest a way of its own */
        return (top - root->shift) / RADIX_BITS + top / RADIX_BITS;
    while (root->shift) {
        const struct quarry_radix_node *child = radix_child(root, radix_offset(index, root->shift));
        if (!child)
            return root->shift / RADIX_BITS;
        root = child;
    }
    return 0;
}

/* ---- bits ------------------------------------------------------------------------------------ */

static unsigned long radix_bits(const struct quarry_radix_node *node, unsigned int map)
{
    return __atomic_load_n(&node->map[map], __ATOMIC_RELAXED);
}

static void radix_set_bits(radix_link node, unsigned int map, unsigned long bits)
{
    __atomic_store_n(&node->map[map], bits, __ATOMIC_RELEASE);
}

static void radix_bit_on(radix_link node, unsigned int offset, unsigned int map)
{
    while (node && !(radix_bits(node, map) & (1ul << offset))) {
        radix_set_bits(node, map, radix_bits(node, map) | (1ul << offset));
        if (map == RADIX_FULL && radix_bits(node, map) != ~0ul)
            return;
        offset = node->offset;
        node = node->parent;
    }
}

static void radix_bit_off(radix_link node, unsigned int offset, unsigned int map)
{
    while (node && (radix_bits(node, map) & (1ul << offset))) {
        radix_set_bits(node, map, radix_bits(node, map) & ~(1ul << offset));
        if (map != RADIX_FULL && radix_bits(node, map))
            return;
        offset = node->offset;
        node = node->parent;
    }
}

/* ---- growing and shrinking ------------------------------------------------------------------- */

static void radix_attach(radix_link node, radix_link child, unsigned int offset)
{
    child->parent = node;
    child->offset = (unsigned char)offset;
    __atomic_store_n(&node->slot[offset], child, __ATOMIC_RELEASE);
}

/* One more level on top; all there was is in slot 0 of it. */
static void radix_grow(radix_link *root, struct radix_spares *spares)
{
    radix_link top = radix_spare(spares), old = *root;
    top->shift = (unsigned char)(old->shift + RADIX_BITS);
    for (unsigned int map = 0; map < RADIX_MAPS; map++)
        top->map[map] = map == RADIX_FULL ? old->map[map] == ~0ul : old->map[map] != 0;
    radix_attach(top, old, 0);
    __atomic_store_n(root, top, __ATOMIC_RELEASE);
}

static radix_link radix_make_leaf(radix_link *root, unsigned long index,
                                  struct radix_spares *spares)
{
    unsigned int top = radix_shift(index);
    radix_link node;
    if (!*root) {
        node = radix_spare(spares);
        node->shift = (unsigned char)top;
        __atomic_store_n(root, node, __ATOMIC_RELEASE);
    }
    while ((*root)->shift < top)
        radix_grow(root, spares);
    for (node = *root; node->shift;) {
        unsigned int offset = radix_offset(index, node->shift);
        radix_link child = radix_child(node, offset);
        if (!child) {
            child = radix_spare(spares);
            child->shift = (unsigned char)(node->shift - RADIX_BITS);
            radix_attach(node, child, offset);
        }
        node = child;
    }
    return node;
}

/* Readers may still be in it. */
static void radix_drop(radix_link node)
{
    kfree_rcu(node, rcu);
}

static void radix_prune(radix_link *root, radix_link node)
{
    while (node && !node->map[RADIX_PRESENT]) {
        radix_link parent = node->parent;
        if (parent)
            __atomic_store_n(&parent->slot[node->offset], NULL, __ATOMIC_RELEASE);
        else
            __atomic_store_n(root, NULL, __ATOMIC_RELEASE);
        radix_drop(node);
        node = parent;
    }
    while (*root && (*root)->shift && (*root)->map[RADIX_PRESENT] == 1) {
        radix_link old = *root, child = radix_child(old, 0);
        child->parent = NULL;
        __atomic_store_n(root, child, __ATOMIC_RELEASE);
        radix_drop(old);
    }
}

/* ---- changes --------------------------------------------------------------------------------- */

void qlx_radix_store(radix_link *root, unsigned long index, void *entry,
                     struct radix_spares *spares)
{
    radix_link leaf = radix_make_leaf(root, index, spares);
    unsigned int offset = radix_offset(index, 0);
    __atomic_store_n(&leaf->slot[offset], entry, __ATOMIC_RELEASE);
    radix_bit_on(leaf, offset, RADIX_PRESENT);
    radix_bit_on(leaf, offset, RADIX_FULL);
}

bool qlx_radix_erase(radix_link *root, unsigned long index, void **old)
{
    radix_link leaf = radix_leaf(root, index);
    unsigned int offset = radix_offset(index, 0);
    *old = NULL;
    if (!leaf || !(leaf->map[RADIX_PRESENT] & (1ul << offset)))
        return false;
    *old = leaf->slot[offset];
    for (unsigned int map = 0; map < RADIX_MAPS; map++)
        radix_bit_off(leaf, offset, map);
    __atomic_store_n(&leaf->slot[offset], NULL, __ATOMIC_RELEASE);
    radix_prune(root, leaf);
    return true;
}

void qlx_radix_destroy(radix_link *root)
{
    unsigned long index = 0;
    void *entry;
    while (qlx_radix_next(root, &index, ~0ul, RADIX_PRESENT, &entry))
        qlx_radix_erase(root, index, &entry);
}

bool qlx_radix_mark(radix_link root, unsigned long index, unsigned int mark, bool on)
{
    radix_link leaf = radix_leaf(&root, index);
    unsigned int offset = radix_offset(index, 0);
    if (!leaf || !(leaf->map[RADIX_PRESENT] & (1ul << offset)))
        return false;
    if (on)
        radix_bit_on(leaf, offset, mark);
    else
        radix_bit_off(leaf, offset, mark);
    return true;
}

/* ---- looking --------------------------------------------------------------------------------- */

bool qlx_radix_load(radix_link const *root, unsigned long index, void **entry)
{
    radix_link leaf = radix_leaf(root, index);
    unsigned int offset = radix_offset(index, 0);
    *entry = leaf ? __atomic_load_n(&leaf->slot[offset], __ATOMIC_ACQUIRE) : NULL;
    return leaf && (radix_bits(leaf, RADIX_PRESENT) & (1ul << offset));
}

bool qlx_radix_marked(radix_link const *root, unsigned long index, unsigned int mark)
{
    radix_link leaf = radix_leaf(root, index);
    return leaf && (radix_bits(leaf, mark) & (1ul << radix_offset(index, 0)));
}

void **qlx_radix_slot(radix_link const *root, unsigned long index)
{
    radix_link leaf = radix_leaf(root, index);
    unsigned int offset = radix_offset(index, 0);
    return leaf && (radix_bits(leaf, RADIX_PRESENT) & (1ul << offset)) ? &leaf->slot[offset] : NULL;
}

/* Slots of @node from @offset on that a search wants to see. (Of a root of shift 60 only 16 can be
 * reached, and those are never all full.) */
static unsigned long radix_wanted(const struct quarry_radix_node *node, unsigned int offset,
                                  unsigned int map, bool set)
{
    unsigned long bits = set ? radix_bits(node, map) : ~radix_bits(node, map);
    return bits & (~0ul << offset);
}

enum radix_way { RADIX_FOUND, RADIX_ON, RADIX_OVER };

/* Move *index to the first place not before it that the tree knows: found, or look again from there
 * (what was summed up has changed or this part has nothing), or nothing up to the last index. */
static enum radix_way radix_look(radix_link node, unsigned long *index, unsigned int map, bool set,
                                 void **entry)
{
    for (;;) {
        unsigned int offset = radix_offset(*index, node->shift), at;
        unsigned long span = radix_span(node->shift);
        unsigned long bits = radix_wanted(node, offset, map, set);
        radix_link child;
        if (!bits) {
            *index = (*index | span) + 1;
            return *index ? RADIX_ON : RADIX_OVER;
        }
        at = (unsigned int)__builtin_ctzl(bits);
        if (at != offset)
            *index = (*index & ~span) | ((unsigned long)at << node->shift);
        child = radix_child(node, at);
        *entry = child;
        if (!node->shift || (!set && !child))
            return RADIX_FOUND;
        if (!child) { /* gone since the bit was read */
            *index = (*index | radix_span(node->shift - RADIX_BITS)) + 1;
            return *index ? RADIX_ON : RADIX_OVER;
        }
        node = child;
    }
}

bool qlx_radix_next(radix_link const *root, unsigned long *index, unsigned long max,
                    unsigned int map, void **entry)
{
    unsigned long at = *index;
    enum radix_way way = RADIX_ON;
    *entry = NULL;
    while (way == RADIX_ON && at <= max) {
        radix_link node = radix_follow(root);
        if (!node || (at & ~radix_span(node->shift)))
            return false;
        way = radix_look(node, &at, map, true, entry);
    }
    if (way != RADIX_FOUND || at > max)
        return false;
    *index = at;
    return true;
}

bool qlx_radix_next_free(radix_link const *root, unsigned long *index, unsigned long max)
{
    unsigned long at = *index;
    enum radix_way way = RADIX_ON;
    void *ignored;
    while (way == RADIX_ON && at <= max) {
        radix_link node = radix_follow(root);
        if (!node || (at & ~radix_span(node->shift)))
            break; /* beyond all that is occupied */
        way = radix_look(node, &at, RADIX_FULL, false, &ignored);
    }
    if (way == RADIX_OVER || at > max)
        return false;
    *index = at;
    return true;
}
