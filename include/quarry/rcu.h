/* SPDX-License-Identifier: MIT */
/* Frees that wait for readers.
 *
 * A *read section* is code that may look at objects which others take out of use meanwhile; it never
 * sleeps. A *grace period* is a stretch of time in which every section that was open at its beginning has
 * ended. kfree_rcu() frees an object after one; a cache with SLAB_TYPESAFE_BY_RCU reuses objects at once
 * but keeps their slabs until one is over, so that a reader who comes late finds an object of the same
 * type, if perhaps another one.
 *
 * How a grace period is waited for is the machine's business:
 *
 *     the hosted port       quarry_counted_readers: sections are what lies between quarry_rcu_read_lock()
 *                           and quarry_rcu_read_unlock() (rcu_read_lock() of the kernel headers is built
 *                           on them)
 *     a port or program     quarry_set_grace_period(): the functions of its own read-copy-update, or
 *     with sections         quarry_counted_readers, when its readers use the two calls above
 *     neither               nobody can say when readers are done. Nothing that waits for them is ever
 *                           freed: it is kept, and the first such call is reported with this remedy.
 *                           Setting a provider later frees what was kept.
 *
 * Where the port has tasks, the background worker sees to what waits; elsewhere each call here does, as
 * far as it can without waiting. Under memory pressure reclaim does both. */
#ifndef QUARRY_RCU_H
#define QUARRY_RCU_H

#include <quarry/slab.h>
#include <quarry/types.h>

/* Put into an object that kfree_rcu() shall free. (QUARRY_NO_RCU_HEAD: somebody else defines it, with at
 * least the size of two pointers.) */
#if !defined(QUARRY_NO_RCU_HEAD) && !defined(QUARRY_RCU_HEAD_DEFINED)
#define QUARRY_RCU_HEAD_DEFINED
struct callback_head {
    struct callback_head *next;
    void (*func)(struct callback_head *head);
};
#define rcu_head callback_head
#endif

/* Who knows when readers are done. At least one of `call` and `wait` is there. The structure must stay
 * valid while it is set. */
struct quarry_grace_period {
    const char *name;
    /* Call fn(arg) once, in any context, when all sections open now are over; may not sleep. 0, or a
     * negative errno when that is not possible now (it is tried again). */
    int (*call)(void *data, void (*fn)(void *arg), void *arg);
    /* Return when all sections open now are over. May sleep. Without `call` the background worker
     * waits in it, and reclaims nothing meanwhile. */
    void (*wait)(void *data);
    /* What quarry_rcu_read_lock() and _unlock() do beside counting their depth; NULL: nothing. Called
     * for the outermost pair only. */
    void (*read_lock)(void *data);
    void (*read_unlock)(void *data);
    void *data;
};

QUARRY_EXTERN_C_BEGIN

/* The provider that is built in: two counters a CPU. A pair of read calls costs two atomic additions on
 * the CPU's own cache line; a grace period looks at every CPU's counters, twice at least. */
extern __attribute__((visibility("default")))
const struct quarry_grace_period quarry_counted_readers;

/* Have @how wait for readers from now on; NULL: back to what the port chose at boot.
 * Context: may sleep: waits until nothing waits any more under the provider before, if there was one. No
 *          section may be open.
 * Returns: 0; -EINVAL when both functions are missing (reported). */
QUARRY_API int quarry_set_grace_period(const struct quarry_grace_period *how);

/* A read section; nests. In it the context is atomic (G-C1). Context: any. Ending one that is not open is
 * reported. */
QUARRY_API void quarry_rcu_read_lock(void);
QUARRY_API void quarry_rcu_read_unlock(void);
QUARRY_API bool quarry_rcu_read_held(void);

/* Wait for a grace period. Context: may sleep; in atomic context, a read section included, it is reported
 * and does not wait. Returns 0; -EDEADLK (called where it may not wait), -ENOSYS (no provider: reported).
 */
QUARRY_API int quarry_rcu_wait(void);
/* Wait until everything that was given to kfree_rcu() so far is free, and every slab that waited is back.
 * kmem_cache_destroy() begins with it. Context and result: as quarry_rcu_wait(); 0 at once when nothing
 * waits. */
QUARRY_API int quarry_rcu_barrier(void);
/* How many objects wait in kfree_rcu() now. Context: any. */
QUARRY_API unsigned long quarry_rcu_pending(void);

/* Free @object (of kmalloc, vmalloc or a cache; NULL is ignored) after a grace period. Until then @head,
 * which lies in it, belongs to Quarry; the rest stays readable as it is. Giving one object twice damages
 * the list: it is noticed and reported when the list is freed. Context: any. Cost: a lock, two stores. */
QUARRY_API void quarry_kvfree_rcu(const void *object, struct callback_head *head);
/* The same for an object without a head. Takes a small block for one, or, when memory is short, waits
 * for the grace period itself. Context: may sleep (G-C3). */
QUARRY_API void quarry_kvfree_rcu_mightsleep(const void *object);

#define kfree_rcu(object, member) quarry_kvfree_rcu((object), &(object)->member)
#define kvfree_rcu(object, member) quarry_kvfree_rcu((object), &(object)->member)
#define kfree_rcu_mightsleep(object) quarry_kvfree_rcu_mightsleep(object)
#define kvfree_rcu_mightsleep(object) quarry_kvfree_rcu_mightsleep(object)

QUARRY_EXTERN_C_END

#endif
