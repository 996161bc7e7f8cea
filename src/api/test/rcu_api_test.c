/* SPDX-License-Identifier: MIT */
/* The calls of quarry/rcu.h on the default machine, as a program uses them. */
#undef QUARRY_BUILDING_CORE
#include <quarry/quarry.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "child.h"

static unsigned long found;

static bool remember(const struct quarry_report *report, void *data)
{
    found++;
    return false;
}

static int forget(void **state)
{
    found = 0;
    quarry_set_report_hook(remember, NULL);
    return 0;
}

struct node {
    long value;
    struct callback_head rcu;
};

static void a_section_is_known_while_it_is_open(void **state)
{
    assert_false(quarry_rcu_read_held());
    quarry_rcu_read_lock();
    quarry_rcu_read_lock();
    quarry_rcu_read_unlock();
    assert_true(quarry_rcu_read_held());
    assert_int_equal(quarry_rcu_wait(), -EDEADLK);
    assert_int_equal(found, 1);
    quarry_rcu_read_unlock();
    assert_false(quarry_rcu_read_held());
    quarry_rcu_read_unlock();
    assert_int_equal(found, 2);
    assert_int_equal(quarry_rcu_wait(), 0);
}

static void objects_wait_for_the_section_and_no_longer(void **state)
{
    struct node *node = kmalloc_obj(*node), *other = kvmalloc_objs(*other, 100000);
    void *area = vmalloc(40);

    quarry_rcu_read_lock();
    node->value = 17;
    kfree_rcu(node, rcu);
    kvfree_rcu(other, rcu);
    kfree_rcu((struct node *)NULL, rcu);
    assert_int_equal(quarry_rcu_pending(), 2);
    assert_int_equal(node->value, 17);
    assert_int_equal(quarry_rcu_barrier(), -EDEADLK);
    assert_int_equal(found, 1);
    quarry_rcu_read_unlock();
    assert_int_equal(quarry_rcu_barrier(), 0);
    assert_int_equal(quarry_rcu_pending(), 0);
    kfree_rcu_mightsleep(kmalloc(40, GFP_KERNEL));
    kvfree_rcu_mightsleep(area);
    assert_int_equal(quarry_rcu_barrier(), 0);
    assert_null(find_vm_area(area));
    assert_int_equal(quarry_rcu_barrier(), 0);
    assert_int_equal(quarry_rcu_pending(), 0);
    assert_int_equal(found, 1);
}

/* An allocation that may sleep is out of place in a section (G-C1). */
static void a_section_is_atomic_context(void **state)
{
    unsigned long before = quarry_findings(QUARRY_BAD_CONTEXT);
    void *area;

    quarry_rcu_read_lock();
    area = vmalloc(100);
    quarry_rcu_read_unlock();
    assert_int_equal(quarry_findings(QUARRY_BAD_CONTEXT), before + 1);
    vfree(area);
}

static void *end_elsewhere(void *arg)
{
    kfree(kmalloc(40, GFP_KERNEL)); /* a CPU of its own, which counts its sections */
    quarry_rcu_read_lock();
    __atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE) == 1)
        sched_yield();
    quarry_rcu_read_unlock();
    return NULL;
}

/* The child has no other thread: a section that another one had open in the parent is not waited for. */
static void only_sections_of_this_process_count(const void *data)
{
    CHILD_CHECK(quarry_rcu_wait() == 0);
    CHILD_CHECK(quarry_rcu_barrier() == 0);
    CHILD_CHECK(quarry_rcu_pending() == 0);
}

static void a_forked_child_waits_for_its_own_sections_only(void **state)
{
    struct node *node = kmalloc_obj(*node);
    pthread_t thread;
    int step = 0;

    pthread_create(&thread, NULL, end_elsewhere, &step);
    while (!__atomic_load_n(&step, __ATOMIC_ACQUIRE))
        sched_yield();
    kfree_rcu(node, rcu);
    assert_true(child_exited_well(child_run(only_sections_of_this_process_count, NULL)));
    assert_int_equal(quarry_rcu_pending(), 1);
    __atomic_store_n(&step, 2, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_int_equal(quarry_rcu_barrier(), 0);
}

static int periods;

static void count_period(void *data)
{
    ++*(int *)data;
}

static void a_program_may_bring_its_own_grace_periods(void **state)
{
    const struct quarry_grace_period how = {.name = "own", .wait = count_period, .data = &periods};
    const struct quarry_grace_period empty = {.name = "empty"};
    struct node *node = kmalloc_obj(*node);

    assert_int_equal(quarry_set_grace_period(&empty), -EINVAL);
    assert_int_equal(found, 1);
    assert_int_equal(quarry_set_grace_period(&how), 0);
    kfree_rcu(node, rcu);
    assert_int_equal(quarry_rcu_barrier(), 0);
    assert_int_equal(periods, 1);
    assert_int_equal(quarry_rcu_wait(), 0);
    assert_int_equal(periods, 2);
    assert_int_equal(quarry_set_grace_period(NULL), 0);
    assert_int_equal(quarry_rcu_wait(), 0);
    assert_int_equal(periods, 2);
}

/* The object is somebody else's at once, its type never changes while a reader may look. */
static void a_typesafe_object_is_reused_at_once(void **state)
{
    struct kmem_cache *cache =
        kmem_cache_create("typesafe", sizeof(struct node), 0, SLAB_TYPESAFE_BY_RCU, NULL);
    struct node *first = kmem_cache_alloc(cache, GFP_KERNEL), *second;

    quarry_rcu_read_lock();
    first->value = 4;
    kmem_cache_free(cache, first);
    second = kmem_cache_alloc(cache, GFP_ATOMIC);
    assert_ptr_equal(first, second);
    assert_int_equal(second->value, 4); /* not even poison: a reader may be at it */
    kmem_cache_free(cache, second);
    quarry_rcu_read_unlock();
    assert_int_equal(kmem_cache_shrink(cache), 0);
    kmem_cache_destroy(cache);
    assert_int_equal(found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_section_is_known_while_it_is_open, forget),
        cmocka_unit_test_setup(objects_wait_for_the_section_and_no_longer, forget),
        cmocka_unit_test_setup(a_section_is_atomic_context, forget),
        cmocka_unit_test_setup(a_forked_child_waits_for_its_own_sections_only, forget),
        cmocka_unit_test_setup(a_program_may_bring_its_own_grace_periods, forget),
        cmocka_unit_test_setup(a_typesafe_object_is_reused_at_once, forget),
    };

    setenv("QUARRY_WATCH", "0", 1); /* what was freed last is to come back first */
    return cmocka_run_group_tests_name("rcu_api", tests, NULL, NULL);
}
