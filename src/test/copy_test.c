/* SPDX-License-Identifier: MIT */
/* What a fork does to a machine, on one that is not forked: every lock is held while it is frozen, and in the
 * copy nothing is left of what other CPUs and tasks were at. tests/fork_test.c has the real ones. */
#include "machine.h"

#define NR_LOCKS 1024

static unsigned int nr_locks;
static qp_lock_t *locks[NR_LOCKS];

static void gather(qp_lock_t *lock)
{
    assert_true(nr_locks < NR_LOCKS);
    locks[nr_locks++] = lock;
}

/* Of structures that every machine has: see src/fork.c. */
static void gather_locks(struct quarry *q)
{
    struct list_head *pos;

    nr_locks = 0;
    gather(&q->leaks.lock);
    gather(&q->percpu.lock);
    gather(&q->vm.lock);
    gather(&q->dma.lock);
    gather(&q->kmaps.lock);
    gather(&q->reclaim.lock);
    gather(&q->slabs.lock);
    QR_LIST_FOR_EACH (pos, &q->slabs.caches)
        for (unsigned int nid = 0; nid < q->zones.nr_nodes; nid++)
            gather(&QR_LIST_ENTRY(pos, struct kmem_cache, list)->node[nid].lock);
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        gather(&q->zones.zone[i].lock);
    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++)
        gather(&q->faults.point[i].lock);
    gather(&q->faults.lock);
    gather(&q->guards.lock);
    gather(&q->grace.lock);
    gather(&q->check.traces.lock);
    gather(&q->check.lock);
}

static bool is_free(qp_lock_t *lock)
{
    unsigned long state;

    if (!qp_trylock(lock, &state))
        return false;
    qp_unlock(lock, state);
    return true;
}

static void a_frozen_machine_has_every_lock_taken(void **state)
{
    struct test_spec spec = {.pages = 4096, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);

    qr_reclaim_stop(&q->reclaim);
    gather_locks(q);
    for (unsigned int i = 0; i < nr_locks; i++)
        assert_true(is_free(locks[i]));
    for (int round = 0; round < 2; round++) {
        qr_freeze(q);
        for (unsigned int i = 0; i < nr_locks; i++)
            if (is_free(locks[i]))
                fail_msg("lock %u is free", i);
        assert_false(qp_may_sleep());
        if (round)
            qr_after_fork(q);
        else
            qr_thaw(q);
        for (unsigned int i = 0; i < nr_locks; i++)
            if (!is_free(locks[i]))
                fail_msg("lock %u is still taken", i);
        assert_true(qp_may_sleep());
    }
    test_end(q);
}

static void freezing_changes_nothing_but_locks(void **state)
{
    struct quarry *q = test_boot(1024);
    struct quarry *before = malloc(sizeof(*q)), *frozen = malloc(sizeof(*q));

    qr_reclaim_stop(&q->reclaim);
    gather_locks(q);
    memcpy(before, q, sizeof(*q));
    qr_freeze(q);
    memcpy(frozen, q, sizeof(*q));
    qr_thaw(q);
    frozen->freeze_outer = before->freeze_outer;
    frozen->freeze_inner = before->freeze_inner;
    for (unsigned int i = 0; i < nr_locks; i++) { /* those of caches lie elsewhere */
        size_t at = (size_t)((char *)locks[i] - (char *)q);
        if (at < sizeof(*q))
            memset((char *)frozen + at, 0, sizeof(*locks[i]));
    }
    assert_memory_equal(frozen, before, sizeof(*q));
    free(before);
    free(frozen);
    test_end(q);
}

/* Memory on the lists and stacks of CPUs whose threads are not here. */
struct cpu_of {
    struct quarry *q;
    struct kmem_cache *cache;
};

static void leave_things_behind(const struct cpu_of *of)
{
    void *object[50];
    struct page *page[20];

    for (unsigned int i = 0; i < 50; i++)
        object[i] = qr_cache_alloc_slow(of->cache, GFP_KERNEL, NUMA_NO_NODE);
    for (unsigned int i = 0; i < 20; i++)
        page[i] = qr_alloc_pages(&of->q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    for (unsigned int i = 0; i < 50; i++)
        qr_cache_free_slow(&of->q->slabs, of->cache, object[i], "kmem_cache_free");
    for (unsigned int i = 0; i < 20; i++)
        qr_free_block(&of->q->zones, page[i], 0);
}

#define FIRST_GONE 5u
#define LAST_GONE 6u

static unsigned long listed_there(struct quarry *q)
{
    unsigned long pages = 0;

    for (unsigned int id = FIRST_GONE; id <= LAST_GONE; id++)
        for (unsigned int zone = 0; zone < q->zones.nr_zones; zone++)
            pages += q->cpus.area[id]->pcp[zone].pages;
    return pages;
}

static void what_other_cpus_held_goes_back_and_this_one_keeps_its_own(void **state)
{
    struct quarry *q = test_boot(4096);
    struct cpu_of of = {q, q->kmalloc.cache[0][quarry_kmalloc_class(64)]};
    unsigned int own, own_pages;
    const void *own_stack;
    u64 before;

    qr_reclaim_stop(&q->reclaim);
    leave_things_behind(&of); /* on the CPU that lives on as well, which becomes this thread's */
    own = qp_self.number;
    for (unsigned int id = FIRST_GONE; id <= LAST_GONE; id++) {
        assert_non_null(q->cpus.online(&q->cpus, id));
        qp_self.number = id; /* as if a thread had run there */
        leave_things_behind(&of);
        qp_self.number = own;
    }
    own_pages = q->cpus.area[own]->pcp[0].pages;
    own_stack = q->cpus.area[own]->slot[quarry_kmalloc_class(64)].loaded;
    assert_true(listed_there(q) > 0);
    assert_true(own_pages > 0 && own_stack);
    before = qr_free_pages_total(&q->zones) + listed_there(q);
    qr_freeze(q);
    qr_after_fork(q);
    assert_int_equal(listed_there(q), 0);
    for (unsigned int id = FIRST_GONE; id <= LAST_GONE; id++)
        assert_null(q->cpus.area[id]->slot[quarry_kmalloc_class(64)].loaded);
    assert_true(qr_free_pages_total(&q->zones) >= before);
    assert_int_equal(q->cpus.area[own]->pcp[0].pages, own_pages);
    assert_ptr_equal(q->cpus.area[own]->slot[quarry_kmalloc_class(64)].loaded, own_stack);
    test_end(q);
}

static void a_number_that_no_cpu_has_is_not_looked_at(void **state)
{
    struct quarry *q = test_boot(4096);
    struct cpu_of of = {q, q->kmalloc.cache[0][quarry_kmalloc_class(64)]};
    unsigned int own = qp_self.number;
    unsigned long listed;

    qr_reclaim_stop(&q->reclaim);
    for (unsigned int id = FIRST_GONE; id <= LAST_GONE; id++) {
        assert_non_null(q->cpus.online(&q->cpus, id));
        qp_self.number = id;
        leave_things_behind(&of);
        qp_self.number = own;
    }
    listed = q->cpus.area[LAST_GONE]->pcp[0].pages;
    assert_true(listed > 0);
    q->cpus.nr_max = LAST_GONE; /* as if there were one less */
    qr_freeze(q);
    qr_after_fork(q);
    assert_int_equal(q->cpus.area[FIRST_GONE]->pcp[0].pages, 0);
    assert_int_equal(q->cpus.area[LAST_GONE]->pcp[0].pages, listed);
    q->cpus.nr_max = LAST_GONE + 2;
    test_end(q);
}

static void nothing_is_left_of_what_tasks_waited_for(void **state)
{
    struct quarry *q = test_boot(1024);
    struct qr_cpu *other;

    qr_reclaim_stop(&q->reclaim);
    assert_non_null(other = q->cpus.online(&q->cpus, FIRST_GONE));
    q->zones.waiters = 3;
    q->reclaim.oom_runs = true;
    other->drain_requested = QR_DRAIN_PAGES;
    qr_freeze(q);
    qr_after_fork(q);
    assert_int_equal(q->zones.waiters, 0);
    assert_int_equal(other->drain_requested, 0);
    assert_false(q->reclaim.oom_runs);
    assert_int_equal(q->reclaim.running, 1); /* a worker of its own */
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_machine_has_every_lock_taken),
        cmocka_unit_test(freezing_changes_nothing_but_locks),
        cmocka_unit_test(what_other_cpus_held_goes_back_and_this_one_keeps_its_own),
        cmocka_unit_test(a_number_that_no_cpu_has_is_not_looked_at),
        cmocka_unit_test(nothing_is_left_of_what_tasks_waited_for),
    };
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
