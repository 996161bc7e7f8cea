/* SPDX-License-Identifier: MIT */
/* Pairs of calls into the layers above the pages: nothing is lost, nothing is had by two, nobody sleeps for
 * ever, whoever comes between. */
#include "race.h"
#include <quarry/fault.h>
#include <quarry/mempool.h>
#include <quarry/percpu.h>
#include <quarry/shrinker.h>
#include <quarry/slab.h>
#include <quarry/vmalloc.h>
#include <string.h>

static void *thing[2], *mine, *theirs;

/* Two who hold something hold different things, and nobody writes over the other's. */
static void assert_apart(size_t size)
{
    assert_non_null(mine);
    assert_non_null(theirs);
    assert_ptr_not_equal(mine, theirs);
    memset(mine, 1, size);
    memset(theirs, 2, size);
    assert_int_equal(((char *)mine)[size - 1], 1);
    assert_int_equal(*(char *)mine, 1);
}

/* ---- object caches ----------------------------------------------------------------------------- */

static struct kmem_cache *cache;

static void before_cache(void)
{
    cache = kmem_cache_create("race", 1000, 0, 0, NULL);
    thing[0] = kmem_cache_alloc(cache, GFP_KERNEL);
    thing[1] = kmem_cache_alloc(cache, GFP_KERNEL);
    assert_non_null(thing[1]);
    mine = theirs = NULL;
}

static void free_an_object(void *unused)
{
    (void)unused;
    kmem_cache_free(cache, thing[0]);
}

static void free_another_object(void *unused)
{
    (void)unused;
    kmem_cache_free(cache, thing[1]);
}

static void take_an_object(void *unused)
{
    (void)unused;
    mine = kmem_cache_alloc(cache, GFP_KERNEL);
}

static void take_another_object(void *unused)
{
    (void)unused;
    theirs = kmem_cache_alloc(cache, GFP_KERNEL);
}

static void shrink_the_cache(void *unused)
{
    (void)unused;
    kmem_cache_shrink(cache);
}

/* Objects left would be a finding. */
static void both_are_freed(void)
{
    kmem_cache_destroy(cache);
}

static void one_is_left(void)
{
    kmem_cache_free(cache, thing[1]);
    kmem_cache_destroy(cache);
}

static void one_was_taken(void)
{
    assert_non_null(mine);
    assert_ptr_not_equal(mine, thing[0]);
    assert_ptr_not_equal(mine, thing[1]);
    kmem_cache_free(cache, mine);
    kmem_cache_free(cache, thing[0]);
    one_is_left();
}

static void one_was_taken_for_another(void)
{
    assert_non_null(mine);
    assert_ptr_not_equal(mine, thing[1]);
    kmem_cache_free(cache, mine);
    one_is_left();
}

static void two_were_taken(void)
{
    assert_apart(1000);
    kmem_cache_free(cache, theirs);
    one_was_taken();
}

static void objects_are_had_by_one_at_a_time(void **state)
{
    (void)state;
    race_run_both(
        (struct race){before_cache, free_an_object, free_another_object, both_are_freed, 0});
    race_run_both(
        (struct race){before_cache, take_an_object, take_another_object, two_were_taken, 0});
    race_run_both(
        (struct race){before_cache, take_an_object, free_an_object, one_was_taken_for_another, 0});
}

static void a_cache_that_shrinks_loses_no_object(void **state)
{
    (void)state;
    race_run_both((struct race){before_cache, free_an_object, shrink_the_cache, one_is_left, 0});
    race_run_both((struct race){before_cache, take_an_object, shrink_the_cache, one_was_taken, 0});
}

/* Free objects on a CPU's two stacks and in the depot, and slabs that are empty. */
#define KEPT 14u

static unsigned int destructed;
static bool is_destroyed;

static void destruct(void *object, struct kmem_cache *of, unsigned long flags)
{
    (void)object;
    (void)of;
    (void)flags;
    assert_false(is_destroyed); /* its code may be gone */
    destructed++;
}

static void before_destruction(void)
{
    void *object[KEPT];

    is_destroyed = false;
    destructed = 0;
    cache = quarry_cache_create_26("race", 500, 0, 0, NULL, destruct);
    cache->empty_limit = 2; /* as on a larger machine */
    for (unsigned int i = 0; i < KEPT; i++)
        object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
    for (unsigned int i = 0; i < KEPT; i++)
        kmem_cache_free(cache, object[i]);
}

static void destroy_the_cache(void *unused)
{
    (void)unused;
    kmem_cache_destroy(cache);
    is_destroyed = true;
}

static void empty_all_stacks(void *unused)
{
    (void)unused;
    qr_slabs_drain_all(&qr_default()->slabs);
}

static void reclaim_slabs(void *unused)
{
    const struct qr_source *source = &qr_default()->slabs.source;

    (void)unused;
    source->shrink(source->data, 1000, false);
}

static void all_were_destructed(void)
{
    assert_true(is_destroyed);
    assert_true(destructed >= KEPT);
}

/* What they have in their hands is neither a leak nor lost, and the destructor is not called later. */
static void destruction_waits_for_those_that_empty_stacks_and_slabs(void **state)
{
    (void)state;
    race_run_both((struct race){before_destruction, empty_all_stacks, destroy_the_cache,
                                all_were_destructed, 0});
    race_run((const struct race[]){
        {before_destruction, reclaim_slabs, destroy_the_cache, all_were_destructed, 0}});
}

/* ---- a hook is replaced ------------------------------------------------------------------------- */

static int one_data, other_data;
static unsigned int times_asked;

static bool one_hook(const struct quarry_fault_request *request, void *data)
{
    assert_ptr_equal(data, &one_data);
    (void)request;
    times_asked++;
    return false;
}

static bool other_hook(const struct quarry_fault_request *request, void *data)
{
    assert_ptr_equal(data, &other_data);
    (void)request;
    times_asked++;
    return false;
}

static void before_hook(void)
{
    times_asked = 0;
    before_cache();
    quarry_set_fault_hook(one_hook, &one_data);
}

static void replace_the_hook(void *unused)
{
    (void)unused;
    quarry_set_fault_hook(other_hook, &other_data);
}

static void one_of_them_was_asked(void)
{
    quarry_set_fault_hook(NULL, NULL);
    assert_true(times_asked > 0);
    kmem_cache_free(cache, mine);
    kmem_cache_free(cache, thing[0]);
    one_is_left();
}

static void a_hook_is_called_with_its_own_data(void **state)
{
    (void)state;
    race_run_both(
        (struct race){before_hook, take_an_object, replace_the_hook, one_of_them_was_asked, 0});
}

/* ---- pools ------------------------------------------------------------------------------------- */

static mempool_t *pool;
static bool fails;

static void *pool_source(gfp_t gfp, void *data)
{
    return fails ? NULL : mempool_kmalloc(gfp, data);
}

static void pool_make(int nr)
{
    fails = false;
    kfree(kmalloc(2 * sizeof(void *), GFP_KERNEL)); /* there is a slab for a reserve's array */
    pool = mempool_create(nr, pool_source, mempool_kfree, (void *)(uintptr_t)100);
    assert_non_null(pool);
    fails = true; /* from here on the reserve is all there is */
    mine = theirs = NULL;
}

/* A reserve of one, which is out. */
static void before_empty_pool(void)
{
    pool_make(1);
    thing[0] = mempool_alloc(pool, GFP_NOWAIT);
    assert_non_null(thing[0]);
}

static void before_pool_of_two(void)
{
    pool_make(2);
    thing[0] = mempool_alloc(pool, GFP_NOWAIT);
    assert_non_null(thing[0]);
}

static void take_an_element(void *unused)
{
    (void)unused;
    mine = mempool_alloc(pool, GFP_KERNEL);
}

static void use_an_element(void *unused)
{
    void *element = mempool_alloc(pool, GFP_KERNEL);

    (void)unused;
    assert_ptr_not_equal(element, thing[0]);
    mempool_free(element, pool);
}

static void give_the_element_back(void *unused)
{
    (void)unused;
    mempool_free(thing[0], pool);
}

static void shrink_the_pool(void *unused)
{
    (void)unused;
    assert_int_equal(mempool_resize(pool, 1), 0);
}

static void grow_the_pool(void *unused)
{
    (void)unused;
    fails = false;
    assert_int_equal(mempool_resize(pool, 2), 0);
}

static void the_waiter_has_it(void)
{
    assert_ptr_equal(mine, thing[0]);
    mempool_free(mine, pool);
    mempool_destroy(pool);
}

static void all_elements_are_back(void)
{
    mempool_destroy(pool);
}

static void one_was_out(void)
{
    mempool_free(thing[0], pool);
    mempool_destroy(pool);
}

static void one_has_one(void)
{
    assert_non_null(mine);
    assert_ptr_not_equal(mine, thing[0]);
    mempool_free(mine, pool);
    mempool_free(thing[0], pool);
    mempool_destroy(pool);
}

/* The scheduler says so if somebody sleeps whom nobody will wake but the clock. */
static void who_waits_for_an_element_gets_what_comes_back(void **state)
{
    (void)state;
    race_run_both((struct race){before_empty_pool, take_an_element, give_the_element_back,
                                the_waiter_has_it, 0});
    race_run_both((struct race){before_empty_pool, take_an_element, grow_the_pool, one_has_one, 0});
    race_run_both(
        (struct race){before_pool_of_two, use_an_element, use_an_element, one_was_out, 0});
}

static void the_reserve_has_its_size_whoever_gives_and_takes(void **state)
{
    (void)state;
    race_run_both((struct race){before_pool_of_two, give_the_element_back, shrink_the_pool,
                                all_elements_are_back, 0});
    race_run_both((struct race){before_empty_pool, give_the_element_back, grow_the_pool,
                                all_elements_are_back, 0});
}

/* ---- areas ------------------------------------------------------------------------------------- */

static void before_areas(void)
{
    thing[0] = vmalloc(2 * PAGE_SIZE);
    thing[1] = vmalloc(3 * PAGE_SIZE);
    assert_non_null(thing[1]);
    mine = theirs = NULL;
}

static void free_an_area(void *unused)
{
    (void)unused;
    vfree(thing[0]);
}

static void free_another_area(void *unused)
{
    (void)unused;
    vfree(thing[1]);
}

static void make_an_area(void *unused)
{
    (void)unused;
    mine = vmalloc(2 * PAGE_SIZE);
}

static void make_another_area(void *unused)
{
    (void)unused;
    theirs = vmalloc(3 * PAGE_SIZE);
}

static void purge_the_areas(void *unused)
{
    (void)unused;
    vm_unmap_aliases();
}

static void look_at_another_area(void *unused)
{
    (void)unused;
    assert_non_null(find_vm_area(thing[1]));
    assert_non_null(vmalloc_to_page(thing[1]));
}

static void no_area_is_left(void)
{
    assert_int_equal(vmalloc_nr_pages(), 0);
}

static void another_area_is_left(void)
{
    assert_int_equal(vmalloc_nr_pages(), 3);
    vfree(thing[1]);
    no_area_is_left();
}

static void an_area_was_made_for_one(void)
{
    assert_non_null(mine);
    memset(mine, 3, 2 * PAGE_SIZE);
    assert_int_equal(vmalloc_nr_pages(), 5);
    vfree(mine);
    another_area_is_left();
}

static void two_areas_were_made(void)
{
    assert_apart(2 * PAGE_SIZE);
    assert_int_equal(vmalloc_nr_pages(), 10);
    vfree(mine);
    vfree(theirs);
    vfree(thing[0]);
    another_area_is_left();
}

static void areas_come_and_go_at_once(void **state)
{
    (void)state;
    race_run_both((struct race){before_areas, free_an_area, free_another_area, no_area_is_left, 0});
    race_run_both(
        (struct race){before_areas, free_an_area, make_an_area, an_area_was_made_for_one, 0});
    race_run_both(
        (struct race){before_areas, make_an_area, make_another_area, two_areas_were_made, 0});
}

static void areas_are_found_and_purged_while_others_go(void **state)
{
    (void)state;
    race_run_both(
        (struct race){before_areas, free_an_area, look_at_another_area, another_area_is_left, 0});
    race_run_both(
        (struct race){before_areas, free_an_area, purge_the_areas, another_area_is_left, 0});
}

/* ---- per-CPU memory ---------------------------------------------------------------------------- */

static void before_percpu(void)
{
    thing[0] = __alloc_percpu(8, 8);
    assert_non_null(thing[0]);
    mine = theirs = NULL;
}

static void free_a_percpu(void *unused)
{
    (void)unused;
    free_percpu(thing[0]);
}

static void take_a_percpu(void *unused)
{
    (void)unused;
    mine = __alloc_percpu(8, 8);
}

static void take_another_percpu(void *unused)
{
    (void)unused;
    theirs = __alloc_percpu(8, 8);
}

static void a_percpu_was_taken(void)
{
    assert_non_null(mine);
    free_percpu(mine);
}

static void two_percpus_were_taken(void)
{
    assert_non_null(mine);
    assert_non_null(theirs);
    assert_ptr_not_equal(mine, theirs);
    assert_ptr_not_equal(per_cpu_ptr(mine, 0), per_cpu_ptr(theirs, 0));
    free_percpu(theirs);
    free_percpu(mine);
    free_percpu(thing[0]);
}

static unsigned int areas_at_first;

static unsigned int count_areas(void)
{
    const struct qr_range *range = qr_default()->vm.arena.ranges;
    unsigned int nr = 0;

    for (; range; range = qr_range_next(range))
        nr += qr_range_owner(range) != NULL;
    return nr;
}

static void before_the_first_percpu(void)
{
    assert_int_equal(qr_default()->percpu.nr_chunks, 0);
    areas_at_first = count_areas();
    mine = theirs = NULL;
}

static void one_range_serves_both(void)
{
    assert_non_null(mine);
    assert_non_null(theirs);
    assert_ptr_not_equal(mine, theirs);
    assert_int_equal(count_areas(), areas_at_first + 1);
    free_percpu(theirs);
    free_percpu(mine);
}

static void two_that_come_first_reserve_one_range_of_per_cpu_addresses(void **state)
{
    (void)state;
    race_run((const struct race[]){
        {before_the_first_percpu, take_a_percpu, take_another_percpu, one_range_serves_both, 0}});
}

static void per_cpu_memory_is_had_by_one_at_a_time(void **state)
{
    (void)state;
    race_run_both(
        (struct race){before_percpu, take_a_percpu, free_a_percpu, a_percpu_was_taken, 0});
    race_run_both((struct race){before_percpu, take_a_percpu, take_another_percpu,
                                two_percpus_were_taken, 0});
}

/* ---- shrinkers ---------------------------------------------------------------------------------- */

static struct shrinker shrinker;
static bool in_service;

static unsigned long count_for_it(struct shrinker *self, struct shrink_control *control)
{
    (void)self;
    (void)control;
    assert_true(in_service);
    return 1;
}

static unsigned long shrink_nothing(struct shrinker *self, struct shrink_control *control)
{
    (void)self;
    (void)control;
    assert_true(in_service);
    return SHRINK_STOP;
}

static void before_shrinker(void)
{
    shrinker = (struct shrinker){
        .count_objects = count_for_it, .scan_objects = shrink_nothing, .seeks = DEFAULT_SEEKS};
    assert_int_equal(register_shrinker(&shrinker, "leaves"), 0);
    in_service = true;
}

static void ask_shrinkers(void *unused)
{
    (void)unused;
    (void)qr_shrinkers_run(&qr_default()->reclaim, GFP_KERNEL, NUMA_NO_NODE, QR_EFFORT_ALL);
}

static void take_the_shrinker_out(void *unused)
{
    (void)unused;
    unregister_shrinker(&shrinker);
    in_service = false;
}

static void the_shrinker_is_out(void)
{
    assert_false(in_service);
}

/* The scheduler says so if who takes it out is not woken by the last who is inside. */
static void a_shrinker_leaves_when_nobody_is_inside(void **state)
{
    (void)state;
    race_run_both((struct race){before_shrinker, ask_shrinkers, take_the_shrinker_out,
                                the_shrinker_is_out, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_had_by_one_at_a_time),
        cmocka_unit_test(a_cache_that_shrinks_loses_no_object),
        cmocka_unit_test(destruction_waits_for_those_that_empty_stacks_and_slabs),
        cmocka_unit_test(a_hook_is_called_with_its_own_data),
        cmocka_unit_test(who_waits_for_an_element_gets_what_comes_back),
        cmocka_unit_test(the_reserve_has_its_size_whoever_gives_and_takes),
        cmocka_unit_test(areas_come_and_go_at_once),
        cmocka_unit_test(areas_are_found_and_purged_while_others_go),
        cmocka_unit_test(two_that_come_first_reserve_one_range_of_per_cpu_addresses),
        cmocka_unit_test(per_cpu_memory_is_had_by_one_at_a_time),
        cmocka_unit_test(a_shrinker_leaves_when_nobody_is_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
