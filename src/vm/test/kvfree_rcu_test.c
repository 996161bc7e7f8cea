/* SPDX-License-Identifier: MIT */
/* Frees that wait for readers: many, in any context, of any memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "instance.h"
#include "machine.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_stays_as_it_is_until_readers_are_done),
        cmocka_unit_test(a_thousand_objects_need_two_grace_periods),
        cmocka_unit_test(vmalloc_memory_is_freed_too),
        cmocka_unit_test(an_object_without_a_head_gets_one),
        cmocka_unit_test(without_memory_for_a_head_the_caller_waits),
        cmocka_unit_test(an_object_given_twice_is_reported_and_the_list_ends),
        cmocka_unit_test(a_shortage_frees_what_waits),
    };

    return cmocka_run_group_tests_name("kvfree_rcu", tests, NULL, NULL);
}
