/* SPDX-License-Identifier: MIT */
/* Frees that wait for readers: many, in any context, of any memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "instance.h"
#include "machine.h"
#include <pthread.h>

struct headed {
    char data[100];
    struct callback_head head;
};

static struct headed *headed_new(struct quarry *q, size_t size)
{
    struct headed *object = qr_kvmalloc(&q->vm, size, GFP_KERNEL, NUMA_NO_NODE);

    assert_non_null(object);
    memset(object->data, 'd', sizeof(object->data));
    return object;
}

static void give_away(struct quarry *q, struct headed *object)
{
    qr_kvfree_rcu(&q->vm, object, &object->head);
}

static bool is_free(struct quarry *q, const void *address)
{
    struct qr_object object;

    return qr_object_find(&q->slabs, address, &object) && !object.allocated;
}

static void an_object_stays_as_it_is_until_readers_are_done(void **state)
{
    struct quarry *q =
        test_boot_with(&(struct test_spec){.pages = 1024, .options = "slab_debug=FP"});
    struct headed *object = headed_new(q, sizeof(*object));

    qr_grace_enter(&q->grace);
    give_away(q, object);
    q->grace.source.tidy(&q->grace);
    assert_false(is_free(q, object));
    for (size_t i = 0; i < sizeof(object->data); i++)
        assert_int_equal(object->data[i], 'd');
    assert_int_equal(q->vm.later.nr, 1);
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_true(is_free(q, object));
    assert_int_equal(q->vm.later.nr, 0);
    test_end(q);
}

/* However many come meanwhile: two grace periods are enough, one for each list. */
static void a_thousand_objects_need_two_grace_periods(void **state)
{
    struct quarry *q = test_boot(1024);
    u64 completed;

    qr_grace_enter(&q->grace);
    completed = q->grace.completed;
    for (int i = 0; i < 1000; i++)
        give_away(q, headed_new(q, sizeof(struct headed)));
    qr_kvfree_rcu(&q->vm, NULL, NULL);
    assert_int_equal(q->vm.later.nr, 1000);
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(q->vm.later.nr, 0);
    assert_true(q->grace.completed - completed <= 2);
    test_end(q);
}

static void vmalloc_memory_is_freed_too(void **state)
{
    struct quarry *q = test_boot(4096);
    struct headed *object = headed_new(q, 64 * PAGE_SIZE);

    assert_true(qr_vm_contains(&q->vm, object) || qr_virt_in_map(&q->map, object));
    give_away(q, object);
    object = qr_vmalloc(&q->vm, 8 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "test");
    qr_grace_enter(&q->grace);
    give_away(q, object);
    assert_non_null(qr_find_vm_area(&q->vm, object));
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(q->vm.later.nr, 0);
    assert_null(qr_find_vm_area(&q->vm, object));
    test_end(q);
}

static void an_object_without_a_head_gets_one(void **state)
{
    struct quarry *q =
        test_boot_with(&(struct test_spec){.pages = 1024, .options = "slab_debug=F"});
    void *object = headed_new(q, 200);

    qr_kvfree_rcu_mightsleep(&q->vm, NULL);
    qr_kvfree_rcu_mightsleep(&q->vm, object);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(q->vm.later.nr, 0);
    assert_true(is_free(q, object));
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    test_end(q); /* the head's block is no leak: this counts */
}

static void fault_every(struct quarry *q, bool on)
{
    struct quarry_fault fault = {.nth = 1, .persistent = true};

    qr_fault_set(&q->faults, QUARRY_FAILSLAB, on ? &fault : NULL);
}

static void without_memory_for_a_head_the_caller_waits(void **state)
{
    struct quarry *q =
        test_boot_with(&(struct test_spec){.pages = 1024, .options = "slab_debug=F"});
    void *object = headed_new(q, 200);
    u64 completed = q->grace.completed;

    fault_every(q, true);
    qr_kvfree_rcu_mightsleep(&q->vm, object);
    assert_true(is_free(q, object));
    assert_true(q->grace.completed > completed);
    object = NULL;
    fault_every(q, false);
    object = headed_new(q, 200);
    fault_every(q, true);
    qr_grace_enter(&q->grace);
    qr_kvfree_rcu_mightsleep(&q->vm, object); /* may not sleep here: reported, and kept */
    fault_every(q, false);
    qr_grace_leave(&q->grace);
    assert_false(is_free(q, object));
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 2);
    assert_non_null(strstr(test_last_report, "kept for ever"));
    qr_kvfree(&q->vm, object, "test");
    test_end(q);
}

static void an_object_given_twice_is_reported_and_the_list_ends(void **state)
{
    struct quarry *q =
        test_boot_with(&(struct test_spec){.pages = 1024, .options = "slab_debug=F"});
    struct headed *object = headed_new(q, sizeof(*object));

    qr_grace_enter(&q->grace);
    give_away(q, headed_new(q, sizeof(*object))); /* waits; the next ones gather */
    give_away(q, object);
    give_away(q, object);
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(q->vm.later.nr, 0);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    assert_int_equal(test_findings(q, QUARRY_CORRUPTION), 1);
    test_end(q);
}

static void an_object_written_to_after_it_was_given_is_reported_and_loses_the_rest(void **state)
{
    struct quarry *q =
        test_boot_with(&(struct test_spec){.pages = 1024, .options = "slab_debug=F"});
    struct headed *first = headed_new(q, sizeof(*first)), *second = headed_new(q, sizeof(*first));

    qr_grace_enter(&q->grace);
    give_away(q, headed_new(q, sizeof(*first))); /* waits; the next ones gather */
    give_away(q, first);
    give_away(q, second);
    second->head.next = NULL;
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(q->vm.later.nr, 0);
    assert_true(is_free(q, second));
    assert_false(is_free(q, first));
    assert_int_equal(test_findings(q, QUARRY_CORRUPTION), 1);
    assert_non_null(strstr(test_last_report, "written to after it was given"));
    qr_kvfree(&q->vm, first, "test");
    test_end(q);
}

static void where_nobody_knows_of_readers_an_object_without_a_head_is_kept(void **state)
{
    struct quarry *q = test_boot_with(
        &(struct test_spec){.pages = 1024, .options = "slab_debug=F", .no_readers = true});
    void *object = headed_new(q, 200);

    fault_every(q, true);
    qr_kvfree_rcu_mightsleep(&q->vm, object);
    fault_every(q, false);
    assert_false(is_free(q, object));
    assert_non_null(strstr(test_last_report, "kept for ever"));
    qr_kvfree(&q->vm, object, "test");
    test_end(q);
}

/* A shortage frees what waits before it takes anything from the callers' caches. */
static void a_shortage_frees_what_waits(void **state)
{
    struct quarry *q = test_boot_with(&(struct test_spec){.pages = 2048});
    unsigned long freed;

    qr_reclaim_pause(&q->reclaim); /* not the worker, but who needs the memory */
    for (int i = 0; i < 64; i++)
        give_away(q, qr_kmalloc_slow(&q->kmalloc, 4 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE));
    assert_int_equal(q->vm.later.nr, 64);
    freed = qr_reclaim_round(&q->reclaim, GFP_KERNEL, 256, NUMA_NO_NODE, QR_EFFORT_ALL);
    assert_int_equal(q->vm.later.nr, 0);
    assert_true(freed >= 128);
    qr_reclaim_resume(&q->reclaim);
    test_end(q);
}

/* What happens between two steps of a batch: the first object of it was freed before, and the report of
 * that gives another object away. */
struct meanwhile {
    struct quarry *q;
    struct headed *object;
    u64 asked, done; /* calls at that moment */
};

static bool give_meanwhile(const struct quarry_report *report, void *data)
{
    struct meanwhile *meanwhile = data;
    struct qr_grace *grace = &meanwhile->q->grace;

    if (report->kind != QUARRY_DOUBLE_FREE || !meanwhile->object)
        return false;
    give_away(meanwhile->q, meanwhile->object);
    meanwhile->object = NULL;
    meanwhile->done = grace->done;
    meanwhile->asked = grace->asked;
    return false;
}

/* K1: while a batch is freed and another waits, the call for that one is asked for already. A barrier that
 * begins now counts from it, and so reaches what gathers behind. */
static void a_batch_that_waits_has_its_call_while_another_is_freed(void **state)
{
    struct quarry *q =
        test_boot_with(&(struct test_spec){.pages = 1024, .options = "slab_debug=F"});
    struct meanwhile meanwhile = {.q = q, .object = headed_new(q, sizeof(struct headed))};
    struct callback_head head;
    void *freed_before = headed_new(q, sizeof(struct headed));
    struct headed *second = headed_new(q, sizeof(struct headed));

    qr_kvfree(&q->vm, freed_before, "test");
    qr_report_set_hook(&q->check, give_meanwhile, &meanwhile);
    qr_grace_enter(&q->grace);
    qr_kvfree_rcu(&q->vm, freed_before, &head);
    give_away(q, second); /* gathers */
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    qr_report_set_hook(&q->check, NULL, NULL);
    assert_null(meanwhile.object);
    assert_int_equal(meanwhile.asked - meanwhile.done, 2); /* the one that runs, the one to come */
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(q->vm.later.nr, 0);
    test_end(q);
}

/* Whoever frees a batch may be in a context of its own: that is no fault of who gave the objects. */
static void vmalloc_memory_of_a_batch_freed_in_atomic_context_is_put_off(void **state)
{
    struct quarry *q = test_boot(4096);
    struct headed *object;
    bool before, inside;

    object = qr_vmalloc(&q->vm, 8 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "test");
    assert_non_null(object);
    qr_reclaim_pause(&q->reclaim); /* not the worker, but who passes by */
    qr_grace_enter(&q->grace);
    give_away(q, object);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    qr_grace_leave(&q->grace);
    before = q->vm.later.nr == 1;
    q->grace.source.shrink(&q->grace, 1, false);
    inside = q->vm.later.nr == 0;
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_true(before && inside);
    assert_null(qr_find_vm_area(&q->vm, object));
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    qr_reclaim_resume(&q->reclaim);
    test_end(q);
}

/* Several tasks give objects away and wait, each for its own: whatever the others' objects and the worker
 * are at, a barrier must not end before all is free that its caller gave. */
#define GIVERS 3
#define GIFTS 2000

struct giver {
    struct quarry *q;
    struct kmem_cache *cache; /* its own: nobody else gets what it gave */
    unsigned int kept;        /* objects that a barrier did not wait for */
};

static void *give_and_wait(void *arg)
{
    struct giver *giver = arg;
    struct quarry *q = giver->q;

    for (int i = 0; i < GIFTS; i++) {
        struct headed *object[8];
        for (int k = 0; k < 8; k++) {
            object[k] = qr_cache_alloc_slow(giver->cache, GFP_KERNEL, NUMA_NO_NODE);
            give_away(q, object[k]);
        }
        qr_grace_barrier(&q->grace, "test");
        for (int k = 0; k < 8; k++)
            giver->kept += !is_free(q, object[k]);
    }
    return NULL;
}

static void a_barrier_waits_for_what_its_caller_gave(void **state)
{
    const struct qr_cache_params params = {
        .name = "gifts", .size = sizeof(struct headed), .slot_id = QR_NO_SLOT};
    struct quarry *q =
        test_boot_with(&(struct test_spec){.pages = 2048, .options = "slab_debug=F"});
    struct giver givers[GIVERS] = {0};
    pthread_t thread[GIVERS];

    for (int i = 0; i < GIVERS; i++) {
        givers[i].q = q;
        givers[i].cache = qr_cache_create(&q->slabs, &params);
        assert_non_null(givers[i].cache);
        assert_int_equal(pthread_create(&thread[i], NULL, give_and_wait, &givers[i]), 0);
    }
    for (int i = 0; i < GIVERS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < GIVERS; i++) {
        assert_int_equal(givers[i].kept, 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, givers[i].cache, false), 0);
    }
    assert_int_equal(q->vm.later.nr, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_stays_as_it_is_until_readers_are_done),
        cmocka_unit_test(a_thousand_objects_need_two_grace_periods),
        cmocka_unit_test(vmalloc_memory_is_freed_too),
        cmocka_unit_test(an_object_without_a_head_gets_one),
        cmocka_unit_test(without_memory_for_a_head_the_caller_waits),
        cmocka_unit_test(an_object_given_twice_is_reported_and_the_list_ends),
        cmocka_unit_test(an_object_written_to_after_it_was_given_is_reported_and_loses_the_rest),
        cmocka_unit_test(where_nobody_knows_of_readers_an_object_without_a_head_is_kept),
        cmocka_unit_test(a_shortage_frees_what_waits),
        cmocka_unit_test(a_batch_that_waits_has_its_call_while_another_is_freed),
        cmocka_unit_test(vmalloc_memory_of_a_batch_freed_in_atomic_context_is_put_off),
        cmocka_unit_test(a_barrier_waits_for_what_its_caller_gave),
    };

    return cmocka_run_group_tests_name("kvfree_rcu", tests, NULL, NULL);
}
