/* SPDX-License-Identifier: MIT */
/* idr: numbers for objects, in the sparse array (radix.c).
 *
 * Changes hold a guard of a few instructions; nodes are got without it, then the number is chosen anew.
 * Lookups take no lock. */
#define _GNU_SOURCE
#include "internal.h"
#include "radix.h"
#include <linux/idr.h>

QUARRY_API void idr_init_base(struct idr *idr, int base)
{
    *idr = (struct idr){.idr_base = (unsigned int)base};
}

QUARRY_API void idr_init(struct idr *idr)
{
    idr_init_base(idr, 0);
}

/* The lowest free number in [*id, max]: 0 with @ptr stored there, -ENOSPC, -ENOMEM. */
static int idr_take(struct idr *idr, void *ptr, unsigned long *id, unsigned long max, gfp_t gfp)
{
    struct radix_spares spares = {0};
    unsigned long start = max(*id, (unsigned long)idr->idr_base);
    unsigned int need;
    int error = 0;
    qlx_word_lock(&idr->quarry_guard);
    for (;;) {
        *id = start;
        if (!qlx_radix_next_free(&idr->quarry_root, id, max)) {
            error = -ENOSPC;
            break;
        }
        need = qlx_radix_need(idr->quarry_root, *id);
        if (need <= spares.nr) {
            qlx_radix_store(&idr->quarry_root, *id, ptr, &spares);
            break;
        }
        qlx_word_unlock(&idr->quarry_guard);
        qlx_radix_take_preloaded(&spares, need, gfp);
        error = qlx_radix_feed(&spares, need, gfp);
        qlx_word_lock(&idr->quarry_guard);
        if (error)
            break;
    }
    qlx_word_unlock(&idr->quarry_guard);
    qlx_radix_discard(&spares);
    return error;
}

QUARRY_API int idr_alloc_u32(struct idr *idr, void *ptr, u32 *id, unsigned long max, gfp_t gfp)
{
    unsigned long at = *id;
    int error = idr_take(idr, ptr, &at, min(max, (unsigned long)U32_MAX), gfp);
    if (!error)
        *id = (u32)at;
    return error;
}

QUARRY_API int idr_alloc(struct idr *idr, void *ptr, int start, int end, gfp_t gfp)
{
    unsigned long id = (unsigned long)start;
    int error;
    if (start < 0)
        return -EINVAL;
    error = idr_take(idr, ptr, &id, end > 0 ? (unsigned long)end - 1 : INT_MAX, gfp);
    return error ? error : (int)id;
}

QUARRY_API int idr_alloc_cyclic(struct idr *idr, void *ptr, int start, int end, gfp_t gfp)
{
    unsigned int next = READ_ONCE(idr->idr_next);
    int id;
    if (start < 0)
        return -EINVAL;
    id = idr_alloc(idr, ptr, next > INT_MAX ? start : max((int)next, start), end, gfp);
    if (id == -ENOSPC)
        id = idr_alloc(idr, ptr, start, end, gfp);
    if (id >= 0)
        WRITE_ONCE(idr->idr_next, (unsigned int)id + 1);
    return id;
}

QUARRY_API void *idr_find(const struct idr *idr, unsigned long id)
{
    void *ptr;
    rcu_read_lock();
    qlx_radix_load(&idr->quarry_root, id, &ptr);
    rcu_read_unlock();
    return ptr;
}

/* Take @id out: whether it was there, with its object. */
static bool idr_drop(struct idr *idr, unsigned long id, void **ptr)
{
    bool found;
    qlx_word_lock(&idr->quarry_guard);
    found = qlx_radix_erase(&idr->quarry_root, id, ptr);
    qlx_word_unlock(&idr->quarry_guard);
    return found;
}

QUARRY_API void *idr_remove(struct idr *idr, unsigned long id)
{
    void *ptr;
    idr_drop(idr, id, &ptr);
    return ptr;
}

QUARRY_API void *idr_replace(struct idr *idr, void *ptr, unsigned long id)
{
    void **slot, *old = ERR_PTR(-ENOENT);
    qlx_word_lock(&idr->quarry_guard);
    slot = qlx_radix_slot(&idr->quarry_root, id);
    if (slot) {
        old = *slot;
        __atomic_store_n(slot, ptr, __ATOMIC_RELEASE);
    }
    qlx_word_unlock(&idr->quarry_guard);
    return old;
}

/* The next number in use, whatever is stored there. */
static bool idr_step(const struct idr *idr, unsigned long *id, void **ptr)
{
    bool found;
    rcu_read_lock();
    found = qlx_radix_next(&idr->quarry_root, id, ~0ul, RADIX_PRESENT, ptr);
    rcu_read_unlock();
    return found;
}

QUARRY_API void *idr_get_next_ul(struct idr *idr, unsigned long *id)
{
    unsigned long at = *id;
    void *ptr;
    while (idr_step(idr, &at, &ptr)) {
        if (ptr) {
            *id = at;
            return ptr;
        }
        if (++at == 0)
            break;
    }
    return NULL;
}

QUARRY_API void *idr_get_next(struct idr *idr, int *id)
{
    unsigned long at = (unsigned long)(unsigned int)*id;
    void *ptr = *id < 0 ? NULL : idr_get_next_ul(idr, &at);
    if (!ptr || at > INT_MAX)
        return NULL;
    *id = (int)at;
    return ptr;
}

QUARRY_API int idr_for_each(const struct idr *idr, int (*visit)(int id, void *ptr, void *data),
                            void *data)
{
    unsigned long id = 0;
    void *ptr;
    int result = 0;
    for (; result == 0 && idr_step(idr, &id, &ptr) && id <= INT_MAX; id++)
        result = visit((int)id, ptr, data);
    return result;
}

QUARRY_API void idr_destroy(struct idr *idr)
{
    qlx_word_lock(&idr->quarry_guard);
    qlx_radix_destroy(&idr->quarry_root);
    qlx_word_unlock(&idr->quarry_guard);
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
    if (!idr_drop(&ida->idr, id, &ptr))
        qlx_find("registration", NULL, NULL, "ida_free(%u): the number is not in use", id);
}

QUARRY_API bool ida_exists(struct ida *ida, unsigned int id)
{
    return idr_find(&ida->idr, id) != NULL;
}

QUARRY_API int ida_find_first_range(struct ida *ida, unsigned int min, unsigned int max)
{
    unsigned long id = min;
    void *ptr;
    return idr_step(&ida->idr, &id, &ptr) && id <= max ? (int)id : -ENOENT;
}

/* ---- the old way ----------------------------------------------------------------------------- */

/* Nothing is put by: whether there is memory is tried, and a number takes its own without waiting.
 * Callers go back to the first step on -EAGAIN. */
QUARRY_API int quarry_idr_pre_get(gfp_t gfp)
{
    struct radix_spares spares = {0};
    int error = qlx_radix_feed(&spares, 1, gfp);
    qlx_radix_discard(&spares);
    return error == 0;
}

QUARRY_API int quarry_idr_get_new(struct idr *idr, void *ptr, int start, int *id)
{
    int got = idr_alloc(idr, ptr, start, 0, GFP_NOWAIT);
    if (got < 0)
        return got == -ENOMEM ? -EAGAIN : got;
    *id = got;
    return 0;
}
