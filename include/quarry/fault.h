/* SPDX-License-Identifier: MIT */
/* Fault injection: make chosen allocations fail, to see whether the caller copes.
 *
 * Four points: failslab (object caches, kmalloc, the making of a cache), fail_page_alloc (every block
 * taken from the page allocator, also for new slabs and vmalloc areas), fail_vmalloc (vmalloc and vmap),
 * and fail_usercopy (copies between a driver and a program, where something above makes them). A request
 * with __GFP_NOFAIL that may wait never fails. A point armed without nth, every and prob only counts. A
 * cache's name may end in a star. As boot options: "failslab=nth:3",
 * "fail_page_alloc=every:10,order:2-", "failslab=prob:5,seed:7,cache:scullc". */
#ifndef QUARRY_FAULT_H
#define QUARRY_FAULT_H

#include <quarry/types.h>

enum quarry_fault_point {
    QUARRY_FAILSLAB,
    QUARRY_FAIL_PAGE_ALLOC,
    QUARRY_FAIL_VMALLOC,
    QUARRY_FAIL_USERCOPY, /* asked by whoever copies to and from user memory, never by the core */
    QUARRY_FAULT_POINTS
};

struct quarry_fault {
    unsigned long nth;         /* fail the nth matching request from now, 1 = the next; 0: off */
    bool persistent;           /* with nth: and every one after it */
    unsigned long every;       /* fail every nth matching request; 0: off */
    unsigned int prob;         /* percent; 0: off */
    uint64_t seed;             /* of the probability; the same seed fails the same requests */
    size_t min_size, max_size; /* bytes; max 0: no bound */
    const char *cache;         /* name of the cache, or its beginning and a star; NULL: any */
    const void *caller_from, *caller_to; /* only callers in [from, to); NULL: any */
};

QUARRY_EXTERN_C_BEGIN

/* Arm a point (NULL disarms). Returns 0; -EINVAL; from a library built without checks -ENOSYS.
 * Context: any. */
QUARRY_API int quarry_fault_set(enum quarry_fault_point point, const struct quarry_fault *fault);
/* Whether a fallible step of the caller's own fails now: counts it at @point, of @size bytes, and
 * answers. False while the point is not armed. Context: any. */
QUARRY_API bool quarry_fault_hit(enum quarry_fault_point point, size_t size);
/* Matching requests seen, and failed, since the point was armed. */
QUARRY_API unsigned long quarry_fault_seen(enum quarry_fault_point point);
QUARRY_API unsigned long quarry_fault_failed(enum quarry_fault_point point);

/* A request on its way, as a hook sees it. */
struct quarry_fault_request {
    enum quarry_fault_point point;
    gfp_t gfp;
    size_t size;       /* bytes */
    const char *cache; /* name, or NULL */
    const char *rule;  /* the rule by which it cannot fail ("G-E5", "G-M1"), or NULL: it may */
};
/* Ask @hook before every request at every point whether it is to fail: true fails it, unless a
 * rule forbids that. It is called in the requester's context, without locks, by any number of threads,
 * and must not allocate from Quarry. NULL: ask no more; a call that has begun may still come to its
 * end. What quarry_fault_set() armed goes on as before. Context: any. */
typedef bool (*quarry_fault_fn)(const struct quarry_fault_request *request, void *data);
QUARRY_API void quarry_set_fault_hook(quarry_fault_fn hook, void *data);

QUARRY_EXTERN_C_END

#endif
