/* SPDX-License-Identifier: MIT */
/* kmalloc: what its files tell each other. */
#ifndef QR_KMALLOC_INTERNAL_H
#define QR_KMALLOC_INTERNAL_H

#include "fast.h"
#include "kmalloc.h"

/* A live block. */
struct kmalloc_block {
    bool is_object; /* else a page block */
    struct qr_object object;
    size_t capacity; /* bytes it could hold */
    size_t granted;  /* bytes its owner may write now: less where a red zone follows */
};

/* Where a detector watches: all of a block may be touched; its first @size bytes only. */
static inline void kmalloc_open(const struct qr_kmalloc *kmalloc, const struct kmalloc_block *block,
                                const void *address)
{
    if (qr_watched(kmalloc->check))
        qp_take_over(address, block->granted);
}
static inline void kmalloc_close_behind(const struct qr_kmalloc *kmalloc,
                                        const struct kmalloc_block *block, const void *address,
                                        size_t size)
{
    if (qr_watched(kmalloc->check) && !qr_guard_owns(kmalloc->slabs->guards, address))
        qp_hand_over((const char *)address + size, block->capacity - size);
}

/* What starts at @address; anything but a live block is reported, and false. */
bool qr_kmalloc_find(struct qr_kmalloc *kmalloc, const void *address, const char *what,
                     struct kmalloc_block *block);

#endif
