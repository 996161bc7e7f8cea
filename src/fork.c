/* SPDX-License-Identifier: MIT */
/* fork: hold a machine still while its memory is copied, and wake the copy.
 *
 * Problem. After fork only the calling thread goes on in the child. Had another thread been inside
 * Quarry, its locks would stay taken for ever and what it was changing would stay half changed.
 *
 * Idea. Before the fork every lock of the machine is taken, from the upper layers to the lower ones, so
 * that no structure guarded by a lock is half changed. What a CPU changes without a lock, its stacks and
 * page lists, changes by single stores in an order that leaves each moment consistent (slab/fast.h); the
 * port stops the other threads between two of them. In the copy, what the other CPUs held goes back to
 * the slabs and zones.
 *
 * What it does not do: locks in callers' storage (a mempool's) are the callers', as any lock of theirs.
 *
 * Context: a thread that may sleep; nothing else runs on the frozen machine between freeze and thaw. */
#include "instance.h"

typedef void (*fork_lock_fn)(struct quarry *q, qp_lock_t *lock);

/* Inside the first lock: what it finds and puts back is the same for all of them. */
static void fork_take(struct quarry *q, qp_lock_t *lock)
{
    q->freeze_inner = qp_lock(lock);
}

static void fork_release(struct quarry *q, qp_lock_t *lock)
{
    qp_unlock(lock, q->freeze_inner);
}

static void fork_each_cache_lock(struct quarry *q, struct kmem_cache *cache, fork_lock_fn fn)
{
    for (unsigned int nid = 0; nid < q->zones.nr_nodes; nid++)
        fn(q, &cache->node[nid].lock);
}

/* Every lock below the first three (down to vm's), in the layers' order. Releasing in the same
 * order is fine: nobody else can hold one of them meanwhile. */
static void fork_each_inner_lock(struct quarry *q, fork_lock_fn fn)
{
    struct list_head *pos;

    fn(q, &q->dma.lock);
    fn(q, &q->kmaps.lock);
    fn(q, &q->reclaim.lock);
    fn(q, &q->slabs.lock);
    QR_LIST_FOR_EACH (pos, &q->slabs.caches)
        fork_each_cache_lock(q, QR_LIST_ENTRY(pos, struct kmem_cache, list), fn);
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        fn(q, &q->zones.zone[i].lock);
    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++)
        fn(q, &q->faults.point[i].lock);
    fn(q, &q->faults.lock);
    fn(q, &q->guards.lock);
    fn(q, &q->grace.lock);
    fn(q, &q->check.traces.lock);
    fn(q, &q->check.lock);
}

void qr_freeze(struct quarry *q)
{
    q->freeze_outer = qp_lock(&q->leaks.lock);
    fork_take(q, &q->percpu.lock);
    fork_take(q, &q->vm.lock);
    fork_each_inner_lock(q, fork_take);
}

void qr_thaw(struct quarry *q)
{
    fork_each_inner_lock(q, fork_release);
    fork_release(q, &q->vm.lock);
    fork_release(q, &q->percpu.lock);
    qp_unlock(&q->leaks.lock, q->freeze_outer);
}

void qr_after_fork(struct quarry *q)
{
    struct qr_cpu *here;
    unsigned long state;

    qr_thaw(q);
    q->zones.waiters = 0; /* tasks that waited for pages stayed with the parent */
    state = qp_percpu_enter(&q->cpus, &here);
    for (unsigned int id = 0; id < q->cpus.nr_max; id++) {
        struct qr_cpu *cpu = q->cpus.area[id];
        if (!cpu || cpu == here)
            continue;
        qr_slabs_drain_cpu(&q->slabs, cpu);
        qr_pcp_drain_cpu(&q->zones, cpu);
        cpu->drain_requested = 0;
    }
    qp_percpu_leave(state);
    if (qr_vm_remap_all(&q->vm) || qr_kmaps_remap_all(&q->kmaps))
        qp_panic("quarry: after fork: the host has no room for the child's vmalloc areas\n");
    qr_guards_after_fork(&q->guards);
    qr_grace_after_fork(&q->grace);
    qr_reclaim_after_fork(&q->reclaim);
}
