/* SPDX-License-Identifier: MIT */
/* leak: the door. Which live allocations can nobody reach any more? */
#ifndef QR_LEAK_H
#define QR_LEAK_H

#include <quarry/kmemleak.h>
#include <quarry/leak.h>
#include "../vm/vm.h"

#define QR_LEAK_QUEUE (QR_CHECKS ? 256 : 1)
#define QR_LEAK_GROUPS (QR_CHECKS ? 64 : 1)

/* Memory that Quarry did not hand out, registered by kmemleak_alloc(). */
struct qr_foreign {
    uintptr_t hidden; /* the complement of its address, so that the table itself is no reference */
    size_t size;
    u32 leak; /* QR_LEAK_* */
    struct qr_owner owner;
};

/* Lost allocations of one kind from one place. */
struct qr_leak_group {
    struct quarry_live first; /* the one seen first; in the table its address is complemented */
    unsigned long nr;
    u64 bytes, oldest_ns;
};

struct qr_leaks {
    struct qr_zones *zones;
    struct qr_slabs *slabs;
    struct qr_vm *vm;
    struct qr_check *check;
    quarry_leak_roots_fn roots; /* NULL: only what is registered counts */
    void *roots_data;
    struct qr_leak_block queue[QR_LEAK_QUEUE]; /* found, not looked at yet */
    u32 queued;
    bool overflow;              /* more were found: they wait with QR_LEAK_QUEUED in their words */
    u64 scanned_ns;             /* when the last scan ended; 0: never */
    qp_lock_t lock;             /* guards what follows; the outermost lock of all */
    struct qr_foreign *foreign; /* by address, ascending */
    u32 nr_foreign;
    unsigned int foreign_order; /* of the block that holds them */
    struct qr_leak_group group[QR_LEAK_GROUPS];
    u32 nr_groups;
    struct qr_leak_group others; /* what found no group */
};

/* Mark what can be reached. @frame: the caller's stack begins here. The other tasks are held out of the
 * core by the caller. 0, or -ENOSYS: allocations are not tracked on this machine. May sleep. */
int qr_leak_mark(struct qr_leaks *leaks, const void *frame);

/* foreign.c: the registered blocks, all under leaks->lock. */
bool qr_foreign_find(struct qr_leaks *leaks, const void *address, struct qr_leak_block *block);
void qr_foreign_each(struct qr_leaks *leaks, qr_leak_visit visit, void *data);
/* What is live of them, for walks. */
bool qr_foreign_for_each_live(struct qr_leaks *leaks,
                              bool (*visit)(const struct quarry_live *, void *), void *data);
/* kmemleak_alloc and kmemleak_free for memory that Quarry does not know; false: no room, or not found. */
bool qr_foreign_add(struct qr_leaks *leaks, const void *start, size_t size, u32 leak, gfp_t gfp);
bool qr_foreign_remove(struct qr_leaks *leaks, const void *start);

/* mark.c: what a caller says of an allocation. @set and @clear are QR_LEAK_* bits; false (reported, under
 * the name @what): no live allocation begins at @address. */
bool qr_leak_set(struct qr_leaks *leaks, const void *address, u32 set, u32 clear, const char *what);
void qr_leak_retrace(struct qr_leaks *leaks, const void *address);

/* Begin a new set of groups; put a lost allocation into its group. leaks->lock is held. */
void qr_leak_groups_clear(struct qr_leaks *leaks);
void qr_leak_group_add(struct qr_leaks *leaks, const struct quarry_live *live);
/* One by its number; a last one, whose `first` has no size, sums up what found no group. False behind the
 * end. */
bool qr_leak_group_read(const struct qr_leaks *leaks, u32 number, struct qr_leak_group *group);

#endif
