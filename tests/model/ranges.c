/* SPDX-License-Identifier: MIT */
/* tests/model/ranges: an ordered set of ranges that do not overlap.
 *
 * A treap: a search tree by start address, and a heap by random weights, which keeps it flat. Adding a
 * range that overlaps one in the set is refused with that one as the answer: two callers would hold the same
 * bytes. */
#include "model.h"
#include <stdlib.h>

static struct m_range *ranges_node(struct m_ranges *ranges)
{
    struct m_range *node = ranges->spare;

    if (node) {
        ranges->spare = node->left;
        return node;
    }
    node = malloc(sizeof(*node));
    if (!node)
        abort();
    return node;
}

/* The range with the largest start at or before @address that reaches beyond it, or the first one after. */
static const struct m_range *ranges_meeting(const struct m_ranges *ranges, uint64_t start,
                                            uint64_t end)
{
    const struct m_range *node = ranges->root;

    while (node) {
        if (end <= node->start)
            node = node->left;
        else if (start >= node->end)
            node = node->right;
        else
            return node;
    }
    return NULL;
}

const struct m_range *m_ranges_find(const struct m_ranges *ranges, uint64_t address)
{
    return ranges_meeting(ranges, address, address + 1);
}

/* Cut a tree at @start: what begins before goes to @low, the rest to @high. */
static void ranges_cut(struct m_range *tree, uint64_t start, struct m_range **low,
                       struct m_range **high)
{
    while (tree) {
        if (tree->start < start) {
            *low = tree;
            low = &tree->right;
            tree = tree->right;
        } else {
            *high = tree;
            high = &tree->left;
            tree = tree->left;
        }
    }
    *low = *high = NULL;
}

static struct m_range *ranges_join(struct m_range *low, struct m_range *high)
{
    struct m_range *root = NULL, **place = &root;

    while (low && high) {
        if (low->weight > high->weight) {
            *place = low;
            place = &low->right;
            low = low->right;
        } else {
            *place = high;
            place = &high->left;
            high = high->left;
        }
    }
    *place = low ? low : high;
    return root;
}

const struct m_range *m_ranges_add(struct m_ranges *ranges, uint64_t start, uint64_t end,
                                   uint32_t owner)
{
    const struct m_range *other = ranges_meeting(ranges, start, end);
    struct m_range *node, **place = &ranges->root;

    if (other)
        return other;
    node = ranges_node(ranges);
    node->start = start;
    node->end = end;
    node->owner = owner;
    node->weight = (uint32_t)(sim_random(&ranges->random) >> 32);
    while (*place && (*place)->weight > node->weight)
        place = start < (*place)->start ? &(*place)->left : &(*place)->right;
    ranges_cut(*place, start, &node->left, &node->right);
    *place = node;
    ranges->nr++;
    return NULL;
}

bool m_ranges_remove(struct m_ranges *ranges, uint64_t start)
{
    struct m_range **place = &ranges->root, *node;

    while (*place && (*place)->start != start)
        place = start < (*place)->start ? &(*place)->left : &(*place)->right;
    node = *place;
    if (!node)
        return false;
    *place = ranges_join(node->left, node->right);
    node->left = ranges->spare;
    ranges->spare = node;
    ranges->nr--;
    return true;
}

void m_ranges_clear(struct m_ranges *ranges)
{
    while (ranges->root)
        m_ranges_remove(ranges, ranges->root->start);
}
