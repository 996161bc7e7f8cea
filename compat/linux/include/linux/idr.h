/* SPDX-License-Identifier: MIT */
/* Small numbers for objects (idr) and small numbers alone (ida): the lowest free one each time. */
#ifndef QUARRY_LINUX_IDR_H
#define QUARRY_LINUX_IDR_H

#include <linux/gfp.h>
#include <linux/types.h>

struct quarry_idr_slot {
    int id;
    void *ptr;
};
/* Sorted by id; the array goes when the last number does. */
struct idr {
    u32 guard;
    unsigned int nr, room;
    int next; /* where idr_alloc_cyclic goes on */
    struct quarry_idr_slot *slot;
};
struct ida {
    struct idr idr;
};
#define IDR_INIT(name)                                                                             \
    {                                                                                              \
        .guard = 0                                                                                 \
    }
#define IDA_INIT(name)                                                                             \
    {                                                                                              \
        .idr = IDR_INIT(name)                                                                      \
    }
#define DEFINE_IDR(name) struct idr name = IDR_INIT(name)
#define DEFINE_IDA(name) struct ida name = IDA_INIT(name)

QUARRY_EXTERN_C_BEGIN

QUARRY_API void idr_init(struct idr *idr);
QUARRY_API void idr_destroy(struct idr *idr);
/* A number in [start, end), end 0: no end; -ENOSPC, -ENOMEM, -EINVAL. */
QUARRY_API int idr_alloc(struct idr *idr, void *ptr, int start, int end, gfp_t gfp);
QUARRY_API int idr_alloc_cyclic(struct idr *idr, void *ptr, int start, int end, gfp_t gfp);
/* The object, or NULL; remove and replace return the one before. */
QUARRY_API void *idr_find(struct idr *idr, unsigned long id);
QUARRY_API void *idr_remove(struct idr *idr, unsigned long id);
QUARRY_API void *idr_replace(struct idr *idr, void *ptr, unsigned long id);
/* The next object whose number is at least *id, which is set to it. */
QUARRY_API void *idr_get_next(struct idr *idr, int *id);
QUARRY_API int idr_for_each(struct idr *idr, int (*visit)(int id, void *ptr, void *data),
                            void *data);
static inline bool idr_is_empty(const struct idr *idr)
{
    return idr->nr == 0;
}
#define idr_preload(gfp) ((void)(gfp))
#define idr_preload_end() ((void)0)
#define idr_for_each_entry(idr, entry, id)                                                         \
    for (id = 0; ((entry) = idr_get_next((idr), &(id))) != NULL; (id)++)

QUARRY_API void ida_init(struct ida *ida);
QUARRY_API void ida_destroy(struct ida *ida);
/* A number from min to max, both included; -ENOSPC, -ENOMEM. */
QUARRY_API int ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max, gfp_t gfp);
QUARRY_API void ida_free(struct ida *ida, unsigned int id);
#define ida_alloc(ida, gfp) ida_alloc_range((ida), 0, INT_MAX, (gfp))
#define ida_alloc_min(ida, min, gfp) ida_alloc_range((ida), (min), INT_MAX, (gfp))
#define ida_alloc_max(ida, max, gfp) ida_alloc_range((ida), 0, (max), (gfp))
#define ida_simple_get(ida, start, end, gfp)                                                       \
    ida_alloc_range((ida), (start), (end) ? (unsigned int)(end)-1 : INT_MAX, (gfp))
#define ida_simple_remove(ida, id) ida_free((ida), (id))
static inline bool ida_is_empty(const struct ida *ida)
{
    return idr_is_empty(&ida->idr);
}
#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif

QUARRY_EXTERN_C_END

#endif
