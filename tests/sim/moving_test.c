/* SPDX-License-Identifier: MIT */
/* A task may find itself on another CPU, of another node, after any section, and what it was about to take
 * may be gone after any lock: what it does must come out the same, and nothing may stay behind.
 *
 * Each operation is done again and again, the task moving after its first section, its second, and so on
 * until there is none left to move after. (The scheduler of a world leaves tasks where they are.) */
#include <quarry/slab.h>
#include "instance.h"
#include "slab/internal.h"
#include "point.h"
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NODE_FRAMES 1024ull
#define OBJECTS 300

void __real_sim_enable(unsigned long state, enum sim_point kind, const void *object);
void __wrap_sim_enable(unsigned long state, enum sim_point kind, const void *object);

static unsigned int sections; /* ended since the operation began */
static unsigned int move_after;

void __wrap_sim_enable(unsigned long state, enum sim_point kind, const void *object)
{
    __real_sim_enable(state, kind, object);
    if (kind == SIM_POINT_LEAVE && sim_here.off == 0 && ++sections == move_after)
        sim_here.cpu = !sim_here.cpu;
}

static struct kmem_cache *cache;
static void *object[OBJECTS];

/* Another CPU takes all that is free after the so-and-so-many-th lock is let go. */
static unsigned int unlocks, steal_after;
static void *stolen[OBJECTS];
static u32 nr_stolen;

void __real_sim_unlock(qp_lock_t *lock, unsigned long state);
void __wrap_sim_unlock(qp_lock_t *lock, unsigned long state);

void __wrap_sim_unlock(qp_lock_t *lock, unsigned long state)
{
    __real_sim_unlock(lock, state);
    if (++unlocks != steal_after)
        return;
    for (unsigned int nid = 0; nid < 2; nid++)
        nr_stolen += qr_node_take(cache, nid, stolen + nr_stolen, OBJECTS - nr_stolen);
}

/* Two nodes, a CPU on each; caches enough for the last one to need slots that no CPU has yet. */
static struct sim *world(const char *options)
{
    static const struct quarry_region regions[] = {
        {.start = 0, .size = NODE_FRAMES << PAGE_SHIFT, .nid = 0},
        {.start = NODE_FRAMES << PAGE_SHIFT, .size = NODE_FRAMES << PAGE_SHIFT, .nid = 1}};
    struct sim_config config = {
        .cpus = 2, .regions = regions, .nr_regions = 2, .options = options, .without_worker = true};
    char why[200] = "", name[24];
    struct sim *sim = sim_new(&config, why, sizeof(why));
    int nr = 0;

    if (!sim)
        fail_msg("%s", why);
    move_after = 0;
    for (sim_here.cpu = 0; sim_here.cpu < 2; sim_here.cpu++)
        qp_claim_cpu(&quarry_default.cpus);
    sim_here.cpu = 0;
    do {
        snprintf(name, sizeof(name), "moving-%d", nr++);
        cache = kmem_cache_create(name, 1000, 0, 0, NULL);
        assert_non_null(cache);
    } while (cache->slot_id < QR_CHUNK_SLOTS);
    return sim;
}

static unsigned int node_of(const void *address)
{
    const struct qr_map *map = &quarry_default.map;

    return qr_pfn_node(map, qr_pfn(map, qr_virt_page(map, address)));
}

static unsigned long slabs_of(const struct kmem_cache *of)
{
    unsigned long nr = 0;

    for (unsigned int nid = 0; nid < 2; nid++)
        nr += of->node[nid].nr_partial + of->node[nid].nr_full + of->node[nid].nr_empty;
    return nr;
}

/* Do @operation with a move after section @nth; whether there was one. */
static bool moved(unsigned int nth, void (*operation)(void))
{
    unsigned int before = sim_here.cpu;

    sections = 0;
    move_after = nth;
    operation();
    move_after = 0;
    sim_here.cpu = before;
    return sections >= nth;
}

static void nothing_is_left(struct sim *sim)
{
    assert_int_equal(qr_slabs_check(&quarry_default.slabs), 0);
    for (sim_here.cpu = 0; sim_here.cpu < 2; sim_here.cpu++)
        qr_slabs_drain_all(&quarry_default.slabs);
    sim_here.cpu = 0;
    assert_int_equal(kmem_cache_shrink(cache), 0);
    kmem_cache_destroy(cache);
    assert_int_equal(qr_report_count(&quarry_default.check, QUARRY_FINDING_KINDS), 0);
    sim_free(sim);
}

/* ---- operations ----------------------------------------------------------------------------- */

static void take_one(void)
{
    object[0] = kmem_cache_alloc(cache, GFP_KERNEL);
}

static void take_one_here(void)
{
    object[0] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_THISNODE);
}

static void give_one(void)
{
    kmem_cache_free(cache, object[0]);
}

static void drain(void)
{
    qr_slabs_drain_all(&quarry_default.slabs);
}

static void shrink(void)
{
    kmem_cache_shrink(cache);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static const char *const plain_or_debugged[] = {NULL, "slab_debug=F"};

static void an_object_is_had_and_given_wherever_the_task_is(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (unsigned int taking = 0; taking < 2; taking++)
            for (unsigned int nth = 1, again = 1; again; nth++) {
                struct sim *sim = world(plain_or_debugged[i]);
                if (taking) {
                    again = moved(nth, take_one);
                    assert_non_null(object[0]);
                    memset(object[0], 1, 1000);
                    give_one();
                } else {
                    take_one();
                    again = moved(nth, give_one);
                }
                assert_true(slabs_of(cache) <= 2);
                nothing_is_left(sim);
            }
}

/* Bound to the node of the CPU on which it began or to which it came: either is right, but not one slab
 * after another of the one while the other is looked at. */
static void a_request_bound_to_its_node_needs_one_slab_of_one_node(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (unsigned int direct = 0; direct < 2; direct++)
            for (unsigned int nth = 1, again = 1; again; nth++) {
                struct sim *sim = world(plain_or_debugged[i]);
                if (direct) /* no stacks */
                    quarry_default.slabs.stacked_limit = 0;
                again = moved(nth, take_one_here);
                assert_non_null(object[0]);
                assert_true(slabs_of(cache) <= 2);
                assert_true(node_of(object[0]) < 2);
                give_one();
                nothing_is_left(sim);
            }
}

static void stacks_are_emptied_though_the_task_goes_elsewhere(void **state)
{
    static void (*const emptying[])(void) = {drain, shrink};

    (void)state;
    for (int i = 0; i < 2; i++)
        for (unsigned int nth = 1, again = 1; again && nth < 400; nth += nth < 200 ? 1 : 7) {
            struct sim *sim = world(NULL);
            for (sim_here.cpu = 0; sim_here.cpu < 2; sim_here.cpu++) {
                for (int j = 0; j < OBJECTS; j++)
                    object[j] = kmem_cache_alloc(cache, GFP_KERNEL);
                for (int j = 0; j < OBJECTS; j++)
                    kmem_cache_free(cache, object[j]);
            }
            sim_here.cpu = 0;
            again = moved(nth, emptying[i]);
            nothing_is_left(sim);
        }
}

/* Another thread may run there by now. */
static void stacks_of_a_cpu_that_was_left_are_left_alone(void **state)
{
    struct sim *sim = world(NULL);
    struct qr_slot *slot;
    void **top;

    (void)state;
    object[0] = kmem_cache_alloc(cache, GFP_KERNEL);
    slot = qr_cpu_slot(quarry_default.cpus.area[0], cache->slot_id);
    top = slot->top;
    assert_non_null(slot->loaded);
    assert_true(moved(1, drain));
    assert_ptr_equal(slot->top, top);
    assert_non_null(slot->loaded);
    kmem_cache_free(cache, object[0]);
    nothing_is_left(sim);
}

static void what_another_takes_first_is_made_anew(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (unsigned int nth = 1, again = 1; again; nth++) {
            struct sim *sim = world(plain_or_debugged[i]);
            unlocks = nr_stolen = 0;
            steal_after = nth;
            take_one();
            again = unlocks >= nth;
            steal_after = 0;
            assert_non_null(object[0]);
            for (u32 j = 0; j < nr_stolen; j++) {
                assert_ptr_not_equal(object[0], stolen[j]);
                qr_cache_free_direct(cache, stolen[j], "test");
            }
            give_one();
            nothing_is_left(sim);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_had_and_given_wherever_the_task_is),
        cmocka_unit_test(a_request_bound_to_its_node_needs_one_slab_of_one_node),
        cmocka_unit_test(stacks_are_emptied_though_the_task_goes_elsewhere),
        cmocka_unit_test(stacks_of_a_cpu_that_was_left_are_left_alone),
        cmocka_unit_test(what_another_takes_first_is_made_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
