/* SPDX-License-Identifier: MIT */
/* map/page_flags: the 32 bits of struct page.flags.
 *
 *     31        16 15 14 13 12 11 10  9   7 6   4 3    0
 *     slot number  .  S  T  H  C  B   node  zone  order
 *     (slabs), or marks (other pages)
 *
 * zone is enum zone_type + 1, so that 0 means "not written yet": the frame lies inside a larger
 * block since boot, and its zone is found by its number. order is that of the block whose head this
 * is.
 *
 * Who writes: a free block's head under its zone's lock or in its CPU's section; an allocated
 * block's flags by its owner (all with relaxed atomic stores, since a neighbour that is freed looks
 * whether this one is free as well); slab and compound marks before the block is published and after its
 * last use. */
#ifndef QR_PAGE_FLAGS_H
#define QR_PAGE_FLAGS_H

#define PGF_ORDER_MASK 0xfu
#define PGF_ZONE_SHIFT 4
#define PGF_ZONE_MASK (7u << PGF_ZONE_SHIFT)
#define PGF_NODE_SHIFT 7
#define PGF_NODE_MASK (7u << PGF_NODE_SHIFT)
#define PGF_PLACE_MASK (PGF_ZONE_MASK | PGF_NODE_MASK)
#define PGF_BUDDY (1u << 10) /* head of a free block on a zone's list */
#define PGF_PCP (1u << 11)   /* head of a free block on a per-CPU list */
#define PGF_HEAD (1u << 12)  /* head of a compound block */
#define PGF_TAIL (1u << 13)  /* tail of a compound block: quarry_tail.head leads to its head */
#define PGF_SLAB (1u << 14)  /* in a slab (heads and tails): bits 16.. are the slot number */
#define PGF_SLOT_SHIFT 16
/* Marks of pages that are not in a slab. */
#define PGF_RESERVED (1u << 16) /* never under the page allocator, or set by SetPageReserved */
#define PGF_KMALLOC (1u << 17)  /* compound block handed out by kmalloc */
#define PGF_VMALLOC (1u << 18)  /* belongs to a vmalloc area */
#define PGF_KMAPPED (1u << 19)  /* high page with a kmap address */
#define PGF_OWNED (1u << 20)    /* head of a block in a caller's hands */
#define PGF_EXACT (1u << 21)    /* single page left by alloc_pages_exact or split_page */
#define PGF_NOTED (QR_CHECKS * (1u << 22)) /* counted as in a caller's hands (zone/owner.c) */
#define PGF_COLD (1u << 23) /* head of a free block whose frames have no backing (zone/buddy.c) */
#define PGF_POISONED (1u << 24) /* free frame filled with the poison pattern; in any frame */

#endif
