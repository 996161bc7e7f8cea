/* SPDX-License-Identifier: MIT */
/* Shrinkers: callbacks by which whoever keeps reclaimable objects gives them up when memory is
 * short (G-I1, G-I4, G-I5). */
#ifndef QUARRY_SHRINKER_H
#define QUARRY_SHRINKER_H

#include <quarry/gfp.h>
#include <quarry/types.h>

#define SHRINK_STOP (~0UL)
#define SHRINK_EMPTY (~0UL - 1)
#define DEFAULT_SEEKS 2
#define SHRINKER_NUMA_AWARE 0x1u
#define SHRINKER_MEMCG_AWARE 0x2u
#define SHRINKER_NONSLAB 0x4u

/* What a shrinker is asked. */
struct shrink_control {
    gfp_t gfp_mask; /* the request's mask: look at __GFP_IO and __GFP_FS */
    int nid;
    unsigned long nr_to_scan; /* scan_objects: look at this many */
    unsigned long nr_scanned; /* set to nr_to_scan before the call; a shrinker may lower it */
    void *memcg;
};

struct shrinker {
    /* 0: skip me this time; SHRINK_EMPTY: I have nothing; else how many could go. */
    unsigned long (*count_objects)(struct shrinker *, struct shrink_control *);
    /* How many went, or SHRINK_STOP: no more progress in this round. */
    unsigned long (*scan_objects)(struct shrinker *, struct shrink_control *);
    long batch; /* objects per scan call; 0: 128 */
    int seeks;  /* relative cost of remaking an object; 0 or DEFAULT_SEEKS: ordinary */
    unsigned int flags;
    void *private_data;
    struct list_head list; /* private from here on */
    const char *name;
    unsigned long nr_deferred;
    uint32_t users;
    uint32_t state;
};

QUARRY_EXTERN_C_BEGIN

/* Make one, set its callbacks, put it into service, take it out. shrinker_free waits until no
 * call is in progress. NULL when memory is short. Context: may sleep (G-C3). */
QUARRY_API struct shrinker *shrinker_alloc(unsigned int flags, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
QUARRY_API void shrinker_register(struct shrinker *shrinker);
QUARRY_API void shrinker_free(struct shrinker *shrinker);
/* The form before 6.7, in the caller's storage: 0 or a negative errno. */
QUARRY_API int quarry_register_shrinker(struct shrinker *shrinker, const char *format, ...);
#define register_shrinker(s, ...) quarry_register_shrinker((s), "" __VA_ARGS__)
QUARRY_API void unregister_shrinker(struct shrinker *shrinker);

/* The out-of-memory hook: called when reclaim freed nothing. Returns the pages it freed; 0 means
 * the request fails (unless __GFP_NOFAIL). Replaces the earlier hook, which it returns. */
typedef unsigned long (*quarry_oom_fn)(gfp_t gfp, unsigned int order, void *data);
QUARRY_API quarry_oom_fn quarry_set_oom_hook(quarry_oom_fn hook, void *data);

QUARRY_EXTERN_C_END

#endif
