/* SPDX-License-Identifier: MIT */
/* Stacks when another CPU, or memory that ran out, comes between two steps: each moment made on purpose,
 * as what is found there. */
#include <pthread.h>
#include "fault/fault.h"
#include "slab_machine.h"
#include "hosted.h"
#include "meanwhile.h"

static struct qr_cpu *own_cpu(struct quarry *q)
{
    struct qr_cpu *cpu;

    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    return cpu;
}

/* ---- the budget ------------------------------------------------------------------------------ */

static void another_charges(void *data)
{
    struct qr_slabs *slabs = data;

    slabs->stacked_bytes = slabs->stacked_limit;
}

static void of_two_that_want_the_last_of_the_budget_one_gets_it(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = make_cache(q, "last", 64, 0);
    struct qr_stack *stack;

    (void)state;
    qr_reclaim_stop(&q->reclaim); /* nobody else writes */
    assert_int_equal(q->slabs.stacked_bytes, 0);
    q->slabs.stacked_limit = 4 * 64;
    meanwhile_do(&q->slabs.stacked_bytes, another_charges, &q->slabs);
    assert_null(qr_stack_new(cache, 4, 4, true));
    assert_int_equal(meanwhile.times, 1);
    assert_int_equal(q->slabs.stacked_bytes, q->slabs.stacked_limit); /* the other's, no more */
    q->slabs.stacked_bytes = 0;
    stack = qr_stack_new(cache, 4, 4, true);
    assert_non_null(stack);
    assert_int_equal(q->slabs.stacked_bytes, 4 * 64);
    qr_stack_free(cache, stack);
    test_end(q);
}

/* ---- the depot ------------------------------------------------------------------------------- */

/* The count is looked at without the lock: who comes second finds nothing under it. */
static void a_full_stack_that_another_cpu_took_is_replaced_by_objects_of_the_slabs(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = make_cache(q, "taken", 64, 0);
    struct qr_cache_node *node = &cache->node[0];
    void *object[200];

    (void)state;
    for (int i = 0; i < 200; i++) {
        node->nr_full_stacks = 1;
        object[i] = take(cache);
        assert_non_null(object[i]);
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(object[i], object[j]);
    }
    node->nr_full_stacks = 0;
    for (int i = 0; i < 200; i++)
        give(q, cache, object[i]);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

static void an_empty_stack_that_another_cpu_took_is_replaced_by_a_new_one(void **state)
{
    struct quarry *q = test_boot(4096);
    struct kmem_cache *cache = make_cache(q, "taken", 64, 0);
    struct qr_cache_node *node = &cache->node[0];
    static void *object[1000];

    (void)state;
    for (int i = 0; i < 1000; i++)
        object[i] = take(cache);
    assert_int_equal(node->nr_empty_stacks, 0);
    for (int i = 0; i < 1000; i++) {
        if (!node->empty_stacks)
            node->nr_empty_stacks = 1;
        give(q, cache, object[i]);
        if (!node->empty_stacks)
            node->nr_empty_stacks = 0;
    }
    assert_true(node->nr_full_stacks > 0);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

/* So many empty stacks wait there that nobody needs another. */
static void a_depot_with_enough_empty_stacks_sends_further_ones_back(void **state)
{
    enum { ENOUGH = 64 };
    struct quarry *q = test_boot(4096);
    struct kmem_cache *cache = make_cache(q, "enough", 64, 0);
    struct qr_cache_node *node = &cache->node[0];
    static void *object[3000];
    u32 before;
    int nr = 0;

    (void)state;
    q->slabs.stacked_limit = 64u << 20;
    for (int i = 0; i < 3000; i++)
        object[i] = take(cache);
    while (node->nr_full_stacks < 3)
        give(q, cache, object[nr++]);
    while (node->nr_empty_stacks < ENOUGH) {
        struct qr_stack *stack = qr_stack_new(cache, cache->depth, cache->depth, false);
        assert_non_null(stack);
        stack->next = node->empty_stacks;
        node->empty_stacks = stack;
        node->nr_empty_stacks++;
    }
    before = node->nr_full_stacks;
    while (node->nr_full_stacks == before) {
        assert_true(nr > 0);
        object[--nr] = take(cache);
    }
    assert_int_equal(node->nr_full_stacks, before - 1);
    while (node->nr_full_stacks == before - 1) {
        assert_true(nr > 0);
        object[--nr] = take(cache);
    }
    assert_int_equal(node->nr_empty_stacks, ENOUGH);
    while (nr < 3000)
        give(q, cache, object[nr++]);
    test_end(q); /* the budget is that of the stacks that are there */
}

/* ---- a CPU's slots --------------------------------------------------------------------------- */

/* The cache was made while this CPU came online: neither saw the other. */
static void a_slot_that_does_not_know_its_cache_learns_of_it(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "missed", 64, 0);
    struct qr_slot *slot = own_slot(q, cache);
    void *object;

    (void)state;
    slot->cache = NULL;
    slot->hooks = QR_HOOK_CLOSED;
    object = take(cache);
    assert_non_null(object);
    assert_ptr_equal(slot->cache, cache);
    assert_int_equal(slot->hooks, plain_hooks());
    assert_non_null(slot->loaded);
    give(q, cache, object);
    test_end(q);
}

static struct kmem_cache *cache_of_second_chunk(struct quarry *q)
{
    struct kmem_cache *cache;
    char name[24];
    int nr = 0;

    do {
        snprintf(name, sizeof(name), "chunk-%d", nr++);
        cache = make_cache(q, name, 64, 0);
    } while (cache->slot_id < QR_CHUNK_SLOTS);
    return cache;
}

static void *makes_slots_without_a_cpu(void *data)
{
    struct kmem_cache *cache = data;
    bool made;

    hosted_claims_forbid(true);
    made = qr_slot_make(cache);
    hosted_claims_forbid(false);
    return made ? cache : NULL;
}

/* An interrupt of this CPU, or another CPU to which the task moved, was first. */
static void slots_that_are_there_already_are_not_made_again(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = cache_of_second_chunk(q);
    struct qr_slot *chunk;
    pthread_t thread;
    void *made;
    u64 before;

    (void)state;
    give(q, cache, take(cache));
    chunk = own_cpu(q)->chunk[1];
    assert_ptr_not_equal(chunk, qr_closed_chunk);
    before = free_pages_when_idle(q);
    assert_true(qr_slot_make(cache));
    assert_ptr_equal(own_cpu(q)->chunk[1], chunk);
    assert_int_equal(free_pages_when_idle(q), before);
    pthread_create(&thread, NULL, makes_slots_without_a_cpu, cache);
    pthread_join(thread, &made);
    assert_ptr_equal(made, cache);
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

static void without_memory_for_slots_the_slabs_are_used_directly(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = cache_of_second_chunk(q);
    struct quarry_fault fault = {.nth = 1, .persistent = true};
    void *first = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE), *object;

    (void)state;
    qr_pcp_drain_all(&q->zones);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &fault), 0);
    object = take(cache);
    assert_non_null(object);
    assert_ptr_equal(own_cpu(q)->chunk[1], qr_closed_chunk);
    give(q, cache, object);
    assert_int_equal(cache_active(cache), 1);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    give(q, cache, first);
    assert_ptr_not_equal(own_cpu(q)->chunk[1], qr_closed_chunk);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

/* It was asked for as a deeper one, and the task is on a CPU now where it is none. */
static void a_fresh_stack_that_is_no_deeper_is_left_to_the_caller(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = make_cache(q, "deeper", 64, 0);
    struct slot_work work = {.cache = cache};
    struct qr_slot *slot;
    struct qr_stack *old, *fresh;
    enum slot_step step;
    void *object[512];
    u32 nr = 0;

    (void)state;
    object[nr++] = take(cache);
    slot = own_slot(q, cache);
    old = slot->loaded;
    while (slot->top[-1])
        object[nr++] = take(cache);
    fresh = qr_stack_new(cache, old->capacity, old->capacity, true);
    assert_non_null(fresh);
    work.fresh = fresh;
    cache->depth = 2 * old->capacity;
    while ((step = qr_slot_alloc_step(&work, own_cpu(q), slot)) == SLOT_NEEDS_SLAB)
        assert_int_equal(qr_slab_grow(cache, GFP_KERNEL, NUMA_NO_NODE, 0), SLAB_HERE);
    assert_int_equal(step, SLOT_DONE);
    assert_ptr_equal(slot->loaded, old);
    assert_ptr_equal(work.fresh, fresh);
    qr_stack_free(cache, fresh);
    give(q, cache, work.object);
    while (nr)
        give(q, cache, object[--nr]);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

/* ---- bulk ------------------------------------------------------------------------------------ */

struct bulk {
    struct quarry *q;
    struct kmem_cache *cache;
    int nr;
    bool known;
};

static void *bulk_is_a_threads_first_call(void *data)
{
    struct bulk *bulk = data;
    void *object[20];

    bulk->known = qr_cpu_known(own_cpu(bulk->q));
    bulk->nr = qr_cache_alloc_bulk(bulk->cache, GFP_KERNEL, 20, object);
    qr_cache_free_bulk(&bulk->q->slabs, bulk->cache, (size_t)bulk->nr, object);
    return NULL;
}

static void a_thread_may_begin_with_a_bulk(void **state)
{
    struct quarry *q = test_boot(512);
    struct bulk bulk = {.q = q, .cache = make_cache(q, "bulk", 64, 0), .known = true};
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, bulk_is_a_threads_first_call, &bulk);
    pthread_join(thread, NULL);
    assert_false(bulk.known);
    assert_int_equal(bulk.nr, 20);
    assert_int_equal(cache_active(bulk.cache), 0);
    test_end(q);
}

static void a_bulk_of_none_asks_nothing(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = make_cache(q, "none", 64, 0);
    struct quarry_fault fault = {.nth = 1};
    void *object[1] = {cache};

    (void)state;
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    qr_slabs_update_hooks(&q->slabs);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 0, object), 0);
    assert_int_equal(qr_fault_failed(&q->faults, QUARRY_FAILSLAB), 0);
    assert_ptr_equal(object[0], cache);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 1, object), 0);
    assert_int_equal(qr_fault_failed(&q->faults, QUARRY_FAILSLAB), 1);
    test_end(q);
}

/* ---- counts ---------------------------------------------------------------------------------- */

/* Another CPU's top and stack are two looks: together they may be nonsense, which is not counted. */
static void what_a_cpu_is_just_changing_is_not_counted(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = make_cache(q, "torn", 64, 0);
    void *object[200], **top;
    struct qr_slot *slot;
    unsigned long total, stacked;
    u32 spare;

    (void)state;
    for (int i = 0; i < 200; i++)
        object[i] = take(cache);
    for (int i = 0; i < 200; i++)
        give(q, cache, object[i]);
    slot = own_slot(q, cache);
    total = cache_total(cache);
    assert_int_equal(cache_active(cache), 0);
    stacked = (unsigned long)(slot->top - slot->loaded->object);
    top = slot->top;
    slot->top = slot->loaded->object - 1;
    assert_int_equal(cache_active(cache), stacked);
    slot->top = slot->loaded->object + cache->max_depth + 1;
    assert_int_equal(cache_active(cache), stacked);
    slot->top = top;
    assert_non_null(slot->spare);
    spare = slot->spare->nr;
    slot->spare->nr = cache->max_depth + 1;
    assert_int_equal(cache_active(cache), spare);
    slot->spare->nr = spare;
    assert_int_equal(cache_active(cache), 0);
    assert_int_equal(cache_total(cache), total);
    test_end(q);
}

/* ---- who gets how much ----------------------------------------------------------------------- */

/* All of the budget lies in another cache's depot, where nobody needs it. */
static void a_cpus_first_stack_takes_the_budget_of_the_depots(void **state)
{
    struct quarry *q = test_boot(4096);
    struct kmem_cache *hoard = make_cache(q, "hoard", 64, 0),
                      *cache = make_cache(q, "first", 64, 0);
    static void *object[1000];
    void *one;

    (void)state;
    for (int i = 0; i < 1000; i++)
        object[i] = take(hoard);
    for (int i = 0; i < 1000; i++)
        give(q, hoard, object[i]);
    assert_non_null(hoard->node[0].full_stacks);
    q->slabs.stacked_limit = q->slabs.stacked_bytes;
    one = take(cache);
    assert_non_null(own_slot(q, cache)->loaded);
    assert_null(hoard->node[0].full_stacks);
    assert_true(q->slabs.stacked_bytes <= q->slabs.stacked_limit);
    give(q, cache, one);
    test_end(q);
}

/* What is left of the second half of the budget is for first stacks. */
static void a_deeper_stack_is_had_from_the_first_half_of_the_budget_only(void **state)
{
    for (int scarce = 0; scarce < 2; scarce++) {
        struct quarry *q = test_boot(4096);
        struct kmem_cache *cache = make_cache(q, "deeper", 64, 0);
        struct qr_slot *slot;
        void *object[200];
        u64 more;
        u32 nr = 0, before;

        (void)state;
        object[nr++] = take(cache);
        slot = own_slot(q, cache);
        while (slot->top[-1])
            object[nr++] = take(cache);
        before = slot->loaded->capacity;
        cache->depth = 2 * before;
        more = (u64)cache->depth * cache->slot_size;
        q->slabs.stacked_limit = 2 * (q->slabs.stacked_bytes + more) - (u64)scarce;
        object[nr++] = take(cache);
        assert_int_equal(slot->loaded->capacity, scarce ? before : 2 * before);
        while (nr)
            give(q, cache, object[--nr]);
        test_end(q);
    }
}

/* Where it is closed the slow way would see that this CPU is asked to drain. */
static void a_bulk_goes_back_the_fast_way(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    struct qr_cpu *cpu;
    void *object[8];

    (void)state;
    NEEDS_FAST_WAY();
    q = test_boot(512);
    cache = make_cache(q, "bulk", 64, 0);
    cpu = own_cpu(q);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 8, object), 8);
    cpu->drain_requested = QR_DRAIN_STACKS; /* the slots stay open */
    qr_cache_free_bulk(&q->slabs, cache, 8, object);
    assert_int_equal(cpu->drain_requested, QR_DRAIN_STACKS);
    assert_ptr_equal(own_slot(q, cache)->top[-1], object[7]);
    cpu->drain_requested = 0;
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

/* As for one: what is there is handed out, and the context is looked at when more is needed. */
static void a_bulk_of_what_lies_on_the_stacks_asks_nothing(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    void *object[64];

    (void)state;
    NEEDS_FAST_WAY();
    q = test_boot(512);
    cache = make_cache(q, "bulk", 64, 0);
    give(q, cache, take(cache));
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 8, object), 8);
    assert_int_equal(all_findings(q), 0);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 56, object + 8), 56);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    qr_cache_free_bulk(&q->slabs, cache, 64, object);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_that_want_the_last_of_the_budget_one_gets_it),
        cmocka_unit_test(a_full_stack_that_another_cpu_took_is_replaced_by_objects_of_the_slabs),
        cmocka_unit_test(an_empty_stack_that_another_cpu_took_is_replaced_by_a_new_one),
        cmocka_unit_test(a_depot_with_enough_empty_stacks_sends_further_ones_back),
        cmocka_unit_test(a_slot_that_does_not_know_its_cache_learns_of_it),
        cmocka_unit_test(slots_that_are_there_already_are_not_made_again),
        cmocka_unit_test(without_memory_for_slots_the_slabs_are_used_directly),
        cmocka_unit_test(a_fresh_stack_that_is_no_deeper_is_left_to_the_caller),
        cmocka_unit_test(a_thread_may_begin_with_a_bulk),
        cmocka_unit_test(a_bulk_of_none_asks_nothing),
        cmocka_unit_test(what_a_cpu_is_just_changing_is_not_counted),
        cmocka_unit_test(a_cpus_first_stack_takes_the_budget_of_the_depots),
        cmocka_unit_test(a_deeper_stack_is_had_from_the_first_half_of_the_budget_only),
        cmocka_unit_test(a_bulk_goes_back_the_fast_way),
        cmocka_unit_test(a_bulk_of_what_lies_on_the_stacks_asks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
