/* SPDX-License-Identifier: MIT */
/* XArrays: very large, sparse arrays of pointers or small integers, with three marks an entry.
 *
 * The calls take the array's spin lock, so their context is that of a spin lock; those with two
 * underscores want it held (xa_lock), the others of the normal interface take it, with interrupts or
 * bottom halves off in the _irq and _bh forms. Memory comes from the cache radix_tree_node with the mask
 * given; the lock is let go meanwhile if the mask may sleep, so look again after a __xa call. Lookups
 * need no lock.
 *
 * Entries: NULL (nothing), pointers aligned to 4, xa_mk_value(0 … LONG_MAX). A reserved index reads as
 * NULL. Errors come as entries: xa_err() says 0, -ENOMEM, or -EINVAL (not an entry). Each entry has an
 * index of its own: there are no entries that span several (xa_store_range). Index 0 takes a node as any
 * other does. Cost: O(log of the largest index). */
#ifndef QUARRY_LINUX_XARRAY_H
#define QUARRY_LINUX_XARRAY_H

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct quarry_radix_node;

struct xarray {
    spinlock_t xa_lock;
    gfp_t xa_flags;
    struct quarry_radix_node *xa_head;
};

typedef unsigned int xa_mark_t;
#define XA_MARK_0 0u
#define XA_MARK_1 1u
#define XA_MARK_2 2u
#define XA_MARK_MAX XA_MARK_2
#define XA_FREE_MARK XA_MARK_0 /* not the user's in an array that allocates */
#define XA_PRESENT 8u          /* for xa_find: whatever is there */

#define XA_FLAGS_LOCK_IRQ 1u
#define XA_FLAGS_LOCK_BH 2u
#define XA_FLAGS_TRACK_FREE 4u
#define XA_FLAGS_ZERO_BUSY 8u
#define XA_FLAGS_ALLOC_WRAPPED 16u
#define XA_FLAGS_ACCOUNT 32u
#define XA_FLAGS_ALLOC XA_FLAGS_TRACK_FREE
#define XA_FLAGS_ALLOC1 (XA_FLAGS_TRACK_FREE | XA_FLAGS_ZERO_BUSY)

#define XARRAY_INIT(name, flags)                                                                   \
    {                                                                                              \
        .xa_flags = (flags)                                                                        \
    }
#define DEFINE_XARRAY_FLAGS(name, flags) struct xarray name = XARRAY_INIT(name, flags)
#define DEFINE_XARRAY(name) DEFINE_XARRAY_FLAGS(name, 0)
#define DEFINE_XARRAY_ALLOC(name) DEFINE_XARRAY_FLAGS(name, XA_FLAGS_ALLOC)
#define DEFINE_XARRAY_ALLOC1(name) DEFINE_XARRAY_FLAGS(name, XA_FLAGS_ALLOC1)

/* The range of numbers xa_alloc() chooses from, both ends included. */
struct xa_limit {
    u32 max, min;
};
#define XA_LIMIT(low, high)                                                                        \
    (struct xa_limit)                                                                              \
    {                                                                                              \
        .min = (low), .max = (high)                                                                \
    }
#define xa_limit_32b XA_LIMIT(0, ~0u)
#define xa_limit_31b XA_LIMIT(0, 0x7fffffffu)
#define xa_limit_16b XA_LIMIT(0, 0xffffu)

/* ---- entries --------------------------------------------------------------------------------- */

static inline void *xa_mk_value(unsigned long value)
{
    WARN_ON((long)value < 0);
    return (void *)((value << 1) | 1);
}
static inline unsigned long xa_to_value(const void *entry)
{
    return (unsigned long)entry >> 1;
}
static inline bool xa_is_value(const void *entry)
{
    return (unsigned long)entry & 1;
}
/* A pointer with a tag of 0, 1 or 3 in its lowest bits. */
static inline void *xa_tag_pointer(void *ptr, unsigned long tag)
{
    return (void *)((unsigned long)ptr | tag);
}
static inline void *xa_untag_pointer(void *entry)
{
    return (void *)((unsigned long)entry & ~3ul);
}
static inline unsigned int xa_pointer_tag(const void *entry)
{
    return (unsigned int)((unsigned long)entry & 3);
}
static inline void *xa_mk_internal(unsigned long value)
{
    return (void *)((value << 2) | 2);
}
static inline unsigned long xa_to_internal(const void *entry)
{
    return (unsigned long)entry >> 2;
}
static inline bool xa_is_internal(const void *entry)
{
    return ((unsigned long)entry & 3) == 2;
}
#define XA_RETRY_ENTRY xa_mk_internal(256)
#define XA_ZERO_ENTRY xa_mk_internal(257) /* a reserved index, to the xas calls */
#define XA_ERROR(error) xa_mk_internal((unsigned long)(long)(error))
static inline bool xa_is_zero(const void *entry)
{
    return entry == XA_ZERO_ENTRY;
}
static inline bool xa_is_retry(const void *entry)
{
    return entry == XA_RETRY_ENTRY;
}
static inline bool xa_is_err(const void *entry)
{
    return xa_is_internal(entry) &&
           (unsigned long)entry >= (unsigned long)xa_mk_internal((unsigned long)-MAX_ERRNO);
}
static inline int xa_err(const void *entry)
{
    return xa_is_err(entry) ? (int)((long)entry >> 2) : 0;
}
/* What only the tree itself may hold. */
static inline bool xa_is_advanced(const void *entry)
{
    return xa_is_internal(entry) && (entry <= XA_ZERO_ENTRY || xa_is_err(entry));
}

/* ---- the normal interface -------------------------------------------------------------------- */

static inline void xa_init_flags(struct xarray *xa, gfp_t flags)
{
    *xa = (struct xarray){.xa_flags = flags};
}
static inline void xa_init(struct xarray *xa)
{
    xa_init_flags(xa, 0);
}
static inline bool xa_empty(const struct xarray *xa)
{
    return READ_ONCE(xa->xa_head) == NULL;
}
#define xa_trylock(xa) spin_trylock(&(xa)->xa_lock)
#define xa_lock(xa) spin_lock(&(xa)->xa_lock)
#define xa_unlock(xa) spin_unlock(&(xa)->xa_lock)
#define xa_lock_bh(xa) spin_lock_bh(&(xa)->xa_lock)
#define xa_unlock_bh(xa) spin_unlock_bh(&(xa)->xa_lock)
#define xa_lock_irq(xa) spin_lock_irq(&(xa)->xa_lock)
#define xa_unlock_irq(xa) spin_unlock_irq(&(xa)->xa_lock)
#define xa_lock_irqsave(xa, flags) spin_lock_irqsave(&(xa)->xa_lock, flags)
#define xa_unlock_irqrestore(xa, flags) spin_unlock_irqrestore(&(xa)->xa_lock, flags)

QUARRY_EXTERN_C_BEGIN

/* Context: any, without the lock. */
QUARRY_API void *xa_load(struct xarray *xa, unsigned long index);
QUARRY_API bool xa_marked(const struct xarray *xa, xa_mark_t mark);
QUARRY_API bool xa_get_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
/* The first entry from *index (_after: behind it) to @max with the mark; moves *index. NULL: none. */
QUARRY_API void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
                         xa_mark_t filter);
QUARRY_API void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
                               xa_mark_t filter);
/* Up to @n entries from @start to @max into @to; how many. */
QUARRY_API unsigned int xa_extract(struct xarray *xa, void **to, unsigned long start,
                                   unsigned long max, unsigned int n, xa_mark_t filter);

/* With the lock held. Each returns what was there, or an error as an entry. */
QUARRY_API void *__xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
QUARRY_API void *__xa_erase(struct xarray *xa, unsigned long index);
QUARRY_API void *__xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry,
                              gfp_t gfp);
/* 0, -EBUSY (something, even a reservation, is there), -ENOMEM, -EINVAL. NULL reserves. */
QUARRY_API int __xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
/* A free number of the range: 0 (cyclic: 1 after starting over), -EBUSY (none), -ENOMEM, -EINVAL. */
QUARRY_API int __xa_alloc(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit,
                          gfp_t gfp);
QUARRY_API int __xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit,
                                 u32 *next, gfp_t gfp);
QUARRY_API void __xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
QUARRY_API void __xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);

QUARRY_API void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
QUARRY_API void *xa_erase(struct xarray *xa, unsigned long index);
QUARRY_API void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
QUARRY_API void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
/* Forget all entries. What they point to stays. */
QUARRY_API void xa_destroy(struct xarray *xa);

QUARRY_EXTERN_C_END

#define quarry_xa_locked(type, xa, how, call)                                                      \
    ({                                                                                             \
        struct xarray *__xa = (xa);                                                                \
        type __was;                                                                                \
        xa_lock##how(__xa);                                                                        \
        __was = (call);                                                                            \
        xa_unlock##how(__xa);                                                                      \
        __was;                                                                                     \
    })
#define xa_store_bh(xa, index, entry, gfp)                                                         \
    quarry_xa_locked(void *, xa, _bh, __xa_store(__xa, index, entry, gfp))
#define xa_store_irq(xa, index, entry, gfp)                                                        \
    quarry_xa_locked(void *, xa, _irq, __xa_store(__xa, index, entry, gfp))
#define xa_erase_bh(xa, index) quarry_xa_locked(void *, xa, _bh, __xa_erase(__xa, index))
#define xa_erase_irq(xa, index) quarry_xa_locked(void *, xa, _irq, __xa_erase(__xa, index))
#define xa_cmpxchg(xa, index, old, entry, gfp)                                                     \
    quarry_xa_locked(void *, xa, , __xa_cmpxchg(__xa, index, old, entry, gfp))
#define xa_cmpxchg_bh(xa, index, old, entry, gfp)                                                  \
    quarry_xa_locked(void *, xa, _bh, __xa_cmpxchg(__xa, index, old, entry, gfp))
#define xa_cmpxchg_irq(xa, index, old, entry, gfp)                                                 \
    quarry_xa_locked(void *, xa, _irq, __xa_cmpxchg(__xa, index, old, entry, gfp))
#define xa_insert(xa, index, entry, gfp)                                                           \
    quarry_xa_locked(int, xa, , __xa_insert(__xa, index, entry, gfp))
#define xa_insert_bh(xa, index, entry, gfp)                                                        \
    quarry_xa_locked(int, xa, _bh, __xa_insert(__xa, index, entry, gfp))
#define xa_insert_irq(xa, index, entry, gfp)                                                       \
    quarry_xa_locked(int, xa, _irq, __xa_insert(__xa, index, entry, gfp))
#define xa_alloc(xa, id, entry, limit, gfp)                                                        \
    quarry_xa_locked(int, xa, , __xa_alloc(__xa, id, entry, limit, gfp))
#define xa_alloc_bh(xa, id, entry, limit, gfp)                                                     \
    quarry_xa_locked(int, xa, _bh, __xa_alloc(__xa, id, entry, limit, gfp))
#define xa_alloc_irq(xa, id, entry, limit, gfp)                                                    \
    quarry_xa_locked(int, xa, _irq, __xa_alloc(__xa, id, entry, limit, gfp))
#define xa_alloc_cyclic(xa, id, entry, limit, next, gfp)                                           \
    quarry_xa_locked(int, xa, , __xa_alloc_cyclic(__xa, id, entry, limit, next, gfp))
#define xa_alloc_cyclic_bh(xa, id, entry, limit, next, gfp)                                        \
    quarry_xa_locked(int, xa, _bh, __xa_alloc_cyclic(__xa, id, entry, limit, next, gfp))
#define xa_alloc_cyclic_irq(xa, id, entry, limit, next, gfp)                                       \
    quarry_xa_locked(int, xa, _irq, __xa_alloc_cyclic(__xa, id, entry, limit, next, gfp))
/* Make sure that a store there needs no memory: 0 (also when something is there), -ENOMEM. */
#define xa_reserve(xa, index, gfp) quarry_xa_reserve(xa_insert(xa, index, NULL, gfp))
#define xa_reserve_bh(xa, index, gfp) quarry_xa_reserve(xa_insert_bh(xa, index, NULL, gfp))
#define xa_reserve_irq(xa, index, gfp) quarry_xa_reserve(xa_insert_irq(xa, index, NULL, gfp))
static inline int quarry_xa_reserve(int error)
{
    return error == -EBUSY ? 0 : error;
}
/* Give a reservation back; an entry stored there meanwhile stays. */
QUARRY_EXTERN_C_BEGIN
QUARRY_API void xa_release(struct xarray *xa, unsigned long index);
QUARRY_EXTERN_C_END

#define xa_for_each_range(xa, index, entry, start, last)                                           \
    for ((index) = (start), (entry) = xa_find((xa), &(index), (last), XA_PRESENT); (entry);        \
         (entry) = xa_find_after((xa), &(index), (last), XA_PRESENT))
#define xa_for_each_start(xa, index, entry, start) xa_for_each_range(xa, index, entry, start, ~0ul)
#define xa_for_each(xa, index, entry) xa_for_each_start(xa, index, entry, 0)
#define xa_for_each_marked(xa, index, entry, filter)                                               \
    for ((index) = 0, (entry) = xa_find((xa), &(index), ~0ul, (filter)); (entry);                  \
         (entry) = xa_find_after((xa), &(index), ~0ul, (filter)))

/* ---- the advanced interface: a place that moves ---------------------------------------------- */

/* The caller holds the lock (rcu_read_lock for looking). Calls see reserved indices as XA_ZERO_ENTRY;
 * xas_retry() skips them. An error stays until xas_nomem(), xas_reset() or xas_set(). */
struct xa_state {
    struct xarray *xa;
    unsigned long xa_index;
    int quarry_error;
    bool quarry_walked; /* xa_index has been looked at */
    unsigned int quarry_need, quarry_nr;
    struct quarry_radix_node *quarry_spare;
};
#define XA_STATE(name, array, index) struct xa_state name = {.xa = (array), .xa_index = (index)}
#define xas_lock(xas) xa_lock((xas)->xa)
#define xas_unlock(xas) xa_unlock((xas)->xa)
#define xas_lock_bh(xas) xa_lock_bh((xas)->xa)
#define xas_unlock_bh(xas) xa_unlock_bh((xas)->xa)
#define xas_lock_irq(xas) xa_lock_irq((xas)->xa)
#define xas_unlock_irq(xas) xa_unlock_irq((xas)->xa)
#define xas_lock_irqsave(xas, flags) xa_lock_irqsave((xas)->xa, flags)
#define xas_unlock_irqrestore(xas, flags) xa_unlock_irqrestore((xas)->xa, flags)
#define xas_marked(xas, mark) xa_marked((xas)->xa, (mark))

static inline int xas_error(const struct xa_state *xas)
{
    return xas->quarry_error;
}
static inline void xas_set_err(struct xa_state *xas, long error)
{
    xas->quarry_error = (int)error;
}
static inline bool xas_invalid(const struct xa_state *xas)
{
    return xas->quarry_error != 0;
}
static inline bool xas_valid(const struct xa_state *xas)
{
    return !xas_invalid(xas);
}
static inline void xas_reset(struct xa_state *xas)
{
    xas->quarry_error = 0;
    xas->quarry_walked = false;
}
static inline void xas_set(struct xa_state *xas, unsigned long index)
{
    xas->xa_index = index;
    xas_reset(xas);
}
static inline bool xas_retry(struct xa_state *xas, const void *entry)
{
    if (xa_is_retry(entry))
        xas_reset(xas);
    return xa_is_zero(entry) || xa_is_retry(entry);
}

QUARRY_EXTERN_C_BEGIN
QUARRY_API void *xas_load(struct xa_state *xas);
/* What was there. Without memory for a node (asked for by GFP_NOWAIT) the error is -ENOMEM. */
QUARRY_API void *xas_store(struct xa_state *xas, void *entry);
/* After -ENOMEM, without the lock: get the memory. True: do it again. Otherwise gives memory back
 * that is left over. */
QUARRY_API bool xas_nomem(struct xa_state *xas, gfp_t gfp);
QUARRY_API void xas_destroy(struct xa_state *xas);
/* The first entry from here (the next, when this one was looked at) to @max. */
QUARRY_API void *xas_find(struct xa_state *xas, unsigned long max);
QUARRY_API void *xas_find_marked(struct xa_state *xas, unsigned long max, xa_mark_t mark);
/* The neighbouring index, whatever is there; the index itself when it was not looked at yet. */
QUARRY_API void *xas_next(struct xa_state *xas);
QUARRY_API void *xas_prev(struct xa_state *xas);
/* Before the lock is let go in the middle of a walk. */
QUARRY_API void xas_pause(struct xa_state *xas);
QUARRY_API bool xas_get_mark(const struct xa_state *xas, xa_mark_t mark);
QUARRY_API void xas_set_mark(const struct xa_state *xas, xa_mark_t mark);
QUARRY_API void xas_clear_mark(const struct xa_state *xas, xa_mark_t mark);
QUARRY_API void xas_init_marks(const struct xa_state *xas);
QUARRY_EXTERN_C_END
#define xas_next_entry(xas, max) xas_find((xas), (max))
#define xas_next_marked(xas, max, mark) xas_find_marked((xas), (max), (mark))
#define xas_reload(xas) xas_load(xas)
#define xas_for_each(xas, entry, max)                                                              \
    for ((entry) = xas_find((xas), (max)); (entry); (entry) = xas_find((xas), (max)))
#define xas_for_each_marked(xas, entry, max, mark)                                                 \
    for ((entry) = xas_find_marked((xas), (max), (mark)); (entry);                                 \
         (entry) = xas_find_marked((xas), (max), (mark)))

#endif
