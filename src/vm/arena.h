/* SPDX-License-Identifier: MIT */
/* vm/arena: address ranges in O(1). See arena.c for the idea. */
#ifndef QR_ARENA_H
#define QR_ARENA_H

#include "../base/base.h"

struct qr_range; /* boundary tag: one per range, free or taken; memory comes from a slab cache */

struct qr_arena {
    uintptr_t start, end;
    void *(*tag_alloc)(void *data, gfp_t gfp); /* where the first tag comes from */
    void *tag_data;
    u64 first_mask;      /* non-empty first-level bins (by power of two of the page count) */
    u32 second_mask[64]; /* non-empty second-level bins of each */
    struct qr_range *bin[64][8];
    struct qr_range *ranges; /* all, by address */
    u64 free_pages;
    unsigned long nr_ranges;
};

size_t qr_range_size(void); /* bytes of a tag */
int qr_arena_init(struct qr_arena *arena, uintptr_t start, uintptr_t end, gfp_t gfp);
/* Take @pages pages aligned to @align bytes: the range, or NULL. The caller holds the arena's lock
 * and hands in two spare tags for splits; unused ones stay in place. */
struct qr_range *qr_arena_take(struct qr_arena *arena, u64 pages, u64 align,
                               struct qr_range *spare[2]);
/* Give it back; merged-away tags (at most two) come back in @merged for the caller to free. */
void qr_arena_give(struct qr_arena *arena, struct qr_range *range, struct qr_range *merged[2]);
uintptr_t qr_range_start(const struct qr_range *range);
u64 qr_range_pages(const struct qr_range *range);
/* What the caller hangs on a taken range; NULL on a free one, and on a fresh one. */
void qr_range_set_owner(struct qr_range *range, void *owner);
void *qr_range_owner(const struct qr_range *range);
/* The range at the next higher addresses, or NULL. */
struct qr_range *qr_range_next(const struct qr_range *range);
unsigned long qr_arena_check(const struct qr_arena *arena);

#endif
