/* SPDX-License-Identifier: MIT */
/* Stacks, the depot, budgets, drains; and threads. */
#include <pthread.h>
#include <unistd.h>
#include "slab_machine.h"

static unsigned long slot_height(const struct qr_slot *slot)
{
    return slot->loaded ? (unsigned long)(slot->top - slot->loaded->object) : 0;
}

static void what_was_freed_last_comes_out_first(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "lifo", 64, 0);
    void *object[10];

    for (int i = 0; i < 10; i++)
        object[i] = take(cache);
    for (int i = 0; i < 10; i++)
        give(q, cache, object[i]);
    for (int i = 9; i >= 0; i--)
        assert_ptr_equal(take(cache), object[i]);
    for (int i = 0; i < 10; i++)
        give(q, cache, object[i]);
    test_end(q);
}

static void the_fast_way_pops_and_pushes_what_the_slow_way_prepared(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    void *object, *fast;
    u32 id;

    NEEDS_FAST_WAY();
    q = test_boot(256);
    cache = make_cache(q, "fast", 64, 0);
    object = take(cache);
    id = qr_slot_id_of(&q->slabs.window, object);
    assert_int_equal(id, cache->slot_id);
    fast = qr_cache_alloc_fast(&q->cpus, cache);
    assert_non_null(fast);
    assert_true(qr_cache_free_fast(&q->cpus, id, fast));
    assert_false(qr_cache_free_fast(&q->cpus, id, fast)); /* the one freed last: not again */
    assert_ptr_equal(qr_cache_alloc_fast(&q->cpus, cache), fast);
    give(q, cache, fast);
    give(q, cache, object);
    test_end(q);
}

static void a_refill_takes_a_stackful_in_one_go(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = make_cache(q, "refill", 64, 0);
    struct qr_slot *slot;
    void *object = take(cache);

    slot = own_slot(q, cache);
    assert_int_equal(slot->loaded->capacity, cache->first_depth);
    assert_int_equal(slot_height(slot), slot->loaded->capacity - 1);
    give(q, cache, object);
    assert_int_equal(slot_height(slot), slot->loaded->capacity);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

static void going_up_and_down_around_a_full_stack_stays_on_this_cpu(void **state)
{
    struct quarry *q = test_boot(4096);
    struct kmem_cache *cache = make_cache(q, "hysteresis", 64, 0);
    void *object[2][200];
    struct qr_slot *slot;
    u32 misses;

    for (int i = 0; i < 200; i++)
        object[0][i] = take(cache);
    for (int i = 0; i < 200; i++)
        give(q, cache, object[0][i]);
    slot = own_slot(q, cache);
    assert_non_null(slot->spare);
    /* Up by one and a half stacks and down again crosses the border of the two each time; the first
     * round brings them into position. */
    for (int round = 0; round < 20; round++) {
        u32 nr = slot->loaded->capacity;
        misses = slot->misses;
        for (u32 i = 0; i < nr; i++)
            object[1][i] = take(cache);
        for (u32 i = 0; i < nr; i++)
            give(q, cache, object[1][i]);
        assert_true(round == 0 || slot->misses == misses);
    }
    test_end(q);
}

/* By bytes: few large objects, many small ones, always a power of two. */
static void a_stack_begins_and_ends_with_as_many_objects_as_its_bytes_allow(void **state)
{
    static const struct {
        size_t size;
        u32 first, max;
    } expected[] = {{8, 64, 512}, {48, 32, 512}, {104, 16, 256},
                    {704, 4, 32}, {3000, 4, 8},  {20000, 4, 4}};
    struct quarry *q = test_boot(512);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(expected); i++) {
        struct kmem_cache *cache = make_cache(q, "depth", expected[i].size, 0);
        assert_int_equal(cache->first_depth, expected[i].first);
        assert_int_equal(cache->max_depth, expected[i].max);
        assert_int_equal(cache->depth, cache->first_depth);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

static void stacks_deepen_while_a_cpu_keeps_asking_up_to_a_limit(void **state)
{
    struct quarry *q = test_boot(16384);
    struct kmem_cache *cache = make_cache(q, "depth", 64, 0);
    static void *object[20000];

    assert_int_equal(cache->depth, cache->first_depth);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++)
            object[i] = take(cache);
        for (int i = 0; i < 5000; i++)
            give(q, cache, object[i]);
    }
    assert_true(cache->depth > cache->first_depth);
    assert_true(cache->depth <= cache->max_depth);
    assert_true(own_slot(q, cache)->loaded->capacity > cache->first_depth);
    qr_slabs_drain_all(&q->slabs);
    assert_int_equal(cache->depth, cache->first_depth);
    test_end(q);
}

static void the_stacks_together_never_hold_more_than_their_budget(void **state)
{
    struct quarry *q = test_boot(2048);
    static struct kmem_cache *cache[60];
    static void *object[60][200];
    u64 limit = q->slabs.stacked_limit;

    assert_int_equal(limit, q->zones.totalram * PAGE_SIZE / 64);
    for (int c = 0; c < 60; c++) {
        char name[16];
        snprintf(name, sizeof(name), "budget-%d", c);
        cache[c] = make_cache(q, name, 128, 0);
        for (int i = 0; i < 200; i++) {
            object[c][i] = take(cache[c]);
            assert_true(q->slabs.stacked_bytes <= limit);
        }
    }
    for (int c = 0; c < 60; c++)
        for (int i = 0; i < 200; i++) {
            give(q, cache[c], object[c][i]);
            assert_true(q->slabs.stacked_bytes <= limit);
        }
    assert_true(q->slabs.stacked_bytes > limit / 4);
    for (int c = 0; c < 60; c++)
        assert_int_equal(cache_active(cache[c]), 0);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    qr_slabs_drain_all(&q->slabs);
    assert_int_equal(q->slabs.stacked_bytes, 0);
    test_end(q);
}

static void one_caches_full_depot_does_not_starve_the_others(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *greedy = make_cache(q, "greedy", 64, 0);
    struct kmem_cache *modest = make_cache(q, "modest", 64, 0);
    static void *object[40000];
    void *one;

    for (int i = 0; i < 40000; i++)
        object[i] = take(greedy);
    for (int i = 0; i < 40000; i++) {
        give(q, greedy, object[i]);
        assert_true(q->slabs.stacked_bytes <= q->slabs.stacked_limit / 2);
    }
    assert_true(greedy->node[0].nr_full_stacks > 1);
    /* When the budget ended, no halved stacks got into circulation. */
    for (struct qr_stack *stack = greedy->node[0].full_stacks; stack; stack = stack->next)
        assert_true(stack->capacity >= greedy->first_depth);
    one = take(modest);
    assert_non_null(own_slot(q, modest)->loaded);
    give(q, modest, one);
    test_end(q);
}

static void without_any_budget_the_slabs_are_used_directly(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "direct", 64, 0);
    void *object[100];

    q->slabs.stacked_limit = 0;
    for (int i = 0; i < 100; i++)
        object[i] = take(cache);
    assert_null(own_slot(q, cache)->loaded);
    for (int i = 0; i < 100; i++)
        give(q, cache, object[i]);
    assert_int_equal(cache_active(cache), 0);
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

static void caches_beyond_the_first_chunk_have_stacks_too(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = NULL;
    void *object;

    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "chunk-%d", i);
        cache = make_cache(q, name, 64, 0);
    }
    assert_true(cache->slot_id >= QR_CHUNK_SLOTS);
    assert_null(own_slot(q, cache));
    object = take(cache);
    assert_non_null(own_slot(q, cache)->loaded);
    assert_int_equal(qr_slot_id_of(&q->slabs.window, object), cache->slot_id);
    give(q, cache, object);
    test_end(q);
}

/* ---- several CPUs ---------------------------------------------------------------------------- */

struct helper {
    struct quarry *q;
    struct kmem_cache *cache;
    void **object;
    int nr;
    pthread_barrier_t *reached, *go_on;
    bool by_taking; /* its next slow way is an allocation, not a free */
};

static void *helper_frees(void *data)
{
    struct helper *helper = data;

    for (int i = 0; i < helper->nr; i++)
        give(helper->q, helper->cache, helper->object[i]);
    if (helper->reached) {
        pthread_barrier_wait(helper->reached);
        pthread_barrier_wait(helper->go_on);
        /* One slow way: the request is honoured. */
        if (helper->by_taking)
            helper->object[0] = take(helper->cache);
        else
            give(helper->q, helper->cache, helper->object[helper->nr]);
        pthread_barrier_wait(helper->reached);
        pthread_barrier_wait(helper->go_on);
    }
    return NULL;
}

static void what_a_thread_leaves_behind_is_in_the_slabs_again(void **state)
{
    struct quarry *q = test_boot(2048);
    struct kmem_cache *cache = make_cache(q, "left", 64, 0);
    static void *object[2000];
    struct helper helper = {.q = q, .cache = cache, .object = object, .nr = 2000};
    pthread_t thread;

    for (int i = 0; i < 2000; i++)
        object[i] = take(cache);
    assert_int_equal(pthread_create(&thread, NULL, helper_frees, &helper), 0);
    pthread_join(thread, NULL);
    assert_int_equal(cache_active(cache), 0);
    qr_slots_flush(cache, false);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    test_end(q);
}

static void a_running_cpu_drains_when_asked(bool by_taking)
{
    struct quarry *q = test_boot(2048);
    struct kmem_cache *cache = make_cache(q, "asked", 64, 0);
    static void *object[41];
    pthread_barrier_t reached, go_on;
    struct helper helper = {q, cache, object, 40, &reached, &go_on, by_taking};
    struct qr_cpu *cpu = NULL;
    pthread_t thread;

    pthread_barrier_init(&reached, NULL, 2);
    pthread_barrier_init(&go_on, NULL, 2);
    for (int i = 0; i < 41; i++)
        object[i] = take(cache);
    assert_int_equal(pthread_create(&thread, NULL, helper_frees, &helper), 0);
    pthread_barrier_wait(&reached);
    qr_slabs_drain_all(&q->slabs);
    for (unsigned int id = 0; id < q->cpus.nr_max; id++)
        if (q->cpus.area[id] && q->cpus.area[id]->drain_requested & QR_DRAIN_STACKS)
            cpu = q->cpus.area[id];
    assert_non_null(cpu); /* it runs: nobody else may touch what it has */
    assert_true(qr_cpu_slot(cpu, cache->slot_id)->hooks & QR_HOOK_STOPPED);
    assert_non_null(qr_cpu_slot(cpu, cache->slot_id)->loaded);
    pthread_barrier_wait(&go_on);
    pthread_barrier_wait(&reached);
    assert_false(cpu->drain_requested & QR_DRAIN_STACKS);
    assert_int_equal(qr_cpu_slot(cpu, cache->slot_id)->hooks, plain_hooks());
    assert_null(qr_cpu_slot(cpu, cache->slot_id)->spare);
    pthread_barrier_wait(&go_on);
    pthread_join(thread, NULL);
    test_end(q);
}

static void a_running_cpu_that_was_asked_drains_at_its_next_allocation(void **state)
{
    a_running_cpu_drains_when_asked(true);
}

static void a_running_cpu_that_was_asked_drains_at_its_next_free(void **state)
{
    a_running_cpu_drains_when_asked(false);
}

static void drain_everything(struct quarry *q, struct kmem_cache *cache)
{
    (void)cache;
    qr_slabs_drain_all(&q->slabs);
}

static void flush_one_cache(struct quarry *q, struct kmem_cache *cache)
{
    (void)q;
    qr_slots_flush(cache, false);
}

static void a_sleeping_cpus_stacks_go_back(void (*by)(struct quarry *, struct kmem_cache *))
{
    struct quarry *q = test_boot(2048);
    struct kmem_cache *cache = make_cache(q, "asleep", 64, 0);
    static void *object[41];
    pthread_barrier_t reached, go_on;
    struct helper helper = {q, cache, object, 40, &reached, &go_on, true};
    struct qr_cpu *cpu = NULL, *here;
    pthread_t thread;

    pthread_barrier_init(&reached, NULL, 2);
    pthread_barrier_init(&go_on, NULL, 2);
    for (int i = 0; i < 41; i++)
        object[i] = take(cache);
    assert_int_equal(pthread_create(&thread, NULL, helper_frees, &helper), 0);
    pthread_barrier_wait(&reached);
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &here));
    for (unsigned int id = 0; id < q->cpus.nr_max; id++)
        if (q->cpus.area[id] && q->cpus.area[id] != here &&
            qr_cpu_slot(q->cpus.area[id], cache->slot_id)->loaded)
            cpu = q->cpus.area[id];
    assert_non_null(cpu);
    __atomic_store_n(&cpu->owner, QR_CPU_SLEEPING, __ATOMIC_RELEASE); /* as in qp_wait */
    by(q, cache);
    assert_null(qr_cpu_slot(cpu, cache->slot_id)->loaded);
    assert_int_equal(cpu->owner, QR_CPU_SLEEPING);
    __atomic_store_n(&cpu->owner, QR_CPU_RUNNING, __ATOMIC_RELEASE);
    pthread_barrier_wait(&go_on);
    pthread_barrier_wait(&reached);
    pthread_barrier_wait(&go_on);
    pthread_join(thread, NULL);
    test_end(q);
}

static void a_sleeping_cpu_is_drained_by_others(void **state)
{
    a_sleeping_cpus_stacks_go_back(drain_everything);
}

static void a_sleeping_cpus_stacks_of_one_cache_are_flushed_by_others(void **state)
{
    a_sleeping_cpus_stacks_go_back(flush_one_cache);
}

static void an_unknown_cpu_has_nothing_to_drain(void **state)
{
    struct quarry *q = test_boot(256);
    struct qr_cpu before = qr_cpu_none;

    qr_slabs_drain_cpu(&q->slabs, &qr_cpu_none);
    assert_memory_equal(&before, &qr_cpu_none, sizeof(before));
    test_end(q);
}

static void a_cache_without_a_slot_has_no_stacks_to_flush(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = &q->slabs.cache_cache;
    struct qr_cpu *cpu;

    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    assert_int_equal(cache->slot_id, QR_NO_SLOT);
    assert_false(qr_slot_make(cache));
    assert_null(qr_slot_of(cache, cpu));
    qr_slots_flush(cache, true);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    test_end(q);
}

static void depots_are_trimmed_when_the_budget_is_wanted(void **state)
{
    struct quarry *q = test_boot(4096);
    struct kmem_cache *cache = make_cache(q, "trimmed", 64, 0);
    static void *object[2000];
    u64 stacked;

    for (int i = 0; i < 2000; i++)
        object[i] = take(cache);
    for (int i = 0; i < 2000; i++)
        give(q, cache, object[i]);
    assert_true(cache->node[0].stacked_objects > 0);
    stacked = q->slabs.stacked_bytes;
    qr_depots_trim(&q->slabs);
    assert_int_equal(cache->node[0].stacked_objects, 0);
    assert_null(cache->node[0].full_stacks);
    assert_true(q->slabs.stacked_bytes < stacked);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

/* More than an int can count: nothing is handed out, and what was had goes back. */
static void a_bulk_of_more_than_an_int_counts_is_refused(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = make_cache(q, "bulk", 64, 0);
    static void *object[2048];
    void *first = take(cache);

    assert_true(cache->max_depth * 2 <= QR_ARRAY_SIZE(object));
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, (size_t)3 << 30, object), 0);
    assert_int_equal(cache_active(cache), 1);
    give(q, cache, first);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

#define RING 512

struct ring {
    struct quarry *q;
    struct kmem_cache *cache;
    void *object[RING];
    unsigned long head, tail;
    unsigned long broken;
};

#define RING_ROUNDS 60000

static void *ring_produce(void *data)
{
    struct ring *ring = data;

    for (unsigned long i = 0; i < RING_ROUNDS; i++) {
        unsigned long *object = take(ring->cache);
        if (!object)
            break;
        object[0] = object[7] = i;
        while (i - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) >= RING)
            sched_yield();
        ring->object[i % RING] = object;
        __atomic_store_n(&ring->head, i + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void *ring_consume(void *data)
{
    struct ring *ring = data;

    for (unsigned long i = 0; i < RING_ROUNDS; i++) {
        unsigned long *object;
        while (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == i)
            sched_yield();
        object = ring->object[i % RING];
        ring->broken += object[0] != i || object[7] != i;
        give(ring->q, ring->cache, object);
        __atomic_store_n(&ring->tail, i + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void objects_go_from_one_cpu_to_another_through_the_depot(void **state)
{
    struct quarry *q = test_boot(4096);
    static struct ring ring;
    pthread_t producer, consumer;

    memset(&ring, 0, sizeof(ring));
    ring.q = q;
    ring.cache = make_cache(q, "ring", 64, 0);
    assert_int_equal(pthread_create(&producer, NULL, ring_produce, &ring), 0);
    assert_int_equal(pthread_create(&consumer, NULL, ring_consume, &ring), 0);
    pthread_join(producer, NULL);
    pthread_join(consumer, NULL);
    assert_int_equal(ring.broken, 0);
    assert_int_equal(cache_active(ring.cache), 0);
    /* Far fewer objects were made than went through: they came back. */
    assert_true(cache_total(ring.cache) < RING_ROUNDS / 4);
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

struct mixer {
    struct quarry *q;
    struct kmem_cache *cache[4];
    u64 seed;
    unsigned long broken;
};

/* Objects stamped with their owner; frees, bulk calls, drains, shrinks and a cache that comes and
 * goes. */
static void *mixer_run(void *data)
{
    struct mixer *mixer = data;
    struct quarry *q = mixer->q;
    u64 *live[64] = {NULL};
    struct kmem_cache *of[64] = {NULL};

    for (int step = 0; step < 30000; step++) {
        u64 r = qr_random(&mixer->seed);
        unsigned int place = r % 64;
        if (live[place]) {
            mixer->broken += live[place][0] != (u64)(uintptr_t)&live[place];
            give(q, of[place], live[place]);
            live[place] = NULL;
        } else {
            of[place] = mixer->cache[(r >> 8) % 4];
            live[place] = take(of[place]);
            if (live[place])
                live[place][0] = (u64)(uintptr_t)&live[place];
        }
        if (step % 1000 == 0)
            qr_slabs_drain_all(&q->slabs);
        if (step % 777 == 0)
            qr_cache_shrink(mixer->cache[(r >> 16) % 4]);
        if (step % 500 == 0) {
            struct kmem_cache *own;
            char name[32];
            void *object[20];
            snprintf(name, sizeof(name), "own-%p-%d", (void *)mixer, step);
            own = make_cache(q, name, 40 + step % 300, 0);
            if (qr_cache_alloc_bulk(own, GFP_KERNEL, 20, object))
                qr_cache_free_bulk(&q->slabs, own, 20, object);
            qr_cache_destroy(&q->slabs, own, false);
        }
    }
    for (int i = 0; i < 64; i++)
        if (live[i])
            give(q, of[i], live[i]);
    return NULL;
}

static void mix(const char *options)
{
    struct quarry *q = boot_with(8192, options);
    struct mixer mixer[6];
    pthread_t thread[6];
    struct kmem_cache *cache[4];
    char name[16];

    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "mix-%d", i);
        cache[i] = make_cache(q, name, (size_t[]){16, 100, 700, 5000}[i], 0);
    }
    for (int i = 0; i < 6; i++) {
        mixer[i] = (struct mixer){q, {cache[0], cache[1], cache[2], cache[3]}, (u64)i + 1, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, mixer_run, &mixer[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(mixer[i].broken, 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(cache_active(cache[i]), 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache[i], false), 0);
    }
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

static void many_threads_keep_every_object_apart(void **state)
{
    mix(NULL);
}

static void many_threads_keep_every_debugged_object_apart(void **state)
{
    mix("slab_debug=FZP");
}

static struct quarry *irq_machine;
static struct kmem_cache *irq_cache;
static void *irq_object[200];

static void irq_frees(void *data)
{
    for (int i = 0; i < 200; i++)
        give(irq_machine, irq_cache, irq_object[i]);
}

static void g_c4_objects_are_freed_in_any_context(void **state)
{
    struct quarry *q = irq_machine = test_boot(1024);

    irq_cache = make_cache(q, "irq", 1000, 0);
    for (int i = 0; i < 200; i++)
        irq_object[i] = take(irq_cache);
    quarry_raise_irq(irq_frees, NULL); /* with stacks that overflow and slabs that go back */
    assert_int_equal(cache_active(irq_cache), 0);
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

static void g_c1_a_request_that_may_sleep_is_checked_on_every_slow_way(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "context", 64, 0);
    void *object;

    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    object = take(cache);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_non_null(object);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    give(q, cache, object);
    test_end(q);
}

static void faults_armed_later_are_seen_by_open_slots(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "armed", 64, 0);
    struct kmem_cache *other = make_cache(q, "spared", 64, 0);
    struct quarry_fault fault = {.every = 1, .cache = "armed"};
    void *object = take(cache);

    give(q, cache, object);
    assert_int_equal(own_slot(q, cache)->hooks, plain_hooks());
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    assert_int_equal(own_slot(q, cache)->hooks, plain_hooks() | QR_HOOK_FAULT);
    assert_null(qr_cache_alloc_fast(&q->cpus, cache));
    assert_null(take(cache));
    object = take(other);
    assert_non_null(object);
    give(q, other, object);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL), 0);
    assert_int_equal(own_slot(q, cache)->hooks, plain_hooks());
    assert_non_null(take(cache));
    test_end(q);
}

/* Whatever is done to an object on its way out is done to each of many. */
static void objects_taken_together_are_cleared_like_single_ones(void **state)
{
    static const char *const options[] = {"init_on_alloc=1", NULL};

    for (unsigned int i = 0; i < 2; i++) {
        struct quarry *q = boot_with(1024, options[i]);
        struct kmem_cache *cache = make_cache(q, "many", 64, 0);
        gfp_t gfp = options[i] ? GFP_KERNEL : GFP_KERNEL | __GFP_ZERO;
        void *object[20];
        for (unsigned int k = 0; k < 20; k++)
            memset(object[k] = take(cache), 0xff, 64);
        for (unsigned int k = 0; k < 20; k++)
            give(q, cache, object[k]);
        assert_int_equal(qr_cache_alloc_bulk(cache, gfp, 20, object), 20);
        for (unsigned int k = 0; k < 20; k++) {
            for (unsigned int byte = 0; byte < 64; byte++)
                assert_int_equal(((char *)object[k])[byte], 0);
            give(q, cache, object[k]);
        }
        test_end(q);
    }
}

/* The fast way knows the largest piece of low memory, from its first page to its last. */
static void the_window_is_the_largest_low_run(void **state)
{
    static const struct quarry_region regions[] = {{.start = 0, .size = 2u << 20},
                                                   {.start = 4u << 20, .size = 8u << 20},
                                                   {.start = 16u << 20, .size = 4u << 20}};
    struct test_spec spec = {.regions = regions, .nr_regions = 3};
    struct quarry *q = test_boot_with(&spec);
    const struct qr_window *window = &q->slabs.window;

    assert_int_equal(qr_pfn(&q->map, window->first), 1024);
    assert_int_equal(window->pages, 2048);
    assert_ptr_equal((void *)window->start, qr_page_virt(&q->map, qr_page(&q->map, 1024)));
    assert_int_equal(qr_slot_id_of(window, (char *)window->start - 1), QR_NO_SLOT);
    assert_int_equal(qr_slot_id_of(window, (char *)window->start + (8u << 20)), QR_NO_SLOT);
    test_end(q);
}

/* From 16 MiB on slabs may have eight pages; stacks keep a 64th of memory at most. */
static void limits_follow_the_memory_to_the_page(void **state)
{
    bool met = false;

    for (unsigned long pages = 4096; pages < 4300 && !met; pages++) {
        struct quarry *q = test_boot(pages);
        assert_int_equal(q->slabs.max_order, q->zones.totalram < 4096 ? 1 : 3);
        assert_int_equal(q->slabs.stacked_limit, q->zones.totalram * PAGE_SIZE / 64);
        met = q->zones.totalram == 4096;
        test_end(q);
    }
    assert_true(met);
}

/* The last stack may take what is left to the byte. */
static void the_budget_of_stacks_can_be_used_up_exactly(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *one = make_cache(q, "one", 64, 0), *two = make_cache(q, "two", 64, 0);
    u64 before = q->slabs.stacked_bytes, bytes;
    void *object;

    give(q, one, take(one));
    bytes = q->slabs.stacked_bytes - before;
    assert_true(bytes > 0);
    q->slabs.stacked_limit = q->slabs.stacked_bytes + bytes;
    object = take(two);
    assert_int_equal(q->slabs.stacked_bytes, q->slabs.stacked_limit);
    give(q, two, object);
    test_end(q);
}

static void nothing_is_drained_from_no_cpu(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_cpu *none = q->cpus.none, before = *none;

    qr_slabs_drain_cpu(&q->slabs, none);
    assert_memory_equal(none, &before, sizeof(before));
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_freed_last_comes_out_first),
        cmocka_unit_test(the_fast_way_pops_and_pushes_what_the_slow_way_prepared),
        cmocka_unit_test(a_refill_takes_a_stackful_in_one_go),
        cmocka_unit_test(going_up_and_down_around_a_full_stack_stays_on_this_cpu),
        cmocka_unit_test(a_stack_begins_and_ends_with_as_many_objects_as_its_bytes_allow),
        cmocka_unit_test(stacks_deepen_while_a_cpu_keeps_asking_up_to_a_limit),
        cmocka_unit_test(the_stacks_together_never_hold_more_than_their_budget),
        cmocka_unit_test(one_caches_full_depot_does_not_starve_the_others),
        cmocka_unit_test(without_any_budget_the_slabs_are_used_directly),
        cmocka_unit_test(caches_beyond_the_first_chunk_have_stacks_too),
        cmocka_unit_test(what_a_thread_leaves_behind_is_in_the_slabs_again),
        cmocka_unit_test(a_running_cpu_that_was_asked_drains_at_its_next_allocation),
        cmocka_unit_test(a_running_cpu_that_was_asked_drains_at_its_next_free),
        cmocka_unit_test(a_sleeping_cpu_is_drained_by_others),
        cmocka_unit_test(a_sleeping_cpus_stacks_of_one_cache_are_flushed_by_others),
        cmocka_unit_test(an_unknown_cpu_has_nothing_to_drain),
        cmocka_unit_test(a_cache_without_a_slot_has_no_stacks_to_flush),
        cmocka_unit_test(depots_are_trimmed_when_the_budget_is_wanted),
        cmocka_unit_test(a_bulk_of_more_than_an_int_counts_is_refused),
        cmocka_unit_test(objects_go_from_one_cpu_to_another_through_the_depot),
        cmocka_unit_test(many_threads_keep_every_object_apart),
        cmocka_unit_test(many_threads_keep_every_debugged_object_apart),
        cmocka_unit_test(g_c4_objects_are_freed_in_any_context),
        cmocka_unit_test(g_c1_a_request_that_may_sleep_is_checked_on_every_slow_way),
        cmocka_unit_test(faults_armed_later_are_seen_by_open_slots),
        cmocka_unit_test(objects_taken_together_are_cleared_like_single_ones),
        cmocka_unit_test(the_window_is_the_largest_low_run),
        cmocka_unit_test(limits_follow_the_memory_to_the_page),
        cmocka_unit_test(the_budget_of_stacks_can_be_used_up_exactly),
        cmocka_unit_test(nothing_is_drained_from_no_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
