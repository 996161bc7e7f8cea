/* SPDX-License-Identifier: MIT */
/* Stacks counted to the object: how deep they are, when they deepen, what moves between them, the depot and
 * the slabs, and what of the budget each of these takes. */
#include "slab_machine.h"

static struct qr_cpu *own_cpu(struct quarry *q)
{
    struct qr_cpu *cpu;

    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    return cpu;
}

static u32 height(const struct qr_slot *slot)
{
    return (u32)(slot->top - slot->loaded->object);
}

static unsigned long events(struct quarry *q, enum qr_event event)
{
    return own_cpu(q)->event[event];
}

/* A machine on which nobody but the test works, with a cache of 64 bytes an object and @nr free ones in its
 * slabs. */
static struct quarry *boot_filled(struct kmem_cache **cache, u32 nr)
{
    struct quarry *q = test_boot(8192);

    qr_reclaim_stop(&q->reclaim);
    *cache = make_cache(q, "counted", 64, 0);
    own_slot(q, *cache); /* the thread has its CPU */
    for (u32 had = 0; had < nr; had += (*cache)->objects) {
        struct page *page = qr_slab_new(*cache, GFP_KERNEL, NUMA_NO_NODE);
        assert_non_null(page);
        qr_slab_publish(*cache, page);
    }
    assert_int_equal(q->slabs.stacked_bytes, 0);
    return q;
}

/* As it is where stacks have grown as far as they may. */
static void keep_depth(struct kmem_cache *cache)
{
    cache->max_depth = cache->depth;
}

static void take_many(struct kmem_cache *cache, void **object, u32 nr)
{
    for (u32 i = 0; i < nr; i++)
        assert_non_null(object[i] = take(cache));
}

static void give_many(struct quarry *q, struct kmem_cache *cache, void **object, u32 nr)
{
    for (u32 i = 0; i < nr; i++)
        give(q, cache, object[i]);
}

static bool is_in_its_slab(struct kmem_cache *cache, void *object)
{
    struct page *page = qr_head(slab_map(cache), qr_virt_page(slab_map(cache), object));

    return qr_slab_bit(cache, page, slab_index(cache, page, object));
}

/* ---- stacks and their budget ----------------------------------------------------------------- */

static void a_new_stack_is_empty_and_lies_where_it_fits(void **state)
{
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 0);

    (void)state;
    q->slabs.stacked_limit = 1u << 20;
    for (u32 capacity = 4; capacity <= 512; capacity *= 2) {
        struct kmem_cache *from = q->slabs.stack_cache[qr_fls64(capacity) - 2];
        size_t bytes = sizeof(struct qr_stack) + capacity * sizeof(void *);
        void *used = qr_cache_alloc_direct(from, GFP_KERNEL, NUMA_NO_NODE);
        struct qr_object found;
        struct qr_stack *stack;
        memset(used, 0xff, bytes); /* whoever had the place before */
        qr_cache_free_direct(from, used, "test");
        stack = qr_stack_new(cache, capacity, capacity, true);
        assert_ptr_equal(stack, used);
        assert_int_equal(stack->capacity, capacity);
        assert_int_equal(stack->nr, 0);
        assert_null(stack->next);
        assert_null(stack->floor);
        assert_int_equal(q->slabs.stacked_bytes, capacity * 64);
        assert_true(qr_object_find(&q->slabs, stack, &found));
        assert_ptr_equal(found.cache, from);
        assert_int_equal(from->object_size, bytes);
        qr_stack_free(cache, stack);
        assert_int_equal(q->slabs.stacked_bytes, 0);
        assert_true(is_in_its_slab(from, stack));
    }
    qr_stack_free(cache, NULL);
    assert_int_equal(q->slabs.stacked_bytes, 0);
    test_end(q);
}

/* What does not fit is tried at half the depth, down to the least that is of use. */
static void a_scarce_budget_makes_stacks_smaller(void **state)
{
    static const struct {
        u64 limit;
        u32 wanted, least;
        bool first;
        u32 had; /* 0: none */
    } want[] = {
        {64 * 64, 64, 4, true, 64},
        {64 * 64 - 1, 64, 4, true, 32},
        {16 * 64, 64, 4, true, 16},
        {16 * 64 - 1, 64, 4, true, 8},
        {4 * 64, 64, 4, true, 4},
        {4 * 64 - 1, 64, 4, true, 0},
        {16 * 64, 64, 16, true, 16},
        {16 * 64 - 1, 64, 16, true, 0},
        {2 * 64 * 64, 64, 4, false, 64},
        {2 * 64 * 64 - 2, 64, 4, false, 32},
        {2 * 64 * 64 - 2, 64, 64, false, 0},
    };
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 0);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct qr_stack *stack;
        q->slabs.stacked_limit = want[i].limit;
        stack = qr_stack_new(cache, want[i].wanted, want[i].least, want[i].first);
        assert_int_equal(stack ? stack->capacity : 0, want[i].had);
        assert_int_equal(q->slabs.stacked_bytes, want[i].had * 64);
        qr_stack_free(cache, stack);
        assert_int_equal(q->slabs.stacked_bytes, 0);
    }
    test_end(q);
}

static void a_stack_for_which_there_is_no_memory_costs_no_budget(void **state)
{
    struct quarry_fault fault = {.nth = 1, .persistent = true};
    static struct qr_stack *stack[4096];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 0);
    u32 nr = 0;

    (void)state;
    q->slabs.stacked_limit = 64u << 20;
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &fault), 0);
    while (nr < 4096 && (stack[nr] = qr_stack_new(cache, 64, 4, true)) != NULL)
        nr++;
    assert_in_range(nr, 0, 4095);
    assert_int_equal(q->slabs.stacked_bytes, nr * 64 * 64);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    while (nr)
        qr_stack_free(cache, stack[--nr]);
    assert_int_equal(q->slabs.stacked_bytes, 0);
    test_end(q);
}

/* A CPU's first stack may be the smallest there is; a further one is as deep as they are now, or none. */
static void the_smallest_first_stack_is_of_four(void **state)
{
    (void)state;
    for (u32 fits = 0; fits < 2; fits++) {
        struct kmem_cache *cache;
        struct quarry *q = boot_filled(&cache, 100);
        void *object;
        q->slabs.stacked_limit = 4 * 64 - 1 + fits;
        object = take(cache);
        assert_int_equal(own_slot(q, cache)->loaded ? own_slot(q, cache)->loaded->capacity : 0,
                         4 * fits);
        assert_int_equal(q->slabs.stacked_bytes, 4 * 64 * fits);
        assert_int_equal(cache->node[0].free_objects,
                         2u * cache->objects - (fits ? 4 : 1)); /* the others wait on the stack */
        give(q, cache, object);
        assert_int_equal(cache_active(cache), 0);
        test_end(q);
    }
}

/* ---- depth ----------------------------------------------------------------------------------- */

/* Four visits to the slabs with stacks of one depth, then four with stacks of twice that. */
static void every_fourth_visit_doubles_the_depth_up_to_the_most(void **state)
{
    enum { MANY = 6000 };
    static void *object[MANY];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, MANY);
    u32 first = cache->first_depth, visits = 0;
    struct qr_slot *slot;

    (void)state;
    assert_int_equal(first, 32);
    assert_int_equal(cache->max_depth, 512);
    q->slabs.stacked_limit = 1u << 20;
    for (int i = 0; i < MANY; i++) {
        unsigned long before = events(q, QR_EV_SLAB_MISS);
        assert_non_null(object[i] = take(cache));
        slot = own_slot(q, cache);
        if (events(q, QR_EV_SLAB_MISS) != before) {
            u32 capacity = QR_MIN(first << (visits / 4), 512u);
            visits++;
            assert_int_equal(events(q, QR_EV_SLAB_MISS), before + 1);
            assert_int_equal(slot->loaded->capacity, capacity);
            /* Full, but for the one that was wanted. */
            assert_int_equal(height(slot), capacity - 1);
            assert_int_equal(cache->depth, QR_MIN(first << (visits / 4), 512u));
            assert_int_equal(slot->misses, visits % 4);
            /* The first stack stays as the spare, those between are given back. */
            if (capacity == first)
                assert_null(slot->spare);
            else
                assert_int_equal(slot->spare->capacity, first);
            assert_int_equal(q->slabs.stacked_bytes,
                             64 * (capacity + (capacity == first ? 0 : first)));
        }
    }
    assert_true(visits > 20);
    assert_int_equal(events(q, QR_EV_DEPOT_SWAP), 0); /* nothing came from there */
    give_many(q, cache, object, MANY);
    test_end(q);
}

/* A deeper one must leave half of the budget to others. */
static void stacks_do_not_deepen_while_half_of_the_budget_is_used(void **state)
{
    (void)state;
    for (u64 more = 0; more <= 2; more += 2) {
        static void *object[128];
        struct kmem_cache *cache;
        struct quarry *q = boot_filled(&cache, 500);
        take_many(cache, object, 3 * 32);
        assert_int_equal(q->slabs.stacked_bytes, 32 * 64);
        assert_int_equal(own_slot(q, cache)->misses, 3);
        q->slabs.stacked_limit = 2 * q->slabs.stacked_bytes + more;
        take_many(cache, object + 96, 1);
        assert_int_equal(cache->depth, more ? 64 : 32);
        assert_int_equal(own_slot(q, cache)->misses, 0);
        give_many(q, cache, object, 97);
        test_end(q);
    }
}

static void a_drain_forgets_the_visits(void **state)
{
    static void *object[4 * 32 + 3 * 64];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);

    (void)state;
    take_many(cache, object, 4 * 32 + 3 * 64);
    assert_int_equal(cache->depth, 64);
    assert_int_equal(own_slot(q, cache)->misses, 3);
    qr_slabs_drain_all(&q->slabs);
    assert_int_equal(own_slot(q, cache)->misses, 0);
    assert_int_equal(cache->depth, 32);
    assert_null(own_slot(q, cache)->loaded);
    assert_null(own_slot(q, cache)->spare);
    assert_int_equal(q->slabs.stacked_bytes, 0);
    test_abandon(q);
}

/* ---- stacks without a budget for more --------------------------------------------------------- */

/* One stack is all there is: the older half makes room for what comes. */
static void a_full_stack_alone_gives_its_older_half_back(void **state)
{
    static void *object[40];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);
    struct qr_slot *slot;

    (void)state;
    q->slabs.stacked_limit = 32 * 64;
    keep_depth(cache);
    take_many(cache, object, 32);
    slot = own_slot(q, cache);
    give_many(q, cache, object, 32);
    assert_int_equal(height(slot), 32);
    assert_null(slot->spare);
    object[32] = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE);
    give(q, cache, object[32]);
    assert_null(slot->spare);
    assert_int_equal(height(slot), 17);
    for (int i = 0; i < 33; i++) {
        assert_int_equal(is_in_its_slab(cache, object[i]), i < 16);
        if (i >= 16)
            assert_ptr_equal(slot->loaded->object[i - 16], object[i]);
    }
    assert_int_equal(cache_active(cache), 0);
    assert_int_equal(q->slabs.stacked_bytes, 32 * 64);
    test_end(q);
}

static void two_full_stacks_give_the_older_one_back(void **state)
{
    static void *object[70];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);
    struct qr_slot *slot;
    unsigned long misses, swaps;

    (void)state;
    q->slabs.stacked_limit = 2 * 2 * 32 * 64;
    keep_depth(cache);
    take_many(cache, object, 64);
    slot = own_slot(q, cache);
    swaps = events(q, QR_EV_DEPOT_SWAP);
    give_many(q, cache, object, 64);
    assert_int_equal(height(slot), 32);
    assert_int_equal(slot->spare->nr, 32);
    assert_int_equal(q->slabs.stacked_bytes, 2 * 32 * 64);
    assert_int_equal(events(q, QR_EV_DEPOT_SWAP), swaps + 1);
    object[64] = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE);
    misses = events(q, QR_EV_SLAB_MISS);
    give(q, cache, object[64]);
    assert_int_equal(events(q, QR_EV_SLAB_MISS), misses + 1);
    assert_int_equal(events(q, QR_EV_DEPOT_SWAP), swaps + 1);
    assert_int_equal(height(slot), 1);
    assert_ptr_equal(slot->loaded->object[0], object[64]);
    assert_int_equal(slot->spare->nr, 32);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(is_in_its_slab(cache, object[i]), i < 32);
        if (i >= 32)
            assert_ptr_equal(slot->spare->object[i - 32], object[i]);
    }
    assert_int_equal(cache->node[0].nr_full_stacks, 0);
    test_end(q);
}

/* ---- the depot ------------------------------------------------------------------------------- */

static void whole_stacks_go_to_the_depot_and_come_back(void **state)
{
    static void *object[192], *again[192];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);
    struct qr_cache_node *node = &cache->node[0];
    unsigned long misses, swaps;
    struct qr_slot *slot;
    u64 in_slabs;

    (void)state;
    q->slabs.stacked_limit = 1u << 20;
    keep_depth(cache);
    take_many(cache, object, 192);
    slot = own_slot(q, cache);
    assert_int_equal(height(slot), 0);
    in_slabs = node->free_objects;
    misses = events(q, QR_EV_SLAB_MISS);
    swaps = events(q, QR_EV_DEPOT_SWAP);
    for (u32 i = 1; i <= 192; i++) {
        u32 stacks = (i + 31) / 32, full = stacks > 2 ? stacks - 2 : 0;
        give(q, cache, object[i - 1]);
        assert_int_equal(node->nr_full_stacks, full);
        assert_int_equal(q->slabs.depot_stacks, full);
        assert_int_equal(node->stacked_objects, 32 * full);
        assert_int_equal(q->slabs.stacked_bytes, 32 * 64 * stacks);
        assert_int_equal(events(q, QR_EV_SLAB_MISS), misses + stacks - 1);
        assert_int_equal(events(q, QR_EV_DEPOT_SWAP), swaps + stacks - 1);
        assert_int_equal(cache_active(cache), 192 - i);
    }
    assert_int_equal(node->free_objects, in_slabs); /* none had to go there */
    misses = events(q, QR_EV_SLAB_MISS);
    swaps = events(q, QR_EV_DEPOT_SWAP);
    for (u32 i = 1; i <= 192; i++) {
        u32 fetched = i > 64 ? (i - 1) / 32 - 1 : 0;
        assert_non_null(again[i - 1] = take(cache));
        assert_int_equal(node->nr_full_stacks, 4 - fetched);
        assert_int_equal(node->nr_empty_stacks, fetched);
        assert_int_equal(q->slabs.depot_stacks, 4 - fetched);
        assert_int_equal(node->stacked_objects, 32 * (4 - fetched));
        assert_int_equal(events(q, QR_EV_SLAB_MISS), misses + fetched);
        assert_int_equal(events(q, QR_EV_DEPOT_SWAP), swaps + fetched);
        assert_int_equal(q->slabs.stacked_bytes, 32 * 64 * 6);
    }
    /* The newest come first: both stacks, then those of the depot. */
    for (u32 i = 0; i < 192; i++)
        assert_ptr_equal(again[i], object[191 - i]);
    assert_int_equal(node->free_objects, in_slabs);
    /* And once more: now the depot has the empty ones. */
    give_many(q, cache, again, 192);
    assert_int_equal(node->nr_empty_stacks, 0);
    assert_int_equal(node->nr_full_stacks, 4);
    assert_int_equal(q->slabs.stacked_bytes, 32 * 64 * 6);
    qr_depots_trim(&q->slabs);
    assert_int_equal(q->slabs.depot_stacks, 0);
    assert_int_equal(node->stacked_objects, 0);
    assert_int_equal(q->slabs.stacked_bytes, 32 * 64 * 2);
    assert_int_equal(node->free_objects, in_slabs + 4 * 32);
    assert_int_equal(cache->depth, 32);
    test_end(q);
}

/* Without a full one in any depot there is nothing to gain: empty ones stay for whoever frees next. */
static void depots_of_empty_stacks_alone_are_left(void **state)
{
    static void *object[192];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);

    (void)state;
    q->slabs.stacked_limit = 1u << 20;
    keep_depth(cache);
    take_many(cache, object, 192);
    give_many(q, cache, object, 192);
    take_many(cache, object, 192);
    assert_int_equal(cache->node[0].nr_empty_stacks, 4);
    qr_depots_trim(&q->slabs);
    assert_int_equal(cache->node[0].nr_empty_stacks, 4);
    assert_int_equal(q->slabs.stacked_bytes, 32 * 64 * 6);
    assert_int_equal(qr_cache_shrink(cache), 1); /* which asks for all of it */
    assert_int_equal(cache->node[0].nr_empty_stacks, 0);
    assert_int_equal(q->slabs.stacked_bytes, 0);
    give_many(q, cache, object, 192);
    test_end(q);
}

/* Stacks of a smaller depth than new ones have now are given back, not kept. */
static void the_depot_keeps_no_stacks_that_are_too_small(void **state)
{
    static void *object[192];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);
    struct qr_cache_node *node = &cache->node[0];

    (void)state;
    q->slabs.stacked_limit = 1u << 20;
    keep_depth(cache);
    take_many(cache, object, 192);
    give_many(q, cache, object, 192);
    take_many(cache, object, 64);
    cache->depth = 33;
    take_many(cache, object + 64, 32);
    assert_int_equal(node->nr_full_stacks, 3);
    assert_int_equal(node->nr_empty_stacks, 0);
    assert_int_equal(q->slabs.stacked_bytes, 32 * 64 * 5);
    cache->depth = 32;
    take_many(cache, object + 96, 32);
    assert_int_equal(node->nr_full_stacks, 2);
    assert_int_equal(node->nr_empty_stacks, 1);
    assert_int_equal(q->slabs.stacked_bytes, 32 * 64 * 5);
    give_many(q, cache, object, 128);
    test_end(q);
}

/* ---- bulk ------------------------------------------------------------------------------------ */

static void a_bulk_is_the_tops_of_both_stacks(void **state)
{
    static void *object[64], *bulk[64];
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);
    struct qr_slot *slot;
    unsigned long misses;

    (void)state;
    q->slabs.stacked_limit = 1u << 20;
    keep_depth(cache);
    take_many(cache, object, 64);
    give_many(q, cache, object, 64);
    slot = own_slot(q, cache);
    misses = events(q, QR_EV_SLAB_MISS);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 20, bulk), 20);
    for (int i = 0; i < 20; i++)
        assert_ptr_equal(bulk[i], object[44 + i]);
    assert_int_equal(height(slot), 12);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 22, bulk + 20), 22);
    for (int i = 0; i < 12; i++)
        assert_ptr_equal(bulk[20 + i], object[32 + i]);
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(bulk[32 + i], object[22 + i]);
    assert_int_equal(height(slot), 22);
    assert_int_equal(slot->spare->nr, 0);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 22, bulk + 42), 22);
    assert_int_equal(height(slot), 0);
    assert_int_equal(events(q, QR_EV_SLAB_MISS), misses); /* all of it without a look elsewhere */
    qr_cache_free_bulk(&q->slabs, cache, 64, bulk);
    assert_int_equal(cache_active(cache), 0);
    for (int i = 0; i < 32; i++) {
        assert_ptr_equal(slot->spare->object[i], bulk[i]);
        assert_ptr_equal(slot->loaded->object[i], bulk[32 + i]);
    }
    test_end(q);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static void the_gate_of_the_guards_is_a_hook_in_every_open_slot(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = NULL, *dead;
    struct qr_cpu *cpu;
    void *object;
    u32 known[2];
    char name[16];

    (void)state;
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof(name), "chunk-%d", i);
        cache = make_cache(q, name, 64, 0);
    }
    known[0] = q->slabs.caches.next ? cache->slot_id - 69 : 0;
    known[1] = cache->slot_id;
    assert_true(known[1] > QR_CHUNK_SLOTS && known[1] % QR_CHUNK_SLOTS < 60);
    give(q, cache, take(cache)); /* the second chunk is there */
    dead = make_cache(q, "dead", 64, 0);
    object = take(dead);
    assert_int_equal(qr_cache_destroy(&q->slabs, dead, false), 0);
    cpu = own_cpu(q);
    for (int open = 1; open >= 0; open--) {
        u32 sample = open ? QR_HOOK_SAMPLE : 0;
        qr_slots_sample(&q->slabs, open);
        for (u32 i = known[0]; i <= known[1]; i++)
            assert_int_equal(qr_cpu_slot(cpu, i)->hooks, plain_hooks() | sample);
        assert_true(qr_cpu_slot(cpu, dead->slot_id)->hooks & QR_HOOK_CLOSED);
        assert_false(qr_cpu_slot(cpu, dead->slot_id)->hooks & QR_HOOK_SAMPLE);
        assert_int_equal(qr_cpu_slot(cpu, known[1] + 5)->hooks, QR_HOOK_CLOSED);
    }
    give(q, dead, object);
    test_end(q);
}

/* A number that another thread had before. */
static void a_cpu_that_comes_begins_with_clean_slots(void **state)
{
    struct kmem_cache *cache;
    struct quarry *q = boot_filled(&cache, 500);
    struct qr_cpu *cpu = own_cpu(q);
    void *object = take(cache);
    struct qr_slot *slot = own_slot(q, cache);

    (void)state;
    give(q, cache, object);
    qr_slabs_drain_all(&q->slabs);
    slot->misses = 3;
    slot->hooks = QR_HOOK_STOPPED;
    slot->cache = NULL;
    qr_cpu_slot(cpu, cache->slot_id + 1)->cache = cache;
    qr_cpu_slot(cpu, cache->slot_id + 1)->hooks = 0;
    qr_slabs_online(&q->slabs, cpu);
    assert_int_equal(slot->misses, 0);
    assert_int_equal(slot->hooks, plain_hooks());
    assert_ptr_equal(slot->cache, cache);
    assert_null(slot->loaded);
    assert_null(slot->spare);
    assert_null(slot->top[-1]);
    assert_ptr_equal(slot->top, slot->limit);
    assert_null(qr_cpu_slot(cpu, cache->slot_id + 1)->cache);
    assert_int_equal(qr_cpu_slot(cpu, cache->slot_id + 1)->hooks, QR_HOOK_CLOSED);
    give(q, cache, take(cache));
    test_end(q);
}

/* What lies behind the list of CPUs is none, whatever it looks like. */
static void nobody_looks_behind_the_last_cpu(void **state)
{
    struct kmem_cache *cache, *late;
    struct quarry *q = boot_filled(&cache, 500);
    struct qr_cpu **area = q->cpus.area;
    unsigned int nr = q->cpus.nr_max;
    static void *object[100];

    (void)state;
    take_many(cache, object, 100);
    give_many(q, cache, object, 100);
    assert_true(nr > 1);
    assert_null(area[nr - 1]);
    area[nr - 1] = (struct qr_cpu *)8; /* who touches that ends here */
    q->cpus.nr_max = nr - 1;
    assert_int_equal(cache_active(cache), 0);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    qr_slabs_update_hooks(&q->slabs);
    qr_slots_sample(&q->slabs, true);
    qr_slots_sample(&q->slabs, false);
    assert_int_equal(qr_cache_shrink(cache), 0);
    take_many(cache, object, 10);
    give_many(q, cache, object, 10);
    qr_slabs_drain_all(&q->slabs);
    assert_int_equal(q->slabs.stacked_bytes, 0);
    late = make_cache(q, "late", 64, 0);
    give(q, late, take(late));
    assert_int_equal(qr_cache_destroy(&q->slabs, late, false), 0);
    q->cpus.nr_max = nr;
    area[nr - 1] = NULL;
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_stack_is_empty_and_lies_where_it_fits),
        cmocka_unit_test(a_scarce_budget_makes_stacks_smaller),
        cmocka_unit_test(a_stack_for_which_there_is_no_memory_costs_no_budget),
        cmocka_unit_test(the_smallest_first_stack_is_of_four),
        cmocka_unit_test(every_fourth_visit_doubles_the_depth_up_to_the_most),
        cmocka_unit_test(stacks_do_not_deepen_while_half_of_the_budget_is_used),
        cmocka_unit_test(a_drain_forgets_the_visits),
        cmocka_unit_test(a_full_stack_alone_gives_its_older_half_back),
        cmocka_unit_test(two_full_stacks_give_the_older_one_back),
        cmocka_unit_test(whole_stacks_go_to_the_depot_and_come_back),
        cmocka_unit_test(depots_of_empty_stacks_alone_are_left),
        cmocka_unit_test(the_depot_keeps_no_stacks_that_are_too_small),
        cmocka_unit_test(a_bulk_is_the_tops_of_both_stacks),
        cmocka_unit_test(the_gate_of_the_guards_is_a_hook_in_every_open_slot),
        cmocka_unit_test(a_cpu_that_comes_begins_with_clean_slots),
        cmocka_unit_test(nobody_looks_behind_the_last_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
