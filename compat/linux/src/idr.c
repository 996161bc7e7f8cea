/* SPDX-License-Identifier: MIT */
/* idr: numbers for objects, in a sorted array from Quarry's memory.
 *
 * Lookups and searches for a free number are by bisection: in a sorted array without holes from
 * @start on, slot i holds start + (i - first), so the first place where that fails is the hole.
 * Growing allocates without the guard and looks again, since others may have come in between. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/idr.h>
#include <linux/slab.h>

QUARRY_API void idr_init(struct idr *idr)
{
    *idr = (struct idr){.guard = 0};
}

/* The first slot whose number is at least @id. */
static unsigned int idr_lower(const struct idr *idr, long id)
{
    unsigned int low = 0, high = idr->nr;
    while (low < high) {
        unsigned int middle = low + (high - low) / 2;
        if (idr->slot[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The lowest free number from @start on, and its slot. */
static long idr_hole(const struct idr *idr, int start, unsigned int *at)
{
    unsigned int first = idr_lower(idr, start), low = first, high = idr->nr;
    while (low < high) {
        unsigned int middle = low + (high - low) / 2;
        if (idr->slot[middle].id == (long)start + (middle - first))
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return (long)start + (low - first);
}

/* With the guard held, which is let go meanwhile. */
static int idr_make_room(struct idr *idr, gfp_t gfp)
{
    unsigned int room = idr->room ? 2 * idr->room : 8;
    struct quarry_idr_slot *slot, *old;
    qlx_word_unlock(&idr->guard);
    slot = kmalloc_array(room, sizeof(*slot), gfp);
    qlx_word_lock(&idr->guard);
    if (!slot)
        return -ENOMEM;
    old = slot;
    if (idr->room < room) {
        if (idr->nr) /* an empty one has no table yet, and memcpy takes no NULL */
            memcpy(slot, idr->slot, idr->nr * sizeof(*slot));
        old = idr->slot;
        idr->slot = slot;
        idr->room = room;
    }
    qlx_word_unlock(&idr->guard);
    kfree(old);
    qlx_word_lock(&idr->guard);
    return 0;
}

static int idr_insert(struct idr *idr, void *ptr, int start, int end, gfp_t gfp)
{
    unsigned int at;
    long id;
    int error;
    do {
        id = idr_hole(idr, start, &at);
        if (id > INT_MAX || (end > 0 && id >= end))
            return -ENOSPC;
        if (idr->nr < idr->room)
            break;
        error = idr_make_room(idr, gfp);
        if (error)
            return error;
    } while (true);
    memmove(&idr->slot[at + 1], &idr->slot[at], (idr->nr - at) * sizeof(idr->slot[0]));
    idr->slot[at] = (struct quarry_idr_slot){(int)id, ptr};
    idr->nr++;
    return (int)id;
}

QUARRY_API int idr_alloc(struct idr *idr, void *ptr, int start, int end, gfp_t gfp)
{
    int id;
    if (start < 0)
        return -EINVAL;
    qlx_word_lock(&idr->guard);
    id = idr_insert(idr, ptr, start, end, gfp);
    qlx_word_unlock(&idr->guard);
    return id;
}

QUARRY_API int idr_alloc_cyclic(struct idr *idr, void *ptr, int start, int end, gfp_t gfp)
{
    int id;
    if (start < 0)
        return -EINVAL;
    qlx_word_lock(&idr->guard);
    id = idr_insert(idr, ptr, max(idr->next, start), end, gfp);
    if (id == -ENOSPC)
        id = idr_insert(idr, ptr, start, end, gfp);
    if (id >= 0)
        idr->next = id == INT_MAX ? 0 : id + 1;
    qlx_word_unlock(&idr->guard);
    return id;
}

QUARRY_API void *idr_find(struct idr *idr, unsigned long id)
{
    void *ptr = NULL;
    unsigned int at;
    if (id > INT_MAX)
        return NULL;
    qlx_word_lock(&idr->guard);
    at = idr_lower(idr, (long)id);
    if (at < idr->nr && idr->slot[at].id == (int)id)
        ptr = idr->slot[at].ptr;
    qlx_word_unlock(&idr->guard);
    return ptr;
}

/* Take @id out: whether it was there, with its object. */
static bool idr_take(struct idr *idr, unsigned long id, void **ptr)
{
    struct quarry_idr_slot *empty = NULL;
    unsigned int at;
    bool found;
    *ptr = NULL;
    if (id > INT_MAX)
        return false;
    qlx_word_lock(&idr->guard);
    at = idr_lower(idr, (long)id);
    found = at < idr->nr && idr->slot[at].id == (int)id;
    if (found) {
        *ptr = idr->slot[at].ptr;
        idr->nr--;
        memmove(&idr->slot[at], &idr->slot[at + 1], (idr->nr - at) * sizeof(idr->slot[0]));
    }
    if (idr->nr == 0) {
        empty = idr->slot;
        idr->slot = NULL;
        idr->room = 0;
    }
    qlx_word_unlock(&idr->guard);
    kfree(empty);
    return found;
}

QUARRY_API void *idr_remove(struct idr *idr, unsigned long id)
{
    void *ptr;
    idr_take(idr, id, &ptr);
    return ptr;
}

QUARRY_API void *idr_replace(struct idr *idr, void *ptr, unsigned long id)
{
    void *old = ERR_PTR(-ENOENT);
    unsigned int at;
    if (id > INT_MAX)
        return ERR_PTR(-EINVAL);
    qlx_word_lock(&idr->guard);
    at = idr_lower(idr, (long)id);
    if (at < idr->nr && idr->slot[at].id == (int)id) {
        old = idr->slot[at].ptr;
        idr->slot[at].ptr = ptr;
    }
    qlx_word_unlock(&idr->guard);
    return old;
}

QUARRY_API void *idr_get_next(struct idr *idr, int *id)
{
    void *ptr = NULL;
    unsigned int at;
    qlx_word_lock(&idr->guard);
    at = idr_lower(idr, *id);
    if (at < idr->nr) {
        *id = idr->slot[at].id;
        ptr = idr->slot[at].ptr;
    }
    qlx_word_unlock(&idr->guard);
    return ptr;
}

QUARRY_API int idr_for_each(struct idr *idr, int (*visit)(int id, void *ptr, void *data),
                            void *data)
{
    void *ptr;
    int id, result = 0;
    idr_for_each_entry(idr, ptr, id)
    {
        result = visit(id, ptr, data);
        if (result || id == INT_MAX)
            break;
    }
    return result;
}

QUARRY_API void idr_destroy(struct idr *idr)
{
    kfree(idr->slot);
    idr_init(idr);
}

/* ---- numbers alone --------------------------------------------------------------------------- */

QUARRY_API void ida_init(struct ida *ida)
{
    idr_init(&ida->idr);
}

QUARRY_API void ida_destroy(struct ida *ida)
{
    idr_destroy(&ida->idr);
}

QUARRY_API int ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max, gfp_t gfp)
{
    if (min > INT_MAX)
        return -ENOSPC;
    return idr_alloc(&ida->idr, ida, (int)min, max >= INT_MAX ? 0 : (int)max + 1, gfp);
}

QUARRY_API void ida_free(struct ida *ida, unsigned int id)
{
    void *ptr;
    if (!idr_take(&ida->idr, id, &ptr))
        qlx_find("registration", NULL, NULL, "ida_free(%u): the number is not in use", id);
}
