/* SPDX-License-Identifier: MIT */
/* Small numbers for objects (idr) and small numbers alone (ida): the lowest free one each time. Memory comes
 * from the cache radix_tree_node with the mask given. Changes serialize themselves here; a kernel leaves
 * that to the callers of idr. Any pointer can be stored, NULL too. Cost: O(log of the largest number). */
#ifndef QUARRY_LINUX_IDR_H
#define QUARRY_LINUX_IDR_H

#include <linux/gfp.h>
#include <linux/radix-tree.h>
#include <linux/types.h>
#include <linux/version.h>

struct idr {
    struct quarry_radix_node *quarry_root;
    u32 quarry_guard;
    unsigned int idr_base; /* numbers begin here */
    unsigned int idr_next; /* where idr_alloc_cyclic goes on */
};
struct ida {
    struct idr idr;
};
#define IDR_INIT_BASE(name, base)                                                                  \
    {                                                                                              \
        .idr_base = (base)                                                                         \
    }
#define IDR_INIT(name) IDR_INIT_BASE(name, 0)
#define IDA_INIT(name)                                                                             \
    {                                                                                              \
        .idr = IDR_INIT(name)                                                                      \
    }
#define DEFINE_IDR(name) struct idr name = IDR_INIT(name)
#define DEFINE_IDA(name) struct ida name = IDA_INIT(name)

QUARRY_EXTERN_C_BEGIN

QUARRY_API void idr_init(struct idr *idr);
QUARRY_API void idr_init_base(struct idr *idr, int base);
/* Forget all numbers; the objects stay. */
QUARRY_API void idr_destroy(struct idr *idr);
/* A number in [start, end), end 0: no end; -ENOSPC, -ENOMEM, -EINVAL. */
QUARRY_API int idr_alloc(struct idr *idr, void *ptr, int start, int end, gfp_t gfp);
QUARRY_API int idr_alloc_cyclic(struct idr *idr, void *ptr, int start, int end, gfp_t gfp);
/* A number from *id to @max, both included: 0 and *id, -ENOSPC, -ENOMEM. */
QUARRY_API int idr_alloc_u32(struct idr *idr, void *ptr, u32 *id, unsigned long max, gfp_t gfp);
/* The object, or NULL; remove and replace return the one before. */
QUARRY_API void *idr_find(const struct idr *idr, unsigned long id);
QUARRY_API void *idr_remove(struct idr *idr, unsigned long id);
QUARRY_API void *idr_replace(struct idr *idr, void *ptr, unsigned long id);
/* The next object whose number is at least *id, which is set to it. */
QUARRY_API void *idr_get_next(struct idr *idr, int *id);
QUARRY_API void *idr_get_next_ul(struct idr *idr, unsigned long *id);
QUARRY_API int idr_for_each(const struct idr *idr, int (*visit)(int id, void *ptr, void *data),
                            void *data);
/* Put by memory for one idr_alloc() that may not wait; preemption is off until preload_end.
 * Context: may sleep if the mask may. */
QUARRY_API void idr_preload(gfp_t gfp);
QUARRY_API void idr_preload_end(void);
static inline bool idr_is_empty(const struct idr *idr)
{
    return READ_ONCE(idr->quarry_root) == NULL;
}
static inline unsigned int idr_get_cursor(const struct idr *idr)
{
    return READ_ONCE(idr->idr_next);
}
static inline void idr_set_cursor(struct idr *idr, unsigned int value)
{
    WRITE_ONCE(idr->idr_next, value);
}
#define idr_for_each_entry(idr, entry, id)                                                         \
    for (id = 0; ((entry) = idr_get_next((idr), &(id))) != NULL; (id)++)
#define idr_for_each_entry_continue(idr, entry, id)                                                \
    for (; ((entry) = idr_get_next((idr), &(id))) != NULL; (id)++)
#define idr_for_each_entry_ul(idr, entry, tmp, id)                                                 \
    for ((tmp) = 0, (id) = 0;                                                                      \
         ((entry) = (tmp) <= (id) ? idr_get_next_ul((idr), &(id)) : NULL) != NULL;                 \
         (tmp) = (id), ++(id))
#define idr_for_each_entry_continue_ul(idr, entry, tmp, id)                                        \
    for ((tmp) = (id); ((entry) = (tmp) <= (id) ? idr_get_next_ul((idr), &(id)) : NULL) != NULL;   \
         (tmp) = (id), ++(id))

QUARRY_API void ida_init(struct ida *ida);
QUARRY_API void ida_destroy(struct ida *ida);
/* A number from min to max, both included; -ENOSPC, -ENOMEM. */
QUARRY_API int ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max, gfp_t gfp);
QUARRY_API void ida_free(struct ida *ida, unsigned int id);
QUARRY_API bool ida_exists(struct ida *ida, unsigned int id);
/* The lowest number in use from @min to @max, or -ENOENT. */
QUARRY_API int ida_find_first_range(struct ida *ida, unsigned int min, unsigned int max);
#define ida_alloc(ida, gfp) ida_alloc_range((ida), 0, ~0u, (gfp))
#define ida_alloc_min(ida, min, gfp) ida_alloc_range((ida), (min), ~0u, (gfp))
#define ida_alloc_max(ida, max, gfp) ida_alloc_range((ida), 0, (max), (gfp))
#define ida_simple_get(ida, start, end, gfp)                                                       \
    ida_alloc_range((ida), (start), (end) ? (unsigned int)(end)-1 : ~0u, (gfp))
#define ida_simple_remove(ida, id) ida_free((ida), (id))
static inline bool ida_is_empty(const struct ida *ida)
{
    return idr_is_empty(&ida->idr);
}

/* The old way: have memory ready (1, or 0 without), then take a number (0, -ENOSPC; -EAGAIN: have memory
 * ready again). */
QUARRY_API int quarry_idr_pre_get(gfp_t gfp);
QUARRY_API int quarry_idr_get_new(struct idr *idr, void *ptr, int start, int *id);
#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 9, 0)
#define idr_pre_get(idr, gfp) ((void)(idr), quarry_idr_pre_get(gfp))
#define idr_get_new(idr, ptr, id) quarry_idr_get_new((idr), (ptr), 0, (id))
#define idr_get_new_above(idr, ptr, start, id) quarry_idr_get_new((idr), (ptr), (start), (id))
#define idr_remove_all(idr) idr_destroy(idr)
#define ida_pre_get(ida, gfp) idr_pre_get(&(ida)->idr, (gfp))
#define ida_get_new(ida, id) quarry_idr_get_new(&(ida)->idr, (ida), 0, (id))
#define ida_get_new_above(ida, start, id) quarry_idr_get_new(&(ida)->idr, (ida), (start), (id))
#define ida_remove(ida, id) ida_free((ida), (unsigned int)(id))
#endif
#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif

QUARRY_EXTERN_C_END

#endif
