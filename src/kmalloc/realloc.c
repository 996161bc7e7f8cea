/* SPDX-License-Identifier: MIT */
/* kmalloc/realloc: blocks that change their size (G-S13), and copies.
 *
 * A block grows and shrinks in place as long as its class holds the new size; only a larger class
 * makes it move. See kmalloc.c for what makes the bytes it gains zero. */
#include "internal.h"

/* In place: the block holds the new size. */
static void realloc_in_place(const struct qr_kmalloc *kmalloc, const struct kmalloc_block *block,
                             char *bytes, size_t size, gfp_t gfp)
{
    kmalloc_open(kmalloc, block, bytes);
    if (block->is_object && block->granted != block->capacity) {
        qr_object_resize(&block->object, size);
        if ((gfp & __GFP_ZERO) && size > block->granted)
            memset(bytes + block->granted, 0, size - block->granted);
        return;
    }
    if (gfp & __GFP_ZERO)
        memset(bytes + size, 0, block->capacity - size);
    if (block->is_object)
        qr_object_resize(&block->object, size);
    else
        kmalloc_close_behind(kmalloc, block, bytes, size);
}

void *qr_krealloc(struct qr_kmalloc *kmalloc, const void *object, size_t size, gfp_t gfp)
{
    struct kmalloc_block block;
    void *bigger;

    if (ZERO_OR_NULL_PTR(object))
        return qr_kmalloc(kmalloc, size, gfp);
    if (!size) {
        qr_kfree_slow(kmalloc, (void *)object, "krealloc");
        return ZERO_SIZE_PTR;
    }
    if (!qr_kmalloc_find(kmalloc, object, "krealloc", &block))
        return NULL;
    if (size <= block.capacity) {
        realloc_in_place(kmalloc, &block, (char *)object, size, gfp);
        return (void *)object;
    }
    bigger = qr_kmalloc(kmalloc, size, gfp);
    if (!bigger)
        return NULL;
    kmalloc_open(kmalloc, &block, object);
    memcpy(bigger, object, block.granted);
    qr_kfree(kmalloc, object);
    return bigger;
}

/* The wiping must not be left out although nothing reads the memory afterwards. */
void qr_kfree_sensitive(struct qr_kmalloc *kmalloc, const void *object)
{
    struct kmalloc_block block;

    if (ZERO_OR_NULL_PTR(object) || !qr_kmalloc_find(kmalloc, object, "kfree_sensitive", &block))
        return;
    kmalloc_open(kmalloc, &block, object);
    memset((void *)object, 0, block.granted);
    __asm__ volatile("" : : "r"(object) : "memory");
    qr_kfree(kmalloc, object);
}

void *qr_kmemdup(struct qr_kmalloc *kmalloc, const void *source, size_t size, gfp_t gfp)
{
    void *copy = source ? qr_kmalloc(kmalloc, size, gfp) : NULL;

    if (!ZERO_OR_NULL_PTR(copy))
        memcpy(copy, source, size);
    return copy;
}

char *qr_kmemdup_nul(struct qr_kmalloc *kmalloc, const char *source, size_t size, gfp_t gfp)
{
    char *copy;

    if (!source || size == SIZE_MAX)
        return NULL;
    copy = qr_kmalloc(kmalloc, size + 1, gfp);
    if (copy) {
        memcpy(copy, source, size);
        copy[size] = '\0';
    }
    return copy;
}

char *qr_kvasprintf(struct qr_kmalloc *kmalloc, gfp_t gfp, const char *format, va_list args)
{
    va_list again;
    size_t length;
    char *text;

    va_copy(again, args);
    length = qr_vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = qr_kmalloc(kmalloc, length + 1, gfp);
    if (text)
        qr_vsnprintf(text, length + 1, format, args);
    return text;
}
