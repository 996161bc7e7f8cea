/* SPDX-License-Identifier: MIT */
/* The hand-overs without a lock of docs/design/memory-order.md, on real threads, as often as is cheap.
 *
 * What the processor at hand reorders it may show here; what the rules are proved by is tests/weak. Nothing
 * waits for time: a wake-up that is lost is a test that does not end. */
#include <quarry/gfp.h>
#include <quarry/mempool.h>
#include <quarry/rcu.h>
#include <quarry/report.h>
#include <quarry/slab.h>
#include <quarry/vmalloc.h>
#include "instance.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define READ(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define WRITE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)

static void no_findings(void)
{
    assert_int_equal(qr_report_count(&quarry_default.check, QUARRY_FINDING_KINDS), 0);
}

/* Two threads, side by side. */
static void both(void *(*one)(void *), void *(*other)(void *), void *arg)
{
    pthread_t thread[2];
    void *wrong;

    assert_int_equal(pthread_create(&thread[0], NULL, one, arg), 0);
    assert_int_equal(pthread_create(&thread[1], NULL, other, arg), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        if (wrong)
            fail_msg("%s", (const char *)wrong);
    }
    no_findings();
}

/* Wait for the other one, without sleeping: the two go on at the same moment, nearly. */
static unsigned int arrived;

static void meet(unsigned int round)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
    while (READ(arrived) < 2 * round)
        sched_yield();
}

/* ---- a CPU comes online ---------------------------------------------------------------------- */

struct shown {
    int gone;
    char rest[60];
};
static struct shown *shown;

static void *reads_at_once(void *arg)
{
    struct shown *object;
    int *torn = arg;

    quarry_rcu_read_lock(); /* this thread's first call */
    object = READ(shown);
    if (READ(object->gone))
        __atomic_fetch_add(torn, 1, __ATOMIC_RELAXED);
    quarry_rcu_read_unlock();
    kfree(kmalloc(64, GFP_KERNEL)); /* and now it has a CPU */
    quarry_rcu_read_lock();
    object = READ(shown);
    if (READ(object->gone))
        __atomic_fetch_add(torn, 1, __ATOMIC_RELAXED);
    quarry_rcu_read_unlock();
    return NULL;
}

static void a_new_cpu_is_seen_by_who_waits_for_readers(void **state)
{
    int torn = 0;

    (void)state;
    assert_int_equal(quarry_set_grace_period(&quarry_counted_readers), 0);
    WRITE(shown, kzalloc(sizeof(*shown), GFP_KERNEL));
    for (int round = 0; round < 40; round++) {
        struct shown *next = kzalloc(sizeof(*next), GFP_KERNEL), *old = shown;
        pthread_t thread[2];
        assert_non_null(next);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, reads_at_once, &torn), 0);
        WRITE(shown, next);
        assert_int_equal(quarry_rcu_wait(), 0);
        WRITE(old->gone, 1);
        for (int i = 0; i < 2; i++)
            pthread_join(thread[i], NULL);
        kfree(old);
    }
    kfree(shown);
    assert_int_equal(torn, 0);
}

/* ---- a sleeper is drained, a runner is asked -------------------------------------------------- */

#define OBJECTS 100

static struct {
    struct kmem_cache *cache;
    struct qp_event event;
    int done;
    int sleeps; /* or runs */
    struct qr_cpu *cpu;
} drained;

static void *has_objects(void *arg)
{
    void *object[OBJECTS];

    (void)arg;
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < OBJECTS; i++)
            object[i] = kmem_cache_alloc(drained.cache, GFP_KERNEL);
        for (int i = 0; i < OBJECTS; i++)
            kmem_cache_free(drained.cache, object[i]);
        if (drained.sleeps)
            qp_wait(&drained.event, READ(drained.event.moves), 20000);
        qp_percpu_leave(qp_percpu_enter(&quarry_default.cpus, &drained.cpu));
    }
    WRITE(drained.done, 1);
    /* Whoever asked at the very end is answered: nobody is left closed. */
    while (READ(drained.done) < 2 || READ(drained.cpu->drain_requested) & QR_DRAIN_STACKS)
        kmem_cache_free(drained.cache, kmem_cache_alloc(drained.cache, GFP_KERNEL));
    return qr_cpu_slot(drained.cpu, drained.cache->slot_id)->hooks & QR_HOOK_STOPPED
               ? (void *)"a slot stays closed with nobody to open it"
               : NULL;
}

static void *drains(void *arg)
{
    (void)arg;
    while (!READ(drained.done)) {
        qr_slabs_drain_all(&quarry_default.slabs);
        drain_all_pages();
    }
    WRITE(drained.done, 2);
    return NULL;
}

static void drain_test(int sleeps)
{
    memset(&drained, 0, sizeof(drained));
    drained.sleeps = sleeps;
    drained.cache = kmem_cache_create("drained", 120, 0, 0, NULL);
    assert_non_null(drained.cache);
    both(has_objects, drains, NULL);
    assert_int_equal(quarry_check_all(), 0);
    kmem_cache_destroy(drained.cache); /* complains about objects that are missing */
    no_findings();
}

static void a_sleeper_is_drained(void **state)
{
    (void)state;
    drain_test(1);
}

static void a_runner_is_asked(void **state)
{
    (void)state;
    drain_test(0);
}

/* ---- objects cross over ----------------------------------------------------------------------- */

static int *crossing[64];

static void *crosses(void *arg)
{
    unsigned int random = (unsigned int)(uintptr_t)pthread_self();

    (void)arg;
    for (int i = 0; i < 30000; i++) {
        int *mine = kmem_cache_alloc(drained.cache, GFP_KERNEL), *other;
        random = random * 1103515245 + 12345;
        *mine = 7;
        other = __atomic_exchange_n(&crossing[random >> 16 & 63], mine, __ATOMIC_ACQ_REL);
        if (other && *other != 7)
            return (void *)"an object was somebody else's";
        if (other) {
            *other = 8;
            kmem_cache_free(drained.cache, other);
        }
    }
    return NULL;
}

static void objects_cross_over(void **state)
{
    (void)state;
    drained.cache = kmem_cache_create("crossing", 64, 0, 0, NULL);
    assert_non_null(drained.cache);
    both(crosses, crosses, NULL);
    for (int i = 0; i < 64; i++)
        kmem_cache_free(drained.cache, crossing[i]);
    kmem_cache_destroy(drained.cache);
    no_findings();
}

/* ---- frees put off ---------------------------------------------------------------------------- */

static void *puts_off(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        void *area = vmalloc(3 * PAGE_SIZE);
        if (!area)
            return (void *)"no memory";
        vfree_atomic(area);
        while (READ(quarry_default.vm
                        .deferred)) /* nobody but the worker does it, and none calls it again */
            sched_yield();
    }
    return NULL;
}

static void frees_put_off_are_made(void **state)
{
    (void)state;
    both(puts_off, puts_off, NULL);
}

/* ---- a pool of one ----------------------------------------------------------------------------- */

static int pool_dry;

static void *dry_alloc(gfp_t gfp, void *data)
{
    return READ(pool_dry) ? NULL : mempool_kmalloc(gfp, data);
}

static void *takes_turns(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        int *element = mempool_alloc(arg, GFP_KERNEL);
        ++*element; /* nobody else has it */
        mempool_free(element, arg);
    }
    return NULL;
}

static void a_pool_of_one_serves_both(void **state)
{
    mempool_t *pool = mempool_create(1, dry_alloc, mempool_kfree, (void *)(uintptr_t)64);
    int *element;

    (void)state;
    assert_non_null(pool);
    element = mempool_alloc_preallocated(pool);
    *element = 0;
    mempool_free(element, pool);
    WRITE(pool_dry, 1);
    both(takes_turns, takes_turns, pool);
    element = mempool_alloc_preallocated(pool);
    assert_non_null(element);
    assert_int_equal(*element, 4000);
    mempool_free(element, pool);
    mempool_destroy(pool);
}

/* ---- the last reference ------------------------------------------------------------------------ */

#define PAGES 500

static struct page *held[PAGES];

static void *lets_go(void *arg)
{
    (void)arg;
    for (unsigned int i = 0; i < PAGES; i++) {
        meet(i + 1);
        put_page(held[i]);
    }
    return NULL;
}

static void the_last_reference_frees_the_page(void **state)
{
    (void)state;
    for (int i = 0; i < PAGES; i++) {
        held[i] = alloc_page(GFP_KERNEL);
        assert_non_null(held[i]);
        get_page(held[i]);
    }
    arrived = 0;
    both(lets_go, lets_go, NULL);
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(page_count(held[i]), 0);
    assert_int_equal(quarry_check_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_cpu_is_seen_by_who_waits_for_readers),
        cmocka_unit_test(a_sleeper_is_drained),
        cmocka_unit_test(a_runner_is_asked),
        cmocka_unit_test(objects_cross_over),
        cmocka_unit_test(frees_put_off_are_made),
        cmocka_unit_test(a_pool_of_one_serves_both),
        cmocka_unit_test(the_last_reference_frees_the_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
